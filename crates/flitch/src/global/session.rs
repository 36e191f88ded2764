//! Two nodes put their names together: what each says, and what it waits for.
//!
//! | message | who waits for it |
//! |---|---|
//! | `init_connect` | both send it when they are connected; it gives the session its two numbers |
//! | `init_connect_ack`, `cancel_connect` | tell whether both mean the same session |
//! | `lock_set` | the lockers: both sides are locked |
//! | `exchange` | the names of the other side; conflicts are for the lesser node to solve |
//! | `resolved` | what the other has found, and whom it knows: names and nodes are one from now on |
//! | `new_nodes` | the rest of each side learns the same |
//! | `in_sync` | those that have connected because of it |
//!
//! Source: `global.erl` of kernel.

use flitch_etf::{Atom, Pid, Term};

use super::locker::{Letter, LockSet, Other};
use super::machine::{CHECKED_CONNECT, Machine, VSN};
use super::output::{
    Conflict, Op, Output, Verdict, cast, nodes_term, ops_term, read_name, read_nodes, read_ops,
};
use super::tables::LockId;

/// The oldest version whose lockers speak through the server, as ours does.
const OLDEST: i64 = 6;

/// The negotiation with one node.
pub(super) struct Session {
    /// Our number for it.
    pub(super) tag: i64,
    /// The other's number, and the version that both speak.
    pub(super) his: Option<(i64, Term)>,
    names: Names,
    ops: Ops,
    lock: Option<LockId>,
    /// Names without a conflict, while others are being decided.
    sure: Vec<Op>,
}

/// The lock and the other's names come in any order.
#[derive(Default)]
enum Names {
    #[default]
    Nothing,
    Locked,
    Theirs(Vec<(Term, Pid, Term)>),
}

/// What we have found and what the other has found come in any order.
#[derive(Default)]
enum Ops {
    #[default]
    Nothing,
    Ours(Vec<Op>),
    Theirs(Vec<Op>, Vec<(Atom, i64)>),
}

impl Machine {
    /// Makes ourselves known to a node that has come up.
    pub(super) fn begin_session(&mut self, node: &Atom) {
        if self.known.contains_key(node) || self.sessions.contains_key(node) {
            return;
        }
        let tag = self.next_number() as i64;
        let session = Session {
            tag,
            his: None,
            names: Names::Nothing,
            ops: Ops::Nothing,
            lock: None,
            sure: Vec::new(),
        };
        self.sessions.insert(node.clone(), session);
        let known: flitch_etf::Map =
            self.known.iter().map(|(node, vsn)| (node.into(), Term::from(*vsn))).collect();
        let no_pid = Term::atom("no_longer_a_pid");
        let locker = (Term::atom("locker"), no_pid, known, Term::from(self.me.clone()));
        let vsn = (VSN, tag);
        self.cast(node, (Term::atom("init_connect"), vsn, self.us.clone(), locker));
    }

    /// `$gen_cast`.
    pub(super) fn handle_cast(&mut self, now: std::time::Instant, message: &Term) {
        self.now = now;
        if self.cast_received(message).is_none() {
            tracing::warn!("`global` received a cast that it does not know");
        }
        self.run();
    }

    pub(super) fn cast_received(&mut self, message: &Term) -> Option<()> {
        let (tag, rest) = message.as_tagged()?;
        match (tag, rest) {
            ("init_connect", [vsn, node, locker]) => {
                self.init_connect(vsn, node.as_atom()?, locker)?;
            }
            ("lock_set", [pid, set, _, tag @ ..]) => {
                self.lock_set(pid.as_pid()?, set.as_bool()?, tag.first());
            }
            ("exchange", [node, names, _, tag]) => {
                let names = names.as_list()?.iter().filter_map(read_name).collect();
                self.exchange(node.as_atom()?, names, tag.as_integer()?);
            }
            ("resolved", [node, resolved, known, _, _, tag]) => {
                let (resolved, known) = (read_ops(resolved)?, read_nodes(known)?);
                self.handle_resolved(node.as_atom()?, resolved, known, tag.as_integer()?);
            }
            ("new_nodes", [_, ops, _, nodes, extra]) => {
                self.new_nodes(&read_ops(ops)?, &read_nodes(nodes)?, lock_in(extra).as_ref());
            }
            ("in_sync", [node, _]) => {
                let node = node.as_atom()?;
                self.is_synced_with(node);
                self.end_session(node, Vec::new());
                self.expect_news_of(node);
            }
            // The monitors of names and locks have told us already.
            ("async_del_name" | "async_del_lock", _) => {}
            _ => return None,
        }
        Some(())
    }

