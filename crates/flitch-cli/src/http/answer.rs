//! What is answered to which request. No socket here.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use super::health::Health;
use super::metrics;

/// The answer to a request. To HEAD it is the same, and the server leaves the body out.
pub(super) fn answer<B>(request: &Request<B>, health: &Health) -> Response<Full<Bytes>> {
    let page = match request.uri().path() {
        "/livez" => livez,
        "/readyz" => readyz,
        "/metrics" => metrics,
        _ => return text(StatusCode::NOT_FOUND, "there are /livez, /readyz and /metrics"),
    };
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        let mut refusal = text(StatusCode::METHOD_NOT_ALLOWED, "GET and HEAD are answered");
        refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refusal;
    }
    page(health)
}

/// Who can answer is alive. That peers are away is no reason to be killed.
fn livez(_: &Health) -> Response<Full<Bytes>> {
    text(StatusCode::OK, "alive")
}

fn readyz(health: &Health) -> Response<Full<Bytes>> {
    let readiness = health.readiness();
    let status = if readiness.is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    text(status, &readiness.words)
}

fn metrics(health: &Health) -> Response<Full<Bytes>> {
    let Some(node) = health.node() else {
        return text(StatusCode::SERVICE_UNAVAILABLE, "starting");
    };
    match metrics::page(&node.metrics(), health.readiness().is_ready) {
        Ok(page) => plain(StatusCode::OK, page, metrics::CONTENT_TYPE),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

fn text(status: StatusCode, words: &str) -> Response<Full<Bytes>> {
    plain(status, format!("{words}\n"), "text/plain; charset=utf-8")
}

fn plain(status: StatusCode, body: String, kind: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(method: &str, path: &str) -> StatusCode {
        let request = Request::builder().method(method).uri(path).body(()).unwrap();
        answer(&request, &Health::starting()).status()
    }

    #[test]
    fn a_starting_node_is_alive_and_not_ready() {
        assert_eq!(status("GET", "/livez"), StatusCode::OK);
        assert_eq!(status("HEAD", "/livez?verbose"), StatusCode::OK);
        assert_eq!(status("GET", "/readyz"), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(status("GET", "/metrics"), StatusCode::SERVICE_UNAVAILABLE);
    }

    #[test]
    fn what_is_no_page_is_not_found_and_what_is_no_question_is_not_allowed() {
        for path in ["/", "/livez/", "/LIVEZ", "/metrics/", "*", "/%2e%2e/livez"] {
            assert_eq!(status("GET", path), StatusCode::NOT_FOUND, "{path}");
        }
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "BREW"] {
            assert_eq!(status(method, "/readyz"), StatusCode::METHOD_NOT_ALLOWED, "{method}");
        }
    }
}
