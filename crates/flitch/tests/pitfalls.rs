//! What breaks third-party nodes once they are connected, one test a pitfall. Beside these:
//! `flitch-dist/tests` for headers, fragments and control messages, `large.rs` for what goes in
//! fragments, `signals.rs` for links and monitors, `hostile.rs` for peers that mean harm.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod util;

use std::io::Write;
use std::time::Duration;

use flitch::{Binary, Incoming, Term};
use flitch_dist::Control;
use flitch_etf::{Atom, ImproperList};
use tokio::io::AsyncReadExt;
use util::probe::Probe;
use util::raw::Raw;
use util::{Host, Servant, pair, soon};

const TICK: [u8; 4] = [0; 4];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_takes_a_large_message_slowly_is_not_taken_for_dead() {
    let ticktime = Duration::from_secs(1);
    let a = Host::start().builder("a").net_ticktime(ticktime).start().await.unwrap();
    let mut raw = Raw::connect(&a, "raw", 5).await;
    let large = Term::from(Binary::from(vec![1u8; 40 << 20]));
    let sending = tokio::spawn({
        let (a, to) = (a.clone(), raw.pid(1));
        async move { a.send(&to, &large).await }
    });
    // More than a tick time for the whole, and never a whole one without a byte.
    let (mut taken, mut buffer) = (0, vec![0; 1 << 20]);
    while taken < 40 << 20 {
        taken += soon(raw.stream.read(&mut buffer)).await.unwrap();
        raw.bytes(&TICK).await;
        tokio::time::sleep(Duration::from_millis(35)).await;
    }
    soon(sending).await.unwrap().unwrap();
    assert!(a.is_connected(&raw.us.name));
}

