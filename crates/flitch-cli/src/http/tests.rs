//! Probes over real sockets, and those who are up to no good.

use std::net::Ipv4Addr;
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// Runs until the test ends.
async fn serve() -> SocketAddr {
    let any = (Ipv4Addr::LOCALHOST, 0).into();
    let server = Server::bind(any, Health::starting()).await.unwrap();
    let address = server.address();
    tokio::spawn(server.run());
    address
}

/// What comes until the server closes, of whatever is sent.
async fn exchange(address: SocketAddr, sent: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // A server that has had enough closes before all is sent.
    let _ = stream.write_all(sent).await;
    let mut came = Vec::new();
    let _ = stream.read_to_end(&mut came).await;
    String::from_utf8(came).unwrap()
}

fn request(line: &str) -> Vec<u8> {
    format!("{line} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").into_bytes()
}

/// One answer on a connection that stays open.
async fn ask(stream: &mut TcpStream, line: &str) -> String {
    stream.write_all(format!("{line} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).await.unwrap();
    let mut came = vec![0; 1024];
    let mut len = 0;
    while !came[..len].ends_with(b"alive\n") {
        let read = stream.read(&mut came[len..]).await.unwrap();
        assert_ne!(read, 0, "closed after {:?}", String::from_utf8_lossy(&came[..len]));
        len += read;
    }
    String::from_utf8(came[..len].to_vec()).unwrap()
}

#[tokio::test]
async fn a_probe_is_answered_in_a_line_of_words() {
    let address = serve().await;
    let live = exchange(address, &request("GET /livez")).await;
    assert!(live.starts_with("HTTP/1.1 200 OK\r\n") && live.ends_with("\r\n\r\nalive\n"), "{live}");
    let ready = exchange(address, &request("GET /readyz")).await;
    assert!(ready.starts_with("HTTP/1.1 503 "), "{ready}");
    assert!(ready.ends_with("\r\n\r\nstarting\n"), "{ready}");
}

#[tokio::test]
async fn head_is_answered_with_the_length_and_without_the_body() {
    let head = exchange(serve().await, &request("HEAD /livez")).await;
    assert!(head.starts_with("HTTP/1.1 200 ") && head.ends_with("\r\n\r\n"), "{head}");
    assert!(head.to_lowercase().contains("content-length: 6\r\n"), "{head}");
}

#[tokio::test]
async fn a_body_that_nobody_asked_for_does_no_harm() {
    let address = serve().await;
    let post =
        b"POST /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc";
    let refused = exchange(address, post).await;
    assert!(refused.starts_with("HTTP/1.1 405 "), "{refused}");
    assert!(refused.to_lowercase().contains("allow: get, head\r\n"), "{refused}");
    let get =
        b"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc";
    assert!(exchange(address, get).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn garbage_is_refused_and_the_next_probe_is_answered() {
    let address = serve().await;
    for garbage in [
        b"\x00\x01\x02\x03\r\n\r\n".as_slice(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET /livez HTTP/9.9\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET  \r\n\r\n",
    ] {
        let said = exchange(address, garbage).await;
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 400 "), "{said}");
    }
    assert!(exchange(address, &request("GET /livez")).await.contains(" 200 "));
}

#[tokio::test]
async fn a_head_without_end_is_refused() {
    let address = serve().await;
    let long = format!("GET /livez HTTP/1.1\r\nX: {}\r\n\r\n", "a".repeat(4 * HEAD));
    let said = exchange(address, long.as_bytes()).await;
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 431 "), "{said}");
    let many = format!("GET /livez HTTP/1.1\r\n{}\r\n", "X: a\r\n".repeat(1000));
    let said = exchange(address, many.as_bytes()).await;
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 431 "), "{said}");
    assert!(exchange(address, &request("GET /livez")).await.contains(" 200 "));
}

#[tokio::test]
async fn a_thousand_probes_on_one_connection_and_on_as_many() {
    let address = serve().await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    for _ in 0..1000 {
        assert!(ask(&mut stream, "GET /livez").await.contains(" 200 "));
    }
    for _ in 0..1000 {
        assert!(exchange(address, &request("GET /livez")).await.contains(" 200 "));
    }
}

#[tokio::test]
async fn who_dawdles_is_closed_and_keeps_nobody_from_being_heard() {
    let address = serve().await;
    let begun = Instant::now();
    let mut slow = Vec::new();
    for _ in 0..2 * CONNECTIONS {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /livez HTTP/1.1\r\nHo").await.unwrap();
        slow.push(stream);
    }
    let live = exchange(address, &request("GET /livez")).await;
    assert!(live.contains(" 200 ") && begun.elapsed() < PATIENCE, "{live}");
    let mut idle = TcpStream::connect(address).await.unwrap();
    ask(&mut idle, "GET /livez").await;
    let asked = Instant::now();
    let mut rest = Vec::new();
    // The oldest went for the sake of the newer, this one goes by the clock, and so does the idle.
    let mut last = slow.pop().unwrap();
    let _ = last.read_to_end(&mut rest).await;
    let _ = idle.read_to_end(&mut rest).await;
    let waited = asked.elapsed();
    assert!(waited < PATIENCE + Duration::from_secs(3), "{waited:?}");
}

#[tokio::test]
async fn a_port_that_is_taken_is_told_at_the_start_with_its_address() {
    let address = serve().await;
    let failure = Server::bind(address, Health::starting()).await.unwrap_err();
    assert_eq!(failure.stage, Stage::Listen);
    assert!(failure.message.contains(&address.to_string()), "{failure}");
}
