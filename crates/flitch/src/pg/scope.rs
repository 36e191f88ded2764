//! A scope as its process has it: who is in which group, here and at the peers.
//!
//! Driven by [`Scope::handle_join`], [`Scope::handle_leave`], [`Scope::handle_message`] and
//! [`Scope::handle_down`]; after each, drain [`Scope::poll_action`] in order, for the peers learn
//! by it, and [`Scope::poll_change`], for those who watch. No socket, clock or task inside.
//!
//! Source: the head of `pg.erl` of kernel, "Exchange protocol". What this does in addition: it
//! asks again where it knows nobody, because the scopes of BEAMs greet visible nodes only, so that
//! a hidden one has to come by itself whenever theirs begin; and it has a limit on what a peer may
//! bring.

use std::collections::{HashMap, VecDeque};

use flitch_etf::{Atom, Pid, Term};

use crate::pg::groups::{Groups, take};
use crate::pg::message::{Body, Change, Message, NEWEST};

/// The groups of a scope.
pub(crate) struct Scope {
    us: Pid,
    /// Bytes that the groups of one peer may take.
    limit: usize,
    local: Groups,
    /// What each of our processes has joined, as often as it has.
    joined: HashMap<Pid, Vec<Term>>,
    peers: HashMap<Pid, Peer>,
    actions: VecDeque<Action>,
    changes: VecDeque<Change>,
}

/// The process of the scope on another node.
#[derive(Default)]
struct Peer {
    version: u32,
    groups: Groups,
    /// It has brought more than it may: it counts no more.
    refused: bool,
}

/// What is to be done, in this order.
#[derive(Debug, PartialEq)]
pub(crate) enum Action {
    Monitor(Pid),
    Demonitor(Pid),
    /// To a process that speaks this version, if its node is connected.
    Send(Pid, u32, Message),
    /// To the scope of a node, if it has one.
    Discover(Atom, Message),
}

/// How many processes of a node may say that they are the scope. While one that has ended is
/// still known, the next may come.
const A_NODE: usize = 4;

impl Scope {
    pub(crate) fn new(us: Pid, limit: usize) -> Self {
        Self {
            us,
            limit,
            local: Groups::default(),
            joined: HashMap::new(),
            peers: HashMap::new(),
            actions: VecDeque::new(),
            changes: VecDeque::new(),
        }
    }

    /// Processes of ours join a group.
    pub(crate) fn handle_join(&mut self, group: &Term, pids: &[Pid]) {
        if pids.is_empty() {
            return;
        }
        for pid in pids {
            let groups = self.joined.entry(pid.clone()).or_insert_with(|| {
                self.actions.push_back(Action::Monitor(pid.clone()));
                Vec::new()
            });
            groups.push(group.clone());
        }
        self.local.join(group, pids);
        self.publish(vec![joined(group, pids.to_vec())]);
    }

    /// Processes of ours leave a group. Whether at least one was in it.
    pub(crate) fn handle_leave(&mut self, group: &Term, pids: &[Pid]) -> bool {
        let gone = self.local.leave(group, pids);
        if gone.is_empty() {
            return false;
        }
        for pid in &gone {
            let Some(groups) = self.joined.get_mut(pid) else { continue };
            if let Some(at) = groups.iter().position(|it| it == group) {
                groups.swap_remove(at);
            }
            if groups.is_empty() {
                self.joined.remove(pid);
                self.actions.push_back(Action::Demonitor(pid.clone()));
            }
        }
        self.publish(vec![left(group, gone)]);
        true
    }

    /// A process has ended that was to be monitored: a member of ours, or a peer.
    pub(crate) fn handle_down(&mut self, pid: &Pid) {
        if let Some(groups) = self.joined.remove(pid) {
            let one = std::slice::from_ref(pid);
            let changes = groups.iter().map(|group| left(group, self.local.leave(group, one)));
            let changes = changes.collect();
            self.publish(changes);
        } else if let Some(peer) = self.peers.remove(pid) {
            self.lose(&peer.groups);
        }
    }

    /// A message from the scope of a node that is connected.
    pub(crate) fn handle_message(&mut self, message: Message) {
        let Message { peer, body } = message;
        if peer.node == self.us.node {
            return;
        }
        match body {
            Body::Discover { version } => self.discovered(&peer, version.min(NEWEST)),
            Body::Data { version, groups } => self.replace(&peer, version.min(NEWEST), groups),
            // One that is not known has been lost, and will be met again.
            Body::Update(changes) => self.update(&peer, changes),
        }
    }

    /// Asks for the scope of a node that has just come.
    pub(crate) fn handle_up(&mut self, node: Atom) {
        let body = Body::Discover { version: 0 };
        let message = Message { peer: self.us.clone(), body };
        self.actions.push_back(Action::Discover(node, message));
    }

