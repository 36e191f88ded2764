//! The locker: gets the lock on both partitions that are to become one, ours and the one of a node
//! that has just connected, and holds it while their names are put together.
//!
//! Source: `global.erl` of kernel, `the_locker`. There it is a process of its own that receives
//! selectively. Here what it is told counts at once, but for what its state keeps it from: of that
//! the last word of each node is kept, however many there are.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use flitch_etf::{Atom, Pid, Term};

use super::ask::Ask;
use super::machine::{CHECKED_CONNECT, Machine};
use super::output::{Output, cast, nodes_term};
use super::tables::LockId;

/// Nodes that want to be one partition with us, and where the negotiation with one of them is.
#[derive(Default)]
pub(super) struct Locker {
    /// What other lockers say, one word of each at the most.
    lock_sets: VecDeque<LockSet>,
    /// That the negotiation under way is over.
    over: Option<(Atom, i64, Vec<Output>)>,
    /// Those who have become known since we have looked, and those who have ceased to be.
    changes: BTreeMap<Atom, bool>,
    others: Vec<Other>,
    known: BTreeSet<Atom>,
    just_synced: bool,
    state: State,
    wake: Option<Instant>,
}

/// What the locker is told.
pub(super) enum Letter {
    /// A node wants to negotiate.
    Other(Other),
    /// The negotiation of this number is over, well or not. The outputs come before the lock is
    /// released.
    Cancel(Atom, i64, Vec<Output>),
    LockSet(LockSet),
    Known(Vec<Atom>),
    Unknown(Atom),
}

/// The other locker has the lock on its side, or has not. Older ones give no number.
pub(super) struct LockSet {
    pub(super) pid: Pid,
    pub(super) set: bool,
    pub(super) tag: Option<i64>,
}

/// What is to be looked at next.
enum Next {
    LockSet(LockSet),
    Over(Atom, i64, Vec<Output>),
}

/// Another locker.
#[derive(Clone, Debug)]
pub(super) struct Other {
    pub(super) pid: Pid,
    pub(super) vsn: i64,
    pub(super) tag: i64,
    pub(super) his_tag: Term,
}

#[derive(Default)]
enum State {
    #[default]
    Idle,
    /// Asks for the lock on our side.
    Locking(Box<Locking>),
    /// Has it, and waits to hear whether the other has.
    Waiting { other: Other, id: LockId, nodes: Vec<Atom> },
    /// Both have it: names are put together.
    Holding { node: Atom, tag: i64, id: LockId, nodes: Vec<Atom> },
}

struct Locking {
    other: Other,
    /// Whether the other locker has asked us, and has the lock on its side.
    asked: bool,
    id: LockId,
    step: Step,
    ask: Ask,
    boss: Atom,
    held: Vec<Atom>,
}

/// The boss first, lest two lockers get half of the nodes each; then ourselves and the other node;
/// then the rest.
#[derive(Clone, Copy, PartialEq)]
enum Step {
    Boss,
    Both,
    Rest,
}

impl Locker {
    pub(super) fn tell(&mut self, letter: Letter) {
        match letter {
            Letter::Other(other) => {
                self.others.retain(|it| it.pid.node != other.pid.node);
                self.others.push(other);
            }
            Letter::Cancel(node, tag, last) if self.is_about(&node, tag) => {
                self.over.get_or_insert((node, tag, last));
            }
            Letter::Cancel(node, tag, _) => self.forget(&node, tag),
            Letter::LockSet(said) => {
                let earlier = self.lock_sets.iter_mut().find(|it| it.pid.node == said.pid.node);
                match earlier {
                    Some(earlier) => *earlier = said,
                    None => self.lock_sets.push_back(said),
                }
            }
            Letter::Known(nodes) => {
                self.changes.extend(nodes.into_iter().map(|node| (node, true)));
            }
            Letter::Unknown(node) => {
                self.lock_sets.retain(|it| it.pid.node != node);
                match self.known.contains(&node) {
                    true => self.changes.insert(node, false),
                    false => self.changes.remove(&node),
                };
            }
        }
    }

    /// Whether this is the negotiation under way.
    fn is_about(&self, of: &Atom, its: i64) -> bool {
        match &self.state {
            State::Idle => false,
            State::Locking(locking) => locking.other.pid.node == *of && locking.other.tag == its,
            State::Waiting { other, .. } => other.pid.node == *of && other.tag == its,
            State::Holding { node, tag, .. } => node == of && *tag == its,
        }
    }

