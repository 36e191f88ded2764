//! A process of ours: its table entry, and the handle that its code holds.

mod facts;

use std::collections::HashMap;
use std::collections::hash_map::Entry as Place;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use flitch_dist::Target;
use flitch_etf::{Atom, Pid, Reference, Term};
use tokio::sync::Notify;

use crate::mailbox::{self, Incoming, Refused};
use crate::node::Node;

pub(crate) use facts::Facts;

/// A process in the table.
pub(crate) struct Entry {
    pub(crate) pid: Pid,
    pub(crate) mailbox: mailbox::Sender,
    trap_exit: AtomicBool,
    bonds: Mutex<Bonds>,
    /// Why the process has to end, once it has to.
    verdict: Mutex<Option<Term>>,
    judged: Notify,
    /// The task that runs it.
    task: OnceLock<tokio::task::Id>,
}

/// What binds a process to others. Ends with it.
#[derive(Default)]
pub(crate) struct Bonds {
    /// Set when the process is gone: nothing can be added any more.
    pub(crate) over: bool,
    /// Processes that it is linked to, and those that have not acknowledged yet that it no longer
    /// is.
    pub(crate) links: HashMap<Pid, Link>,
    /// Who monitors it.
    pub(crate) watchers: HashMap<Reference, Watcher>,
    /// Whom it monitors.
    pub(crate) watching: HashMap<Reference, Watched>,
    /// The name that it is registered under.
    pub(crate) name: Option<Atom>,
}

/// What a process knows of a link of its own (`erl_dist_protocol`, "New Link Protocol").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    Active,
    /// Undone by us, and this id is not acknowledged yet: what the other still sends along the
    /// link it has sent before it knew.
    Unlinking(u64),
}

impl Bonds {
    /// LINK is to be sent: whether it is, and not linked yet.
    pub(crate) fn link(&mut self, other: &Pid) -> bool {
        !self.over && self.links.insert(other.clone(), Link::Active) != Some(Link::Active)
    }

    /// LINK has come. Whether there is still a process to link to.
    pub(crate) fn linked_by(&mut self, other: &Pid) -> bool {
        if !self.over {
            // One that we are undoing stays undone: the other will learn it.
            self.links.entry(other.clone()).or_insert(Link::Active);
        }
        !self.over
    }

    pub(crate) fn is_linked(&self, other: &Pid) -> bool {
        self.links.get(other) == Some(&Link::Active)
    }

    /// UNLINK_ID is to be sent: whether it is.
    pub(crate) fn unlink(&mut self, other: &Pid, id: u64) -> bool {
        match self.links.get_mut(other) {
            Some(link) if *link == Link::Active => {
                *link = Link::Unlinking(id);
                true
            }
            _ => false,
        }
    }

    /// UNLINK_ID has come. Whether the link is gone by that.
    pub(crate) fn unlinked_by(&mut self, other: &Pid) -> bool {
        self.forget(other, Link::Active)
    }

    /// UNLINK_ID_ACK has come. Whether the link is gone by that.
    pub(crate) fn acknowledged_by(&mut self, other: &Pid, id: u64) -> bool {
        self.forget(other, Link::Unlinking(id))
    }

    fn forget(&mut self, other: &Pid, state: Link) -> bool {
        match self.links.entry(other.clone()) {
            Place::Occupied(found) if *found.get() == state => {
                found.remove();
                true
            }
            _ => false,
        }
    }
}

/// Who monitors a process, and how the monitor named it.
pub(crate) struct Watcher {
    pub(crate) pid: Pid,
    pub(crate) target: Target,
    /// Whether the process is there for its answer alone, which its end is: without it nobody
    /// waits for the process.
    pub(crate) is_caller: bool,
}

/// Whom a process monitors, and where.
pub(crate) struct Watched {
    pub(crate) target: Target,
    pub(crate) node: Atom,
}

