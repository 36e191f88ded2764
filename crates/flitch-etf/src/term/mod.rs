//! [`Term`]: any Erlang value.

mod access;
mod atom;
mod binary;
mod convert;
mod ident;
mod list;
mod map;
mod opaque;
mod order;
mod record;
mod seq;

use std::fmt;
use std::sync::Arc;

use num_bigint::BigInt;

pub use atom::Atom;
pub use binary::{Binary, BitString};
pub use convert::TermError;
pub use ident::{Pid, Port, Reference};
pub use list::{ImproperList, List};
pub use map::Map;
pub use opaque::{Export, Fun, Local};
pub(crate) use record::Definition;
pub use record::Record;
pub(crate) use seq::Seq;

/// Any Erlang value.
///
/// 32 bytes; a clone copies no data. Equality is Erlang's `=:=` (`1` is not `1.0`), and the order
/// is that of map keys: integers, floats, atoms, references, funs, ports, pids, tuples, native
/// records, maps, the empty list, lists, bit strings. ([`Term::cmp_by_value`] is the order of `<`, where `1 == 1.0`.)
/// No operation recurses, so a term's depth is bounded by memory alone.
#[derive(Clone)]
pub enum Term {
    /// An integer of at most 64 bits.
    Integer(i64),
    /// An integer outside 64 bits. Inside, it would not equal its [`Term::Integer`]: make it with
    /// `Term::from(BigInt)`, which chooses.
    BigInt(Arc<BigInt>),
    /// A float; NaN and the infinities cannot be encoded.
    Float(f64),
    /// An atom.
    Atom(Atom),
    /// A reference.
    Reference(Arc<Reference>),
    /// A fun of a module.
    Fun(Arc<Fun>),
    /// `fun m:f/a`.
    Export(Arc<Export>),
    /// A port.
    Port(Arc<Port>),
    /// A pid.
    Pid(Arc<Pid>),
    /// A tuple.
    Tuple(Tuple),
    /// A native record of OTP 29.
    Record(Record),
    /// A map.
    Map(Map),
    /// A proper list.
    List(List),
    /// A list that does not end in `[]`, such as `[alias | Ref]`.
    ImproperList(ImproperList),
    /// A binary.
    Binary(Binary),
    /// A bit string that does not fill its last byte.
    BitString(Arc<BitString>),
    /// What `term_to_binary(T, [local])` made: only its node can tell what it is.
    Local(Arc<Local>),
}

/// The elements of a tuple. Reads as a slice.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Tuple(pub(crate) Seq);

impl std::ops::Deref for Tuple {
    type Target = [Term];

    fn deref(&self) -> &[Term] {
        self.0.as_slice()
    }
}

impl fmt::Debug for Tuple {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&Term::Tuple(self.clone()), f)
    }
}

impl Term {
    /// The empty list, `[]`.
    #[must_use]
    pub fn empty_list() -> Self {
        Self::List(List::default())
    }

    /// The tuple of these elements. Of a few elements of different types,
    /// `Term::from((a, b))` and [`term!`](crate::term!) make one too.
    #[must_use]
    pub fn tuple(elements: impl Into<Vec<Term>>) -> Self {
        Self::Tuple(Tuple(elements.into().into()))
    }

    /// The atom whose text stands in the program.
    #[must_use]
    pub const fn atom(text: &'static str) -> Self {
        Self::Atom(Atom::from_static(text))
    }

