//! The usual tags and sizes, read at once; whatever is unusual or broken is left to the reader.

use std::borrow::Cow;

use super::{DeError, Deserializer};
use crate::record_head::RecordName;
use crate::{Atom, Tag, Term, text};

const SMALL_INTEGER: u8 = Tag::SMALL_INTEGER_EXT.0;
const INTEGER: u8 = Tag::INTEGER_EXT.0;
const SMALL_BIG: u8 = Tag::SMALL_BIG_EXT.0;
const FLOAT: u8 = Tag::NEW_FLOAT_EXT.0;
const BINARY: u8 = Tag::BINARY_EXT.0;
const ATOM: u8 = Tag::SMALL_ATOM_UTF8_EXT.0;
const LATIN1_ATOM: u8 = Tag::ATOM_EXT.0;
const TUPLE: u8 = Tag::SMALL_TUPLE_EXT.0;

/// An atom that has been looked at.
struct Token<'de> {
    text: &'de [u8],
    /// Bytes before the text.
    head: usize,
    latin1: bool,
}

impl<'de> Deserializer<'_, 'de> {
    /// An integer of 64 bits, if one stands here.
    #[inline]
    pub(super) fn token_integer(&mut self) -> Option<i64> {
        let (value, len) = match self.reader.rest() {
            [SMALL_INTEGER, byte, ..] => (i64::from(*byte), 2),
            [INTEGER, a, b, c, d, ..] => (i32::from_be_bytes([*a, *b, *c, *d]).into(), 5),
            [SMALL_BIG, len @ 1..=8, sign, digits @ ..] => {
                let len = usize::from(*len);
                let magnitude = match digits.first_chunk::<8>() {
                    Some(digits) => u64::from_le_bytes(*digits) & (u64::MAX >> (64 - 8 * len)),
                    None => {
                        let mut held = [0; 8];
                        held.get_mut(..len)?.copy_from_slice(digits.get(..len)?);
                        u64::from_le_bytes(held)
                    }
                };
                let value = match sign {
                    0 => i64::try_from(magnitude).ok()?,
                    _ => 0i64.checked_sub_unsigned(magnitude)?,
                };
                (value, 3 + len)
            }
            _ => return None,
        };
        self.pass(len);
        Some(value)
    }

    /// A finite float of eight bytes, if one stands here.
    #[inline]
    pub(super) fn token_float(&mut self) -> Option<f64> {
        let [FLOAT, rest @ ..] = self.reader.rest() else { return None };
        let value = f64::from_be_bytes(*rest.first_chunk()?);
        if !value.is_finite() {
            return None;
        }
        self.pass(9);
        Some(value)
    }

    /// The bytes of a binary, if one stands here.
    #[inline]
    pub(super) fn token_binary(&mut self) -> Option<&'de [u8]> {
        let [BINARY, a, b, c, d, rest @ ..] = self.reader.rest() else { return None };
        let bytes = rest.get(..u32::from_be_bytes([*a, *b, *c, *d]) as usize)?;
        self.pass(5 + bytes.len());
        Some(bytes)
    }

    /// An atom as nodes and `term_to_binary` write it, if one stands here. The cursor stays.
    #[inline]
    fn token_atom(&self) -> Option<Token<'de>> {
        match self.reader.rest() {
            [ATOM, len, rest @ ..] => {
                Some(Token { text: rest.get(..usize::from(*len))?, head: 2, latin1: false })
            }
            [LATIN1_ATOM, a, b, rest @ ..] => {
                let len = usize::from(u16::from_be_bytes([*a, *b]));
                Some(Token { text: rest.get(..len)?, head: 3, latin1: true })
            }
            _ => None,
        }
    }

    /// The arity of a small tuple, if one stands here whose elements may be there too.
    #[inline]
    pub(super) fn token_tuple(&mut self) -> Option<usize> {
        let [TUPLE, arity, rest @ ..] = self.reader.rest() else { return None };
        let arity = usize::from(*arity);
        if arity > rest.len() {
            return None;
        }
        self.pass(2);
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

    /// The text of an atom that needs no table and no conversion, if one stands here.
    #[inline]
    pub(super) fn plain_atom(&mut self) -> Option<&'de str> {
        let Token { text, head, latin1 } = self.token_atom()?;
        let text = std::str::from_utf8(text).ok()?;
        if latin1 && !text.is_ascii() {
            return None;
        }
        self.pass(head + text.len());
        Some(text)
    }

    /// The text of an atom.
    #[inline]
    pub(super) fn atom_text(&mut self) -> Result<Cow<'de, str>, DeError> {
        match self.plain_atom() {
            Some(text) => Ok(Cow::Borrowed(text)),
            None => Ok(self.reader.atom_text()?),
        }
    }

    /// Moves past the atom with that text, if it stands here.
    #[inline]
    pub(super) fn atom_is(&mut self, text: &str) -> bool {
        match self.token_atom() {
            Some(found) if found.text.len() == text.len() && !found.latin1 => {
                let equal = found.text == text.as_bytes();
                if equal {
                    self.pass(found.head + text.len());
                }
                equal
            }
            Some(found) if !found.latin1 => false,
            _ => self.other_atom_is(text),
        }
    }

    /// [`Self::atom_is`] for an atom in Latin-1, a number of the header's, or another term.
    #[inline(never)]
    fn other_atom_is(&mut self, text: &str) -> bool {
        let start = self.reader.position();
        if !self.tag().is_ok_and(is_atom) {
            return false;
        }
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
            Ok(tag) if is_atom(tag) => match ahead.atom() {
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
    format!("the atom {}", text::elixir(&Term::Atom(atom.clone())))
}

#[inline]
pub(super) fn is_integer(tag: Tag) -> bool {
    matches!(
        tag,
        Tag::SMALL_INTEGER_EXT | Tag::INTEGER_EXT | Tag::SMALL_BIG_EXT | Tag::LARGE_BIG_EXT
    )
}

#[inline]
pub(super) fn is_tuple(tag: Tag) -> bool {
    matches!(tag, Tag::SMALL_TUPLE_EXT | Tag::LARGE_TUPLE_EXT)
}

#[inline]
pub(super) fn is_atom(tag: Tag) -> bool {
    matches!(
        tag,
        Tag::SMALL_ATOM_UTF8_EXT
            | Tag::ATOM_UTF8_EXT
            | Tag::SMALL_ATOM_EXT
            | Tag::ATOM_EXT
            | Tag::ATOM_CACHE_REF
    )
}

pub(super) fn kind_of(tag: Tag) -> &'static str {
    match tag {
        tag if is_integer(tag) => "an integer",
        tag if is_tuple(tag) => "a tuple",
        tag if is_atom(tag) => "an atom",
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
