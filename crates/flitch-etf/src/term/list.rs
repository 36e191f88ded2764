//! Lists: proper ones, those of bytes, and those with a tail.

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::{Binary, Seq, Term};

/// The elements of a proper list. Reads as a slice.
///
/// A longer charlist that came as a STRING_EXT stays the bytes that it came as, a slice of the
/// message, until somebody asks for its elements as terms.
#[derive(Clone)]
pub struct List(Repr);

#[derive(Clone)]
enum Repr {
    Terms(Seq),
    Bytes(Arc<ByteList>),
}

struct ByteList {
    bytes: Binary,
    terms: OnceLock<Seq>,
}

impl List {
    /// The fewest elements that are worth keeping as bytes.
    const MIN_BYTES: usize = 16;

    /// The list of these bytes.
    #[must_use]
    pub fn from_bytes(bytes: Binary) -> Self {
        if bytes.len() < Self::MIN_BYTES {
            return Self(Repr::Terms(elements(&bytes)));
        }
        Self(Repr::Bytes(Arc::new(ByteList { bytes, terms: OnceLock::new() })))
    }

    /// The number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.0 {
            Repr::Terms(terms) => terms.as_slice().len(),
            Repr::Bytes(list) => list.bytes.len(),
        }
    }

    /// Whether this is `[]`.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements.
    #[must_use]
    pub fn as_slice(&self) -> &[Term] {
        match &self.0 {
            Repr::Terms(terms) => terms.as_slice(),
            Repr::Bytes(list) => list.terms.get_or_init(|| elements(&list.bytes)).as_slice(),
        }
    }

    /// The bytes of a list that is held as such. `None` says nothing of the elements.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&Binary> {
        match &self.0 {
            Repr::Terms(_) => None,
            Repr::Bytes(list) => Some(&list.bytes),
        }
    }

    /// Where the elements are that may hold others.
    pub(super) fn seq_mut(&mut self) -> Option<&mut Seq> {
        match &mut self.0 {
            Repr::Terms(terms) => Some(terms),
            Repr::Bytes(_) => None,
        }
    }

    /// Whether both are the same elements in memory.
    pub(super) fn is(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Repr::Terms(a), Repr::Terms(b)) => a.is(b),
            (Repr::Bytes(a), Repr::Bytes(b)) => a.bytes == b.bytes,
            _ => false,
        }
    }
}

fn elements(bytes: &[u8]) -> Seq {
    Seq::of(bytes.iter().map(|byte| Term::Integer((*byte).into())))
}

impl Default for List {
    fn default() -> Self {
        Self(Repr::Terms(Seq::default()))
    }
}

impl From<Seq> for List {
    fn from(terms: Seq) -> Self {
        Self(Repr::Terms(terms))
    }
}

impl From<Vec<Term>> for List {
    fn from(terms: Vec<Term>) -> Self {
        Seq::from(terms).into()
    }
}

impl std::ops::Deref for List {
    type Target = [Term];

    fn deref(&self) -> &[Term] {
        self.as_slice()
    }
}

impl<'a> IntoIterator for &'a List {
    type Item = &'a Term;
    type IntoIter = std::slice::Iter<'a, Term>;

    fn into_iter(self) -> Self::IntoIter {
        self.as_slice().iter()
    }
}

impl PartialEq for List {
    fn eq(&self, other: &Self) -> bool {
        self.is(other) || self.as_slice() == other.as_slice()
    }
}

impl Eq for List {}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&Term::List(self.clone()), f)
    }
}

/// A list with a tail that is no list.
#[derive(Clone, PartialEq, Eq)]
pub struct ImproperList(pub(crate) Seq);

impl ImproperList {
    /// `[elements… | tail]`. A tail that is a list itself gives the longer list that this is.
    #[must_use]
    pub fn term(mut elements: Vec<Term>, tail: Term) -> Term {
        match tail {
            Term::List(list) => {
                elements.extend(list.iter().cloned());
                Term::from(elements)
            }
            Term::ImproperList(list) => {
                elements.extend(list.0.as_slice().iter().cloned());
                Term::ImproperList(Self(elements.into()))
            }
            tail if elements.is_empty() => tail,
            tail => {
                elements.push(tail);
                Term::ImproperList(Self(elements.into()))
            }
        }
    }

    /// The elements before the tail: at least one.
    #[must_use]
    pub fn elements(&self) -> &[Term] {
        self.0.as_slice().split_last().map_or(&[], |(_, elements)| elements)
    }

    /// What stands behind the bar.
    #[must_use]
    pub fn tail(&self) -> &Term {
        // There always is one.
        const NONE: &Term = &Term::Integer(0);
        self.0.as_slice().last().unwrap_or(NONE)
    }
}

impl fmt::Debug for ImproperList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&Term::ImproperList(self.clone()), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_bytes_is_the_list_of_those_integers() {
        let bytes = [7u8; 40];
        let held = Term::List(List::from_bytes(Binary::copy_from(&bytes)));
        let spelled: Term = bytes.iter().map(|byte| Term::from(*byte)).collect();
        let Term::List(list) = &held else { panic!("a list") };
        assert_eq!(list.as_bytes().map(Binary::as_slice), Some(&bytes[..]));
        assert_eq!((list.len(), list.is_empty(), &list[3]), (40, false, &Term::from(7)));
        assert_eq!(held, spelled);
        assert_eq!(held.clone(), held);
        assert!(held < Term::from(vec![Term::from(8)]));
    }

    #[test]
    fn a_tail_that_is_a_list_makes_one_list() {
        let list = ImproperList::term(vec![1.into()], Term::from(vec![Term::from(2)]));
        assert_eq!(list, Term::from(vec![Term::from(1), Term::from(2)]));
        let inner = ImproperList::term(vec![2.into()], 3.into());
        let Term::ImproperList(list) = ImproperList::term(vec![1.into()], inner) else {
            panic!("the tail is no list")
        };
        assert_eq!((list.elements().len(), list.tail()), (2, &Term::from(3)));
        assert_eq!(ImproperList::term(vec![], 3.into()), Term::from(3));
    }
}
