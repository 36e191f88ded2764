//! Keyword lists and proplists: `[a: 1, b: 2]`, `[{a, 1}, b]`.

use std::borrow::Cow;
use std::collections::HashSet;

use serde::de::value::SeqAccessDeserializer;
use serde::de::{self, DeserializeSeed, Visitor};

use super::implied::Implied;
use super::map::key_step;
use super::{DeError, Deserializer};
use crate::Tag;
use crate::handoff::Form;

/// What an element must be.
const ELEMENT: &str = "a pair of an atom and a value, or an atom";

impl<'de> Deserializer<'_, 'de> {
    /// A keyword list as a map, or as a struct with these fields. Of a key that stands there twice
    /// the first counts, as for `Keyword.get`.
    pub(super) fn keyword<V: Visitor<'de>>(
        &mut self,
        fields: Option<&'static [&'static str]>,
        visitor: V,
    ) -> Result<V::Value, DeError> {
        self.keyword_elements(|elements| {
            let key_at = elements.de.reader.position();
            let mut pairs = Pairs { elements, fields, seen: HashSet::new(), bare: false, key_at };
            let value = visitor.visit_map(&mut pairs)?;
            // A repeated key may be all that is left.
            while pairs.next_name()?.is_some() {
                pairs.skip_value()?;
                pairs.elements.untaken += 1;
            }
            Ok(value)
        })
    }

    /// A keyword list as the sequence of its pairs, none left out.
    pub(super) fn keyword_seq<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, DeError> {
        self.keyword_elements(|elements| visitor.visit_seq(elements))
    }

    fn keyword_elements<R>(
        &mut self,
        read: impl FnOnce(&mut Elements<'_, '_, 'de>) -> Result<R, DeError>,
    ) -> Result<R, DeError> {
        let empty = match self.tag()? {
            Tag::NIL_EXT => true,
            Tag::LIST_EXT => false,
            _ => return Err(self.unexpected("a keyword list")),
        };
        let value = self.nested(|this| {
            let mut elements = Elements { de: this, left: 0, read: 0, empty, untaken: 0 };
            let value = read(&mut elements)?;
            let left = elements.left + elements.untaken;
            this.all_taken(left, value)
        })?;
        self.end_of_list()?;
        Ok(value)
    }
}

/// The elements of a keyword list.
struct Elements<'x, 'a, 'de> {
    de: &'x mut Deserializer<'a, 'de>,
    left: usize,
    read: usize,
    /// Whether the list is `[]`.
    empty: bool,
    /// Elements that the visitor left to us.
    untaken: usize,
}

impl Elements<'_, '_, '_> {
    /// Moves to the key of the next element: whether it stands alone.
    fn next(&mut self) -> Result<Option<bool>, DeError> {
        // C nodes write a list cell by cell, each the tail of the one before.
        while self.left == 0 && !self.empty && self.de.tag()? == Tag::LIST_EXT {
            self.left = self.de.reader.list()?;
        }
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        self.read += 1;
        let start = self.de.reader.position();
        if self.de.tag()?.is_atom() {
            return Ok(Some(true));
        }
        let pair = self.de.arity(ELEMENT).and_then(|arity| match arity {
            2 if self.de.tag()?.is_atom() => Ok(Some(false)),
            _ => {
                self.de.reader.back_to(start);
                Err(self.de.unexpected(ELEMENT))
            }
        });
        pair.map_err(|error| error.inside(format!("[{}]", self.read - 1)))
    }
}

impl<'de> de::SeqAccess<'de> for &mut Elements<'_, '_, 'de> {
    type Error = DeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DeError> {
        let Some(bare) = self.next()? else { return Ok(None) };
        let index = self.read - 1;
        let value = self.de.inner(
            |_| format!("[{index}]"),
            |de| {
                let mut pair = Pair { de: &mut *de, bare, read: 0 };
                let value = seed.deserialize(SeqAccessDeserializer::new(&mut pair))?;
                let unread = 2 - pair.read;
                de.all_taken(unread, value)
            },
        );
        value.map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

/// One element as a pair, whichever way it is written.
struct Pair<'x, 'a, 'de> {
    de: &'x mut Deserializer<'a, 'de>,
    bare: bool,
    read: usize,
}

impl<'de> de::SeqAccess<'de> for &mut Pair<'_, '_, 'de> {
    type Error = DeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DeError> {
        let step = self.read;
        self.read += 1;
        if step > 1 {
            return Ok(None);
        }
        let implied = self.bare && step == 1;
        self.de.inner(|_| format!(".{step}"), |de| true_or_next(de, implied, seed)).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(2usize.saturating_sub(self.read))
    }
}

/// The value of a key: the next one, or `true` where the key stands alone.
fn true_or_next<'de, T: DeserializeSeed<'de>>(
    de: &mut Deserializer<'_, 'de>,
    implied: bool,
    seed: T,
) -> Result<T::Value, DeError> {
    if implied { seed.deserialize(Implied::True) } else { seed.deserialize(de) }
}

/// The pairs of a keyword list, each key once.
struct Pairs<'y, 'x, 'a, 'de> {
    elements: &'y mut Elements<'x, 'a, 'de>,
    /// The only keys that are asked for, if it is known.
    fields: Option<&'static [&'static str]>,
    seen: HashSet<Cow<'de, str>>,
    /// Whether the last key stands alone, for `{key, true}`.
    bare: bool,
    key_at: usize,
}

impl<'de> Pairs<'_, '_, '_, 'de> {
    /// Moves to the value of the next pair whose key has not been there: where the key stands.
    fn next_name(&mut self) -> Result<Option<usize>, DeError> {
        while let Some(bare) = self.elements.next()? {
            self.bare = bare;
            self.key_at = self.elements.de.reader.position();
            let name = self.elements.de.atom_text()?;
            let known = self.fields.is_none_or(|fields| fields.contains(&&*name));
            if !known || self.seen.insert(name) {
                return Ok(Some(self.key_at));
            }
            self.skip_value()?;
        }
        Ok(None)
    }

    fn skip_value(&mut self) -> Result<(), DeError> {
        if self.bare { Ok(()) } else { Ok(self.elements.de.reader.skip().map(|_| ())?) }
    }
}

impl<'de> de::MapAccess<'de> for &mut Pairs<'_, '_, '_, 'de> {
    type Error = DeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, DeError> {
        let Some(key_at) = self.next_name()? else { return Ok(None) };
        let de = &mut *self.elements.de;
        de.reader.back_to(key_at);
        let key = de.formed(Form::Atom, |de| seed.deserialize(de));
        key.map(Some).map_err(|error| error.located(key_at))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, DeError> {
        let (bare, key_at) = (self.bare, self.key_at);
        let step = |de: &Deserializer<'_, '_>| key_step(de.reader.fork_at(key_at));
        self.elements.de.inner(step, |de| true_or_next(de, bare, seed))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.elements.left)
    }
}
