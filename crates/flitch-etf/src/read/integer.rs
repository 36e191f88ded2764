//! Integers: the usual ones read at once, those of any size, and how large a BEAM lets them be.

use num_bigint::{BigInt, Sign};

use super::Reader;
use crate::error::DecodeErrorKind as Kind;
use crate::limits::MAX_BIG_BYTES;
use crate::{DecodeError, Tag, Term};

impl Reader<'_> {
    /// An integer of at most 64 bits.
    ///
    /// # Errors
    /// Another term, or a larger integer.
    pub fn integer(&mut self) -> Result<i64, DecodeError> {
        let offset = self.position();
        match self.number()? {
            Term::Integer(value) => Ok(value),
            _ => Err(DecodeError { offset, kind: Kind::Invalid("an integer over 64 bits") }),
        }
    }

    /// An integer of any size, as the term that it is.
    pub(crate) fn number(&mut self) -> Result<Term, DecodeError> {
        let tag = self.expect("an integer", Tag::is_integer)?;
        self.number_of(tag)
    }

    /// An integer behind its tag.
    #[inline]
    pub(crate) fn number_of(&mut self, tag: Tag) -> Result<Term, DecodeError> {
        Ok(match tag {
            Tag::SMALL_INTEGER_EXT => Term::Integer(self.u8("integer")?.into()),
            Tag::INTEGER_EXT => Term::Integer(self.i32("integer")?.into()),
            Tag::SMALL_BIG_EXT => {
                let [len, sign] = self.array("size and sign of the integer")?;
                self.big(len.into(), sign)?
            }
            _ => {
                let len = self.u32("size of the integer")? as usize;
                let sign = self.u8("sign")?;
                self.big(len, sign)?
            }
        })
    }

    /// A count of digits, if a BEAM can hold so many.
    pub(crate) fn digits_fit(&self, len: usize) -> Result<usize, DecodeError> {
        if len > MAX_BIG_BYTES {
            let what = "bytes in an integer";
            return Err(self.error(Kind::Limit { what, limit: MAX_BIG_BYTES }));
        }
        Ok(len)
    }

    #[inline]
    fn big(&mut self, len: usize, sign: u8) -> Result<Term, DecodeError> {
        let len = self.digits_fit(len)?;
        let digits = self.take(len, "digits of an integer")?;
        // The usual one: 64 bits and a sign.
        if let Some(magnitude) = small_magnitude(digits) {
            return Ok(match i64::try_from(magnitude) {
                Ok(value) => Term::Integer(if sign == 0 { value } else { -value }),
                Err(_) if sign == 0 => Term::from(magnitude),
                Err(_) => Term::from(-i128::from(magnitude)),
            });
        }
        let sign = if sign == 0 { Sign::Plus } else { Sign::Minus };
        Ok(Term::from(BigInt::from_bytes_le(sign, digits)))
    }

    /// An integer of 64 bits, if that is what stands at the cursor with bytes enough behind it to be
    /// read at once; else the cursor stays.
    #[inline(always)]
    pub(crate) fn small_integer(&mut self) -> Option<i64> {
        let (tag, body) = self.rest.split_first()?;
        let (value, rest) = small_integer(*tag, body)?;
        self.rest = rest;
        Some(value)
    }
}

/// An integer of 64 bits behind its tag, and the bytes behind it.
#[inline(always)]
pub(crate) fn small_integer(tag: u8, body: &[u8]) -> Option<(i64, &[u8])> {
    match Tag(tag) {
        Tag::SMALL_INTEGER_EXT => body.split_first().map(|(value, rest)| ((*value).into(), rest)),
        Tag::INTEGER_EXT => {
            body.split_first_chunk().map(|(value, rest)| (i32::from_be_bytes(*value).into(), rest))
        }
        Tag::SMALL_BIG_EXT => {
            let ([len @ 1..=8, sign], digits) = body.split_first_chunk()? else { return None };
            let magnitude = u64::from_le_bytes(*digits.first_chunk()?);
            let magnitude = magnitude & (u64::MAX >> (64 - 8 * len));
            let value = match sign {
                0 => i64::try_from(magnitude).ok()?,
                _ => 0i64.checked_sub_unsigned(magnitude)?,
            };
            Some((value, digits.get(usize::from(*len)..)?))
        }
        _ => None,
    }
}

/// Little-endian digits that fit into 64 bits.
#[inline]
fn small_magnitude(digits: &[u8]) -> Option<u64> {
    if let Ok(digits) = digits.try_into() {
        return Some(u64::from_le_bytes(digits));
    }
    let mut held = [0; 8];
    held.get_mut(..digits.len())?.copy_from_slice(digits);
    Some(u64::from_le_bytes(held))
}