    /// The integer, if this is one and it fits.
    #[must_use]
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(value) => Some(*value),
            _ => None,
        }
    }

    /// The float, if this is one.
    #[must_use]
    pub fn as_float(&self) -> Option<f64> {
        match self {
            Self::Float(value) => Some(*value),
            _ => None,
        }
    }

    /// The atom, if this is one.
    #[must_use]
    pub fn as_atom(&self) -> Option<&Atom> {
        match self {
            Self::Atom(atom) => Some(atom),
            _ => None,
        }
    }

    /// Whether this is the atom with that text.
    #[must_use]
    pub fn is_atom(&self, text: &str) -> bool {
        self.as_atom().is_some_and(|atom| *atom == *text)
    }

    /// The binary, if this is one.
    #[must_use]
    pub fn as_binary(&self) -> Option<&Binary> {
        match self {
            Self::Binary(binary) => Some(binary),
            _ => None,
        }
    }

    /// The text, if this is a binary of UTF-8.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        self.as_binary()?.as_str()
    }

    /// The elements, if this is a tuple.
    #[must_use]
    pub fn as_tuple(&self) -> Option<&[Term]> {
        match self {
            Self::Tuple(tuple) => Some(tuple),
            _ => None,
        }
    }

    /// The elements, if this is a proper list.
    #[must_use]
    pub fn as_list(&self) -> Option<&[Term]> {
        match self {
            Self::List(list) => Some(list),
            _ => None,
        }
    }

    /// The map, if this is one.
    #[must_use]
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Self::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The native record, if this is one.
    #[must_use]
    pub fn as_record(&self) -> Option<&Record> {
        match self {
            Self::Record(record) => Some(record),
            _ => None,
        }
    }

    /// The pid, if this is one.
    #[must_use]
    pub fn as_pid(&self) -> Option<&Pid> {
        match self {
            Self::Pid(pid) => Some(pid),
            _ => None,
        }
    }

    /// The reference, if this is one.
    #[must_use]
    pub fn as_reference(&self) -> Option<&Reference> {
        match self {
            Self::Reference(reference) => Some(reference),
            _ => None,
        }
    }

    /// What kind of value this is, in Erlang's words: `"integer"`, `"atom"`, `"list"`…
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Integer(_) | Self::BigInt(_) => "integer",
            Self::Float(_) => "float",
            Self::Atom(_) => "atom",
            Self::Reference(_) => "reference",
            Self::Fun(_) | Self::Export(_) => "function",
            Self::Port(_) => "port",
            Self::Pid(_) => "pid",
            Self::Tuple(_) => "tuple",
            Self::Record(_) => "record",
            Self::Map(_) => "map",
            Self::List(_) => "list",
            Self::ImproperList(_) => "improper list",
            Self::Binary(_) => "binary",
            Self::BitString(_) => "bitstring",
            Self::Local(_) => "local term",
        }
    }

    /// The terms directly inside: the elements of a tuple or list (the tail of an improper one
    /// last), the keys and then the values of a map, the values of a record, what a fun closes over.
    pub fn children(&self) -> impl DoubleEndedIterator<Item = &Term> {
        self.runs().into_iter().flatten()
    }

    /// The children as they lie in memory.
    pub(crate) fn runs(&self) -> [&[Term]; 2] {
        match self {
            Self::Tuple(tuple) => [tuple, &[]],
            Self::List(list) => [list, &[]],
            Self::ImproperList(list) => [list.0.as_slice(), &[]],
            Self::Map(map) => [map.keys(), map.values()],
            Self::Record(record) => [record.values.as_slice(), &[]],
            Self::Fun(fun) => [fun.free(), &[]],
            _ => [&[], &[]],
        }
    }
}

/// The empty list.
impl Default for Term {
    fn default() -> Self {
        Self::empty_list()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_term_is_small() {
        assert!(size_of::<Term>() <= 32, "{}", size_of::<Term>());
    }

    #[test]
    fn what_is_inside_a_term_is_compared_and_printed_as_the_term() {
        let tuples = || (Term::tuple([1.into()]), Term::tuple([1.0.into()]));
        let (Term::Tuple(one), Term::Tuple(float)) = tuples() else { panic!("two tuples") };
        assert_eq!(one, one.clone());
        assert_ne!(one, float);
        let list = |tail: i64| ImproperList::term(vec![1.into()], tail.into());
        let (Term::ImproperList(two), Term::ImproperList(three)) = (list(2), list(3)) else {
            panic!("two improper lists")
        };
        assert_ne!(two, three);
        assert_eq!(format!("{one:?} {two:?}"), format!("{:?} {:?}", tuples().0, list(2)));
    }

    #[test]
    fn a_million_levels_are_dropped_cloned_compared_and_hashed_on_a_small_stack() {
        let deep = || {
            let mut term = Term::empty_list();
            for level in 0..1_000_000 {
                term = match level % 3 {
                    0 => Term::tuple([term]),
                    1 => Term::from(vec![term]),
                    _ => Term::from(Map::from_iter([(Term::from(1), term)])),
                };
            }
            term
        };
        let work = move || {
            let (a, b) = (deep(), deep());
            let clone = a.clone();
            assert!(a == b && a.cmp(&b).is_eq());
            assert_eq!(std::collections::HashSet::from([a, b]).len(), 1);
            drop(clone);
        };
        std::thread::Builder::new().stack_size(128 * 1024).spawn(work).unwrap().join().unwrap();
    }
}
