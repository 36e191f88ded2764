//! A node that ends in order.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail as tests do"
)]

mod util;

use std::time::{Duration, Instant};

use flitch::{CloseReason, ConnectError, SendError, Term};
use flitch_dist::Control;
use tokio::net::TcpStream;

use util::probe::Probe;
use util::raw::Raw;
use util::{Host, Servant, call, name, next_down, pair, soon};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_under_way_is_answered_and_whoever_watches_learns_the_shutdown() {
    let host = Host::start();
    let (a, b) = host.pair().await;
    let (servant, mut heard) = Servant::new();
    let servant = b.spawn(servant).register("servant").unwrap();
    let mut watch = Probe::trapping(&a).await;
    let pid = servant.pid().clone();
    watch
        .run(move |process| {
            process.link(&pid);
            process.monitor(pid).unwrap()
        })
        .await;
    let waiting = tokio::spawn({
        let (a, to) = (a.clone(), b.name().clone());
        async move { call(&a, ("servant", &to), Term::atom("keep")).await }
    });
    assert!(soon(heard.recv()).await.unwrap().is_atom("keep"));
    let mut events = a.events();
    let ending = tokio::spawn({
        let b = b.clone();
        async move { b.shutdown().await }
    });
    soon(b.stopping()).await;
    // The call is open: the node waits for it.
    a.cast(("servant", b.name()), &Term::atom("release")).await.unwrap();
    assert!(soon(waiting).await.unwrap().unwrap().is_atom("late"));
    let mut told = [Term::atom("exit"), Term::atom("down")];
    for _ in 0..2 {
        match watch.next().await {
            flitch::Incoming::Exit { reason, .. } => told[0] = reason,
            flitch::Incoming::Down { reason, .. } => told[1] = reason,
            other => panic!("{other:?}"),
        }
    }
    assert!(told.iter().all(|reason| reason.is_atom("shutdown")), "{told:?}");
    let (_, reason) = next_down(&mut events).await;
    assert!(matches!(reason, CloseReason::Closed), "{reason:?}");
    soon(ending).await.unwrap();
    assert!(soon(heard.recv()).await.unwrap().is_atom("release"));
    let terminated = pair("terminated", Term::atom("shutdown"));
    assert_eq!(soon(heard.recv()).await, Some(terminated));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_words_reach_a_peer_that_talks_all_the_time() {
    let host = Host::start();
    // The mailbox never empties, so the drain is not over before its time.
    let a = host.builder("a").drain(Duration::from_millis(200)).start().await.unwrap();
    let (b, floods) = (host.node("b").await, 20);
    let mut probe = Probe::on(&a);
    let mut watch = Probe::on(&b);
    let pid = probe.pid.clone();
    watch.run(move |process| process.monitor(pid).unwrap()).await;
    b.send(&probe.pid, &"behind the monitor").await.unwrap();
    probe.next().await;
    for _ in 0..floods {
        let (b, to) = (b.clone(), probe.pid.clone());
        tokio::spawn(async move { while b.send(&to, "some kilobyte or less").await.is_ok() {} });
    }
    let mut events = b.events();
    soon(a.shutdown()).await;
    let reason = watch.down().await;
    assert!(reason.is_atom("shutdown"), "{reason:?}, {:?}", next_down(&mut events).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_new_comes_in_and_the_name_is_free_at_once() {
    let host = Host::start();
    let a = host.node("a").await;
    let b = host.node("b").await;
    soon(a.shutdown()).await;
    assert!(TcpStream::connect(("127.0.0.1", a.port())).await.is_err());
    assert!(matches!(a.connect(b.name()).await, Err(ConnectError::Shutdown)));
    let sent = a.send(("servant", b.name()), &1).await;
    assert!(matches!(sent, Err(SendError::Connect(ConnectError::Shutdown))));
    let again = host.node("a").await;
    soon(b.connect(again.name())).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_under_way_may_still_use_the_links_that_are_there() {
    let host = Host::start();
    let (a, b) = host.pair().await;
    Servant::on(&b, "servant");
    let (servant, mut heard) = Servant::new();
    a.spawn(servant).register("servant").unwrap();
    let open = tokio::spawn({
        let (b, to) = (b.clone(), a.name().clone());
        async move { call(&b, ("servant", &to), Term::atom("keep")).await }
    });
    soon(heard.recv()).await;
    let ending = tokio::spawn({
        let a = a.clone();
        async move { a.shutdown().await }
    });
    soon(a.stopping()).await;
    let answer = call(&a, ("servant", b.name()), pair("echo", 5)).await;
    assert_eq!(answer.unwrap(), Term::from(5));
    a.cast("servant", &Term::atom("release")).await.unwrap();
    soon(open).await.unwrap().unwrap();
    soon(ending).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_never_answered_holds_up_the_end_only_so_long() {
    let host = Host::start();
    let drain = Duration::from_millis(300);
    let a = host.builder("a").drain(drain).start().await.unwrap();
    let b = host.node("b").await;
    let (servant, mut heard) = Servant::new();
    a.spawn(servant).register("servant").unwrap();
    a.spawn_process(|mut process| async move {
        // It does not care for Shutdown either.
        while process.next().await.is_some() {}
    });
    let open = tokio::spawn({
        let (b, to) = (b.clone(), a.name().clone());
        async move { call(&b, ("servant", &to), Term::atom("keep")).await }
    });
    soon(heard.recv()).await;
    let start = Instant::now();
    soon(a.shutdown()).await;
    let took = start.elapsed();
    assert!(took >= drain && took < drain + Duration::from_secs(3), "{took:?}");
    match soon(open).await.unwrap() {
        Err(flitch::CallError::Exit(reason)) => assert!(reason.is_atom("shutdown"), "{reason:?}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_peers_that_do_not_read_cost_the_shutdown_no_more_than_one() {
    let host = Host::start();
    let a = host.builder("a").drain(Duration::ZERO).start().await.unwrap();
    let mut peers = Vec::new();
    for number in 0..20 {
        let raw = Raw::connect(&a, &format!("raw{number}"), 5).await;
        let to = (flitch::Atom::from_static("sink"), raw.us.name.clone());
        // More than the system's buffers take.
        a.send(to, &"x".repeat(12_000_000)).await.unwrap();
        peers.push(raw);
    }
    let start = Instant::now();
    soon(a.shutdown()).await;
    assert!(start.elapsed() < Duration::from_millis(2500), "{:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_link_comes_up_behind_a_shutdown() {
    let host = Host::start();
    for _ in 0..20 {
        let (a, b) = (host.node("a").await, host.node("b").await);
        let (_, _, _) = tokio::join!(a.connect(b.name()), b.connect(a.name()), soon(a.shutdown()));
        util::until(|| a.peers_up().is_empty() && b.peers_up().is_empty()).await;
        soon(b.shutdown()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_inside_this_program_serves_epmd_until_it_ends() {
    let port = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap().port()
    };
    let node = |alive: &str| {
        flitch::Node::builder(name(&format!("{alive}@127.0.0.1")))
            .cookie(flitch::Cookie::new(util::COOKIE).unwrap())
            .bind("127.0.0.1".parse().unwrap())
            .epmd_port(port)
    };
    let a = soon(node("a").start()).await.unwrap();
    let b = soon(node("b").start()).await.unwrap();
    soon(b.connect(a.name())).await.unwrap();
    soon(a.shutdown()).await;
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err(), "its EPMD went with it");
    // Another can take its place at once.
    let c = soon(node("c").epmd(flitch::Epmd::Embedded).start()).await.unwrap();
    soon(c.shutdown()).await;
    soon(b.shutdown()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_monitor_of_ours_is_taken_back_when_its_process_ends_with_the_node() {
    let a = Host::start().node("a").await;
    let mut raw = Raw::connect(&a, "raw", 5).await;
    let probe = Probe::on(&a);
    let theirs = raw.pid(1);
    probe.run(move |process| process.monitor(theirs).unwrap()).await;
    assert!(matches!(raw.next().await.unwrap().control, Control::Monitor { .. }));
    soon(a.shutdown()).await;
    assert!(matches!(raw.next().await.unwrap().control, Control::Demonitor { .. }));
}
