//! Atoms, without a table that anybody could fill.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrayvec::ArrayString;

use crate::AtomError;
use crate::text::elixir_atom;

/// An atom: `ok`, `nil`, `'Elixir.Shop.Item'`.
///
/// Its text is held by the atom itself (inline up to 16 bytes, shared beyond), never in a global
/// table, so a peer that sends new atoms for ever costs no memory. Cheap to clone.
#[derive(Clone)]
pub struct Atom(Repr);

/// Three words, moved as such.
#[derive(Clone)]
enum Repr {
    Inline(ArrayString<{ Atom::INLINE }>),
    Static(&'static str),
    Shared(Arc<str>),
}

impl Atom {
    /// The most characters that an atom has.
    pub const MAX_CHARS: usize = 255;

    /// The most bytes of text that the atom itself holds.
    pub(crate) const INLINE: usize = 16;

    /// `nil`, which is Elixir's absence and Rust's `None`.
    pub const NIL: Atom = Atom::from_static("nil");
    /// `ok`, which is also Rust's `()`.
    pub const OK: Atom = Atom::from_static("ok");
    /// `error`.
    pub const ERROR: Atom = Atom::from_static("error");
    /// `true`.
    pub const TRUE: Atom = Atom::from_static("true");
    /// `false`.
    pub const FALSE: Atom = Atom::from_static("false");

    /// An atom with this text.
    ///
    /// # Errors
    /// More than 255 characters.
    pub fn new(text: &str) -> Result<Self, AtomError> {
        if text.len() > Self::MAX_CHARS {
            let chars = text.chars().count();
            if chars > Self::MAX_CHARS {
                return Err(AtomError(chars));
            }
        }
        Ok(Self(match ArrayString::from(text) {
            Ok(short) => Repr::Inline(short),
            Err(_) => Repr::Shared(text.into()),
        }))
    }

    /// An atom whose text stands in the program.
    ///
    /// # Panics
    /// More than 255 characters; in a `const`, that stops the build.
    #[must_use]
    pub const fn from_static(text: &'static str) -> Self {
        assert!(chars(text) <= Self::MAX_CHARS, "an atom has at most 255 characters");
        Self(Repr::Static(text))
    }

    /// The boolean, if this is `true` or `false`.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self.as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// The atom's text, without quotes.
    #[must_use]
    #[inline]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Repr::Inline(text) => text,
            Repr::Static(text) => text,
            Repr::Shared(text) => text,
        }
    }
}

/// The characters of a text, counted where iterators are not allowed.
const fn chars(text: &str) -> usize {
    let mut bytes = text.as_bytes();
    let mut count = 0;
    while let [byte, rest @ ..] = bytes {
        // All but the first byte of a character begin with the bits 10.
        if *byte >> 6 != 0b10 {
            count += 1;
        }
        bytes = rest;
    }
    count
}

impl PartialEq for Atom {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Atom {}

impl PartialOrd for Atom {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Atom {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl Hash for Atom {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl TryFrom<&str> for Atom {
    type Error = AtomError;

    fn try_from(text: &str) -> Result<Self, AtomError> {
        Self::new(text)
    }
}

impl From<bool> for Atom {
    fn from(value: bool) -> Self {
        if value { Self::TRUE } else { Self::FALSE }
    }
}

impl PartialEq<str> for Atom {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Atom {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl AsRef<str> for Atom {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

/// The bare text: what a log field wants. The quoted forms are in [`text`](crate::text).
impl fmt::Display for Atom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// As Elixir writes it: `:ok`, `nil`, `Shop.Item`, `:"hello world"`.
impl fmt::Debug for Atom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&elixir_atom(self), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_atom_counts_characters_and_not_bytes() {
        assert!(Atom::new(&"ß".repeat(255)).is_ok());
        assert_eq!(Atom::new(&"ß".repeat(256)), Err(AtomError(256)));
        assert_eq!(Atom::new("").unwrap().as_str(), "");
        const LONG: Atom = Atom::from_static("ßßßßßßßßßßßßßßßß");
        assert_eq!(chars(LONG.as_str()), 16);
        assert_eq!((chars(""), chars("aß日😀")), (0, 4));
    }
}
