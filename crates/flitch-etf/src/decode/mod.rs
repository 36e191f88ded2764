//! Bytes into [`Term`]: by recursion for a few levels, and without it however deep they go.

mod build;
mod deep;
mod heads;
mod keys;
mod leaf;
mod meter;
mod skip;
mod walk;

use bytes::Bytes;

use crate::compressed::inflate;
use crate::error::DecodeErrorKind as Kind;
use crate::term::{Binary, Local, Seq};
use crate::{DecodeError, Limits, Reader, Tag, Term, VERSION_MAGIC};
use build::{Build, Failure};
pub use walk::{AtomSpan, AtomWalk};

/// Decodes one term that stands alone, as `term_to_binary` makes it, compressed or not. Binaries
/// become slices of `bytes`.
///
/// # Errors
/// Says what is wrong and at which byte.
pub fn decode(bytes: &Bytes) -> Result<Term, DecodeError> {
    decode_with(bytes, Limits::DEFAULT)
}

/// [`decode`] under limits of the caller's.
///
/// # Errors
/// Says what is wrong and at which byte.
pub fn decode_with(bytes: &Bytes, limits: Limits) -> Result<Term, DecodeError> {
    let inflated = inflate(bytes, limits)?;
    let bytes = inflated.as_ref().unwrap_or(bytes);
    if let [VERSION_MAGIC, tag, ..] = **bytes
        && Tag(tag) == Tag::LOCAL_EXT
    {
        return Ok(Local(Binary::from(bytes.slice(2..))).into());
    }
    let mut reader = Reader::of_shared(bytes).with_limits(limits);
    reader.version()?;
    let term = reader.term()?;
    match reader.rest().len() {
        0 => Ok(term),
        trailing => Err(reader.error(Kind::Trailing(trailing))),
    }
}

/// Levels that are read by recursion; what lies deeper is read by [`deep`].
const LEVELS: usize = 16;

/// Lists of so many elements are read straight to where they stay, as long as these are integers.
const RUN: usize = 32;

/// Where a term stands.
#[derive(Clone, Copy)]
struct Place {
    level: usize,
    /// Terms that are still to come behind it: each takes a byte at least.
    owed: usize,
}

impl Place {
    /// That of an element with so many behind it.
    #[inline]
    fn inside(self, behind: usize) -> Self {
        Self { level: self.level + 1, owed: self.owed + behind }
    }
}

impl Reader<'_> {
    /// Any term.
    ///
    /// # Errors
    /// Bytes that are not a term, or one that exceeds the limits.
    pub fn term(&mut self) -> Result<Term, DecodeError> {
        let mut build = Build::new(self.limits());
        let place = Place { level: 0, owed: 0 };
        self.element(&mut build, place).map_err(|error| *error)?;
        Ok(build.done.pop().unwrap_or_default())
    }

    /// Reads the term at the cursor onto those that are done.
    #[inline(always)]
    fn element(&mut self, build: &mut Build, place: Place) -> Result<(), Failure> {
        if self.leaf(&mut build.done, &mut build.meter)? {
            return Ok(());
        }
        self.container(build, place)
    }

    #[inline(never)]
    fn container(&mut self, build: &mut Build, place: Place) -> Result<(), Failure> {
        build.meter.check_level(self, place.level)?;
        if place.level >= LEVELS {
            return self.deep(build, place);
        }
        match self.tag()? {
            tag if tag.is_tuple() => {
                let arity = self.arity(tag)?;
                let start = self.elements(build, place, arity)?;
                build.close_tuple(start);
            }
            Tag::LIST_EXT => self.list_elements(build, place)?,
            Tag::MAP_EXT => self.pairs(build, place)?,
            Tag::RECORD_EXT => {
                let definition = self.definition(build)?;
                let start = self.elements(build, place, definition.fields().len())?;
                build.close_record(definition, start);
            }
            _ => {
                let (fun, free) = self.fun(build)?;
                let start = self.elements(build, place, free)?;
                build.close_fun(fun, start);
            }
        }
        Ok(())
    }

    /// Reads so many elements, and says where they start.
    #[inline]
    fn elements(
        &mut self,
        build: &mut Build,
        place: Place,
        count: usize,
    ) -> Result<usize, Failure> {
        build.meter.announce(self, count, place.owed)?;
        let start = build.done.len();
        self.announced(build, place, count)?;
        Ok(start)
    }

    #[inline(never)]
    fn announced(&mut self, build: &mut Build, place: Place, count: usize) -> Result<(), Failure> {
        for behind in (0..count).rev() {
            self.element(build, place.inside(behind))?;
        }
        Ok(())
    }

    fn list_elements(&mut self, build: &mut Build, place: Place) -> Result<(), Failure> {
        // The tail is one more.
        let behind = Place { owed: place.owed + 1, ..place };
        let mut count = self.u32("length of a list")? as usize;
        build.meter.announce(self, count, behind.owed)?;
        let start = build.done.len();
        if count >= RUN && self.peek()?.is_integer() {
            let (list, read) = self.integers(count);
            if read == count && self.skip_nil() {
                build.done.push(Term::List(list.into()));
                return Ok(());
            }
            build.done.extend(list.as_slice().iter().take(read).cloned());
            count -= read;
        }
        self.announced(build, behind, count)?;
        // C nodes write a list cell by cell, each the tail of the one before: still one list.
        while !self.skip_nil() {
            if self.peek()? != Tag::LIST_EXT {
                self.element(build, place.inside(0))?;
                return build.close_with_tail(self, start);
            }
            let count = self.list()?;
            self.elements(build, behind, count)?;
        }
        build.close_list(start);
        Ok(())
    }

    /// The integers at the cursor, and how many they are; zeros stand for what comes behind.
    fn integers(&mut self, count: usize) -> (Seq, usize) {
        let mut read = 0;
        let integers = Seq::of((0..count).map(|at| {
            let value = if read == at { self.small_integer() } else { None };
            read += usize::from(value.is_some());
            Term::Integer(value.unwrap_or_default())
        }));
        (integers, read)
    }

    fn pairs(&mut self, build: &mut Build, place: Place) -> Result<(), Failure> {
        let count = self.u32("size of a map")? as usize;
        build.meter.announce(self, count.saturating_mul(2), place.owed)?;
        let start = build.done.len();
        let mut known = build.keys.find(count);
        for behind in (0..count).rev() {
            if let Some(keys) = &mut known
                && !build.keys.follow(keys, self)
            {
                build.unfold(keys, start);
                known = None;
            }
            if known.is_none() {
                self.element(build, place.inside(behind * 2 + 1))?;
            }
            self.element(build, place.inside(behind * 2))?;
        }
        match known {
            Some(keys) => build.close_known(&keys, start),
            None => build.close_map(self, start, self.rest().len())?,
        }
        Ok(())
    }
}