    pub(super) fn answered(&mut self, call: u64, answer: Option<&Term>) -> bool {
        match &mut self.state {
            State::Locking(locking) => locking.ask.answered(call, answer),
            _ => false,
        }
    }

    pub(super) fn wake(&self) -> Option<Instant> {
        self.wake
    }

    /// How much it keeps of what it was told.
    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        let Self { lock_sets, over, changes, others, .. } = self;
        lock_sets.len() + usize::from(over.is_some()) + changes.len() + others.len()
    }

    fn find(&self, node: &Atom) -> Option<&Other> {
        self.others.iter().find(|other| other.pid.node == *node)
    }

    fn forget(&mut self, node: &Atom, tag: i64) {
        self.others.retain(|other| other.pid.node != *node || other.tag != tag);
    }

    fn update_known(&mut self) {
        for (node, known) in std::mem::take(&mut self.changes) {
            match known {
                true => self.known.insert(node),
                false => self.known.remove(&node),
            };
        }
    }

    /// The first of what the state waits for.
    fn next(&mut self) -> Option<Next> {
        if let Some((node, tag, last)) = self.over.take() {
            return Some(Next::Over(node, tag, last));
        }
        let at = match &self.state {
            State::Idle => {
                self.update_known();
                0
            }
            State::Waiting { other, .. } => {
                self.lock_sets.iter().position(|it| it.pid.node == other.pid.node)?
            }
            State::Locking(_) | State::Holding { .. } => return None,
        };
        self.lock_sets.remove(at).map(Next::LockSet)
    }

    /// How long others have to reach us first. It has to be some time, or nobody else in our
    /// partition would ever get the lock while we go on and on.
    fn pause(&self) -> Option<Duration> {
        let known = self.known.len() as u64;
        match (self.others.is_empty(), self.just_synced, known) {
            (true, ..) => None,
            (_, true, _) => Some(Duration::ZERO),
            (_, _, 0) => Some(Duration::from_millis(200)),
            _ => Some(Duration::from_millis((1000 + 100 * known).min(3000))),
        }
    }
}

impl Machine {
    /// Goes as far as it can without more input. Whether it has done anything.
    pub(super) fn run_locker(&mut self) -> bool {
        let mut moved = false;
        loop {
            if let State::Locking(locking) = &self.locker.state {
                if !locking.ask.is_over() {
                    return moved;
                }
                self.go_on_locking();
            } else if let Some(next) = self.locker.next() {
                self.locker.wake = None;
                self.handle_next(next);
            } else {
                break;
            }
            moved = true;
        }
        if matches!(self.locker.state, State::Idle) && self.locker.wake.is_none() {
            self.locker.wake = self.locker.pause().map(|pause| self.now + pause);
            self.locker.just_synced = false;
        }
        moved
    }

    /// Nobody has called for a while: turns to one of those who want to negotiate.
    pub(super) fn wake_locker(&mut self) {
        if self.locker.wake.is_none_or(|wake| wake > self.now) {
            return;
        }
        self.locker.wake = None;
        if self.tables.is_locked() || !matches!(self.locker.state, State::Idle) {
            return;
        }
        let chance = self.random() as usize;
        let Locker { others, known, .. } = &mut self.locker;
        others.retain(|other| !known.contains(&other.pid.node));
        let at = chance.checked_rem(others.len());
        if let Some(other) = at.and_then(|at| others.get(at)).cloned() {
            self.begin_locking(other, false);
        }
    }

    fn handle_next(&mut self, next: Next) {
        match (std::mem::take(&mut self.locker.state), next) {
            (State::Idle, Next::LockSet(said)) => self.lock_set_idle(&said),
            (State::Waiting { other, id, nodes }, Next::LockSet(LockSet { set, tag, .. })) => {
                if tag.is_some_and(|tag| tag != other.tag) {
                    self.locker.state = State::Waiting { other, id, nodes };
                } else if set {
                    self.hold(&other, &id, nodes);
                } else {
                    self.release_global(&id, &nodes);
                }
            }
            (
                State::Waiting { id, nodes, .. } | State::Holding { id, nodes, .. },
                Next::Over(node, tag, last),
            ) => {
                self.out.extend(last);
                self.release_global(&id, &nodes);
                self.locker.forget(&node, tag);
            }
            (State::Idle, Next::Over(node, tag, _)) => self.locker.forget(&node, tag),
            (state, _) => self.locker.state = state,
        }
    }

