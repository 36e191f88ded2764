//! What `global` keeps: names with their processes, and locks with who holds them.

use std::collections::HashMap;

use flitch_etf::{Pid, Term};

use crate::weight::{detached, weight};

/// The resource that `global` itself locks.
pub(super) const GLOBAL: &str = "global";

/// How many names and locks are kept: peers bring them, and we pay for them.
const MOST: usize = 1 << 20;
/// How many bytes they may take, as `weight` counts them.
const MOST_BYTES: usize = 512 << 20;
/// Bytes of an entry beside its terms.
const ENTRY: usize = 256;

/// A registered process.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Name {
    pub(super) pid: Pid,
    /// The fun that decides a conflict, as the one who registered gave it.
    pub(super) method: Term,
    watch: u64,
    weight: usize,
}

/// Who holds a lock: all of them have given the same requester id.
#[derive(Debug)]
pub(super) struct Lock {
    pub(super) requester: Term,
    pub(super) holders: Vec<(Pid, u64)>,
    weight: usize,
}

/// Bytes of a process that has a name or holds a lock.
fn weight_of(pid: &Pid) -> usize {
    ENTRY + pid.node.as_str().len()
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

pub(super) struct Tables {
    pub(super) names: HashMap<Term, Name>,
    pub(super) locks: HashMap<Term, Lock>,
    watches: HashMap<u64, Watched>,
    /// Whether the last lock on all names went because its holder did.
    pub(super) lock_down: bool,
    weight: usize,
    limit: usize,
}

impl Default for Tables {
    fn default() -> Self {
        Self {
            names: HashMap::new(),
            locks: HashMap::new(),
            watches: HashMap::new(),
            lock_down: false,
            weight: 0,
            limit: MOST_BYTES,
        }
    }
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
        if !self.can_lock(id) {
            return (false, None);
        }
        let held = self.locks.get(&id.resource);
        if held.is_some_and(|lock| lock.holders.iter().any(|(holder, _)| holder == pid)) {
            return (true, None);
        }
        let own = if held.is_some() { 0 } else { weight(&id.resource) + weight(&id.requester) };
        // Those of names are as many at the most: the rest are holders of locks.
        let full = self.watches.len() >= 2 * MOST;
        if full || self.weight + own + weight_of(pid) > self.limit {
            tracing::error!("a lock of `global` is refused: there are too many");
            return (false, None);
        }
        self.weight += own + weight_of(pid);
        let resource = detached(&id.resource);
        let lock = self.locks.entry(resource.clone()).or_insert_with(|| Lock {
            requester: detached(&id.requester),
            holders: Vec::new(),
            weight: own,
        });
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
        let Some(at) = lock.holders.iter().position(|(_, held)| *held == watch) else { return };
        let (pid, _) = lock.holders.swap_remove(at);
        self.weight -= weight_of(&pid);
        if lock.holders.is_empty() {
            self.weight -= lock.weight;
            self.locks.remove(resource);
            if resource.is_atom(GLOBAL) {
                self.lock_down = down;
            }
        }
    }

    /// Sets a name, or only takes the earlier one away if `keep` is false.
    pub(super) fn insert(
        &mut self,
        name: &Term,
        (pid, method): (&Pid, &Term),
        watch: u64,
        keep: bool,
    ) -> Vec<Watch> {
        let mut watches: Vec<_> = self.remove(name).map(Watch::End).into_iter().collect();
        if !keep {
            return watches;
        }
        let weight = weight_of(pid) + weight(name) + weight(method);
        if self.names.len() >= MOST || self.weight + weight > self.limit {
            tracing::error!(%pid, "a name of `global` is not kept: there are too many");
            return watches;
        }
        self.weight += weight;
        watches.push(Watch::Begin(watch, pid.clone()));
        let (name, method) = (detached(name), detached(method));
        self.watches.insert(watch, Watched::Name(name.clone()));
        self.names.insert(name, Name { pid: pid.clone(), method, watch, weight });
        watches
    }

    /// Takes a name away, and gives the monitor of its process.
    pub(super) fn remove(&mut self, name: &Term) -> Option<u64> {
        let entry = self.names.remove(name)?;
        self.weight -= entry.weight;
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
    fn names_and_locks_take_so_many_bytes_and_no_more_and_give_them_back() {
        let mut tables = Tables { limit: 100_000, ..Tables::default() };
        let method = Term::from("m".repeat(100));
        let long = |number: u64| Term::from(format!("{number:0>100}"));
        let mut kept = 0;
        for watch in 0..1000 {
            kept += tables.insert(&long(watch), (&pid(1), &method), watch, true).len();
        }
        assert!((5..50).contains(&kept) && tables.names.len() == kept, "{kept}");
        let id = LockId { resource: long(1), requester: method.clone() };
        for name in tables.names.keys().cloned().collect::<Vec<_>>() {
            tables.remove(&name);
        }
        assert_eq!(tables.weight, 0);
        let holders = (0..1000).filter(|it| tables.lock(&id, &pid(*it), u64::from(*it)).0).count();
        assert!((100..500).contains(&holders), "{holders}");
        let other = LockId { resource: long(2), requester: method };
        assert!(!tables.lock(&other, &pid(1), 9999).0);
        for watch in 0..1000 {
            tables.down(watch);
        }
        assert_eq!((tables.weight, tables.locks.len(), tables.watches.len()), (0, 0, 0));
        assert!(tables.lock(&other, &pid(1), 9999).0);
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
