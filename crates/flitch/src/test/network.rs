//! A network in memory: who is on it, and the lines between them.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use flitch_epmd::{ClientError, Endpoint, WireName, address};
use flitch_etf::Term;
use flitch_name::{Creation, NameError, NodeName};
use tokio::sync::mpsc;

use super::beam::BeamBuilder;
use super::line::Line;
use super::pipe::Stream;
use crate::builder::NodeBuilder;
use crate::connect_error::{ConnectError, Stage};
use crate::cookie::Cookie;
use crate::door::Door;
use crate::listener::admit;
use crate::node::Node;
use crate::route::{Within, no_address};

/// A network in memory, for nodes and [`Beam`](crate::test::Beam)s that find each other by name:
/// no sockets, no EPMD, no resolver.
///
/// A cheap handle; all clones are the same network. Networks know nothing of each other, so that
/// tests that run beside each other may use the same names.
///
/// ```
/// use flitch::test::Network;
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let network = Network::new();
/// let worker = network.node("worker@a")?.start().await?;
/// let app = network.beam("app@b")?.patience(Duration::from_secs(120)).start().await?;
///
/// worker.join(vec![app.name().clone()]); // as a topology of the program's would
/// app.until_up(worker.name()).await?;
///
/// network.cut(worker.name(), app.name());
/// app.until_down(worker.name()).await?; // the net_ticktime is up
///
/// network.heal(worker.name(), app.name());
/// app.until_up(worker.name()).await?; // the worker has come back by itself
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Network(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// Who takes connections.
    listening: HashMap<NodeName, Listening>,
    /// The number of each host that a node was on.
    hosts: HashMap<String, u16>,
    /// By the lesser name and the greater.
    lines: HashMap<(NodeName, NodeName), Arc<Line>>,
    creations: u32,
    ports: u16,
}

struct Listening {
    port: u16,
    connections: mpsc::Sender<(Stream, SocketAddr)>,
}

/// A node's place on a network: it listens there. Given up when it is dropped.
pub(crate) struct Place {
    network: Network,
    name: NodeName,
    port: u16,
    connections: mpsc::Receiver<(Stream, SocketAddr)>,
}

/// Connections that wait to be accepted.
const BACKLOG: usize = 1024;

/// Kept by all nodes of a network that are not given another.
const COOKIE: &str = "a cookie that is baked in memory";

/// The first port of a network.
const PORTS: u16 = 9000;

impl Network {
    /// A network with nobody on it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A node in the making, on this network and with its cookie: what a program under test starts
    /// as, and spawns its servers on. The names of all nodes of a network are short (`worker@a`),
    /// or all long (`worker@10.0.0.7`).
    ///
    /// Whatever the builder is told of addresses, ports and EPMD does not count here; all else
    /// does.
    ///
    /// # Errors
    /// The name is none.
    pub fn node(&self, name: &str) -> Result<NodeBuilder, NameError> {
        let mut builder = NodeBuilder::new(name.parse()?).epmd_port(address::DEFAULT_PORT);
        builder.cookie = Cookie::new(COOKIE).ok();
        builder.settings.network = Some(self.clone());
        Ok(builder)
    }

    /// A BEAM in the making, on this network and with its cookie: whom the program under test is
    /// called by, and calls.
    ///
    /// # Errors
    /// The name is none.
    pub fn beam(&self, name: &str) -> Result<BeamBuilder, NameError> {
        Ok(BeamBuilder::new(self.clone(), self.node(name)?))
    }

    /// Cuts the line between two nodes, and tells neither: what they send waits, and an attempt to
    /// connect does. Each drops the connection when its `net_ticktime` is up, as when packets are
    /// lost on the way. [`Node::disconnect`] is for a connection that is closed instead.
    pub fn cut(&self, one: &NodeName, other: &NodeName) {
        self.line(one, other).change(|condition| condition.cut = true);
    }

    /// Mends what [`Network::cut`] has cut. What waits is delivered, on connections that neither
    /// side has given up meanwhile.
    pub fn heal(&self, one: &NodeName, other: &NodeName) {
        self.line(one, other).change(|condition| condition.cut = false);
    }

    /// How long bytes take between two nodes, one way; no time at all unless given.
    pub fn delay(&self, one: &NodeName, other: &NodeName, delay: Duration) {
        self.line(one, other).change(|condition| condition.delay = delay);
    }

