//! Maps, held as sorted pairs.

use std::fmt;

use super::{Atom, Seq, Term};

/// A map. Its pairs are kept in the order of their keys, so equal maps are equal however they
/// were written; `1` and `1.0` are different keys, as in Erlang.
#[derive(Clone, Default)]
pub struct Map {
    /// Keys and values by turns.
    pub(crate) flat: Seq,
}

impl Map {
    /// The number of pairs.
    #[must_use]
    pub fn len(&self) -> usize {
        self.flat.as_slice().len() / 2
    }

    /// Whether there are no pairs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.flat.as_slice().is_empty()
    }

    /// The pairs in the order of their keys.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Term, &Term)> + DoubleEndedIterator {
        self.flat.as_slice().as_chunks::<2>().0.iter().map(|[key, value]| (key, value))
    }

    /// The value under `key`.
    #[must_use]
    pub fn get(&self, key: &Term) -> Option<&Term> {
        let (pairs, _) = self.flat.as_slice().as_chunks::<2>();
        let at = pairs.binary_search_by(|[found, _]| found.cmp(key)).ok()?;
        pairs.get(at).map(|[_, value]| value)
    }

    /// The value under the atom `key`, as in `%{key: value}`.
    #[must_use]
    pub fn get_atom(&self, key: &str) -> Option<&Term> {
        self.iter()
            .find(|(found, _)| found.as_atom().is_some_and(|atom| *atom == *key))
            .map(|p| p.1)
    }

    /// The name of the struct that this map is, without `Elixir.`: `Shop.Item`.
    #[must_use]
    pub fn struct_name(&self) -> Option<&str> {
        self.get_atom("__struct__")?.as_atom()?.as_str().strip_prefix("Elixir.")
    }

    /// The keys and values that stand by turns in `stack` from `start` on, moved out of it in one
    /// allocation. `None` if a key stands there twice.
    pub(crate) fn drain_from(stack: &mut Vec<Term>, start: usize) -> Option<Self> {
        let (pairs, _) = stack.get_mut(start..).unwrap_or_default().as_chunks_mut::<2>();
        // A BEAM writes small maps in order already.
        if !ascends(pairs) {
            pairs.sort_unstable_by(|[a, _], [b, _]| a.cmp(b));
            if !ascends(pairs) {
                return None;
            }
        }
        Some(Self { flat: Seq::drain_from(stack, start) })
    }
}

/// Whether each key is greater than the one before.
fn ascends(pairs: &[[Term; 2]]) -> bool {
    pairs.is_sorted_by(|[a, _], [b, _]| a < b)
}

/// The same keys with the same values.
impl PartialEq for Map {
    fn eq(&self, other: &Self) -> bool {
        self.flat.as_slice() == other.flat.as_slice()
    }
}

impl Eq for Map {}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&Term::Map(self.clone()), f)
    }
}

/// A later pair replaces an earlier one with the same key.
impl FromIterator<(Term, Term)> for Map {
    fn from_iter<I: IntoIterator<Item = (Term, Term)>>(pairs: I) -> Self {
        let mut pairs: Vec<_> = pairs.into_iter().collect();
        pairs.reverse();
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        pairs.dedup_by(|b, a| a.0 == b.0);
        Self { flat: pairs.into_iter().flat_map(|(key, value)| [key, value]).collect() }
    }
}

impl<V: Into<Term>, const N: usize> From<[(Atom, V); N]> for Map {
    fn from(pairs: [(Atom, V); N]) -> Self {
        pairs.into_iter().map(|(key, value)| (Term::Atom(key), value.into())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_and_one_point_zero_are_two_keys() {
        let map: Map = [(Term::from(1), Term::from("int")), (Term::from(1.0), Term::from("float"))]
            .into_iter()
            .collect();
        assert_eq!(map.len(), 2);
        assert_eq!(map.get(&Term::from(1)), Some(&Term::from("int")));
        assert_eq!(map.get(&Term::from(1.0)), Some(&Term::from("float")));
    }

    #[test]
    fn the_order_of_writing_does_not_matter_and_the_last_of_a_key_wins() {
        let pair = |k: i64, v: i64| (Term::from(k), Term::from(v));
        let a: Map = [pair(1, 1), pair(2, 2)].into_iter().collect();
        let b: Map = [pair(2, 0), pair(1, 1), pair(2, 2)].into_iter().collect();
        assert_eq!(Term::from(a), Term::from(b));
    }

    #[test]
    fn a_decoded_map_takes_its_pairs_in_any_order_and_no_key_twice() {
        let stack = |keys: &[i64]| -> Vec<Term> {
            let pairs = keys.iter().flat_map(|key| [Term::from(*key), Term::from(key * 10)]);
            std::iter::once(Term::from("before")).chain(pairs).collect()
        };
        let mut shuffled = stack(&[3, 1, 2]);
        let map = Map::drain_from(&mut shuffled, 1).unwrap();
        assert_eq!(shuffled, [Term::from("before")]);
        let keys: Vec<_> = map.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        assert_eq!(keys, [1, 2, 3].map(|key| (Term::from(key), Term::from(key * 10))));
        assert!(Map::drain_from(&mut stack(&[2, 1, 2]), 1).is_none());
        assert!(Map::drain_from(&mut stack(&[1, 1]), 1).is_none());
    }
}
