//! What a node of ours does all the while: it answers, calls, monitors and links.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use flitch::{Binary, CallError, Caller, GenServer, Incoming, Node, Pid, Process, Term};
use tokio::task::JoinSet;

/// Longer than any loss takes to be noticed: an end of this time is an answer that was lost.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many tasks call each peer.
const CALLERS: usize = 12;

/// What came of all that was asked.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) answers: AtomicU64,
    pub(crate) losses: AtomicU64,
    untrue: Mutex<BTreeMap<String, u64>>,
    over: AtomicBool,
}

impl Counts {
    /// What must not have come.
    pub(crate) fn untrue(&self) -> BTreeMap<String, u64> {
        self.untrue.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn answer(&self) {
        self.answers.fetch_add(1, Ordering::Relaxed);
    }

    async fn loss(&self) {
        self.losses.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    fn lie(&self, what: String) {
        *self.untrue.lock().unwrap_or_else(PoisonError::into_inner).entry(what).or_default() += 1;
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }
}

/// Gives every request back; now and then later, from a task of its own.
pub(crate) struct Echo {
    pub(crate) pid: Option<Pid>,
    pub(crate) number: u64,
}

impl GenServer for Echo {
    type Call = Term;
    type Cast = Term;
    type Reply = Term;

    async fn init(&mut self, process: &Process) {
        // Peers link to it, and their ends are not its own.
        process.trap_exit(true);
        self.pid = Some(process.pid().clone());
    }

    async fn handle_call(&mut self, call: Term, caller: Caller<Term>) {
        self.number += 1;
        if call.is_atom("whoami") {
            caller.reply(self.pid.clone().map(Term::from).unwrap_or_default());
        } else if self.number.is_multiple_of(10) {
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(5)).await;
                caller.reply(call);
            });
        } else {
            caller.reply(call);
        }
    }

    async fn handle_cast(&mut self, _: Term) {}
}

/// The tasks that ask peers.
pub(crate) struct Load {
    tasks: JoinSet<()>,
    pub(crate) counts: Arc<Counts>,
}

impl Load {
    /// Begins to ask the server `echo` of each peer.
    pub(crate) fn start(node: &Node, peers: &[String]) -> Self {
        let counts = Arc::new(Counts::default());
        let mut tasks = JoinSet::new();
        for peer in peers {
            for _ in 0..CALLERS {
                tasks.spawn(call(node.clone(), peer.clone(), Arc::clone(&counts)));
            }
            tasks.spawn(watch(node.clone(), peer.clone(), Arc::clone(&counts)));
        }
        Self { tasks, counts }
    }

    /// Lets all that is under way come to its end.
    pub(crate) async fn stop(mut self) -> Arc<Counts> {
        self.counts.over.store(true, Ordering::Relaxed);
        while let Some(done) = self.tasks.join_next().await {
            if let Err(error) = done {
                self.counts.lie(format!("a task ended: {error}"));
            }
        }
        self.counts
    }
}

async fn call(node: Node, peer: String, counts: Arc<Counts>) {
    let mut number = 0_u64;
    while !counts.is_over() {
        number += 1;
        let size = if number.is_multiple_of(100) { 100_000 } else { 8 };
        let request = Term::from((number, Term::from(Binary::from(vec![7_u8; size]))));
        let answer = node.call::<_, _, Term>(("echo", peer.as_str()), &request, PATIENCE).await;
        match answer {
            Ok(answer) if answer == request => counts.answer(),
            Ok(_) => counts.lie("the answer to another call".into()),
            Err(error) => refused(&counts, &error).await,
        }
    }
}

/// What may come of a call whose peer is away, or has not begun yet.
async fn refused(counts: &Counts, error: &CallError) {
    match error {
        CallError::NoConnection | CallError::NoProc | CallError::Connect(_) => counts.loss().await,
        other => counts.lie(other.to_string()),
    }
}

/// A process that monitors and links, again and again.
async fn watch(node: Node, peer: String, counts: Arc<Counts>) {
    while !counts.is_over() {
        let (told, heard) = tokio::sync::oneshot::channel();
        let (name, ours) = (peer.clone(), Arc::clone(&counts));
        node.spawn_process(async move |mut process: Process| {
            process.trap_exit(true);
            let Ok(reference) = process.monitor(("echo", name.as_str())) else { return };
            let reason = loop {
                let next = tokio::time::timeout(Duration::from_millis(200), process.next()).await;
                match next {
                    Err(_) if ours.is_over() => return process.demonitor(&reference),
                    Err(_) => {}
                    Ok(Some(Incoming::Down { reason, .. })) => break Some(reason),
                    Ok(_) => break None,
                }
            };
            let _ = told.send(reason);
        });
        match heard.await {
            Ok(Some(reason)) if reason.is_atom("noconnection") || reason.is_atom("noproc") => {
                counts.loss().await;
            }
            Ok(Some(reason)) => counts.lie(format!("a monitor went off with {reason:?}")),
            Ok(None) => counts.lie("a monitor that never went off".into()),
            Err(_) => {}
        }
    }
}
