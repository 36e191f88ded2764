//! Peers that are broken, silent, slow or hostile.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail as tests do"
)]

mod util;

use std::time::{Duration, Instant};

use flitch::{Atom, CloseReason, NodeEvent, Target, Term};
use flitch_dist::{Control, SpawnRequest};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use util::probe::Probe;
use util::raw::{Raw, local, shake, stream};
use util::{Host, LONG, Servant, call, connect, name, next_down, pair, soon, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_peer_is_gone_after_the_ticktime_and_was_sent_ticks_until_then() {
    let ticktime = Duration::from_millis(400);
    let a = Host::start().builder("a").net_ticktime(ticktime).start().await.unwrap();
    let mut events = a.events();
    let mut raw = Raw::connect(&a, "raw", 5).await;
    let start = Instant::now();
    let mut bytes = Vec::new();
    let _ = soon(raw.stream.read_to_end(&mut bytes)).await;
    assert!(bytes.len() >= 8 && bytes.len() % 4 == 0 && bytes.iter().all(|byte| *byte == 0));
    let (_, reason) = next_down(&mut events).await;
    assert!(matches!(reason, CloseReason::TickTimeout(time) if time == ticktime), "{reason:?}");
    assert!(start.elapsed() >= ticktime * 3 / 4, "{:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_ticks_stays() {
    let ticktime = Duration::from_secs(1);
    let a = Host::start().builder("a").net_ticktime(ticktime).start().await.unwrap();
    let mut raw = Raw::connect(&a, "raw", 5).await;
    let start = Instant::now();
    while start.elapsed() < ticktime * 3 {
        raw.bytes(&[0; 4]).await;
        tokio::time::sleep(ticktime / 8).await;
    }
    assert!(a.is_connected(&raw.us.name));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_behind_the_handshake_ends_that_link_and_nothing_else() {
    let host = Host::start();
    let (a, b) = host.pair().await;
    Servant::on(&a, "servant");
    let cases: [&[u8]; 6] = [
        &[0, 0, 0, 1, 99],
        &[0, 0, 0, 4, 112, 131, 106, 106],
        &[0, 0, 0, 3, 112, 131, 255],
        &[0, 0, 0, 6, 112, 131, 104, 1, 97, 1],
        &[0, 0, 0, 9, 112, 131, 108, 255, 255, 255, 255, 97, 1],
        &[255, 255, 255, 255, 112],
    ];
    for bytes in cases {
        let mut events = a.events();
        let mut raw = Raw::connect(&a, "raw", 5).await;
        raw.bytes(bytes).await;
        let (node, reason) = next_down(&mut events).await;
        assert_eq!(node, raw.us.name);
        assert!(matches!(reason, CloseReason::Protocol(_)), "{bytes:?}: {reason:?}");
        raw.closed().await;
        let answer = call(&b, ("servant", a.name()), pair("echo", 1)).await;
        assert_eq!(answer.unwrap(), Term::from(1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frame_over_the_limit_ends_the_link_before_it_has_come() {
    let a = Host::start().builder("a").max_message(1000).start().await.unwrap();
    let mut events = a.events();
    let mut raw = Raw::connect(&a, "raw", 5).await;
    raw.bytes(&1001_u32.to_be_bytes()).await;
    let (_, reason) = next_down(&mut events).await;
    assert!(reason.to_string().contains("1001"), "{reason}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operation_that_nobody_knows_is_survived() {
    let a = Host::start().node("a").await;
    let mut probe = Probe::on(&a);
    let mut raw = Raw::connect(&a, "raw", 5).await;
    // {99, foo} and {200} with a payload.
    raw.bytes(&[0, 0, 0, 11, 112, 131, 104, 2, 97, 99, 119, 3, 102, 111, 111]).await;
    raw.bytes(&[0, 0, 0, 8, 112, 131, 104, 1, 97, 200, 131, 106]).await;
    raw.send(&Control::Send { from: None, to: probe.pid.clone() }, &Term::from(1)).await;
    probe.next().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_runs_here_that_was_not_offered_and_that_is_said_at_once() {
    let a = Host::start().node("a").await;
    let mut raw = Raw::connect(&a, "raw", 5).await;
    let spawn = |raw: &Raw, module: &'static str, function: &'static str| {
        Control::SpawnRequest(Box::new(SpawnRequest {
            request: raw.reference(1),
            from: raw.pid(1),
            group_leader: raw.pid(1),
            module: Atom::from_static(module),
            function: Atom::from_static(function),
            arity: 4,
            options: Term::from(vec![Term::atom("monitor")]),
        }))
    };
    let command = Term::from(vec![Term::from("id")]);
    let inner = vec![raw.reference(1).into(), Term::atom("os"), Term::atom("cmd"), command.clone()];
    let erpc = spawn(&raw, "erpc", "execute_call");
    raw.send(&erpc, &Term::from(inner)).await;
    assert!(matches!(raw.next().await.unwrap().control, Control::SpawnReply { .. }));
    let down = raw.next().await.unwrap();
    let reason: Term = down.payload.to_value().unwrap();
    assert!(reason.as_tuple().unwrap()[2].is_atom("undef"), "{reason:?}");
    let other = spawn(&raw, "os", "cmd");
    let four = Term::from(vec![Term::from("id"), 1.5.into(), 2.into(), 3.into()]);
    raw.send(&other, &four).await;
    assert!(matches!(raw.next().await.unwrap().control, Control::SpawnReply { .. }));
    let reason: Term = raw.next().await.unwrap().payload.to_value().unwrap();
    assert!(reason.as_tuple().unwrap()[0].is_atom("undef"), "{reason:?}");
    // Not as many arguments as it says, and none at all.
    for wrong in [command, Term::atom("none")] {
        raw.send(&other, &wrong).await;
        let Control::SpawnReply { result, .. } = raw.next().await.unwrap().control else {
            panic!("no SPAWN_REPLY")
        };
        assert!(result.is_atom("badarg"), "{result:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn senders_wait_for_a_peer_that_stops_reading_and_other_links_go_on() {
    let host = Host::start();
    let a = host.builder("a").link_limit(100_000).start().await.unwrap();
    let b = host.node("b").await;
    connect(&a, &b).await;
    Servant::on(&a, "servant");
    let mut raw = Raw::connect(&a, "raw", 5).await;
    let sent = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let sender = tokio::spawn({
        let (a, sent) = (a.clone(), sent.clone());
        async move {
            let text = "x".repeat(10_000);
            for _ in 0..3000 {
                a.send(("sink", "raw@127.0.0.1"), &text).await.unwrap();
                sent.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            }
        }
    });
    // Until the sender stands still: what the system's buffers and ours hold is in.
    let mut before = usize::MAX;
    soon(async {
        while before != sent.load(std::sync::atomic::Ordering::SeqCst) {
            before = sent.load(std::sync::atomic::Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    })
    .await;
    assert!(before < 3000 && !sender.is_finished());
    for turn in 0..20 {
        let answer = call(&b, ("servant", a.name()), pair("echo", turn)).await;
        assert_eq!(answer.unwrap(), Term::from(turn));
    }
    // It reads again, and everything comes.
    for _ in 0..3000 {
        assert!(raw.next().await.is_some());
    }
    soon(sender).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_asks_and_never_reads_holds_up_nobody_and_loses_its_link() {
    let host = Host::start();
    let a = host.builder("a").link_limit(100_000).start().await.unwrap();
    let b = host.node("b").await;
    let mut probe = Probe::on(&a);
    Servant::on(&a, "servant");
    connect(&a, &b).await;
    let mut events = a.events();
    let raw = Raw::connect(&a, "raw", 5).await;
    // Answers of 50 kB each, of which none is read.
    let large = Term::from("x".repeat(50_000));
    let from = Term::from((Term::from(raw.pid(1)), Term::from(raw.reference(1))));
    let request = Term::from((Term::atom("$gen_call"), from, pair("echo", large)));
    let to = Control::RegSend { from: raw.pid(1), to: Atom::from_static("servant") };
    let frame = Raw::frame(&to, &request);
    let (_unread, mut writer) = raw.stream.into_split();
    let flood = tokio::spawn(async move {
        for _ in 0..1000 {
            if writer.write_all(&frame).await.is_err() {
                break;
            }
        }
        writer
    });
    let down = tokio::spawn(async move { next_down(&mut events).await });
    // The server serves b meanwhile, and so do others on the node.
    while !down.is_finished() {
        call(&b, ("servant", a.name()), pair("echo", 1)).await.unwrap();
        b.send(&probe.pid, &1).await.unwrap();
        probe.next().await;
    }
    let (node, reason) = soon(down).await.unwrap();
    assert_eq!(node, name("raw@127.0.0.1"));
    assert!(matches!(reason, CloseReason::Overflow), "{reason:?}");
    soon(flood).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_monitors_whose_answers_nobody_reads_ends_that_link() {
    let a = Host::start().builder("a").link_limit(100_000).start().await.unwrap();
    let mut events = a.events();
    let raw = Raw::connect(&a, "raw", 5).await;
    let target = Target::Name(Atom::from_static("nobody"));
    let monitor = Control::Monitor { from: raw.pid(1), target, reference: raw.reference(1) };
    let frames = Raw::frame(&monitor, &Term::empty_list()).repeat(1000);
    let (_unread, mut writer) = raw.stream.into_split();
    let flood = tokio::spawn(async move { while writer.write_all(&frames).await.is_ok() {} });
    let (_, reason) = next_down(&mut events).await;
    assert!(matches!(reason, CloseReason::Overflow), "{reason:?}");
    soon(flood).await.unwrap();
}

#[tokio::test]
async fn a_peer_with_more_links_and_monitors_than_it_may_have_loses_its_link() {
    let host = Host::start();
    let a = host.builder("a").max_bonds(3).start().await.unwrap();
    let probe = Probe::on(&a);
    let mut events = a.events();
    let mut raw = Raw::connect(&a, "raw", 5).await;
    for number in 0..4 {
        assert!(a.is_connected(&raw.us.name), "{number} are not too many");
        let (from, reference) = (raw.pid(1), raw.reference(number));
        let target = probe.pid.clone().into();
        raw.send(&Control::Monitor { from, target, reference }, &Term::empty_list()).await;
    }
    let (node, reason) = next_down(&mut events).await;
    assert_eq!(node, raw.us.name);
    assert!(matches!(reason, CloseReason::TooManyBonds), "{reason:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handshakes_that_fail_under_fresh_names_leave_no_peer_behind() {
    let a = Host::start().node("a").await;
    let mut events = a.events();
    let mut trying = JoinSet::new();
    for number in 0..300 {
        let a = a.clone();
        trying.spawn(async move {
            let mut stream = stream(&a).await;
            let us = local(&format!("stranger{number}"), 5);
            shake(&mut stream, us, a.name(), "no cookie of ours").await.unwrap_err();
        });
    }
    while let Some(done) = soon(trying.join_next()).await {
        done.unwrap();
    }
    assert!(a.peers_up().is_empty());
    assert!(events.try_recv().is_err());
    Raw::connect(&a, "friend", 5).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_open_handshakes_keep_out_nobody() {
    let host = Host::start();
    let (a, b) = (host.node("a").await, host.node("b").await);
    let mut half_open: Vec<TcpStream> = Vec::new();
    for _ in 0..600 {
        half_open.push(stream(&a).await);
    }
    let patience = Duration::from_secs(3);
    tokio::time::timeout(patience, b.connect(a.name())).await.unwrap().unwrap();
    // The oldest had to go for the others.
    let first = half_open.first_mut().unwrap();
    assert!(matches!(soon(first.read(&mut [0; 1])).await, Ok(0) | Err(_)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handshake_that_drips_is_over_in_time_however_often_a_byte_comes() {
    let patience = Duration::from_millis(300);
    let host = Host::start();
    let a = host.builder("a").setup_timeout(patience).start().await.unwrap();
    let mut stream = stream(&a).await;
    let start = Instant::now();
    // The length of a name that would take twenty seconds to come.
    stream.write_all(&1000_u16.to_be_bytes()).await.unwrap();
    let dripping = async {
        while stream.write_all(b"N").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    soon(dripping).await;
    assert!(start.elapsed() >= patience && start.elapsed() < LONG);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_bound_to_a_peer_is_gone_with_it() {
    let a = Host::start().node("a").await;
    let mut probe = Probe::trapping(&a).await;
    for life in 5..25 {
        let mut events = a.events();
        let mut raw = Raw::connect(&a, "raw", life).await;
        let (from, to, none) = (raw.pid(1), probe.pid.clone(), Term::empty_list());
        raw.send(&Control::Link { from: from.clone(), to: to.clone() }, &none).await;
        let target = Target::Pid(to);
        let monitor = Control::Monitor { from: from.clone(), target, reference: raw.reference(1) };
        raw.send(&monitor, &none).await;
        drop(raw);
        assert_eq!(probe.exit().await, (from, Term::atom("noconnection")));
        assert!(matches!(soon(events.recv()).await, Ok(NodeEvent::Up { .. })));
        next_down(&mut events).await;
    }
    // Were anything left, the end of the process would dial twenty lives of a node.
    probe.end(());
    probe.ended().await;
    until(|| a.peers_up().is_empty()).await;
}
