//! Integers of any size.

use std::marker::PhantomData;
use std::sync::Arc;

use num_bigint::BigInt;
use serde::de::{self, Deserializer};
use serde::ser::Serializer;

use super::{Carried, with_module};
use crate::Term;
use crate::handoff::{self, Handed};
use crate::impls::Nearest;

/// The kind of [`bigint`].
pub struct Integer(PhantomData<()>);

with_module! {
    /// A [`BigInt`](crate::BigInt) of any size, or an `Option` or `Vec` of them. (`i128` and `u128`
    /// need no module.) In other formats: a number, or text beyond 128 bits.
    ///
    /// ```
    /// #[derive(serde::Serialize, serde::Deserialize)]
    /// struct Key {
    ///     #[serde(with = "flitch_etf::bigint")]
    ///     modulus: flitch_etf::BigInt,
    /// }
    ///
    /// let modulus: flitch_etf::BigInt = flitch_etf::BigInt::from(7) << 4000;
    /// let bytes = flitch_etf::to_vec(&Key { modulus: modulus.clone() })?;
    /// assert_eq!(flitch_etf::from_slice::<Key>(&bytes)?.modulus, modulus);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    bigint: Integer
}

impl Carried<Integer> for BigInt {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let term = Term::from(self.clone());
        handoff::put(Handed::Term(term.clone()));
        let done = serializer.serialize_newtype_struct(handoff::INTEGER, &Nearest::of(&term));
        handoff::take();
        done
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(handoff::INTEGER, Visitor)
    }
}

struct Visitor;

impl<'de> de::Visitor<'de> for Visitor {
    type Value = BigInt;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an integer")
    }

    /// This crate's own format handed it over.
    fn visit_unit<E: de::Error>(self) -> Result<BigInt, E> {
        match handoff::take() {
            Some(Handed::Term(Term::Integer(value))) => Ok(value.into()),
            Some(Handed::Term(Term::BigInt(value))) => Ok(Arc::unwrap_or_clone(value)),
            _ => Err(E::custom("expected an integer")),
        }
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<BigInt, D::Error> {
        inner.deserialize_any(self)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<BigInt, E> {
        Ok(value.into())
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<BigInt, E> {
        Ok(value.into())
    }

    fn visit_i128<E: de::Error>(self, value: i128) -> Result<BigInt, E> {
        Ok(value.into())
    }

    fn visit_u128<E: de::Error>(self, value: u128) -> Result<BigInt, E> {
        Ok(value.into())
    }

    /// Another format's form of a large one.
    fn visit_str<E: de::Error>(self, text: &str) -> Result<BigInt, E> {
        // Conversion takes the square of the length.
        const DIGITS: usize = 10_000;
        let parsed =
            Some(text).filter(|text| text.len() <= DIGITS).and_then(|text| text.parse().ok());
        parsed.ok_or_else(|| E::custom("expected an integer, found text"))
    }
}
