//! The node: what everything else hangs on.

use std::any::Any;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use flitch_dist::{BufferPool, InboundLimits, Ticker};
use flitch_etf::{Pid, Term};
use flitch_handshake::{self as handshake, Flags};
use flitch_name::{Creation, NodeName, NodePattern};
use futures_util::future::join_all;
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::addresses::Addresses;
use crate::builder::NodeBuilder;
use crate::calls::Calls;
use crate::connect_error::{ConnectError, NoRandomness};
use crate::identity::Identity;
use crate::mailbox::{self, Incoming};
use crate::metrics::Counters;
use crate::peer_link::CloseReason;
use crate::peers::Peers;
use crate::process::Aliases;
use crate::processes::{Processes, RegisterError};
use crate::route::{PeerPort, Ports};
use crate::throttle::Throttle;

/// A node of a BEAM cluster.
///
/// Cheap to clone; all clones are the same node. It runs on the tokio runtime that it was started
/// on, until [`Node::shutdown`].
///
/// ```
/// use flitch::test::Network;
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // Node::builder("worker@10.0.0.7".parse()?), on a real network
/// let network = Network::new();
/// let worker = network.node("worker@a")?.start().await?;
/// let app = network.beam("app@b")?.start().await?;
/// app.serve("orders", |_: String| 3)?;
///
/// // GenServer.call({:orders, :app@b}, "a-1")
/// let count: u64 = worker.call(("orders", app.name()), &"a-1", Duration::from_secs(5)).await?;
/// assert_eq!(count, 3);
/// assert!(worker.is_connected(app.name()));
/// worker.shutdown().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Node(Arc<Shared>);

pub(crate) struct Shared {
    identity: Identity,
    settings: Settings,
    cookies: handshake::Cookies,
    port: u16,
    processes: Processes,
    functions: crate::functions::Table,
    aliases: Aliases,
    peers: Peers,
    /// Where peers were met that we have dialled.
    addresses: Mutex<Addresses>,
    calls: Calls,
    stats: Stats,
    events: broadcast::Sender<NodeEvent>,
    started: Instant,
    /// Cancelled first: nobody new comes in.
    stop: CancellationToken,
    /// Cancelled last: there are no calls any more whose output may come.
    ended: CancellationToken,
    /// Everything that runs but the processes.
    tasks: TaskTracker,
    /// The processes.
    running: TaskTracker,
    /// Whether the name is out of EPMD.
    unregistered: watch::Sender<bool>,
    /// Who should be connected. It is there when somebody asks for it.
    cluster: OnceLock<Arc<crate::cluster::State>>,
    /// The names of the cluster, if the node is visible.
    global: OnceLock<crate::global::State>,
    scopes: crate::pg::Scopes,
    pubsubs: crate::pubsub::PubSubs,
    /// The memory of large messages, of all links.
    buffers: Arc<BufferPool>,
}

/// What a node is told.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) visible: bool,
    pub(crate) prevent_overlapping_partitions: bool,
    pub(crate) ticktime: Duration,
    pub(crate) setup_timeout: Duration,
    pub(crate) tickintensity: u32,
    pub(crate) inbound: InboundLimits,
    pub(crate) max_bonds: usize,
    pub(crate) link_limit: usize,
    pub(crate) mailbox_limit: usize,
    /// Who may connect; everybody if there is no entry.
    pub(crate) allow: Vec<NodePattern>,
    pub(crate) ports: Ports,
    pub(crate) drain: Duration,
    /// What it offers in handshakes, before it is visible.
    pub(crate) offered: Flags,
    /// The network in memory that it is on, and on no other.
    #[cfg(feature = "test-kit")]
    pub(crate) network: Option<crate::test::Network>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            visible: false,
            prevent_overlapping_partitions: true,
            ticktime: Ticker::DEFAULT_TICKTIME,
            setup_timeout: handshake::Config::NET_SETUPTIME,
            tickintensity: Ticker::DEFAULT_INTENSITY,
            inbound: InboundLimits::DEFAULT,
            max_bonds: 1 << 20,
            link_limit: 16 << 20,
            mailbox_limit: 256 << 20,
            allow: Vec::new(),
            ports: Ports {
                addresses: Vec::new(),
                known: Vec::new(),
                other: PeerPort::Epmd(flitch_epmd::address::DEFAULT_PORT),
            },
            drain: Duration::from_secs(3),
            offered: Flags::OFFERED,
            #[cfg(feature = "test-kit")]
            network: None,
        }
    }
}

