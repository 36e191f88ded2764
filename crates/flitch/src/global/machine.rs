//! The `global_name_server` of a node, without a socket or a clock.
//!
//! What comes from peers and from the program goes in by `handle_…`, with the time; what is to be
//! done comes out of [`Machine::poll_output`], in order; [`Machine::poll_timeout`] says when
//! [`Machine::handle_timeout`] is due. A node is up before anything from it comes in, and its
//! processes that are watched are down before it is.
//!
//! Source: `global.erl` of kernel, version 8 of its protocol, which OTP 25.1 to 29 speak.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Instant;

use flitch_etf::{Atom, Pid, Term};

use super::locker::{Letter, Locker};
use super::output::{Op, Output, Refusal, nodes_term};
use super::partition::Lost;
use super::registrar::Registrar;
use super::session::Session;
use super::tables::{LockId, Tables, Watch};
use crate::caller::From;
use crate::weight::detached;

/// The version that we speak.
pub(super) const VSN: i64 = 8;
/// The version since which an attempt to connect is acknowledged or cancelled.
pub(super) const CHECKED_CONNECT: i64 = 8;
/// The version since which overlapping partitions are prevented.
pub(super) const PREVENTS: i64 = 7;
/// The version since which nodes are told of with their versions.
pub(super) const VERSIONED_NODES: i64 = 7;

/// How many nodes are known at the most: peers tell us of them.
pub(super) const MOST_NODES: usize = 1 << 12;
/// How many callers may wait until names are put together: a peer that never does it keeps them.
const MOST_SYNCERS: usize = 1 << 10;

/// What a machine is told when it begins.
pub(super) struct Setup {
    pub(super) us: Atom,
    /// The process that all is sent by.
    pub(super) me: Pid,
    pub(super) prevent_overlapping_partitions: bool,
    /// From a real random source.
    pub(super) seed: u64,
    pub(super) now: Instant,
}

pub(super) struct Machine {
    pub(super) us: Atom,
    pub(super) me: Pid,
    pub(super) prevent: bool,
    /// Of our partition, with the version that each speaks.
    pub(super) known: BTreeMap<Atom, i64>,
    /// Those that negotiate with us.
    pub(super) pending: BTreeMap<Atom, i64>,
    /// Those whose connection we have given up, and that are still up.
    pub(super) removing: BTreeSet<Atom>,
    pub(super) up: BTreeSet<Atom>,
    pub(super) synced: BTreeSet<Atom>,
    pub(super) sessions: HashMap<Atom, Session>,
    syncers: Vec<Syncer>,
    pub(super) tables: Tables,
    pub(super) locker: Locker,
    pub(super) registrar: Registrar,
    pub(super) lost: Lost,
    pub(super) life: i64,
    pub(super) now: Instant,
    pub(super) out: VecDeque<Output>,
    numbers: i64,
    random: u64,
}

/// Somebody who waits until the names of some nodes are put together with ours.
struct Syncer {
    who: Waiter,
    waiting: BTreeSet<Atom>,
}

enum Waiter {
    Program(u64),
    Peer(From),
}

/// What our own program wants.
#[derive(Debug)]
pub(super) enum Request {
    Register {
        name: Term,
        pid: Pid,
        method: Term,
    },
    /// In the place of whoever has the name.
    Reregister {
        name: Term,
        pid: Pid,
        method: Term,
    },
    Unregister {
        name: Term,
    },
    Sync,
}

impl Machine {
    pub(super) fn new(setup: Setup) -> Self {
        Self {
            us: setup.us,
            me: setup.me,
            prevent: setup.prevent_overlapping_partitions,
            known: BTreeMap::new(),
            pending: BTreeMap::new(),
            removing: BTreeSet::new(),
            up: BTreeSet::new(),
            synced: BTreeSet::new(),
            sessions: HashMap::new(),
            syncers: Vec::new(),
            tables: Tables::default(),
            locker: Locker::default(),
            registrar: Registrar::default(),
            lost: Lost::default(),
            life: (setup.seed >> 4) as i64,
            now: setup.now,
            out: VecDeque::new(),
            numbers: 0,
            random: setup.seed | 1,
        }
    }

    pub(super) fn poll_output(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        [self.locker.wake(), self.registrar.wake(), self.lost.expiry()].into_iter().flatten().min()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        self.wake_locker();
        self.wake_registrar();
        self.lost.expire(now);
        self.tell_losses();
        self.run();
    }

    /// A visible node is connected.
    pub(super) fn handle_node_up(&mut self, now: Instant, node: &Atom) {
        self.now = now;
        self.up.insert(node.clone());
        // That was another connection.
        self.removing.remove(node);
        self.is_back(node);
        self.begin_session(node);
        self.run();
    }

    pub(super) fn handle_node_down(&mut self, now: Instant, node: &Atom) {
        self.now = now;
        if self.up.remove(node) {
            self.syncers_lost(node);
            self.lose(node);
            self.run();
        }
    }

