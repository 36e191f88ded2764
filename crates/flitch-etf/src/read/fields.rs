//! The fields that terms are made of, and what is said when one is cut short.

use super::Reader;
use crate::error::DecodeErrorKind as Kind;
use crate::{DecodeError, Tag};

impl<'a> Reader<'a> {
    /// Moves past the tag if it is one that the caller wants.
    #[inline]
    pub(crate) fn expect(
        &mut self,
        expected: &'static str,
        wanted: impl Fn(Tag) -> bool,
    ) -> Result<Tag, DecodeError> {
        let found = self.peek()?;
        if !wanted(found) {
            return Err(self.unexpected(expected, found));
        }
        self.tag()
    }

    #[inline]
    pub(crate) fn tag(&mut self) -> Result<Tag, DecodeError> {
        self.u8("tag").map(Tag)
    }

    /// Moves past `[]`, if that is what stands at the cursor.
    #[inline]
    pub(crate) fn skip_nil(&mut self) -> bool {
        match self.rest {
            [nil, rest @ ..] if *nil == Tag::NIL_EXT.0 => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    #[inline]
    pub(crate) fn u8(&mut self, field: &'static str) -> Result<u8, DecodeError> {
        self.array(field).map(|[byte]| byte)
    }

    #[inline]
    pub(crate) fn u16(&mut self, field: &'static str) -> Result<u16, DecodeError> {
        self.array(field).map(u16::from_be_bytes)
    }

    #[inline]
    pub(crate) fn u32(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        self.array(field).map(u32::from_be_bytes)
    }

    #[inline]
    pub(crate) fn i32(&mut self, field: &'static str) -> Result<i32, DecodeError> {
        self.array(field).map(i32::from_be_bytes)
    }

    #[inline]
    pub(crate) fn u64(&mut self, field: &'static str) -> Result<u64, DecodeError> {
        self.array(field).map(u64::from_be_bytes)
    }

    #[inline]
    pub(crate) fn array<const N: usize>(
        &mut self,
        field: &'static str,
    ) -> Result<[u8; N], DecodeError> {
        match self.rest.split_first_chunk::<N>() {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(*bytes)
            }
            None => Err(self.short(field, N)),
        }
    }

    #[inline]
    pub(crate) fn take(
        &mut self,
        len: usize,
        field: &'static str,
    ) -> Result<&'a [u8], DecodeError> {
        match self.rest.split_at_checked(len) {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(bytes)
            }
            None => Err(self.short(field, len)),
        }
    }

    /// `count` terms of at least `each` bytes, if the bytes that are left can hold them.
    #[inline]
    pub(crate) fn fits(&self, count: usize, each: usize) -> Result<usize, DecodeError> {
        let left = self.rest.len();
        match count.checked_mul(each) {
            Some(least) if least <= left => Ok(count),
            _ => Err(self.error(Kind::Count { count, left })),
        }
    }

    #[cold]
    pub(crate) fn error(&self, kind: Kind) -> DecodeError {
        DecodeError { offset: self.position(), kind }
    }

    #[cold]
    pub(crate) fn unexpected(&self, expected: &'static str, found: Tag) -> DecodeError {
        self.error(Kind::Unexpected { expected, found })
    }

    #[cold]
    pub(super) fn short(&self, field: &'static str, needed: usize) -> DecodeError {
        self.error(Kind::Short { field, needed, left: self.rest.len() })
    }
}
