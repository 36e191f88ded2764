//! The objects that a mirror knows of.

use std::collections::BTreeMap;

use super::object::{Address, Object};
use crate::DiscoveryError;

/// Objects and addresses that are kept. More nodes than this make no cluster.
pub(crate) const MOST: usize = 1 << 17;

/// Problems of objects that are told: one sentence of a kind is read, a thousand are not.
const TOLD: usize = 3;

/// What is there, by namespace and name.
///
/// A list puts its objects over what was there ([`Shelf::start_list`], [`Shelf::put`]), and only
/// at its end does what it did not have go ([`Shelf::end_list`]).
#[derive(Default)]
pub(crate) struct Shelf {
    objects: BTreeMap<(String, String), Held>,
    /// Objects and addresses that are kept.
    weight: usize,
    /// Counts lists, so that the end of one shows what it did not have.
    list: u64,
    crowded: bool,
}

struct Held {
    list: u64,
    addresses: Box<[Address]>,
    problem: Option<DiscoveryError>,
}

impl Held {
    fn weight(&self) -> usize {
        1 + self.addresses.len()
    }
}

impl Shelf {
    /// A list begins.
    pub(crate) fn start_list(&mut self) {
        self.list += 1;
        self.crowded = false;
    }

    /// The list has told all there is; whether that took something away.
    pub(crate) fn end_list(&mut self) -> bool {
        let (list, before) = (self.list, self.objects.len());
        self.objects.retain(|_, held| held.list == list);
        self.weight = self.objects.values().map(Held::weight).sum();
        self.objects.len() != before
    }

    /// An object as it is now; whether that is new.
    pub(crate) fn put(&mut self, object: Object) -> bool {
        let key = (object.namespace, object.name);
        let (addresses, problem) = (object.addresses.into(), object.problem);
        let held = Held { list: self.list, addresses, problem };
        let old = self.objects.get(&key);
        let weight = self.weight - old.map_or(0, Held::weight) + held.weight();
        if weight > MOST {
            return !std::mem::replace(&mut self.crowded, true);
        }
        let same =
            old.is_some_and(|old| old.addresses == held.addresses && old.problem == held.problem);
        self.weight = weight;
        self.objects.insert(key, held);
        !same
    }

    /// An object is gone; whether it was there.
    pub(crate) fn remove(&mut self, object: &Object) -> bool {
        let key = (object.namespace.clone(), object.name.clone());
        let held = self.objects.remove(&key);
        self.weight -= held.as_ref().map_or(0, Held::weight);
        held.is_some()
    }

    /// Whether something had to be left out.
    pub(crate) fn is_crowded(&self) -> bool {
        self.crowded
    }

    pub(crate) fn addresses(&self) -> impl Iterator<Item = &Address> {
        self.objects.values().flat_map(|held| held.addresses.iter())
    }

    pub(crate) fn problems(&self) -> impl Iterator<Item = &DiscoveryError> {
        self.objects.values().filter_map(|held| held.problem.as_ref()).take(TOLD)
    }

    /// Whether the count of what is kept is right.
    #[cfg(test)]
    pub(crate) fn is_weighed(&self) -> bool {
        self.weight == self.objects.values().map(Held::weight).sum::<usize>()
    }
}
