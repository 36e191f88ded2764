//! What a node says of itself to whoever watches it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail as tests do"
)]

mod util;

use std::time::Duration;

use flitch::{CallMetrics, Cookie, LinkMetrics, Node, Term};

use util::{Host, Servant, call, connect, name, next_down, pair, soon, until};

const SHORT: Duration = Duration::from_millis(50);

fn count(counts: &[(&'static str, u64)], word: &str) -> u64 {
    counts.iter().find(|(it, _)| *it == word).expect(word).1
}

fn ended(calls: &CallMetrics, word: &str) -> u64 {
    calls.ended.iter().find(|(it, _)| *it == word).expect(word).1.count()
}

fn link(node: &Node) -> LinkMetrics {
    node.metrics().links.first().expect("a link").clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_are_counted_on_both_sides_by_what_became_of_them() {
    let (a, b) = Host::start().pair().await;
    Servant::on(&b, "servant");
    let servant = ("servant", b.name());
    for _ in 0..10 {
        call(&a, servant, pair("echo", 1)).await.unwrap();
    }
    call(&a, servant, pair("exit", Term::atom("no"))).await.unwrap_err();
    call(&a, servant, Term::atom("drop")).await.unwrap_err();
    call(&a, ("nobody", b.name()), Term::atom("x")).await.unwrap_err();
    a.call::<_, _, Term>(servant, &Term::atom("keep"), SHORT).await.unwrap_err();
    let given_up = call(&a, servant, Term::atom("keep"));
    tokio::time::timeout(SHORT, given_up).await.unwrap_err();

    let (out, served) = (a.metrics().calls_out, b.metrics().calls_in);
    for (outcome, times) in [("reply", 10), ("exit", 2), ("noproc", 1), ("timeout", 1)] {
        assert_eq!(ended(&out, outcome), times, "{outcome}");
    }
    assert_eq!((ended(&out, "given_up"), out.open), (1, 0));
    for (answer, times) in [("reply", 10), ("exit", 1), ("no_reply", 1)] {
        assert_eq!(ended(&served, answer), times, "{answer}");
    }
    assert_eq!(served.open, 2, "two are kept");
    b.cast("servant", &Term::atom("release")).await.unwrap();
    until(|| b.metrics().calls_in.open == 0).await;
    let times = &a.metrics().calls_out.ended[0].1;
    assert!(times.sum > Duration::ZERO && times.sum < Duration::from_secs(60), "{times:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_over_a_link_is_counted_at_both_ends_alike() {
    let (a, b) = Host::start().pair().await;
    Servant::on(&b, "servant");
    for _ in 0..5 {
        call(&a, ("servant", b.name()), pair("echo", "x".repeat(1000))).await.unwrap();
    }
    until(|| link(&a).bytes_in == link(&b).bytes_out && link(&a).bytes_out == link(&b).bytes_in)
        .await;
    let (ours, theirs) = (link(&a), link(&b));
    assert!(ours.dialled && !theirs.dialled && ours.hidden && ours.peer == *b.name());
    assert!(ours.bytes_out > 5000 && ours.bytes_in > 5000, "{ours:?}");
    assert_eq!((ours.messages_out, ours.messages_in), (5, 5));
    assert_eq!((theirs.messages_out, theirs.messages_in), (5, 5));
    let metrics = a.metrics();
    assert_eq!((metrics.bytes_in, metrics.bytes_out), (ours.bytes_in, ours.bytes_out));
    assert_eq!((metrics.messages_in, metrics.messages_out), (5, 5));
    assert!(ours.silent <= ours.since && !ours.stalled);
    until(|| link(&a).queued == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn links_that_end_and_dials_that_fail_are_counted_by_reason() {
    let host = Host::start();
    let (a, b) = host.pair().await;
    let mut events = a.events();
    b.disconnect(a.name());
    soon(next_down(&mut events)).await;
    connect(&a, &b).await;
    soon(b.shutdown()).await;
    soon(next_down(&mut events)).await;
    a.connect(&name("nobody@127.0.0.1")).await.unwrap_err();
    a.connect(&name("short@host")).await.unwrap_err();
    let metrics = a.metrics();
    assert_eq!((metrics.links_dialled, metrics.links_accepted), (2, 0));
    assert_eq!(count(&metrics.links_down, "closed"), 2, "{:?}", metrics.links_down);
    assert_eq!(count(&metrics.dials_failed, "epmd"), 1, "{:?}", metrics.dials_failed);
    assert!(metrics.links.is_empty());
    let theirs = b.metrics();
    assert_eq!(count(&theirs.links_down, "disconnected"), 1, "{:?}", theirs.links_down);
    assert_eq!(count(&theirs.links_down, "shutdown"), 1, "{:?}", theirs.links_down);
    assert!(theirs.stopping);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_not_let_in_is_counted_by_reason() {
    let host = Host::start();
    let a = host.node("a").await;
    let stranger = host.builder("b").cookie(Cookie::new("another-cookie-altogether").unwrap());
    let stranger = soon(stranger.start()).await.unwrap();
    stranger.connect(a.name()).await.unwrap_err();
    until(|| count(&a.metrics().connections_refused, "wrong_cookie") == 1).await;
    assert_eq!(count(&stranger.metrics().dials_failed, "handshake"), 1);
    let scanner = tokio::net::TcpStream::connect(("127.0.0.1", a.port())).await.unwrap();
    drop(scanner);
    until(|| count(&a.metrics().connections_refused, "closed") == 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_processes_is_seen_by_name_and_in_all() {
    let node = Host::start().node("a").await;
    let idle = node.metrics();
    let (go, gone) = tokio::sync::oneshot::channel::<()>();
    let process = node.spawn_process(|mut process| async move {
        let _ = gone.await;
        while process.next().await.is_some() {}
    });
    process.register("busy").unwrap();
    for _ in 0..100 {
        node.send("busy", &"x".repeat(1000)).await.unwrap();
    }
    let metrics = node.metrics();
    assert_eq!(metrics.processes, idle.processes + 1);
    assert!(metrics.mailbox_bytes >= 100_000, "{metrics:?}");
    assert_eq!(metrics.mailbox_bytes, metrics.largest_mailbox_bytes);
    let waiting: Vec<_> =
        metrics.registered.iter().map(|(name, it)| (name.as_str(), *it)).collect();
    assert_eq!(waiting, [("busy", metrics.mailbox_bytes), ("net_kernel", 0), ("rex", 0)]);
    go.send(()).unwrap();
    until(|| node.metrics().mailbox_bytes == 0).await;
}
