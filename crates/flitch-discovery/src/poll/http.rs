//! One GET over plain HTTP: an answer in time, of a size that fits, or a reason.

use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, HOST};
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long all of it may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The longest page, in bytes.
const MAX_PAGE: usize = 1 << 20;

/// Gets a page of JSON.
///
/// # Errors
/// A sentence that says what happened.
pub(super) async fn get(url: &str) -> Result<Bytes, String> {
    let page = timeout(PATIENCE, page(url)).await;
    page.unwrap_or_else(|_| Err(format!("{url} does not answer within {PATIENCE:?}")))
}

async fn page(url: &str) -> Result<Bytes, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{url} does not answer: {error}");
    let uri: Uri = url.parse().map_err(|error| format!("{url:?} is no URL: {error}"))?;
    let host = uri.host().ok_or_else(|| format!("{url:?} has no host"))?;
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let stream = TcpStream::connect((bare, uri.port_u16().unwrap_or(80))).await;
    let stream = stream.map_err(|error| failed(&error))?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| failed(&error))?;
    let authority = uri.authority().map_or(host, |authority| authority.as_str());
    let request = Request::get(uri.path_and_query().map_or("/", |path| path.as_str()))
        .header(HOST, authority)
        .header(ACCEPT, "application/json")
        .body(Empty::<Bytes>::new())
        .map_err(|error| failed(&error))?;
    let exchange = async {
        let response = sender.send_request(request).await.map_err(|error| failed(&error))?;
        let status = response.status();
        if status != StatusCode::OK {
            return Err(format!("{url} answers {status}"));
        }
        let body = Limited::new(response.into_body(), MAX_PAGE).collect().await;
        Ok(body.map_err(|error| failed(&error))?.to_bytes())
    };
    tokio::pin!(exchange, connection);
    tokio::select! {
        page = &mut exchange => page,
        // The connection ends first where the page lasts to its end; then all of it is here.
        ended = &mut connection => match ended {
            Ok(()) => exchange.await,
            Err(error) => Err(failed(&error)),
        },
    }
}
