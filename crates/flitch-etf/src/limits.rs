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
    /// Bytes of memory that a message may become, slices of the message itself not counted: terms,
    /// and what does not fit into their 32 bytes. While it is read, up to three times as many are
    /// held: elements wait until their container is whole, in room that doubles.
    pub memory: usize,
    /// Bytes that compressed data may inflate to.
    pub inflated: usize,
}

impl Limits {
    /// The limits where no others are given: 10,000 levels, 8 million terms, 512 MiB of memory,
    /// 64 MiB inflated.
    pub const DEFAULT: Self =
        Self { depth: 10_000, terms: 8 << 20, memory: 512 << 20, inflated: 64 << 20 };
}

/// The largest arity of a tuple: unpatched BEAMs corrupt their memory beyond (CVE-2026-55737), so
/// none is taken from a peer or sent to one.
pub(crate) const MAX_ARITY: usize = (1 << 24) - 1;

/// The largest magnitude of an integer, in bytes: `binary_to_term` of OTP 25 (64 bits) refuses a
/// longer one, and a node that is sent one drops the link.
pub(crate) const MAX_BIG_BYTES: usize = ((1 << 19) - 1) * 8;

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