impl Entry {
    pub(crate) fn new(pid: Pid, mailbox: mailbox::Sender) -> Self {
        Self {
            pid,
            mailbox,
            trap_exit: AtomicBool::new(false),
            bonds: Mutex::default(),
            verdict: Mutex::default(),
            judged: Notify::new(),
            task: OnceLock::new(),
        }
    }

    /// Its task begins.
    pub(crate) fn begin(&self) {
        if let Some(task) = tokio::task::try_id() {
            let _ = self.task.set(task);
        }
    }

    /// Whether the code that asks is the process itself, which panics.
    pub(crate) fn is_panicking_here(&self) -> bool {
        std::thread::panicking() && tokio::task::try_id().as_ref() == self.task.get()
    }

    pub(crate) fn bonds(&self) -> MutexGuard<'_, Bonds> {
        self.bonds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts something into the mailbox. A process whose mailbox overflows ends with the reason
    /// `mailbox_full`: whoever watches it learns that, and no link stalls for it.
    pub(crate) fn push(&self, incoming: Incoming) {
        self.push_with(incoming, 0);
    }

    /// Likewise, for what has a reason in it that was so many bytes long.
    pub(crate) fn push_with(&self, incoming: Incoming, reason: usize) {
        if self.mailbox.push_with(incoming, reason) == Err(Refused::Full) {
            tracing::error!(process = %self.pid, "the mailbox is full: the process ends");
            self.end(Term::atom("mailbox_full"));
        }
    }

    /// Who monitored it does so no more, or is gone. What runs for that one's sake alone ends.
    pub(crate) fn unwatched(&self, reference: &Reference) {
        let watcher = self.bonds().watchers.remove(reference);
        if watcher.is_some_and(|watcher| watcher.is_caller) {
            self.end(Term::atom("killed"));
        }
    }

    /// Ends the process. The first reason stays.
    pub(crate) fn end(&self, reason: Term) {
        let mut verdict = self.verdict.lock().unwrap_or_else(PoisonError::into_inner);
        verdict.get_or_insert(reason);
        drop(verdict);
        self.judged.notify_one();
    }

    /// Waits until the process has to end, and says why.
    pub(crate) async fn ended(&self) -> Term {
        loop {
            let verdict = self.verdict.lock().unwrap_or_else(PoisonError::into_inner).clone();
            match verdict {
                Some(reason) => return reason,
                None => self.judged.notified().await,
            }
        }
    }

    /// An exit signal, as `erlang:exit/2` and links send it (reference manual, "Processes",
    /// section "Receiving Exit Signals").
    pub(crate) fn exit_signal(&self, from: Pid, reason: Reason, along_link: bool) {
        let Reason { term: reason, len } = reason;
        if !along_link && reason.is_atom("kill") {
            self.end(Term::atom("killed"));
        } else if self.trap_exit.load(Ordering::Acquire) {
            self.push_with(Incoming::Exit { from, reason }, len);
        } else if !reason.is_atom("normal") {
            self.end(reason);
        }
    }
}

/// A reason that came with a signal, and how many bytes it took there.
pub(crate) struct Reason {
    pub(crate) term: Term,
    pub(crate) len: usize,
}

impl Reason {
    pub(crate) fn atom(name: &'static str) -> Self {
        Self { term: Term::atom(name), len: 0 }
    }
}

