//! A process of ours: what its code holds, and what others hold of it.

mod alias;
mod bonds;
mod context;
mod entry;
mod facts;
mod inbox;
mod run;
mod timer;

use std::ops::Deref;
use std::pin::Pin;
use std::task::{self, Poll};

use flitch_etf::{Pid, Term};
use futures_util::Stream;

use crate::mailbox::{self, Incoming};
use crate::node::Node;

pub(crate) use alias::Aliases;
pub(crate) use bonds::{Bonds, Link, Watched, Watcher};
pub use context::Context;
pub(crate) use entry::{Entry, Reason};
pub(crate) use facts::Facts;
pub use inbox::Inbox;
pub(crate) use run::panic_reason;
pub use timer::Timer;

/// What the code of a process holds: its mailbox, which is a [`Stream`] too, and what it does in its
/// own name.
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
    pub(crate) context: Context,
    pub(crate) mailbox: mailbox::Receiver,
}

impl Process {
    /// Waits for the next message. `None` when the process has ended.
    pub async fn next(&mut self) -> Option<Incoming> {
        self.mailbox.next().await
    }

    /// What it does in its own name, to be kept and moved.
    #[must_use]
    pub fn context(&self) -> Context {
        self.context.clone()
    }
}

impl Deref for Process {
    type Target = Context;

    fn deref(&self) -> &Context {
        &self.context
    }
}

impl Stream for Process {
    type Item = Incoming;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Option<Incoming>> {
        self.mailbox.poll_next(cx)
    }
}

/// Why a process ends, as others learn it. `()` is `normal`.
///
/// ```
/// use flitch::test::Network;
/// use flitch::{ExitReason, term};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let network = Network::new();
/// let worker = network.node("worker@a")?.start().await?;
/// let app = network.beam("app@b")?.start().await?;
/// // What a process returns is why it ended.
/// let task = worker.spawn_process(|mut process| async move {
///     process.next().await;
///     ExitReason::from(term!({:done, 7}))
/// });
/// let monitor = app.monitor(task.pid())?;
/// app.send(task.pid(), &"go").await?;
/// assert_eq!(app.down(&monitor).await?, term!({:done, 7}));
/// # Ok(())
/// # }
/// ```
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
///
/// ```
/// use flitch::test::Network;
/// use flitch::term;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let network = Network::new();
/// let worker = network.node("worker@a")?.start().await?;
/// let stock = worker.spawn_process(|_| std::future::pending::<()>()).register("stock")?;
/// assert_eq!(worker.whereis("stock").as_ref(), Some(stock.pid()));
///
/// stock.exit(term!(:moved));   // Process.exit(stock, :moved)
/// # Ok(())
/// # }
/// ```
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

#[cfg(test)]
mod tests {
    use crate::{Cookie, Epmd, Node};

    /// A node that nobody knows of.
    pub(super) async fn node() -> Node {
        Node::builder("worker@127.0.0.1".parse().unwrap())
            .cookie(Cookie::new("a secret of this test").unwrap())
            .bind("127.0.0.1".parse().unwrap())
            .epmd(Epmd::None)
            .start()
            .await
            .unwrap()
    }
}