    /// A connection that was wanted is there, or cannot be made.
    pub(super) fn handle_connected(&mut self, now: Instant, node: &Atom, connected: bool) {
        self.now = now;
        if connected || self.up.contains(node) {
            let us = self.us.clone();
            self.cast(node, (Term::atom("in_sync"), us, Term::from(true)));
        } else {
            tracing::warn!(%node, "`global` could not connect to a node that others know");
            self.syncers_lost(node);
            self.lose(node);
        }
        self.run();
    }

    /// A watched process is gone.
    pub(super) fn handle_down(&mut self, now: Instant, watch: u64) {
        self.now = now;
        if let Some(name) = self.tables.down(watch) {
            self.out.push_back(Output::Named(name, None));
        }
        self.run();
    }

    /// The answer to a call of ours, or that there will be none.
    pub(super) fn handle_answer(&mut self, now: Instant, call: u64, answer: Option<&Term>) {
        self.now = now;
        if self.locker.answered(call, answer) || self.registrar.answered(call, answer) {
            self.run();
        }
    }

    /// `$gen_call`.
    pub(super) fn handle_call(&mut self, now: Instant, from: From, request: &Term) {
        self.now = now;
        let atom = request.as_atom().map(Atom::as_str);
        let answer = match (atom, request.as_tuple().unwrap_or_default()) {
            (Some("get_known"), _) => {
                let known: Vec<_> = self.known.keys().map(|node| (node.clone(), 0)).collect();
                Some(nodes_term(&known, 0))
            }
            (Some("get_synced"), _) => Some(self.synced.iter().cloned().map(Term::from).collect()),
            (Some("get_protocol_version"), _) => Some(Term::from(VSN)),
            (Some("get_names_ext"), _) => Some(Term::empty_list()),
            (_, [request, rest @ ..]) => self.answer(&from, request, rest),
            _ => None,
        };
        match answer {
            Some(answer) => self.out.push_back(Output::Reply(from, answer)),
            // Who waits for names to be put together is answered when they are.
            None if request.as_tagged().is_some_and(|(tag, _)| tag == "sync") => {
                self.handle_sync(from, request);
            }
            None => {
                tracing::warn!(from = %from.pid, "`global` was asked for what it does not know");
                let unknown = (Term::atom("error"), Term::atom("unknown_request"));
                self.out.push_back(Output::Reply(from, unknown.into()));
            }
        }
        self.run();
    }

    fn answer(&mut self, from: &From, request: &Term, rest: &[Term]) -> Option<Term> {
        match (request.as_atom()?.as_str(), rest) {
            ("set_lock", [id]) => Some(Term::from(self.set_lock(&LockId::read(id)?, &from.pid))),
            ("del_lock", [id]) => {
                self.del_lock(&LockId::read(id)?, &from.pid);
                Some(Term::from(true))
            }
            ("register", [name, pid, method]) | ("register_ext", [name, pid, method, _]) => {
                let keep = self.holds_global(&from.pid);
                self.insert(name, pid.as_pid()?, method, keep);
                Some(Term::atom("yes"))
            }
            ("unregister", [name]) => {
                self.remove(name);
                Some(Term::atom("ok"))
            }
            _ => None,
        }
    }

    fn handle_sync(&mut self, from: From, request: &Term) {
        let nodes = request.as_tagged().and_then(|(_, rest)| rest.first()?.as_list());
        let nodes = nodes.unwrap_or_default().iter().filter_map(Term::as_atom).cloned();
        let waiting = nodes.filter(|node| self.is_unsynced(node)).collect();
        if self.syncers.len() >= MOST_SYNCERS {
            let busy = (Term::atom("error"), Term::atom("system_limit"));
            return self.out.push_back(Output::Reply(from, busy.into()));
        }
        let from = From { pid: from.pid, tag: detached(&from.tag) };
        self.syncers.push(Syncer { who: Waiter::Peer(from), waiting });
        self.finish_syncers();
    }

    /// A request of our own program. `Output::Done` answers it.
    pub(super) fn handle_request(&mut self, now: Instant, number: u64, request: Request) {
        self.now = now;
        match request {
            Request::Sync => {
                let up = self.up.iter().filter(|node| self.is_unsynced(node));
                let waiting = up.cloned().collect();
                self.syncers.push(Syncer { who: Waiter::Program(number), waiting });
                self.finish_syncers();
            }
            request => self.registrar.push(number, request),
        }
        self.run();
    }

    /// The node is about to end: that its connections go is not a loss to tell others of.
    pub(super) fn handle_shutdown(&mut self) {
        self.prevent = false;
        self.lost.forget_ours();
    }

    pub(super) fn set_lock(&mut self, id: &LockId, pid: &Pid) -> bool {
        let watch = self.next_number();
        let (set, watched) = self.tables.lock(id, pid, watch);
        self.watch(watched);
        set
    }

    pub(super) fn del_lock(&mut self, id: &LockId, pid: &Pid) {
        let watched = self.tables.unlock(id, pid);
        self.watch(watched);
    }

