//! What serde draws elements, pairs and variants from.

use serde::de::{self, DeserializeSeed, IntoDeserializer, Visitor};

use super::{DeError, Deserializer, elixir_name, is_atom, kind_of};
use crate::handoff;
use crate::ser::STRUCT_KEY;
use crate::{Atom, Tag, Term};

/// The elements of a list or tuple.
pub(super) struct Elements<'x, 'a, 'de> {
    pub(super) de: &'x mut Deserializer<'a, 'de>,
    pub(super) left: usize,
    pub(super) read: usize,
    pub(super) tuple: bool,
}

impl<'de> de::SeqAccess<'de> for &mut Elements<'_, '_, 'de> {
    type Error = DeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DeError> {
        while !self.tuple && self.left == 0 && self.de.reader.peek()? == Tag::LIST_EXT {
            // C nodes write a list cell by cell, each the tail of the one before.
            self.left = self.de.reader.list()?;
        }
        if self.left == 0 {
            return Ok(None);
        }
        let (start, index) = (self.de.reader.position(), self.read);
        self.left -= 1;
        self.read += 1;
        seed.deserialize(&mut *self.de).map(Some).map_err(|error| {
            let step = if self.tuple { format!(".{index}") } else { format!("[{index}]") };
            error.located(start).inside(step)
        })
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

/// The bytes of a STRING_EXT, as the integers that they stand for.
pub(super) struct Bytewise<'de> {
    pub(super) bytes: &'de [u8],
    pub(super) read: usize,
}

impl<'de> de::SeqAccess<'de> for &mut Bytewise<'de> {
    type Error = DeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DeError> {
        let Some(byte) = self.bytes.get(self.read) else { return Ok(None) };
        let element = seed.deserialize(Whole(Term::from(*byte)));
        let element = element.map_err(|error| error.inside(format!("[{}]", self.read)))?;
        self.read += 1;
        Ok(Some(element))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.bytes.len() - self.read)
    }
}

/// A term that has no bytes of its own: an integer of a STRING_EXT, or the `()` that `:ok` stands
/// for.
struct Whole(Term);

