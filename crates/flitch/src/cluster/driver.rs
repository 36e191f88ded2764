//! Carries out what the plan says: one loop that dials, waits and tells.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use flitch_discovery::Problem;
use flitch_name::NodeName;
use futures_util::FutureExt;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::task::{JoinError, JoinSet};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::clock::now;
use crate::cluster::State;
use crate::cluster::links::{AnyLinks, DialError};
use crate::cluster::plan::{Effect, TopologyId};
use crate::cluster::status::ClusterEvent;
use crate::identity::node_atom;
use crate::node::{Node, NodeEvent, panic_message};
use crate::task::{self, Name};

/// How often links are listed that tell nothing by themselves.
const LISTED: Duration = Duration::from_secs(1);

/// What belongs to a topology and not to the plan.
pub(super) struct Joined {
    /// The node's own, unless replaced.
    pub(super) links: Option<Arc<dyn AnyLinks>>,
    /// Ends its strategy.
    pub(super) stop: CancellationToken,
}

/// Runs until the node stops.
pub(super) async fn run(node: Node, state: Arc<State>, mut events: broadcast::Receiver<NodeEvent>) {
    let mut driver =
        Driver { node: node.clone(), state: Arc::clone(&state), dials: JoinSet::new() };
    driver.greet();
    // Of its own, so that what happens more often than that does not put it off.
    let mut listed = tokio::time::interval(LISTED);
    listed.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        driver.carry_out();
        let deadline = state.plan().deadline().map(tokio::time::Instant::from_std);
        tokio::select! {
            biased;
            () = node.stopping() => return,
            event = events.recv() => match event {
                Ok(event) => driver.heard(event),
                Err(RecvError::Lagged(_)) => driver.compare(),
                Err(RecvError::Closed) => return,
            },
            Some(first) = driver.dials.join_next() => driver.dialled(first),
            _ = listed.tick(), if driver.is_replaced() => driver.compare(),
            () = state.wake.notified() => driver.greet(),
            () = sleep_until(deadline) => state.plan().pass(now()),
        }
    }
}

async fn sleep_until(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// Dials by links that may be somebody's own, and may panic: the peer is dialled again then too.
async fn dial(links: &dyn AnyLinks, peer: &NodeName) -> Result<(), DialError> {
    let dialled = AssertUnwindSafe(async { links.dial(peer).await }).catch_unwind().await;
    dialled.unwrap_or_else(|panic| {
        let message = format!("connect panicked: {}", panic_message(panic.as_ref()));
        Err(DialError::new(message))
    })
}

/// Who has dialled.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialler {
    Node,
    Replaced,
}

/// A dial that has ended.
type Dialled = (NodeName, Dialler, Result<(), DialError>);

struct Driver {
    node: Node,
    state: Arc<State>,
    /// Dropped with this, so that nobody is dialled any more when the node stops.
    dials: JoinSet<Dialled>,
}

impl Driver {
    fn heard(&self, event: NodeEvent) {
        let mut plan = self.state.plan();
        match event {
            NodeEvent::Up { node, .. } => plan.up(&node, now()),
            NodeEvent::Down { node, reason } => plan.down(&node, Some(reason), now()),
        }
    }

    /// A dial has ended, and maybe others with it. Who was up all the time is told by no event, and
    /// is looked up: by itself where the node dialled, for of ten thousand dials each would list ten
    /// thousand links; and all of them at once where somebody's own list has to be asked.
    fn dialled(&mut self, first: Result<Dialled, JoinError>) {
        let mut ask = false;
        let mut next = Some(first);
        while let Some(ended) = next {
            if let Ok((peer, by, end)) = ended {
                let is_up = end.is_ok() && by == Dialler::Node && self.has_link(&peer);
                ask |= end.is_ok() && by == Dialler::Replaced;
                let mut plan = self.state.plan();
                plan.dialled(&peer, end, now());
                if is_up {
                    plan.up(&peer, now());
                }
            }
            next = self.dials.try_join_next();
        }
        if ask {
            self.greet();
        }
    }

    fn has_link(&self, peer: &NodeName) -> bool {
        self.node.peers().link(&node_atom(peer)).is_some_and(|link| !link.is_closing())
    }

