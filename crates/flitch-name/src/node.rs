//! A whole node name, `alive@host`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::AliveName;

/// Whether a name's host is complete. Nodes of different kinds cannot connect to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NameKind {
    /// `a@db.example.org`, `a@10.0.0.7`, `a@fd00::7`: what `iex --name` makes.
    Long,
    /// `a@db`: what `iex --sname` makes.
    Short,
}

/// The name of a node, such as `worker@10.0.0.7`.
///
/// Parsing takes every name that a peer may have: printable ASCII, one `@`, something on both
/// sides of it, at most 255 bytes. A name that we are about to take for ourselves goes through
/// [`NodeName::long`] or [`NodeName::short`], which refuse what `net_kernel` would refuse.
///
/// Cheap to clone. Names order by their text, which is what decides when two nodes dial each
/// other at the same time.
#[derive(Clone)]
pub struct NodeName {
    text: Arc<str>,
    at: usize,
}

impl NodeName {
    /// The longest name, in bytes: it has to fit into an atom on the wire.
    pub const MAX_LEN: usize = 255;

    /// Our own name under `--name`: the host is a full domain name or an IP address.
    ///
    /// # Errors
    /// Says what is wrong with the name and what to write instead.
    pub fn long(text: &str) -> Result<Self, NameError> {
        let name = Self::own(text)?;
        match name.kind() {
            NameKind::Long => Ok(name),
            NameKind::Short => Err(NameError::ShortHost { host: name.host().to_owned() }),
        }
    }

    /// Our own name under `--sname`: the host is one label, without a dot.
    ///
    /// # Errors
    /// Says what is wrong with the name and what to write instead.
    pub fn short(text: &str) -> Result<Self, NameError> {
        let name = Self::own(text)?;
        match name.kind() {
            NameKind::Short => Ok(name),
            NameKind::Long => Err(NameError::LongHost { host: name.host().to_owned() }),
        }
    }

    /// `net_kernel:valid_name_head/1`, for names that we make ourselves.
    fn own(text: &str) -> Result<Self, NameError> {
        let name: Self = text.parse()?;
        let odd = |c: &char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '-');
        match name.alive().chars().find(odd) {
            Some(found) => Err(NameError::AliveCharacter { found }),
            None => Ok(name),
        }
    }

    /// The part before the `@`, as text.
    #[must_use]
    pub fn alive(&self) -> &str {
        self.text.get(..self.at).unwrap_or_default()
    }

    /// The part before the `@`, as EPMD registers it.
    ///
    /// # Errors
    /// None for a name made by this type's constructors: they have checked both halves.
    pub fn alive_name(&self) -> Result<AliveName, NameError> {
        self.alive().parse()
    }

    /// The part after the `@`: a host name or an IP address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        self.text.get(self.at + 1..).unwrap_or_default()
    }

    /// Long if the host has a dot or a colon, as `net_kernel` decides it.
    #[must_use]
    pub fn kind(&self) -> NameKind {
        if self.host().contains(['.', ':']) { NameKind::Long } else { NameKind::Short }
    }

    /// The whole name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for NodeName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (alive, host) = text
            .split_once('@')
            .ok_or_else(|| NameError::NoHost { alive: text.chars().take(64).collect() })?;
        if text.len() > Self::MAX_LEN {
            return Err(NameError::TooLong { len: text.len(), max: Self::MAX_LEN });
        }
        AliveName::check(alive)?;
        if host.is_empty() {
            return Err(NameError::NoHost { alive: alive.to_owned() });
        }
        match host.chars().find(|c| !c.is_ascii_graphic() || *c == '@') {
            Some('@') => Err(NameError::ManyAts),
            Some(found) => Err(NameError::Character { found }),
            None => Ok(Self { text: text.into(), at: alive.len() }),
        }
    }
}

impl TryFrom<&str> for NodeName {
    type Error = NameError;

    fn try_from(text: &str) -> Result<Self, NameError> {
        text.parse()
    }
}

