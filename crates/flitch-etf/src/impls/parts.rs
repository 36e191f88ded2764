//! The parts of a term as types of their own.

use std::convert::identity;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

use super::Nearest;
use crate::atoms::recent;
use crate::handoff::{self, Handed};
use crate::{
    Atom, Binary, BitString, DecodeErrorKind, Export, Fun, ImproperList, List, Map, Pid, Port,
    Reference, Term, Tuple,
};

/// An atom; in other formats, its text.
impl Serialize for Atom {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(handoff::ATOM, self.as_str())
    }
}

impl<'de> Deserialize<'de> for Atom {
    #[inline(always)]
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(handoff::ATOM, AtomVisitor)
    }
}

struct AtomVisitor;

impl<'de> Visitor<'de> for AtomVisitor {
    type Value = Atom;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an atom")
    }

    #[inline]
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Atom, E> {
        Atom::new(text).map_err(E::custom)
    }

    /// The text in this crate's own format, not checked.
    #[inline(always)]
    fn visit_bytes<E: de::Error>(self, text: &[u8]) -> Result<Atom, E> {
        match recent(text, text.len(), Atom::clone) {
            Some((atom, _)) => Ok(atom),
            None => Err(E::custom(DecodeErrorKind::Atom)),
        }
    }

    /// This crate's own format handed it over.
    fn visit_unit<E: de::Error>(self) -> Result<Atom, E> {
        match handoff::take() {
            Some(Handed::Atom(atom)) => Ok(atom),
            _ => Ok(Atom::NIL),
        }
    }

    fn visit_none<E: de::Error>(self) -> Result<Atom, E> {
        Ok(Atom::NIL)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Atom, E> {
        Ok(value.into())
    }

    /// Another format has only text to offer.
    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<Atom, D::Error> {
        inner.deserialize_any(self)
    }
}

/// A part that travels beside serde.
trait Part: Clone {
    /// What announces it.
    const NAME: &'static str;
    const EXPECTED: &'static str;

    fn into_term(self) -> Term;

    /// The part, or the term that was there instead.
    fn from_term(term: Term) -> Result<Self, Term>;

    fn hand_over(self) -> Handed {
        Handed::Term(self.into_term())
    }

    fn take_over(handed: Handed) -> Result<Self, Term> {
        match handed {
            Handed::Term(term) => Self::from_term(term),
            _ => Err(Term::Atom(Atom::NIL)),
        }
    }
}

macro_rules! parts {
    ($($part:ident $name:ident $expected:literal $into:expr, $from:expr, { $($own:tt)* })*) => {$(
        impl Part for $part {
            const NAME: &'static str = handoff::$name;
            const EXPECTED: &'static str = $expected;

            fn into_term(self) -> Term {
                Term::$part($into(self))
            }

            fn from_term(term: Term) -> Result<Self, Term> {
                match term {
                    Term::$part(part) => Ok($from(part)),
                    other => Err(other),
                }
            }

            $($own)*
        }

        impl Serialize for $part {
            #[inline]
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                handoff::put(self.clone().hand_over());
                let done = serializer.serialize_newtype_struct($part::NAME, &NearestPart(self));
                handoff::take();
                done
            }
        }

        impl<'de> Deserialize<'de> for $part {
            #[inline]
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_newtype_struct($part::NAME, PartVisitor(PhantomData))
            }
        }
    )*};
}

/// Those that are handed over as they are: reading one allocates nothing but its node's name, if
/// that is long.
macro_rules! handed {
    ($($part:ident $name:ident $expected:literal $into:expr, $from:expr;)*) => {
        parts! {$(
            $part $name $expected $into, $from, {
                #[inline]
                fn hand_over(self) -> Handed {
                    Handed::$part(self)
                }

                #[inline]
                fn take_over(handed: Handed) -> Result<Self, Term> {
                    match handed {
                        Handed::$part(part) => Ok(part),
                        // Another format made a term of it.
                        Handed::Term(term) => Self::from_term(term),
                        _ => Err(Term::Atom(Atom::NIL)),
                    }
                }
            }
        )*}
    };
}

handed! {
    Pid PID "a pid" Arc::new, Arc::unwrap_or_clone;
    Reference REFERENCE "a reference" Arc::new, Arc::unwrap_or_clone;
    Port PORT "a port" Arc::new, Arc::unwrap_or_clone;
    Binary BINARY "a binary" identity, identity;
}

parts! {
    Map TERM "a map" identity, identity, {}
    List TERM "a list" identity, identity, {}
    Tuple TERM "a tuple" identity, identity, {}
    ImproperList TERM "an improper list" identity, identity, {}
    BitString TERM "a bit string" Arc::new, Arc::unwrap_or_clone, {}
    Fun TERM "a fun" Arc::new, Arc::unwrap_or_clone, {}
    Export TERM "a fun of a module and name" Arc::new, Arc::unwrap_or_clone, {}
}

/// The nearest form of a part that other formats get, made only if one of them asks.
struct NearestPart<'a, P>(&'a P);

impl<P: Part> Serialize for NearestPart<'_, P> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Nearest::of(&self.0.clone().into_term()).serialize(serializer)
    }
}

struct PartVisitor<P>(PhantomData<P>);

impl<P: Part> PartVisitor<P> {
    #[inline]
    fn part<E: de::Error>(handed: Handed) -> Result<P, E> {
        P::take_over(handed).map_err(|term| {
            // Not the term itself: the sender chooses its size.
            let kind = term.kind();
            let article = if kind.starts_with(['a', 'i']) { "an" } else { "a" };
            E::custom(format_args!("expected {}, found {article} {kind}", P::EXPECTED))
        })
    }
}

impl<'de, P: Part> Visitor<'de> for PartVisitor<P> {
    type Value = P;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(P::EXPECTED)
    }

    /// This crate's own format handed it over.
    #[inline]
    fn visit_unit<E: de::Error>(self) -> Result<P, E> {
        Self::part(handoff::take().unwrap_or(Handed::Term(Term::Atom(Atom::NIL))))
    }

    /// Another format has only its own model to offer.
    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<P, D::Error> {
        Self::part(Handed::Term(Term::deserialize(inner)?))
    }
}
