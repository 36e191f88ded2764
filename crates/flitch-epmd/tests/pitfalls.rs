//! What breaks third-party nodes about EPMD, a test a line: the client's part first, then the
//! server's. Running out of descriptors has a file of its own, `starvation.rs`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "this is a test, helpers included"
)]

mod support;

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use flitch_epmd::backoff::Backoff;
use flitch_epmd::client::{Change, Lost, dump, kill, lookup, names, register, stop};
use flitch_epmd::message::{Alive2Response, KillResponse, StopResponse, frame};
use flitch_epmd::server::Stopped;
use flitch_epmd::session::Rules;
use flitch_epmd::{ClientError, Config, Endpoint, Registrar, address};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use support::{Daemon, LONG, alive, config, exchange, fake_daemon, join, until_closed, within};

#[tokio::test]
async fn the_registration_lives_as_long_as_its_tcp_connection() {
    let epmd = Daemon::start();
    let mut creations = Vec::new();
    for _ in 0..20 {
        let worker = join(epmd.address(), "worker", 1).await;
        assert!(!creations.contains(&worker.creation()));
        creations.push(worker.creation());
        drop(worker);
        within(async { while lookup(epmd.address(), &alive("worker"), LONG).await.is_ok() {} })
            .await;
    }
}

#[tokio::test]
async fn epmd_may_restart_reregister_keep_trying() {
    let epmd = Daemon::start();
    let at = epmd.address();
    let backoff = Backoff::new(Duration::from_millis(5), Duration::from_millis(20), || 0);
    let registrar = Registrar::new(at, alive("worker"), Endpoint::hidden(7), LONG, backoff);
    let first = registrar.register().await.unwrap();
    let (report, mut changes) = tokio::sync::mpsc::unbounded_channel();
    let report = move |change| drop(report.send(change));
    let kept = tokio::spawn(registrar.keep(Some(first), report, std::future::pending()));
    epmd.stop().await;
    for _ in 0..3 {
        epmd_stops_and_starts(at, &mut changes).await;
    }
    kept.abort();

    async fn epmd_stops_and_starts(
        at: SocketAddr,
        changes: &mut tokio::sync::mpsc::UnboundedReceiver<Change>,
    ) {
        // It stays away for some attempts.
        let mut failed = 0;
        while failed < 3 {
            failed +=
                usize::from(matches!(within(changes.recv()).await, Some(Change::Failed { .. })));
        }
        let epmd = Daemon::again(at).await;
        while !matches!(within(changes.recv()).await, Some(Change::Registered { .. })) {}
        assert_eq!(lookup(at, &alive("worker"), LONG).await.unwrap().port, 7);
        epmd.stop().await;
    }
}

#[tokio::test]
async fn the_peers_epmd_is_on_the_peers_host_never_localhost() {
    let here = Daemon::start();
    let _node = join(here.address(), "worker", 1).await;
    // Another host with an EPMD on the same port, which knows another worker.
    let host: IpAddr = "127.0.0.2".parse().unwrap();
    let there = Daemon::with(Config::on([address::at(host, here.address().port())]));
    let _node = join(there.address(), "worker", 2).await;
    let peer = address::at(host, here.address().port());
    assert_eq!(lookup(peer, &alive("worker"), LONG).await.unwrap().port, 2);
}

#[test]
fn ipv6_literals_need_brackets() {
    let epmd = address::at(IpAddr::V6(Ipv6Addr::LOCALHOST), 4369);
    assert_eq!(epmd.to_string(), "[::1]:4369");
    assert!(ClientError::NoDaemon { epmd }.to_string().contains("[::1]:4369"));
    assert_eq!("[fd00::7]:4369".parse(), Ok(address::at("fd00::7".parse().unwrap(), 4369)));
}