    fn init_connect(&mut self, vsn: &Term, node: &Atom, locker: &Term) -> Option<()> {
        let [its, his_tag, ..] = vsn.as_tuple()? else { return None };
        // It is kept, so it is to be what it is in Erlang.
        his_tag.as_integer()?;
        let (its, locker) = (its.as_integer()?, locker.as_tuple()?.last()?.as_pid()?.clone());
        if its < OLDEST || locker.node != *node {
            tracing::warn!(%node, vsn = its, "a `global` too old for us: it is left alone");
            return Some(());
        }
        if self.pending.contains_key(node) {
            self.cancel_connect(node, his_tag.clone());
            self.restart_session(node);
        }
        let Some(session) = self.sessions.get_mut(node) else { return Some(()) };
        session.his = Some((its.min(VSN), his_tag.clone()));
        let tag = session.tag;
        self.locker.tell(Letter::Other(Other {
            pid: locker,
            vsn: its.min(VSN),
            tag,
            his_tag: his_tag.clone(),
        }));
        if its >= CHECKED_CONNECT {
            let ack = (Term::atom("init_connect_ack"), self.us.clone(), his_tag.clone(), tag);
            self.send(node, ack);
        }
        self.pending.insert(node.clone(), its);
        Some(())
    }

    /// The other has our number as `mine` and its own as `his`.
    pub(super) fn init_connect_ack(&mut self, node: &Atom, mine: &Term, his: &Term) {
        let same = self.sessions.get(node).is_some_and(|session| {
            mine.as_integer() == Some(session.tag)
                && session.his.as_ref().is_some_and(|(_, tag)| tag == his)
        });
        if !same {
            self.cancel_connect(node, his.clone());
            self.restart_session(node);
        }
    }

    /// The other has given up what we call `tag`.
    pub(super) fn connect_cancelled(&mut self, node: &Atom, tag: &Term) {
        let tag = tag.as_integer();
        if tag.is_some() && self.sessions.get(node).map(|session| session.tag) == tag {
            self.restart_session(node);
        }
    }

    fn cancel_connect(&mut self, node: &Atom, his_tag: Term) {
        self.send(node, (Term::atom("cancel_connect"), self.us.clone(), his_tag));
    }

    fn restart_session(&mut self, node: &Atom) {
        let was = self.sessions.contains_key(node);
        self.drop_session(node);
        if was && self.up.contains(node) {
            self.begin_session(node);
        }
    }

    /// The negotiation is over and the other knows it, or will hear it from somebody else.
    pub(super) fn end_session(&mut self, node: &Atom, last: Vec<Output>) {
        self.pending.remove(node);
        if let Some(session) = self.sessions.remove(node) {
            self.locker.tell(Letter::Cancel(node.clone(), session.tag, last));
        } else {
            self.out.extend(last);
        }
    }

    /// The negotiation is off, and the other is told.
    pub(super) fn drop_session(&mut self, node: &Atom) {
        let vsn = self.pending.get(node).copied().unwrap_or_default();
        let his = self.sessions.get(node).and_then(|session| session.his.clone());
        if let Some((_, tag)) = his.filter(|_| vsn >= CHECKED_CONNECT) {
            self.cancel_connect(node, tag);
        }
        self.end_session(node, Vec::new());
    }

    /// The session, if it is the one of this number. If not, the locker gives up that one.
    fn session(&mut self, node: &Atom, tag: i64) -> Option<&mut Session> {
        if self.sessions.get(node).is_none_or(|session| session.tag != tag) {
            self.locker.tell(Letter::Cancel(node.clone(), tag, Vec::new()));
        }
        self.sessions.get_mut(node).filter(|session| session.tag == tag)
    }

