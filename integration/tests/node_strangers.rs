//! `flitch node` and whoever else finds its port: what they may do, and what its log says of them.
#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::TcpStream;

use integration::Cluster;

/// A whole handshake message.
fn frame(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u16).to_be_bytes()[..], body].concat()
}

/// Connects and states a name, as `send_name` of version 6 does it.
fn state_a_name(port: u16, name: &str) -> TcpStream {
    let mut body = b"N\0\0\0\x0d\x07\xdf\x7f\xbc\0\0\0\x09".to_vec();
    body.extend((name.len() as u16).to_be_bytes());
    body.extend(name.as_bytes());
    say(port, &frame(&body))
}

fn say(port: u16, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(bytes).unwrap();
    stream
}

/// Reads until the node closes.
fn closed(mut stream: TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    // A reset is an end too.
    let _ = stream.read_to_end(&mut rest);
    rest
}

#[test]
fn names_with_control_bytes_are_refused_and_escaped_before_a_terminal_or_a_log_sees_them() {
    let cluster = Cluster::new();
    let (text, json) = (cluster.flitch("text").text_log(), cluster.flitch("json"));
    for (worker, base) in [(text, "text"), (json, "json")] {
        let worker = worker.env("RUST_LOG", "debug").start();
        let port = cluster.epmd.port_of(&cluster.alive(base)).unwrap();
        for name in ["a\x1b[2J@127.0.0.1", "a@h\r\nINFO node is up", "\x07@h", "a\0@h.x"] {
            assert_eq!(closed(state_a_name(port, name)), b"");
            worker.await_line("impossible name");
        }
        closed(say(port, &frame(b"\x1b[31mGET / HTTP/1.1")));
        worker.await_line("a message with tag");
        let log = worker.log();
        let odd = |byte: &u8| byte.is_ascii_control() && *byte != b'\n';
        assert!(!log.bytes().any(|byte| odd(&byte)), "{log:?}");
        assert!(!log.contains("\nINFO node is up"), "{log:?}");
    }
}

#[test]
fn who_guesses_at_the_cookie_is_one_line_in_the_log_and_beams_at_its_address_get_in() {
    let cluster = Cluster::new();
    let worker = cluster.flitch("worker").start();
    let guess = |number: u32| {
        let mut stream = state_a_name(worker.port(), &format!("x{number}@127.0.0.1"));
        // "sok" and the challenge with our name in it.
        let mut answer = vec![0; 5 + 2 + 19 + worker.name().len()];
        stream.read_exact(&mut answer).unwrap();
        stream.write_all(&frame(&[b"r\0\0\0\x07".as_slice(), &[9; 16]].concat())).unwrap();
        assert_eq!(closed(stream), b"");
    };
    (0..30).for_each(guess);
    let a = cluster.elixir("a").start();
    a.expect(&format!("Node.ping({})", worker.atom()), ":pong");
    let lines = worker.events("wrong cookie");
    assert_eq!(lines.len(), 1, "{lines:?}");
    let (address, error) = (lines[0]["address"].as_str(), lines[0]["error"].as_str());
    assert!(address.is_some_and(|address| address.starts_with("127.0.0.1:")), "{lines:?}");
    assert!(error.is_some_and(|error| error.contains("x0@127.0.0.1")), "{lines:?}");
}

#[test]
fn what_is_no_erlang_node_is_told_of_as_such() {
    let cluster = Cluster::new();
    let worker = cluster.flitch("worker").start();
    drop(closed(say(worker.port(), b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")));
    let line = worker.await_line("a connection was not let in");
    assert!(line.contains("longer") || line.contains("frame"), "{line}");
}