    /// Another locker has its side, and asks for ours.
    fn lock_set_idle(&mut self, said: &LockSet) {
        if !said.set {
            return;
        }
        let other = self.locker.find(&said.pid.node).cloned();
        match other.filter(|other| said.tag.is_none_or(|tag| tag == other.tag)) {
            Some(other) => self.begin_locking(other, true),
            None => self.send_lock_set(&said.pid.node, None, false),
        }
    }

    fn begin_locking(&mut self, other: Other, asked: bool) {
        // Both lockers come to the same id, so that neither keeps the other out.
        let mut pair = [Term::from(self.me.clone()), Term::from(other.pid.clone())];
        pair.sort();
        let id = LockId::of_global(pair.to_vec());
        let boss = self.locker.known.iter().chain([&self.us]).max().unwrap_or(&self.us).clone();
        let mut locking = Locking {
            other,
            asked,
            step: Step::Boss,
            ask: Ask::default(),
            held: Vec::new(),
            boss,
            id,
        };
        // Ours is looked at only: to set it could stop one that has the boss already.
        if locking.boss != self.us && !self.tables.can_lock(&locking.id) {
            return self.locked(locking, false);
        }
        locking.ask = self.ask_lock(&locking.id, std::slice::from_ref(&locking.boss));
        self.locker.state = State::Locking(Box::new(locking));
    }

    fn go_on_locking(&mut self) {
        let State::Locking(mut locking) = std::mem::take(&mut self.locker.state) else { return };
        let ask = std::mem::take(&mut locking.ask);
        if !self.got_lock(&locking.id, &ask) {
            self.release(&locking.id, &locking.held);
            return self.locked(*locking, false);
        }
        let nodes: Vec<Atom> = match locking.step {
            Step::Boss => {
                self.locker.update_known();
                locking.held.push(locking.boss.clone());
                locking.step = Step::Both;
                let him = (!locking.asked).then_some(&locking.other.pid.node);
                [&self.us]
                    .into_iter()
                    .chain(him)
                    .filter(|it| **it != locking.boss)
                    .cloned()
                    .collect()
            }
            Step::Both => {
                locking.step = Step::Rest;
                self.locker.known.iter().filter(|it| **it != locking.boss).cloned().collect()
            }
            Step::Rest => return self.locked(*locking, true),
        };
        locking.ask = self.ask_lock(&locking.id, &nodes);
        if locking.step == Step::Both {
            locking.held.extend(nodes);
        }
        self.locker.state = State::Locking(locking);
    }

    /// Our side is locked, or is not.
    fn locked(&mut self, locking: Locking, set: bool) {
        let Locking { other, asked, id, .. } = locking;
        self.locker.state = State::Idle;
        if set || asked {
            let tag = (other.vsn >= CHECKED_CONNECT).then_some(&other.his_tag);
            self.send_lock_set(&other.pid.node, tag, set);
        }
        if !set {
            return;
        }
        let mut nodes = vec![self.us.clone()];
        nodes.extend(self.locker.known.iter().cloned());
        if asked {
            self.hold(&other, &id, nodes);
        } else {
            nodes.push(other.pid.node.clone());
            self.locker.state = State::Waiting { other, id, nodes };
        }
    }

    fn hold(&mut self, other: &Other, id: &LockId, nodes: Vec<Atom>) {
        let (node, tag) = (other.pid.node.clone(), other.tag);
        self.locker.just_synced = true;
        self.locker.forget(&node, tag);
        self.locker.state = State::Holding { node: node.clone(), tag, id: id.clone(), nodes };
        self.lock_is_set(&node, tag, id);
    }

    pub(super) fn send_lock_set(&mut self, to: &Atom, tag: Option<&Term>, set: bool) {
        let known: Vec<_> = self.locker.known.iter().map(|node| (node.clone(), 0)).collect();
        let mut message = vec![
            Term::atom("lock_set"),
            self.me.clone().into(),
            Term::from(set),
            nodes_term(&known, 0),
        ];
        message.extend(tag.cloned());
        self.out.push_back(Output::Send(to.clone(), cast(Term::tuple(message))));
    }
}
