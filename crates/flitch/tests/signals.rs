//! Links, monitors and exit signals, across nodes and within one.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail as tests do"
)]

mod util;

use flitch::{Atom, CloseReason, Dest, Incoming, Node, Pid, Target, Term};
use flitch_dist::Control;
use tokio_util::sync::CancellationToken;

use flitch_handshake::Flags;
use util::probe::Probe;
use util::raw::Raw;
use util::{Host, connect, next_down, pair, soon, until};

async fn monitor(probe: &Probe, whom: impl Into<Dest>) -> flitch::Reference {
    let whom = whom.into();
    probe.run(move |process| process.monitor(whom).unwrap()).await
}

async fn link(probe: &Probe, to: &Pid) {
    let to = to.clone();
    probe.run(move |process| process.link(&to)).await;
}

async fn unlink(probe: &Probe, to: &Pid) {
    let to = to.clone();
    probe.run(move |process| process.unlink(&to)).await;
}

fn remote(name: &str, node: &Node) -> Dest {
    Dest::Remote(Atom::new(name).unwrap(), node.name().clone())
}

/// An answer from the process: what was sent to it before has been handled.
async fn settle(a: &Node, probe: &mut Probe) {
    a.send(&probe.pid, &"settled").await.unwrap();
    assert!(matches!(probe.next().await, Incoming::Message(_)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_monitor_by_pid_tells_why_the_process_ended() {
    let (a, b) = Host::start().pair().await;
    for (here, there) in [(&a, &b), (&b, &a), (&a, &a)] {
        let (mut watch, mut watched) = (Probe::on(here), Probe::on(there));
        let reference = monitor(&watch, watched.pid.clone()).await;
        settle(here, &mut watched).await;
        watched.end(pair("done", 5));
        let Incoming::Down { reference: told, target, reason } = watch.next().await else {
            panic!("no Down")
        };
        assert_eq!((told, target), (reference, Target::Pid(watched.pid.clone())));
        assert_eq!(reason, pair("done", 5));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_monitor_by_name_answers_by_name() {
    let (a, b) = Host::start().pair().await;
    let (mut watch, mut watched) = (Probe::on(&a), Probe::on(&b));
    b.register("worker", &watched.pid).unwrap();
    monitor(&watch, remote("worker", &b)).await;
    settle(&a, &mut watched).await;
    watched.end(());
    let Incoming::Down { target, reason, .. } = watch.next().await else { panic!("no Down") };
    assert_eq!(target, Target::Name(Atom::new("worker").unwrap()));
    assert!(reason.is_atom("normal"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_monitor_of_what_is_not_there_says_noproc_at_once() {
    let (a, b) = Host::start().pair().await;
    let mut watch = Probe::on(&a);
    let ended = Probe::on(&b);
    ended.end(());
    ended.ended().await;
    let alive = Probe::on(&b);
    let stale = Pid { creation: alive.pid.creation + 1, ..alive.pid.clone() };
    let here = Dest::Name(Atom::new("nobody").unwrap());
    for whom in [remote("nobody", &b), ended.pid.clone().into(), stale.into(), here] {
        monitor(&watch, whom).await;
        assert!(watch.down().await.is_atom("noproc"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_cannot_be_reached_or_is_lost_says_noconnection() {
    let host = Host::start();
    let (a, b) = host.pair().await;
    let mut watch = Probe::trapping(&a).await;
    let nobody = Dest::try_from(("worker", "nobody@127.0.0.1")).unwrap();
    monitor(&watch, nobody).await;
    assert!(watch.down().await.is_atom("noconnection"));
    let nobody = Pid { node: Atom::new("nobody@127.0.0.1").unwrap(), ..watch.pid.clone() };
    link(&watch, &nobody).await;
    let (from, reason) = watch.exit().await;
    assert!(from == nobody && reason.is_atom("noconnection"));

    let mut there = Probe::trapping(&b).await;
    monitor(&watch, there.pid.clone()).await;
    monitor(&there, watch.pid.clone()).await;
    settle(&b, &mut there).await;
    a.disconnect(b.name());
    assert!(watch.down().await.is_atom("noconnection"));
    assert!(there.down().await.is_atom("noconnection"), "both sides learn it");
    link(&watch, &there.pid).await;
    settle(&a, &mut there).await;
    b.disconnect(a.name());
    assert!(watch.exit().await.1.is_atom("noconnection"), "a link dialled the node again");
    assert!(there.exit().await.1.is_atom("noconnection"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_monitor_that_was_undone_stays_silent() {
    let (a, b) = Host::start().pair().await;
    let (mut watch, mut watched) = (Probe::on(&a), Probe::on(&b));
    let undone = monitor(&watch, watched.pid.clone()).await;
    let kept = monitor(&watch, watched.pid.clone()).await;
    watch.run(move |process| process.demonitor(&undone)).await;
    settle(&a, &mut watched).await;
    watched.end(());
    let Incoming::Down { reference, .. } = watch.next().await else { panic!("no Down") };
    assert_eq!(reference, kept);
    settle(&b, &mut watch).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn linked_processes_end_together_whoever_linked_and_wherever_they_are() {
    let (a, b) = Host::start().pair().await;
    for (here, there) in [(&a, &b), (&b, &a), (&a, &a)] {
        let (linking, mut linked) = (Probe::on(here), Probe::on(there));
        link(&linking, &linked.pid).await;
        settle(here, &mut linked).await;
        linked.end(pair("boom", 1));
        linking.ended().await;

        let (mut linking, mut linked) = (Probe::trapping(here).await, Probe::on(there));
        link(&linking, &linked.pid).await;
        settle(here, &mut linked).await;
        linked.end(pair("boom", 1));
        assert_eq!(linking.exit().await, (linked.pid.clone(), pair("boom", 1)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_normal_end_takes_nobody_with_it_but_is_told_to_who_traps_exits() {
    let (a, b) = Host::start().pair().await;
    let (mut plain, mut trapping) = (Probe::on(&a), Probe::trapping(&a).await);
    let mut ending = Probe::on(&b);
    link(&plain, &ending.pid).await;
    link(&trapping, &ending.pid).await;
    settle(&a, &mut ending).await;
    ending.end(());
    assert!(trapping.exit().await.1.is_atom("normal"));
    settle(&b, &mut plain).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_to_what_is_not_there_is_an_exit_with_noproc() {
    let (a, b) = Host::start().pair().await;
    let gone = Probe::on(&b);
    gone.end(());
    gone.ended().await;
    let mut trapping = Probe::trapping(&a).await;
    link(&trapping, &gone.pid).await;
    assert_eq!(trapping.exit().await, (gone.pid.clone(), Term::atom("noproc")));
    let plain = Probe::on(&a);
    link(&plain, &gone.pid).await;
    plain.ended().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unlinked_processes_end_alone_and_can_link_again() {
    let (a, b) = Host::start().pair().await;
    let (mut here, mut there) = (Probe::trapping(&a).await, Probe::on(&b));
    for _ in 0..3 {
        link(&here, &there.pid).await;
        unlink(&here, &there.pid).await;
    }
    settle(&a, &mut there).await;
    there.end(pair("boom", 1));
    there.ended().await;
    settle(&b, &mut here).await;

    let mut there = Probe::on(&b);
    link(&here, &there.pid).await;
    unlink(&here, &there.pid).await;
    link(&here, &there.pid).await;
    settle(&a, &mut there).await;
    there.end(pair("boom", 2));
    assert_eq!(here.exit().await.1, pair("boom", 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exit_signals_kill_as_the_reference_manual_says() {
    let a = Host::start().node("a").await;
    let kill = |pid: &Pid, reason: &'static str| {
        let pid = pid.clone();
        let mut raw_pid = pid.clone();
        raw_pid.id = 99;
        (Control::Exit2 { from: raw_pid, to: pid }, Term::atom(reason))
    };
    let mut raw = Raw::connect(&a, "raw", 5).await;
    let mut trapping = Probe::trapping(&a).await;
    let mut send = async |to: &Pid, reason| {
        let (Control::Exit2 { to, .. }, reason) = kill(to, reason) else { unreachable!() };
        let from = raw.pid(99);
        raw.send(&Control::Exit2 { from, to }, &reason).await;
    };
    for reason in ["normal", "boom", "shutdown"] {
        send(&trapping.pid, reason).await;
        assert!(trapping.exit().await.1.is_atom(reason), "trapped");
    }
    let plain = Probe::on(&a);
    send(&plain.pid, "normal").await;
    let mut watch = Probe::on(&a);
    monitor(&watch, plain.pid.clone()).await;
    send(&plain.pid, "boom").await;
    assert!(watch.down().await.is_atom("boom"), "a normal exit is no reason to end, others are");
    monitor(&watch, trapping.pid.clone()).await;
    send(&trapping.pid, "kill").await;
    assert!(watch.down().await.is_atom("killed"), "nobody traps kill, and nobody passes it on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_is_ended_from_outside_is_dropped_where_it_stands() {
    let a = Host::start().node("a").await;
    let dropped = CancellationToken::new();
    let guard = dropped.clone().drop_guard();
    let stuck = a.spawn_process(|process| async move {
        let _kept = (process, guard);
        std::future::pending::<()>().await;
    });
    let mut watch = Probe::on(&a);
    monitor(&watch, stuck.pid().clone()).await;
    stuck.exit(Term::atom("stop"));
    assert!(watch.down().await.is_atom("stop"));
    soon(dropped.cancelled()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_ends_while_its_link_is_being_dialled_leaves_no_link_behind() {
    let host = Host::start();
    let (a, b) = (host.node("a").await, host.node("b").await);
    let mut there = Probe::trapping(&b).await;
    for _ in 0..20 {
        let (here, mut watch) = (Probe::on(&a), Probe::on(&a));
        monitor(&watch, here.pid.clone()).await;
        link(&here, &there.pid).await;
        here.end(pair("gone", 1));
        // Told behind the ends of its links.
        watch.down().await;
        connect(&a, &b).await;
        a.send(&there.pid, &"settled").await.unwrap();
        // Whatever reached b is complete: a link and its end, in this order, or nothing.
        while let Incoming::Exit { from, reason } = there.next().await {
            assert_eq!((from, reason), (here.pid.clone(), pair("gone", 1)));
        }
        // Again and again: who wanted the link may be so late as to dial once more.
        until(|| {
            a.disconnect(b.name());
            !b.is_connected(a.name())
        })
        .await;
        settle(&b, &mut there).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unlinking_is_acknowledged_and_what_crosses_it_on_the_wire_is_ignored() {
    let a = Host::start().node("a").await;
    let mut raw = Raw::connect(&a, "raw", 5).await;
    let mut here = Probe::trapping(&a).await;
    let theirs = raw.pid(1);
    let (pid, other) = (here.pid.clone(), theirs.clone());
    link(&here, &theirs).await;
    assert_eq!(
        raw.next().await.unwrap().control,
        Control::Link { from: pid.clone(), to: other.clone() }
    );
    unlink(&here, &theirs).await;
    let Control::UnlinkId { id, .. } = raw.next().await.unwrap().control else {
        panic!("no UNLINK_ID")
    };
    // A LINK and an EXIT that were under way when UNLINK_ID came.
    let none = Term::empty_list();
    raw.send(&Control::Link { from: other.clone(), to: pid.clone() }, &none).await;
    raw.send(&Control::Exit { from: other.clone(), to: pid.clone() }, &Term::atom("late")).await;
    let ack = Control::UnlinkIdAck { id, from: other.clone(), to: pid.clone() };
    raw.send(&ack, &none).await;
    // From here on a new link counts, and the peer's own UNLINK_ID is acknowledged.
    raw.send(&Control::Link { from: other.clone(), to: pid.clone() }, &none).await;
    let unlink = Control::UnlinkId { id: 77, from: other.clone(), to: pid.clone() };
    raw.send(&unlink, &none).await;
    assert_eq!(
        raw.next().await.unwrap().control,
        Control::UnlinkIdAck { id: 77, from: pid.clone(), to: other.clone() }
    );
    raw.send(&Control::Link { from: other.clone(), to: pid.clone() }, &none).await;
    raw.send(&Control::Exit { from: other.clone(), to: pid }, &Term::atom("real")).await;
    assert_eq!(here.exit().await, (other, Term::atom("real")), "and the late one never came");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_acknowledges_no_unlinks_is_linked_to_again_all_the_same() {
    let a = Host::start().node("a").await;
    let older = Flags::OFFERED.without(Flags::UNLINK_ID);
    let mut raw = Raw::connect_with(&a, "raw", 5, older).await;
    let mut here = Probe::trapping(&a).await;
    let (pid, other) = (here.pid.clone(), raw.pid(1));
    for _ in 0..2 {
        link(&here, &other).await;
        let linked = Control::Link { from: pid.clone(), to: other.clone() };
        assert_eq!(raw.next().await.unwrap().control, linked);
        unlink(&here, &other).await;
        let undone = Control::Unlink { from: pid.clone(), to: other.clone() };
        assert_eq!(raw.next().await.unwrap().control, undone);
    }
    // And its own UNLINK is obeyed: an exit along a link that is gone is nothing.
    let none = Term::empty_list();
    raw.send(&Control::Link { from: other.clone(), to: pid.clone() }, &none).await;
    raw.send(&Control::Unlink { from: other.clone(), to: pid.clone() }, &none).await;
    raw.send(&Control::Exit { from: other.clone(), to: pid.clone() }, &Term::atom("late")).await;
    raw.send(&Control::Exit2 { from: other.clone(), to: pid }, &Term::atom("real")).await;
    assert_eq!(here.exit().await, (other, Term::atom("real")), "and the late one never came");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signals_in_the_name_of_another_nodes_process_end_the_link() {
    let host = Host::start();
    let (a, b) = host.pair().await;
    let mut mine = Probe::trapping(&a).await;
    let theirs = Probe::on(&b);
    link(&mine, &theirs.pid).await;
    let (from, to) = (theirs.pid.clone(), mine.pid.clone());
    let target = Target::Pid(to.clone());
    let reason = Term::atom("forged");
    for control in [
        Control::Exit { from: from.clone(), to: to.clone() },
        Control::Exit2 { from: from.clone(), to: to.clone() },
        Control::Link { from: from.clone(), to: to.clone() },
        Control::UnlinkId { id: 1, from: from.clone(), to },
        Control::Monitor { from, target, reference: monitor(&mine, theirs.pid.clone()).await },
    ] {
        let mut raw = Raw::connect(&a, "raw", 5).await;
        let mut events = a.events();
        raw.send(&control, &reason).await;
        let (node, why) = next_down(&mut events).await;
        assert!(node == raw.us.name && matches!(why, CloseReason::Protocol(_)), "{why:?}");
        raw.closed().await;
    }
    settle(&b, &mut mine).await;
    theirs.end(pair("real", 1));
    assert_eq!(mine.exit().await.1, pair("real", 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_reference_for_two_monitors_leaves_nothing_of_the_first() {
    let a = Host::start().node("a").await;
    let (first, second) = (Probe::on(&a), Probe::on(&a));
    let mut raw = Raw::connect(&a, "raw", 5).await;
    let none = Term::empty_list();
    for target in [&first.pid, &second.pid] {
        let (from, target) = (raw.pid(1), Target::Pid(target.clone()));
        let reference = raw.reference(1);
        raw.send(&Control::Monitor { from, target, reference }, &none).await;
    }
    let message = Control::Send { from: None, to: second.pid.clone() };
    raw.send(&message, &none).await;
    let mut second = second;
    second.next().await;
    first.end(());
    first.ended().await;
    second.end(pair("second", 2));
    let down = raw.next().await.unwrap();
    assert_eq!(down.payload.to_value::<Term>().unwrap(), pair("second", 2));
}
