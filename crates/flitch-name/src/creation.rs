//! The creation: which life of a node name this is.

use std::fmt;

/// Tells one start of a node from the next under the same name.
///
/// It travels in the handshake and inside every pid, port and reference, so that what belonged to
/// an earlier life of the node is recognised as stale. EPMD hands it out at registration; a node
/// without EPMD takes a random one. (`erl_dist_protocol`, "Register a Node in EPMD".)
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Creation(u32);

impl Creation {
    /// Values 0 to 3 are what nodes before OTP 23 use, and 0 matches any creation.
    const FIRST_MODERN: u32 = 4;

    /// A creation as it stands on the wire.
    #[must_use]
    pub const fn new(value: u32) -> Self {
        Self(value)
    }

    /// A creation for a node that registers nowhere: `random` moved out of the old two-bit range.
    #[must_use]
    pub const fn from_random(random: u32) -> Self {
        if random < Self::FIRST_MODERN { Self(random + Self::FIRST_MODERN) } else { Self(random) }
    }

    /// The creation of the next life of the same name. (`net_kernel:next_creation/1`.)
    #[must_use]
    pub const fn next(self) -> Self {
        Self::from_random(self.0.wrapping_add(1))
    }

    /// The value on the wire.
    #[must_use]
    pub const fn value(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Creation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_random_creation_is_never_one_of_the_old_two_bit_values() {
        for random in 0..8 {
            assert!(Creation::from_random(random).value() >= 4);
        }
        assert_eq!(Creation::from_random(u32::MAX).value(), u32::MAX);
    }

    #[test]
    fn the_next_life_of_a_name_has_another_creation_and_none_of_the_old_ones() {
        assert_eq!(Creation::new(7).next(), Creation::new(8));
        assert!(Creation::new(u32::MAX).next().value() >= 4);
    }
}