    fn lock_set(&mut self, pid: &Pid, set: bool, tag: Option<&Term>) {
        let Some(session) = self.sessions.get(&pid.node) else {
            // One that is too old to say which negotiation it means waits for an answer.
            if set && tag.is_none() {
                self.send_lock_set(&pid.node, None, false);
            }
            return;
        };
        let tag = tag.map(|tag| tag.as_integer().unwrap_or_default());
        if tag.is_none_or(|tag| tag == session.tag) {
            self.locker.tell(Letter::LockSet(LockSet { pid: pid.clone(), set, tag }));
        }
    }

    /// Our locker holds both sides.
    pub(super) fn lock_is_set(&mut self, node: &Atom, tag: i64, id: &LockId) {
        let Some(session) = self.session(node, tag) else { return };
        session.lock = Some(id.clone());
        let his_tag = session.his.as_ref().map(|(_, tag)| tag.clone()).unwrap_or_default();
        let theirs = match std::mem::replace(&mut session.names, Names::Locked) {
            Names::Theirs(names) => {
                session.names = Names::Nothing;
                Some(names)
            }
            Names::Nothing | Names::Locked => None,
        };
        let names: Term = self
            .tables
            .names
            .iter()
            .map(|(name, entry)| {
                Term::from((name.clone(), entry.pid.clone(), entry.method.clone()))
            })
            .collect();
        let us = self.us.clone();
        self.cast(node, (Term::atom("exchange"), us, names, Term::empty_list(), his_tag));
        if let Some(names) = theirs {
            self.compare(node, tag, names);
        }
    }

    fn exchange(&mut self, node: &Atom, names: Vec<(Term, Pid, Term)>, tag: i64) {
        let Some(session) = self.session(node, tag) else { return };
        match std::mem::take(&mut session.names) {
            Names::Locked => self.compare(node, tag, names),
            Names::Nothing | Names::Theirs(_) => session.names = Names::Theirs(names),
        }
    }

    /// Names that only one side has go to the other; of those that both have, the node with the
    /// lesser name has it decided whose they are.
    fn compare(&mut self, node: &Atom, tag: i64, theirs: Vec<(Term, Pid, Term)>) {
        let (mut ops, mut conflicts) = (Vec::new(), Vec::new());
        for (name, pid, method) in theirs {
            match self.tables.names.get(&name) {
                None => ops.push(Op::Insert(name, pid, method)),
                Some(ours) if ours.pid != pid && self.us < *node => {
                    let ours = (ours.pid.clone(), ours.method.clone());
                    conflicts.push(Conflict { name, theirs: (pid, method), ours });
                }
                Some(_) => {}
            }
        }
        if conflicts.is_empty() {
            return self.compared(node, tag, ops, &[]);
        }
        // What is sure already waits for what is not.
        if let Some(session) = self.session(node, tag) {
            session.sure = ops;
            self.out.push_back(Output::Resolve(node.clone(), tag, conflicts));
        }
    }

    /// All conflicts of a session are decided.
    pub(super) fn handle_verdicts(
        &mut self,
        now: std::time::Instant,
        node: &Atom,
        tag: i64,
        verdicts: Vec<(Conflict, Verdict)>,
    ) {
        self.now = now;
        let sure = self.session(node, tag).map(|session| std::mem::take(&mut session.sure));
        if let Some(mut ops) = sure {
            let mut resolved = Vec::new();
            for (Conflict { name, theirs, ours }, verdict) in verdicts {
                let insert = |(pid, method)| Op::Insert(name.clone(), pid, method);
                match verdict {
                    Verdict::Process(pid) if pid == ours.0 => resolved.push(insert(ours)),
                    Verdict::Process(pid) if pid == theirs.0 => ops.push(insert(theirs)),
                    Verdict::Unknown => ops.push(insert(theirs)),
                    Verdict::Process(_) | Verdict::Nobody => {
                        ops.push(Op::Delete(name.clone()));
                        resolved.push(Op::Delete(name));
                    }
                }
            }
            self.compared(node, tag, ops, &resolved);
        }
        self.run();
    }

