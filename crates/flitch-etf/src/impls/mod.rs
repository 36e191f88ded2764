//! [`Term`] and its parts inside typed values.

mod parts;

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{self, Serialize, SerializeMap, Serializer};

use crate::handoff::{self, Handed};
use crate::{Atom, Binary, Map, Term, text};

/// How deep a term may be that another format is to hold, since its serializer recurses.
const MAX_DEPTH: usize = 128;

/// In this crate's own format, the term itself. In others, such as JSON, its nearest form: atoms
/// and UTF-8 binaries are strings, `nil` is null, tuples are lists, and what has no counterpart
/// (pids, references, funs, other binaries) is the text that Elixir would print.
impl Serialize for Term {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        handoff::put(Handed::Term(self.clone()));
        let done = serializer.serialize_newtype_struct(handoff::TERM, &Nearest::of(self));
        handoff::take();
        done
    }
}

pub(crate) struct Nearest<'a>(&'a Term, usize);

impl<'a> Nearest<'a> {
    pub(crate) fn of(term: &'a Term) -> Self {
        Self(term, MAX_DEPTH)
    }
}

impl Serialize for Nearest<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(term, depth) = *self;
        let depth = depth.checked_sub(1);
        let depth = depth.ok_or_else(|| ser::Error::custom("the term is too deep"))?;
        match term {
            Term::Integer(value) => serializer.serialize_i64(*value),
            Term::Float(value) => serializer.serialize_f64(*value),
            Term::Atom(atom) => match atom.as_str() {
                "true" => serializer.serialize_bool(true),
                "false" => serializer.serialize_bool(false),
                "nil" => serializer.serialize_none(),
                text => serializer.serialize_str(text),
            },
            Term::Binary(binary) => match binary.as_str() {
                Some(text) => serializer.serialize_str(text),
                None => serializer.collect_str(&text::elixir(term)),
            },
            Term::List(_) | Term::Tuple(_) => {
                let [elements, _] = term.runs();
                serializer.collect_seq(elements.iter().map(|child| Nearest(child, depth)))
            }
            Term::Map(map) => {
                let mut out = serializer.serialize_map(Some(map.len()))?;
                for (key, value) in map.iter() {
                    out.serialize_entry(&key_text(key), &Nearest(value, depth))?;
                }
                out.end()
            }
            Term::BigInt(value) => match (u64::try_from(&**value), i128::try_from(&**value)) {
                (Ok(value), _) => serializer.serialize_u64(value),
                (_, Ok(value)) => serializer.serialize_i128(value),
                _ => serializer.collect_str(value),
            },
            other => serializer.collect_str(&text::elixir(other)),
        }
    }
}

/// Other formats want strings for keys.
fn key_text(key: &Term) -> String {
    match (key.as_atom(), key.as_str()) {
        (Some(atom), _) => atom.as_str().to_owned(),
        (_, Some(text)) => text.to_owned(),
        _ => text::elixir(key).to_string(),
    }
}

impl<'de> Deserialize<'de> for Term {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(handoff::TERM, TermVisitor)
    }
}

struct TermVisitor;

impl<'de> Visitor<'de> for TermVisitor {
    type Value = Term;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any term")
    }

    /// This crate's own format handed the term over.
    fn visit_unit<E: de::Error>(self) -> Result<Term, E> {
        match handoff::take() {
            Some(Handed::Term(term)) => Ok(term),
            _ => Ok(Term::Atom(Atom::NIL)),
        }
    }

    /// Another format has only its own model to offer.
    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<Term, D::Error> {
        inner.deserialize_any(self)
    }

    fn visit_none<E: de::Error>(self) -> Result<Term, E> {
        Ok(Term::Atom(Atom::NIL))
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<Term, D::Error> {
        Term::deserialize(inner)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Term, E> {
        Ok(value.into())
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Term, E> {
        Ok(value.into())
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Term, E> {
        Ok(value.into())
    }

    fn visit_i128<E: de::Error>(self, value: i128) -> Result<Term, E> {
        Ok(value.into())
    }

    fn visit_u128<E: de::Error>(self, value: u128) -> Result<Term, E> {
        Ok(value.into())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Term, E> {
        Ok(value.into())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Term, E> {
        Ok(text.into())
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Term, E> {
        Ok(Term::Binary(Binary::copy_from(bytes)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Term, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = seq.next_element::<Term>()? {
            elements.push(element);
        }
        Ok(elements.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Term, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry::<Term, Term>()? {
            pairs.push(pair);
        }
        Ok(pairs.into_iter().collect::<Map>().into())
    }
}
