//! `global`: names and locks of a whole cluster, and every node connected to every other.
//!
//! Only a visible node takes part. The protocol is in [`machine`], by its parts: [`session`] puts
//! the names of two partitions together, under the lock that [`locker`] gets on both; [`registrar`]
//! changes a name on all nodes; [`partition`] keeps partitions apart. [`driver`] is the process.

mod ask;
mod driver;
mod locker;
mod machine;
mod output;
mod partition;
mod registrar;
mod resolve;
mod session;
mod tables;
#[cfg(test)]
mod tests;

use std::sync::PoisonError;

use flitch_etf::{Pid, Term};
use tokio::sync::{mpsc, oneshot};

use self::driver::{Command, Names};
use self::machine::Request;
use self::output::Refusal;
pub use self::resolve::Conflict;
pub(crate) use self::resolve::resolve_it;
use crate::mailbox::Incoming;
use crate::node::{Node, NodeEvent};

/// Names of processes that count in the whole cluster, as Erlang's `global` has them.
///
/// A name is any term: `{:via, :global, name}` and `{:global, name}` of Elixir reach it. It lasts
/// until it is taken back or its process ends, on whatever node.
///
/// ```
/// use flitch::{Cookie, Epmd, Node, Term};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let node = Node::builder("worker@127.0.0.1".parse()?)
///     .cookie(Cookie::new("a secret of this cluster")?)
///     .bind("127.0.0.1".parse()?)
///     .epmd(Epmd::None)
///     .visible(true)
///     .start()
///     .await?;
/// let worker = node.spawn_process(|mut process| async move {
///     while process.next().await.is_some() {}
/// });
///
/// let Some(global) = node.global() else { return Err("a hidden node has no part in it".into()) };
/// global.sync().await?;
/// global.register(Term::atom("pricing"), worker.pid()).await?;
/// assert_eq!(global.whereis(&Term::atom("pricing")).as_ref(), Some(worker.pid()));
/// node.shutdown().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Global {
    node: Node,
    commands: mpsc::UnboundedSender<Command>,
    names: Names,
}

/// Why a name was not given, or nothing could be done.
///
/// ```
/// use flitch::GlobalError;
/// use flitch::test::Network;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let network = Network::new();
/// let worker = network.node("worker@a")?.visible(true).start().await?;
/// let forever = |_| std::future::pending::<()>();
/// let (one, two) = (worker.spawn_process(forever), worker.spawn_process(forever));
///
/// let global = worker.global().ok_or("a hidden node has no part in it")?;
/// global.register("pricing", one.pid()).await?;
/// assert_eq!(global.register("pricing", two.pid()).await, Err(GlobalError::Taken));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GlobalError {
    /// Another process of the cluster has the name.
    #[error("the name is taken by another process of the cluster")]
    Taken,
    /// The process has another global name, and `global` allows one only.
    #[error("the process has another global name already")]
    Named,
    /// The process is of this node and is gone.
    #[error("the process is gone")]
    Gone,
    /// The node is shutting down.
    #[error("this node is shutting down")]
    Shutdown,
}

impl Global {
    /// The process that has a name, on whatever node (`global:whereis_name/1`).
    #[must_use]
    pub fn whereis(&self, name: &Term) -> Option<Pid> {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        let pid = names.get(name)?;
        (!self.is_dead(pid)).then(|| pid.clone())
    }

    /// All names (`global:registered_names/0`), in the order of terms.
    #[must_use]
    pub fn names(&self) -> Vec<Term> {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        let mut names: Vec<_> = names.keys().cloned().collect();
        names.sort();
        names
    }

    /// Gives a process a name on all nodes (`global:register_name/2`). Takes as long as it takes to
    /// get the lock on all of them; given up, it is still done.
    ///
    /// # Errors
    /// The name or the process is taken.
    pub async fn register(&self, name: impl Into<Term>, pid: &Pid) -> Result<(), GlobalError> {
        self.register_with(name, pid, Conflict::default()).await
    }