impl Settings {
    /// Whether a node may connect to this one, and this one to it. (`net_kernel:allow/1`.)
    pub(crate) fn allows(&self, peer: &NodeName) -> bool {
        self.allow.is_empty() || self.allow.iter().any(|peers| peers.matches(peer))
    }

    /// What we bring to a handshake, with a challenge of its own.
    pub(crate) fn handshake(
        &self,
        cookies: &handshake::Cookies,
        patience: Duration,
    ) -> Result<handshake::Config, NoRandomness> {
        let challenge = getrandom::u32().map_err(NoRandomness)?;
        let mut config = handshake::Config::new(cookies.clone(), challenge);
        config.timeout = patience;
        config.flags = self.offered;
        if self.visible {
            config.flags = config.flags.with(Flags::PUBLISHED);
        }
        Ok(config)
    }
}

/// Counts.
#[derive(Default)]
pub(crate) struct Stats {
    pub(crate) received: AtomicU64,
    pub(crate) sent: AtomicU64,
    pub(crate) unknown: AtomicU64,
    pub(crate) unlinks: AtomicU64,
    pub(crate) strangers: Throttle,
    pub(crate) spawns: Throttle,
    /// Calls that were received and have no answer yet.
    pub(crate) open_calls: AtomicUsize,
    pub(crate) counters: Counters,
}

/// Something happened to a peer.
///
/// ```
/// use flitch::NodeEvent;
/// use flitch::test::Network;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let network = Network::new();
/// let worker = network.node("worker@a")?.start().await?;
/// let app = network.beam("app@b")?.start().await?;
/// let mut events = worker.events();
///
/// app.connect(worker.name()).await?;
/// assert!(matches!(events.recv().await?, NodeEvent::Up { node, .. } if node == *"app@b"));
/// app.stop().await;
/// assert!(matches!(events.recv().await?, NodeEvent::Down { node, .. } if node == *"app@b"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum NodeEvent {
    /// A peer is connected.
    Up {
        /// Its name.
        node: NodeName,
        /// Whether the connection stays out of `nodes()`, because either side is hidden.
        hidden: bool,
    },
    /// A peer is gone.
    Down {
        /// Its name.
        node: NodeName,
        /// Why.
        reason: CloseReason,
    },
}

/// What a node has done so far.
///
/// ```
/// use flitch::test::Network;
/// use flitch::Term;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let network = Network::new();
/// let worker = network.node("worker@a")?.start().await?;
/// let app = network.beam("app@b")?.start().await?;
/// let before = worker.info().messages_in;
/// let _ = app.call::<_, _, Term>(("orders", worker.name()), &"a-1").await;
/// assert!(worker.info().messages_in >= before);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeInfo {
    /// How long it has been up.
    pub uptime: Duration,
    /// Messages that came from peers.
    pub messages_in: u64,
    /// Messages that went to peers.
    pub messages_out: u64,
}

/// How much memory of large messages stays for those that come next, in bytes.
const BUFFERS: usize = 32 << 20;

/// How many events may wait for a slow listener.
const EVENTS: usize = 1024;

/// How long a process has at the least to end in order, and a link to be flushed.
const LAST_WORDS: Duration = Duration::from_millis(250);

/// For so long nothing has to come from peers before a node that shuts down takes its calls for
/// answered: what they sent before may still be on its way through the carrier.
const QUIET: Duration = Duration::from_millis(20);

impl Node {
    /// Begins the making of a node. See [`NodeBuilder`].
    pub fn builder(name: NodeName) -> NodeBuilder {
        NodeBuilder::new(name)
    }

    /// Begins the making of a node that has no name of its own: `by` gives it one on our `host`,
    /// as another BEAM does for `erl -sname undefined`.
    ///
    /// For a program that comes, asks and goes: a BEAM keeps each node name that it has met in its
    /// atom table for ever, and gives the same few names again and again to those that ask. `host`
    /// is ours, as `by` should know us, such as `10.0.0.7`; a short one for a peer with a short
    /// name. Such a node is hidden, listens on no port and is in no EPMD. It is there when
    /// [`NodeBuilder::start`] has connected it to `by`, and shuts down when that link goes
    /// ([`Node::stopping`] tells it): the name is not its own any more then.
    pub fn builder_named_by(by: NodeName, host: &str) -> NodeBuilder {
        NodeBuilder::named_by(by, host)
    }

