//! The stock daemon: our server answers as it does, byte for byte, and our client speaks to it.
//!
//! Needs `epmd` of the Debian package erlang-base.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "this is a test, helpers included"
)]

mod support;

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use flitch_epmd::backoff::Backoff;
use flitch_epmd::client::{Change, Lost, dump, kill, lookup, names, register, stop};
use flitch_epmd::message::{DumpEntry, KillResponse, StopResponse};
use flitch_epmd::server::Stopped;
use flitch_epmd::session::Rules;
use flitch_epmd::{ClientError, Config, Endpoint, Registrar};
use flitch_name::AliveName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use support::programs::StockEpmd;
use support::{Daemon, LONG, config, exchange, within};

fn alive(text: &str) -> AliveName {
    text.parse().unwrap()
}

fn frame(body: &[u8]) -> Vec<u8> {
    [&u16::try_from(body.len()).unwrap().to_be_bytes(), body].concat()
}

fn alive2(name: &[u8], high: u16, extra: &[u8]) -> Vec<u8> {
    let len = |bytes: &[u8]| u16::try_from(bytes.len()).unwrap().to_be_bytes();
    let head = [120, 0x12, 0x34, b'M', 0];
    let versions = [high.to_be_bytes(), [0, 5]].concat();
    frame(&[&head, versions.as_slice(), &len(name), name, &len(extra), extra].concat())
}

fn port_please2(name: &[u8]) -> Vec<u8> {
    frame(&[b"z", name].concat())
}

/// A pair of daemons with the same nodes registered, which are held.
struct Pair {
    stock: StockEpmd,
    ours: Daemon,
    _nodes: Vec<TcpStream>,
}

impl Pair {
    async fn start() -> Self {
        let stock = StockEpmd::start(&["-relaxed_command_check"]);
        let ours = Daemon::with(Config { rules: Rules::default().relaxed(), ..config() });
        let mut nodes = Vec::new();
        for epmd in [stock.address, ours.address()] {
            for request in [
                alive2(b"first", 6, b""),
                alive2("работник".as_bytes(), 6, b"extra"),
                alive2(b"old", 5, b"\0\xff"),
                alive2(&[b'l'; 254], 6, &[7; 1020]),
            ] {
                let mut node = TcpStream::connect(epmd).await.unwrap();
                node.write_all(&request).await.unwrap();
                let mut head = [0; 4];
                within(node.read_exact(&mut head)).await.unwrap();
                assert_eq!(head[1], 0, "{epmd} refused {request:?}");
                nodes.push(node);
            }
        }
        Self { stock, ours, _nodes: nodes }
    }

    async fn ask(&self, request: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let stock = exchange(self.stock.address, request).await;
        let ours = exchange(self.ours.address(), request).await;
        (comparable(stock, self.stock.address), comparable(ours, self.ours.address()))
    }
}

/// Creations differ by the clock, and so do the daemons' own ports.
fn comparable(mut answer: Vec<u8>, epmd: SocketAddr) -> Vec<u8> {
    let port = u32::from(epmd.port()).to_be_bytes();
    match answer.as_mut_slice() {
        [118 | 121, 0, creation @ ..] => creation.fill(0),
        [a, b, c, d, ..] if [*a, *b, *c, *d] == port => [*a, *b, *c, *d] = [0; 4],
        _ => {}
    }
    answer
}

