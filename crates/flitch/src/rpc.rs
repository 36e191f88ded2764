//! Functions on other nodes: called, on one or on many, and started there as processes.
//!
//! Source: `erpc.erl` and `rpc.erl` of kernel; `erl_dist_protocol`, SPAWN_REQUEST.

use std::time::Duration;

use flitch_dist::{Control, Payload, SpawnRequest, Target};
use flitch_etf::{Atom, Pid, Reference, SerError, Term, write_term, write_value};
use flitch_handshake::Flags;
use flitch_name::NodeName;
use futures_util::future::join_all;
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;
use tracing::Instrument;

use crate::call::{CallError, Within, down};
use crate::calls::Outcome;
use crate::dest::Dest;
use crate::functions::{Arguments, Demand, NotRun, Raise};
use crate::metrics::Watched;
use crate::node::Node;
use crate::process::Context;
use crate::router::no_payload;

/// Why a function on another node gave no result.
///
/// ```
/// use flitch::test::Network;
/// use flitch::{RpcError, Term};
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let network = Network::new();
/// let worker = network.node("worker@a")?.start().await?;
/// let app = network.beam("app@b")?.start().await?;
/// let second = Duration::from_secs(1);
/// // :erpc.call(:app@b, Pricing, :quote, [])
/// let called = worker.rpc::<Term>(app.name(), "Elixir.Pricing", "quote", &[], second).await;
/// assert!(matches!(called, Err(RpcError::Error { reason, .. }) if reason.is_atom("undef")));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RpcError {
    /// There was no answer.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The function raised an error.
    #[error("{reason:?}")]
    Error {
        /// What it raised.
        reason: Term,
        /// Where, as `erlang:raise/3` has it.
        stack: Term,
    },
    /// The function exited.
    #[error("exited: {0:?}")]
    Exit(Term),
    /// The function threw.
    #[error("threw: {0:?}")]
    Throw(Term),
    /// The node does not let us run functions.
    #[error("the node refused to run it: {0:?}")]
    Refused(Term),
}

impl Node {
    /// Runs `module:function(arguments…)` on another node, as `erpc:call` does, or on this one what
    /// is offered here. What it prints
    /// goes to this node's [`output`](crate::NodeBuilder::output). A node without `erpc` (before OTP 23,
    /// or one that was built without it) is asked by way of its `rex`.
    ///
    /// ```no_run
    /// use flitch::{Node, RpcError, Term};
    /// use std::time::Duration;
    ///
    /// # async fn run(node: Node) -> Result<(), Box<dyn std::error::Error>> {
    /// let app = "app@10.0.0.5".parse()?;
    /// let second = Duration::from_secs(1);
    /// // :erpc.call(:"app@10.0.0.5", String, :upcase, ["hello"]): a module of Elixir's has its
    /// // full name.
    /// let text: String = node
    ///     .rpc(&app, "Elixir.String", "upcase", &[Term::from("hello")], second)
    ///     .await?;
    /// assert_eq!(text, "HELLO");
    /// match node.rpc::<Term>(&app, "erlang", "no_such_function", &[], second).await {
    ///     Err(RpcError::Error { reason, .. }) => assert!(reason.is_atom("undef")),
    ///     other => println!("{other:?}"),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Why there is no result: what it raised, with the stack, or why nothing came.
    pub async fn rpc<R: DeserializeOwned>(
        &self,
        node: &NodeName,
        module: &str,
        function: &str,
        arguments: &[Term],
        timeout: Duration,
    ) -> Result<R, RpcError> {
        let watched = Watched::rpc(self, node, module, function);
        let function = Function::new(module, function, arguments)?;
        let within = Within::new(timeout);
        let run = within.limit(self.rpc_outcome(node, &function));
        let run = async { run.await.map_err(RpcError::Call)? };
        let result = run.instrument(watched.span()).await;
        watched.ended(&result);
        result
    }

