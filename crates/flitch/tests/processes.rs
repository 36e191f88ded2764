//! Processes: names, how they stop, and how much may wait for them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail as tests do"
)]

mod util;

use flitch::{Atom, Caller, GenServer, Incoming, Info, Process, RegisterError, Term};

use util::probe::Probe;
use util::raw::Raw;
use util::{Host, Servant, call, pair, soon};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_is_one_processs_and_a_process_has_one_name() {
    let a = Host::start().node("a").await;
    let (first, second) = (Probe::on(&a), Probe::on(&a));
    assert_eq!(a.register("worker", &first.pid), Ok(()));
    let name = Atom::new("worker").unwrap();
    let taken = Err(RegisterError::Taken(name.clone()));
    assert_eq!(a.register("worker", &second.pid), taken);
    assert_eq!(a.register("worker", &first.pid), taken, "as erlang:register/2 has it");
    assert_eq!(a.register("other", &first.pid), Err(RegisterError::Named(name)));
    let long = "x".repeat(256);
    for name in ["undefined", &long] {
        assert_eq!(a.register(name, &second.pid), Err(RegisterError::Name(name.to_owned())));
    }
    assert_eq!(a.whereis("worker"), Some(first.pid.clone()));
    assert_eq!(a.whereis("nobody"), None);
    let net_kernel = a.whereis("net_kernel").expect("every node has one");
    assert!(matches!(a.register("mine", &net_kernel), Err(RegisterError::Named(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_is_free_again_when_its_process_has_ended() {
    let a = Host::start().node("a").await;
    let first = Probe::on(&a);
    let mut watch = Probe::on(&a);
    a.register("worker", &first.pid).unwrap();
    let pid = first.pid.clone();
    watch.run(move |process| process.monitor(pid).unwrap()).await;
    first.end(());
    watch.down().await;
    assert_eq!(a.whereis("worker"), None, "before anybody is told of the end");
    assert_eq!(a.register("worker", &first.pid), Err(RegisterError::Gone));
    assert_eq!(a.register("worker", &watch.pid), Ok(()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pid_of_another_node_or_life_is_not_registered_here() {
    let (a, b) = Host::start().pair().await;
    let (here, there) = (Probe::on(&a), Probe::on(&b));
    let alike = flitch::Pid { id: here.pid.id, serial: here.pid.serial, ..there.pid.clone() };
    let stale = flitch::Pid { creation: here.pid.creation + 1, ..here.pid.clone() };
    assert_eq!(a.register("worker", &alike), Err(RegisterError::Gone));
    assert_eq!(a.register("worker", &stale), Err(RegisterError::Gone));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_stops_when_genserver_stop_tells_it_and_refuses_other_system_messages() {
    let a = Host::start().node("a").await;
    let (servant, mut heard) = Servant::new();
    let servant = a.spawn(servant);
    let mut watch = Probe::on(&a);
    let pid = servant.pid().clone();
    watch.run(move |process| process.monitor(pid).unwrap()).await;
    let mut raw = Raw::connect(&a, "raw", 5).await;
    let answer = raw.system(servant.pid(), Term::atom("no_such_request")).await;
    assert!(answer.as_tuple().unwrap()[1].as_tuple().unwrap()[0].is_atom("error"));
    let answer = raw.system(servant.pid(), pair("terminate", Term::atom("done"))).await;
    assert!(answer.as_tuple().unwrap()[1].is_atom("ok"));
    assert!(watch.down().await.is_atom("done"));
    assert_eq!(soon(heard.recv()).await, Some(pair("terminated", Term::atom("done"))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_that_a_server_has_kept_learn_why_it_stopped() {
    let (a, b) = Host::start().pair().await;
    let (servant, mut heard) = Servant::new();
    let servant = b.spawn(servant).register("servant").unwrap();
    let waiting = tokio::spawn({
        let (a, to) = (a.clone(), b.name().clone());
        async move { call(&a, ("servant", &to), Term::atom("keep")).await }
    });
    soon(heard.recv()).await;
    let mut raw = Raw::connect(&b, "raw", 5).await;
    raw.system(servant.pid(), pair("terminate", Term::atom("done"))).await;
    match soon(waiting).await.unwrap() {
        Err(flitch::CallError::Exit(reason)) => assert!(reason.is_atom("done"), "{reason:?}"),
        other => panic!("{other:?} in place of an exit"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_reads_too_slowly_ends_and_the_others_on_the_link_go_on() {
    let host = Host::start();
    let a = host.node("a").await;
    let b = host.builder("b").mailbox_limit(200_000).start().await.unwrap();
    Servant::on(&b, "servant");
    let slow = b.spawn_process(|process| async move {
        let _reads_nothing = process;
        std::future::pending::<()>().await;
    });
    let mut watch = Probe::on(&a);
    let pid = slow.pid().clone();
    watch.run(move |process| process.monitor(pid).unwrap()).await;
    let text = "x".repeat(10_000);
    for _ in 0..50 {
        a.send(slow.pid(), &text).await.unwrap();
    }
    assert!(watch.down().await.is_atom("mailbox_full"));
    let answer = call(&a, ("servant", b.name()), pair("echo", 1)).await;
    assert_eq!(answer.unwrap(), Term::from(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_has_given_up_its_mailbox_never_overflows() {
    let host = Host::start();
    let a = host.builder("a").mailbox_limit(10_000).start().await.unwrap();
    let deaf = a.spawn_process(|process| async move {
        drop(process);
        std::future::pending::<()>().await;
    });
    let mut watch = Probe::on(&a);
    let pid = deaf.pid().clone();
    watch.run(move |process| process.monitor(pid).unwrap()).await;
    let text = "x".repeat(1000);
    for _ in 0..100 {
        a.send(deaf.pid(), &text).await.unwrap();
    }
    a.send(&watch.pid, &"after all that").await.unwrap();
    assert!(matches!(watch.next().await, Incoming::Message(_)));
}

/// Traps exits and watches from its first moment on.
struct Guard {
    worker: flitch::Pid,
    told: tokio::sync::mpsc::UnboundedSender<flitch::Info>,
}

impl GenServer for Guard {
    type Call = Term;
    type Cast = Term;
    type Reply = Term;

    async fn init(&mut self, process: &Process) {
        process.trap_exit(true);
        process.link(&self.worker);
        process.monitor(&self.worker).unwrap();
    }

    async fn handle_call(&mut self, _: Term, _: Caller<Term>) {}

    async fn handle_cast(&mut self, _: Term) {}

    async fn handle_info(&mut self, info: Info) {
        let _ = self.told.send(info);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_can_trap_exits_and_watch_from_its_first_moment_on() {
    let (a, b) = Host::start().pair().await;
    let mut worker = Probe::on(&b);
    let (told, mut hears) = tokio::sync::mpsc::unbounded_channel();
    let guard = a.spawn(Guard { worker: worker.pid.clone(), told });
    // Answered behind init: link and monitor are on their way.
    let _ = call(&a, guard.pid(), Term::from(1)).await;
    a.send(&worker.pid, &"behind both").await.unwrap();
    worker.next().await;
    worker.end(pair("done", 1));
    let both = [soon(hears.recv()).await.unwrap(), soon(hears.recv()).await.unwrap()];
    assert!(both.iter().any(|info| matches!(info, Info::Exit { .. })), "{both:?}");
    assert!(both.iter().any(|info| matches!(info, Info::Down { .. })), "{both:?}");
}

/// Shows its state to nobody.
struct Shy;

impl serde::Serialize for Shy {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic!("not to be seen")
    }
}

impl GenServer for Shy {
    type Call = Term;
    type Cast = Term;
    type Reply = Term;

    async fn handle_call(&mut self, call: Term, caller: Caller<Term>) {
        caller.reply(call);
    }
    async fn handle_cast(&mut self, _: Term) {}
    fn state(&self) -> impl serde::Serialize {
        Shy
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_state_that_panics_when_it_is_shown_is_an_error_and_the_server_lives_on() {
    let a = Host::start().node("a").await;
    let shy = a.spawn(Shy);
    let mut raw = Raw::connect(&a, "raw", 5).await;
    let answer = raw.system(shy.pid(), Term::atom("get_state")).await;
    let error = answer.as_tuple().unwrap()[1].as_tuple().unwrap();
    let failed = error[1].as_tuple().unwrap();
    assert!(error[0].is_atom("error") && failed[0].is_atom("callback_failed"), "{answer:?}");
    let answer = raw.system(shy.pid(), Term::atom("get_status")).await;
    assert!(answer.as_tuple().unwrap()[1].as_tuple().unwrap()[0].is_atom("status"), "{answer:?}");
    assert_eq!(call(&a, shy.pid(), Term::from(7)).await.unwrap(), Term::from(7));
}