impl<'de> de::Deserializer<'de> for Whole {
    type Error = DeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        match self.0 {
            Term::Integer(byte) => visitor.visit_i64(byte),
            _ => visitor.visit_unit(),
        }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        match self.0 {
            Term::Integer(byte) => visitor.visit_f64(byte as f64),
            _ => visitor.visit_unit(),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DeError> {
        if name != handoff::NAME {
            return visitor.visit_newtype_struct(self);
        }
        handoff::put(self.0);
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// The pairs of a map. Where a struct of Elixir's is wanted, its `__struct__` is checked here and
/// not shown to the visitor.
pub(super) struct Pairs<'x, 'a, 'de> {
    pub(super) de: &'x mut Deserializer<'a, 'de>,
    pub(super) left: usize,
    pub(super) struct_name: Option<&'static str>,
    /// Whether `__struct__` was there.
    pub(super) found: bool,
    /// Where the last key stands.
    pub(super) key_at: usize,
}

impl Pairs<'_, '_, '_> {
    /// Moves past `__struct__: name`, if that is the next pair.
    fn check_struct(&mut self) -> Result<(), DeError> {
        let Some(name) = self.struct_name else { return Ok(()) };
        if self.left == 0 || self.found || !self.de.atom_is(STRUCT_KEY) {
            return Ok(());
        }
        if !self.de.atom_is(name) {
            let expected = format!("a %{}{{}}", elixir_name(name));
            return Err(self.de.unexpected(&expected).inside(format!(".{STRUCT_KEY}")));
        }
        self.found = true;
        self.left -= 1;
        Ok(())
    }

    /// The last key as a step of a path: `.qty`, `["a b"]`, `[7]`. Of other keys only the kind,
    /// since the sender chooses their size.
    fn key_step(&self) -> String {
        const SHOWN: usize = 40;
        let mut key = self.de.reader.fork_at(self.key_at);
        match key.peek() {
            Ok(tag) if is_atom(tag) => match key.atom_text() {
                Ok(text) => format!(".{}", start_of(&text, SHOWN).escape_debug()),
                Err(_) => "[?]".into(),
            },
            Ok(Tag::BINARY_EXT) => {
                let bytes = key.binary_slice().unwrap_or_default();
                let start = bytes.get(..SHOWN).unwrap_or(bytes);
                format!("[{:?}]", start_of(&String::from_utf8_lossy(start), SHOWN))
            }
            Ok(tag) => match key.integer() {
                Ok(number) => format!("[{number}]"),
                Err(_) => format!("[{}]", kind_of(tag)),
            },
            Err(_) => "[?]".into(),
        }
    }
}

fn start_of(text: &str, chars: usize) -> &str {
    text.char_indices().nth(chars).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

impl<'de> de::MapAccess<'de> for &mut Pairs<'_, '_, 'de> {
    type Error = DeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, DeError> {
        self.check_struct()?;
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        self.key_at = self.de.reader.position();
        let key = seed.deserialize(&mut *self.de);
        key.map(Some).map_err(|error| error.located(self.key_at))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, DeError> {
        let start = self.de.reader.position();
        let value = seed.deserialize(&mut *self.de);
        value.map_err(|error| error.located(start).inside(self.key_step()))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

/// An enum's variant: an atom, or a tuple that starts with one.
pub(super) struct Variant<'x, 'a, 'de> {
    pub(super) de: &'x mut Deserializer<'a, 'de>,
    /// Elements behind the atom; `None` where it stands alone.
    pub(super) fields: Option<usize>,
    /// Whether the enum is Rust's `Result`, of `:ok` and `:error`.
    pub(super) result: bool,
    pub(super) start: usize,
}

impl Variant<'_, '_, '_> {
    fn shape_error(&self, expected: &str) -> DeError {
        let found = match self.fields {
            None => "the atom alone".to_owned(),
            Some(fields) => format!("a tuple of {}", fields + 1),
        };
        DeError::at(self.start, format!("expected {expected}, found {found}"))
    }
}

impl<'de> de::EnumAccess<'de> for Variant<'_, '_, 'de> {
    type Error = DeError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), DeError> {
        if !is_atom(self.de.reader.peek()?) {
            return Err(self.de.unexpected("an atom as the first element"));
        }
        let at = self.de.reader.position();
        let tag = self.de.reader.atom_text()?;
        let name = match &*tag {
            "ok" if self.result => "Ok",
            "error" if self.result => "Err",
            name => name,
        };
        let variant = seed.deserialize(name.into_deserializer());
        Ok((variant.map_err(|error: DeError| error.located(at))?, self))
    }
}

impl<'de> de::VariantAccess<'de> for Variant<'_, '_, 'de> {
    type Error = DeError;

    fn unit_variant(self) -> Result<(), DeError> {
        match self.fields {
            None => Ok(()),
            Some(_) => Err(self.shape_error("an atom alone")),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, DeError> {
        match self.fields {
            Some(1) => {
                let at = self.de.reader.position();
                let value = seed.deserialize(&mut *self.de);
                value.map_err(|error| error.located(at).inside(".1".into()))
            }
            // `:ok` is `Ok(())`.
            None if self.result => seed.deserialize(Whole(Atom::OK.into())),
            _ => Err(self.shape_error("a tuple of 2")),
        }
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, DeError> {
        if self.fields != Some(len) {
            return Err(self.shape_error(&format!("a tuple of {}", len + 1)));
        }
        visitor.visit_seq(&mut Elements { de: self.de, left: len, read: 1, tuple: true })
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeError> {
        match self.fields {
            Some(1) => self.de.map(None, visitor),
            _ => Err(self.shape_error("a tuple of the atom and a map")),
        }
    }
}
