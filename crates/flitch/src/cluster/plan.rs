//! Desired peers against live links: who is dialled, when, and what is told of it. No clock, no
//! socket and no task: observations, ends of dials and links come in, [`Effect`]s go out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use flitch_discovery::roster::{Change, Patience, Presence, Roster};
use flitch_discovery::{DiscoveryError, Observation, Problem};
use flitch_epmd::backoff::Backoff;
use flitch_name::NodeName;

use crate::cluster::links::DialError;
use crate::cluster::status::{ClusterEvent, PeerState, PeerStatus, TopologyStatus};
use crate::peer_link::CloseReason;

/// Which topology; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TopologyId(u64);

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Effect {
    /// With the links of this topology.
    Dial(NodeName, TopologyId),
    Disconnect(NodeName, TopologyId),
    Tell(ClusterEvent),
    /// A peer could not be dialled; whether that is news.
    Failed(NodeName, DialError, bool),
    /// A topology has a problem that it had not before, or none any more.
    Trouble(String, Option<DiscoveryError>),
}

/// The state of everything that should be connected.
pub(crate) struct Plan {
    topologies: BTreeMap<TopologyId, Entry>,
    peers: BTreeMap<NodeName, Peer>,
    /// Who waits to be dialled and has not failed since it was up, by the time when it is due.
    fresh: BTreeSet<(Instant, NodeName)>,
    /// Who waits to be dialled again after failures.
    failed: BTreeSet<(Instant, NodeName)>,
    /// How many dials are under way.
    dialling: usize,
    next_id: u64,
    effects: Vec<Effect>,
    random: fn() -> u32,
}

struct Entry {
    name: String,
    strategy: String,
    roster: Roster,
    answered: Option<Instant>,
    problem: Option<DiscoveryError>,
}

struct Peer {
    state: State,
    since: Instant,
    backoff: Backoff,
    failures: u32,
    error: Option<DialError>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Up,
    Dialling,
    /// Not to be dialled before.
    Waiting(Instant),
    /// Nobody wants it dialled: it is not ready, or it is lost.
    Resting,
}