    /// Likewise, and says what happens to the process if another partition has the same name
    /// (`global:register_name/3`).
    ///
    /// # Errors
    /// As [`Global::register`].
    pub async fn register_with(
        &self,
        name: impl Into<Term>,
        pid: &Pid,
        conflict: Conflict,
    ) -> Result<(), GlobalError> {
        let (name, pid, method) = (name.into(), self.living(pid)?, conflict.method());
        self.request(Request::Register { name, pid, method }).await
    }

    /// Gives a name to a process in the place of whoever has it (`global:re_register_name/2`).
    ///
    /// # Errors
    /// The process is gone, or the node.
    pub async fn reregister(&self, name: impl Into<Term>, pid: &Pid) -> Result<(), GlobalError> {
        let (name, pid) = (name.into(), self.living(pid)?);
        let method = Conflict::default().method();
        self.request(Request::Reregister { name, pid, method }).await
    }

    /// Takes a name back (`global:unregister_name/1`), whosever it is.
    ///
    /// # Errors
    /// The node is shutting down.
    pub async fn unregister(&self, name: impl Into<Term>) -> Result<(), GlobalError> {
        self.request(Request::Unregister { name: name.into() }).await
    }

    /// Waits until the names of all nodes that are connected now are one with ours
    /// (`global:sync/0`).
    ///
    /// # Errors
    /// The node is shutting down.
    pub async fn sync(&self) -> Result<(), GlobalError> {
        self.request(Request::Sync).await
    }

    async fn request(&self, request: Request) -> Result<(), GlobalError> {
        let (answer, done) = oneshot::channel();
        let command = Command::Request(request, answer);
        self.commands.send(command).map_err(|_| GlobalError::Shutdown)?;
        match done.await.map_err(|_| GlobalError::Shutdown)? {
            Ok(()) => Ok(()),
            Err(Refusal::Taken) => Err(GlobalError::Taken),
            Err(Refusal::Named) => Err(GlobalError::Named),
        }
    }

    fn living(&self, pid: &Pid) -> Result<Pid, GlobalError> {
        if self.is_dead(pid) { Err(GlobalError::Gone) } else { Ok(pid.clone()) }
    }

    /// Whether it is a process of ours that is gone. Of others we learn it.
    fn is_dead(&self, pid: &Pid) -> bool {
        pid.node == self.node.identity().atom && self.node.processes().by_pid(pid).is_none()
    }
}

impl std::fmt::Debug for Global {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Global").field("node", self.node.name()).finish_non_exhaustive()
    }
}

/// What a node keeps of its `global_name_server`.
pub(crate) struct State {
    commands: mpsc::UnboundedSender<Command>,
    names: Names,
    pid: Pid,
}

impl Node {
    /// The names of the cluster. `None` for a hidden node, which has no part in them.
    #[must_use]
    pub fn global(&self) -> Option<Global> {
        let State { commands, names, .. } = self.global_state().get()?;
        Some(Global { node: self.clone(), commands: commands.clone(), names: names.clone() })
    }

    /// Tells `global` of a peer, in order with what that peer says and with the ends of its
    /// processes.
    pub(crate) fn tell_global(&self, event: &NodeEvent) {
        let entry = self.global_state().get().and_then(|it| self.processes().by_pid(&it.pid));
        if let Some(entry) = entry {
            entry.push(Incoming::Node(event.clone()));
        }
    }
}

/// Starts the process, on a visible node.
pub(crate) fn start(node: &Node) {
    let (commands, received) = mpsc::unbounded_channel();
    let names = Names::default();
    let (commander, view) = (commands.clone(), names.clone());
    let server = node.spawn_process(move |process| driver::run(process, received, commander, view));
    if let Err(error) = node.register(driver::NAME, server.pid()) {
        tracing::error!(%error, "global_name_server cannot be registered");
    }
    let state = State { commands, names, pid: server.pid().clone() };
    let _ = node.global_state().set(state);
}