/// What the code of a process holds: its pid, its mailbox, and the node around it.
///
/// It links and monitors as a process of a BEAM does, here and on other nodes, which are dialled
/// if need be. A link or monitor goes off with `noconnection` if its node is lost or cannot be
/// reached.
///
/// ```
/// use flitch::{Cookie, Epmd, Incoming, Node, Term};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let node = Node::builder("worker@127.0.0.1".parse()?)
///     .cookie(Cookie::new("a secret of this cluster")?)
///     .bind("127.0.0.1".parse()?)
///     .epmd(Epmd::None)
///     .start()
///     .await?;
/// let worker = node.spawn_process(|mut process| async move {
///     while let Some(Incoming::Message(job)) = process.next().await {
///         println!("{:?}", job.to_value::<String>());
///     }
/// });
///
/// node.send(worker.pid(), "a job").await?;
///
/// let (told, reason) = tokio::sync::oneshot::channel();
/// node.spawn_process(|mut process| async move {
///     // Process.monitor(worker); by name it is ("orders", "app@10.0.0.7").
///     if process.monitor(worker.pid()).is_ok() {
///         worker.exit(Term::atom("stop"));   // Process.exit(worker, :stop)
///         if let Some(Incoming::Down { reason, .. }) = process.next().await {
///             let _ = told.send(reason);     // {:DOWN, reference, :process, worker, reason}
///         }
///     }
/// });
/// assert!(reason.await?.is_atom("stop"));
/// node.shutdown().await;
/// # Ok(())
/// # }
/// ```
pub struct Process {
    pub(crate) node: Node,
    pub(crate) entry: Arc<Entry>,
    pub(crate) mailbox: mailbox::Receiver,
}

impl Process {
    /// The process's pid.
    #[must_use]
    pub fn pid(&self) -> &Pid {
        &self.entry.pid
    }

    /// The node that it runs on.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Waits for the next message. `None` when the node is gone.
    pub async fn next(&mut self) -> Option<Incoming> {
        self.mailbox.next().await
    }

    /// Whether exit signals come as [`Incoming::Exit`] (`true`) or end the process (`false`, as
    /// it begins).
    pub fn trap_exit(&self, trap: bool) {
        self.entry.trap_exit.store(trap, Ordering::Release);
    }

    /// Links to a process: if one of the two ends, so does the other. A process that is not
    /// there is as one that has just ended with `noproc`.
    pub fn link(&self, pid: &Pid) {
        self.node.link(&self.entry, pid);
    }

    /// Undoes [`Process::link`].
    pub fn unlink(&self, pid: &Pid) {
        self.node.unlink(&self.entry, pid);
    }

    /// Watches a process: an [`Incoming::Down`] comes when it ends, and at once if it is not
    /// there.
    ///
    /// # Errors
    /// The destination is no pid or name.
    pub fn monitor<D>(&self, whom: D) -> Result<Reference, crate::DestError>
    where
        D: TryInto<crate::Dest>,
        crate::DestError: From<D::Error>,
    {
        Ok(self.node.monitor(&self.entry, whom.try_into()?))
    }

    /// Undoes [`Process::monitor`]. A `Down` that is already on its way still comes.
    pub fn demonitor(&self, reference: &Reference) {
        self.node.demonitor(&self.entry, reference);
    }
}

/// Why a process ends, as others learn it. `()` is `normal`.
#[derive(Clone, Debug, PartialEq)]
pub struct ExitReason(pub Term);

impl ExitReason {
    /// The reason of a process that is done.
    #[must_use]
    pub fn normal() -> Self {
        Self(Term::atom("normal"))
    }

    /// The reason of a process that was told to stop.
    #[must_use]
    pub fn shutdown() -> Self {
        Self(Term::atom("shutdown"))
    }
}

impl From<()> for ExitReason {
    fn from((): ()) -> Self {
        Self::normal()
    }
}

impl From<Term> for ExitReason {
    fn from(reason: Term) -> Self {
        Self(reason)
    }
}

/// A process that was spawned: what others hold of it.
#[derive(Clone)]
pub struct ProcessHandle {
    pub(crate) node: Node,
    pub(crate) pid: Pid,
}

impl ProcessHandle {
    /// The process's pid.
    #[must_use]
    pub fn pid(&self) -> &Pid {
        &self.pid
    }

    /// Gives the process a name, which lasts until it ends.
    ///
    /// # Errors
    /// The name is taken, or no atom, or the process has one already or is gone.
    pub fn register(self, name: &str) -> Result<Self, crate::RegisterError> {
        self.node.register(name, &self.pid)?;
        Ok(self)
    }

    /// Ends the process, as `exit(Pid, Reason)` does.
    pub fn exit(&self, reason: impl Into<ExitReason>) {
        self.node.exit(&self.pid, &reason.into());
    }
}
