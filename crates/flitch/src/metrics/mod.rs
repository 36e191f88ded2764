//! What a node has done and what is with it, as plain numbers for whoever watches it.
//!
//! | room | what is in it |
//! |---|---|
//! | `counters.rs` | what is counted while the node runs |
//! | `traffic.rs` | what went over one link |
//! | `watched.rs` | one call to another node, from its beginning to its end |
//!
//! Here is the snapshot. To take it costs a look at each link and each process; to be counted
//! costs what runs an atomic addition, and no lock.

pub(crate) mod counters;
mod traffic;
mod watched;

use std::sync::atomic::Ordering;
use std::time::Duration;

use flitch_etf::Atom;
use flitch_name::NodeName;

use crate::cluster::status::{PeerStatus, TopologyStatus};
use crate::node::Node;
use crate::peer_link::PeerLink;

pub(crate) use counters::Counters;
pub(crate) use traffic::Traffic;
pub(crate) use watched::Watched;

/// What a node has done since its start, and what is with it now.
///
/// Counts begin with 0 when the node starts and only grow, so that their rates are what to look at.
/// What a program shows of it, and how, is its own affair; `flitch node` shows all of it to
/// Prometheus.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use flitch::{Cookie, Epmd, Node};
/// # let builder = Node::builder("worker@127.0.0.1".parse()?).epmd(Epmd::None);
/// # let builder = builder.bind("127.0.0.1".parse()?).cookie(Cookie::new("a secret of ours")?);
/// let node = builder.start().await?;
/// let metrics = node.metrics();
/// println!("{} links, {} processes", metrics.links.len(), metrics.processes);
/// for link in &metrics.links {
///     println!("{}: {} bytes wait, silent for {:?}", link.peer, link.queued, link.silent);
/// }
/// # node.shutdown().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Metrics {
    /// The node's name.
    pub node: NodeName,
    /// How long it has been up.
    pub uptime: Duration,
    /// Whether it shuts down.
    pub stopping: bool,
    /// After so long without a byte a peer is given up.
    pub net_ticktime: Duration,
    /// Bytes that came from peers, ticks included.
    pub bytes_in: u64,
    /// Bytes that went to peers, ticks included.
    pub bytes_out: u64,
    /// Messages that came from peers.
    pub messages_in: u64,
    /// Messages that went to peers.
    pub messages_out: u64,
    /// The links that are up, by the names of their peers.
    pub links: Vec<LinkMetrics>,
    /// Links that came up because this node dialled.
    pub links_dialled: u64,
    /// Links that came up because the peer dialled.
    pub links_accepted: u64,
    /// Links that ended, by [`CloseReason::as_str`](crate::CloseReason::as_str).
    pub links_down: Vec<(&'static str, u64)>,
    /// Dials that failed, by [`Stage::as_str`](crate::Stage::as_str).
    pub dials_failed: Vec<(&'static str, u64)>,
    /// Connections that were not let in: `wrong_cookie`, `not_allowed`, `too_many_guesses`,
    /// `rivalry` (another connection with that peer comes first), `timeout`, `closed` (by the peer,
    /// before it had proved the cookie), `protocol` or `no_randomness`.
    pub connections_refused: Vec<(&'static str, u64)>,
    /// Processes that are alive, those that each node has included.
    pub processes: usize,
    /// Bytes that wait in all mailboxes, by what they take in memory.
    pub mailbox_bytes: usize,
    /// Bytes that wait in the fullest one.
    pub largest_mailbox_bytes: usize,
    /// Bytes that wait in those of registered processes, by name.
    pub registered: Vec<(Atom, usize)>,
    /// Calls to servers of this node, from when the server took them to their answers: `reply`,
    /// `exit` or `no_reply`.
    pub calls_in: CallMetrics,
    /// Calls and functions called on other nodes, from the request to the outcome, dialling
    /// included: `reply`, `exit`, `noproc`, `noconnection`, `timeout`, `failed` (could not be
    /// sent, or the answer not be read) or `given_up` (nobody waits any more).
    pub calls_out: CallMetrics,
    /// Functions that peers wanted to run, and that were refused.
    pub spawns_refused: u64,
    /// Control messages that were ignored because they are unknown.
    pub signals_unknown: u64,
    /// Peers that topologies have found, by name.
    pub peers: Vec<PeerStatus>,
    /// The topologies that were joined.
    pub topologies: Vec<TopologyStatus>,
}

/// What is with one link.
///
/// ```
/// use flitch::test::Network;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let network = Network::new();
/// let worker = network.node("worker@a")?.start().await?;
/// let app = network.beam("app@b")?.start().await?;
/// app.connect(worker.name()).await?;
///
/// let links = worker.metrics().links;
/// assert_eq!(links[0].peer, *app.name());
/// assert!(!links[0].dialled && !links[0].stalled);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinkMetrics {
    /// To whom.
    pub peer: NodeName,
    /// Whether this node dialled it.
    pub dialled: bool,
    /// Whether either side is hidden.
    pub hidden: bool,
    /// For how long it has been up.
    pub since: Duration,
    /// How long ago the peer has sent anything, ticks included. At the node's `net_ticktime` the
    /// link ends.
    pub silent: Duration,
    /// Bytes that came.
    pub bytes_in: u64,
    /// Bytes that went.
    pub bytes_out: u64,
    /// Messages that came.
    pub messages_in: u64,
    /// Messages that were put on the link.
    pub messages_out: u64,
    /// Bytes that wait to be written.
    pub queued: usize,
    /// Whether the peer takes nothing of what waits.
    pub stalled: bool,
    /// Links and monitors between processes of both nodes, and calls that wait for an answer.
    pub bonds: usize,
}

/// What is with calls in one direction.
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
/// app.serve("orders", |_: String| 3)?;
/// let _: u64 = worker.call(("orders", app.name()), &"a-1", Duration::from_secs(5)).await?;
///
/// let out = worker.metrics().calls_out;
/// let answered = out.ended.iter().find(|(outcome, _)| *outcome == "reply");
/// assert_eq!((out.open, answered.map(|(_, latency)| latency.count())), (0, Some(1)));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CallMetrics {
    /// How many are under way.
    pub open: usize,
    /// How long those took that have ended, apart by what became of them.
    pub ended: Vec<(&'static str, Latency)>,
}

/// How long something took, as a histogram.
///
/// ```
/// use flitch::Latency;
/// use std::time::Duration;
///
/// /// How long a call took on average.
/// fn average(latency: &Latency) -> Duration {
///     latency.sum / u32::try_from(latency.count().max(1)).unwrap_or(u32::MAX)
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Latency {
    /// For each bound, how many took that long or less, and longer than the bound before.
    pub buckets: Vec<(Duration, u64)>,
    /// How many took longer than the last bound.
    pub beyond: u64,
    /// How long all took together.
    pub sum: Duration,
}

impl Latency {
    /// How many there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|(_, count)| count).sum::<u64>() + self.beyond
    }
}

