//! What a process does in its own name.

use std::any::type_name;
use std::sync::Arc;
use std::time::Duration;

use flitch_etf::{Pid, Reference};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::run::Nascent;
use super::{Entry, ExitReason, Process, ProcessHandle};
use crate::call::CallError;
use crate::dest::{Dest, DestError};
use crate::gen_server::{GenServer, live};
use crate::node::Node;

/// What a process does in its own name: links, monitors, messages, calls, timers.
///
/// Every [`Process`] is one. A server keeps a clone from its `init`, for its handlers; all clones
/// are the same process.
///
/// ```
/// use flitch::{Caller, Context, GenServer, Info, Process, Term};
/// use std::time::Duration;
///
/// /// Ends itself when nobody has asked for a minute.
/// #[derive(Default)]
/// struct Session { context: Option<Context>, asked: u64 }
///
/// impl Session {
///     fn wait(&self) {
///         if let Some(context) = &self.context {
///             let _ = context.send_after(Duration::from_secs(60), &self.asked);
///         }
///     }
/// }
///
/// impl GenServer for Session {
///     type Call = Term;
///     type Cast = Term;
///     type Reply = u64;
///
///     async fn init(&mut self, process: &Process) {
///         self.context = Some(process.context());
///         self.wait();
///     }
///     async fn handle_call(&mut self, _: Term, caller: Caller<u64>) {
///         self.asked += 1;
///         self.wait();
///         caller.reply(self.asked);
///     }
///     async fn handle_cast(&mut self, _: Term) {}
///     async fn handle_info(&mut self, info: Info) {
///         let Info::Message(asked) = info else { return };
///         if asked.to_value::<u64>().is_ok_and(|asked| asked == self.asked)
///             && let Some(context) = &self.context
///         {
///             context.stop(Term::atom("normal"));      // {:stop, :normal, state}
///         }
///     }
/// }
/// ```
#[derive(Clone)]
pub struct Context {
    pub(crate) node: Node,
    pub(crate) entry: Arc<Entry>,
}

impl Context {
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

    /// Whether exit signals come as [`Incoming::Exit`](crate::Incoming::Exit) (`true`) or end the
    /// process (`false`, as it begins).
    pub fn trap_exit(&self, trap: bool) {
        self.entry.trap_exit(trap);
    }

    /// Links to a process: if one of the two ends, so does the other. A process that is not
    /// there is as one that has just ended with `noproc`.
    pub fn link(&self, pid: &Pid) {
        self.node.link(&self.entry, pid);
    }

    /// Undoes [`Context::link`].
    pub fn unlink(&self, pid: &Pid) {
        self.node.unlink(&self.entry, pid);
    }

    /// Watches a process: an [`Incoming::Down`](crate::Incoming::Down) comes when it ends, and at
    /// once if it is not there.
    ///
    /// # Errors
    /// The destination is no pid or name.
    pub fn monitor<D>(&self, whom: D) -> Result<Reference, DestError>
    where
        D: TryInto<Dest>,
        DestError: From<D::Error>,
    {
        Ok(self.node.monitor(&self.entry, whom.try_into()?))
    }

    /// Undoes [`Context::monitor`]. A `Down` that is already on its way still comes.
    pub fn demonitor(&self, reference: &Reference) {
        self.unalias(reference);
        self.node.demonitor(&self.entry, reference);
    }

    /// `GenServer.call` in the name of this process: as [`Node::call`], in order with what else
    /// it sends. A call that is under way when the process ends is given up with it.
    ///
    /// # Errors
    /// As [`Node::call`].
    pub async fn call<D, M, R>(&self, to: D, request: &M, timeout: Duration) -> Result<R, CallError>
    where
        D: TryInto<Dest>,
        DestError: From<D::Error>,
        M: Serialize + ?Sized,
        R: DeserializeOwned,
    {
        self.node.call_as(self.pid(), to, request, timeout).await
    }

    /// Starts a server that is linked to this process from its beginning.
    pub fn spawn_link<S: GenServer>(&self, server: S) -> ProcessHandle {
        self.linked(type_name::<S>()).run(|process| live(server, process))
    }

    /// Starts a process that is linked to this one from its beginning.
    pub fn spawn_link_process<F, B>(&self, body: F) -> ProcessHandle
    where
        F: FnOnce(Process) -> B + Send + 'static,
        B: Future + Send + 'static,
        B::Output: Into<ExitReason>,
    {
        self.linked(type_name::<F>()).run(body)
    }

    /// Starts a server that this process monitors from its beginning.
    pub fn spawn_monitor<S: GenServer>(&self, server: S) -> (ProcessHandle, Reference) {
        let nascent = self.node.nascent(type_name::<S>());
        let reference = self.node.monitor(&self.entry, nascent.process.pid().clone().into());
        (nascent.run(|process| live(server, process)), reference)
    }

    fn linked(&self, label: &'static str) -> Nascent {
        let nascent = self.node.nascent(label);
        self.link(nascent.process.pid());
        nascent
    }

    /// Sends a process an exit signal, as `Process.exit(pid, reason)` does.
    pub fn exit(&self, pid: &Pid, reason: impl Into<ExitReason>) {
        self.node.exit_as(self.pid(), pid, &reason.into());
    }

    /// Ends this process in order. A server handles what it is at, gets its `terminate` and ends
    /// with this reason, before anything else that waits (`{:stop, reason, state}`); any other
    /// process gets [`Incoming::Shutdown`](crate::Incoming::Shutdown), and its own reason counts.
    pub fn stop(&self, reason: impl Into<ExitReason>) {
        self.entry.stop(reason.into().0);
    }
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Context").field(self.pid()).finish()
    }
}