    /// [`Node::rpc`] on many nodes at once, as `erpc:multicall` does: a result for each of
    /// `nodes`, in their order, whatever becomes of the others.
    ///
    /// ```no_run
    /// # async fn run(node: flitch::Node) {
    /// let second = std::time::Duration::from_secs(1);
    /// let peers = node.peers_up();
    /// let results = node.multicall::<u64>(&peers, "erlang", "system_time", &[], second).await;
    /// for (peer, result) in peers.iter().zip(results) {
    ///     match result {
    ///         Ok(time) => println!("{peer}: {time}"),
    ///         Err(error) => eprintln!("{peer}: {error}"),
    ///     }
    /// }
    /// # }
    /// ```
    pub async fn multicall<R: DeserializeOwned>(
        &self,
        nodes: &[NodeName],
        module: &str,
        function: &str,
        arguments: &[Term],
        timeout: Duration,
    ) -> Vec<Result<R, RpcError>> {
        let call = |node| self.rpc(node, module, function, arguments, timeout);
        join_all(nodes.iter().map(call)).await
    }

    /// Starts a process on another node that runs a function, and monitors it, as
    /// `Node.spawn_monitor` does. What it prints goes to this node's
    /// [`output`](crate::NodeBuilder::output).
    ///
    /// ```no_run
    /// use flitch::{Node, Term};
    /// use std::time::Duration;
    ///
    /// # async fn run(node: Node) -> Result<(), Box<dyn std::error::Error>> {
    /// let app = "app@10.0.0.5".parse()?;
    /// let second = Duration::from_secs(1);
    /// // {pid, ref} = Node.spawn_monitor(:"app@10.0.0.5", Process, :sleep, [1000])
    /// let sleeper =
    ///     node.spawn_on(&app, "Elixir.Process", "sleep", &[Term::from(1000)], second).await?;
    /// println!("{:?} sleeps", sleeper.pid());
    /// assert!(sleeper.ended().await.is_atom("normal"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The node cannot be reached, did not answer in time, or refused ([`RpcError::Refused`]). A
    /// function that is not there is no error: its process ends with `undef`.
    pub async fn spawn_on(
        &self,
        node: &NodeName,
        module: &str,
        function: &str,
        arguments: &[Term],
        timeout: Duration,
    ) -> Result<Spawned, RpcError> {
        let function = Function::new(module, function, arguments)?;
        let within = Within::new(timeout);
        let caller = self.calls().caller();
        let spawned = self.spawned(node, &function, caller, &["monitor"]);
        within.limit(spawned).await.map_err(RpcError::Call)?
    }

    async fn rpc_outcome<R: DeserializeOwned>(
        &self,
        node: &NodeName,
        function: &Function<'_>,
    ) -> Result<R, RpcError> {
        if node == self.name() {
            return self.rpc_here(function).await;
        }
        let link = self.reach(node).await.map_err(CallError::from)?;
        if !link.flags.contains(Flags::SPAWN) {
            return self.rex(node, function).await;
        }
        let request = self.identity().new_reference();
        let caller = self.calls().caller().clone();
        let mut call = self.begin(Some(link), caller, request.clone());
        let (control, bytes) = function.called_by(self.calls().caller(), &request)?;
        call.send(&control, &bytes).await.map_err(CallError::from)?;
        match call.outcome().await {
            Outcome::Down(reason) if lacks_erpc(&reason) => self.rex(node, function).await,
            Outcome::Down(reason) => rpc_result(&reason),
            Outcome::NotSpawned(reason) => Err(RpcError::Refused(reason)),
            Outcome::NoConnection | Outcome::Reply(_) => Err(CallError::NoConnection.into()),
        }
    }

