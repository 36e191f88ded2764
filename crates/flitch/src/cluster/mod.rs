//! The cluster as one node sees it: whom topologies want connected, and what has become of it.
//!
//! | room | what is in it |
//! |---|---|
//! | `plan.rs` | desired peers against live links; no clock, no task |
//! | `runner.rs` | runs a strategy, and again when it fails |
//! | `driver.rs` | carries out what the plan says: dials, waits, tells |
//! | `topology.rs`, `links.rs`, `status.rs` | what users bring, and what they see |

mod driver;
pub(crate) mod links;
mod plan;
mod runner;
pub(crate) mod status;
pub(crate) mod topology;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, broadcast, watch};
use tokio_util::sync::CancellationToken;

use crate::clock::now;
use crate::cluster::driver::Joined;
use crate::cluster::plan::{Plan, TopologyId};
use crate::cluster::status::{ClusterEvent, PeerStatus, TopologyStatus, WaitError};
use crate::cluster::topology::Topology;
use crate::node::{Node, random_u32};
use crate::task::{self, Name};

/// How many events may wait for a slow listener.
const EVENTS: usize = 1024;

/// The cluster as a node sees it. Cheap to clone.
///
/// ```
/// use flitch::test::Network;
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let network = Network::new();
/// let app = network.beam("app@b")?.start().await?;
/// let worker = network.node("worker@a")?.start().await?;
///
/// let cluster = worker.join(vec![app.name().clone()]);
/// cluster.wait_for(1, Duration::from_secs(10)).await?;
/// assert_eq!(cluster.members(), 1);
/// assert_eq!(cluster.peers()[0].state.as_str(), "up");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Cluster {
    node: Node,
    state: Arc<State>,
}

/// What the node keeps of it.
pub(crate) struct State {
    plan: Mutex<Plan>,
    /// What each topology connects with, and what ends its strategy.
    joined: Mutex<std::collections::BTreeMap<TopologyId, Joined>>,
    /// The plan has something to do.
    wake: Notify,
    events: broadcast::Sender<ClusterEvent>,
    /// How many members are up.
    members: watch::Sender<usize>,
}

impl Node {
    /// Finds peers by a topology and stays connected to them, until the node shuts down. A list of
    /// names is a topology, and so is every [`Strategy`](crate::discovery::Strategy).
    ///
    /// Several topologies live side by side. What a strategy finds is dialled at once, and again
    /// for ever, each peer with waits of its own; a strategy that fails, or panics, is started
    /// again and takes nothing down, and a link is never dropped because a lookup failed.
    pub fn join(&self, topology: impl Into<Topology>) -> Cluster {
        let cluster = self.cluster();
        cluster.add(topology.into());
        cluster
    }

    /// The cluster as this node sees it.
    #[must_use]
    pub fn cluster(&self) -> Cluster {
        let begin = || {
            let state = Arc::new(State {
                plan: Mutex::new(Plan::new(random_u32)),
                joined: Mutex::default(),
                wake: Notify::new(),
                events: broadcast::channel(EVENTS).0,
                members: watch::channel(0).0,
            });
            // Before anything is joined, so that no end of a link is missed.
            let events = self.events();
            let name = Name::of(|| "cluster".to_owned());
            let run = driver::run(self.clone(), Arc::clone(&state), events);
            task::spawn(self.tasks(), name, run);
            state
        };
        Cluster { node: self.clone(), state: Arc::clone(self.cluster_state().get_or_init(begin)) }
    }
}

impl Cluster {
    fn add(&self, topology: Topology) {
        let Topology { name, strategy, prune_after, links } = topology;
        let id =
            self.state.plan().add(&name, flitch_discovery::Strategy::name(&strategy), prune_after);
        let stop = CancellationToken::new();
        self.state.joined().insert(id, Joined { links, stop: stop.clone() });
        let run = runner::run(self.node.clone(), Arc::clone(&self.state), id, strategy);
        let node = self.node.clone();
        let task = Name::of(|| format!("topology {name}"));
        task::spawn(self.node.tasks(), task, async move {
            tokio::select! {
                biased;
                () = node.stopping() => {}
                () = stop.cancelled() => {}
                () = run => {}
            }
        });
    }

    /// Leaves a topology: its strategy ends, and peers that no other topology sees are not dialled
    /// any more. Their links stay. Gives whether there was one of that name.
    pub fn leave(&self, topology: &str) -> bool {
        let Some(id) = self.state.plan().named(topology) else { return false };
        if let Some(joined) = self.state.joined().remove(&id) {
            joined.stop.cancel();
        }
        self.state.change(|plan, now| plan.remove(id, now));
        true
    }

    /// How many peers that a topology has found are up.
    #[must_use]
    pub fn members(&self) -> usize {
        self.state.plan().members()
    }

    /// Waits until so many [`members`](Self::members) are up.
    ///
    /// # Errors
    /// They were not in time; the error says what is with those that are not.
    pub async fn wait_for(&self, peers: usize, patience: Duration) -> Result<(), WaitError> {
        let mut members = self.state.members.subscribe();
        let enough = members.wait_for(|up| *up >= peers);
        if let Ok(Ok(_)) = tokio::time::timeout(patience, enough).await {
            return Ok(());
        }
        let (peers_now, topologies) = (self.peers(), self.topologies());
        Err(WaitError { wanted: peers, up: self.members(), patience, peers: peers_now, topologies })
    }

    /// Tells of peers that are found, come, go and are lost, from now on.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<ClusterEvent> {
        self.state.events.subscribe()
    }

    /// Every peer that a topology has found, by name, with what is with it.
    #[must_use]
    pub fn peers(&self) -> Vec<PeerStatus> {
        self.state.plan().peers(now())
    }

    /// The topologies that were joined, in their order.
    #[must_use]
    pub fn topologies(&self) -> Vec<TopologyStatus> {
        self.state.plan().topologies(now())
    }
}

impl State {
    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn joined(&self) -> MutexGuard<'_, std::collections::BTreeMap<TopologyId, Joined>> {
        self.joined.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the plan, and has carried out what follows from it.
    fn change(&self, change: impl FnOnce(&mut Plan, std::time::Instant)) {
        change(&mut self.plan(), now());
        self.wake.notify_one();
    }
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster").field("node", self.node.name()).finish_non_exhaustive()
    }
}
