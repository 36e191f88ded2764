//! Past a term without building it.

use crate::error::DecodeErrorKind as Kind;
use crate::term::Reference;
use crate::{DecodeError, Reader, Tag};

impl<'a> Reader<'a> {
    /// Moves past any term, and gives its bytes.
    ///
    /// # Errors
    /// Bytes that are not a term. Text and numbers are not looked into.
    pub fn skip(&mut self) -> Result<&'a [u8], DecodeError> {
        let (bytes, start) = (self.rest(), self.position());
        let mut left = 1usize;
        while left > 0 {
            left = (left - 1).saturating_add(self.skip_head()?);
        }
        Ok(bytes.get(..self.position() - start).unwrap_or_default())
    }

    /// Moves past a term without those inside it, and says how many of them follow.
    pub(super) fn skip_head(&mut self) -> Result<usize, DecodeError> {
        let tag = self.tag()?;
        let (len, terms) = match tag {
            Tag::SMALL_INTEGER_EXT | Tag::ATOM_CACHE_REF => (1, 0),
            Tag::INTEGER_EXT => (4, 0),
            Tag::NEW_FLOAT_EXT => (8, 0),
            Tag::FLOAT_EXT => (31, 0),
            Tag::NIL_EXT => (0, 0),
            Tag::SMALL_ATOM_UTF8_EXT | Tag::SMALL_ATOM_EXT => {
                (self.u8("length of an atom")?.into(), 0)
            }
            Tag::ATOM_UTF8_EXT | Tag::ATOM_EXT => (self.u16("length of an atom")?.into(), 0),
            Tag::BINARY_EXT => (self.u32("length of a binary")? as usize, 0),
            Tag::STRING_EXT => (self.u16("length of a string")?.into(), 0),
            Tag::SMALL_BIG_EXT => (usize::from(self.u8("size of the integer")?) + 1, 0),
            Tag::SMALL_TUPLE_EXT | Tag::LARGE_TUPLE_EXT => (0, self.arity(tag)?),
            Tag::LIST_EXT => {
                let count = self.u32("length of a list")? as usize;
                (0, self.fits(count, 1)? + 1)
            }
            Tag::MAP_EXT => {
                let count = self.u32("size of a map")? as usize;
                (0, self.fits(count, 2)? * 2)
            }
            rare => self.skip_rare(rare)?,
        };
        self.take(len, "rest of a term")?;
        Ok(terms)
    }

    /// The bytes that are left of a rarer term, and how many terms follow these.
    fn skip_rare(&mut self, tag: Tag) -> Result<(usize, usize), DecodeError> {
        Ok(match tag {
            Tag::LARGE_BIG_EXT => {
                let len = self.u32("size of the integer")? as usize;
                (self.digits_fit(len)? + 1, 0)
            }
            Tag::BIT_BINARY_EXT => (self.u32("length of a bit string")? as usize + 1, 0),
            Tag::NEW_PID_EXT | Tag::V4_PORT_EXT => self.skip_named(12)?,
            Tag::NEW_PORT_EXT => self.skip_named(8)?,
            Tag::PID_EXT => self.skip_named(9)?,
            Tag::PORT_EXT | Tag::REFERENCE_EXT => self.skip_named(5)?,
            Tag::NEWER_REFERENCE_EXT | Tag::NEW_REFERENCE_EXT => {
                let words = usize::from(self.u16("length of a reference")?);
                if !(1..=Reference::MAX_WORDS).contains(&words) {
                    return Err(self.error(Kind::Invalid("a reference has 1 to 5 words")));
                }
                let creation = if tag == Tag::NEW_REFERENCE_EXT { 1 } else { 4 };
                self.skip_named(creation + words * 4)?
            }
            Tag::EXPORT_EXT => {
                self.skip_atom()?;
                self.skip_atom()?;
                (0, 1)
            }
            Tag::NEW_FUN_EXT => {
                self.take(4 + 1 + 16 + 4, "head of a fun")?;
                let free = self.u32("free variables of a fun")? as usize;
                self.skip_atom()?;
                self.integer()?;
                self.integer()?;
                self.pid()?;
                (0, self.fits(free, 1)?)
            }
            Tag::RECORD_EXT => {
                let (fields, _) = self.record_start()?;
                for _ in 0..fields + 2 {
                    self.skip_atom()?;
                }
                (0, fields)
            }
            unsupported => {
                let offset = self.position() - 1;
                return Err(DecodeError { offset, kind: Kind::Unsupported(unsupported) });
            }
        })
    }

    /// The name of a node, with so many bytes behind it.
    fn skip_named(&mut self, len: usize) -> Result<(usize, usize), DecodeError> {
        self.skip_atom().map(|()| (len, 0))
    }

    fn skip_atom(&mut self) -> Result<(), DecodeError> {
        let tag = self.expect("an atom", Tag::is_atom)?;
        let len = match tag {
            Tag::ATOM_CACHE_REF => 1,
            Tag::SMALL_ATOM_UTF8_EXT | Tag::SMALL_ATOM_EXT => self.u8("length of an atom")?.into(),
            _ => self.u16("length of an atom")?.into(),
        };
        self.take(len, "text of an atom").map(|_| ())
    }
}