    pub(crate) fn assemble(
        name: NodeName,
        creation: Creation,
        port: u16,
        cookies: handshake::Cookies,
        settings: Settings,
    ) -> (Self, mailbox::Receiver) {
        let seed = u64::from(random_u32()) << 18;
        let identity = Identity::new(name, creation, seed);
        let (others, requests) = mailbox::mailbox(crate::system::WAITING);
        let calls = Calls::new(identity.new_pid(), others);
        let shared = Shared {
            identity,
            settings,
            cookies,
            port,
            processes: Processes::default(),
            functions: crate::functions::Table::default(),
            aliases: Aliases::default(),
            peers: Peers::default(),
            addresses: Mutex::default(),
            calls,
            stats: Stats::default(),
            events: broadcast::channel(EVENTS).0,
            started: Instant::now(),
            stop: CancellationToken::new(),
            ended: CancellationToken::new(),
            tasks: TaskTracker::new(),
            running: TaskTracker::new(),
            unregistered: watch::channel(true).0,
            cluster: OnceLock::new(),
            global: OnceLock::new(),
            scopes: crate::pg::Scopes::default(),
            pubsubs: crate::pubsub::PubSubs::default(),
            buffers: BufferPool::new(BUFFERS),
        };
        (Self(Arc::new(shared)), requests)
    }

    /// The node's name.
    #[must_use]
    pub fn name(&self) -> &NodeName {
        &self.0.identity.name
    }

    /// Which life of that name this is.
    #[must_use]
    pub fn creation(&self) -> Creation {
        self.0.identity.creation
    }