    /// Whom the plan may not know to be up, because it was before the plan knew of it.
    fn greet(&self) {
        let Some(connected) = self.connected() else { return };
        let mut plan = self.state.plan();
        for node in connected {
            plan.up(&node, now());
        }
    }

    /// Who is up, and who is not: events were missed, or nobody sends any.
    fn compare(&self) {
        let Some(connected) = self.connected() else { return };
        self.state.plan().sync(&connected, now());
    }

    /// None, where somebody's own list panics: that is no empty one.
    fn connected(&self) -> Option<BTreeSet<NodeName>> {
        // The end of one that closes is told already, or will be.
        let links = self.node.peers().links();
        let open = links.iter().filter(|link| !link.is_closing()).map(|link| link.name.clone());
        let mut connected: BTreeSet<_> = open.collect();
        // Under no lock of ours: it may ask us something.
        let replaced: Vec<_> =
            self.state.joined().values().filter_map(|joined| joined.links.clone()).collect();
        for links in replaced {
            connected.extend(catch_unwind(AssertUnwindSafe(|| links.list())).ok()?);
        }
        Some(connected)
    }

    /// Whether some topology connects by something else than the node.
    fn is_replaced(&self) -> bool {
        self.state.joined().values().any(|joined| joined.links.is_some())
    }

    /// None, once the topology is left: nobody else connects in its place.
    fn links_of(&self, id: TopologyId) -> Option<(Dialler, Arc<dyn AnyLinks>)> {
        let replaced = self.state.joined().get(&id)?.links.clone();
        Some(match replaced {
            Some(links) => (Dialler::Replaced, links),
            None => (Dialler::Node, Arc::new(self.node.clone())),
        })
    }

    fn carry_out(&mut self) {
        let (effects, members) = {
            let mut plan = self.state.plan();
            (plan.effects(), plan.members())
        };
        for effect in effects {
            match effect {
                Effect::Dial(peer, by) => {
                    let Some((by, links)) = self.links_of(by) else {
                        self.state.change(|plan, now| plan.dialled(&peer, Ok(()), now));
                        continue;
                    };
                    let name = Name::of(|| format!("discovery dials {peer}"));
                    task::join(&mut self.dials, name, async move {
                        let end = dial(links.as_ref(), &peer).await;
                        (peer, by, end)
                    });
                }
                Effect::Disconnect(peer, by) => {
                    tracing::info!(%peer, "the peer is gone from discovery, and is disconnected");
                    let Some((_, links)) = self.links_of(by) else { continue };
                    let name = Name::of(|| format!("discovery disconnects {peer}"));
                    task::spawn(self.node.tasks(), name, async move {
                        links.drop_link(&peer).await;
                    });
                }
                Effect::Tell(event) => self.tell(event),
                Effect::Failed(peer, error, true) => {
                    tracing::warn!(%peer, %error, "cannot connect");
                }
                Effect::Failed(peer, error, false) => {
                    tracing::debug!(%peer, %error, "cannot connect");
                }
                Effect::Trouble(topology, Some(problem)) if problem.problem == Problem::Early => {
                    tracing::debug!(topology, %problem, "discovery has no complete answer yet");
                }
                Effect::Trouble(topology, Some(problem)) => {
                    let kind = problem.problem.as_str();
                    tracing::warn!(topology, %problem, kind, "discovery has no complete answer");
                }
                Effect::Trouble(topology, None) => tracing::info!(topology, "discovery answers"),
            }
        }
        self.state.members.send_if_modified(|known| std::mem::replace(known, members) != members);
    }

    fn tell(&self, event: ClusterEvent) {
        match &event {
            ClusterEvent::Discovered { node, topology } => {
                tracing::info!(peer = %node, topology, "discovered");
            }
            // The node itself logs those.
            ClusterEvent::Up { .. } | ClusterEvent::Down { .. } => {}
            ClusterEvent::Lost { node, topology } => {
                tracing::info!(peer = %node, topology, "lost: not in complete answers any more");
            }
        }
        // Nobody may be listening.
        let _ = self.state.events.send(event);
    }
}
