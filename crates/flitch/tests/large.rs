//! Large messages: what they may hold up, and what must stay behind them; and what goes to peers
//! of other releases.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod util;

use std::time::Duration;

use flitch::{Binary, CallError, CloseReason, Incapable, Incoming, SendError, Term};
use flitch_dist::{Altact, Control, Recipient, Signal};
use flitch_etf::{Atom, Record};
use flitch_handshake::Flags;
use util::probe::Probe;
use util::raw::Raw;
use util::{Host, LONG, Servant, call, next_down, pair, soon, until};

/// More than the buffers of the system hold.
const HUGE: usize = 96 << 20;

fn blob(tag: u64, len: usize) -> Term {
    Term::from((tag, Binary::from(vec![7u8; len])))
}

/// The first element of the message.
fn tag(signal: &Signal) -> u64 {
    let mut reader = signal.payload.reader();
    reader.tuple().unwrap();
    reader.integer().unwrap().try_into().unwrap()
}

fn text(incoming: Incoming) -> String {
    let Incoming::Message(message) = incoming else { panic!("{incoming:?}") };
    message.to_value().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn small_messages_pass_a_huge_one_on_its_way_to_another_process() {
    let a = Host::start().node("a").await;
    let mut raw = Raw::connect(&a, "raw", 5).await;
    // Nothing is read until all three are sent.
    a.send(&raw.pid(1), &blob(1, HUGE)).await.unwrap();
    a.send(&raw.pid(2), &blob(2, 10)).await.unwrap();
    // Who sends more to the same process waits for room.
    let waiting = tokio::spawn({
        let (a, to) = (a.clone(), raw.pid(1));
        async move { a.send(&to, &blob(3, 10)).await }
    });
    let mut tags = Vec::new();
    for _ in 0..3 {
        tags.push(tag(&soon(raw.next()).await.unwrap()));
    }
    assert_eq!(tags, [2, 1, 3], "to the same process, the order is that of sending");
    soon(waiting).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_does_not_read_its_huge_answer_holds_up_nobody() {
    let host = Host::start();
    let a = host.node("a").await;
    let b = host.node("b").await;
    Servant::on(&a, "generous");
    Servant::on(&a, "modest");
    let mut raw = Raw::connect(&a, "raw", 5).await;
    for (server, number, size) in [("generous", 1, HUGE), ("modest", 2, 10), ("generous", 3, 10)] {
        let from = Term::from((Term::from(raw.pid(1)), Term::from(raw.reference(number))));
        let echo = pair("echo", Binary::from(vec![1; size]));
        let request = Term::from((Term::atom("$gen_call"), from, echo));
        let to = Control::RegSend { from: raw.pid(1), to: Atom::from_static(server) };
        raw.send(&to, &request).await;
    }
    // The very server that has answered so much serves others meanwhile.
    until(|| a.info().messages_in >= 3).await;
    assert_eq!(call(&b, ("generous", a.name()), pair("echo", 7)).await.unwrap(), Term::from(7));
    let mut answers = Vec::new();
    for _ in 0..3 {
        let signal = soon(raw.next()).await.unwrap();
        let (answer, _): (flitch::Reference, Term) = signal.payload.to_value().unwrap();
        answers.push(answer);
    }
    assert_eq!(answers, [2, 1, 3].map(|number| raw.reference(number)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_flushed_has_gone_before_what_is_sent_then() {
    let a = Host::start().node("a").await;
    let mut raw = Raw::connect(&a, "raw", 5).await;
    let sender = tokio::spawn({
        let (a, one, two, peer) = (a.clone(), raw.pid(1), raw.pid(2), raw.us.name.clone());
        async move {
            a.send(&one, &blob(1, HUGE)).await.unwrap();
            a.flushed(&peer).await;
            a.send(&two, &blob(2, 10)).await.unwrap();
        }
    });
    assert_eq!(tag(&soon(raw.next()).await.unwrap()), 1);
    assert_eq!(tag(&soon(raw.next()).await.unwrap()), 2);
    soon(sender).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_huge_term_goes_to_another_node_of_ours_and_comes_back() {
    let (a, b) = Host::start().pair().await;
    Servant::on(&b, "servant");
    let huge = Term::from(Binary::from(vec![3u8; HUGE]));
    let answer = call(&a, ("servant", b.name()), pair("echo", huge.clone())).await;
    assert!(answer.unwrap() == huge);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_large_answers_of_one_server_all_arrive() {
    let (a, b) = Host::start().pair().await;
    Servant::on(&b, "servant");
    let large = Term::from(Binary::from(vec![3u8; 30 << 20]));
    let calls = (0..5).map(|_| call(&a, ("servant", b.name()), pair("echo", large.clone())));
    for answer in futures_util::future::join_all(calls).await {
        assert!(answer.unwrap() == large);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_want_to_wait_is_told_that_the_peer_is_busy() {
    let host = Host::start();
    let a = host.builder("a").link_limit(100_000).start().await.unwrap();
    let mut raw = Raw::connect(&a, "raw", 5).await;
    let to = raw.pid(1);
    let text = Binary::from(vec![1; 50_000]);
    let mut sent = 0;
    let error = loop {
        match a.try_send(&to, &text) {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
        tokio::task::yield_now().await;
    };
    assert!(matches!(error, SendError::Busy), "{error:?}");
    for _ in 0..sent {
        assert!(raw.next().await.is_some());
    }
    a.try_send(&to, &text).unwrap();
    let stranger = ("desk", "nobody@127.0.0.1");
    assert!(matches!(a.try_send(stranger, &text), Err(SendError::NotConnected)));
}

/// The frames of a message in fragments.
fn fragments(control: &Control, payload: &Term) -> Vec<Vec<u8>> {
    let mut bytes = Raw::frame(control, payload);
    let mut frames = Vec::new();
    while let Some(len) = bytes.first_chunk::<4>() {
        let rest = bytes.split_off(4 + u32::from_be_bytes(*len) as usize);
        frames.push(std::mem::replace(&mut bytes, rest));
    }
    frames
}

#[tokio::test]
async fn fragments_that_a_peer_never_ends_are_let_go_and_the_link_lives_on() {
    let ticktime = Duration::from_secs(1);
    let a = Host::start().builder("a").net_ticktime(ticktime).start().await.unwrap();
    let mut probe = Probe::on(&a);
    let mut events = a.events();
    let mut raw = Raw::connect(&a, "raw", 5).await;
    let to = Control::Send { from: Some(raw.pid(1)), to: probe.pid.clone() };
    let parts = fragments(&to, &blob(1, 300_000));
    assert!(parts.len() > 3);
    raw.bytes(&parts[0]).await;
    // Ticks for long enough to be forgotten, however the two clocks stand.
    for _ in 0..15 {
        raw.bytes(&[0; 4]).await;
        tokio::time::sleep(ticktime / 5).await;
    }
    raw.send(&to, &Term::from("alive")).await;
    assert_eq!(text(probe.next().await), "alive");
    // To go on with it after all is no message lost in silence: the link ends.
    raw.bytes(&parts[1]).await;
    let (_, reason) = next_down(&mut events).await;
    assert!(matches!(reason, CloseReason::Protocol(_)), "{reason:?}");
}

#[tokio::test]
async fn a_message_over_the_limit_ends_the_link_however_many_fragments_it_comes_in() {
    let a = Host::start().builder("a").max_message(200_000).start().await.unwrap();
    let probe = Probe::on(&a);
    let mut events = a.events();
    let mut raw = Raw::connect(&a, "raw", 5).await;
    let to = Control::Send { from: Some(raw.pid(1)), to: probe.pid.clone() };
    for frame in fragments(&to, &blob(1, 300_000)) {
        if raw.try_bytes(&frame).await.is_err() {
            break;
        }
    }
    let (_, reason) = next_down(&mut events).await;
    assert!(reason.to_string().contains("200000"), "{reason}");
}

fn record() -> Term {
    let [module, name, field] = ["geo", "point", "x"].map(Atom::from_static);
    Record::new(module, name, [(field, 1.into())]).unwrap().into()
}

#[tokio::test]
async fn a_native_record_for_a_peer_before_otp_29_is_an_error_of_the_sender() {
    let a = Host::start().node("a").await;
    Servant::on(&a, "servant");
    let older = Flags::OFFERED.without(Flags::NATIVE_RECORDS);
    let mut raw = Raw::connect_with(&a, "raw", 5, older).await;
    let error = a.send(&raw.pid(1), &record()).await.unwrap_err();
    assert!(matches!(error, SendError::Incapable(Incapable::NativeRecords)), "{error:?}");
    let error = call(&a, &raw.pid(1), record()).await.unwrap_err();
    assert!(matches!(error, CallError::Incapable(Incapable::NativeRecords)), "{error:?}");
    let Control::Monitor { reference, .. } = raw.next().await.unwrap().control else {
        panic!("no MONITOR_P")
    };
    let Control::Demonitor { reference: undone, .. } = raw.next().await.unwrap().control else {
        panic!("no DEMONITOR_P")
    };
    assert_eq!(reference, undone);
    // A server's answer with one is an exit for who called, and no lost link.
    let monitor = Control::Monitor {
        from: raw.pid(1),
        target: Atom::from_static("servant").into(),
        reference: raw.reference(1),
    };
    raw.send(&monitor, &Term::empty_list()).await;
    let from = Term::from((Term::from(raw.pid(1)), Term::from(raw.reference(1))));
    let request = Term::from((Term::atom("$gen_call"), from, pair("echo", record())));
    let to = Control::RegSend { from: raw.pid(1), to: Atom::from_static("servant") };
    raw.send(&to, &request).await;
    let down = raw.next().await.unwrap();
    assert!(matches!(down.control, Control::MonitorExit { .. }), "{down:?}");
    let reason: Term = down.payload.to_value().unwrap();
    assert!(reason.as_tuple().unwrap()[0].is_atom("unencodable_reply"), "{reason:?}");
}

#[tokio::test]
async fn a_peer_that_knows_no_aliases_answers_to_the_pid() {
    let a = Host::start().node("a").await;
    let older = Flags::OFFERED.without(Flags::ALIAS).without(Flags::ALTACT_SIG);
    let mut raw = Raw::connect_with(&a, "raw", 5, older).await;
    let calling = tokio::spawn({
        let (a, to) = (a.clone(), raw.pid(1));
        async move { call(&a, &to, Term::from("?")).await }
    });
    assert!(matches!(raw.next().await.unwrap().control, Control::Monitor { .. }));
    let request: Term = raw.next().await.unwrap().payload.to_value().unwrap();
    let from = request.as_tuple().unwrap()[1].as_tuple().unwrap();
    let (caller, reference) = (from[0].as_pid().unwrap(), from[1].as_reference().unwrap());
    let answer = Term::from((Term::from(reference.clone()), Term::from("!")));
    raw.send(&Control::Send { from: Some(raw.pid(1)), to: caller.clone() }, &answer).await;
    assert_eq!(soon(calling).await.unwrap().unwrap(), Term::from("!"));
}

#[tokio::test]
async fn a_peer_that_cannot_spawn_is_asked_by_way_of_rex_and_starts_no_process() {
    let a = Host::start().node("a").await;
    let mut raw = Raw::connect_with(&a, "raw", 5, Flags::OFFERED.without(Flags::SPAWN)).await;
    let peer = raw.us.name.clone();
    let spawned = a.spawn_on(&peer, "erlang", "node", &[], LONG).await;
    assert!(spawned.unwrap_err().to_string().contains("SPAWN_REQUEST"));
    let served = async {
        let call = loop {
            let signal = raw.next().await.unwrap();
            if matches!(&signal.control, Control::RegSend { to, .. } if *to == *"rex") {
                break signal.payload.to_value::<Term>().unwrap();
            }
        };
        let [_, from, request] = call.as_tuple().unwrap() else { panic!("{call:?}") };
        assert!(request.as_tuple().unwrap()[0].is_atom("call"), "{request:?}");
        let [Term::Pid(to), tag] = from.as_tuple().unwrap() else { panic!("{from:?}") };
        let reply = Control::Send { from: None, to: to.as_ref().clone() };
        raw.send(&reply, &Term::from((tag, 7))).await;
    };
    let (answer, ()) = tokio::join!(a.rpc::<u64>(&peer, "erlang", "node", &[], LONG), served);
    assert_eq!(answer.unwrap(), 7);
}

#[tokio::test]
async fn signals_of_otp_28_are_obeyed_with_priority_and_without() {
    let a = Host::start().node("a").await;
    let mut probe = Probe::on(&a);
    let raw = &mut Raw::connect(&a, "raw", 5).await;
    let altact =
        |to, priority, exit| Control::Altact(Altact { from: raw.pid(1), to, priority, exit });
    let to_pid = altact(Recipient::Pid(probe.pid.clone()), true, false);
    let to_nobody = altact(Recipient::Name(Atom::from_static("nobody")), true, false);
    let to_alias = altact(Recipient::Alias(raw.reference(1)), true, true);
    let end = altact(Recipient::Pid(probe.pid.clone()), true, true);
    let watch = Control::Monitor {
        from: raw.pid(1),
        target: probe.pid.clone().into(),
        reference: raw.reference(7),
    };
    raw.send(&to_pid, &Term::from("hello")).await;
    assert_eq!(text(probe.next().await), "hello");
    raw.send(&to_nobody, &Term::from("hello")).await;
    raw.send(&to_alias, &Term::atom("why")).await;
    raw.send(&watch, &Term::empty_list()).await;
    raw.send(&end, &Term::atom("enough")).await;
    let down = raw.next().await.unwrap();
    assert!(matches!(down.control, Control::MonitorExit { .. }), "{down:?}");
    assert!(down.payload.to_value::<Term>().unwrap().is_atom("enough"));
}

#[tokio::test]
async fn an_exit_of_otp_28_in_the_name_of_another_node_ends_the_link() {
    let a = Host::start().node("a").await;
    let probe = Probe::on(&a);
    let mut events = a.events();
    let mut raw = Raw::connect(&a, "raw", 5).await;
    let to = Recipient::Pid(probe.pid.clone());
    let forged = Altact { from: probe.pid.clone(), to, priority: false, exit: true };
    raw.send(&Control::Altact(forged), &Term::atom("die")).await;
    let (_, reason) = next_down(&mut events).await;
    assert!(matches!(reason, CloseReason::Protocol(_)), "{reason:?}");
    until(|| !a.is_connected(&raw.us.name)).await;
}
