//! Process groups: Erlang's `pg`, with members on both sides.
//!
//! Source: `pg.erl` of kernel, of OTP 25, 27 and 29, and `data_publisher.erl` of OTP 29.

#![allow(
    clippy::mutable_key_type,
    reason = "a list keeps its elements when they are first asked for; it stays equal by that"
)]

mod groups;
mod message;
mod run;
mod scope;
mod shared;
mod watch;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use flitch_etf::{Atom, Pid, Term};
use tokio::sync::{mpsc, oneshot};

use crate::node::Node;
use crate::process::Process;
use crate::processes::RegisterError;
use run::Command;
use shared::Shared;
pub use watch::{GroupEvent, GroupWatch};

/// A scope of process groups: `:pg`, seen from here.
///
/// Processes of this node join groups, and every BEAM that is connected and runs the scope sees
/// them in `:pg.get_members`, whether it came before or after; they leave when they end, and when
/// this node goes. Members on BEAMs are seen here likewise. As in Erlang, a process joins through
/// its own node only, may join more than once, and sees the groups of nodes that are connected to
/// its own. A group's name is any term.
///
/// ```
/// use flitch::{Cookie, Epmd, Incoming, Node, Term};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let node = Node::builder("worker@127.0.0.1".parse()?)
/// #     .cookie(Cookie::new("a secret of this cluster")?)
/// #     .bind("127.0.0.1".parse()?)
/// #     .epmd(Epmd::None)
/// #     .start()
/// #     .await?;
/// let worker = node.spawn_process(|mut process| async move {
///     while let Some(Incoming::Message(job)) = process.next().await {
///         println!("{:?}", job.to_value::<Term>());
///     }
/// });
///
/// // :pg.join({:workers, "eu"}, worker)
/// let group = Term::from((Term::atom("workers"), "eu"));
/// let pg = node.pg()?;
/// pg.join(&group, worker.pid()).await?;
/// assert_eq!(pg.members(&group), [worker.pid().clone()]);   // :pg.get_members({:workers, "eu"})
/// # node.shutdown().await;
/// # Ok(())
/// # }
/// ```
///
/// BEAMs run the default scope when they are told to: `start_pg: true` for `:kernel`, or
/// `:pg.start_link()` in their supervision tree. What one node brings may take as many bytes here
/// as a mailbox; one that brings more has no members here.
#[derive(Clone)]
pub struct Pg {
    node: Node,
    shared: Arc<Shared>,
}

/// Why a process is not in a group, or not out of it.
///
/// ```
/// use flitch::PgError;
/// use flitch::test::Network;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let network = Network::new();
/// let worker = network.node("worker@a")?.start().await?;
/// let idle = worker.spawn_process(|_| std::future::pending::<()>());
/// let pg = worker.pg()?;
/// assert_eq!(pg.leave("workers", idle.pid()).await, Err(PgError::NotJoined));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PgError {
    /// A process joins and leaves through its own node.
    #[error("{0} is a process of another node: it joins and leaves there")]
    NotLocal(Pid),
    /// None of the processes is in the group.
    #[error("the process is not in that group")]
    NotJoined,
    /// The scope's process has ended, with its node or alone.
    #[error("the scope has ended: take a new one from the node, and join again")]
    Ended,
}

/// The scopes that run on a node.
#[derive(Default)]
pub(crate) struct Scopes(Mutex<HashMap<Atom, Arc<Shared>>>);

/// How many joins and leaves may wait for a scope; then who joins waits.
const COMMANDS: usize = 256;

impl Node {
    /// The default scope of process groups, which is named `pg`. It runs from now on, until the
    /// node shuts down.
    ///
    /// # Errors
    /// Another process has that name.
    pub fn pg(&self) -> Result<Pg, RegisterError> {
        self.pg_scope("pg")
    }

    /// A scope of process groups by name, as of `:pg.start_link(:name)`.
    ///
    /// # Errors
    /// Another process has that name, or it is no atom.
    pub fn pg_scope(&self, name: &str) -> Result<Pg, RegisterError> {
        let invalid = |_| RegisterError::Name(name.to_owned());
        let atom = Atom::new(name).map_err(invalid)?;
        let mut scopes = self.scopes().0.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = match scopes.get(&atom).filter(|shared| !shared.is_over()) {
            Some(shared) => Arc::clone(shared),
            None => {
                let shared = self.start_scope(&atom)?;
                scopes.insert(atom, Arc::clone(&shared));
                shared
            }
        };
        Ok(Pg { node: self.clone(), shared })
    }

