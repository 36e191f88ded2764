//! Lanes: which signals must not overtake which.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash};

use flitch_etf::Pid;

/// Signals of one lane go in the order in which they were sent, always. Those of another lane may
/// pass a large one of this lane, while that goes out in fragments.
///
/// What a process sends is one lane, so that its signals to any other process keep their order
/// (reference manual, "Processes", section "Signals").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lane(u64);

impl Lane {
    /// A signal that needs no place in any order.
    pub const NONE: Self = Self(0);

    /// The lane of a process of ours.
    #[must_use]
    pub fn of(process: &Pid) -> Self {
        // All processes of a node's life differ in these.
        Self((u64::from(process.serial) << 32 | u64::from(process.id)).max(1))
    }

    /// A lane for what one sender tells one receiver, where many send in the name of one pid. Two
    /// of them are seldom the same, and then only wait for each other.
    #[must_use]
    pub fn to(self, receiver: &impl Hash) -> Self {
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one((self.0, receiver));
        Self(hash.max(1))
    }
}