    /// What is offered here.
    async fn rpc_here<R: DeserializeOwned>(&self, function: &Function<'_>) -> Result<R, RpcError> {
        let demand = function.demanded(self.calls().caller())?;
        let found = match self.find_function(&demand) {
            Ok(found) => found,
            Err(NotRun::Undefined) => return Err(demand.raised(Raise::undef()).rpc_error()),
            Err(NotRun::Busy) => return Err(RpcError::Refused(Term::atom("system_limit"))),
        };
        match self.run_here(found, demand).await {
            Some(Ok(result)) => decoded(&result),
            Some(Err(raised)) => Err(raised.rpc_error()),
            None => Err(CallError::Exit(Term::atom("killed")).into()),
        }
    }

    /// By way of the server that older nodes have for it.
    async fn rex<R: DeserializeOwned>(
        &self,
        node: &NodeName,
        function: &Function<'_>,
    ) -> Result<R, RpcError> {
        let leader = self.calls().caller().clone();
        let (module, name) = (&function.module, &function.name);
        let arguments = function.arguments.to_vec();
        let request = Term::from((Term::atom("call"), module, name, arguments, leader));
        let dest = Dest::Remote(Atom::from_static("rex"), node.clone());
        // The time is up when that of the whole call is.
        let answer: Term = self.call(dest, &request, Duration::MAX).await?;
        match answer.as_tuple() {
            Some([badrpc, reason]) if badrpc.is_atom("badrpc") => Err(rex_error(reason)),
            _ => decoded(&answer),
        }
    }

    async fn spawned(
        &self,
        node: &NodeName,
        function: &Function<'_>,
        parent: &Pid,
        options: &[&'static str],
    ) -> Result<Spawned, RpcError> {
        let link = self.reach(node).await.map_err(CallError::from)?;
        let reference = self.identity().new_reference();
        let (pid, outcome) = self.calls().wait_for_spawn(reference.clone());
        let (node, at) = (self.clone(), link.atom.clone());
        let mut pending = Pending { node, at, parent: parent.clone(), reference, outcome };
        match link.live_bonds() {
            Some(mut bonds) => {
                bonds.watching.insert(pending.reference.clone(), parent.clone());
            }
            None => return Err(CallError::NoConnection.into()),
        }
        let (control, bytes) = function.spawned_by(parent, &pending.reference, options)?;
        self.push_when_room(&link, &control, &bytes).await.map_err(CallError::from)?;
        match pid.await {
            Ok(pid) => Ok(Spawned { pid, pending }),
            Err(_) => match (&mut pending.outcome).await {
                Ok(Outcome::NotSpawned(reason)) => Err(RpcError::Refused(reason)),
                _ => Err(CallError::NoConnection.into()),
            },
        }
    }
}

impl Context {
    /// Starts a process on another node that runs a function, linked to this process and with it
    /// as its group leader: when this process or the link between the nodes ends, so does that one,
    /// and what it prints or reads comes here, as the `io_request`s of the I/O protocol.
    ///
    /// # Errors
    /// As [`Node::spawn_on`].
    pub async fn spawn_link_on(
        &self,
        node: &NodeName,
        module: &str,
        function: &str,
        arguments: &[Term],
        timeout: Duration,
    ) -> Result<Spawned, RpcError> {
        let function = Function::new(module, function, arguments)?;
        let within = Within::new(timeout);
        let spawned = self.node().spawned(node, &function, self.pid(), &["link", "monitor"]);
        let spawned = within.limit(spawned).await.map_err(RpcError::Call)??;
        // Over there they are linked from the beginning; this is for our side's knowledge of it.
        self.link(spawned.pid());
        Ok(spawned)
    }
}

/// A process on another node that was started from here ([`Node::spawn_on`]). Dropped, it is
/// monitored no more, and lives on.
///
/// ```
/// use flitch::test::Network;
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let network = Network::new();
/// let worker = network.node("worker@a")?.start().await?;
/// let app = network.beam("app@b")?.start().await?;
/// let second = Duration::from_secs(1);
/// let spawned = worker.spawn_on(app.name(), "Elixir.Pricing", "quote", &[], second).await?;
/// assert_eq!(spawned.pid().node.as_str(), "app@b");
/// println!("it ended with {:?}", spawned.ended().await);   // {:undef, …}
/// # Ok(())
/// # }
/// ```
pub struct Spawned {
    pid: Pid,
    pending: Pending,
}

impl Spawned {
    /// The process's pid.
    #[must_use]
    pub fn pid(&self) -> &Pid {
        &self.pid
    }

