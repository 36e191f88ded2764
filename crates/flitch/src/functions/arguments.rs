//! The arguments of a call: a list, still encoded.

use std::fmt;
use std::marker::PhantomData;

use flitch_dist::Payload;
use flitch_etf::{DeError, Limits, Tag, Term, write_term};
use serde::de::{DeserializeOwned, Error, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, forward_to_deserialize_any};

/// What of the arguments goes into the stack trace of an error.
const SHOWN: Limits = Limits { depth: 64, terms: 10_000, ..Limits::DEFAULT };

/// The arguments of a call.
#[derive(Clone, Debug)]
pub(crate) struct Arguments(Payload);

impl Arguments {
    pub(crate) fn new(list: Payload) -> Self {
        Self(list)
    }

    /// Of a term; none of one that has no form on the wire, as none does that came from there.
    pub(crate) fn of_term(list: &Term) -> Option<Self> {
        Payload::encode(|out| write_term(out, list)).ok().map(Self)
    }

    /// How many there are. `None` if this is no list, or a longer one than a function takes.
    pub(crate) fn arity(&self) -> Option<u8> {
        let mut reader = self.0.reader();
        let len = match reader.peek().ok()? {
            Tag::LIST_EXT => reader.list().ok()?,
            Tag::NIL_EXT => 0,
            Tag::STRING_EXT => reader.term().ok()?.as_list()?.len(),
            _ => return None,
        };
        u8::try_from(len).ok()
    }

    /// As terms.
    pub(crate) fn terms(&self) -> Option<Vec<Term>> {
        Some(self.0.to_term(Limits::DEFAULT).ok()?.as_list()?.to_vec())
    }

    /// As the frame of a stack trace has them: a list, or their number if they are many.
    pub(crate) fn shown(&self) -> Term {
        match self.0.to_term(SHOWN) {
            Ok(list) => list,
            Err(_) => Term::from(self.arity().unwrap_or(u8::MAX)),
        }
    }

    pub(crate) fn decode<A: DeserializeOwned>(&self) -> Result<A, DeError> {
        self.0.to_value::<FromList<A>>().map(|FromList(arguments)| arguments)
    }
}

/// A value out of a list, where its own form would be a tuple.
struct FromList<A>(A);

impl<'de, A: Deserialize<'de>> Deserialize<'de> for FromList<A> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Elements(PhantomData))
    }
}

struct Elements<A>(PhantomData<A>);

impl<'de, A: Deserialize<'de>> Visitor<'de> for Elements<A> {
    type Value = FromList<A>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of arguments")
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut elements: S) -> Result<Self::Value, S::Error> {
        let arguments = A::deserialize(Sequence(&mut elements))?;
        match elements.next_element::<IgnoredAny>()? {
            None => Ok(FromList(arguments)),
            Some(_) => Err(S::Error::custom("more arguments than the function takes")),
        }
    }
}

/// A list, to whatever asks for a tuple, a list or nothing.
struct Sequence<'a, S>(&'a mut S);

impl<'de, S: SeqAccess<'de>> Deserializer<'de> for Sequence<'_, S> {
    type Error = S::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, S::Error> {
        visitor.visit_seq(self.0)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, S::Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(list: Vec<Term>) -> Arguments {
        Arguments::of_term(&Term::from(list)).unwrap()
    }

    #[test]
    fn arguments_come_as_a_tuple_whatever_form_their_list_has() {
        let one = of(vec![Term::from("a-1")]);
        assert_eq!(one.arity(), Some(1));
        assert_eq!(one.decode::<(String,)>().unwrap(), ("a-1".to_owned(),));
        let two = of(vec![Term::from(1), Term::from(2)]);
        assert_eq!(two.decode::<(u8, i64)>().unwrap(), (1, 2), "a STRING_EXT");
        assert_eq!(two.decode::<Vec<u16>>().unwrap(), [1, 2]);
        let none = of(vec![]);
        assert_eq!((none.arity(), none.decode::<()>().is_ok()), (Some(0), true));
    }

    #[test]
    fn arguments_of_other_types_or_of_another_number_are_an_error() {
        assert!(of(vec![Term::from(1)]).decode::<(String,)>().is_err());
        assert!(of(vec![Term::from("a"), Term::from("b")]).decode::<(String,)>().is_err());
        assert!(of(vec![Term::from("a")]).decode::<(String, String)>().is_err());
        assert_eq!(Arguments::of_term(&Term::atom("none")).unwrap().arity(), None);
        assert_eq!(of(vec![Term::from(1.0); 256]).arity(), None);
    }
}
