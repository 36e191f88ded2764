//! The alive name: the part of a node name that EPMD registers.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::NameError;

/// The part of a node name before the `@`, which EPMD registers: `worker` in `worker@10.0.0.7`.
///
/// At most 255 bytes of printable ASCII without `@`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AliveName(Arc<str>);

impl AliveName {
    /// The longest name that EPMD takes, in bytes.
    pub const MAX_LEN: usize = 255;

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn check(text: &str) -> Result<(), NameError> {
        if text.is_empty() {
            return Err(NameError::NoAlive);
        }
        if text.len() > Self::MAX_LEN {
            return Err(NameError::TooLong { len: text.len(), max: Self::MAX_LEN });
        }
        match text.chars().find(|c| !c.is_ascii_graphic() || *c == '@') {
            Some('@') => Err(NameError::ManyAts),
            Some(found) => Err(NameError::Character { found }),
            None => Ok(()),
        }
    }
}

impl FromStr for AliveName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::check(text)?;
        Ok(Self(text.into()))
    }
}

impl fmt::Display for AliveName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AliveName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_epmd_takes_and_no_more() {
        assert_eq!("worker-1_a".parse::<AliveName>().unwrap().as_str(), "worker-1_a");
        assert!("a".repeat(255).parse::<AliveName>().is_ok());
        assert_eq!(
            "a".repeat(256).parse::<AliveName>(),
            Err(NameError::TooLong { len: 256, max: 255 })
        );
        assert_eq!("".parse::<AliveName>(), Err(NameError::NoAlive));
        assert_eq!("a@b".parse::<AliveName>(), Err(NameError::ManyAts));
        assert_eq!("a\0b".parse::<AliveName>(), Err(NameError::Character { found: '\0' }));
    }
}