    /// Ends a node as `kill -9` does: its connections close, and nothing that it had still to say
    /// is said. Its processes end where they stand. Its name is free for another one then, which
    /// has another [creation](Node::creation).
    pub async fn crash(&self, node: &Node) {
        for line in self.leave(node) {
            line.lose(node.name());
        }
        for entry in node.processes().all() {
            entry.end(Term::atom("killed"));
        }
        node.shutdown().await;
    }

    /// Which life of its name the next node has.
    pub(crate) fn next_creation(&self) -> Creation {
        let mut state = self.state();
        state.creations += 1;
        Creation::from_random(state.creations)
    }

    /// A place for a node, if its name is free.
    pub(crate) fn take(&self, name: &NodeName) -> Result<Place, crate::StartError> {
        let alive = name.alive_name()?;
        let mut state = self.state();
        let host = state.host(name.host());
        if let Some(Listening { port, .. }) = state.listening.get(name) {
            let (epmd, holder) = (at(host, address::DEFAULT_PORT), Endpoint::normal(*port));
            let name = WireName::from(&alive);
            return Err(ClientError::NameTaken { epmd, name, holder: Box::new(holder) }.into());
        }
        state.ports = state.ports.wrapping_add(1);
        let port = PORTS.wrapping_add(state.ports);
        let (sender, connections) = mpsc::channel(BACKLOG);
        state.listening.insert(name.clone(), Listening { port, connections: sender });
        drop(state);
        Ok(Place { network: self.clone(), name: name.clone(), port, connections })
    }

    /// A stream to a node, with nothing said on it yet.
    pub(crate) async fn open(
        &self,
        us: &NodeName,
        peer: &NodeName,
        within: Within,
    ) -> Result<Stream, ConnectError> {
        let line = self.line(us, peer);
        within.limit(Stage::Tcp, peer.to_string(), line.opened()).await?;
        let (door, from, to) = {
            let mut state = self.state();
            let Some(host) = state.hosts.get(peer.host()).copied() else {
                return Err(no_address(peer.host(), "no node of this network has been on it"));
            };
            let door = state.listening.get(peer).map(|it| it.connections.clone());
            (door, at(state.host(us.host()), 0), at(host, address::DEFAULT_PORT))
        };
        let unknown = || match peer.alive_name() {
            Ok(alive) => {
                let name = WireName::from(&alive);
                ConnectError::Epmd(Arc::new(ClientError::NotRegistered { epmd: to, name }))
            }
            Err(error) => error.into(),
        };
        let door = door.ok_or_else(unknown)?;
        let (ours, theirs) = line.connect(us);
        let knocked = within.limit(Stage::Tcp, peer.to_string(), door.send((theirs, from))).await?;
        knocked.map(|()| ours).map_err(|_| unknown())
    }

    /// Takes a node out of the network, and gives the lines that lead to it.
    fn leave(&self, node: &Node) -> Vec<Arc<Line>> {
        let (name, mut state) = (node.name(), self.state());
        state.free(name, node.port());
        let lines = state.lines.iter();
        let lines = lines.filter(|((one, other), _)| one == name || other == name);
        lines.map(|(_, line)| Arc::clone(line)).collect()
    }

    fn line(&self, one: &NodeName, other: &NodeName) -> Arc<Line> {
        let ends = if one < other { (one, other) } else { (other, one) };
        let ends = (ends.0.clone(), ends.1.clone());
        Arc::clone(self.state().lines.entry(ends).or_insert_with(Line::new))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn host(&mut self, host: &str) -> u16 {
        let next = u16::try_from(self.hosts.len()).unwrap_or(u16::MAX);
        *self.hosts.entry(host.to_owned()).or_insert(next)
    }

    /// Frees a name, unless it is another node's by now.
    fn free(&mut self, name: &NodeName, port: u16) {
        if self.listening.get(name).is_some_and(|it| it.port == port) {
            self.listening.remove(name);
        }
    }
}

/// An address of a host: of those that RFC 3849 keeps for examples, each in a network of its own.
fn at(host: u16, port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, host, 0, 0, 0, 1)), port)
}

impl Place {
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Takes connections until the node stops.
    pub(crate) async fn listen(mut self, node: Node, door: Arc<Door>) {
        loop {
            tokio::select! {
                () = node.stopping() => return,
                Some((stream, from)) = self.connections.recv() => {
                    admit(&node, stream, from, &door);
                }
                else => return,
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.network.state().free(&self.name, self.port);
    }
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Network").finish_non_exhaustive()
    }
}
