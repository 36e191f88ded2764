//! The keys of maps that came earlier in the message.
//!
//! The structs of a list have the same keys in the same order. Those of the first are read and
//! sorted; the others are only compared with them, byte by byte, and share them in memory.

use std::rc::Rc;

use smallvec::SmallVec;

use crate::term::Seq;
use crate::{Atom, Reader, Term};

/// Sets of keys that are remembered; an older one goes for a new one.
const SETS: usize = 4;
/// The most keys of a set.
const KEYS: usize = 32;

/// The sets of keys of this message.
#[derive(Default)]
pub(super) struct KnownKeys {
    sets: SmallVec<[Rc<Set>; SETS]>,
    oldest: usize,
}

struct Set {
    /// Atoms, in their order.
    keys: Seq,
    /// Which key of the wire stands at each place of that order.
    order: Places,
    /// Where each key of the wire stands in that order.
    places: Places,
    /// Whether they come in their order already.
    ordered: bool,
}

type Places = SmallVec<[u8; KEYS]>;

/// How far a map has had the keys of a set. It holds the set: maps inside the map may bring others
/// that take its place among those that are remembered.
pub(super) struct Keys {
    set: Rc<Set>,
    /// Keys that have come.
    came: usize,
}

impl Set {
    /// The key that comes on the wire as number `at`.
    #[inline]
    fn key(&self, at: usize) -> Option<&Atom> {
        let place = self.places.get(at)?;
        self.keys.as_slice().get(usize::from(*place))?.as_atom()
    }
}

impl Keys {
    /// The keys that have come, as they came.
    pub(super) fn so_far(&self) -> impl Iterator<Item = Term> {
        (0..self.came).filter_map(|at| Some(Term::Atom(self.set.key(at)?.clone())))
    }

    /// All keys in their order, and which of the wire each is where that is another order.
    pub(super) fn whole(&self) -> (Seq, Option<&[u8]>) {
        (self.set.keys.clone(), (!self.set.ordered).then_some(&*self.set.order))
    }
}

impl KnownKeys {
    /// A set that a map of so many pairs may have.
    pub(super) fn find(&self, pairs: usize) -> Option<Keys> {
        let set = self.sets.iter().find(|set| set.places.len() == pairs)?;
        Some(Keys { set: Rc::clone(set), came: 0 })
    }

    /// Moves past the next key, if it is the one of a set whose keys have come so far.
    #[inline]
    pub(super) fn follow(&self, keys: &mut Keys, reader: &mut Reader<'_>) -> bool {
        let next = keys.set.key(keys.came);
        if !next.is_some_and(|key| reader.skip_if(key)) && !self.follow_another(keys, reader) {
            return false;
        }
        keys.came += 1;
        true
    }

    fn follow_another(&self, keys: &mut Keys, reader: &mut Reader<'_>) -> bool {
        for other in self.sets.iter().filter(|set| set.places.len() == keys.set.places.len()) {
            if (0..keys.came).all(|at| other.key(at) == keys.set.key(at))
                && other.key(keys.came).is_some_and(|key| reader.skip_if(key))
            {
                keys.set = Rc::clone(other);
                return true;
            }
        }
        false
    }

    /// Remembers a set: its keys in their order, and which of the wire each was.
    pub(super) fn remember(&mut self, keys: &Seq, order: &[u32]) {
        if order.len() > KEYS || !keys.as_slice().iter().all(|key| key.as_atom().is_some()) {
            return;
        }
        let order: Places = order.iter().filter_map(|at| u8::try_from(*at).ok()).collect();
        let ordered = order.is_sorted();
        let mut places = order.clone();
        for (place, at) in (0..).zip(&order) {
            if let Some(held) = places.get_mut(usize::from(*at)) {
                *held = place;
            }
        }
        let set = Rc::new(Set { keys: keys.clone(), order, places, ordered });
        if self.sets.len() < SETS {
            self.sets.push(set);
        } else if let Some(oldest) = self.sets.get_mut(self.oldest) {
            *oldest = set;
            self.oldest = (self.oldest + 1) % SETS;
        }
    }
}
