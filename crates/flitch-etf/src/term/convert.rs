//! Rust values into terms and back.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use num_bigint::BigInt;

use super::{
    Atom, Binary, BitString, Export, Fun, List, Local, Map, Pid, Port, Record, Reference, Seq,
    Term, Tuple,
};

/// A term is not of the kind, or of the size, that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}expected {expected}, found {found}", At(.path))]
pub struct TermError {
    /// What was asked for.
    pub expected: &'static str,
    /// What there was.
    pub found: &'static str,
    /// The fields and places that lead to it, from the outermost: `items[1].qty`. Empty for the
    /// term that was asked itself.
    pub path: String,
}

impl TermError {
    pub(super) fn new(expected: &'static str, found: &Term) -> Self {
        Self { expected, found: found.kind(), path: String::new() }
    }

    /// There is no such field.
    pub(super) fn missing() -> Self {
        Self { expected: "a value", found: "nothing", path: String::new() }
    }

    /// The same error, seen from the container in which it happened at `step`.
    pub(super) fn inside(mut self, step: impl fmt::Display) -> Self {
        let dot = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path = format!("{step}{dot}{}", self.path);
        self
    }
}

/// A term is always a term.
impl From<Infallible> for TermError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

struct At<'a>(&'a str);

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, "{}: ", self.0) }
    }
}

macro_rules! small_integers {
    ($($int:ty),*) => {$(
        impl From<$int> for Term {
            fn from(value: $int) -> Self {
                Self::Integer(value.into())
            }
        }
    )*};
}
small_integers!(i8, i16, i32, i64, u8, u16, u32);

macro_rules! large_integers {
    ($($int:ty),*) => {$(
        impl From<$int> for Term {
            fn from(value: $int) -> Self {
                match i64::try_from(value) {
                    Ok(small) => Self::Integer(small),
                    Err(_) => Self::BigInt(Arc::new(value.into())),
                }
            }
        }
    )*};
}
large_integers!(u64, usize, isize, i128, u128);

impl From<BigInt> for Term {
    fn from(value: BigInt) -> Self {
        match i64::try_from(&value) {
            Ok(small) => Self::Integer(small),
            Err(_) => Self::BigInt(Arc::new(value)),
        }
    }
}

macro_rules! integers_back {
    ($($int:ty = $expected:literal),*) => {$(
        impl TryFrom<&Term> for $int {
            type Error = TermError;

            fn try_from(term: &Term) -> Result<Self, TermError> {
                let value = match term {
                    Term::Integer(value) => (*value).try_into().ok(),
                    Term::BigInt(value) => value.as_ref().try_into().ok(),
                    _ => None,
                };
                value.ok_or_else(|| TermError::new($expected, term))
            }
        }
    )*};
}
integers_back!(
    i8 = "an 8-bit integer",
    i16 = "a 16-bit integer",
    i32 = "a 32-bit integer",
    i64 = "a 64-bit integer",
    u8 = "an integer from 0 to 255",
    u16 = "an integer from 0 to 65535",
    u32 = "an unsigned 32-bit integer",
    u64 = "an unsigned 64-bit integer",
    i128 = "a 128-bit integer",
    u128 = "an unsigned 128-bit integer",
    isize = "an integer of the machine's size",
    usize = "an unsigned integer of the machine's size"
);

macro_rules! kinds_back {
    ($($type:ty = $expected:literal: $pattern:pat => $value:expr,)*) => {$(
        impl<'a> TryFrom<&'a Term> for $type {
            type Error = TermError;

            fn try_from(term: &'a Term) -> Result<Self, TermError> {
                match term {
                    $pattern => $value,
                    _ => None,
                }
                .ok_or_else(|| TermError::new($expected, term))
            }
        }
    )*};
}
kinds_back! {
    f64 = "a float": Term::Float(value) => Some(*value),
    bool = "true or false": Term::Atom(atom) => atom.as_bool(),
    &'a str = "a binary of UTF-8": Term::Binary(bytes) => bytes.as_str(),
    String = "a binary of UTF-8": Term::Binary(bytes) => bytes.as_str().map(str::to_owned),
    Atom = "an atom": Term::Atom(atom) => Some(atom.clone()),
    &'a Atom = "an atom": Term::Atom(atom) => Some(atom),
    Binary = "a binary": Term::Binary(bytes) => Some(bytes.clone()),
    Bytes = "a binary": Term::Binary(bytes) => Some(bytes.to_bytes()),
    Map = "a map": Term::Map(map) => Some(map.clone()),
    &'a Map = "a map": Term::Map(map) => Some(map),
    &'a Record = "a native record": Term::Record(record) => Some(record),
    &'a [Term] = "a proper list": Term::List(list) => Some(list.as_slice()),
    Pid = "a pid": Term::Pid(pid) => Some(pid.as_ref().clone()),
    Port = "a port": Term::Port(port) => Some(port.as_ref().clone()),
    Reference = "a reference": Term::Reference(reference) => Some(reference.as_ref().clone()),
}

impl TryFrom<&Term> for BigInt {
    type Error = TermError;

