//! Servers that handle many calls at once: what waits for a place, what does not, and their end.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail as tests do"
)]

mod util;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use flitch::{CallError, Caller, ExitReason, Node, ProcessHandle, Service, Term};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;

use util::raw::Raw;
use util::{Host, LONG, call, pair, soon};

/// Answers a call `{wait, Value}` when there is a permit for it, and any other with the casts so
/// far.
struct Gate {
    limit: usize,
    open: Arc<Semaphore>,
    casts: Mutex<Vec<Term>>,
    /// Calls that begin, and why it ends.
    heard: mpsc::UnboundedSender<Term>,
}

/// One under the name `gate`, the permits for it, and what it tells.
fn gate(
    node: &Node,
    limit: usize,
) -> (ProcessHandle, Arc<Semaphore>, mpsc::UnboundedReceiver<Term>) {
    let open = Arc::new(Semaphore::new(0));
    let (heard, hears) = mpsc::unbounded_channel();
    let gate = Gate { limit, open: Arc::clone(&open), casts: Mutex::default(), heard };
    (node.spawn_service(gate).register("gate").unwrap(), open, hears)
}

impl Service for Gate {
    type Call = Term;
    type Cast = Term;
    type Reply = Term;

    fn limit(&self) -> usize {
        self.limit
    }

    async fn handle_call(&self, call: Term, caller: Caller<Term>) {
        let _ = self.heard.send(call.clone());
        match call.as_tuple() {
            Some([_, value]) => {
                self.open.acquire().await.unwrap().forget();
                caller.reply(value.clone());
            }
            _ => {
                let casts = self.casts.lock().unwrap().clone();
                caller.reply(casts.into());
            }
        }
    }

    async fn handle_cast(&self, cast: Term) {
        self.casts.lock().unwrap().push(cast);
    }

    async fn terminate(&self, reason: &ExitReason) {
        let _ = self.heard.send(pair("terminated", reason.0.clone()));
    }

    fn state(&self) -> impl serde::Serialize {
        self.casts.lock().unwrap().len() as u64
    }
}

type Answer = JoinHandle<Result<Term, CallError>>;

fn waits(from: &Node, to: &Node, value: u64) -> Answer {
    let (from, to) = (from.clone(), to.name().clone());
    tokio::spawn(async move { call(&from, ("gate", &to), pair("wait", value)).await })
}

