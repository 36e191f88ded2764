//! Who waits for the answer to a `GenServer.call`, and how it gets there.

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use flitch_dist::{Control, Lane, PacketError};
use flitch_etf::{
    DeError, Pid, Reader, SerError, Term, write_term, write_tuple_header, write_value,
};
use serde::Serialize;
use tokio::time::Instant;

use crate::calls::tag_reference;
use crate::node::Node;
use crate::process::{Entry, ExitReason};

/// Somebody who waits for an answer of type `R`.
///
/// Answer with [`Caller::reply`], now or later, from here or from another task. A caller that is
/// dropped without an answer gets an exit with the reason `no_reply`, rather than a timeout.
///
/// ```
/// use flitch::test::Network;
/// use flitch::{Caller, GenServer, Term};
/// use std::time::Duration;
///
/// struct Reports;
///
/// impl GenServer for Reports {
///     type Call = u64;
///     type Cast = Term;
///     type Reply = String;
///     async fn handle_call(&mut self, number: u64, caller: Caller<String>) {
///         // The server goes on with other calls; the answer comes from a task.
///         tokio::spawn(async move {
///             tokio::time::sleep(Duration::from_secs(2)).await;
///             caller.reply(format!("report {number}"));
///         });
///     }
///     async fn handle_cast(&mut self, _: Term) {}
/// }
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let network = Network::new();
/// let worker = network.node("worker@a")?.start().await?;
/// worker.spawn(Reports).register("reports")?;
/// let app = network.beam("app@b")?.start().await?;
/// let report: String = app.call(("reports", worker.name()), &7).await?;
/// assert_eq!(report, "report 7");
/// # Ok(())
/// # }
/// ```
#[must_use = "the caller waits for an answer: reply, or it gets an exit"]
pub struct Caller<R> {
    open: Option<Open>,
    answer: PhantomData<fn(R)>,
}

/// A call that has no answer yet.
struct Open {
    node: Node,
    entry: Arc<Entry>,
    from: From,
    began: Instant,
    /// How it is counted when it is over.
    answer: &'static str,
    /// The task that handles the call.
    task: Option<tokio::task::Id>,
}

/// `{Pid, Tag}` of a call.
#[derive(Clone, Debug)]
pub(crate) struct From {
    pub(crate) pid: Pid,
    pub(crate) tag: Term,
}

impl From {
    /// Reads it, at the cursor of a `'$gen_call'` or `system` message.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, DeError> {
        let start = reader.position();
        let pair = reader.term()?;
        match pair.as_tuple() {
            Some([Term::Pid(pid), tag]) => Ok(Self { pid: pid.as_ref().clone(), tag: tag.clone() }),
            _ => Err(DeError::custom_at(start, "expected a {pid, tag} to answer to")),
        }
    }

    /// Sends `{Tag, Answer}`, to the alias in the tag if there is one. An answer that has no form
    /// is an error of ours, and nothing is sent then.
    pub(crate) fn answer(
        &self,
        node: &Node,
        us: &Pid,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), SerError>,
    ) -> Result<(), PacketError<SerError>> {
        let alias = match &self.tag {
            Term::ImproperList(_) => tag_reference(&self.tag),
            _ => None,
        };
        let control = match alias {
            Some(alias) => Control::AliasSend { from: us.clone(), alias },
            None => Control::Send { from: Some(us.clone()), to: self.pid.clone() },
        };
        node.try_signal(Lane::of(us), &self.pid.node, &control, |out| {
            write_tuple_header(out, 2)?;
            write_term(out, &self.tag)?;
            write(out)
        })
    }

    /// Ends the call with an exit: the monitor that the caller holds goes off.
    pub(crate) fn reject(&self, node: &Node, entry: &Entry, reason: &Term) {
        let Some(reference) = tag_reference(&self.tag) else { return };
        // A reference that is not the caller's own is somebody else's monitor.
        let mut bonds = entry.bonds();
        let caller = bonds.watchers.get(&reference).is_some_and(|it| it.pid == self.pid);
        let watcher = if caller { bonds.watchers.remove(&reference) } else { None };
        drop(bonds);
        if let Some(watcher) = watcher {
            if let Some(link) = node.peers().link(&watcher.pid.node) {
                link.bonds().watched.remove(&reference);
            }
            let at = watcher.pid.node.clone();
            let target = watcher.target;
            let down = Control::MonitorExit { target, to: watcher.pid, reference };
            node.signal_in(Lane::of(&entry.pid), &at, &down, reason);
        }
    }
}

impl<R> Caller<R> {
    pub(crate) fn new(node: Node, entry: Arc<Entry>, from: From) -> Self {
        node.stats().open_calls.fetch_add(1, Ordering::AcqRel);
        let (began, task) = (Instant::now(), tokio::task::try_id());
        let open = Open { node, entry, from, began, answer: "exit", task };
        Self { open: Some(open), answer: PhantomData }
    }

    /// The task that asks handles the call from here on.
    pub(crate) fn handled_here(mut self) -> Self {
        if let Some(open) = &mut self.open {
            open.task = tokio::task::try_id();
        }
        self
    }

    /// The process that waits.
    #[must_use]
    pub fn pid(&self) -> Option<&Pid> {
        self.open.as_ref().map(|open| &open.from.pid)
    }

    /// Ends the call with an exit for the caller, as if the server had ended for it alone.
    pub fn exit(mut self, reason: impl Into<ExitReason>) {
        if let Some(open) = self.open.take() {
            open.exit(&reason.into().0);
        }
    }
}

impl<R: Serialize> Caller<R> {
    /// Answers. An answer that has no form on the wire (NaN, say) is an exit for the caller, and
    /// a line in the log.
    #[allow(clippy::needless_pass_by_value, reason = "an answer is given away")]
    pub fn reply(mut self, answer: R) {
        let Some(mut open) = self.open.take() else { return };
        let us = &open.entry.pid;
        if let Err(error) = open.from.answer(&open.node, us, |out| write_value(out, &answer)) {
            tracing::error!(process = %us, %error, "an answer cannot be encoded");
            let reason = (Term::atom("unencodable_reply"), error.to_string());
            return open.exit(&reason.into());
        }
        open.answer = "reply";
    }
}

impl Open {
    fn exit(&self, reason: &Term) {
        self.from.reject(&self.node, &self.entry, reason);
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let stats = self.node.stats();
        stats.open_calls.fetch_sub(1, Ordering::AcqRel);
        stats.counters.calls_in.ended(self.answer, self.began.elapsed());
    }
}

impl<R> Drop for Caller<R> {
    fn drop(&mut self) {
        if let Some(mut open) = self.open.take() {
            open.answer = "no_reply";
            // What panics ends with its own reason, which says more.
            let panics = std::thread::panicking() && tokio::task::try_id() == open.task;
            if !panics {
                open.exit(&Term::atom("no_reply"));
            }
        }
    }
}