impl Node {
    /// What the node has done so far, and what is with it now.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        let stats = self.stats();
        let counters = &stats.counters;
        let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let info = self.info();
        let mut links: Vec<_> =
            self.peers().links().iter().map(|link| link_metrics(link)).collect();
        links.sort_by(|a, b| a.peer.cmp(&b.peer));
        let mailboxes = self.processes().mailboxes();
        // Asking must not begin one.
        let cluster = self.cluster_state().get().map(|_| self.cluster());
        Metrics {
            node: self.name().clone(),
            uptime: info.uptime,
            stopping: self.is_stopping(),
            net_ticktime: self.settings().ticktime,
            bytes_in: count(&counters.bytes_in),
            bytes_out: count(&counters.bytes_out),
            messages_in: info.messages_in,
            messages_out: info.messages_out,
            links,
            links_dialled: count(&counters.links_dialled),
            links_accepted: count(&counters.links_accepted),
            links_down: counters.links_down.read(),
            dials_failed: counters.dials_failed.read(),
            connections_refused: counters.refused.read(),
            processes: mailboxes.processes,
            mailbox_bytes: mailboxes.bytes,
            largest_mailbox_bytes: mailboxes.largest,
            registered: mailboxes.registered,
            calls_in: counters.calls_in.read(stats.open_calls.load(Ordering::Relaxed)),
            calls_out: counters.calls_out.read(self.calls().open()),
            spawns_refused: stats.spawns.count(),
            signals_unknown: count(&stats.unknown),
            peers: cluster.as_ref().map(crate::Cluster::peers).unwrap_or_default(),
            topologies: cluster.as_ref().map(crate::Cluster::topologies).unwrap_or_default(),
        }
    }
}

fn link_metrics(link: &PeerLink) -> LinkMetrics {
    let (queued, messages_out) = link.outbox.depth();
    let read = link.traffic.read();
    LinkMetrics {
        peer: link.name.clone(),
        dialled: link.dialled,
        hidden: !link.is_visible(),
        since: read.since,
        silent: read.silent,
        bytes_in: read.bytes_in,
        bytes_out: read.bytes_out,
        messages_in: read.messages_in,
        messages_out,
        queued,
        stalled: link.outbox.is_stalled(),
        bonds: link.bonds().len(),
    }
}
