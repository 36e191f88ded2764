//! Strangers at the door: half-open, slow, guessing, lying about who they are; and who gets in all
//! the same.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail as tests do"
)]

mod util;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use flitch::handshake::{Cause, Stage};
use flitch::{ConnectError, Cookie, Epmd, Node, NodeEvent, PeerPort, StartError, Term};
use flitch_dist::Control;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;

use util::probe::Probe;
use util::raw::{Raw, local, shake, stream};
use util::{COOKIE, Host, LONG, Servant, call, connect, name, next_down, pair, soon, until};

/// What a handshake of ours with `a` takes, the middle one of many: single ones meet a busy machine.
async fn usual_time_to_get_in(a: &Node, alive: &str) -> Duration {
    let mut times = Vec::new();
    for life in 0..15 {
        let start = Instant::now();
        let raw = Raw::connect(a, alive, 5 + life).await;
        times.push(start.elapsed());
        drop(raw);
        until(|| a.peers_up().is_empty()).await;
    }
    times.sort();
    times[times.len() / 2]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_hundreds_of_half_open_handshakes_drip_a_good_peer_gets_in_within_100_ms() {
    let a = Host::start().node("a").await;
    let mut dripping = JoinSet::new();
    for number in 0..400_u32 {
        // More addresses than one, each with fewer than it may have.
        let from = SocketAddr::from(([127, 0, 1, (number % 5) as u8 + 1], 0));
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(from).unwrap();
        let mut stream = socket.connect(([127, 0, 0, 1], a.port()).into()).await.unwrap();
        stream.write_all(&1000_u16.to_be_bytes()).await.unwrap();
        dripping.spawn(async move {
            while stream.write_all(b"N").await.is_ok() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        });
    }
    let took = usual_time_to_get_in(&a, "good").await;
    assert!(took < Duration::from_millis(100), "{took:?}");
    // However often a byte came, each is over after net_setuptime.
    let start = Instant::now();
    while let Some(done) = soon(dripping.join_next()).await {
        done.unwrap();
    }
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

/// The first message of a node: its flags, its creation and its name.
fn hello(name: &str) -> Vec<u8> {
    let mut body = b"N\0\0\0\x0d\x07\xdf\x7f\xbc\0\0\0\x09".to_vec();
    body.extend((name.len() as u16).to_be_bytes());
    body.extend(name.as_bytes());
    [&(body.len() as u16).to_be_bytes()[..], &body].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_falls_silent_at_any_byte_of_its_handshake_is_gone_after_net_setuptime() {
    let patience = Duration::from_millis(300);
    let a = Host::start().builder("a").setup_timeout(patience).start().await.unwrap();
    let hello = hello("x@127.0.0.1");
    let mut silent = JoinSet::new();
    for len in 0..=hello.len() {
        let (mut stream, said) = (stream(&a).await, hello[..len].to_vec());
        silent.spawn(async move {
            let start = Instant::now();
            stream.write_all(&said).await.unwrap();
            let _ = stream.read_to_end(&mut Vec::new()).await;
            start.elapsed()
        });
    }
    while let Some(took) = soon(silent.join_next()).await {
        let took = took.unwrap();
        assert!(took >= patience * 9 / 10 && took < LONG / 2, "{took:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_breaks_a_rule_of_the_handshake_is_closed_at_once_and_nobody_else() {
    let host = Host::start();
    let (a, b) = host.pair().await;
    Servant::on(&a, "servant");
    let long = hello(&format!("{}@h", "x".repeat(300)));
    let mut no_room = hello("x@127.0.0.1");
    // The name is said to be longer than its message.
    no_room[16] = 99;
    let mut broken = vec![
        b"\0\0".to_vec(),
        b"\xff\xff".to_vec(),
        b"\0\x05hello".to_vec(),
        b"\0\x0en\0\x04\x01\0\0\x04x@h.xyz".to_vec(),
        no_room,
        long,
    ];
    broken.extend(["", "x", "@h", "x@", "x@h@h", "x\0@h", a.name().as_str()].map(hello));
    for bytes in broken {
        let mut stream = stream(&a).await;
        let start = Instant::now();
        stream.write_all(&bytes).await.unwrap();
        let mut said = Vec::new();
        let _ = soon(stream.read_to_end(&mut said)).await;
        assert!(said.is_empty() || said == b"\0\x0csnot_allowed", "{bytes:?}: {said:?}");
        assert!(start.elapsed() < Duration::from_secs(5), "{bytes:?}");
        let answer = call(&b, ("servant", a.name()), pair("echo", 1)).await;
        assert_eq!(answer.unwrap(), Term::from(1));
    }
    assert_eq!(a.peers_up(), std::slice::from_ref(b.name()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_start_under_a_name_is_another_life_of_it() {
    let host = Host::start();
    for epmd in [Epmd::External, Epmd::None] {
        let mut lives = HashSet::new();
        for _ in 0..5 {
            let node = host.builder("a").epmd(epmd).start().await.unwrap();
            assert!(lives.insert(node.creation()), "{epmd:?}: {lives:?}");
            node.shutdown().await;
        }
    }
}

/// How often one may guess with as many connections at once as it likes.
async fn guess(a: Node, guesses: Arc<AtomicUsize>, number: usize) {
    for attempt in 0.. {
        let mut stream = stream(&a).await;
        let us = local(&format!("guesser{number}x{attempt}"), 5);
        let error = shake(&mut stream, us, a.name(), "no cookie of ours").await.unwrap_err();
        if matches!(error.cause, Cause::ClosedAfterReply) {
            guesses.fetch_add(1, Ordering::SeqCst);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cookie_brute_force_is_slowed_down_by_address_and_good_peers_behind_it_get_in() {
    let host = Host::start();
    let a = host.node("a").await;
    let known = Raw::connect(&a, "known", 5).await;
    drop(known);
    until(|| a.peers_up().is_empty()).await;

    let (guesses, mut guessing) = (Arc::new(AtomicUsize::new(0)), JoinSet::new());
    let start = Instant::now();
    for number in 0..8 {
        guessing.spawn(guess(a.clone(), Arc::clone(&guesses), number));
    }
    until(|| guesses.load(Ordering::SeqCst) > 20).await;
    // One that was here before, and one that nobody knows yet, from the very same address.
    let took = usual_time_to_get_in(&a, "known").await;
    assert!(took < Duration::from_millis(100), "{took:?}");
    Raw::connect(&a, "unknown", 5).await;
    guessing.shutdown().await;
    let (count, seconds) = (guesses.load(Ordering::SeqCst), start.elapsed().as_secs_f64());
    // A first burst that nobody could tell from a mistake, and then ten a second.
    assert!((count as f64) < 30.0 + 11.0 * seconds, "{count} guesses in {seconds} s");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_handshake_has_a_challenge_of_its_own() {
    let a = Host::start().node("a").await;
    let mut challenges = HashSet::new();
    for number in 0..100 {
        let mut stream = stream(&a).await;
        let name = format!("x{number}@127.0.0.1");
        stream.write_all(&hello(&name)).await.unwrap();
        // "sok", then the challenge behind its tag and flags.
        let mut answer = [0; 5 + 3 + 8 + 4];
        soon(stream.read_exact(&mut answer)).await.unwrap();
        challenges.insert(answer[16..].to_vec());
    }
    assert_eq!(challenges.len(), 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_handshake_and_no_call_waits_for_a_delayed_acknowledgement() {
    let host = Host::start();
    let (a, b) = (host.node("a").await, host.node("b").await);
    Servant::on(&b, "servant");
    let mut times = Vec::new();
    for _ in 0..21 {
        let start = Instant::now();
        soon(a.connect(b.name())).await.unwrap();
        call(&a, ("servant", b.name()), pair("echo", 1)).await.unwrap();
        times.push(start.elapsed());
        a.disconnect(b.name());
        until(|| a.peers_up().is_empty() && b.peers_up().is_empty()).await;
    }
    times.sort();
    assert!(times[10] < Duration::from_millis(30), "{:?}", times[10]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_sent_to_a_pid_of_an_earlier_life_of_ours_reaches_nobody() {
    let a = Host::start().node("a").await;
    let mut probe = Probe::on(&a);
    let mut raw = Raw::connect(&a, "raw", 5).await;
    let mut stale = probe.pid.clone();
    stale.creation = a.creation().next().value();
    raw.send(&Control::Send { from: None, to: stale }, &Term::from(1)).await;
    raw.send(&Control::Send { from: None, to: probe.pid.clone() }, &Term::from(2)).await;
    let flitch::Incoming::Message(payload) = probe.next().await else { panic!("no message") };
    assert_eq!(payload.to_value::<Term>().unwrap(), Term::from(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_handshake_under_a_name_that_is_up_takes_over_only_with_the_cookie() {
    let a = Host::start().node("a").await;
    let mut events = a.events();
    let mut first = Raw::connect(&a, "raw", 5).await;
    assert!(matches!(soon(events.recv()).await, Ok(NodeEvent::Up { .. })));
    for _ in 0..3 {
        let mut thief = stream(&a).await;
        let error = shake(&mut thief, local("raw", 6), a.name(), "another cookie").await;
        assert_eq!(error.unwrap_err().stage, Stage::ChallengeAck);
    }
    a.send(("anybody", "raw@127.0.0.1"), &1).await.unwrap();
    assert!(soon(first.next()).await.is_some(), "the first one has the link still");
    assert!(events.is_empty());
    let _second = Raw::connect(&a, "raw", 6).await;
    let (_, reason) = next_down(&mut events).await;
    assert!(matches!(reason, flitch::CloseReason::Replaced), "{reason:?}");
}

/// Somebody who listens under a name and says `status` to whoever dials it.
async fn refuses(status: &'static [u8]) -> (SocketAddr, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let len = stream.read_u16().await.unwrap_or_default();
            let _ = stream.read_exact(&mut vec![0; len.into()]).await;
            let _ = stream.write_u16(status.len() as u16).await;
            let _ = stream.write_all(status).await;
            // Until the dialler has gone, or the test has.
            let _ = stream.read_u8().await;
        }
    });
    (address, serving)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_refusal_of_a_peer_that_we_dial_is_told_in_its_own_words() {
    let words: [(&'static [u8], &str); 5] = [
        (b"snot_allowed", "list of allowed nodes"),
        (b"swhatever", "unknown status"),
        (b"s\x1b[2J", "\\x1b[2J"),
        (b"snamed:\0\x05b@h.x\0\0\0\x09", "a name that nobody asked for"),
        (b"salive", "while we waited for its challenge"),
    ];
    for (status, said) in words {
        let (address, _serving) = refuses(status).await;
        let a = Node::builder(name("a@127.0.0.1"))
            .cookie(Cookie::new(COOKIE).unwrap())
            .listen(false)
            .port_of("b@*".parse().unwrap(), address.port())
            .setup_timeout(Duration::from_millis(500))
            .start()
            .await
            .unwrap();
        let error = soon(a.connect(&name("b@127.0.0.1"))).await.unwrap_err().to_string();
        assert!(error.contains(said) && !error.contains('\x1b'), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_not_on_the_list_is_neither_let_in_nor_dialled() {
    let host = Host::start();
    let a = host.builder("a").allow("app-*@127.0.*".parse().unwrap()).start().await.unwrap();
    let (app, db) = (host.node("app-1").await, host.node("db").await);
    connect(&app, &a).await;
    let refused = soon(db.connect(a.name())).await.unwrap_err();
    assert!(refused.to_string().contains("not_allowed"), "{refused}");
    let refused = soon(a.connect(db.name())).await.unwrap_err();
    assert!(matches!(refused, ConnectError::NotAllowed(ref peer) if peer == db.name()));
    a.disconnect(app.name());
    until(|| app.peers_up().is_empty() && a.peers_up().is_empty()).await;
    connect(&a, &app).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_peer_is_met_with_its_own_cookie_in_both_directions() {
    let host = Host::start();
    let other = || Cookie::new("the-cookie-of-others-only").unwrap();
    let a = host.builder("a").cookie_for("other@".parse().unwrap(), other()).start().await.unwrap();
    let same = host.node("same").await;
    let others = host.builder("other").cookie(other()).start().await.unwrap();
    connect(&a, &same).await;
    connect(&a, &others).await;
    a.disconnect(others.name());
    until(|| a.peers_up() == [same.name().clone()] && others.peers_up().is_empty()).await;
    connect(&others, &a).await;
    assert!(soon(others.connect(same.name())).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_without_a_name_gets_one_from_its_first_peer_and_both_can_call() {
    let host = Host::start();
    let (a, b) = (host.node("a").await, host.node("b").await);
    Servant::on(&a, "servant");
    let unnamed = |cookie: &str| {
        Node::builder_named_by(a.name().clone(), "127.0.0.1")
            .cookie(Cookie::new(cookie).unwrap())
            .epmd_port(host.epmd)
            .start()
    };
    let node = soon(unnamed(COOKIE)).await.unwrap();
    Servant::on(&node, "servant");
    let given = node.name().clone();
    until(|| a.peers_up() == [given.clone()]).await;
    for (from, to) in [(&node, &a), (&a, &node)] {
        let answer = call(from, ("servant", to.name()), pair("echo", 5)).await;
        assert_eq!(answer.unwrap(), Term::from(5));
    }
    // With its name it is a node like others, and dials whom it likes.
    connect(&node, &b).await;
    let second = soon(unnamed(COOKIE)).await.unwrap();
    assert_ne!(*second.name(), given);
    a.disconnect(&given);
    soon(node.stopping()).await;
    until(|| b.peers_up().is_empty()).await;
    let again = soon(async {
        // The name is free a moment after the link.
        loop {
            let node = unnamed(COOKIE).await.unwrap();
            if *node.name() == given {
                return node;
            }
            node.shutdown().await;
        }
    })
    .await;
    assert_ne!(again.creation(), node.creation(), "it is another life of that name");
    let refused = soon(unnamed("another-cookie-altogether")).await.unwrap_err();
    assert!(matches!(refused, StartError::Connect(ConnectError::Handshake(_))), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_is_asked_for_on_a_host_of_the_peers_kind() {
    let cookie = Cookie::new(COOKIE).unwrap();
    let start = Node::builder_named_by(name("a@127.0.0.1"), "db").cookie(cookie).start().await;
    assert!(matches!(start, Err(StartError::Connect(ConnectError::Kind { .. }))), "{start:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_map_of_ports_no_epmd_is_asked_and_ipv6_needs_nothing_else() {
    let on = |alive: &str| {
        Node::builder(name(&format!("{alive}@::1")))
            .cookie(Cookie::new(COOKIE).unwrap())
            .epmd(Epmd::None)
            .peer_port(PeerPort::Listed)
    };
    let (a, b) = (on("a").start().await.unwrap(), on("b").start().await.unwrap());
    Servant::on(&a, "servant");
    assert!(TcpStream::connect(("127.0.0.1", a.port())).await.is_err(), "its name is IPv6");
    let ports = on("c").port_of("a@::1".parse().unwrap(), a.port());
    let c = ports.port_of("*@::*".parse().unwrap(), b.port()).start().await.unwrap();
    let answer = call(&c, ("servant", a.name()), pair("echo", 6)).await;
    assert_eq!(answer.unwrap(), Term::from(6));
    connect(&c, &b).await;
    let unknown = soon(a.connect(b.name())).await.unwrap_err();
    assert!(matches!(unknown, ConnectError::NoPort(_)), "{unknown}");
}
