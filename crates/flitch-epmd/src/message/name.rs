//! A name as EPMD stores it: whatever language its owner writes.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use flitch_name::AliveName;

/// An alive name on EPMD's wire: UTF-8, 1 to 255 characters (so up to 1020 bytes), without NUL,
/// `@` or control characters.
///
/// Wider than [`AliveName`], which is what we take for ourselves: EPMD serves every language, and
/// the stock daemon counts characters as well. (`epmd_srv.c`, `node_reg2`.)
///
/// `Display` and `Debug` escape what a terminal would act on; [`as_str`](Self::as_str) does not.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WireName(Arc<str>);

impl WireName {
    /// The longest name, in characters.
    pub const MAX_CHARS: usize = 255;

    /// Reads a name from the wire.
    ///
    /// # Errors
    /// Says what EPMD does not take about it.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WireNameError> {
        if bytes.contains(&0) {
            return Err(WireNameError::Nul);
        }
        std::str::from_utf8(bytes).map_err(|_| WireNameError::NotUtf8)?.parse()
    }

    /// The name as text, unescaped.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as it stands on the wire.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The length on the wire, in bytes.
    pub(super) fn wire_len(&self) -> u16 {
        // At most 255 characters of four bytes.
        u16::try_from(self.0.len()).unwrap_or(u16::MAX)
    }
}

impl FromStr for WireName {
    type Err = WireNameError;

    fn from_str(text: &str) -> Result<Self, WireNameError> {
        if text.is_empty() {
            return Err(WireNameError::Empty);
        }
        match text.chars().find(|c| c.is_control() || *c == '@') {
            Some('\0') => return Err(WireNameError::Nul),
            Some('@') => return Err(WireNameError::At),
            Some(found) => return Err(WireNameError::Control { found }),
            None => {}
        }
        match text.chars().count() {
            len if len > Self::MAX_CHARS => Err(WireNameError::TooLong { len }),
            _ => Ok(Self(text.into())),
        }
    }
}

impl From<&AliveName> for WireName {
    fn from(alive: &AliveName) -> Self {
        Self(alive.as_str().into())
    }
}

impl From<AliveName> for WireName {
    fn from(alive: AliveName) -> Self {
        Self::from(&alive)
    }
}

impl From<&WireName> for WireName {
    fn from(name: &WireName) -> Self {
        name.clone()
    }
}

impl fmt::Display for WireName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `escape_debug` also covers what is no control character and yet moves a cursor, such as
        // the marks that turn the direction of text.
        self.0.escape_debug().fmt(f)
    }
}

impl fmt::Debug for WireName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

/// Why bytes are no name for EPMD.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireNameError {
    /// Nothing at all.
    #[error("the name is empty: register the part before the @ of the node's name")]
    Empty,
    /// More characters than an atom takes.
    #[error("the name has {len} characters: at most 255 are possible, so take a shorter one")]
    TooLong {
        /// Characters given.
        len: usize,
    },
    /// Not UTF-8, such as Latin-1.
    #[error("the name is not UTF-8: encode it as UTF-8")]
    NotUtf8,
    /// A zero byte.
    #[error("the name contains a NUL byte: leave it out")]
    Nul,
    /// A whole node name instead of its first half.
    #[error("the name contains an @: register only the part before it")]
    At,
    /// A character that a terminal would act on.
    #[error("the name contains the control character {found:?}: leave it out")]
    Control {
        /// The first such character.
        found: char,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<WireName, WireNameError> {
        WireName::from_bytes(bytes)
    }

    #[test]
    fn names_of_other_languages_are_names() {
        for text in ["worker", "ärbeiter", "работник", "労働者", "a b", "a.b", "a:b", "x\u{1F980}"]
        {
            assert_eq!(read(text.as_bytes()).unwrap().as_str(), text);
        }
    }

    #[test]
    fn the_limit_counts_characters_as_the_stock_daemon_does() {
        assert!(read("a".repeat(255).as_bytes()).is_ok());
        assert_eq!(read(&[b'a'; 256]), Err(WireNameError::TooLong { len: 256 }));
        assert_eq!(read("\u{1F980}".repeat(255).as_bytes()).unwrap().wire_len(), 1020);
        let crabs = "\u{1F980}".repeat(256);
        assert_eq!(read(crabs.as_bytes()), Err(WireNameError::TooLong { len: 256 }));
    }

    #[test]
    fn hostile_names_are_refused() {
        assert_eq!(read(b""), Err(WireNameError::Empty));
        assert_eq!(read(b"a\0b"), Err(WireNameError::Nul));
        assert_eq!(read(b"a@b"), Err(WireNameError::At));
        assert_eq!(read(b"a\xffb"), Err(WireNameError::NotUtf8));
        assert_eq!(read(b"\xc0\x80"), Err(WireNameError::NotUtf8));
        assert_eq!(read(b"\xed\xa0\x80"), Err(WireNameError::NotUtf8));
        assert_eq!(read(b"a\x1b[2J"), Err(WireNameError::Control { found: '\x1b' }));
        assert_eq!(read(b"x at port 1\nname y"), Err(WireNameError::Control { found: '\n' }));
    }

    #[test]
    fn what_turns_the_direction_of_text_is_escaped_before_a_terminal_sees_it() {
        let name = read("a\u{202e}b".as_bytes()).unwrap();
        assert_eq!(name.to_string(), "a\\u{202e}b");
        assert_eq!(format!("{name:?}"), "\"a\\u{202e}b\"");
        assert_eq!(read("ä".as_bytes()).unwrap().to_string(), "ä");
    }

    #[test]
    fn every_alive_name_is_a_name_for_epmd() {
        let alive: AliveName = "!worker~".parse().unwrap();
        let name = WireName::from(&alive);
        assert_eq!(read(name.as_bytes()).unwrap(), name);
    }
}