    /// The port that peers connect to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.0.port
    }

    /// What the node has done so far.
    #[must_use]
    pub fn info(&self) -> NodeInfo {
        NodeInfo {
            uptime: self.0.started.elapsed(),
            messages_in: self.0.stats.received.load(Ordering::Relaxed),
            messages_out: self.0.stats.sent.load(Ordering::Relaxed),
        }
    }

    /// The peers that are connected, hidden ones included, by name.
    #[must_use]
    pub fn peers_up(&self) -> Vec<NodeName> {
        let mut names: Vec<_> = self.0.peers.links().iter().map(|link| link.name.clone()).collect();
        names.sort();
        names
    }

    /// Whether a peer is connected.
    #[must_use]
    pub fn is_connected(&self, peer: &NodeName) -> bool {
        self.0.peers.link(&crate::node_atom(peer)).is_some()
    }

    /// Connects to a peer, if it is not connected yet.
    ///
    /// # Errors
    /// Why it cannot be reached, with the stage that failed.
    pub async fn connect(&self, peer: &NodeName) -> Result<(), ConnectError> {
        self.reach(peer).await.map(|_| ())
    }

    /// Waits until everything that was sent to a peer so far is handed to the system, or the
    /// connection is gone. What is sent from then on arrives behind it, also where a large message
    /// went before, which others may pass.
    pub async fn flushed(&self, peer: &NodeName) {
        if let Some(link) = self.0.peers.link(&crate::node_atom(peer)) {
            link.outbox.flushed().await;
        }
    }

    /// Drops the connection to a peer. Links and monitors to its processes learn `noconnection`.
    pub fn disconnect(&self, peer: &NodeName) {
        if let Some(link) = self.0.peers.link(&crate::node_atom(peer)) {
            link.close(CloseReason::Disconnected);
        }
    }

    /// Tells of peers that come and go, from now on.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<NodeEvent> {
        self.0.events.subscribe()
    }

    /// Gives a process of this node a name, which lasts until it ends.
    ///
    /// # Errors
    /// The name is taken, or no atom, or the process has one already or is gone.
    pub fn register(&self, name: &str, pid: &Pid) -> Result<(), RegisterError> {
        self.0.processes.register(name, pid)
    }

    /// The process that is registered under a name on this node.
    #[must_use]
    pub fn whereis(&self, name: &str) -> Option<Pid> {
        let name = flitch_etf::Atom::new(name).ok()?;
        self.0.processes.by_name(&name).map(|entry| entry.pid.clone())
    }

    /// Ends the node in order: nobody new comes in, the name leaves EPMD, calls that are under
    /// way are answered, processes end with the reason `shutdown` and whoever watches them learns
    /// it, and the links close. Takes as long as the calls and the ends of the servers do, and at
    /// most about two seconds longer than the [`drain`](crate::NodeBuilder::drain).
    pub async fn shutdown(&self) {
        self.0.stop.cancel();
        let mut unregistered = self.0.unregistered.subscribe();
        let unregistered = unregistered.wait_for(|out| *out);
        let _ = tokio::time::timeout(Duration::from_secs(1), unregistered).await;
        let patience = Instant::now() + self.0.settings.drain;
        let _ = tokio::time::timeout_at(patience, self.drained()).await;
        self.end_processes(patience).await;
        let links = self.0.peers.links();
        join_all(links.iter().map(|link| async {
            let patience = patience.max(Instant::now() + LAST_WORDS);
            let _ = tokio::time::timeout_at(patience, link.outbox.flushed()).await;
            link.close(CloseReason::Shutdown);
        }))
        .await;
        self.0.ended.cancel();
        self.0.tasks.close();
        let _ = tokio::time::timeout(Duration::from_millis(500), self.0.tasks.wait()).await;
    }

    /// Waits until no message waits, no call is open, and none comes any more.
    async fn drained(&self) {
        let idle = || {
            self.0.stats.open_calls.load(Ordering::Acquire) == 0
                && self.0.processes.all().iter().all(|entry| entry.mailbox.is_empty())
        };
        let mut before = None;
        loop {
            let received = idle().then(|| self.0.stats.received.load(Ordering::Relaxed));
            let quiet = before == received || self.0.peers.links().is_empty();
            if received.is_some() && quiet {
                return;
            }
            before = received;
            tokio::time::sleep(QUIET).await;
        }
    }

    /// Ends the processes. They have what is left of the drain for it, and a moment in any case.
    async fn end_processes(&self, patience: Instant) {
        self.0.running.close();
        for entry in self.0.processes.all() {
            entry.push(Incoming::Shutdown);
        }
        let patience = patience.max(Instant::now() + LAST_WORDS);
        if tokio::time::timeout_at(patience, self.0.running.wait()).await.is_err() {
            for entry in self.0.processes.all() {
                entry.end(Term::atom("shutdown"));
            }
            let _ = tokio::time::timeout(LAST_WORDS, self.0.running.wait()).await;
        }
    }

    /// Waits until the node is told to stop.
    pub async fn stopping(&self) {
        self.0.stop.cancelled().await;
    }

    pub(crate) async fn ended(&self) {
        self.0.ended.cancelled().await;
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.0.stop.is_cancelled()
    }

    pub(crate) fn cookies(&self) -> &handshake::Cookies {
        &self.0.cookies
    }

    pub(crate) fn publish(&self, event: NodeEvent) {
        self.tell_global(&event);
        // Nobody may be listening.
        let _ = self.0.events.send(event);
    }

    pub(crate) fn identity(&self) -> &Identity {
        &self.0.identity
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    pub(crate) fn buffers(&self) -> Arc<BufferPool> {
        Arc::clone(&self.0.buffers)
    }

    pub(crate) fn processes(&self) -> &Processes {
        &self.0.processes
    }

    pub(crate) fn function_table(&self) -> &crate::functions::Table {
        &self.0.functions
    }

    pub(crate) fn aliases(&self) -> &Aliases {
        &self.0.aliases
    }

    pub(crate) fn peers(&self) -> &Peers {
        &self.0.peers
    }

    pub(crate) fn addresses(&self) -> MutexGuard<'_, Addresses> {
        self.0.addresses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn calls(&self) -> &Calls {
        &self.0.calls
    }

    pub(crate) fn stats(&self) -> &Stats {
        &self.0.stats
    }

    pub(crate) fn tasks(&self) -> &TaskTracker {
        &self.0.tasks
    }

    pub(crate) fn running(&self) -> &TaskTracker {
        &self.0.running
    }

    pub(crate) fn cluster_state(&self) -> &OnceLock<Arc<crate::cluster::State>> {
        &self.0.cluster
    }

    pub(crate) fn global_state(&self) -> &OnceLock<crate::global::State> {
        &self.0.global
    }

    pub(crate) fn scopes(&self) -> &crate::pg::Scopes {
        &self.0.scopes
    }

    pub(crate) fn pubsubs(&self) -> &crate::pubsub::PubSubs {
        &self.0.pubsubs
    }

    pub(crate) fn set_unregistered(&self, out: bool) {
        self.0.unregistered.send_replace(out);
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node").field("name", self.name()).finish_non_exhaustive()
    }
}

/// What a panic says.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

/// A random number. Where the system has none to give, a fixed one: only jitter and the start of
/// a counter depend on it.
pub(crate) fn random_u32() -> u32 {
    getrandom::u32().unwrap_or(0x9e37_79b9)
}
