//! The options that a strategy has, asked of the type itself, so that no list can fall behind.

use serde::de::value::Error;
use serde::de::{DeserializeOwned, Deserializer, Visitor};
use serde::forward_to_deserialize_any;

/// The names of a struct's fields, as serde reads them; none, if it is no struct.
#[must_use]
pub fn of<T: DeserializeOwned>() -> &'static [&'static str] {
    let mut fields: &'static [&'static str] = &[];
    // It has nothing to give, so it always fails; but it was told the fields before.
    let _ = T::deserialize(Listens(&mut fields));
    fields
}

struct Listens<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Listens<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(serde::de::Error::custom("there is nothing"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        *self.0 = fields;
        self.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_options_of_a_strategy_are_the_fields_of_its_type() {
        assert_eq!(super::of::<crate::Epmd>(), ["hosts", "timeout"]);
        assert_eq!(super::of::<String>(), [""; 0]);
    }
}
