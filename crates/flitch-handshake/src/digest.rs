//! The digest by which a node proves that it knows the cookie.

use std::fmt;

use md5::{Digest as _, Md5};
use subtle::ConstantTimeEq;

use crate::Cookie;

/// MD5 over the cookie and the other side's challenge in decimal:
/// `erlang:md5([atom_to_list(Cookie)|integer_to_list(Challenge)])`.
/// (`erl_dist_protocol`, "Definitions"; `dist_util:gen_digest/2`.)
///
/// Not printed, since whoever has one can try cookies against it; and compared in constant time.
#[derive(Clone, Copy)]
pub struct Digest([u8; 16]);

impl Digest {
    /// The answer to `challenge` by a node that has `cookie`.
    #[must_use]
    pub fn new(cookie: &Cookie, challenge: u32) -> Self {
        let mut md5 = Md5::new();
        md5.update(cookie.secret());
        md5.update(challenge.to_string());
        Self(md5.finalize().into())
    }

    /// Whether both were made with one cookie and challenge, in a time that does not depend on it.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }

    pub(crate) const fn from_wire(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn as_wire(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(not shown)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `erlang:md5("kanelbulle" ++ integer_to_list(4294967295))` and so on, from OTP 25.
    #[test]
    fn digests_are_those_that_an_erlang_node_computes() {
        let hex = |digest: Digest| digest.0.map(|byte| format!("{byte:02x}")).concat();
        let kanelbulle = Cookie::new("kanelbulle").unwrap();
        let latin1 = Cookie::new("åäö").unwrap();
        assert_eq!(hex(Digest::new(&kanelbulle, u32::MAX)), "1b44e4f21695a6a61cc38920f9269be7");
        assert_eq!(hex(Digest::new(&kanelbulle, 0)), "6c1f3dfcf8e335f744599a59eccde74f");
        assert_eq!(hex(Digest::new(&latin1, 7)), "5b317a795be6af69bb527a1eba535dc1");
    }

    #[test]
    fn another_cookie_or_challenge_does_not_match_and_nothing_is_printed() {
        let [one, two] = ["one", "two"].map(|text| Cookie::new(text).unwrap());
        let digest = Digest::new(&one, 1);
        assert!(digest.matches(&Digest::new(&one, 1)));
        assert!(!digest.matches(&Digest::new(&two, 1)));
        assert!(!digest.matches(&Digest::new(&one, 2)));
        assert_eq!(format!("{digest:?}"), "Digest(not shown)");
    }
}
