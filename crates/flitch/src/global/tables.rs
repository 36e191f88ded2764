//! What `global` keeps: names with their processes, and locks with who holds them.

use std::collections::HashMap;

use flitch_etf::{Pid, Term};

/// The resource that `global` itself locks.
pub(super) const GLOBAL: &str = "global";

/// How many names and locks are kept: peers bring them, and we pay for them.
const MOST: usize = 1 << 20;

/// A registered process.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Name {
    pub(super) pid: Pid,
    /// The fun that decides a conflict, as the one who registered gave it.
    pub(super) method: Term,
    pub(super) watch: u64,
}

/// Who holds a lock: all of them have given the same requester id.
#[derive(Debug)]
pub(super) struct Lock {
    pub(super) requester: Term,
    pub(super) holders: Vec<(Pid, u64)>,
}

/// `{ResourceId, LockRequesterId}`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct LockId {
    pub(super) resource: Term,
    pub(super) requester: Term,
}

impl LockId {
    /// A lock on all names.
    pub(super) fn of_global(requester: impl Into<Term>) -> Self {
        Self { resource: Term::atom(GLOBAL), requester: requester.into() }
    }

    pub(super) fn read(term: &Term) -> Option<Self> {
        let [resource, requester] = term.as_tuple()? else { return None };
        Some(Self { resource: resource.clone(), requester: requester.clone() })
    }

    pub(super) fn term(&self) -> Term {
        Term::from((self.resource.clone(), self.requester.clone()))
    }
}

#[derive(Default)]
pub(super) struct Tables {
    pub(super) names: HashMap<Term, Name>,
    pub(super) locks: HashMap<Term, Lock>,
    watches: HashMap<u64, Watched>,
    /// Whether the last lock on all names went because its holder did.
    pub(super) lock_down: bool,
}

/// What a monitor is for.
#[derive(Clone)]
enum Watched {
    Name(Term),
    Lock(Term),
}

/// What a change of the tables asks for.
#[derive(Debug, PartialEq)]
pub(super) enum Watch {
    Begin(u64, Pid),
    End(u64),
}

impl Tables {
    pub(super) fn is_locked(&self) -> bool {
        self.locks.contains_key(&Term::atom(GLOBAL))
    }

    pub(super) fn can_lock(&self, id: &LockId) -> bool {
        self.locks.get(&id.resource).is_none_or(|lock| lock.requester == id.requester)
    }

    /// Whether the lock is set now. A holder is watched under `watch`.
    pub(super) fn lock(&mut self, id: &LockId, pid: &Pid, watch: u64) -> (bool, Option<Watch>) {
        // Those of names are as many at the most: the rest are holders of locks.
        let full = self.watches.len() >= 2 * MOST;
        if full || !self.can_lock(id) {
            return (false, None);
        }
        let (resource, requester) = (id.resource.clone(), id.requester.clone());
        let new = || Lock { requester, holders: Vec::new() };
        let lock = self.locks.entry(resource.clone()).or_insert_with(new);
        if lock.holders.iter().any(|(holder, _)| holder == pid) {
            return (true, None);
        }
        lock.holders.push((pid.clone(), watch));
        self.watches.insert(watch, Watched::Lock(resource));
        (true, Some(Watch::Begin(watch, pid.clone())))
    }

    pub(super) fn unlock(&mut self, id: &LockId, pid: &Pid) -> Option<Watch> {
        let lock = self.locks.get(&id.resource).filter(|lock| lock.requester == id.requester)?;
        let (_, watch) = lock.holders.iter().find(|(holder, _)| holder == pid)?;
        let watch = *watch;
        self.let_go(&id.resource, watch, false);
        Some(Watch::End(watch))
    }

    fn let_go(&mut self, resource: &Term, watch: u64, down: bool) {
        self.watches.remove(&watch);
        let Some(lock) = self.locks.get_mut(resource) else { return };
        lock.holders.retain(|(_, held)| *held != watch);
        if lock.holders.is_empty() {
            self.locks.remove(resource);
            if resource.is_atom(GLOBAL) {
                self.lock_down = down;
            }
        }
    }

    /// Sets a name, or only takes the earlier one away if `keep` is false.
    pub(super) fn insert(&mut self, name: &Term, entry: Name, keep: bool) -> Vec<Watch> {
        let mut watches: Vec<_> = self.remove(name).map(Watch::End).into_iter().collect();
        if keep && self.names.len() < MOST {
            watches.push(Watch::Begin(entry.watch, entry.pid.clone()));
            self.watches.insert(entry.watch, Watched::Name(name.clone()));
            self.names.insert(name.clone(), entry);
        }
        watches
    }

    /// Takes a name away, and gives the monitor of its process.
    pub(super) fn remove(&mut self, name: &Term) -> Option<u64> {
        let entry = self.names.remove(name)?;
        self.watches.remove(&entry.watch);
        Some(entry.watch)
    }

    /// A watched process is gone. Gives the name that it had by that monitor.
    pub(super) fn down(&mut self, watch: u64) -> Option<Term> {
        match self.watches.get(&watch).cloned()? {
            Watched::Lock(resource) => {
                self.let_go(&resource, watch, true);
                None
            }
            Watched::Name(name) => {
                self.remove(&name);
                Some(name)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use flitch_etf::Atom;

    use super::*;

    fn pid(id: u32) -> Pid {
        Pid { node: Atom::from_static("a@h"), id, serial: 0, creation: 1 }
    }

    #[test]
    fn a_lock_is_shared_by_one_requester_and_kept_from_another() {
        let mut tables = Tables::default();
        let (ours, theirs) = (LockId::of_global("a"), LockId::of_global("b"));
        assert_eq!(tables.lock(&ours, &pid(1), 1), (true, Some(Watch::Begin(1, pid(1)))));
        assert_eq!(tables.lock(&ours, &pid(1), 2), (true, None));
        assert!(tables.lock(&ours, &pid(2), 3).0);
        assert_eq!(tables.lock(&theirs, &pid(3), 4), (false, None));
        assert_eq!(tables.unlock(&theirs, &pid(1)), None);
        assert_eq!(tables.unlock(&ours, &pid(1)), Some(Watch::End(1)));
        assert!(tables.is_locked());
        assert_eq!(tables.unlock(&ours, &pid(2)), Some(Watch::End(3)));
        assert!(!tables.is_locked() && !tables.lock_down);
    }

    #[test]
    fn a_lock_whose_holder_is_gone_is_free() {
        let mut tables = Tables::default();
        assert!(tables.lock(&LockId::of_global("a"), &pid(1), 7).0);
        assert_eq!(tables.down(7), None);
        assert!(!tables.is_locked() && tables.lock_down);
        assert_eq!(tables.down(7), None, "and nothing of it is left");
    }
}