#[tokio::test]
async fn a_peer_that_ticks_less_often_than_we_do_stays() {
    let ticktime = Duration::from_secs(1);
    let host = Host::start();
    let a = host.builder("a").net_ticktime(ticktime).net_tickintensity(100);
    let a = a.start().await.unwrap();
    let mut raw = Raw::connect(&a, "raw", 5).await;
    for _ in 0..4 {
        tokio::time::sleep(ticktime / 2).await;
        raw.bytes(&TICK).await;
    }
    assert!(a.is_connected(&raw.us.name));
    // And ours came as often as was asked for.
    let mut buffer = vec![0; 64 << 10];
    let ticks = soon(raw.stream.read(&mut buffer)).await.unwrap() / TICK.len();
    assert!(ticks > 20, "{ticks} ticks");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_order_of_signals_between_two_processes_is_kept() {
    let a = Host::start().node("a").await;
    let mut probe = Probe::trapping(&a).await;
    let mut raw = Raw::connect(&a, "raw", 5).await;
    let (from, to) = (raw.pid(1), probe.pid.clone());
    let mut frames = Vec::new();
    for number in 0..1000 {
        let send = Control::Send { from: Some(from.clone()), to: to.clone() };
        let large = if number % 100 == 0 { 100_000 } else { 10 };
        let message = Term::from((number, Binary::from(vec![0; large])));
        frames.extend(Raw::frame(&send, &message));
        let exit = Control::Exit2 { from: from.clone(), to: to.clone() };
        frames.extend(Raw::frame(&exit, &Term::from(number)));
    }
    let reading = async {
        for expected in 0..1000i64 {
            let Incoming::Message(message) = probe.next().await else { panic!("no message") };
            assert_eq!(message.to_value::<(i64, Term)>().unwrap().0, expected);
            let Incoming::Exit { reason, .. } = probe.next().await else { panic!("no exit") };
            assert_eq!(reason, Term::from(expected));
        }
    };
    tokio::join!(raw.bytes(&frames), reading);
}

#[tokio::test]
async fn the_reply_goes_to_the_alias_tag_and_all() {
    let a = Host::start().node("a").await;
    Servant::on(&a, "servant");
    let mut raw = Raw::connect(&a, "raw", 5).await;
    let reference = raw.reference(1);
    let tag = ImproperList::term(vec![Term::atom("alias")], reference.clone().into());
    let from = Term::from((Term::from(raw.pid(1)), tag.clone()));
    let request = Term::from((Term::atom("$gen_call"), from, pair("echo", 7)));
    let to = Control::RegSend { from: raw.pid(1), to: Atom::from_static("servant") };
    raw.send(&to, &request).await;
    let answer = raw.next().await.unwrap();
    let Control::AliasSend { alias, .. } = &answer.control else { panic!("{answer:?}") };
    assert_eq!(*alias, reference);
    assert_eq!(answer.payload.to_value::<Term>().unwrap(), Term::from((tag, 7)));
}

#[tokio::test]
async fn a_ping_is_a_call_to_net_kernel() {
    let a = Host::start().node("a").await;
    let mut raw = Raw::connect(&a, "raw", 5).await;
    let from = Term::from((Term::from(raw.pid(1)), Term::from(raw.reference(1))));
    let request = pair("is_auth", raw.atom());
    let request = Term::from((Term::atom("$gen_call"), from, request));
    let to = Control::RegSend { from: raw.pid(1), to: Atom::from_static("net_kernel") };
    raw.send(&to, &request).await;
    let answer: (flitch::Reference, Term) = raw.next().await.unwrap().payload.to_value().unwrap();
    assert_eq!(answer, (raw.reference(1), Term::atom("yes")));
}

#[tokio::test]
async fn a_slow_process_does_not_stall_its_link_for_the_others() {
    let a = Host::start().builder("a").mailbox_limit(1 << 20).start().await.unwrap();
    let slow = a.spawn_process(|process| async move {
        std::future::pending::<()>().await;
        drop(process);
    });
    let mut quick = Probe::on(&a);
    let mut raw = Raw::connect(&a, "raw", 5).await;
    let watch = Control::Monitor {
        from: raw.pid(1),
        target: slow.pid().clone().into(),
        reference: raw.reference(1),
    };
    raw.send(&watch, &Term::empty_list()).await;
    let to_slow = Control::Send { from: Some(raw.pid(1)), to: slow.pid().clone() };
    let to_quick = Control::Send { from: Some(raw.pid(1)), to: quick.pid.clone() };
    // Twice what its mailbox holds: it ends, with a reason, and memory does not grow.
    for number in 0..200 {
        raw.send(&to_slow, &Binary::from(vec![0; 10_000]).into()).await;
        raw.send(&to_quick, &number.into()).await;
        let Incoming::Message(message) = quick.next().await else { panic!("no message") };
        assert_eq!(message.to_value::<i64>().unwrap(), number);
    }
    let down = raw.next().await.unwrap();
    assert!(matches!(down.control, Control::MonitorExit { .. }), "{down:?}");
    assert!(down.payload.to_value::<Term>().unwrap().is_atom("mailbox_full"));
}

#[tokio::test]
async fn a_peer_that_ticks_is_not_dead_when_we_were_held_up_ourselves() {
    let ticktime = Duration::from_millis(400);
    let host = Host::start();
    let a = host.builder("a").net_ticktime(ticktime).start().await.unwrap();
    for life in 1..5 {
        let raw = Raw::connect(&a, "raw", life).await;
        let (name, stream) = (raw.us.name.clone(), raw.stream.into_std().unwrap());
        stream.set_nonblocking(false).unwrap();
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let ticking = std::thread::spawn(move || {
            let every = Duration::from_millis(20);
            while stopped.recv_timeout(every).is_err() && (&stream).write_all(&TICK).is_ok() {}
        });
        // Nothing runs here meanwhile: a busy runtime, a container without its share, a paused
        // machine.
        std::thread::sleep(ticktime * 3 / 2);
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(a.is_connected(&name));
        stop.send(()).unwrap();
        tokio::task::spawn_blocking(|| ticking.join().unwrap()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_a_process_comes_behind_all_that_it_has_sent() {
    let a = Host::start().node("a").await;
    let mut raw = Raw::connect(&a, "raw", 5).await;
    let (go, gone) = tokio::sync::oneshot::channel::<()>();
    let to = raw.pid(1);
    let worker = a.spawn_process(|process| async move {
        let _ = gone.await;
        process.send(&to, &Binary::from(vec![1; 20 << 20])).await.unwrap();
    });
    let watch = Control::Monitor {
        from: raw.pid(1),
        target: worker.pid().clone().into(),
        reference: raw.reference(1),
    };
    raw.send(&watch, &Term::empty_list()).await;
    // The monitor is in when a later signal is answered.
    let nobody = Control::Monitor {
        from: raw.pid(1),
        target: Atom::from_static("nobody").into(),
        reference: raw.reference(2),
    };
    raw.send(&nobody, &Term::empty_list()).await;
    assert!(matches!(raw.next().await.unwrap().control, Control::MonitorExit { .. }));
    go.send(()).unwrap();
    let result = raw.next().await.unwrap();
    assert_eq!(result.control.sender(), Some(worker.pid()));
    assert!(matches!(result.control, Control::Send { .. }), "{:?}", result.control);
    assert!(matches!(raw.next().await.unwrap().control, Control::MonitorExit { .. }));
}