    /// Waits for the end of the process: its reason, and `noconnection` if the link is lost
    /// before.
    pub async fn ended(mut self) -> Term {
        match (&mut self.pending.outcome).await {
            Ok(Outcome::Down(reason)) => reason,
            _ => Term::atom("noconnection"),
        }
    }
}

/// A spawn that was asked for. Dropped, nobody waits for its end.
struct Pending {
    node: Node,
    at: Atom,
    /// In whose name it was asked for.
    parent: Pid,
    reference: Reference,
    outcome: oneshot::Receiver<Outcome>,
}

impl Drop for Pending {
    fn drop(&mut self) {
        // After its end there is nothing to take back.
        let spawned = self.node.calls().forget(&self.reference);
        let Some(link) = self.node.peers().link(&self.at) else { return };
        let watched = link.bonds().watching.remove(&self.reference);
        if let Some(target) = spawned.map(Target::Pid).filter(|_| watched.is_some()) {
            let (from, reference) = (self.parent.clone(), self.reference.clone());
            self.node.push(&link, &Control::Demonitor { from, target, reference }, no_payload);
        }
    }
}

impl std::fmt::Debug for Spawned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Spawned").field(&self.pid).finish()
    }
}

/// A function of another node, and what it is to be called with.
struct Function<'a> {
    module: Atom,
    name: Atom,
    arguments: &'a [Term],
}

impl<'a> Function<'a> {
    fn new(module: &str, name: &str, arguments: &'a [Term]) -> Result<Self, RpcError> {
        let atom = |text: &str| Atom::new(text).map_err(|error| CallError::Dest(error.into()));
        Ok(Self { module: atom(module)?, name: atom(name)?, arguments })
    }

    /// The same function here.
    fn demanded(&self, caller: &Pid) -> Result<Demand, RpcError> {
        let arguments = Term::from(self.arguments.to_vec());
        let list = Payload::encode(|out| write_term(out, &arguments));
        let list = Arguments::new(list.map_err(|error| CallError::from(SerError::from(error)))?);
        let (module, name) = (self.module.clone(), self.name.clone());
        Ok(Demand::new(module, name, list, caller.clone(), caller.clone()))
    }

    /// A request for `erpc:execute_call/4`, whose end has the result.
    fn called_by(
        &self,
        caller: &Pid,
        reference: &Reference,
    ) -> Result<(Control, Vec<u8>), RpcError> {
        let inner = Term::from(vec![
            reference.clone().into(),
            (&self.module).into(),
            (&self.name).into(),
            Term::from(self.arguments.to_vec()),
        ]);
        let (module, function) = (Atom::from_static("erpc"), Atom::from_static("execute_call"));
        request(caller, reference, (module, function, 4), &inner, &["monitor"])
    }

