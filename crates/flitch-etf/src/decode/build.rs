//! What is being built: the containers that are open, and what they may still take.

use smallvec::SmallVec;

use super::keys::{KnownKeys, Matched};
use crate::error::DecodeErrorKind as Kind;
use crate::term::Definition;
use crate::{Binary, DecodeError, Fun, Limits, Reader, Term};

/// A container whose elements are still being read.
pub(super) struct Open {
    pub(super) container: Container,
    /// Elements that are still to come.
    pub(super) left: usize,
    /// Where the elements start among the finished terms.
    pub(super) start: usize,
}

pub(super) enum Container {
    Tuple,
    /// The elements of a list; its tail comes last.
    List,
    /// Keys and values by turns.
    Map,
    /// The values of a map whose keys have been those of an earlier one so far.
    Known(Matched),
    Record(Definition),
    Fun(Box<Fun>),
}

/// Small messages are built without touching the heap for what is in here.
pub(super) struct Build {
    pub(super) open: SmallVec<[Open; 8]>,
    /// Finished terms whose containers are open.
    pub(super) done: SmallVec<[Term; 16]>,
    pub(super) keys: KnownKeys,
    pub(super) definition: Option<Definition>,
    limits: Limits,
    /// Terms and bytes that may still be taken.
    terms: usize,
    memory: usize,
    /// Terms that have been announced and have not started yet: each needs a byte at least.
    owed: usize,
}

impl Build {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            open: SmallVec::new(),
            done: SmallVec::new(),
            keys: KnownKeys::default(),
            definition: None,
            limits,
            terms: limits.terms.saturating_sub(1),
            memory: limits.memory,
            owed: 1,
        }
    }

    /// A term is to start at the cursor, or the key before it that is known.
    #[inline]
    pub(super) fn start_next(&mut self, reader: &mut Reader<'_>) {
        self.owed = self.owed.saturating_sub(1);
        if let Some(Open { container: Container::Known(_), .. }) = self.open.last() {
            self.next_key(reader);
        }
    }

    fn next_key(&mut self, reader: &mut Reader<'_>) {
        let Some(Open { container, left, start }) = self.open.last_mut() else { return };
        let Container::Known(matched) = container else { return };
        if self.keys.follow(matched, reader) {
            self.owed = self.owed.saturating_sub(1);
            return;
        }
        // Another map than the earlier one: its keys go beside the values that came with them.
        let values: SmallVec<[Term; 16]> = self.done.drain(*start..).collect();
        let keys = self.keys.so_far(matched);
        self.done.extend(keys.zip(values).flat_map(|(key, value)| [key, value]));
        *left *= 2;
        *container = Container::Map;
    }

    /// How a map of so many pairs is read.
    pub(super) fn map(&self, pairs: usize) -> (Container, usize) {
        match self.keys.find(pairs) {
            Some(matched) => (Container::Known(matched), pairs),
            None => (Container::Map, pairs * 2),
        }
    }

    /// Whether the next term is the tail of a list.
    pub(super) fn is_tail(&self) -> bool {
        matches!(self.open.last(), Some(Open { container: Container::List, left: 1, .. }))
    }

    /// Opens a container whose elements follow.
    pub(super) fn open(
        &mut self,
        reader: &Reader<'_>,
        container: Container,
        left: usize,
    ) -> Result<(), DecodeError> {
        let terms = if matches!(container, Container::Known(_)) { left * 2 } else { left };
        self.owed += terms;
        if self.owed > reader.rest().len() {
            let (count, left) = (self.owed, reader.rest().len());
            return Err(reader.error(Kind::Count { count, left }));
        }
        self.take_terms(reader, terms)?;
        if matches!(container, Container::List) && self.is_tail() {
            // C nodes write a list cell by cell, each the tail of the one before: still one list.
            if let Some(around) = self.open.last_mut() {
                around.left = left;
            }
            return Ok(());
        }
        let limit = self.limits.depth;
        if self.open.len() >= limit {
            return Err(reader.error(Kind::Limit { what: "levels", limit }));
        }
        self.open.push(Open { container, left, start: self.done.len() });
        Ok(())
    }

    /// Leaves the innermost container, whose `read` elements have been read elsewhere.
    pub(super) fn leave(&mut self, read: usize) {
        self.open.pop();
        self.owed = self.owed.saturating_sub(read);
    }

    /// Takes over elements of the innermost container that have been read elsewhere.
    pub(super) fn adopt(&mut self, read: &[Term]) {
        self.done.extend(read.iter().cloned());
        self.owed = self.owed.saturating_sub(read.len());
        if let Some(around) = self.open.last_mut() {
            around.left -= read.len();
        }
    }

    /// Accounts for so many terms more.
    pub(super) fn take_terms(
        &mut self,
        reader: &Reader<'_>,
        terms: usize,
    ) -> Result<(), DecodeError> {
        let limit = self.limits.terms;
        let left = self.terms.checked_sub(terms);
        self.terms = left.ok_or_else(|| reader.error(Kind::Limit { what: "terms", limit }))?;
        self.take_memory(reader, terms * size_of::<Term>())
    }

    /// Accounts for the bytes of a binary, if they are to be copied.
    #[inline]
    pub(super) fn take_copy(&mut self, reader: &Reader<'_>, len: usize) -> Result<(), DecodeError> {
        if reader.is_shared() || len <= Binary::INLINE {
            return Ok(());
        }
        self.take_memory(reader, len)
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
        self.memory =
            left.ok_or_else(|| reader.error(Kind::Limit { what: "bytes of memory", limit }))?;
        Ok(())
    }
}
