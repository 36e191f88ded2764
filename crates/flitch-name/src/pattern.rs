//! A pattern of node names: which peers something is for.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::NodeName;

/// Which nodes are meant: `app-*@10.0.*`, `*@db.example.org`, `worker@10.0.0.7`.
///
/// A `*` stands for any run of characters on its side of the `@`, and everything else for itself.
/// As in `net_kernel:allow/1`, a host alone means every node on it, and `worker@` a node of that
/// name on any host.
///
/// ```
/// use flitch_name::NodePattern;
///
/// let pattern: NodePattern = "app-*@10.0.*".parse()?;
/// assert!(pattern.matches(&"app-7@10.0.3.1".parse()?));
/// assert!(!pattern.matches(&"db@10.0.3.1".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct NodePattern {
    alive: Arc<str>,
    host: Arc<str>,
}

impl NodePattern {
    /// Whether a node is meant.
    #[must_use]
    pub fn matches(&self, name: &NodeName) -> bool {
        fits(self.alive.as_bytes(), name.alive().as_bytes())
            && fits(self.host.as_bytes(), name.host().as_bytes())
    }
}

impl FromStr for NodePattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        if text.len() > NodeName::MAX_LEN {
            return Err(PatternError::TooLong { len: text.len() });
        }
        if let Some(found) = text.chars().find(|char| !char.is_ascii_graphic()) {
            return Err(PatternError::Character { found });
        }
        let (alive, host) = match text.split_once('@') {
            Some((_, host)) if host.contains('@') => return Err(PatternError::ManyAts),
            Some((alive, host)) => (alive, if host.is_empty() { "*" } else { host }),
            None => ("*", text),
        };
        if alive.is_empty() || host.is_empty() {
            return Err(PatternError::Empty);
        }
        Ok(Self { alive: alive.into(), host: host.into() })
    }
}

impl From<&NodeName> for NodePattern {
    fn from(name: &NodeName) -> Self {
        Self { alive: name.alive().into(), host: name.host().into() }
    }
}

impl fmt::Display for NodePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.alive, self.host)
    }
}

impl fmt::Debug for NodePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Whether a text fits a pattern with `*`. In steps of at most the product of both lengths, which
/// names keep small, however many stars there are.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut pos) = (0, 0);
    // Behind the last star, and how much of the text that star has taken.
    let mut retry: Option<(usize, usize)> = None;
    while let Some(byte) = text.get(pos) {
        match (pattern.get(at), retry) {
            (Some(b'*'), _) => {
                at += 1;
                retry = Some((at, pos));
            }
            (Some(wanted), _) if wanted == byte => {
                at += 1;
                pos += 1;
            }
            (_, Some((behind, taken))) => {
                at = behind;
                pos = taken + 1;
                retry = Some((behind, pos));
            }
            (_, None) => return false,
        }
    }
    pattern.get(at..).is_some_and(|rest| rest.iter().all(|byte| *byte == b'*'))
}

/// Why a text is no pattern of node names, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// Nothing is there to be matched.
    #[error("the pattern is empty before the @ or as a whole: write it as app-*@10.0.* or *@HOST")]
    Empty,
    /// More than one `@`.
    #[error("the pattern has more than one @: write it as NAME@HOST, with * for any characters")]
    ManyAts,
    /// Longer than any name.
    #[error("the pattern is {len} bytes long, and no node's name has more than 255")]
    TooLong {
        /// Bytes given.
        len: usize,
    },
    /// A character that no node's name has.
    #[error("the pattern contains {found:?}, which is in no node's name")]
    Character {
        /// The first such character.
        found: char,
    },
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        pattern.parse::<NodePattern>().unwrap().matches(&name.parse().unwrap())
    }

    #[test]
    fn a_star_stands_for_any_run_of_characters_on_its_side_of_the_at_sign() {
        for (pattern, name) in [
            ("*@10.0.*", "a@10.0.0.7"),
            ("app-*@*", "app-@h.x"),
            ("*a*b*@h", "xaybz@h"),
            ("a@fd00::*", "a@fd00::7"),
            ("a@*.example.org", "a@db.example.org"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("*@10.0.*", "a@10.1.0.0"),
            ("app-*@*", "xapp-1@h"),
            ("*a*b@h", "abx@h"),
            ("a@h", "a@h.x"),
            ("a*@h", "a@g"),
            ("A@h", "a@h"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn the_forms_of_net_kernel_allow_mean_what_they_mean_there() {
        assert!(matches("host.example.org", "any@host.example.org"));
        assert!(!matches("host.example.org", "host.example.org@other"));
        assert!(matches("node@", "node@anywhere"));
        assert!(matches("node@host.example.org", "node@host.example.org"));
    }

    #[test]
    fn what_no_name_could_match_is_refused_with_what_to_write() {
        for text in ["", "@", "@h", "a@b@c", "a b@h", "a@h\n", "ä@h", &"x".repeat(256)] {
            assert!(!text.parse::<NodePattern>().unwrap_err().to_string().is_empty(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_name_matches_itself_and_every_pattern_made_by_putting_a_star_into_it(
            name in "[a-c]{1,8}@[a-c.]{1,8}", from in 0..8_usize, len in 0..8_usize,
        ) {
            let node: NodeName = name.parse().unwrap();
            prop_assert!(NodePattern::from(&node).matches(&node));
            let at = node.alive().len();
            let from = from.min(at);
            let to = (from + len).min(at);
            let starred = format!("{}*{}", &name[..from], &name[to..]);
            prop_assert!(starred.parse::<NodePattern>().unwrap().matches(&node), "{}", starred);
        }

        #[test]
        fn many_stars_take_no_more_than_a_moment(stars in "[a*]{0,200}", name in "a{1,200}b") {
            let _ = fits(stars.as_bytes(), name.as_bytes());
        }
    }
}
