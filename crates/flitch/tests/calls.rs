//! Calls, casts and messages between two nodes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail as tests do"
)]

mod util;

use std::time::Duration;

use flitch::{CallError, Caller, ConnectError, GenServer, Incoming, SendError, Target, Term};
use flitch_dist::Control;
use flitch_etf::ImproperList;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use util::probe::Probe;
use util::raw::Raw;
use util::{Host, LONG, Servant, call, pair, soon};

const SHORT: Duration = Duration::from_millis(50);

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
struct Item {
    sku: String,
    count: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Order {
    Double(Item),
}

/// A server with requests of its own types.
struct Typed;

impl GenServer for Typed {
    type Call = Order;
    type Cast = Order;
    type Reply = Item;

    async fn handle_call(&mut self, Order::Double(item): Order, caller: Caller<Item>) {
        caller.reply(Item { count: item.count * 2, ..item });
    }

    async fn handle_cast(&mut self, _: Order) {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_by_name_and_by_pid_is_answered_in_the_types_of_both_sides() {
    let (a, b) = Host::start().pair().await;
    let typed = b.spawn(Typed).register("typed").unwrap();
    let item = Item { sku: "a-1".into(), count: 4 };
    let request = (Term::atom("double"), item.clone());
    let by_name: Item = a.call(("typed", b.name()), &request, LONG).await.unwrap();
    let by_pid: Item = a.call(typed.pid(), &request, LONG).await.unwrap();
    assert_eq!((by_name.count, by_pid.count), (8, 8));
    let here: Item = b.call("typed", &request, LONG).await.unwrap();
    assert_eq!(here, Item { count: 8, ..item });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_dials_the_node_if_need_be() {
    let host = Host::start();
    let (a, b) = (host.node("a").await, host.node("b").await);
    Servant::on(&b, "servant");
    let answer = call(&a, ("servant", b.name()), pair("echo", 5)).await.unwrap();
    assert_eq!(answer, Term::from(5));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn casts_and_messages_arrive_as_what_they_are() {
    let (a, b) = Host::start().pair().await;
    let (servant, mut heard) = Servant::new();
    let servant = b.spawn(servant).register("servant").unwrap();
    a.cast(("servant", b.name()), &pair("cast", 1)).await.unwrap();
    a.send(servant.pid(), &pair("message", 2)).await.unwrap();
    b.send("servant", &pair("from here", 3)).await.unwrap();
    let mut all = Vec::new();
    for _ in 0..3 {
        all.push(soon(heard.recv()).await.unwrap());
    }
    all.retain(|message| *message != pair("from here", 3));
    assert_eq!(all, [pair("cast", 1), pair("message", 2)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_one_sender_keep_their_order() {
    let (a, b) = Host::start().pair().await;
    let (servant, mut heard) = Servant::new();
    b.spawn(servant).register("servant").unwrap();
    for number in 0..5000 {
        // Large and small in turn: none passes another.
        let filler = Term::from("x".repeat(if number % 100 == 0 { 100_000 } else { 1 }));
        a.send(("servant", b.name()), &Term::from((number, filler))).await.unwrap();
    }
    for number in 0..5000 {
        let message = soon(heard.recv()).await.unwrap();
        assert_eq!(message.as_tuple().unwrap()[0], Term::from(number));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_may_come_later_and_from_elsewhere() {
    let (a, b) = Host::start().pair().await;
    let (servant, mut heard) = Servant::new();
    b.spawn(servant).register("servant").unwrap();
    let mut calls = JoinSet::new();
    for _ in 0..3 {
        let (a, to) = (a.clone(), b.name().clone());
        calls.spawn(async move { call(&a, ("servant", &to), Term::atom("keep")).await });
    }
    for _ in 0..3 {
        assert!(soon(heard.recv()).await.unwrap().is_atom("keep"));
    }
    a.cast(("servant", b.name()), &Term::atom("release")).await.unwrap();
    while let Some(answer) = soon(calls.join_next()).await {
        assert!(answer.unwrap().unwrap().is_atom("late"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_not_answered_exits_and_does_not_wait_for_its_timeout() {
    let (a, b) = Host::start().pair().await;
    Servant::on(&b, "servant");
    let exit = |request| async {
        match call(&a, ("servant", b.name()), request).await {
            Err(CallError::Exit(reason)) => reason,
            other => panic!("{other:?} in place of an exit"),
        }
    };
    assert!(exit(Term::atom("drop it")).await.is_atom("no_reply"));
    assert_eq!(exit(pair("exit", 7)).await, Term::from(7));
    assert!(exit(Term::atom("nan")).await.as_tuple().unwrap()[0].is_atom("unencodable_reply"));
    let answer = call(&a, ("servant", b.name()), pair("echo", 5)).await.unwrap();
    assert_eq!(answer, Term::from(5), "and the server lives on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_cannot_be_decoded_is_a_function_clause_and_the_server_lives_on() {
    let (a, b) = Host::start().pair().await;
    b.spawn(Typed).register("typed").unwrap();
    let to = ("typed", b.name());
    for request in [Term::atom("what"), pair("double", 5), Term::from(vec![Term::from(1)])] {
        a.cast(to, &request).await.unwrap();
        match call(&a, to, request.clone()).await {
            Err(CallError::Exit(reason)) => {
                let parts = reason.as_tuple().unwrap();
                assert!(parts[0].is_atom("function_clause"), "{reason:?}");
                let frame = parts[1].as_list().unwrap()[0].as_tuple().unwrap();
                assert_eq!(frame[2].as_list().unwrap()[0], request, "the stack has the request");
            }
            other => panic!("{other:?} in place of an exit"),
        }
    }
    let item = Item { sku: "a-1".into(), count: 1 };
    let answer: Item = a.call(to, &(Term::atom("double"), item), LONG).await.unwrap();
    assert_eq!(answer.count, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_of_another_type_says_so() {
    let (a, b) = Host::start().pair().await;
    Servant::on(&b, "servant");
    let answer = a.call::<_, _, u32>(("servant", b.name()), &pair("echo", "text"), LONG).await;
    assert!(matches!(answer, Err(CallError::Decode(_))), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_panics_ends_its_callers_with_the_panic_as_the_reason() {
    let (a, b) = Host::start().pair().await;
    let servant = Servant::on(&b, "servant");
    let mut watch = Probe::on(&a);
    let pid = servant.pid().clone();
    watch.run(move |process| process.monitor(pid).unwrap()).await;
    let kept = tokio::spawn({
        let (a, to) = (a.clone(), b.name().clone());
        async move { call(&a, ("servant", &to), Term::atom("keep")).await }
    });
    // The first call is in: the second comes behind it or before it, and ends both.
    let ended = call(&a, ("servant", b.name()), pair("panic", "out of stock")).await;
    let expected = pair("panic", "out of stock");
    assert!(matches!(ended, Err(CallError::Exit(reason)) if reason == expected));
    match soon(kept).await.unwrap() {
        Err(CallError::Exit(reason)) => assert_eq!(reason, expected),
        // It came when the server was gone.
        Err(CallError::NoProc) => {}
        other => panic!("{other:?} in place of an exit"),
    }
    assert_eq!(watch.down().await, expected);
    let gone = call(&a, ("servant", b.name()), pair("echo", 1)).await;
    assert!(matches!(gone, Err(CallError::NoProc)), "{gone:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_there_is_said_at_once() {
    let (a, b) = Host::start().pair().await;
    let ended = Probe::on(&b);
    ended.end(());
    ended.ended().await;
    for to in [Term::atom("nobody"), ended.pid.clone().into()] {
        let gone = match &to {
            Term::Pid(pid) => call(&a, pid.as_ref(), pair("echo", 1)).await,
            _ => call(&a, ("nobody", b.name()), pair("echo", 1)).await,
        };
        assert!(matches!(gone, Err(CallError::NoProc)), "{gone:?}");
    }
    a.send(("nobody", b.name()), &1).await.expect("nobody tells who sends");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_not_there_is_an_error_of_the_connection() {
    let a = Host::start().node("a").await;
    let sent = a.send(("servant", "nobody@127.0.0.1"), &1).await;
    assert!(matches!(sent, Err(SendError::Connect(ConnectError::Epmd(_)))), "{sent:?}");
    let called = call(&a, ("servant", "nobody@127.0.0.1"), pair("echo", 1)).await;
    assert!(matches!(called, Err(CallError::Connect(ConnectError::Epmd(_)))), "{called:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_connection_ends_the_calls_over_it_at_once() {
    let (a, b) = Host::start().pair().await;
    let (servant, mut heard) = Servant::new();
    b.spawn(servant).register("servant").unwrap();
    let waiting = tokio::spawn({
        let (a, to) = (a.clone(), b.name().clone());
        async move { call(&a, ("servant", &to), Term::atom("keep")).await }
    });
    soon(heard.recv()).await;
    a.disconnect(b.name());
    let lost = soon(waiting).await.unwrap();
    assert!(matches!(lost, Err(CallError::NoConnection)), "{lost:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_callers_get_each_its_own_answer() {
    let (a, b) = Host::start().pair().await;
    Servant::on(&b, "servant");
    let mut callers = JoinSet::new();
    for caller in 0..64 {
        let (a, to) = (a.clone(), b.name().clone());
        callers.spawn(async move {
            for turn in 0..20 {
                let token = Term::from((caller, turn));
                let answer = call(&a, ("servant", &to), pair("echo", token.clone())).await;
                assert_eq!(answer.unwrap(), token);
            }
        });
    }
    while let Some(done) = soon(callers.join_next()).await {
        done.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_large_requests_at_once_wait_for_each_other_and_all_arrive() {
    let host = Host::start();
    let a = host.builder("a").link_limit(256 * 1024).start().await.unwrap();
    let b = host.node("b").await;
    Servant::on(&b, "servant");
    let large = Term::from("x".repeat(200_000));
    let mut callers = JoinSet::new();
    for _ in 0..64 {
        let (a, to, large) = (a.clone(), b.name().clone(), large.clone());
        callers.spawn(async move { call(&a, ("servant", &to), pair("echo", large)).await });
    }
    while let Some(answer) = soon(callers.join_next()).await {
        assert_eq!(answer.unwrap().unwrap(), large);
    }
}

/// What a call looks like to a peer: the monitor, the request, and then what `finish` gets.
async fn one_call(raw: &mut Raw) -> (Control, Control) {
    let monitor = soon(raw.next()).await.unwrap().control;
    let request = soon(raw.next()).await.unwrap().control;
    assert!(matches!(monitor, Control::Monitor { .. }), "{monitor:?}");
    assert!(matches!(request, Control::RegSend { .. }), "{request:?}");
    (monitor, request)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_times_out_takes_back_its_monitor_and_its_late_answer_goes_nowhere() {
    let host = Host::start();
    let a = host.node("a").await;
    let mut raw = Raw::connect(&a, "raw", 5).await;
    let to = ("servant", "raw@127.0.0.1");
    let late = tokio::spawn({
        let a = a.clone();
        async move { a.call::<_, _, Term>(to, &1, SHORT).await }
    });
    let (monitor, _) = one_call(&mut raw).await;
    let Control::Monitor { from, reference, target } = monitor else { unreachable!() };
    let undone = soon(raw.next()).await.unwrap().control;
    let expected = Control::Demonitor { from: from.clone(), target, reference: reference.clone() };
    assert_eq!(undone, expected);
    assert!(matches!(soon(late).await.unwrap(), Err(CallError::Timeout(SHORT))));

    // The answer to the alias, the answer to the pid, and a DOWN: all late.
    let alias = ImproperList::term(vec![Term::atom("alias")], reference.clone().into());
    let answer = Term::from((alias, 1));
    let aliased = Control::AliasSend { from: raw.pid(1), alias: reference.clone() };
    raw.send(&aliased, &answer).await;
    raw.send(&Control::Send { from: None, to: from.clone() }, &answer).await;
    let target = Target::Name(flitch::Atom::new("servant").unwrap());
    raw.send(&Control::MonitorExit { target, to: from, reference }, &Term::atom("late")).await;

    // The next call gets its own answer.
    let next = tokio::spawn({
        let a = a.clone();
        async move { a.call::<_, _, u8>(to, &1, LONG).await }
    });
    let (monitor, _) = one_call(&mut raw).await;
    let Control::Monitor { reference, .. } = monitor else { unreachable!() };
    let alias = ImproperList::term(vec![Term::atom("alias")], reference.clone().into());
    let aliased = Control::AliasSend { from: raw.pid(1), alias: reference };
    raw.send(&aliased, &Term::from((alias, 2))).await;
    assert_eq!(soon(next).await.unwrap().unwrap(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_given_up_takes_back_its_monitor() {
    let a = Host::start().node("a").await;
    let mut raw = Raw::connect(&a, "raw", 5).await;
    let given_up = tokio::spawn({
        let a = a.clone();
        async move { call(&a, ("servant", "raw@127.0.0.1"), Term::from(1)).await }
    });
    one_call(&mut raw).await;
    given_up.abort();
    let undone = soon(raw.next()).await.unwrap().control;
    assert!(matches!(undone, Control::Demonitor { .. }), "{undone:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_without_an_alias_and_one_with_are_both_answered() {
    let a = Host::start().node("a").await;
    Servant::on(&a, "servant");
    let mut raw = Raw::connect(&a, "raw", 5).await;
    let request = |tag: Term, from: &flitch::Pid| {
        let from = Term::from((Term::from(from.clone()), tag));
        Term::from((Term::atom("$gen_call"), from, pair("echo", 1)))
    };
    let servant = flitch::Atom::new("servant").unwrap();
    let (from, reference) = (raw.pid(1), raw.reference(1));
    let to = Control::RegSend { from: from.clone(), to: servant };
    raw.send(&to, &request(reference.clone().into(), &from)).await;
    let answer = soon(raw.next()).await.unwrap();
    assert!(matches!(&answer.control, Control::Send { to, .. } if *to == from));
    let expected = Term::from((reference.clone(), 1));
    assert_eq!(answer.payload.to_value::<Term>().unwrap(), expected);

    let alias = ImproperList::term(vec![Term::atom("alias")], reference.clone().into());
    raw.send(&to, &request(alias.clone(), &from)).await;
    let answer = soon(raw.next()).await.unwrap();
    assert!(matches!(&answer.control, Control::AliasSend { alias, .. } if *alias == reference));
    assert_eq!(answer.payload.to_value::<Term>().unwrap(), Term::from((alias, 1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_to_an_earlier_life_of_a_process_reaches_nobody() {
    let (a, b) = Host::start().pair().await;
    let mut probe = Probe::on(&b);
    let stale = flitch::Pid { creation: probe.pid.creation.wrapping_add(1), ..probe.pid.clone() };
    a.send(&stale, &"stale").await.unwrap();
    let called = call(&a, &stale, Term::from(1)).await;
    assert!(matches!(called, Err(CallError::NoProc)), "{called:?}");
    a.send(&probe.pid, &"fresh").await.unwrap();
    let Incoming::Message(first) = probe.next().await else { panic!("no message") };
    assert_eq!(first.to_value::<String>().unwrap(), "fresh");
}
