//! Finding peers, losing them, and which of two connections stays.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail as tests do"
)]

mod util;

use std::time::Duration;

use flitch::{
    CloseReason, ConnectError, Cookie, Epmd, Node, NodeEvent, PeerPort, Stage, StartError, Term,
};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use util::raw::{Raw, local, shake, stream};
use util::{COOKIE, Host, Servant, call, connect, name, next_down, pair, soon, until};

async fn can_call(from: &Node, to: &Node) {
    let answer = call(from, ("servant", to.name()), pair("echo", 5)).await;
    assert_eq!(answer.unwrap(), Term::from(5));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn peers_that_come_and_go_are_told_of_in_that_order() {
    let host = Host::start();
    let (a, b) = (host.node("a").await, host.node("b").await);
    let (mut of_a, mut of_b) = (a.events(), b.events());
    for _ in 0..10 {
        connect(&a, &b).await;
        assert_eq!((a.peers_up(), b.peers_up()), (vec![b.name().clone()], vec![a.name().clone()]));
        a.disconnect(b.name());
        for (events, peer) in [(&mut of_a, &b), (&mut of_b, &a)] {
            let up = soon(events.recv()).await.unwrap();
            assert!(matches!(up, NodeEvent::Up { node, hidden: true } if node == *peer.name()));
            let down = soon(events.recv()).await.unwrap();
            assert!(matches!(down, NodeEvent::Down { node, .. } if node == *peer.name()));
        }
    }
    assert!(a.peers_up().is_empty() && b.peers_up().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn visible_nodes_are_told_of_as_visible() {
    let host = Host::start();
    let a = host.builder("a").visible(true).start().await.unwrap();
    let b = host.builder("b").visible(true).start().await.unwrap();
    let mut events = a.events();
    connect(&a, &b).await;
    assert!(matches!(soon(events.recv()).await, Ok(NodeEvent::Up { hidden: false, .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_who_want_the_same_peer_share_one_connection() {
    let host = Host::start();
    let (a, b) = (host.node("a").await, host.node("b").await);
    let mut events = b.events();
    let mut wanting = JoinSet::new();
    for _ in 0..100 {
        let (a, to) = (a.clone(), b.name().clone());
        wanting.spawn(async move { a.connect(&to).await });
    }
    while let Some(done) = soon(wanting.join_next()).await {
        done.unwrap().unwrap();
    }
    a.disconnect(b.name());
    next_down(&mut events).await;
    assert!(events.try_recv().is_err(), "there was one connection");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_both_dial_at_once_a_thousand_times_one_link_comes_of_it_and_both_can_call() {
    let host = Host::start();
    let (a, b) = (host.node("a").await, host.node("b").await);
    Servant::on(&a, "servant");
    Servant::on(&b, "servant");
    let (mut of_a, mut of_b) = (a.events(), b.events());
    for turn in 0..1000 {
        let (to_b, to_a) = tokio::join!(soon(a.connect(b.name())), soon(b.connect(a.name())));
        assert!(to_b.is_ok() && to_a.is_ok(), "turn {turn}: {to_b:?} {to_a:?}");
        tokio::join!(can_call(&a, &b), can_call(&b, &a));
        a.disconnect(b.name());
        // One link came and went, on either side; no second one took its place.
        for events in [&mut of_a, &mut of_b] {
            let (up, down) = (soon(events.recv()).await, soon(events.recv()).await);
            assert!(matches!(up, Ok(NodeEvent::Up { .. })), "turn {turn}: {up:?}");
            assert!(matches!(down, Ok(NodeEvent::Down { .. })), "turn {turn}: {down:?}");
        }
        assert!(a.peers_up().is_empty() && b.peers_up().is_empty(), "turn {turn}");
        assert!(of_a.is_empty() && of_b.is_empty(), "turn {turn}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_is_joined_is_found_when_it_comes_and_again_when_it_restarts() {
    let host = Host::start();
    let a = host.node("a").await;
    let mut events = a.events();
    a.join(vec![name("b@127.0.0.1"), a.name().clone()]);
    for _ in 0..2 {
        let b = host.node("b").await;
        Servant::on(&b, "servant");
        let up = soon(events.recv()).await.unwrap();
        assert!(matches!(up, NodeEvent::Up { node, .. } if node == *b.name()));
        can_call(&a, &b).await;
        b.shutdown().await;
        next_down(&mut events).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_peer_takes_the_place_of_its_earlier_life_whose_link_looks_alive() {
    let a = Host::start().node("a").await;
    let mut events = a.events();
    // Its host has lost power: nothing was closed, and nothing more will come.
    let old = Raw::connect(&a, "raw", 5).await;
    assert!(matches!(soon(events.recv()).await, Ok(NodeEvent::Up { .. })));
    let mut new = Raw::connect(&a, "raw", 6).await;
    let down = soon(events.recv()).await.unwrap();
    assert!(matches!(down, NodeEvent::Down { reason: CloseReason::Replaced, .. }), "{down:?}");
    assert!(matches!(soon(events.recv()).await, Ok(NodeEvent::Up { .. })));
    a.send(("anybody", "raw@127.0.0.1"), &1).await.unwrap();
    assert!(soon(new.next()).await.is_some(), "the new link is the one that is used");
    drop(old);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_only_states_a_peers_name_neither_ends_its_link_nor_keeps_us_from_dialling() {
    let host = Host::start();
    let (a, b) = (host.node("a").await, host.node("b").await);
    // Half a handshake, in the name of b, that never goes on.
    let mut impostor = stream(&a).await;
    let us = local("b", 99);
    let config = flitch_handshake::Config::new(flitch_handshake::Cookie::new("x").unwrap(), 1);
    let mut machine =
        flitch_handshake::Handshake::initiate(us.clone(), None, config, std::time::Instant::now());
    let hello = machine.poll_transmit().unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut impostor, &hello).await.unwrap();
    tokio::io::AsyncReadExt::read_u8(&mut impostor).await.unwrap();
    let patience = Duration::from_secs(5);
    tokio::time::timeout(patience, a.connect(b.name())).await.unwrap().unwrap();

    let mut impostor = stream(&a).await;
    shake(&mut impostor, us, a.name(), "another cookie").await.unwrap_err();
    assert!(a.is_connected(b.name()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_stage_of_reaching_a_peer_has_its_own_error() {
    let host = Host::start();
    let a = host.node("a").await;
    let stage = async |to: &str| {
        let error = soon(a.connect(&name(to))).await.unwrap_err();
        assert!(!error.to_string().is_empty());
        (error.stage(), error)
    };
    assert_eq!(stage("b@host.invalid").await.0, Stage::Dns);
    assert_eq!(stage("b@127.0.0.1").await.0, Stage::Epmd);
    assert_eq!(stage("b@short").await.0, Stage::Name);
    assert!(matches!(stage("a@127.0.0.1").await.1, ConnectError::Itself));
    // Nobody has an EPMD there.
    assert_eq!(stage("b@127.9.9.9").await.0, Stage::Epmd);

    let epmd = flitch::epmd::address::at("127.0.0.1".parse().unwrap(), host.epmd);
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let closed = flitch::epmd::Endpoint::hidden(port);
    let alive = "closed".parse().unwrap();
    let held = flitch::epmd::client::register(epmd, &alive, &closed, util::LONG).await.unwrap();
    assert_eq!(stage("closed@127.0.0.1").await.0, Stage::Tcp);
    drop(held);

    let cookie = Cookie::new("another-cookie-altogether").unwrap();
    let b = host.builder("b").cookie(cookie).start().await.unwrap();
    let (at, error) = stage("b@127.0.0.1").await;
    assert_eq!(at, Stage::Handshake);
    assert!(error.to_string().contains("cookie") && !error.to_string().contains(COOKIE), "{error}");
    assert_eq!(soon(b.connect(a.name())).await.unwrap_err().stage(), Stage::Handshake);
    assert!(a.peers_up().is_empty() && b.peers_up().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_is_taken_keeps_the_second_node_from_starting() {
    let host = Host::start();
    let _a = host.node("a").await;
    let second = host.builder("a").start().await;
    assert!(matches!(second, Err(StartError::Epmd(error)) if error.is_name_taken()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_fixed_ports_no_epmd_is_asked() {
    // One port on two addresses, as on two hosts.
    let fixed = |alive: &str, host: &str, port: u16, dial: u16| {
        Node::builder(name(&format!("{alive}@{host}")))
            .cookie(Cookie::new(COOKIE).unwrap())
            .epmd(Epmd::None)
            .bind(host.parse().unwrap())
            .ports(port..=port)
            .peer_port(PeerPort::Fixed(dial))
            .epmd_port(1)
            .start()
    };
    let a = fixed("a", "127.0.0.1", 0, 1).await.unwrap();
    let b = fixed("b", "127.0.0.2", 0, a.port()).await.unwrap();
    Servant::on(&a, "servant");
    can_call(&b, &a).await;
    assert!(a.creation().value() > 3, "a creation without EPMD is random");
    let unused = fixed("c", "127.0.0.1", a.port(), 1).await;
    assert!(matches!(unused, Err(StartError::Listen { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_only_dials_needs_no_port_and_is_answered_all_the_same() {
    let host = Host::start();
    let a = host.builder("a").listen(false).start().await.unwrap();
    let b = host.node("b").await;
    Servant::on(&a, "servant");
    Servant::on(&b, "servant");
    assert_eq!(a.port(), 0);
    can_call(&a, &b).await;
    until(|| b.is_connected(a.name())).await;
    can_call(&b, &a).await;
}
