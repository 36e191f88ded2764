//! Our client and our server against each other, and both against hostile peers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "this is a test, helpers included"
)]

mod support;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use flitch_epmd::client::{Lost, Step, lookup, names, register};
use flitch_epmd::message::NamesResponse;
use flitch_epmd::server::{BindError, Stopped};
use flitch_epmd::session::Rules;
use flitch_epmd::{ClientError, Config, Endpoint, Server, WireName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use support::{Daemon, LONG, alive, config, exchange, fake_daemon, join, until_closed, within};

fn listed(answer: &NamesResponse) -> Vec<(&str, u16)> {
    answer.names.iter().map(|named| (named.name.as_str(), named.port)).collect()
}

#[tokio::test]
async fn a_registered_node_is_found_and_listed_until_it_leaves() {
    let epmd = Daemon::start();
    let worker = join(epmd.address(), "worker", 43210).await;
    assert!(worker.creation().value() >= 4);
    let found = lookup(epmd.address(), &alive("worker"), LONG).await.unwrap();
    assert_eq!(found, Endpoint::hidden(43210));
    let second = join(epmd.address(), "second", 2).await;
    let list = names(epmd.address(), LONG).await.unwrap();
    assert_eq!(list.epmd_port, u32::from(epmd.address().port()));
    assert_eq!(listed(&list), [("second", 2), ("worker", 43210)]);

    worker.leave(LONG).await;
    let gone = lookup(epmd.address(), &alive("worker"), LONG).await.unwrap_err();
    assert!(matches!(gone, ClientError::NotRegistered { .. }), "{gone}");
    second.leave(LONG).await;
    assert_eq!(listed(&names(epmd.address(), LONG).await.unwrap()), []);
    assert_eq!(epmd.stop().await, Stopped::Shutdown);
}

#[tokio::test]
async fn a_full_epmd_is_not_mistaken_for_a_taken_name() {
    let epmd = Daemon::with(Config { max_names: 1, ..config() });
    let _first = join(epmd.address(), "worker", 1).await;
    let error =
        register(epmd.address(), &alive("other"), &Endpoint::hidden(2), LONG).await.unwrap_err();
    assert!(matches!(error, ClientError::Refused { result: 1, .. }), "{error}");
}

#[tokio::test]
async fn a_server_that_stops_takes_its_registrations_and_leaves_nothing() {
    let epmd = Daemon::start();
    let address = epmd.address();
    let mut worker = join(address, "worker", 1).await;
    assert_eq!(epmd.stop().await, Stopped::Shutdown);
    assert_eq!(within(worker.lost()).await, Lost::Closed);
    let error = lookup(address, &alive("worker"), LONG).await.unwrap_err();
    assert!(matches!(error, ClientError::NoDaemon { .. }), "{error}");
}

#[tokio::test]
async fn a_server_that_stops_gives_half_requests_its_grace_and_no_more() {
    let epmd = Daemon::with(Config { grace: Duration::from_millis(100), ..config() });
    let mut half = TcpStream::connect(epmd.address()).await.unwrap();
    half.write_all(&[0]).await.unwrap();
    // The server has accepted this one, and so the one before it.
    names(epmd.address(), LONG).await.unwrap();
    let before = Instant::now();
    epmd.stop().await;
    assert!(before.elapsed() < Duration::from_secs(4), "the deadline of requests was waited for");
    assert_eq!(until_closed(&mut half).await, []);
}

#[tokio::test]
async fn a_server_whose_future_is_dropped_lets_go_of_all_connections() {
    let server = Server::bind(config()).unwrap();
    let address = *server.local_addresses().first().unwrap();
    let serving = tokio::spawn(server.serve(std::future::pending()));
    let mut worker = join(address, "worker", 1).await;
    serving.abort();
    within(worker.lost()).await;
    assert!(serving.await.unwrap_err().is_cancelled());
}

#[tokio::test]
async fn a_wildcard_of_each_family_shares_a_port_because_ipv6_takes_ipv6_only() {
    let listen = ["0.0.0.0:0".parse().unwrap(), "[::]:0".parse().unwrap()];
    let epmd = Daemon::with(Config::on(listen));
    let port = epmd.address().port();
    for host in ["127.0.0.1", "::1"] {
        let address = SocketAddr::new(host.parse().unwrap(), port);
        assert_eq!(names(address, LONG).await.unwrap().epmd_port, u32::from(port));
    }
}

#[tokio::test]
async fn a_second_server_on_the_same_port_is_told_that_one_runs_already() {
    let epmd = Daemon::start();
    let error = Server::bind(Config::on([epmd.address()])).unwrap_err();
    assert!(matches!(error, BindError::InUse { .. }), "{error}");
}

#[tokio::test]
async fn a_good_peer_gets_in_while_a_flood_of_silent_ones_waits() {
    // No deadline comes to help: whoever is closed here was closed to make room.
    let rules = Rules { request_timeout: LONG * 2, ..Rules::default() };
    let limits = Config { max_waiting: 32, max_waiting_per_source: 16, ..config() };
    let epmd = Daemon::with(Config { rules, ..limits });
    let mut flood = Vec::new();
    for _ in 0..200 {
        flood.push(TcpStream::connect(epmd.address()).await.unwrap());
    }
    let before = Instant::now();
    let _worker = join(epmd.address(), "worker", 1).await;
    assert!(lookup(epmd.address(), &alive("worker"), LONG).await.is_ok());
    let took = before.elapsed();
    println!("a good peer registered and looked up in {took:?}");
    assert!(took < Duration::from_secs(2), "{took:?}");
    let oldest = flood.first_mut().unwrap();
    assert_eq!(until_closed(oldest).await, []);
    // The newest of the flood still has its turn.
    let newest = flood.last_mut().unwrap();
    newest.write_all(&[0, 1, b'n']).await.unwrap();
    assert!(until_closed(newest).await.len() > 4);
}

#[tokio::test]
async fn registrations_outlive_any_flood() {
    let epmd = Daemon::with(Config { max_waiting: 4, max_waiting_per_source: 2, ..config() });
    let mut nodes = Vec::new();
    for n in 0..20 {
        nodes.push(join(epmd.address(), &format!("n{n}"), n).await);
    }
    for _ in 0..50 {
        drop(TcpStream::connect(epmd.address()).await.unwrap());
    }
    assert_eq!(names(epmd.address(), LONG).await.unwrap().names.len(), 20);
}

#[tokio::test]
async fn names_of_other_languages_are_served() {
    let epmd = Daemon::start();
    let name: WireName = "работник".parse().unwrap();
    let mut node = TcpStream::connect(epmd.address()).await.unwrap();
    let request =
        flitch_epmd::message::Alive2Request { name: name.clone(), endpoint: Endpoint::normal(7) };
    node.write_all(&flitch_epmd::message::frame(&request.encode())).await.unwrap();
    let mut answer = [0; 6];
    within(node.read_exact(&mut answer)).await.unwrap();
    assert!(answer.starts_with(&[118, 0]));
    assert_eq!(lookup(epmd.address(), &name, LONG).await.unwrap().port, 7);
    assert_eq!(listed(&names(epmd.address(), LONG).await.unwrap()), [("работник", 7)]);
}

#[tokio::test]
async fn garbage_gets_no_answer_and_hurts_nobody() {
    let epmd = Daemon::start();
    let _worker = join(epmd.address(), "worker", 1).await;
    for bytes in [&b"\0\0"[..], b"\xff\xff", b"GET / HTTP/1.0\r\n\r\n", b"\0\x01q", b"\0", b""] {
        assert_eq!(exchange(epmd.address(), bytes).await, b"", "{bytes:?}");
    }
    assert!(lookup(epmd.address(), &alive("worker"), LONG).await.is_ok());
}

#[tokio::test]
async fn a_daemon_that_answers_garbage_is_named_as_none() {
    let web = fake_daemon(b"HTTP/1.1 400 Bad Request\r\n\r\n", true).await;
    let said = lookup(web, &alive("a"), LONG).await.unwrap_err();
    assert!(matches!(said, ClientError::Garbage { .. }), "{said}");
    let said = register(web, &alive("a"), &Endpoint::hidden(1), LONG).await.unwrap_err();
    assert!(matches!(said, ClientError::Garbage { .. }), "{said}");
    let short = fake_daemon(b"\x77\x00\x12", false).await;
    let said = lookup(short, &alive("a"), LONG).await.unwrap_err().to_string();
    assert!(said.contains("PortNo is short"), "{said}");
}

#[tokio::test]
async fn a_daemon_that_says_nothing_is_not_waited_for_longer_than_told() {
    let silent = fake_daemon(b"", true).await;
    let short = Duration::from_millis(50);
    for said in [
        lookup(silent, &alive("a"), short).await.unwrap_err(),
        names(silent, short).await.unwrap_err(),
        register(silent, &alive("a"), &Endpoint::hidden(1), short).await.unwrap_err(),
    ] {
        assert!(matches!(said, ClientError::TimedOut { step: Step::Answer, .. }), "{said}");
    }
    let closing = fake_daemon(b"", false).await;
    let said = names(closing, LONG).await.unwrap_err();
    assert!(matches!(said, ClientError::Closed { .. }), "{said}");
}

#[tokio::test]
async fn a_list_that_is_cut_off_is_an_error_and_not_a_shorter_list() {
    let cut = fake_daemon(b"\0\0\x11\x11name a at port 1\nname b at po", false).await;
    let said = names(cut, LONG).await.unwrap_err();
    assert!(matches!(said, ClientError::Garbage { .. }), "{said}");
}

#[tokio::test]
async fn a_daemon_that_never_stops_talking_is_cut_off() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        while stream.write_all(&[b'x'; 65536]).await.is_ok() {}
    });
    let said = within(names(address, LONG)).await.unwrap_err().to_string();
    assert!(said.contains("longer than"), "{said}");
}

#[tokio::test]
async fn a_registration_notices_bytes_where_none_belong_and_a_connection_that_breaks() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let accept = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(&[118, 0, 0, 0, 0, 9]).await.unwrap();
        stream
    };
    let name = alive("a");
    let endpoint = Endpoint::hidden(1);
    let joining = register(address, &name, &endpoint, LONG);
    let (mut daemon, registration) = within(async { tokio::join!(accept, joining) }).await;
    let mut registration = registration.unwrap();
    let waiting = tokio::time::timeout(Duration::from_millis(20), registration.lost()).await;
    assert!(waiting.is_err(), "nothing was lost yet");
    daemon.write_all(b"x").await.unwrap();
    assert_eq!(within(registration.lost()).await, Lost::Garbage);
    // The request was never read, so this closes with a reset.
    drop(daemon);
    assert!(matches!(within(registration.lost()).await, Lost::Broken(_)));
}