impl Plan {
    /// The first wait after a failure, and the longest. The longest is short, and for ever: after a
    /// netsplit, nobody waits longer than that. Whom no topology sees any more is not dialled.
    const WAITS: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(3));
    /// The wait after an error that nothing but a change of configuration mends.
    const HOPELESS: Duration = Duration::from_secs(60);
    /// How many dials may be under way: a resolver with a thousand wrong addresses must not take
    /// every descriptor.
    const DIALS: usize = 64;
    /// How many of them are kept for who has not failed yet: a pod that appears does not wait
    /// behind a hundred that swallow every dial.
    const FRESH: usize = 16;
    /// Who was up for so long is dialled again as if it had never failed. Who goes sooner flaps.
    const STEADY: Duration = Duration::from_secs(10);

    pub(crate) fn new(random: fn() -> u32) -> Self {
        Self {
            topologies: BTreeMap::new(),
            peers: BTreeMap::new(),
            fresh: BTreeSet::new(),
            failed: BTreeSet::new(),
            dialling: 0,
            next_id: 0,
            effects: Vec::new(),
            random,
        }
    }

    /// Takes on a topology. Where its name is taken, it gets a number behind it.
    pub(crate) fn add(
        &mut self,
        name: &str,
        strategy: &str,
        prune: Option<Duration>,
    ) -> TopologyId {
        let is_taken = |name: &str| self.topologies.values().any(|entry| entry.name == name);
        let numbered = (2..).map(|number| format!("{name}-{number}"));
        let mut names = std::iter::once(name.to_owned()).chain(numbered);
        let name = names.find(|name| !is_taken(name)).unwrap_or_default();
        let id = TopologyId(self.next_id);
        self.next_id += 1;
        let roster = Roster::new(Patience { prune, ..Patience::DEFAULT });
        let strategy = strategy.to_owned();
        self.topologies.insert(id, Entry { name, strategy, roster, answered: None, problem: None });
        id
    }

    /// Lets go of a topology. Links stay, and who is wanted by it alone is not dialled any more.
    pub(crate) fn remove(&mut self, id: TopologyId, now: Instant) {
        if let Some(entry) = self.topologies.remove(&id) {
            for node in entry.roster.names() {
                let lost = ClusterEvent::Lost { node: node.clone(), topology: entry.name.clone() };
                self.effects.push(Effect::Tell(lost));
            }
            self.review(now);
        }
    }

    pub(crate) fn named(&self, name: &str) -> Option<TopologyId> {
        self.topologies.iter().find(|(_, entry)| entry.name == name).map(|(id, _)| *id)
    }

    pub(crate) fn name_of(&self, id: TopologyId) -> &str {
        self.topologies.get(&id).map_or("", |entry| entry.name.as_str())
    }

    /// A strategy has said something.
    pub(crate) fn observed(&mut self, id: TopologyId, observation: &Observation, now: Instant) {
        let Some(entry) = self.topologies.get_mut(&id) else { return };
        let changes = entry.roster.observe(observation, now);
        let mut problem = observation.problems.first().cloned();
        if entry.roster.left_out() > 0 {
            let message = format!(
                "{} names are left out: of one strategy, {} are taken",
                entry.roster.left_out(),
                Roster::LIMIT
            );
            problem.get_or_insert(DiscoveryError::new(Problem::Other, message));
        }
        if problem.is_none() {
            entry.answered = Some(now);
        }
        if problem != entry.problem {
            self.effects.push(Effect::Trouble(entry.name.clone(), problem.clone()));
            entry.problem = problem;
        }
        self.changed(id, changes, now);
        self.review(now);
    }

    /// Time has passed.
    pub(crate) fn pass(&mut self, now: Instant) {
        let mut anybody = false;
        let ids: Vec<_> = self.topologies.keys().copied().collect();
        for id in ids {
            let Some(entry) = self.topologies.get_mut(&id) else { continue };
            let changes = entry.roster.pass(now);
            anybody |= !changes.is_empty();
            self.changed(id, changes, now);
        }
        if anybody {
            self.review(now);
        } else {
            self.dial_due(now);
        }
    }

    /// When [`pass`](Self::pass) has something to do next.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let losses = self.topologies.values().filter_map(|entry| entry.roster.deadline());
        losses.chain(self.next().map(|(due, _)| *due)).min()
    }

    /// Who is to be dialled next, of those that there is room for.
    fn next(&self) -> Option<&(Instant, NodeName)> {
        let fresh = self.fresh.first().filter(|_| self.dialling < Self::DIALS);
        let failed = self.failed.first().filter(|_| self.dialling < Self::DIALS - Self::FRESH);
        fresh.into_iter().chain(failed).min()
    }

    /// A peer is connected, whoever dialled.
    pub(crate) fn up(&mut self, node: &NodeName, now: Instant) {
        if self.peers.get(node).is_none_or(|peer| peer.state == State::Up) {
            return;
        }
        self.set(node, State::Up, now);
        if let Some(peer) = self.peers.get_mut(node) {
            (peer.failures, peer.error) = (0, None);
        }
        self.effects.push(Effect::Tell(ClusterEvent::Up { node: node.clone() }));
        self.dial_due(now);
    }

    /// A link is gone.
    pub(crate) fn down(&mut self, node: &NodeName, reason: Option<CloseReason>, now: Instant) {
        let Some(peer) = self.peers.get_mut(node).filter(|peer| peer.state == State::Up) else {
            return;
        };
        if now.saturating_duration_since(peer.since) >= Self::STEADY {
            peer.backoff.reset();
        }
        let due = now + peer.backoff.next_wait();
        self.set(node, State::Waiting(due), now);
        self.effects.push(Effect::Tell(ClusterEvent::Down { node: node.clone(), reason }));
        self.review_one(node, now);
    }

    /// These are connected and no others: after events were missed, or where nobody tells them.
    pub(crate) fn sync(&mut self, connected: &BTreeSet<NodeName>, now: Instant) {
        let gone = |(name, peer): (&NodeName, &Peer)| {
            (peer.state == State::Up && !connected.contains(name)).then(|| name.clone())
        };
        let gone: Vec<_> = self.peers.iter().filter_map(gone).collect();
        for node in gone {
            self.down(&node, None, now);
        }
        for node in connected {
            self.up(node, now);
        }
    }

    /// A dial has ended. That the link is up is told by [`up`](Self::up) and not by this.
    pub(crate) fn dialled(&mut self, node: &NodeName, end: Result<(), DialError>, now: Instant) {
        let Some(peer) = self.peers.get_mut(node).filter(|peer| peer.state == State::Dialling)
        else {
            return;
        };
        let mut wait = peer.backoff.next_wait();
        if let Err(error) = end {
            if error.is_hopeless() {
                wait = Self::HOPELESS;
            }
            let is_news = peer.error.as_ref().is_none_or(|known| known.stage != error.stage);
            peer.failures = peer.failures.saturating_add(1);
            peer.error = Some(error.clone());
            self.effects.push(Effect::Failed(node.clone(), error, is_news));
        }
        self.set(node, State::Waiting(now + wait), now);
        self.review_one(node, now);
        self.dial_due(now);
    }

    /// Takes what is to be done.
    pub(crate) fn effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// How many peers were found by a topology and are up.
    pub(crate) fn members(&self) -> usize {
        self.peers.values().filter(|peer| peer.state == State::Up).count()
    }

    fn changed(&mut self, id: TopologyId, changes: Vec<Change>, now: Instant) {
        for change in changes {
            let topology = self.name_of(id).to_owned();
            match change {
                Change::Discovered(node) => {
                    if !self.peers.contains_key(&node) {
                        self.peers.insert(node.clone(), Peer::new(now, self.random));
                        self.set(&node, State::Waiting(now), now);
                    }
                    self.effects.push(Effect::Tell(ClusterEvent::Discovered { node, topology }));
                }
                Change::Lost(node) => {
                    self.effects.push(Effect::Tell(ClusterEvent::Lost { node, topology }));
                }
                Change::Prune(node) => {
                    if self.presence(&node).is_none()
                        && self.peers.get(&node).is_some_and(|peer| peer.state == State::Up)
                    {
                        self.effects.push(Effect::Disconnect(node, id));
                    }
                }
            }
        }
    }

    /// How any topology sees a peer: one that wants it counts.
    fn presence(&self, node: &NodeName) -> Option<Presence> {
        let mut seen = self.topologies.values().filter_map(|entry| entry.roster.presence(node));
        let first = seen.next()?;
        let is_wanted = first == Presence::Wanted || seen.any(|seen| seen == Presence::Wanted);
        Some(if is_wanted { Presence::Wanted } else { first })
    }

    /// Who wants a peer dialled.
    fn wanted_by(&self, node: &NodeName) -> Option<TopologyId> {
        let wants = |entry: &Entry| entry.roster.presence(node) == Some(Presence::Wanted);
        self.topologies.iter().find(|(_, entry)| wants(entry)).map(|(id, _)| *id)
    }

    /// Brings every peer in line with what the topologies say.
    fn review(&mut self, now: Instant) {
        let names: Vec<_> = self.peers.keys().cloned().collect();
        for name in names {
            self.review_one(&name, now);
        }
        self.dial_due(now);
    }

    /// Lets a peer rest that is not ready, dials again one that came back, and forgets one that is
    /// neither seen nor connected.
    fn review_one(&mut self, name: &NodeName, now: Instant) {
        let Some(state) = self.peers.get(name).map(|peer| peer.state) else { return };
        match (self.presence(name), state) {
            (_, State::Up | State::Dialling)
            | (Some(Presence::Wanted), State::Waiting(_))
            | (Some(Presence::Unready), State::Resting) => {}
            (Some(Presence::Wanted), State::Resting) => self.set(name, State::Waiting(now), now),
            (Some(Presence::Unready), State::Waiting(_)) => self.set(name, State::Resting, now),
            (None, _) => {
                self.set(name, State::Resting, now);
                self.peers.remove(name);
            }
        }
    }

    /// Dials who is due, the longest first.
    fn dial_due(&mut self, now: Instant) {
        while let Some((_, name)) = self.next().filter(|(due, _)| *due <= now).cloned() {
            match self.wanted_by(&name) {
                Some(by) => {
                    self.set(&name, State::Dialling, now);
                    self.effects.push(Effect::Dial(name, by));
                }
                None => self.set(&name, State::Resting, now),
            }
        }
    }

    /// The one place where a peer's state changes, so that the queue and the count follow.
    fn set(&mut self, name: &NodeName, state: State, now: Instant) {
        let Some(peer) = self.peers.get_mut(name) else { return };
        let waiting = if peer.failures == 0 { &mut self.fresh } else { &mut self.failed };
        match peer.state {
            State::Waiting(until) => {
                waiting.remove(&(until, name.clone()));
            }
            State::Dialling => self.dialling -= 1,
            State::Up | State::Resting => {}
        }
        match state {
            State::Waiting(until) => {
                waiting.insert((until, name.clone()));
            }
            State::Dialling => self.dialling += 1,
            State::Up | State::Resting => {}
        }
        (peer.state, peer.since) = (state, now);
    }

    /// Every peer that a topology sees, or that is still up, by name.
    pub(crate) fn peers(&self, now: Instant) -> Vec<PeerStatus> {
        let seen_by = |node: &NodeName| {
            let sees = |entry: &&Entry| entry.roster.presence(node).is_some();
            self.topologies.values().filter(sees).map(|entry| entry.name.clone()).collect()
        };
        let status = |(node, peer): (&NodeName, &Peer)| PeerStatus {
            node: node.clone(),
            topologies: seen_by(node),
            state: peer.status(now),
            since: now.saturating_duration_since(peer.since),
        };
        self.peers.iter().map(status).collect()
    }

    pub(crate) fn topologies(&self, now: Instant) -> Vec<TopologyStatus> {
        let status = |entry: &Entry| TopologyStatus {
            name: entry.name.clone(),
            strategy: entry.strategy.clone(),
            peers: entry.roster.names().cloned().collect(),
            answered: entry.answered.map(|at| now.saturating_duration_since(at)),
            problem: entry.problem.clone(),
        };
        self.topologies.values().map(status).collect()
    }
}

impl Peer {
    fn new(now: Instant, random: fn() -> u32) -> Self {
        let backoff = Backoff::new(Plan::WAITS.0, Plan::WAITS.1, random);
        Self { state: State::Resting, since: now, backoff, failures: 0, error: None }
    }

    fn status(&self, now: Instant) -> PeerState {
        let (failures, error) = (self.failures, self.error.clone());
        match self.state {
            State::Up => PeerState::Up,
            State::Dialling => PeerState::Dialling { failures, error },
            State::Waiting(until) => {
                PeerState::Waiting { failures, error, next: until.saturating_duration_since(now) }
            }
            State::Resting => PeerState::Unready,
        }
    }
}

#[cfg(test)]
mod tests;
