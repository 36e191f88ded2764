//! Values that other bytes imply: they have no tag of their own.

use serde::de::{self, Visitor};

use super::DeError;
use crate::handoff::{self, Handed};
use crate::{Atom, Term};

#[derive(Clone, Copy)]
pub(super) enum Implied {
    /// An integer of a STRING_EXT.
    Byte(u8),
    /// The `()` of `Ok(())`, which is the atom `:ok` alone.
    Unit,
    /// The value of a key that stands alone in a proplist.
    True,
}

impl Implied {
    fn term(self) -> Term {
        match self {
            Self::Byte(byte) => Term::from(byte),
            Self::Unit => Term::Atom(Atom::OK),
            Self::True => Term::Atom(Atom::TRUE),
        }
    }
}

impl<'de> de::Deserializer<'de> for Implied {
    type Error = DeError;

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        match self {
            Self::Byte(byte) => visitor.visit_u64(byte.into()),
            Self::Unit => visitor.visit_unit(),
            Self::True => visitor.visit_bool(true),
        }
    }

    #[inline]
    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        match self {
            Self::Byte(byte) => visitor.visit_i64(byte.into()),
            other => other.deserialize_any(visitor),
        }
    }

    #[inline]
    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        match self {
            Self::Byte(byte) => visitor.visit_f64(byte.into()),
            other => other.deserialize_any(visitor),
        }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DeError> {
        match (name, self) {
            (handoff::TERM, _) | (handoff::INTEGER, Self::Byte(_)) => {
                handoff::put(Handed::Term(self.term()));
                visitor.visit_unit()
            }
            (handoff::ATOM, Self::Unit) => visitor.visit_borrowed_str("ok"),
            (handoff::ATOM, Self::True) => visitor.visit_borrowed_str("true"),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i128 u8 u16 u32 u64 u128 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}
