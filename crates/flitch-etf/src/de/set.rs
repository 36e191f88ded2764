//! `MapSet`: `%MapSet{map: %{element => []}}`, before Elixir 1.15 with `version: 2` beside it.

use serde::de::{self, DeserializeSeed, Visitor};

use super::{DeError, Deserializer};
use crate::Tag;
use crate::ser::{MAPSET, MAPSET_KEY, STRUCT_KEY};

const EXPECTED: &str = "a %MapSet{}";

impl<'de> Deserializer<'_, 'de> {
    /// The elements of a `MapSet`.
    pub(super) fn set<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, DeError> {
        let start = self.reader.position();
        if self.tag()? != Tag::MAP_EXT {
            return Err(self.unexpected(EXPECTED));
        }
        let (mut named, mut elements_at) = (false, None);
        for _ in 0..self.reader.map()? {
            if self.atom_is(STRUCT_KEY) {
                if !self.atom_is(MAPSET) {
                    return Err(self.unexpected(EXPECTED).inside(format!(".{STRUCT_KEY}")));
                }
                named = true;
            } else if self.atom_is(MAPSET_KEY) {
                elements_at = Some(self.reader.position());
                self.reader.skip()?;
            } else {
                self.reader.skip()?;
                self.reader.skip()?;
            }
        }
        let (true, Some(elements_at)) = (named, elements_at) else {
            let message = format!("expected {EXPECTED}, found another map");
            return Err(DeError::at(start, message));
        };
        let end = self.reader.position();
        self.reader.back_to(elements_at);
        let value = self.set_elements(visitor)?;
        self.reader.back_to(end);
        Ok(value)
    }

    fn set_elements<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, DeError> {
        if self.tag()? != Tag::MAP_EXT {
            return Err(self.unexpected("a map").inside(format!(".{MAPSET_KEY}")));
        }
        let left = self.reader.map()?;
        self.nested(|this| {
            let mut elements = Elements { de: this, left, read: 0 };
            let value = visitor.visit_seq(&mut elements)?;
            let left = elements.left;
            this.all_taken(left, value)
        })
    }
}

/// The elements of a set: keys, whose values say nothing.
struct Elements<'x, 'a, 'de> {
    de: &'x mut Deserializer<'a, 'de>,
    left: usize,
    read: usize,
}

impl<'de> de::SeqAccess<'de> for &mut Elements<'_, '_, 'de> {
    type Error = DeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DeError> {
        if self.left == 0 {
            return Ok(None);
        }
        let index = self.read;
        self.left -= 1;
        self.read += 1;
        let element = self.de.inner(|_| format!("[{index}]"), |de| seed.deserialize(de))?;
        self.de.reader.skip()?;
        Ok(Some(element))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}