    /// Whether somebody who registers still has the lock. One whose node went down and came up
    /// again has lost it, and what was on its way does not count.
    pub(super) fn holds_global(&self, pid: &Pid) -> bool {
        match self.tables.locks.get(&Term::atom(super::tables::GLOBAL)) {
            Some(lock) => lock.holders.iter().any(|(holder, _)| holder == pid),
            None => !self.tables.lock_down,
        }
    }

    /// Likewise for who has put names together, by the id of the lock.
    fn holds_global_as(&self, id: Option<&LockId>) -> bool {
        match self.tables.locks.get(&Term::atom(super::tables::GLOBAL)) {
            Some(lock) => id.is_some_and(|id| id.requester == lock.requester),
            None => !self.tables.lock_down,
        }
    }

    pub(super) fn apply(&mut self, ops: &[Op], lock: Option<&LockId>) {
        for op in ops {
            if let Op::Insert(name, pid, method) = op {
                let keep = self.holds_global_as(lock);
                self.insert(name, pid, method, keep);
            }
        }
        for op in ops {
            if let Op::Delete(name) = op {
                self.remove(name);
            }
        }
    }

    pub(super) fn insert(&mut self, name: &Term, pid: &Pid, method: &Term, keep: bool) {
        let watch = self.next_number();
        for watched in self.tables.insert(name, (pid, method), watch, keep) {
            self.watch(Some(watched));
        }
        let now = match self.tables.names.get_key_value(name) {
            Some((name, entry)) => Output::Named(name.clone(), Some(entry.pid.clone())),
            None => Output::Named(name.clone(), None),
        };
        self.out.push_back(now);
    }

    pub(super) fn remove(&mut self, name: &Term) {
        if let Some(watch) = self.tables.remove(name) {
            self.watch(Some(Watch::End(watch)));
            self.out.push_back(Output::Named(name.clone(), None));
        }
    }

    /// Ourselves nobody needs to watch: with us ends all that we know.
    fn watch(&mut self, watch: Option<Watch>) {
        match watch {
            Some(Watch::Begin(_, pid)) if pid == self.me => {}
            Some(watch) => self.out.push_back(Output::Watch(watch)),
            None => {}
        }
    }

    fn is_unsynced(&self, node: &Atom) -> bool {
        *node != self.us && self.up.contains(node) && !self.synced.contains(node)
    }

    pub(super) fn is_synced_with(&mut self, node: &Atom) {
        if self.up.contains(node) {
            self.synced.insert(node.clone());
            self.syncers_lost(node);
        }
    }

    /// Nobody has to wait for this node any more.
    pub(super) fn syncers_lost(&mut self, node: &Atom) {
        for syncer in &mut self.syncers {
            syncer.waiting.remove(node);
        }
        self.finish_syncers();
    }

    fn finish_syncers(&mut self) {
        for syncer in std::mem::take(&mut self.syncers) {
            match (syncer.waiting.is_empty(), syncer.who) {
                (true, Waiter::Program(number)) => self.done(number, Ok(())),
                (true, Waiter::Peer(from)) => {
                    self.out.push_back(Output::Reply(from, Term::atom("ok")));
                }
                (false, who) => self.syncers.push(Syncer { who, waiting: syncer.waiting }),
            }
        }
    }

    pub(super) fn done(&mut self, number: u64, done: Result<(), Refusal>) {
        self.out.push_back(Output::Done(number, done));
    }

    /// Which nodes are new among these, and known from now on.
    pub(super) fn add_known(&mut self, nodes: &[(Atom, i64)]) -> Vec<Atom> {
        let mut added = Vec::new();
        for (node, vsn) in nodes.iter().filter(|(node, _)| *node != self.us) {
            let full = self.known.len() >= MOST_NODES;
            match self.known.get_mut(node) {
                Some(known) => *known = (*known).max(*vsn),
                None if !full => {
                    self.known.insert(node.clone(), *vsn);
                    added.push(node.clone());
                }
                None => tracing::error!(%node, "`global` knows of too many nodes"),
            }
        }
        self.locker.tell(Letter::Known(added.clone()));
        added
    }

    /// The version that a node speaks, as far as we know it.
    pub(super) fn vsn(&self, node: &Atom) -> i64 {
        self.known.get(node).or_else(|| self.pending.get(node)).copied().unwrap_or_default()
    }

    pub(super) fn cast(&mut self, to: &Atom, message: impl Into<Term>) {
        self.out.push_back(Output::Send(to.clone(), super::output::cast(message.into())));
    }

    pub(super) fn send(&mut self, to: &Atom, message: impl Into<Term>) {
        self.out.push_back(Output::Send(to.clone(), message.into()));
    }

    /// A number that was not used before.
    pub(super) fn next_number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers as u64
    }

    /// Spreads attempts over time; nothing secret hangs on it. (Marsaglia's xorshift64.)
    pub(super) fn random(&mut self) -> u64 {
        let mut x = self.random;
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.random = x;
        x
    }

    /// Lets the locker and the registrar go as far as they can.
    pub(super) fn run(&mut self) {
        while self.run_locker() | self.run_registrar() {}
    }
}
