//! The term that a control message carries: still bytes.

use std::ops::Range;

use bytes::Bytes;
use flitch_etf::{DeError, DecodeError, DecodeErrorKind, Limits, Reader, Term, read_value};
use serde::de::DeserializeOwned;

use crate::header::HeaderAtoms;

/// A message or a reason as it came, decoded by whoever it is for, into the type they want.
///
/// Holds the bytes of one term without the version byte, as a slice of the frame, and the atoms
/// that these refer to by number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    bytes: Bytes,
    atoms: HeaderAtoms,
}

impl Payload {
    /// A payload that came; whether it is a term is seen when it is decoded.
    pub(crate) fn of_message(bytes: Bytes, atoms: HeaderAtoms) -> Self {
        Self { bytes, atoms }
    }

    /// A payload for a process of our own: what `write` writes is one term without the version
    /// byte.
    ///
    /// # Errors
    /// What `write` says.
    pub fn encode<E>(write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<Self, E> {
        let mut out = Vec::new();
        write(&mut out)?;
        Ok(Self { bytes: out.into(), atoms: HeaderAtoms::default() })
    }

    /// Bytes that it keeps in memory.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// What it takes in memory by itself: its bytes, and the atoms that these refer to.
    #[must_use]
    pub fn footprint(&self) -> usize {
        self.bytes.len() + self.atoms.footprint()
    }

    /// Copies the bytes out of the buffer that they came in, which may be much larger, and lives as
    /// long as anything in it. For what has to wait.
    #[must_use]
    pub fn detached(self) -> Self {
        Self { bytes: Bytes::copy_from_slice(&self.bytes), ..self }
    }

    /// One term of those inside, still encoded: the bytes between two positions of a
    /// [`Payload::reader`]. `None` if there are no such bytes.
    #[must_use]
    pub fn part(&self, range: Range<usize>) -> Option<Self> {
        self.bytes.get(range.clone())?;
        Some(Self { bytes: self.bytes.slice(range), atoms: self.atoms.clone() })
    }

    /// Whether there is nothing, not even a term.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// A cursor at the start of the term.
    #[must_use]
    pub fn reader(&self) -> Reader<'_> {
        Reader::of_shared(&self.bytes).with_atoms(&self.atoms)
    }

    /// The whole term.
    ///
    /// # Errors
    /// The bytes are no term, one over the limits, or more than one.
    pub fn to_term(&self, limits: Limits) -> Result<Term, DecodeError> {
        let mut reader = self.reader().with_limits(limits);
        let term = reader.term()?;
        at_end(&reader)?;
        Ok(term)
    }

    /// A value of the caller's type.
    ///
    /// # Errors
    /// The bytes are no term, not one of that type, or more than one.
    pub fn to_value<T: DeserializeOwned>(&self) -> Result<T, DeError> {
        let mut reader = self.reader();
        let value = read_value(&mut reader)?;
        at_end(&reader)?;
        Ok(value)
    }
}

fn at_end(reader: &Reader<'_>) -> Result<(), DecodeError> {
    match reader.rest().len() {
        0 => Ok(()),
        more => {
            let kind = DecodeErrorKind::Trailing(more);
            Err(DecodeError { offset: reader.position(), kind })
        }
    }
}

/// Moves past the version byte that a term in a pass-through message starts with.
pub(crate) fn strip_version(bytes: &mut Bytes) -> Result<(), DecodeError> {
    Reader::new(bytes).version()?;
    let _ = bytes.split_to(1);
    Ok(())
}
