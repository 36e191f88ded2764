//! What a process does in its own name, and servers that end themselves.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail as tests do"
)]

mod util;

use std::time::Duration;

use flitch::{ExitReason, Incoming, Term};

use util::probe::Probe;
use util::{Host, LONG, Servant, pair, soon};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_of_a_process_comes_in_its_name_and_learns_the_callees_end() {
    let (a, b) = Host::start().pair().await;
    let (servant, mut heard) = Servant::new();
    b.spawn(servant).register("servant").unwrap();
    let probe = Probe::on(&a);
    let context = probe.run(|process| process.context()).await;
    let to = ("servant", b.name());
    let echo: Term = context.call(to, &pair("echo", 7), LONG).await.unwrap();
    assert_eq!(echo, Term::from(7));
    let exit = context.call::<_, _, Term>(to, &pair("exit", Term::atom("no")), LONG).await;
    assert!(matches!(exit, Err(flitch::CallError::Exit(reason)) if reason.is_atom("no")));
    let nobody = context.call::<_, _, Term>(("nobody", b.name()), &1, LONG).await;
    assert!(matches!(nobody, Err(flitch::CallError::NoProc)));
    soon(heard.recv()).await;
    soon(heard.recv()).await;
    // What it sends comes before what it calls, however large it is.
    let large = "x".repeat(3_000_000);
    context.cast(to, large.as_str()).await.unwrap();
    let _: Term = context.call(to, &pair("echo", 8), LONG).await.unwrap();
    assert_eq!(soon(heard.recv()).await, Some(Term::from(large)));
    let waits = tokio::spawn(async move {
        context.call::<_, _, Term>(to_owned(&b), &Term::atom("keep"), LONG).await
    });
    soon(heard.recv()).await;
    soon(heard.recv()).await;
    a.disconnect(a.peers_up().first().unwrap());
    assert!(matches!(soon(waits).await.unwrap(), Err(flitch::CallError::NoConnection)));
}

fn to_owned(node: &flitch::Node) -> (&'static str, flitch::NodeName) {
    ("servant", node.name().clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timer_comes_once_and_a_cancelled_one_says_so_once() {
    let a = Host::start().node("a").await;
    let mut inbox = a.inbox();
    let timer = inbox.send_after(Duration::from_secs(3600), &1).unwrap();
    assert!(timer.cancel());
    assert!(!timer.cancel());
    let timer = inbox.send_after(Duration::from_millis(1), &2).unwrap();
    assert!(matches!(soon(inbox.next()).await, Some(Incoming::Message(_))));
    assert!(!timer.cancel(), "it has come");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_inbox_is_a_process_until_it_is_dropped_or_told_to_exit() {
    let a = Host::start().node("a").await;
    let mut watch = Probe::on(&a);
    let (mut first, second) = (a.inbox(), a.inbox());
    for pid in [first.pid().clone(), second.pid().clone()] {
        watch.run(move |process| process.monitor(pid).unwrap()).await;
    }
    drop(second);
    assert!(watch.down().await.is_atom("normal"));
    a.send(first.pid().clone(), &1).await.unwrap();
    let pid = first.pid().clone();
    watch.run(move |process| process.exit(&pid, Term::atom("enough"))).await;
    assert!(watch.down().await.is_atom("enough"));
    assert!(soon(first.next()).await.is_some(), "what had come before is not lost");
    assert!(soon(first.next()).await.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_linked_tree_goes_down_together_and_a_monitored_server_tells_its_end() {
    let a = Host::start().node("a").await;
    let mut parent = Probe::trapping(&a).await;
    let (child, reference) = parent.run(|process| process.spawn_monitor(Servant::new().0)).await;
    child.exit(Term::atom("boom"));
    match parent.next().await {
        Incoming::Down { reference: found, reason, .. } => {
            assert_eq!((found, reason), (reference, Term::atom("boom")));
        }
        other => panic!("{other:?}"),
    }
    let child = parent.run(|process| process.spawn_link(Servant::new().0)).await;
    child.exit(Term::atom("boom"));
    assert_eq!(parent.exit().await, (child.pid().clone(), Term::atom("boom")));
    let child = parent.run(|process| process.spawn_link(Servant::new().0)).await;
    let mut watch = Probe::on(&a);
    let pid = child.pid().clone();
    watch.run(move |process| process.monitor(pid).unwrap()).await;
    parent.end(Term::atom("over"));
    assert!(watch.down().await.is_atom("over"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alias_takes_messages_until_it_is_taken_back() {
    let (a, b) = Host::start().pair().await;
    let mut inbox = a.inbox();
    let servant = Servant::on(&b, "servant");
    let alias = inbox.alias();
    assert!(inbox.unalias(&alias));
    assert!(!inbox.unalias(&alias));
    let reference = inbox.monitor_with_alias(servant.pid().clone()).unwrap();
    // Behind the monitor, which is there then.
    let _: Term = inbox.call(servant.pid().clone(), &pair("echo", 1), LONG).await.unwrap();
    servant.exit(Term::atom("boom"));
    assert!(
        matches!(soon(inbox.next()).await, Some(Incoming::Down { reason, .. }) if reason.is_atom("boom"))
    );
    assert!(!inbox.unalias(&reference), "it has gone with the monitor");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_was_asked_to_stop_is_told_so() {
    let a = Host::start().node("a").await;
    let mut watch = Probe::on(&a);
    let asked = a.spawn_process(|mut process| async move {
        process.stop(Term::atom("its_own"));
        match process.next().await {
            Some(Incoming::Shutdown) => ExitReason(Term::atom("told")),
            other => panic!("{other:?}"),
        }
    });
    watch.run(move |process| process.monitor(asked.pid().clone()).unwrap()).await;
    let reason = watch.down().await;
    assert!(reason.is_atom("told") || reason.is_atom("noproc"), "{reason:?}");
}