    fn try_from(term: &Term) -> Result<Self, TermError> {
        match term {
            Term::Integer(value) => Ok((*value).into()),
            Term::BigInt(value) => Ok(value.as_ref().clone()),
            _ => Err(TermError::new("an integer", term)),
        }
    }
}

/// The elements of a proper list. Bytes are a [`Binary`] or [`Bytes`]: `Vec<u8>` is a list of
/// small integers, as it is to serde.
impl<'a, T> TryFrom<&'a Term> for Vec<T>
where
    T: TryFrom<&'a Term>,
    T::Error: Into<TermError>,
{
    type Error = TermError;

    fn try_from(term: &'a Term) -> Result<Self, TermError> {
        let elements = <&[Term]>::try_from(term)?.iter().enumerate();
        let element = |(at, element)| {
            T::try_from(element).map_err(|error| error.into().inside(format_args!("[{at}]")))
        };
        elements.map(element).collect()
    }
}

impl From<f32> for Term {
    fn from(value: f32) -> Self {
        Self::Float(value.into())
    }
}

impl From<f64> for Term {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<bool> for Term {
    fn from(value: bool) -> Self {
        Self::Atom(value.into())
    }
}

impl From<Atom> for Term {
    fn from(atom: Atom) -> Self {
        Self::Atom(atom)
    }
}

/// Text becomes a binary, as an Elixir string is one.
impl From<&str> for Term {
    fn from(text: &str) -> Self {
        Self::Binary(text.into())
    }
}

impl From<String> for Term {
    fn from(text: String) -> Self {
        Self::Binary(text.into_bytes().into())
    }
}

impl From<&String> for Term {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<Cow<'_, str>> for Term {
    fn from(text: Cow<'_, str>) -> Self {
        match text {
            Cow::Borrowed(text) => text.into(),
            Cow::Owned(text) => text.into(),
        }
    }
}

/// A clone, which copies no data.
impl From<&Term> for Term {
    fn from(term: &Term) -> Self {
        term.clone()
    }
}

impl From<&Atom> for Term {
    fn from(atom: &Atom) -> Self {
        Self::Atom(atom.clone())
    }
}

impl From<Bytes> for Term {
    fn from(bytes: Bytes) -> Self {
        Self::Binary(bytes.into())
    }
}

impl From<Binary> for Term {
    fn from(binary: Binary) -> Self {
        Self::Binary(binary)
    }
}

impl From<BitString> for Term {
    fn from(bits: BitString) -> Self {
        Self::BitString(Arc::new(bits))
    }
}

/// A proper list. Bytes that should be a binary are a [`Binary`] or [`Bytes`].
impl<T: Into<Term>> From<Vec<T>> for Term {
    fn from(elements: Vec<T>) -> Self {
        Self::List(Seq::of(elements.into_iter().map(Into::into)).into())
    }
}

/// A proper list.
impl<T: Into<Term>, const N: usize> From<[T; N]> for Term {
    fn from(elements: [T; N]) -> Self {
        Self::List(Seq::of(elements.into_iter().map(Into::into)).into())
    }
}

impl<K: Into<Term>, V: Into<Term>, S> From<HashMap<K, V, S>> for Term {
    fn from(pairs: HashMap<K, V, S>) -> Self {
        Self::Map(pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
    }
}

impl<K: Into<Term>, V: Into<Term>> From<BTreeMap<K, V>> for Term {
    fn from(pairs: BTreeMap<K, V>) -> Self {
        Self::Map(pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
    }
}

impl From<Map> for Term {
    fn from(map: Map) -> Self {
        Self::Map(map)
    }
}

impl From<List> for Term {
    fn from(list: List) -> Self {
        Self::List(list)
    }
}

impl From<Record> for Term {
    fn from(record: Record) -> Self {
        Self::Record(record)
    }
}

macro_rules! shared {
    ($($kind:ident),*) => {$(
        impl From<$kind> for Term {
            fn from(value: $kind) -> Self {
                Self::$kind(Arc::new(value))
            }
        }
    )*};
}
shared!(Pid, Port, Reference, Fun, Export, Local);

/// `nil` for `None`.
impl<T: Into<Term>> From<Option<T>> for Term {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Atom(Atom::NIL), Into::into)
    }
}

macro_rules! tuples {
    ($arity:literal: $($name:ident)+) => {
        /// Each element as its type.
        impl<'a, $($name),+> TryFrom<&'a Term> for ($($name,)+)
        where
            $($name: TryFrom<&'a Term>, $name::Error: Into<TermError>,)+
        {
            type Error = TermError;

            fn try_from(term: &'a Term) -> Result<Self, TermError> {
                let Some([$($name),+]) = term.as_tuple() else {
                    return Err(TermError::new(concat!("a tuple of ", $arity), term));
                };
                let mut at = 0..;
                Ok(($(element::<$name>(&mut at, $name)?,)+))
            }
        }

        impl<$($name: Into<Term>),+> From<($($name,)+)> for Term {
            fn from(($($name,)+): ($($name,)+)) -> Self {
                Self::Tuple(Tuple(Seq::of([$($name.into()),+].into_iter())))
            }
        }
    };
}
#[allow(non_snake_case)]
mod tuples {
    use std::ops::RangeFrom;

    use super::*;

    /// The next element of a tuple.
    fn element<'a, T>(at: &mut RangeFrom<usize>, term: &'a Term) -> Result<T, TermError>
    where
        T: TryFrom<&'a Term>,
        T::Error: Into<TermError>,
    {
        let at = at.next().unwrap_or_default();
        T::try_from(term).map_err(|error| error.into().inside(format_args!("[{at}]")))
    }

    tuples!(1: A);
    tuples!(2: A B);
    tuples!(3: A B C);
    tuples!(4: A B C D);
    tuples!(5: A B C D E);
    tuples!(6: A B C D E F);
    tuples!(7: A B C D E F G);
    tuples!(8: A B C D E F G H);
}

impl FromIterator<Term> for Term {
    fn from_iter<I: IntoIterator<Item = Term>>(elements: I) -> Self {
        Self::List(elements.into_iter().collect::<Seq>().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_integer_has_one_form_whatever_type_it_came_from() {
        assert_eq!(Term::from(7u64), Term::from(7i8));
        assert_eq!(Term::from(BigInt::from(7)), Term::from(7));
        assert!(matches!(Term::from(u64::MAX), Term::BigInt(_)));
        assert_eq!(Term::from(u128::from(u64::MAX)), Term::from(u64::MAX));
    }

    #[test]
    fn nothing_wraps_on_the_way_back() {
        assert_eq!(u64::try_from(&Term::from(u64::MAX)), Ok(u64::MAX));
        assert!(i64::try_from(&Term::from(u64::MAX)).is_err());
        assert!(u8::try_from(&Term::from(256)).is_err());
        assert!(u64::try_from(&Term::from(-1)).is_err());
        assert!(i64::try_from(&Term::from(1.0)).is_err());
    }

    #[test]
    fn every_type_comes_back_as_it_went() {
        fn round<T>(value: T)
        where
            T: Clone + PartialEq + fmt::Debug + Into<Term>,
            T: for<'a> TryFrom<&'a Term, Error = TermError>,
        {
            assert_eq!(T::try_from(&value.clone().into()), Ok(value));
        }
        round(u128::MAX);
        round(i128::MIN);
        round((usize::MAX, isize::MIN));
        round(BigInt::from(u128::MAX) * 2);
        round((1.5, true, Atom::OK));
        round("text".to_owned());
        round(Binary::copy_from(&[0, 255]));
        round(vec![(1u8, "one".to_owned()), (2, "two".to_owned())]);
        round(vec![vec![1i64], vec![]]);
        round(Map::from([(Atom::OK, 1)]));
        round(Pid { node: Atom::OK, id: 1, serial: 2, creation: 3 });
        round(Port { node: Atom::OK, id: 1, creation: 3 });
        round(Reference::three(Atom::OK, 1, [1, 2, 3]));
    }

    #[test]
    fn a_value_may_be_borrowed_from_its_term() {
        let term = Term::from((Atom::OK, "text", [1, 2]));
        let (tag, text, list) = <(&Atom, &str, &[Term])>::try_from(&term).unwrap();
        assert_eq!((tag.as_str(), text, list.len()), ("ok", "text", 2));
        let whole: (&Term, &Term, &Term) = (&term).try_into().unwrap();
        assert_eq!(whole.1.as_str(), Some("text"));
    }

    #[test]
    fn another_kind_or_shape_is_refused_by_name() {
        let said = |error: TermError| error.to_string();
        let pair = Term::from((1, "a"));
        assert_eq!(
            said(<(u8, u8)>::try_from(&pair).unwrap_err()),
            "[1]: expected an integer from 0 to 255, found binary"
        );
        assert_eq!(
            said(<(u8, u8, u8)>::try_from(&pair).unwrap_err()),
            "expected a tuple of 3, found tuple"
        );
        assert_eq!(
            said(Vec::<u8>::try_from(&Term::from("a")).unwrap_err()),
            "expected a proper list, found binary"
        );
        assert_eq!(
            said(bool::try_from(&Term::atom("yes")).unwrap_err()),
            "expected true or false, found atom"
        );
        assert!(String::try_from(&Term::from(Binary::copy_from(&[255]))).is_err());
        assert!(f64::try_from(&Term::from(1)).is_err(), "an integer is no float, as in a match");
    }

    #[test]
    fn collections_become_what_elixir_has_for_them() {
        let list = Term::from(vec![Term::from(1), Term::from(2)]);
        assert_eq!(Term::from(vec![1u8, 2]), list);
        assert_eq!(Term::from([1, 2]), list);
        assert_eq!(Term::from(Vec::<u8>::new()), Term::empty_list());
        let map = Term::from(Map::from_iter([(Term::from("a"), Term::from(1))]));
        assert_eq!(Term::from(BTreeMap::from([("a", 1)])), map);
        assert_eq!(Term::from(HashMap::from([("a".to_owned(), 1u64)])), map);
        assert_eq!(Term::from(Cow::Borrowed("a")), Term::from(&"a".to_owned()));
        assert_eq!(Term::from(Some(0.5f32)), Term::from(0.5));
    }
}