    /// Asks again for the scopes of those nodes that have shown none.
    pub(crate) fn handle_silence(&mut self, nodes: impl Iterator<Item = Atom>) {
        for node in nodes {
            if !self.peers.keys().any(|peer| peer.node == node) {
                self.handle_up(node);
            }
        }
    }

    pub(crate) fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    pub(crate) fn poll_change(&mut self) -> Option<Change> {
        self.changes.pop_front()
    }

    pub(crate) fn members(&self, group: &Term) -> Vec<Pid> {
        let remote = self.peers.values().flat_map(|peer| peer.groups.members(group));
        self.local.members(group).iter().chain(remote).cloned().collect()
    }

    pub(crate) fn local_members(&self, group: &Term) -> Vec<Pid> {
        self.local.members(group).to_vec()
    }

    /// All groups with their members.
    pub(crate) fn groups(&self) -> HashMap<Term, Vec<Pid>> {
        let mut all: HashMap<Term, Vec<Pid>> = HashMap::new();
        let remote = self.peers.values().flat_map(|peer| peer.groups.iter());
        for (group, pids) in self.local.iter().chain(remote) {
            all.entry(group.clone()).or_default().extend_from_slice(pids);
        }
        all
    }

    fn discovered(&mut self, peer: &Pid, version: u32) {
        let Some(known) = self.meet(peer) else { return };
        let Some(it) = self.peers.get_mut(peer) else { return };
        it.version = it.version.max(version);
        let version = it.version;
        let groups = self.local.iter().map(|(group, pids)| (group.clone(), pids.clone()));
        let data = Body::Data { version, groups: groups.collect() };
        self.send(peer, version, data);
        if !known {
            self.send(peer, version, Body::Discover { version });
        }
    }

    /// Knows a peer from now on, if it does not yet. Whether it did; `None` for one too many.
    fn meet(&mut self, peer: &Pid) -> Option<bool> {
        if self.peers.contains_key(peer) {
            return Some(true);
        }
        if self.peers.keys().filter(|other| other.node == peer.node).count() >= A_NODE {
            tracing::warn!(%peer, "too many processes of one node say that they are one scope");
            return None;
        }
        self.peers.insert(peer.clone(), Peer::default());
        self.actions.push_back(Action::Monitor(peer.clone()));
        Some(false)
    }

    /// A peer has said all that it has: what it said before counts no more.
    fn replace(&mut self, peer: &Pid, version: u32, groups: Vec<(Term, Vec<Pid>)>) {
        if self.meet(peer).is_none() {
            return;
        }
        let Some(it) = self.peers.get_mut(peer).filter(|it| !it.refused) else { return };
        it.version = it.version.max(version);
        let mut old = std::mem::take(&mut it.groups);
        for (group, pids) in groups {
            it.groups.join(&group, &pids);
        }
        for (group, pids) in it.groups.iter() {
            let mut join = pids.clone();
            let same = take(&mut join, old.members(group));
            old.leave(group, &same);
            self.changes.push_back(joined(group, join));
        }
        self.lose(&old);
        self.weigh(peer);
    }

    fn update(&mut self, peer: &Pid, changes: Vec<Change>) {
        let Some(it) = self.peers.get_mut(peer).filter(|it| !it.refused) else { return };
        for Change { group, join, leave } in changes {
            let leave = it.groups.leave(&group, &leave);
            it.groups.join(&group, &join);
            self.changes.push_back(Change { group, join, leave });
        }
        self.weigh(peer);
    }

    /// A peer that brings more than it may brings nothing.
    fn weigh(&mut self, peer: &Pid) {
        let Some(it) = self.peers.get_mut(peer).filter(|it| it.groups.weight() > self.limit) else {
            return;
        };
        tracing::error!(%peer, limit = self.limit, "a peer has more groups and members than it may");
        it.refused = true;
        let groups = std::mem::take(&mut it.groups);
        self.lose(&groups);
    }

    fn lose(&mut self, groups: &Groups) {
        self.changes.extend(groups.iter().map(|(group, pids)| left(group, pids.clone())));
    }

    /// Tells everybody what has changed here.
    fn publish(&mut self, changes: Vec<Change>) {
        let peers: Vec<_> =
            self.peers.iter().map(|(peer, it)| (peer.clone(), it.version)).collect();
        for (peer, version) in peers {
            self.send(&peer, version, Body::Update(changes.clone()));
        }
        self.changes.extend(changes);
    }

    fn send(&mut self, to: &Pid, version: u32, body: Body) {
        let message = Message { peer: self.us.clone(), body };
        self.actions.push_back(Action::Send(to.clone(), version, message));
    }
}

fn joined(group: &Term, join: Vec<Pid>) -> Change {
    Change { group: group.clone(), join, leave: Vec::new() }
}

fn left(group: &Term, leave: Vec<Pid>) -> Change {
    Change { group: group.clone(), join: Vec::new(), leave }
}

#[cfg(test)]
mod tests;