    fn compared(&mut self, node: &Atom, tag: i64, ops: Vec<Op>, resolved: &[Op]) {
        let vsn = self.vsn(node);
        let known: Vec<_> = self.known.iter().map(|(node, vsn)| (node.clone(), *vsn)).collect();
        let us = self.us.clone();
        let Some(session) = self.session(node, tag) else { return };
        let his_tag = session.his.as_ref().map(|(_, tag)| tag.clone()).unwrap_or_default();
        let theirs = std::mem::replace(&mut session.ops, Ops::Ours(ops.clone()));
        let unused = Term::atom("unused");
        let (resolved, known_term) = (ops_term(resolved), nodes_term(&known, vsn));
        let ext = Term::empty_list();
        self.cast(node, (Term::atom("resolved"), us, resolved, known_term, unused, ext, his_tag));
        if let Ops::Theirs(his_ops, his_known) = theirs {
            self.resolved(node, &[ops, his_ops].concat(), &his_known);
        }
    }

    fn handle_resolved(&mut self, node: &Atom, ops: Vec<Op>, known: Vec<(Atom, i64)>, tag: i64) {
        let Some(session) = self.session(node, tag) else { return };
        match std::mem::take(&mut session.ops) {
            Ops::Ours(ours) => self.resolved(node, &[ours, ops].concat(), &known),
            Ops::Nothing | Ops::Theirs(..) => session.ops = Ops::Theirs(ops, known),
        }
    }

    /// Both sides have the same names from here on, and tell the rest of theirs.
    fn resolved(&mut self, node: &Atom, ops: &[Op], his_known: &[(Atom, i64)]) {
        let (lock, vsn) = match self.sessions.get(node) {
            Some(session) => (session.lock.clone(), session.his.as_ref().map_or(VSN, |his| his.0)),
            None => return,
        };
        let mut new_nodes = vec![(node.clone(), self.vsn(node))];
        new_nodes.extend(his_known.iter().map(|(node, vsn)| match vsn {
            0 => (node.clone(), self.vsn(node)),
            vsn => (node.clone(), *vsn),
        }));
        for (other, _) in his_known {
            self.connect(other);
        }
        self.apply(ops, lock.as_ref());
        self.is_synced_with(node);
        for (other, _) in his_known {
            self.end_session(other, Vec::new());
        }
        let lock_term = lock.map(|lock| lock.term()).unwrap_or_default();
        let extra = Term::from(vec![
            Term::from((Term::atom("vsn"), vsn)),
            Term::from((Term::atom("lock"), lock_term)),
        ]);
        let tell = |(to, vsn): (&Atom, &i64)| {
            let message = Term::from((
                Term::atom("new_nodes"),
                self.us.clone(),
                ops_term(ops),
                Term::empty_list(),
                nodes_term(&new_nodes, *vsn),
                extra.clone(),
            ));
            Output::Send(to.clone(), cast(message))
        };
        // Before the lock is released, so that the rest of our side hears it under the lock.
        let last = self.known.iter().map(tell).collect();
        self.end_session(node, last);
        self.add_known(&new_nodes);
    }

    /// Another node of our side has put its names together with the other side.
    fn new_nodes(&mut self, ops: &[Op], nodes: &[(Atom, i64)], lock: Option<&LockId>) {
        for node in self.add_known(nodes) {
            self.connect(&node);
        }
        self.apply(ops, lock);
    }

    fn connect(&mut self, node: &Atom) {
        if *node != self.us {
            self.out.push_back(Output::Connect(node.clone()));
        }
    }
}

/// `[{vsn, Vsn}, {lock, LockId}]`.
fn lock_in(extra: &Term) -> Option<LockId> {
    let lock = extra.as_list()?.iter().filter_map(Term::as_tagged).find(|(tag, _)| *tag == "lock");
    LockId::read(lock?.1.first()?)
}
