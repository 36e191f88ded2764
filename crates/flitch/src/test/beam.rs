//! A BEAM that is none: a node of ours with an OTP release's flags, and a process that does what a
//! test would do in `iex`.

mod inbox;
mod scripted;

use std::sync::Arc;
use std::time::Duration;

use flitch_dist::Control;
use flitch_etf::{Pid, Reference, Term};
use flitch_name::NodeName;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;

use self::inbox::Inbox;
pub use self::inbox::Missed;
use self::scripted::Scripted;
use super::{Network, Otp};
use crate::builder::NodeBuilder;
use crate::connect_error::ConnectError;
use crate::dest::{Dest, DestError};
use crate::node::Node;
use crate::process::{Entry, ExitReason, ProcessHandle};
use crate::processes::RegisterError;
use crate::send::SendError;
use crate::start::StartError;
use crate::{CallError, RpcError};

/// How long `GenServer.call` waits, and so everything here that waits.
const PATIENCE: Duration = Duration::from_secs(5);

/// A BEAM in the making. See [`Network::beam`].
///
/// ```
/// use flitch::test::{Network, Otp};
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let network = Network::new();
/// let app = network.beam("app@b")?.otp(Otp::V25).patience(Duration::from_secs(1)).start().await?;
/// assert_eq!(*app.name(), *"app@b");
/// # Ok(())
/// # }
/// ```
#[must_use = "a BEAM is made by `start`"]
pub struct BeamBuilder {
    network: Network,
    node: NodeBuilder,
    patience: Duration,
}

impl BeamBuilder {
    pub(super) fn new(network: Network, node: NodeBuilder) -> Self {
        Self { network, node: node.visible(true), patience: PATIENCE }.otp(Otp::default())
    }

    /// The release that it is like: the newest unless given.
    pub fn otp(mut self, otp: Otp) -> Self {
        self.node.settings.offered = otp.flags();
        self
    }

    /// How long the BEAM waits in whatever it waits for. Five seconds unless given, as
    /// `GenServer.call` does; give it more than a `net_ticktime` to see one pass.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Changes what it has in common with any node: its cookie, its `net_ticktime`.
    pub fn with(mut self, change: impl FnOnce(NodeBuilder) -> NodeBuilder) -> Self {
        self.node = change(self.node);
        self
    }

    /// Starts the BEAM.
    ///
    /// # Errors
    /// What is in the way: its name is taken.
    pub async fn start(self) -> Result<Beam, StartError> {
        let Self { network, node, patience } = self;
        let node = node.start().await?;
        let inbox = Arc::<Inbox>::default();
        let (tell, entry) = oneshot::channel();
        let receiving = Arc::clone(&inbox);
        node.spawn_process(|process| async move {
            process.trap_exit(true);
            let _ = tell.send(Arc::clone(&process.entry));
            receiving.fill(process).await
        });
        let entry = entry.await.map_err(|_| ConnectError::Shutdown)?;
        Ok(Beam { network, node, entry, inbox, patience })
    }
}

/// A BEAM that is none: it calls the program under test as Elixir does, and is called by it.
///
/// It stands for a node and for one process on it, as an `iex` does: what it sends comes from that
/// process, whose pid is [`Beam::pid`], and what that process receives is waited for with
/// [`Beam::receive`] and its like. It traps exits. What it has of a node beside that, [`Beam::node`]
/// does. It is visible, as BEAMs are, and connects when it first has something to say.
///
/// ```
/// use flitch::test::Network;
/// use flitch::{Term, term};
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let network = Network::new();
/// let worker = network.node("worker@a")?.start().await?;
/// let app = network.beam("app@b")?.start().await?;
///
/// // Shop.Stock, as far as the worker calls it: GenServer.call({Shop.Stock, :app@b}, {:count, sku})
/// app.serve("Elixir.Shop.Stock", |(_count, sku): (Term, String)| sku.len())?;
/// let second = Duration::from_secs(1);
/// let stock = ("Elixir.Shop.Stock", app.name());
/// let count: u32 = worker.call(stock, &term!({:count, "a-1"}), second).await?;
/// assert_eq!(count, 3);
///
/// worker.send(app.pid(), &term!({:sold, "a-1"})).await?;
/// let (_sold, sku): (Term, String) = app.receive().await?; // assert_receive {:sold, sku}
/// assert_eq!(sku, "a-1");
/// # Ok(())
/// # }
/// ```
pub struct Beam {
    network: Network,
    node: Node,
    /// The process that the test speaks for.
    entry: Arc<Entry>,
    inbox: Arc<Inbox>,
    patience: Duration,
}

impl Beam {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &NodeName {
        self.node.name()
    }

    /// The node that it is, for all that a node does and that is not here.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// The process that does what the test does: `self()`.
    #[must_use]
    pub fn pid(&self) -> &Pid {
        &self.entry.pid
    }

