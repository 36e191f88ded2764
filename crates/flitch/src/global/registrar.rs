//! The registrar: names of our own program, one request after another, each under the lock on all
//! nodes that are known.
//!
//! Source: `global.erl` of kernel, `the_registrar` and `trans_all_known`.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use flitch_etf::{Atom, Term};

use super::ask::Ask;
use super::machine::{Machine, Request};
use super::output::{Refusal, del_lock};
use super::tables::LockId;

#[derive(Default)]
pub(super) struct Registrar {
    queue: VecDeque<(u64, Request)>,
    tries: u32,
    state: State,
}

#[derive(Default)]
enum State {
    #[default]
    Idle,
    /// Somebody else has the lock.
    Later(Instant),
    /// The boss is asked first, who is the same for all.
    Boss(Ask, Vec<Atom>),
    All(Ask, Vec<Atom>),
    /// The lock is held, and the change under way to everybody.
    Telling(Ask, Vec<Atom>),
    /// The lock is being released. Who asked is answered when nothing of it is on its way any more:
    /// an answer that comes after a disconnect would connect the two again.
    Releasing(Ask),
}

impl Registrar {
    pub(super) fn push(&mut self, number: u64, request: Request) {
        self.queue.push_back((number, request));
    }

    pub(super) fn answered(&mut self, call: u64, answer: Option<&Term>) -> bool {
        match &mut self.state {
            State::Boss(ask, _)
            | State::All(ask, _)
            | State::Telling(ask, _)
            | State::Releasing(ask) => ask.answered(call, answer),
            State::Idle | State::Later(_) => false,
        }
    }

    pub(super) fn wake(&self) -> Option<Instant> {
        match self.state {
            State::Later(at) => Some(at),
            _ => None,
        }
    }
}

impl Machine {
    pub(super) fn wake_registrar(&mut self) {
        if self.registrar.wake().is_some_and(|at| at <= self.now) {
            self.registrar.state = State::Idle;
        }
    }

    /// Goes as far as it can without more input. Whether it has done anything.
    pub(super) fn run_registrar(&mut self) -> bool {
        match &self.registrar.state {
            State::Idle if self.registrar.queue.is_empty() => return false,
            State::Later(_) => return false,
            State::Boss(ask, _)
            | State::All(ask, _)
            | State::Telling(ask, _)
            | State::Releasing(ask)
                if !ask.is_over() =>
            {
                return false;
            }
            _ => {}
        }
        // One process locks for the locker and for us: what tells the two apart is the id.
        let id = LockId::of_global(self.me.clone());
        match std::mem::take(&mut self.registrar.state) {
            State::Idle | State::Later(_) => {
                let mut nodes: Vec<_> = self.known.keys().cloned().collect();
                nodes.push(self.us.clone());
                nodes.sort();
                let ask =
                    self.ask_lock(&id, nodes.last().map(std::slice::from_ref).unwrap_or_default());
                self.registrar.state = State::Boss(ask, nodes);
            }
            State::Boss(ask, nodes) => {
                if self.got_lock(&id, &ask) {
                    let ask = self.ask_lock(&id, &nodes);
                    self.registrar.state = State::All(ask, nodes);
                } else {
                    self.try_later();
                }
            }
            State::All(ask, nodes) => {
                // Who became known meanwhile is not locked.
                let all = self.known.keys().all(|node| nodes.contains(node));
                if self.got_lock(&id, &ask) && all {
                    self.tell_all(&id, nodes);
                } else {
                    self.release_global(&id, &nodes);
                    self.try_later();
                }
            }
            State::Telling(_, nodes) => {
                self.del_lock(&id, &self.me.clone());
                let ask = self.ask(&nodes, &del_lock(&id));
                self.registrar.state = State::Releasing(ask);
            }
            State::Releasing(_) => self.finish(Ok(())),
        }
        true
    }

    fn try_later(&mut self) {
        // Up to an eighth of a second, then twice that each time, up to 8 s.
        let longest = if self.registrar.tries > 5 { 8000 } else { 125 << self.registrar.tries };
        self.registrar.tries += 1;
        let pause = Duration::from_millis(1 + self.random() % longest);
        self.registrar.state = State::Later(self.now + pause);
    }

    /// The lock is set everywhere: makes the change here, and tells the others.
    fn tell_all(&mut self, id: &LockId, nodes: Vec<Atom>) {
        let message = match self.registrar.queue.front() {
            Some((_, Request::Register { name, pid, method })) => {
                let refusal = if self.tables.names.contains_key(name) {
                    Some(Refusal::Taken)
                } else if self.tables.names.values().any(|entry| entry.pid == *pid) {
                    Some(Refusal::Named)
                } else {
                    None
                };
                if let Some(refusal) = refusal {
                    self.release_global(id, &nodes);
                    return self.finish(Err(refusal));
                }
                register(name, pid.clone().into(), method)
            }
            Some((_, Request::Reregister { name, pid, method })) => {
                register(name, pid.clone().into(), method)
            }
            Some((_, Request::Unregister { name })) => {
                Term::from((Term::atom("unregister"), name.clone()))
            }
            Some((_, Request::Sync)) | None => Term::empty_list(),
        };
        match message.as_tagged() {
            Some((_, [name, pid, method])) => {
                if let Some(pid) = pid.as_pid() {
                    self.insert(name, pid, method, true);
                }
            }
            Some((_, [name])) => self.remove(name),
            _ => {}
        }
        let ask = self.ask(&nodes, &message);
        self.registrar.state = State::Telling(ask, nodes);
    }

    fn finish(&mut self, done: Result<(), Refusal>) {
        self.registrar.tries = 0;
        if let Some((number, _)) = self.registrar.queue.pop_front() {
            self.done(number, done);
        }
    }
}

fn register(name: &Term, pid: Term, method: &Term) -> Term {
    Term::from((Term::atom("register"), name.clone(), pid, method.clone()))
}
