//! The usual tags and sizes, read at once; whatever is unusual or broken is left to the reader.

use std::borrow::Cow;

use super::{DeError, Deserializer};
use crate::record_head::RecordName;
use crate::{Atom, Tag, text};

const FLOAT: u8 = Tag::NEW_FLOAT_EXT.0;
const BINARY: u8 = Tag::BINARY_EXT.0;
const ATOM: u8 = Tag::SMALL_ATOM_UTF8_EXT.0;
const TUPLE: u8 = Tag::SMALL_TUPLE_EXT.0;

impl<'de> Deserializer<'_, 'de> {
    /// A finite float of eight bytes, if one stands here.
    #[inline]
    pub(super) fn token_float(&mut self) -> Option<f64> {
        let [FLOAT, rest @ ..] = self.reader.rest() else { return None };
        let (value, rest) = rest.split_first_chunk()?;
        let value = f64::from_be_bytes(*value);
        if !value.is_finite() {
            return None;
        }
        self.reader.advance_to(rest);
        Some(value)
    }

    /// The bytes of a binary, if one stands here.
    #[inline]
    pub(super) fn token_binary(&mut self) -> Option<&'de [u8]> {
        let [BINARY, a, b, c, d, rest @ ..] = self.reader.rest() else { return None };
        let len = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        let (bytes, rest) = rest.split_at_checked(len)?;
        self.reader.advance_to(rest);
        Some(bytes)
    }

    /// The text of an atom as nodes write it, not checked, and what is behind it, if one stands
    /// here. The cursor stays.
    #[inline]
    pub(super) fn token_atom(&self) -> Option<(&'de [u8], &'de [u8])> {
        let [ATOM, len, rest @ ..] = self.reader.rest() else { return None };
        rest.split_at_checked((*len).into())
    }

    /// The name that the atom here is, if it is one of these; the first looked at is that one.
    #[inline]
    pub(super) fn token_name(
        &mut self,
        names: &'static [&'static str],
        first: usize,
    ) -> Option<(usize, &'static str)> {
        let (text, rest) = self.token_atom()?;
        let is_it = |(_, name): &(usize, &&str)| name.as_bytes() == text;
        let mut ahead = names.iter().enumerate().skip(first);
        let (index, name) =
            ahead.find(is_it).or_else(|| names.iter().enumerate().take(first).find(is_it))?;
        self.reader.advance_to(rest);
        Some((index, name))
    }

    /// The arity of a small tuple, if one stands here whose elements may be there too.
    #[inline]
    pub(super) fn token_tuple(&mut self) -> Option<usize> {
        let [TUPLE, arity, rest @ ..] = self.reader.rest() else { return None };
        let arity = usize::from(*arity);
        if arity > rest.len() {
            return None;
        }
        self.reader.advance_to(rest);
        Some(arity)
    }

    /// The tag at the cursor.
    #[inline]
    pub(super) fn tag(&self) -> Result<Tag, DeError> {
        match self.reader.rest().first() {
            Some(tag) => Ok(Tag(*tag)),
            None => self.reader.peek().map_err(DeError::from),
        }
    }

    /// The text of an atom.
    #[inline]
    pub(super) fn atom_text(&mut self) -> Result<Cow<'de, str>, DeError> {
        if let Some((text, rest)) = self.token_atom()
            && let Ok(text) = std::str::from_utf8(text)
        {
            self.reader.advance_to(rest);
            return Ok(Cow::Borrowed(text));
        }
        Ok(self.reader.atom_text()?)
    }

    /// Moves past the atom with that text, if it stands here.
    #[inline]
    pub(super) fn atom_is(&mut self, text: &str) -> bool {
        match self.reader.rest() {
            [ATOM, len, rest @ ..] => match rest.strip_prefix(text.as_bytes()) {
                Some(rest) if usize::from(*len) == text.len() => {
                    self.reader.advance_to(rest);
                    true
                }
                _ => false,
            },
            [tag, ..] if Tag(*tag).is_atom() => self.other_atom_is(text),
            _ => false,
        }
    }

    /// [`Self::atom_is`] for an atom in an old form, or a number of the header's.
    #[cold]
    #[inline(never)]
    fn other_atom_is(&mut self, text: &str) -> bool {
        let start = self.reader.position();
        let found = self.atom_text().is_ok_and(|found| *found == *text);
        if !found {
            self.reader.back_to(start);
        }
        found
    }

    /// "expected an integer, found the atom :many", at the cursor.
    #[cold]
    #[inline(never)]
    pub(super) fn unexpected(&self, expected: &str) -> DeError {
        DeError::at(self.reader.position(), format!("expected {expected}, found {}", self.found()))
    }

    fn found(&self) -> String {
        let mut ahead = self.reader.fork();
        match ahead.peek() {
            Ok(Tag::RECORD_EXT) => match ahead.record_head() {
                Ok(head) => RecordName { module: head.module.as_str(), name: head.name.as_str() }
                    .to_string(),
                Err(_) => "a broken record".into(),
            },
            Ok(Tag::COMPRESSED) => "compressed data, which only `from_bytes` reads".into(),
            Ok(tag) if tag.is_atom() => match ahead.atom() {
                Ok(atom) => atom_named(&atom),
                Err(_) => "a broken atom".into(),
            },
            Ok(tag) => kind_of(tag).into(),
            Err(_) => "nothing".into(),
        }
    }
}

/// "the atom :many".
pub(super) fn atom_named(atom: &Atom) -> String {
    format!("the atom {}", text::elixir_atom(atom))
}

pub(super) fn kind_of(tag: Tag) -> &'static str {
    match tag {
        tag if tag.is_integer() => "an integer",
        tag if tag.is_tuple() => "a tuple",
        tag if tag.is_atom() => "an atom",
        Tag::NEW_FLOAT_EXT | Tag::FLOAT_EXT => "a float",
        Tag::BINARY_EXT => "a binary",
        Tag::BIT_BINARY_EXT => "a bit string",
        Tag::NIL_EXT | Tag::STRING_EXT | Tag::LIST_EXT => "a list",
        Tag::MAP_EXT => "a map",
        Tag::RECORD_EXT => "a record",
        Tag::NEW_PID_EXT | Tag::PID_EXT => "a pid",
        Tag::V4_PORT_EXT | Tag::NEW_PORT_EXT | Tag::PORT_EXT => "a port",
        Tag::NEWER_REFERENCE_EXT | Tag::NEW_REFERENCE_EXT | Tag::REFERENCE_EXT => "a reference",
        Tag::NEW_FUN_EXT | Tag::EXPORT_EXT => "a function",
        Tag::LOCAL_EXT => "a term of a node's own",
        _ => "an unknown term",
    }
}
