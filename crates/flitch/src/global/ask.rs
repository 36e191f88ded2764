//! One question to the `global_name_server` of several nodes, as `gen_server:multi_call` asks it.
//! A node that does not answer, because it is gone, does not count.

use flitch_etf::{Atom, Term};

use super::machine::Machine;
use super::output::{Output, del_lock, set_lock};
use super::tables::LockId;

/// Answers that are awaited.
#[derive(Debug, Default)]
pub(super) struct Ask {
    waiting: Vec<(u64, Atom)>,
    yes: Vec<Atom>,
    no: usize,
}

impl Ask {
    /// Takes an answer, if it is one to this. `None` is that there is none.
    pub(super) fn answered(&mut self, call: u64, answer: Option<&Term>) -> bool {
        let Some(at) = self.waiting.iter().position(|(id, _)| *id == call) else { return false };
        let (_, node) = self.waiting.swap_remove(at);
        match answer.and_then(Term::as_bool) {
            Some(false) => self.no += 1,
            Some(true) => self.yes.push(node),
            None => {}
        }
        true
    }

    pub(super) fn is_over(&self) -> bool {
        self.waiting.is_empty()
    }
}

impl Machine {
    /// Asks for a lock on nodes, ours perhaps among them. It is no use to ask many when our own
    /// says no.
    pub(super) fn ask_lock(&mut self, id: &LockId, nodes: &[Atom]) -> Ask {
        let mut ask = Ask::default();
        let ours = nodes.contains(&self.us);
        if nodes.len() > 1 && ours && !self.tables.can_lock(id) {
            ask.no = 1;
            return ask;
        }
        for node in nodes {
            if *node != self.us {
                let call = self.next_number();
                ask.waiting.push((call, node.clone()));
                self.out.push_back(Output::Call(node.clone(), call, set_lock(id)));
            } else if self.set_lock(id, &self.me.clone()) {
                ask.yes.push(node.clone());
            } else {
                ask.no += 1;
            }
        }
        ask
    }

    /// Asks nodes other than ours for anything else.
    pub(super) fn ask(&mut self, nodes: &[Atom], request: &Term) -> Ask {
        let mut ask = Ask::default();
        for node in nodes.iter().filter(|node| **node != self.us).cloned().collect::<Vec<_>>() {
            let call = self.next_number();
            ask.waiting.push((call, node.clone()));
            self.out.push_back(Output::Call(node, call, request.clone()));
        }
        ask
    }

    /// Whether a lock is set on all nodes that were asked. If not, on none of them.
    pub(super) fn got_lock(&mut self, id: &LockId, ask: &Ask) -> bool {
        if ask.no > 0 {
            self.release(id, &ask.yes);
        }
        ask.no == 0
    }

    /// Frees a lock on nodes. What follows from us arrives there behind it, so nobody waits for
    /// the answers.
    pub(super) fn release(&mut self, id: &LockId, nodes: &[Atom]) {
        for node in nodes {
            if *node == self.us {
                self.del_lock(id, &self.me.clone());
            } else {
                let call = self.next_number();
                self.out.push_back(Output::Call(node.clone(), call, del_lock(id)));
            }
        }
    }

    /// Frees a lock on all names. The boss comes last, for it is who others ask first.
    pub(super) fn release_global(&mut self, id: &LockId, nodes: &[Atom]) {
        let boss = nodes.iter().max().cloned();
        let (last, first): (Vec<_>, Vec<_>) =
            nodes.iter().cloned().partition(|node| Some(node) == boss.as_ref());
        self.release(id, &first);
        self.release(id, &last);
    }
}
