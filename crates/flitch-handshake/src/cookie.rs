//! The cookie: the secret that both nodes must have in common.

use std::fmt;
use std::sync::Arc;

use flitch_name::{NodeName, NodePattern};

/// The shared secret of a cluster, as an Erlang node sees it: up to 255 characters of Latin-1.
///
/// It cannot be printed, and two of them cannot be compared: a peer proves that it has the same
/// one by a [`Digest`](crate::Digest). Where it comes from (a file, an environment variable) is the
/// caller's business. Cheap to clone.
#[derive(Clone)]
pub struct Cookie(Arc<[u8]>);

impl Cookie {
    /// The longest cookie: it has to fit into an atom.
    pub const MAX_CHARS: usize = 255;

    /// Shorter than what anyone should guess offline.
    const SHORT: usize = 16;

    /// Cookies that programs and tutorials ship with.
    const WELL_KNOWN: [&'static str; 5] =
        ["monster", "cookie", "secret", "nocookie", "emqxsecretcookie"];

    /// A cookie from text. Nothing is trimmed.
    ///
    /// # Errors
    /// If it is empty, longer than 255 characters, or has a character that no node could use.
    pub fn new(text: &str) -> Result<Self, CookieError> {
        let chars = text.chars().count();
        Self::check_len(chars)?;
        let latin1 = |char: char| u8::try_from(u32::from(char));
        match text.chars().map(latin1).collect::<Result<Vec<u8>, _>>() {
            Ok(bytes) => Ok(Self(bytes.into())),
            Err(_) => Err(CookieError::NotLatin1),
        }
    }

    /// A cookie from its bytes, one a character, as a node reads them from `.erlang.cookie`.
    ///
    /// # Errors
    /// If there are none, or more than 255.
    pub fn from_latin1(bytes: &[u8]) -> Result<Self, CookieError> {
        Self::check_len(bytes.len())?;
        Ok(Self(bytes.into()))
    }

    /// Why this cookie protects little, if so. It works all the same: warn, and go on.
    #[must_use]
    pub fn weakness(&self) -> Option<Weakness> {
        if Self::WELL_KNOWN.iter().any(|known| known.as_bytes() == &*self.0) {
            return Some(Weakness::WellKnown);
        }
        (self.0.len() < Self::SHORT).then_some(Weakness::Short)
    }

    /// The bytes that go into the digest, and nowhere else.
    pub(crate) fn secret(&self) -> &[u8] {
        &self.0
    }

    fn check_len(chars: usize) -> Result<(), CookieError> {
        match chars {
            0 => Err(CookieError::Empty),
            1..=Self::MAX_CHARS => Ok(()),
            _ => Err(CookieError::TooLong { chars }),
        }
    }
}

impl fmt::Debug for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cookie(not shown)")
    }
}

/// Why a text cannot be a cookie, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CookieError {
    /// There is nothing in it.
    #[error("the cookie is empty: set the one that the cluster's nodes were started with")]
    Empty,
    /// It does not fit into an atom.
    #[error("the cookie has {chars} characters: a node can use at most 255")]
    TooLong {
        /// Characters given.
        chars: usize,
    },
    /// A character above U+00FF, with which `erlang:md5/1` would fail.
    #[error("the cookie has a character outside Latin-1, which no node can use: write it in ASCII")]
    NotLatin1,
}

/// Why a cookie is easy to guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Weakness {
    /// Some program or tutorial ships with it.
    WellKnown,
    /// Fewer than 16 characters: whoever recorded one handshake can try them all.
    Short,
}

/// Which cookie is for which peer: one for all, and exceptions by pattern, of which
/// `erlang:set_cookie(Node, Cookie)` knows those for one node. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Cookies {
    default: Cookie,
    exceptions: Arc<Vec<(NodePattern, Cookie)>>,
}

impl Cookies {
    /// One cookie for every peer.
    #[must_use]
    pub fn new(default: Cookie) -> Self {
        Self { default, exceptions: Arc::default() }
    }

    /// Another cookie for some peers. Of several that fit a peer, the one given first counts.
    #[must_use]
    pub fn with_peer(mut self, peers: NodePattern, cookie: Cookie) -> Self {
        Arc::make_mut(&mut self.exceptions).push((peers, cookie));
        self
    }

    /// The cookie to use with `peer`. (`auth:get_cookie/1`.)
    #[must_use]
    pub fn for_peer(&self, peer: &NodeName) -> &Cookie {
        let exception = self.exceptions.iter().find(|(peers, _)| peers.matches(peer));
        exception.map_or(&self.default, |(_, cookie)| cookie)
    }
}

impl From<Cookie> for Cookies {
    fn from(cookie: Cookie) -> Self {
        Self::new(cookie)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_never_reaches_a_log_through_debug() {
        let cookie = Cookie::new("kanelbulle").unwrap();
        let cookies = Cookies::new(cookie.clone());
        assert!(!format!("{cookie:?} {cookies:?}").contains("kanel"));
    }

    #[test]
    fn characters_become_the_bytes_that_erlang_md5_sees() {
        assert_eq!(Cookie::new("åb").unwrap().secret(), [0xe5, b'b']);
        assert_eq!(Cookie::new("a€").unwrap_err(), CookieError::NotLatin1);
        assert_eq!(Cookie::from_latin1(&[0xe5]).unwrap().secret(), [0xe5]);
    }

    #[test]
    fn what_cannot_be_an_atom_is_refused_and_an_empty_cookie_too() {
        assert_eq!(Cookie::new("").unwrap_err(), CookieError::Empty);
        assert_eq!(Cookie::from_latin1(b"").unwrap_err(), CookieError::Empty);
        assert!(Cookie::new(&"å".repeat(255)).is_ok());
        assert_eq!(Cookie::new(&"a".repeat(256)).unwrap_err(), CookieError::TooLong { chars: 256 });
        assert!(Cookie::from_latin1(&[b'a'; 256]).is_err());
    }

    #[test]
    fn guessable_cookies_are_told_apart() {
        let weakness = |text| Cookie::new(text).unwrap().weakness();
        assert_eq!(weakness("monster"), Some(Weakness::WellKnown));
        assert_eq!(weakness("abc"), Some(Weakness::Short));
        assert_eq!(weakness("KQZCPXWVBNMLKJHGFDSA"), None);
    }

    #[test]
    fn a_peer_with_a_cookie_of_its_own_does_not_get_the_others() {
        let cookie = |text| Cookie::new(text).unwrap();
        let cookies = Cookies::new(cookie("one"))
            .with_peer("b@h.x".parse().unwrap(), cookie("two"))
            .with_peer("*@h.x".parse().unwrap(), cookie("three"));
        for (peer, secret) in [("a@g.x", "one"), ("b@h.x", "two"), ("c@h.x", "three")] {
            assert_eq!(cookies.for_peer(&peer.parse().unwrap()).secret(), secret.as_bytes());
        }
    }
}
