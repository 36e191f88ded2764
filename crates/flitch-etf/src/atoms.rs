//! The atoms that a message refers to by number.

use crate::Atom;

/// Resolves an ATOM_CACHE_REF: the atoms that a distribution header named for its message.
pub trait AtomTable: Sync {
    /// The atom with that number in the header, if it named one.
    fn atom(&self, index: u8) -> Option<&Atom>;
}

/// A message without a header: no reference resolves.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoAtoms;

impl AtomTable for NoAtoms {
    fn atom(&self, _: u8) -> Option<&Atom> {
        None
    }
}