#[tokio::test]
async fn creation_0_and_short_answers_happen() {
    let old = fake_daemon(b"\x77\x00\x12\x34M\0\0\x05\0\x05", false).await;
    assert_eq!(lookup(old, &alive("a"), LONG).await.unwrap().port, 0x1234);
    let narrow = fake_daemon(&[121, 0, 0, 2], true).await;
    let registration = register(narrow, &alive("a"), &Endpoint::hidden(1), LONG).await.unwrap();
    assert_eq!(registration.creation().value(), 2);
    let zero = fake_daemon(&[118, 0, 0, 0, 0, 0], true).await;
    let registration = register(zero, &alive("a"), &Endpoint::hidden(1), LONG).await.unwrap();
    assert_eq!(registration.creation().value(), 0);
}

/// What the server says to a registration of these bytes, and to a question for them.
async fn registered(epmd: SocketAddr, name: &[u8]) -> Option<u8> {
    let len = u16::try_from(name.len()).unwrap().to_be_bytes();
    let body = [b"x\x10\xe1M\0\0\x06\0\x06".as_slice(), &len, name, &[0, 0]].concat();
    let answer = exchange(epmd, &frame(&body)).await;
    Alive2Response::decode(&answer).ok().map(|answer| answer.result)
}

#[tokio::test]
async fn names_up_to_255_bytes() {
    let epmd = Daemon::start();
    for name in [&[b'a'; 1][..], &[b'a'; 254], &[b'a'; 255]] {
        assert_eq!(registered(epmd.address(), name).await, Some(0), "{} bytes", name.len());
    }
    assert_eq!(registered(epmd.address(), &[b'a'; 256]).await, Some(1));
    assert_eq!(registered(epmd.address(), &[b'a'; 1000]).await, Some(1));
    assert_eq!(registered(epmd.address(), b"").await, None);
}

#[tokio::test]
async fn no_nul_or_at_inside() {
    let epmd = Daemon::start();
    assert_eq!(registered(epmd.address(), b"a\0b").await, None, "closed without a word");
    assert_eq!(registered(epmd.address(), b"a@b").await, Some(1));
    assert_eq!(exchange(epmd.address(), b"\0\x04za\0b").await, []);
    assert_eq!(exchange(epmd.address(), b"\0\x04za@b").await, [119, 1], "nobody has such a name");
    assert_eq!(names(epmd.address(), LONG).await.unwrap().names, []);
}

#[tokio::test]
async fn packet_timeouts_are_counted_from_accept_so_that_a_slowloris_gains_nothing() {
    let rules = Rules { request_timeout: Duration::from_millis(300), ..Rules::default() };
    let epmd = Daemon::with(Config { rules, ..config() });
    let mut slow = TcpStream::connect(epmd.address()).await.unwrap();
    let before = Instant::now();
    let mut request = vec![0, 250, b'z'];
    request.extend([b'a'; 200]);
    let mut sent = 0;
    for byte in request {
        if slow.write_all(&[byte]).await.is_err() {
            break;
        }
        sent += 1;
        // Each byte would refresh an idle clock of 300 ms.
        let closed = tokio::time::timeout(Duration::from_millis(30), slow.read(&mut [0; 8])).await;
        if closed.is_ok() {
            break;
        }
    }
    assert!(before.elapsed() < Duration::from_secs(3), "{sent} bytes were taken");
    assert!(sent > 3);
}

