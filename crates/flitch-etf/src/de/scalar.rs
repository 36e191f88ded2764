//! Numbers, text and charlists.

use std::borrow::Cow;

use serde::de::Visitor;

use super::{DeError, Deserializer};
use crate::{Tag, Term};

impl<'de> Deserializer<'_, 'de> {
    /// An integer, shown to the visitor as signed or, where it is not negative, as unsigned: a
    /// visitor that was written by hand may know only the one that it asked for.
    #[inline]
    pub(super) fn integer<const SIGNED: bool, V: Visitor<'de>>(
        &mut self,
        visitor: V,
    ) -> Result<V::Value, DeError> {
        match self.reader.small_integer() {
            Some(value) if SIGNED => visitor.visit_i64(value),
            Some(value) => match u64::try_from(value) {
                Ok(value) => visitor.visit_u64(value),
                Err(_) => visitor.visit_i64(value),
            },
            None => self.wide_integer(visitor),
        }
    }

    /// An integer beyond 64 bits with a sign, or in an unusual form.
    #[inline(never)]
    fn wide_integer<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, DeError> {
        if !self.tag()?.is_integer() {
            return Err(self.unexpected("an integer"));
        }
        let start = self.reader.position();
        match self.reader.number()? {
            Term::Integer(value) => visitor.visit_i64(value),
            Term::BigInt(big) => {
                let big = big.as_ref();
                if let Ok(value) = u64::try_from(big) {
                    visitor.visit_u64(value)
                } else if let Ok(value) = i128::try_from(big) {
                    visitor.visit_i128(value)
                } else if let Ok(value) = u128::try_from(big) {
                    visitor.visit_u128(value)
                } else {
                    Err(DeError::at(start, "an integer over 128 bits".into()))
                }
            }
            _ => Err(DeError::at(start, "expected an integer".into())),
        }
    }

    #[inline]
    pub(super) fn float(&mut self) -> Result<f64, DeError> {
        match self.token_float() {
            Some(value) => Ok(value),
            None => self.unusual_float(),
        }
    }

    #[inline(never)]
    fn unusual_float(&mut self) -> Result<f64, DeError> {
        let start = self.reader.position();
        match self.tag()? {
            Tag::NEW_FLOAT_EXT | Tag::FLOAT_EXT => Ok(self.reader.float()?),
            // Elixir programs write 1 for 1.0; an integer that a float would round is refused.
            tag if tag.is_integer() => match self.reader.number()? {
                Term::Integer(value) if value.unsigned_abs() <= 1 << f64::MANTISSA_DIGITS => {
                    Ok(value as f64)
                }
                _ => Err(DeError::at(start, "an integer that no float holds exactly".into())),
            },
            _ => Err(self.unexpected("a float")),
        }
    }

    /// The bytes of a binary, or of a list that is written as its bytes.
    #[inline]
    pub(super) fn bytes(&mut self) -> Result<&'de [u8], DeError> {
        match self.token_binary() {
            Some(bytes) => Ok(bytes),
            None => self.other_bytes(),
        }
    }

    #[inline(never)]
    fn other_bytes(&mut self) -> Result<&'de [u8], DeError> {
        match self.tag()? {
            Tag::STRING_EXT => Ok(self.reader.string_slice()?),
            Tag::NIL_EXT => {
                self.reader.skip_nil();
                Ok(&[])
            }
            _ => self.other_binary("a binary"),
        }
    }

    #[inline]
    pub(super) fn binary(&mut self, expected: &str) -> Result<&'de [u8], DeError> {
        match self.token_binary() {
            Some(bytes) => Ok(bytes),
            None => self.other_binary(expected),
        }
    }

    /// What is wrong where a binary should be.
    #[cold]
    #[inline(never)]
    fn other_binary(&mut self, expected: &str) -> Result<&'de [u8], DeError> {
        match self.tag()? {
            Tag::BINARY_EXT => Ok(self.reader.bytes()?),
            _ => Err(self.unexpected(expected)),
        }
    }

    #[inline]
    pub(super) fn text(&mut self) -> Result<&'de str, DeError> {
        let start = self.reader.position();
        let bytes = self.binary("a string")?;
        std::str::from_utf8(bytes).map_err(|_| not_utf8(start))
    }

    /// The text that a list of code points is, borrowed where its bytes are the same.
    pub(super) fn charlist(&mut self) -> Result<Cow<'de, str>, DeError> {
        match self.tag()? {
            Tag::NIL_EXT => {
                self.reader.skip_nil();
                Ok(Cow::Borrowed(""))
            }
            Tag::STRING_EXT => {
                let bytes = self.reader.string_slice()?;
                Ok(match std::str::from_utf8(bytes) {
                    Ok(text) if text.is_ascii() => Cow::Borrowed(text),
                    _ => Cow::Owned(bytes.iter().copied().map(char::from).collect()),
                })
            }
            Tag::LIST_EXT => self.code_points().map(Cow::Owned),
            _ => Err(self.unexpected("a charlist")),
        }
    }

    fn code_points(&mut self) -> Result<String, DeError> {
        let mut text = String::new();
        let mut index = 0usize;
        // C nodes write a list cell by cell, each the tail of the one before.
        while self.tag()? == Tag::LIST_EXT {
            for _ in 0..self.reader.list()? {
                let start = self.reader.position();
                let char = self.reader.small_integer().and_then(|point| u32::try_from(point).ok());
                let Some(char) = char.and_then(char::from_u32) else {
                    self.reader.back_to(start);
                    let error = match self.tag()?.is_integer() {
                        true => DeError::at(start, "an integer that is no code point".into()),
                        false => self.unexpected("a code point"),
                    };
                    return Err(error.inside(format!("[{index}]")));
                };
                text.push(char);
                index += 1;
            }
        }
        self.end_of_list()?;
        Ok(text)
    }
}

#[cold]
fn not_utf8(start: usize) -> DeError {
    DeError::at(start, "expected a string, found bytes not in UTF-8".into())
}
