//! The keys of maps that came earlier in the message.
//!
//! The structs of a list have the same keys in the same order. Those of the first are read and
//! sorted; the others are only compared with them, byte by byte, and share them in memory.

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
    sets: SmallVec<[Set; SETS]>,
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

/// How far a map has had the keys of a set.
pub(super) struct Keys {
    set: usize,
    /// Keys that have come.
    came: usize,
}

impl Set {
    /// The key that comes on the wire as number `at`.
    fn key(&self, at: usize) -> Option<&Atom> {
        let place = self.places.get(at)?;
        self.keys.as_slice().get(usize::from(*place))?.as_atom()
    }
}

impl KnownKeys {
    /// A set that a map of so many pairs may have.
    pub(super) fn find(&self, pairs: usize) -> Option<Keys> {
        let set = self.sets.iter().position(|set| set.places.len() == pairs)?;
        Some(Keys { set, came: 0 })
    }

    /// Moves past the next key, if it is the one of a set whose keys have come so far.
    #[inline]
    pub(super) fn follow(&self, keys: &mut Keys, reader: &mut Reader<'_>) -> bool {
        let next = self.sets.get(keys.set).and_then(|set| set.key(keys.came));
        if !next.is_some_and(|key| reader.skip_if(key)) && !self.follow_another(keys, reader) {
            return false;
        }
        keys.came += 1;
        true
    }

    fn follow_another(&self, keys: &mut Keys, reader: &mut Reader<'_>) -> bool {
        let Some(current) = self.sets.get(keys.set) else { return false };
        let others = self.sets.iter().enumerate().skip(keys.set + 1);
        for (at, other) in others.filter(|(_, set)| set.places.len() == current.places.len()) {
            let mut before = 0..keys.came;
            if before.all(|key| other.key(key) == current.key(key))
                && other.key(keys.came).is_some_and(|key| reader.skip_if(key))
            {
                keys.set = at;
                return true;
            }
        }
        false
    }

    /// The keys that have come, as they came.
    pub(super) fn so_far(&self, keys: &Keys) -> impl Iterator<Item = Term> {
        let set = self.sets.get(keys.set);
        (0..keys.came).filter_map(move |at| Some(Term::Atom(set?.key(at)?.clone())))
    }

    /// All keys in their order, and which of the wire each is where that is another order.
    pub(super) fn whole(&self, keys: &Keys) -> Option<(Seq, Option<&[u8]>)> {
        let set = self.sets.get(keys.set)?;
        Some((set.keys.clone(), (!set.ordered).then_some(&*set.order)))
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
        let set = Set { keys: keys.clone(), order, places, ordered };
        if self.sets.len() < SETS {
            self.sets.push(set);
        } else if let Some(oldest) = self.sets.get_mut(self.oldest) {
            *oldest = set;
            self.oldest = (self.oldest + 1) % SETS;
        }
    }
}