#[tokio::test]
async fn our_server_answers_as_the_stock_one_does() {
    let pair = Pair::start().await;
    let four_byte_chars = "\u{1F980}".repeat(254);
    let mut requests = vec![
        // Questions.
        port_please2(b"first"),
        port_please2(b"first\0"),
        port_please2("работник".as_bytes()),
        port_please2(b"old"),
        port_please2(&[b'l'; 254]),
        port_please2(b"nobody"),
        port_please2(b"FIRST"),
        port_please2(b"firs"),
        port_please2(four_byte_chars.as_bytes()),
        frame(b"n"),
        // Bad questions.
        port_please2(b""),
        port_please2(b"\0"),
        port_please2(b"fi\0rst"),
        port_please2(b"first\0\0"),
        port_please2(b"fi\xffrst"),
        port_please2(&[b'a'; 256]),
        port_please2(&[b'a'; 3000]),
        // Registrations.
        alive2(b"new", 6, b""),
        alive2(b"new", 5, b""),
        alive2(b"new", 0, b""),
        alive2(b"new", 0xffff, b""),
        alive2(b"new", 6, &[1; 1020]),
        alive2(&[b'a'; 255], 6, b""),
        alive2(four_byte_chars.as_bytes(), 6, b""),
        alive2("ä b.c:d".as_bytes(), 6, b""),
        // Refused registrations.
        alive2(b"first", 6, b""),
        alive2(b"first", 5, b""),
        alive2(&[b'a'; 256], 6, b""),
        alive2(&[b'a'; 1021], 6, b""),
        alive2(b"a\xffb", 6, b""),
        alive2(b"a\xffb", 5, b""),
        alive2(b"\xc0\x80", 6, b""),
        alive2(b"\xed\xa0\x80", 6, b""),
        alive2(b"new", 6, &[1; 1021]),
        alive2(b"a\0b", 6, b""),
        alive2(b"", 6, b""),
        // No requests.
        vec![],
        vec![0],
        vec![0, 0],
        vec![0, 1],
        vec![0xff, 0xff],
        vec![0x0b, 0xf1],
        vec![0x0b, 0xf2, b'n'],
        frame(b"q"),
        frame(b"a"),
        frame(b"p"),
        frame(b"x"),
        frame(b"\0"),
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        [frame(b"n"), frame(b"n")].concat(),
        [frame(b"zfirst"), vec![0]].concat(),
        // Commands.
        frame(b"s"),
        frame(b"d"),
    ];
    let registration = alive2(b"cut", 6, b"xyz");
    for len in 0..registration.len() {
        let cut = registration.get(..len).unwrap();
        requests.push(cut.to_vec());
        requests.push(frame(cut.get(2..).unwrap_or_default()));
    }
    let mut differences = Vec::new();
    for request in requests {
        let (stock, ours) = pair.ask(&request).await;
        let same = match request.as_slice() {
            [0, 1, b'd'] => dumped(&stock) == dumped(&ours),
            _ => stock == ours,
        };
        if !same {
            differences.push(format!(
                "to {:?}\n  stock {:?}\n  ours  {:?}",
                String::from_utf8_lossy(&request),
                String::from_utf8_lossy(&stock),
                String::from_utf8_lossy(&ours)
            ));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// A dump without what differs: the names that are active, with their ports.
fn dumped(answer: &[u8]) -> Vec<(String, u16)> {
    let (port, lines) = answer.split_at(4);
    assert_eq!(port, [0; 4]);
    let lines = lines.split(|byte| *byte == 0).filter(|line| !line.is_empty());
    lines
        .filter(|line| line.starts_with(b"active"))
        .map(|line| DumpEntry::decode(line).unwrap())
        .map(|entry| (entry.name.to_string(), entry.port))
        .collect()
}

#[tokio::test]
async fn where_our_server_differs_from_the_stock_one_it_is_on_purpose() {
    let pair = Pair::start().await;
    let wide = |result: u8, creation: u8| vec![118, result, 0, 0, 0, creation];
    let with_extra_byte = {
        let mut request = alive2(b"new", 6, b"");
        request.push(0);
        *request.get_mut(1).unwrap() += 1;
        request
    };
    let nothing = Vec::new;
    let cases = [
        // An `@` in an alive name makes a node that nobody can name; a line break forges NAMES.
        (alive2(b"a@b", 6, b""), wide(0, 0), wide(1, 99)),
        (alive2(b"a\nb", 6, b""), wide(0, 0), wide(1, 99)),
        // An empty name is refused by the stock daemon as well, unless extra bytes follow.
        (alive2(b"", 6, b"x"), wide(0, 0), nothing()),
        // Bytes that belong to nothing.
        (with_extra_byte, wide(0, 0), nothing()),
        // The stock daemon counts the tag when it looks a name up, so 255 characters cannot be.
        (port_please2(&[b'a'; 255]), nothing(), vec![119, 1]),
        // Documented is the first text alone.
        (frame(b"snobody"), b"NOEXISTSTOPPED".to_vec(), b"NOEXIST".to_vec()),
    ];
    for (request, stock, ours) in cases {
        let answers = pair.ask(&request).await;
        assert_eq!(answers, (stock, ours), "to {:?}", String::from_utf8_lossy(&request));
    }
    let (stock, ours) = pair.ask(&frame(b"nn")).await;
    assert!(stock.len() > 4 && ours.is_empty());
}

#[tokio::test]
async fn stop_and_kill_end_the_same_way() {
    let pair = Pair::start().await;
    for epmd in [pair.stock.address, pair.ours.address()] {
        let answer = stop(epmd, &alive("first"), LONG).await.unwrap();
        assert_eq!(answer, StopResponse::Stopped);
        let gone = lookup(epmd, &alive("first"), LONG).await.unwrap_err();
        assert!(matches!(gone, ClientError::NotRegistered { .. }), "{gone}");
        assert_eq!(kill(epmd, LONG).await.unwrap(), KillResponse::Ok);
    }
    let Pair { stock, ours, .. } = pair;
    assert_eq!(ours.ended().await, Stopped::Killed);
    stock.wait();
}

#[tokio::test]
async fn our_client_speaks_to_the_stock_daemon() {
    let stock = StockEpmd::start(&[]);
    let worker =
        register(stock.address, &alive("worker"), &Endpoint::hidden(43210), LONG).await.unwrap();
    assert!(worker.creation().value() >= 4);
    let found = lookup(stock.address, &alive("worker"), LONG).await.unwrap();
    assert_eq!(found, Endpoint::hidden(43210));
    let list = names(stock.address, LONG).await.unwrap();
    assert_eq!(list.epmd_port, u32::from(stock.address.port()));
    assert_eq!(list.names.first().unwrap().name.as_str(), "worker");

    let error =
        register(stock.address, &alive("worker"), &Endpoint::hidden(1), LONG).await.unwrap_err();
    assert!(error.is_name_taken() && error.to_string().contains("43210"), "{error}");
    assert_eq!(kill(stock.address, LONG).await.unwrap(), KillResponse::No);
    let refused = stop(stock.address, &alive("worker"), LONG).await.unwrap_err();
    assert!(matches!(refused, ClientError::Closed { .. }), "{refused}");

    let creation = worker.creation();
    worker.leave(LONG).await;
    let again =
        register(stock.address, &alive("worker"), &Endpoint::hidden(43210), LONG).await.unwrap();
    assert_ne!(again.creation(), creation);
    again.leave(LONG).await;
    let text = dump(stock.address, LONG).await.unwrap();
    assert!(String::from_utf8_lossy(&text).contains("old/unused name <worker>"));
}

#[tokio::test]
async fn the_registration_is_back_after_the_stock_daemon_was_killed_and_started_again() {
    let stock = StockEpmd::start(&[]);
    let address = stock.address;
    let backoff = Backoff::new(Duration::from_millis(10), Duration::from_millis(100), || 0);
    let registrar =
        Registrar::new(address, alive("worker"), Endpoint::hidden(43210), LONG, backoff);
    let first = registrar.register().await.unwrap();
    let (report, mut changes) = tokio::sync::mpsc::unbounded_channel();
    let kept = tokio::spawn(registrar.keep(
        Some(first),
        move |change| {
            let _ = report.send(change);
        },
        std::future::pending(),
    ));
    drop(stock);
    let lost = within(changes.recv()).await.unwrap();
    assert!(matches!(lost, Change::Lost(Lost::Closed | Lost::Broken(_))), "{lost}");
    let _stock = tokio::task::spawn_blocking(move || {
        loop {
            if let Some(stock) = StockEpmd::start_at(address, &[]) {
                return stock;
            }
        }
    })
    .await
    .unwrap();
    while !matches!(within(changes.recv()).await.unwrap(), Change::Registered { .. }) {}
    assert_eq!(lookup(address, &alive("worker"), LONG).await.unwrap().port, 43210);
    kept.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stock_command_line_lists_dumps_stops_and_kills_on_our_server() {
    let ours = Daemon::with(Config { rules: Rules::default().relaxed(), ..config() });
    let port = ours.address().port().to_string();
    let epmd = |arguments: &[&str]| {
        let mut command = Command::new("epmd");
        command.args(["-port", &port]).args(arguments);
        let out = command.output().expect(
            "epmd is not installed: install the Debian package erlang-base \
             (apt-get install erlang-base)",
        );
        String::from_utf8(out.stdout).unwrap()
    };
    let _worker =
        register(ours.address(), &alive("worker"), &Endpoint::hidden(43210), LONG).await.unwrap();
    let expected =
        format!("epmd: up and running on port {port} with data:\nname worker at port 43210\n");
    assert_eq!(epmd(&["-names"]), expected);
    assert_eq!(epmd(&["-stop", "nobody"]), "NOEXIST\n");
    assert_eq!(epmd(&["-stop", "worker"]), "STOPPED\n");
    assert_eq!(epmd(&["-kill"]), "Killed\n");
    assert_eq!(ours.ended().await, Stopped::Killed);
}
