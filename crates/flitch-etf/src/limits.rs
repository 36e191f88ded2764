//! How much a message may ask of us.

/// What decoding refuses to exceed. Lengths are checked against the bytes that are left before
/// any memory is taken; these limits bound what even honest bytes may grow into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Levels of containers inside containers.
    pub depth: usize,
    /// Terms in one message, those inside others included. Each takes 32 bytes in memory and may
    /// have taken a single byte on the wire.
    pub terms: usize,
}

impl Limits {
    /// The limits where no others are given: 10,000 levels and 8 million terms.
    pub const DEFAULT: Self = Self { depth: 10_000, terms: 8 << 20 };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