impl AsRef<str> for NodeName {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq for NodeName {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for NodeName {}

impl PartialEq<str> for NodeName {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl std::hash::Hash for NodeName {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl PartialOrd for NodeName {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for NodeName {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.text.cmp(&other.text)
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Why a text is not a node name, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// There is no `@`, or nothing after it.
    #[error(
        "the name {alive:?} has no host: write it as {}@HOST, such as worker@127.0.0.1",
        alive.escape_debug()
    )]
    NoHost {
        /// What was given.
        alive: String,
    },
    /// Nothing stands before the `@`.
    #[error("nothing stands before the @: write the name as NAME@HOST, such as worker@127.0.0.1")]
    NoAlive,
    /// More than one `@`.
    #[error("the name has more than one @: write it as NAME@HOST, such as worker@127.0.0.1")]
    ManyAts,
    /// The name, or its part before the `@`, does not fit the wire format.
    #[error("the name is {len} bytes long: at most {max} are possible, so take a shorter one")]
    TooLong {
        /// Bytes given.
        len: usize,
        /// Bytes possible.
        max: usize,
    },
    /// A space, a control character, or one outside ASCII.
    #[error("the name contains {found:?}: write it in visible ASCII characters")]
    Character {
        /// The first such character.
        found: char,
    },
    /// Visible, but refused by `net_kernel` before the `@`.
    #[error("the part before the @ contains {found:?}: use letters, digits, _ and - only")]
    AliveCharacter {
        /// The first such character.
        found: char,
    },
    /// A long name was asked for, and the host is one bare label.
    #[error(
        "the host {host:?} is short, and --name wants a full one: write a domain name or an IP \
         address after the @, such as worker@127.0.0.1, or use --sname"
    )]
    ShortHost {
        /// The part after the `@`.
        host: String,
    },
    /// A short name was asked for, and the host has a dot or a colon.
    #[error(
        "the host {host:?} is a full one, and --sname wants a single label: write it without a \
         dot or colon, or use --name"
    )]
    LongHost {
        /// The part after the `@`.
        host: String,
    },
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn splits_at_the_one_at_sign() {
        let name: NodeName = "worker@10.0.0.7".parse().unwrap();
        assert_eq!(
            (name.alive(), name.host(), name.kind()),
            ("worker", "10.0.0.7", NameKind::Long)
        );
        let name: NodeName = "a@fd00::7".parse().unwrap();
        assert_eq!((name.host(), name.kind()), ("fd00::7", NameKind::Long));
        let name: NodeName = "a@db".parse().unwrap();
        assert_eq!((name.alive(), name.host(), name.kind()), ("a", "db", NameKind::Short));
    }

    #[test]
    fn says_what_to_write_instead() {
        let said = |text: &str| NodeName::long(text).unwrap_err().to_string();
        assert!(said("worker").contains("worker@HOST"), "{}", said("worker"));
        assert!(said("worker@").contains("worker@HOST"));
        assert!(!said("a\0\x1b[2Jb").contains(char::is_control), "it may come from a peer");
        assert!(said("@host.example").contains("NAME@HOST"));
        assert!(said("a@b@c.d").contains("more than one @"));
        assert!(said("worker@db").contains("--sname"));
        assert!(said("a.b@c.d").contains("letters, digits"));
        assert!(said(&format!("{}@c.d", "x".repeat(255))).contains("shorter"));
        assert!(NodeName::short("a@b.c").unwrap_err().to_string().contains("--name"));
    }

    #[test]
    fn refuses_control_bytes_that_could_reach_a_terminal() {
        for text in ["a\u{1b}[2J@h.x", "a@h\n.x", "a@h\0.x", "a b@h.x", "ä@h.x"] {
            assert!(text.parse::<NodeName>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_peer_may_have_a_name_that_we_would_not_take() {
        assert!("a.b@c.d".parse::<NodeName>().is_ok());
    }

    #[test]
    fn names_order_by_their_text_as_net_kernel_compares_them() {
        let a: NodeName = "a@127.0.0.1".parse().unwrap();
        let b: NodeName = "b@127.0.0.1".parse().unwrap();
        assert!(b > a);
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_keeps_the_text(text in "\\PC{0,40}@?\\PC{0,40}") {
            if let Ok(name) = text.parse::<NodeName>() {
                prop_assert_eq!(name.as_str(), &text);
                prop_assert_eq!(format!("{}@{}", name.alive(), name.host()), text);
                prop_assert!(name.alive_name().is_ok());
            }
        }
    }
}
