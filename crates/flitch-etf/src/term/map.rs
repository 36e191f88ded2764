//! Maps, held as sorted pairs.

use std::cmp::Ordering;
use std::fmt;

use super::{Atom, Seq, Term};

/// A map. Its pairs are kept in the order of their keys, so equal maps are equal however they
/// were written; `1` and `1.0` are different keys, as in Erlang.
///
/// Maps of one message that have the same keys, such as the structs of a list, share them.
#[derive(Clone, Default)]
pub struct Map {
    /// In their order.
    pub(crate) keys: Seq,
    /// In the order of the keys.
    pub(crate) values: Seq,
}

impl Map {
    /// The number of pairs.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys().len()
    }

    /// Whether there are no pairs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys().is_empty()
    }

    /// The pairs in the order of their keys.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Term, &Term)> + DoubleEndedIterator {
        self.keys().iter().zip(self.values())
    }

    /// The keys in their order.
    #[must_use]
    pub fn keys(&self) -> &[Term] {
        self.keys.as_slice()
    }

    /// The values in the order of their keys.
    #[must_use]
    pub fn values(&self) -> &[Term] {
        self.values.as_slice()
    }

    /// The value under `key`.
    #[must_use]
    pub fn get(&self, key: &Term) -> Option<&Term> {
        let at = self.keys().binary_search(key).ok()?;
        self.values().get(at)
    }

    /// The value under the atom `key`, as in `%{key: value}`.
    #[must_use]
    pub fn get_atom(&self, key: &str) -> Option<&Term> {
        let at = self.keys().binary_search_by(|found| match found {
            Term::Atom(atom) => atom.as_str().cmp(key),
            // Numbers come before atoms, and all else behind.
            Term::Integer(_) | Term::BigInt(_) | Term::Float(_) => Ordering::Less,
            _ => Ordering::Greater,
        });
        self.values().get(at.ok()?)
    }

    /// The name of the struct that this map is, without `Elixir.`: `Shop.Item`.
    #[must_use]
    pub fn struct_name(&self) -> Option<&str> {
        self.get_atom("__struct__")?.as_atom()?.as_str().strip_prefix("Elixir.")
    }
}

/// The same keys with the same values.
impl PartialEq for Map {
    fn eq(&self, other: &Self) -> bool {
        self.keys == other.keys && self.values == other.values
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
        let (keys, values): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        Self { keys: keys.into(), values: values.into() }
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
    fn an_atom_is_found_among_keys_of_every_kind() {
        let names: Vec<_> = (0..300).map(|at| format!("{at}")).collect();
        let atoms = names.iter().map(|name| Term::from(Atom::new(name).unwrap()));
        let (big, float) = (Term::from(u64::MAX), Term::from(2.5));
        let others = [big, float, 1.into(), "7".into(), Term::tuple([]), Term::empty_list()];
        let map: Map = atoms.chain(others).map(|key| (key.clone(), key)).collect();
        for name in &names {
            assert!(map.get_atom(name).is_some_and(|value| value.is_atom(name)), "{name}");
        }
        assert_eq!((map.get_atom(""), map.get_atom("300"), map.get_atom("a")), (None, None, None));
    }

    #[test]
    fn the_order_of_writing_does_not_matter_and_the_last_of_a_key_wins() {
        let pair = |k: i64, v: i64| (Term::from(k), Term::from(v));
        let a: Map = [pair(1, 1), pair(2, 2)].into_iter().collect();
        let b: Map = [pair(2, 0), pair(1, 1), pair(2, 2)].into_iter().collect();
        assert_eq!(Term::from(a), Term::from(b));
    }
}