#[tokio::test]
async fn half_open_clients_are_closed_at_the_deadline_and_registrations_are_not() {
    let rules = Rules { request_timeout: Duration::from_millis(100), ..Rules::default() };
    let epmd = Daemon::with(Config { rules, ..config() });
    let _worker = join(epmd.address(), "worker", 1).await;
    let mut silent = TcpStream::connect(epmd.address()).await.unwrap();
    assert_eq!(until_closed(&mut silent).await, []);
    assert!(lookup(epmd.address(), &alive("worker"), LONG).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_connections() {
    let epmd = Daemon::start();
    let address = epmd.address();
    let _worker = join(address, "worker", 43210).await;
    let mut clients = JoinSet::new();
    for _ in 0..50 {
        clients.spawn(async move {
            for _ in 0..60 {
                let found = lookup(address, &alive("worker"), LONG).await.unwrap();
                assert_eq!(found.port, 43210);
            }
        });
    }
    while let Some(ended) = within(clients.join_next()).await {
        ended.unwrap();
    }
}

#[tokio::test]
async fn one_name_twice() {
    let epmd = Daemon::start();
    let _first = join(epmd.address(), "worker", 43210).await;
    let error =
        register(epmd.address(), &alive("worker"), &Endpoint::hidden(1), LONG).await.unwrap_err();
    assert!(error.is_name_taken());
    let said = error.to_string();
    assert!(said.contains("worker") && said.contains("43210"), "{said}");
    assert!(lookup(epmd.address(), &alive("worker"), LONG).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_while_names_leave() {
    let epmd = Daemon::start();
    let address = epmd.address();
    let mut stay = Vec::new();
    for n in 0..30 {
        stay.push(join(address, &format!("stay{n}"), n).await);
    }
    let churn = tokio::spawn(async move {
        for n in 0..200 {
            join(address, &format!("come-and-go-{n}-{}", "x".repeat(200)), n)
                .await
                .leave(LONG)
                .await;
        }
    });
    while !churn.is_finished() {
        let list = names(address, LONG).await.unwrap();
        let staying = list.names.iter().filter(|named| named.name.as_str().starts_with("stay"));
        assert_eq!((staying.count(), list.skipped), (30, 0));
    }
    churn.await.unwrap();
}

#[tokio::test]
async fn kill_only_where_allowed() {
    let epmd = Daemon::start();
    assert_eq!(kill(epmd.address(), LONG).await.unwrap(), KillResponse::No);
    assert!(names(epmd.address(), LONG).await.is_ok());

    let epmd = Daemon::with(Config { rules: Rules::default().stock(), ..config() });
    let worker = join(epmd.address(), "worker", 1).await;
    assert_eq!(kill(epmd.address(), LONG).await.unwrap(), KillResponse::No);
    worker.leave(LONG).await;
    assert_eq!(kill(epmd.address(), LONG).await.unwrap(), KillResponse::Ok);
    assert_eq!(epmd.ended().await, Stopped::Killed);
}

#[tokio::test]
async fn stop_only_where_allowed() {
    let epmd = Daemon::start();
    let _worker = join(epmd.address(), "worker", 1).await;
    let refused = stop(epmd.address(), &alive("worker"), LONG).await.unwrap_err();
    assert!(matches!(refused, ClientError::Closed { .. }), "{refused}");

    let epmd = Daemon::with(Config { rules: Rules::default().relaxed(), ..config() });
    let mut worker = join(epmd.address(), "worker", 1).await;
    let answer = stop(epmd.address(), &alive("other"), LONG).await.unwrap();
    assert_eq!(answer, StopResponse::NoExist);
    let answer = stop(epmd.address(), &alive("worker"), LONG).await.unwrap();
    assert_eq!(answer, StopResponse::Stopped);
    assert_eq!(within(worker.lost()).await, Lost::Closed);
    let text = dump(epmd.address(), LONG).await.unwrap();
    assert!(String::from_utf8_lossy(&text).contains("old/unused name <worker>"));
}

#[tokio::test]
async fn binds_to_the_addresses_given_no_more() {
    let v6 = IpAddr::V6(Ipv6Addr::LOCALHOST);
    let listen = ["127.0.0.1:0".parse().unwrap(), SocketAddr::new(v6, 0)];
    let epmd = Daemon::with(Config::on(listen));
    let [v4, v6] = epmd.addresses.as_slice() else { panic!("two addresses were asked for") };
    assert_eq!(v4.port(), v6.port());
    let _worker = join(*v6, "worker", 1).await;
    assert!(lookup(*v4, &alive("worker"), LONG).await.is_ok());

    let only_v6 = Daemon::with(Config::on([SocketAddr::new(v6.ip(), 0)]));
    let v4 = SocketAddr::new(v4.ip(), only_v6.address().port());
    let error = names(v4, LONG).await.unwrap_err();
    assert!(matches!(error, ClientError::NoDaemon { .. }), "{error}");
}