    fn start_scope(&self, name: &Atom) -> Result<Arc<Shared>, RegisterError> {
        let (start, started) = oneshot::channel::<Arc<Shared>>();
        let (commands, wanted) = mpsc::channel(COMMANDS);
        let own = name.clone();
        let handle = self.spawn_process(move |process: Process| async move {
            // One whose name is taken never starts.
            if let Ok(shared) = started.await {
                let ending = Ending(shared);
                run::run(process, own, Arc::clone(&ending.0), wanted).await;
            }
        });
        let limit = self.settings().mailbox_limit;
        let shared = Arc::new(Shared::new(handle.pid().clone(), limit, commands));
        handle.register(name.as_str())?;
        let _ = start.send(Arc::clone(&shared));
        Ok(shared)
    }
}

/// However the process ends, its scope ends with it.
struct Ending(Arc<Shared>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl Pg {
    /// A process of this node joins a group: `:pg.join(group, pid)`. When this returns, every peer
    /// has been told. A process that has ended leaves again at once.
    ///
    /// # Errors
    /// The process is another node's, or the scope has ended.
    pub async fn join(&self, group: impl Into<Term>, pid: &Pid) -> Result<(), PgError> {
        self.join_many(group, std::slice::from_ref(pid)).await
    }

    /// Processes of this node join a group together: `:pg.join(group, pids)`.
    ///
    /// # Errors
    /// One of them is another node's, or the scope has ended.
    pub async fn join_many(&self, group: impl Into<Term>, pids: &[Pid]) -> Result<(), PgError> {
        let (group, pids) = (group.into(), self.own(pids)?);
        self.ask(|done| Command::Join { group, pids, done }).await
    }

    /// A process leaves a group, once: `:pg.leave(group, pid)`.
    ///
    /// # Errors
    /// It is not in the group, is another node's, or the scope has ended.
    pub async fn leave(&self, group: impl Into<Term>, pid: &Pid) -> Result<(), PgError> {
        self.leave_many(group, std::slice::from_ref(pid)).await
    }

    /// Processes leave a group together: `:pg.leave(group, pids)`.
    ///
    /// # Errors
    /// None of them is in the group, one is another node's, or the scope has ended.
    pub async fn leave_many(&self, group: impl Into<Term>, pids: &[Pid]) -> Result<(), PgError> {
        let (group, pids) = (group.into(), self.own(pids)?);
        match self.ask(|done| Command::Leave { group, pids, done }).await? {
            true => Ok(()),
            false => Err(PgError::NotJoined),
        }
    }

    /// Everybody in a group, here and on the nodes that are connected: `:pg.get_members(group)`.
    #[must_use]
    pub fn members(&self, group: impl Into<Term>) -> Vec<Pid> {
        let group = group.into();
        self.shared.read(|scope| scope.members(&group))
    }

    /// The processes of this node in a group: `:pg.get_local_members(group)`.
    #[must_use]
    pub fn local_members(&self, group: impl Into<Term>) -> Vec<Pid> {
        let group = group.into();
        self.shared.read(|scope| scope.local_members(&group))
    }

    /// The groups that have members, in no particular order: `:pg.which_groups()`.
    #[must_use]
    pub fn groups(&self) -> Vec<Term> {
        self.shared.read(|scope| scope.groups().into_keys().collect())
    }

    /// Tells who is in a group, and then who joins and who leaves: `:pg.monitor(group)`.
    #[must_use]
    pub fn watch(&self, group: impl Into<Term>) -> GroupWatch {
        GroupWatch::of(&self.shared, Some(group.into()))
    }

    /// Likewise for all groups: `:pg.monitor_scope()`.
    #[must_use]
    pub fn watch_all(&self) -> GroupWatch {
        GroupWatch::of(&self.shared, None)
    }

    /// The process of the scope, which others know under the scope's name.
    #[must_use]
    pub fn pid(&self) -> &Pid {
        &self.shared.pid
    }

    fn own(&self, pids: &[Pid]) -> Result<Vec<Pid>, PgError> {
        match pids.iter().find(|pid| pid.node != self.node.identity().atom) {
            Some(pid) => Err(PgError::NotLocal(pid.clone())),
            None => Ok(pids.to_vec()),
        }
    }

    async fn ask<R>(
        &self,
        command: impl FnOnce(oneshot::Sender<R>) -> Command,
    ) -> Result<R, PgError> {
        let (done, answer) = oneshot::channel();
        self.shared.commands.send(command(done)).await.map_err(|_| PgError::Ended)?;
        answer.await.map_err(|_| PgError::Ended)
    }
}

impl std::fmt::Debug for Pg {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pg").field("pid", self.pid()).finish_non_exhaustive()
    }
}
