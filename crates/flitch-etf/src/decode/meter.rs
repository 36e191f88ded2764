//! What a message may still take.

use crate::error::DecodeErrorKind as Kind;
use crate::{Binary, DecodeError, Limits, Reader, Term};

/// What stands in memory before the elements of a container: a map's keys and its values each have
/// a count and a length.
const HEADS: usize = 32;

/// Counts terms and bytes down.
pub(super) struct Meter {
    limits: Limits,
    terms: usize,
    memory: usize,
}

impl Meter {
    pub(super) fn new(limits: Limits) -> Self {
        // The outermost term is one.
        Self { limits, terms: limits.terms.saturating_sub(1), memory: limits.memory }
    }

    /// Accounts for the elements of a container, which is about to be read, if the bytes that are
    /// left can hold them and those that are owed behind it.
    #[inline]
    pub(super) fn announce(
        &mut self,
        reader: &Reader<'_>,
        count: usize,
        owed: usize,
    ) -> Result<(), DecodeError> {
        let left = reader.rest().len().saturating_sub(owed);
        if count > left {
            return Err(reader.error(Kind::Count { count, left }));
        }
        self.take_terms(reader, count)?;
        self.take_memory(reader, if count == 0 { 0 } else { HEADS })
    }

    /// A container is about to be opened inside so many others.
    #[inline]
    pub(super) fn check_level(&self, reader: &Reader<'_>, level: usize) -> Result<(), DecodeError> {
        let limit = self.limits.depth;
        if level >= limit {
            return Err(reader.error(Kind::Limit { what: "levels", limit }));
        }
        Ok(())
    }

    /// Accounts for so many terms more.
    #[inline]
    pub(super) fn take_terms(
        &mut self,
        reader: &Reader<'_>,
        terms: usize,
    ) -> Result<(), DecodeError> {
        let limit = self.limits.terms;
        let left = self.terms.checked_sub(terms);
        self.terms = left.ok_or_else(|| reader.error(Kind::Limit { what: "terms", limit }))?;
        self.take_memory(reader, terms.saturating_mul(size_of::<Term>()))
    }

    /// Accounts for the bytes of a binary, if they are there and are to be copied.
    #[inline]
    pub(super) fn take_copy(&mut self, reader: &Reader<'_>, len: usize) -> Result<(), DecodeError> {
        if reader.is_shared() || len <= Binary::INLINE {
            return Ok(());
        }
        self.take_memory(reader, len.min(reader.rest().len()))
    }

    /// Accounts for so many bytes more.
    #[inline]
    pub(super) fn take_memory(
        &mut self,
        reader: &Reader<'_>,
        bytes: usize,
    ) -> Result<(), DecodeError> {
        let limit = self.limits.memory;
        let left = self.memory.checked_sub(bytes);
        let what = "bytes of memory";
        self.memory = left.ok_or_else(|| reader.error(Kind::Limit { what, limit }))?;
        Ok(())
    }
}
