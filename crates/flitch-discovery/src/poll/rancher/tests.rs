//! `Rancher` against metadata services of every kind.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// What is seen where this is answered, and what was asked.
async fn ask(answer: &[u8]) -> (Observation, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let rancher = Rancher::new().node_basename("app").base_url(url);
    let mut metadata = Metadata { url: rancher.url(), naming: rancher.naming().unwrap() };
    let local = Local { node: "me@10.0.0.1".parse().unwrap(), epmd_port: 4369, announce: true };
    let answer = answer.to_vec();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(stream.read_u8().await.unwrap());
        }
        // Who has heard enough goes.
        let _ = stream.write_all(&answer).await;
        String::from_utf8(request).unwrap()
    });
    let seen = metadata.ask(&local).await;
    (seen, server.await.unwrap())
}

fn page(status: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

async fn problem(answer: &[u8]) -> DiscoveryError {
    let (mut seen, _) = ask(answer).await;
    assert!(seen.peers.is_empty());
    seen.problems.pop().expect("a problem")
}

#[tokio::test]
async fn containers_are_peers() {
    let body = r#"{"containers": [{"ips": ["10.42.0.1"]}, {"ips": ["10.42.0.2", "1.2.3.4"]}]}"#;
    let (seen, request) = ask(&page("200 OK", body)).await;
    assert_eq!(seen.peers.len(), 2);
    assert!(seen.is_complete());
    assert!(request.starts_with("GET /latest/self/service HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("accept: application/json\r\n"), "{request}");
    assert!(request.contains("host: 127.0.0.1:"), "{request}");
}

#[tokio::test]
async fn a_page_that_lasts_to_the_end_of_the_connection_is_read() {
    let answer = b"HTTP/1.0 200 OK\r\n\r\n{\"containers\": [{\"ips\": [\"10.42.0.1\"]}]}";
    let (seen, _) = ask(answer).await;
    assert!(seen.is_complete(), "{seen:?}");
    assert_eq!(seen.peers.len(), 1);
}

#[tokio::test]
async fn errors_and_garbage_lose_nobody() {
    let said = problem(&page("500 Internal Server Error", "{\"containers\": []}")).await;
    assert!(said.message.contains("500"), "{said}");
    assert_eq!(problem(&page("200 OK", "oops")).await.problem, Problem::Garbage);
    assert_eq!(problem(b"garbage\r\n\r\n").await.problem, Problem::Api);
    assert_eq!(problem(b"").await.problem, Problem::Api);
    let cut = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"containers\": []}";
    assert_eq!(problem(cut).await.problem, Problem::Api, "a page cut off is not a short one");
}

#[tokio::test]
async fn a_page_without_end_is_not_taken_into_memory() {
    let said = problem(&page("200 OK", &" ".repeat(3 << 20))).await;
    assert!(said.message.contains("limit"), "{said}");
}

#[tokio::test]
async fn a_service_that_does_not_answer_is_given_up_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/x", listener.local_addr().unwrap());
    let started = Instant::now();
    let said = http::get(&url).await.unwrap_err();
    assert!(said.contains("within"), "{said}");
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn urls_that_are_none_are_told() {
    assert!(http::get("http://[").await.unwrap_err().contains("no URL"));
    assert!(http::get("/latest").await.unwrap_err().contains("no host"));
}
