//! Rust values into terms and back.

use std::sync::Arc;

use bytes::Bytes;
use num_bigint::BigInt;

use super::{
    Atom, Binary, BitString, Export, Fun, List, Local, Map, Pid, Port, Record, Reference, Seq,
    Term, Tuple,
};

/// A term is not of the kind, or of the size, that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found {found}")]
pub struct TermError {
    /// What was asked for.
    pub expected: &'static str,
    /// What there was.
    pub found: &'static str,
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
                value.ok_or(TermError { expected: $expected, found: term.kind() })
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
    i128 = "a 128-bit integer"
);

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

impl From<Vec<Term>> for Term {
    fn from(elements: Vec<Term>) -> Self {
        Self::List(elements.into())
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
    ($($name:ident)+) => {
        impl<$($name: Into<Term>),+> From<($($name,)+)> for Term {
            fn from(($($name,)+): ($($name,)+)) -> Self {
                Self::Tuple(Tuple(Seq::of([$($name.into()),+].into_iter())))
            }
        }
    };
}
#[allow(non_snake_case)]
mod tuples {
    use super::*;

    tuples!(A);
    tuples!(A B);
    tuples!(A B C);
    tuples!(A B C D);
    tuples!(A B C D E);
    tuples!(A B C D E F);
    tuples!(A B C D E F G);
    tuples!(A B C D E F G H);
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
}
