//! Lists and tuples.

use std::marker::PhantomData;

use serde::de::{self, Deserialize, DeserializeSeed, Visitor};

use super::implied::Implied;
use super::{DeError, Deserializer};
use crate::Tag;

impl<'de> Deserializer<'_, 'de> {
    #[inline]
    pub(super) fn seq<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, DeError> {
        if self.reader.rest().first() == Some(&Tag::LIST_EXT.0) {
            let len = self.reader.list()?;
            let mut value = self.elements(len, false, visitor);
            if value.is_ok()
                && let Err(error) = self.end_of_list()
            {
                value = Err(error);
            }
            return value;
        }
        match self.tag()? {
            Tag::NIL_EXT => {
                self.reader.skip_nil();
                visitor.visit_seq(&mut Bytewise { bytes: &[], read: 0 })
            }
            Tag::STRING_EXT => {
                let start = self.reader.position();
                let mut bytes = Bytewise { bytes: self.reader.string_slice()?, read: 0 };
                let value = visitor.visit_seq(&mut bytes).map_err(|error| error.located(start))?;
                self.all_taken(bytes.bytes.len() - bytes.read, value)
            }
            _ => Err(self.unexpected("a list")),
        }
    }

    /// Moves past what ends a proper list.
    #[inline]
    pub(super) fn end_of_list(&mut self) -> Result<(), DeError> {
        if self.reader.skip_nil() { Ok(()) } else { self.other_end() }
    }

    #[cold]
    #[inline(never)]
    fn other_end(&mut self) -> Result<(), DeError> {
        // C nodes write lists cell by cell; of an empty rest nothing has been read yet.
        while self.tag()? == Tag::LIST_EXT && self.reader.fork().list()? == 0 {
            self.reader.list()?;
        }
        self.tag()?;
        match self.reader.skip_nil() {
            true => Ok(()),
            false => Err(self.unexpected("the end of a proper list")),
        }
    }

    #[inline]
    pub(super) fn tuple<V: Visitor<'de>>(
        &mut self,
        len: Option<usize>,
        visitor: V,
    ) -> Result<V::Value, DeError> {
        let start = self.reader.position();
        let arity = self.arity("a tuple")?;
        match len {
            Some(len) if len != arity => Err(other_arity(start, len, arity)),
            _ => self.elements(arity, true, visitor),
        }
    }

    /// Opens a tuple.
    #[inline]
    pub(super) fn arity(&mut self, expected: &str) -> Result<usize, DeError> {
        match self.token_tuple() {
            Some(arity) => Ok(arity),
            None => self.large_arity(expected),
        }
    }

    #[cold]
    #[inline(never)]
    fn large_arity(&mut self, expected: &str) -> Result<usize, DeError> {
        match self.tag()? {
            tag if tag.is_tuple() => Ok(self.reader.tuple()?),
            _ => Err(self.unexpected(expected)),
        }
    }

    #[inline(always)]
    fn elements<V: Visitor<'de>>(
        &mut self,
        len: usize,
        tuple: bool,
        visitor: V,
    ) -> Result<V::Value, DeError> {
        self.nested(|this| {
            let mut elements = Elements { de: this, left: len, read: 0, tuple };
            let mut value = visitor.visit_seq(&mut elements);
            if elements.left > 0 && value.is_ok() {
                value = Err(elements.de.untaken_elements(elements.left));
            }
            value
        })
    }

    #[inline]
    pub(super) fn all_taken<T>(&self, left: usize, value: T) -> Result<T, DeError> {
        if left > 0 { Err(self.untaken_elements(left)) } else { Ok(value) }
    }

    #[cold]
    #[inline(never)]
    fn untaken_elements(&self, left: usize) -> DeError {
        DeError::at(self.reader.position(), format!("{left} more elements than expected"))
    }
}

#[cold]
fn other_arity(start: usize, expected: usize, found: usize) -> DeError {
    DeError::at(start, format!("expected a tuple of {expected}, found one of {found}"))
}

/// The elements of a list or tuple.
pub(super) struct Elements<'x, 'a, 'de> {
    pub(super) de: &'x mut Deserializer<'a, 'de>,
    pub(super) left: usize,
    pub(super) read: usize,
    pub(super) tuple: bool,
}

impl Elements<'_, '_, '_> {
    /// C nodes write a list cell by cell, each the tail of the one before.
    fn next_cell(&mut self) -> Result<(), DeError> {
        while self.left == 0 && self.de.tag()? == Tag::LIST_EXT {
            self.left = self.de.reader.list()?;
        }
        Ok(())
    }

    #[cold]
    #[inline(never)]
    fn step(&self, error: DeError, start: usize) -> DeError {
        let index = self.read - 1;
        let step = if self.tuple { format!(".{index}") } else { format!("[{index}]") };
        error.located(start).inside(step)
    }
}

impl<'de> de::SeqAccess<'de> for &mut Elements<'_, '_, 'de> {
    type Error = DeError;

    #[inline(always)]
    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DeError> {
        if self.left == 0 && !self.tuple {
            self.next_cell()?;
        }
        if self.left == 0 {
            return Ok(None);
        }
        let start = self.de.reader.position();
        self.left -= 1;
        self.read += 1;
        match seed.deserialize(&mut *self.de) {
            Ok(value) => Ok(Some(value)),
            Err(error) => Err(self.step(error, start)),
        }
    }

    #[inline(always)]
    fn next_element<T: Deserialize<'de>>(&mut self) -> Result<Option<T>, DeError> {
        self.next_element_seed(PhantomData)
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

/// The bytes of a STRING_EXT, as the integers that they stand for.
struct Bytewise<'de> {
    bytes: &'de [u8],
    read: usize,
}

impl<'de> de::SeqAccess<'de> for &mut Bytewise<'de> {
    type Error = DeError;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DeError> {
        let Some(byte) = self.bytes.get(self.read) else { return Ok(None) };
        let element = seed.deserialize(Implied::Byte(*byte));
        let element = element.map_err(|error| error.inside(format!("[{}]", self.read)))?;
        self.read += 1;
        Ok(Some(element))
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.bytes.len() - self.read)
    }
}