#[track_caller]
fn exits(answer: Result<Term, CallError>, reason: &'static str) {
    match answer {
        Err(CallError::Exit(found)) => assert!(found.is_atom(reason), "{found:?}"),
        other => panic!("{other:?} in place of an exit"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_run_in_a_service_learn_its_end() {
    let (a, b) = Host::start().pair().await;
    let (service, _open, mut heard) = gate(&b, 10);
    let waiting = waits(&a, &b, 1);
    soon(heard.recv()).await.unwrap();
    let casts = call(&a, ("gate", b.name()), Term::atom("casts")).await;
    assert_eq!(casts.unwrap(), Term::empty_list(), "nobody waits for the one that waits");
    service.exit(Term::atom("enough"));
    exits(soon(waiting).await.unwrap(), "enough");
    assert_eq!(b.whereis("gate"), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_service_shows_its_state_and_stops_though_no_place_gets_free() {
    let (a, b) = Host::start().pair().await;
    let (service, _open, mut heard) = gate(&b, 2);
    let mut raw = Raw::connect(&b, "raw", 5).await;
    let waiting: Vec<_> = (0..5).map(|value| waits(&a, &b, value)).collect();
    for _ in 0..2 {
        soon(heard.recv()).await.unwrap();
    }
    for _ in 0..3 {
        let state = raw.system(service.pid(), Term::atom("get_state")).await;
        assert_eq!(state.as_tuple().unwrap()[1], pair("ok", 0));
    }
    let answer = raw.system(service.pid(), pair("terminate", Term::atom("done"))).await;
    assert!(answer.as_tuple().unwrap()[1].is_atom("ok"));
    for waiting in waiting {
        exits(soon(waiting).await.unwrap(), "done");
    }
    assert_eq!(soon(heard.recv()).await, Some(pair("terminated", Term::atom("done"))));
    assert_eq!(soon(heard.recv()).await, None, "no other call has begun");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_service_that_is_suspended_resumes_with_everything_in_its_order() {
    let (a, b) = Host::start().pair().await;
    let (service, open, mut heard) = gate(&b, 1);
    let mut raw = Raw::connect(&b, "raw", 5).await;
    let probe = a.inbox();
    let first = waits(&a, &b, 1);
    soon(heard.recv()).await.unwrap();
    // In the name of one process, so that their order counts.
    let to = ("gate", b.name());
    let late = |context: flitch::Context| {
        let name = b.name().clone();
        tokio::spawn(async move {
            context.call::<_, _, Term>(("gate", &name), &Term::atom("casts"), LONG).await
        })
    };
    probe.cast(to, &1).await.unwrap();
    assert!(raw.system(service.pid(), Term::atom("suspend")).await.as_tuple().is_some());
    let second = late(probe.context());
    open.add_permits(1);
    assert_eq!(soon(first).await.unwrap().unwrap(), Term::from(1));
    assert!(raw.system(service.pid(), Term::atom("resume")).await.as_tuple().is_some());
    assert_eq!(soon(second).await.unwrap().unwrap(), Term::from(vec![Term::from(1)]));
    probe.cast(to, &2).await.unwrap();
    let both = Term::from(vec![Term::from(1), Term::from(2)]);
    assert_eq!(soon(late(probe.context())).await.unwrap().unwrap(), both);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_a_place_keeps_its_order_whatever_was_asked_meanwhile() {
    let (a, b) = Host::start().pair().await;
    let (service, open, mut heard) = gate(&b, 1);
    let mut raw = Raw::connect(&b, "raw", 5).await;
    let first = waits(&a, &b, 0);
    soon(heard.recv()).await.unwrap();
    for cast in 1..=300 {
        a.cast(("gate", b.name()), &cast).await.unwrap();
    }
    let casts = tokio::spawn({
        let (a, to) = (a.clone(), b.name().clone());
        async move { call(&a, ("gate", &to), Term::atom("casts")).await }
    });
    let state = raw.system(service.pid(), Term::atom("get_state")).await;
    assert_eq!(state.as_tuple().unwrap()[1], pair("ok", 0), "the casts wait as well");
    open.add_permits(1);
    soon(first).await.unwrap().unwrap();
    let all: Vec<_> = (1..=300).map(Term::from).collect();
    assert_eq!(soon(casts).await.unwrap().unwrap(), Term::from(all));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draining_service_answers_what_runs_and_what_waits_for_a_place() {
    let (a, b) = Host::start().pair().await;
    let (_service, open, mut heard) = gate(&b, 2);
    let waiting: Vec<_> = (0..6).map(|value| waits(&a, &b, value)).collect();
    for _ in 0..2 {
        soon(heard.recv()).await.unwrap();
    }
    // Behind the others, on the same link.
    let mut behind = b.inbox();
    a.send(behind.pid(), &1).await.unwrap();
    soon(behind.next()).await.unwrap();
    drop(behind);
    let ending = tokio::spawn({
        let b = b.clone();
        async move { b.shutdown().await }
    });
    soon(b.stopping()).await;
    open.add_permits(6);
    for (value, waiting) in waiting.into_iter().enumerate() {
        assert_eq!(soon(waiting).await.unwrap().unwrap(), Term::from(value));
    }
    soon(ending).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_service_has_its_last_words_when_the_node_shuts_down() {
    let host = Host::start();
    let a = host.node("a").await;
    let b = host.builder("b").drain(Duration::from_millis(100)).start().await.unwrap();
    let (_service, _open, mut heard) = gate(&b, 1);
    let waiting = [waits(&a, &b, 1), waits(&a, &b, 2)];
    soon(heard.recv()).await.unwrap();
    soon(b.shutdown()).await;
    assert_eq!(soon(heard.recv()).await, Some(pair("terminated", Term::atom("shutdown"))));
    for waiting in waiting {
        exits(soon(waiting).await.unwrap(), "shutdown");
    }
}
