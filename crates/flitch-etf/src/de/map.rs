//! Maps, and the structs of Elixir's that some of them are.

use serde::de::{self, DeserializeSeed, Visitor};

use super::token::kind_of;
use super::{DeError, Deserializer};
use crate::handoff::Form;
use crate::ser::{STRUCT_KEY, STRUCT_PREFIX};
use crate::{Reader, Tag};

impl<'de> Deserializer<'_, 'de> {
    /// A map, or what else has fields: a record. Its keys are laid out so.
    #[inline]
    pub(super) fn map<V: Visitor<'de>>(
        &mut self,
        keys: Form,
        visitor: V,
    ) -> Result<V::Value, DeError> {
        match self.tag()? {
            Tag::MAP_EXT => self.pairs(None, keys, visitor),
            Tag::RECORD_EXT => self.record(None, keys, visitor),
            _ => Err(self.unexpected("a map")),
        }
    }

    /// The struct of Elixir's with that name.
    #[inline]
    pub(super) fn elixir_struct<V: Visitor<'de>>(
        &mut self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DeError> {
        match self.tag()? {
            Tag::MAP_EXT => self.pairs(Some(name), Form::Plain, visitor),
            _ => Err(self.unexpected(&elixir_struct(name))),
        }
    }

    #[inline]
    fn pairs<V: Visitor<'de>>(
        &mut self,
        struct_name: Option<&'static str>,
        keys: Form,
        visitor: V,
    ) -> Result<V::Value, DeError> {
        let start = self.reader.position();
        let left = self.reader.map()?;
        self.nested(|this| {
            let mut pairs = Pairs { de: this, left, struct_name, keys, key_at: start };
            let value = visitor.visit_map(&mut pairs)?;
            // A visitor may stop before the last pair.
            pairs.check_struct()?;
            match (pairs.struct_name, pairs.left) {
                (Some(name), _) => Err(no_struct(start, name)),
                (_, 0) => Ok(value),
                (_, left) => Err(this.untaken(left)),
            }
        })
    }

    #[cold]
    pub(super) fn untaken(&self, left: usize) -> DeError {
        DeError::at(self.reader.position(), format!("{left} more pairs than expected"))
    }
}

#[cold]
fn no_struct(start: usize, name: &str) -> DeError {
    let message = format!("expected {}, found a map without __struct__", elixir_struct(name));
    DeError::at(start, message)
}

fn elixir_struct(name: &str) -> String {
    format!("a %{}{{}}", name.strip_prefix(STRUCT_PREFIX).unwrap_or(name))
}

/// The pairs of a map. Where a struct of Elixir's is wanted, its `__struct__` is checked here and
/// not shown to the visitor.
struct Pairs<'x, 'a, 'de> {
    de: &'x mut Deserializer<'a, 'de>,
    left: usize,
    /// The name that `__struct__` must have, until it has been found.
    struct_name: Option<&'static str>,
    keys: Form,
    /// Where the last key stands.
    key_at: usize,
}

impl Pairs<'_, '_, '_> {
    /// Moves past `__struct__: name`, if that is the next pair and has not been there.
    #[inline]
    fn check_struct(&mut self) -> Result<(), DeError> {
        match self.struct_name {
            None => Ok(()),
            Some(name) => self.find_struct(name),
        }
    }

    #[inline(never)]
    fn find_struct(&mut self, name: &str) -> Result<(), DeError> {
        if self.left == 0 || !self.de.atom_is(STRUCT_KEY) {
            return Ok(());
        }
        if !self.de.atom_is(name) {
            return Err(self.de.unexpected(&elixir_struct(name)).inside(format!(".{STRUCT_KEY}")));
        }
        self.struct_name = None;
        self.left -= 1;
        Ok(())
    }
}

impl<'de> de::MapAccess<'de> for &mut Pairs<'_, '_, 'de> {
    type Error = DeError;

    #[inline]
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
        let key = self.de.formed(self.keys, |de| seed.deserialize(de));
        key.map(Some).map_err(|error| error.located(self.key_at))
    }

    #[inline]
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, DeError> {
        let key_at = self.key_at;
        self.de.inner(|de| key_step(de.reader.fork_at(key_at)), |de| seed.deserialize(de))
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

/// The key at the cursor as a step of a path: `.qty`, `["a b"]`, `[7]`. Of other keys only the
/// kind, since the sender chooses their size.
#[cold]
#[inline(never)]
pub(super) fn key_step(mut key: Reader<'_>) -> String {
    const SHOWN: usize = 40;
    match key.peek() {
        Ok(tag) if tag.is_atom() => match key.atom_text() {
            Ok(text) => format!(".{}", start_of(&text, SHOWN).escape_debug()),
            Err(_) => "[?]".into(),
        },
        Ok(Tag::BINARY_EXT) => {
            let bytes = key.bytes().unwrap_or_default();
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

fn start_of(text: &str, chars: usize) -> &str {
    text.char_indices().nth(chars).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}