    /// `GenServer.call(to, request)`, with its five seconds unless the BEAM has more
    /// [patience](BeamBuilder::patience).
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn call<D, M, R>(&self, to: D, request: &M) -> Result<R, CallError>
    where
        D: TryInto<Dest>,
        DestError: From<D::Error>,
        M: Serialize + ?Sized,
        R: DeserializeOwned,
    {
        self.node.call(to, request, self.patience).await
    }

    /// `GenServer.cast(to, request)`.
    ///
    /// # Errors
    /// The destination is none, or its node cannot be reached.
    pub async fn cast<D, M>(&self, to: D, request: &M) -> Result<(), SendError>
    where
        D: TryInto<Dest>,
        DestError: From<D::Error>,
        M: Serialize + ?Sized,
    {
        self.node.cast(to, request).await
    }

    /// `send(to, message)`.
    ///
    /// # Errors
    /// As [`Beam::cast`].
    pub async fn send<D, M>(&self, to: D, message: &M) -> Result<(), SendError>
    where
        D: TryInto<Dest>,
        DestError: From<D::Error>,
        M: Serialize + ?Sized,
    {
        self.node.send(to, message).await
    }

    /// `:erpc.call(node, module, function, arguments)`.
    ///
    /// # Errors
    /// What the function raised, or why nothing came: `undef` for what the node does not offer.
    pub async fn rpc<R: DeserializeOwned>(
        &self,
        node: &NodeName,
        module: &str,
        function: &str,
        arguments: &[Term],
    ) -> Result<R, RpcError> {
        self.node.rpc(node, module, function, arguments, self.patience).await
    }

    /// `Process.monitor(whom)`: [`Beam::down`] waits for what comes of it.
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

    /// `Process.demonitor(monitor)`.
    pub fn demonitor(&self, monitor: &Reference) {
        self.node.demonitor(&self.entry, monitor);
    }

    /// `Process.link(pid)`: [`Beam::exited`] waits for what comes of it.
    pub fn link(&self, pid: &Pid) {
        self.node.link(&self.entry, pid);
    }

    /// `Process.unlink(pid)`.
    pub fn unlink(&self, pid: &Pid) {
        self.node.unlink(&self.entry, pid);
    }

    /// `Process.exit(pid, reason)`.
    ///
    /// # Errors
    /// The node of the process cannot be reached.
    pub async fn exit(&self, pid: &Pid, reason: impl Into<ExitReason>) -> Result<(), SendError> {
        let node: NodeName = pid.node.as_str().parse().map_err(DestError::from)?;
        if node != *self.name() {
            self.node.connect(&node).await?;
        }
        let control = Control::Exit2 { from: self.pid().clone(), to: pid.clone() };
        self.node.signal(&pid.node, &control, &reason.into().0);
        Ok(())
    }

    /// `Process.register(self(), name)`: what is sent to the name comes here.
    ///
    /// # Errors
    /// The name is taken, or no atom, or the process has one already.
    pub fn register(&self, name: &str) -> Result<(), RegisterError> {
        self.node.register(name, self.pid())
    }

    /// Starts a server under a name that answers each call with what `answer` makes of it. A panic
    /// in there ends the server, as a crash does. What is cast to the server, or sent, comes to the
    /// BEAM's own process as if it had been meant for that.
    ///
    /// A [`GenServer`](crate::GenServer) that does more is spawned on [`Beam::node`], and
    /// [`Beam::register`] is for calls that the test itself answers ([`Beam::receive_call`]).
    ///
    /// # Errors
    /// The name is taken, or no atom.
    pub fn serve<Q, R, F>(&self, name: &str, answer: F) -> Result<ProcessHandle, RegisterError>
    where
        Q: DeserializeOwned + Send + 'static,
        R: Serialize + Send + 'static,
        F: FnMut(Q) -> R + Send + 'static,
    {
        let server = Scripted::new(self.node.clone(), self.pid().clone(), answer);
        self.node.spawn(server).register(name)
    }

    /// `Node.connect(peer)`.
    ///
    /// # Errors
    /// Why it cannot be reached.
    pub async fn connect(&self, peer: &NodeName) -> Result<(), ConnectError> {
        self.node.connect(peer).await
    }

    /// `Node.disconnect(peer)`: the connection closes. Nothing keeps either side from making
    /// another.
    pub fn disconnect(&self, peer: &NodeName) {
        self.node.disconnect(peer);
    }

    /// Ends the BEAM in order, as `System.stop()` does.
    pub async fn stop(self) {
        self.node.shutdown().await;
    }

    /// Ends the BEAM as `kill -9` does. See [`Network::crash`].
    pub async fn crash(self) {
        self.network.crash(&self.node).await;
    }
}

impl std::fmt::Debug for Beam {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Beam").field("name", self.name()).finish_non_exhaustive()
    }
}