    /// A request for the function itself.
    fn spawned_by(
        &self,
        caller: &Pid,
        reference: &Reference,
        options: &[&'static str],
    ) -> Result<(Control, Vec<u8>), RpcError> {
        let refused = |_| RpcError::Refused(Term::atom("system_limit"));
        let arity = u8::try_from(self.arguments.len()).map_err(refused)?;
        let function = (self.module.clone(), self.name.clone(), arity);
        request(caller, reference, function, &Term::from(self.arguments.to_vec()), options)
    }
}

fn request(
    caller: &Pid,
    reference: &Reference,
    (module, function, arity): (Atom, Atom, u8),
    arguments: &Term,
    options: &[&'static str],
) -> Result<(Control, Vec<u8>), RpcError> {
    let spawn = SpawnRequest {
        request: reference.clone(),
        from: caller.clone(),
        group_leader: caller.clone(),
        module,
        function,
        arity,
        options: Term::from(options.iter().map(|option| Term::atom(option)).collect::<Vec<_>>()),
    };
    let mut bytes = Vec::new();
    let written = write_term(&mut bytes, arguments).map_err(SerError::from);
    written.map_err(CallError::from)?;
    Ok((Control::SpawnRequest(Box::new(spawn)), bytes))
}

/// Whether a process ended because its node has no `erpc`.
fn lacks_erpc(reason: &Term) -> bool {
    let Some([undef, stack]) = reason.as_tuple() else { return false };
    let frame = stack.as_list().and_then(|frames| frames.first()?.as_tuple());
    undef.is_atom("undef")
        && matches!(frame, Some([module, function, ..])
            if module.is_atom("erpc") && function.is_atom("execute_call"))
}

/// What `rex` says in `{badrpc, Reason}`: `{'EXIT', {Error, Stack}}` or `{'EXIT', Exit}`, which
/// it does not tell apart either.
fn rex_error(reason: &Term) -> RpcError {
    let exit = match reason.as_tuple() {
        Some([exit, reason]) if exit.is_atom("EXIT") => reason,
        _ => return RpcError::Refused(reason.clone()),
    };
    match exit.as_tuple() {
        Some([reason, stack]) if stack.as_list().is_some() => {
            RpcError::Error { reason: reason.clone(), stack: stack.clone() }
        }
        _ => RpcError::Exit(exit.clone()),
    }
}

/// The exit reason of `erpc:execute_call/4`: `{Ref, return | throw | exit | error, …}`.
fn rpc_result<R: DeserializeOwned>(reason: &Term) -> Result<R, RpcError> {
    let parts = match reason.as_tuple() {
        Some([_, class, value, rest @ ..]) => class.as_atom().map(|class| (class, value, rest)),
        _ => None,
    };
    let Some((class, value, rest)) = parts else {
        return Err(down(reason.clone()).into());
    };
    match class.as_str() {
        "return" => decoded(value),
        "throw" => Err(RpcError::Throw(value.clone())),
        "exit" => Err(RpcError::Exit(value.clone())),
        _ => {
            let stack = rest.first().cloned().unwrap_or_default();
            Err(RpcError::Error { reason: value.clone(), stack })
        }
    }
}

/// A result in the type that the caller wants.
fn decoded<R: DeserializeOwned>(result: &Term) -> Result<R, RpcError> {
    let mut bytes = Vec::new();
    write_value(&mut bytes, result).map_err(CallError::from)?;
    let bytes = bytes::Bytes::from(bytes);
    let mut reader = flitch_etf::Reader::of_shared(&bytes);
    Ok(flitch_etf::read_value(&mut reader).map_err(CallError::from)?)
}

#[cfg(test)]
mod tests {
    use flitch_etf::term;

    use super::*;

    #[test]
    fn a_node_without_erpc_is_told_from_one_without_the_function() {
        assert!(lacks_erpc(&term!({:undef, [{:erpc, :execute_call, [1, 2, 3, 4], []}]})));
        assert!(!lacks_erpc(&term!({:undef, [{:os, :cmd, [], []}]})));
        assert!(!lacks_erpc(&term!(:undef)));
    }

    #[test]
    fn what_rex_answers_for_an_error_is_an_error_with_its_stack() {
        let undef = term!({:EXIT, {:undef, [{:os, :none, [], []}]}});
        assert!(
            matches!(rex_error(&undef), RpcError::Error { reason, .. } if reason.is_atom("undef"))
        );
        assert!(
            matches!(rex_error(&term!({:EXIT, :gone})), RpcError::Exit(reason) if reason.is_atom("gone"))
        );
        assert!(matches!(rex_error(&term!(:nodedown)), RpcError::Refused(_)));
    }
}
