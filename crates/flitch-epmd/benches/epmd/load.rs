//! What clients do: register and stay, look up.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use flitch_epmd::message::{Alive2Request, PortPlease2Request, frame};
use flitch_epmd::{Endpoint, WireName};

fn name(n: usize) -> WireName {
    format!("shop_worker_{n}").parse().unwrap()
}

/// Registers so many nodes, one after the other.
pub(crate) fn join_all(port: u16, nodes: usize) -> Vec<TcpStream> {
    (0..nodes).map(|n| join(port, n)).collect()
}

fn join(port: u16, n: usize) -> TcpStream {
    let request = Alive2Request { name: name(n), endpoint: Endpoint::normal(43_210) };
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(&frame(&request.encode())).unwrap();
    let mut answer = [0; 6];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(answer[1], 0, "refused");
    stream
}

/// So many lookups of `known` nodes by so many clients at once, and how long they took.
pub(crate) fn lookups(port: u16, known: usize, asked: usize, clients: usize) -> Duration {
    let requests: Vec<Vec<u8>> =
        (0..known).map(|n| frame(&PortPlease2Request { name: name(n) }.encode())).collect();
    let since = Instant::now();
    std::thread::scope(|scope| {
        for client in 0..clients {
            let requests = &requests;
            scope.spawn(move || {
                for n in 0..asked / clients {
                    look_up(port, &requests[(n * 7 + client * 13) % requests.len()]);
                }
            });
        }
    });
    since.elapsed()
}

fn look_up(port: u16, request: &[u8]) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(request).unwrap();
    let mut answer = [0; 512];
    let mut len = 0;
    while let read @ 1.. = stream.read(&mut answer[len..]).unwrap() {
        len += read;
    }
    assert!(len > 12 && answer[..2] == [119, 0], "{:?}", &answer[..len]);
}
