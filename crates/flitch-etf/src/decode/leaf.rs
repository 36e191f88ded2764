//! Terms that hold no others.

use super::build::{Done, Failure};
use super::meter::Meter;
use crate::atoms::recent;
use crate::error::DecodeErrorKind as Kind;
use crate::read::small_integer;
use crate::term::List;
use crate::{Atom, Binary, DecodeError, Export, Reader, Tag, Term};

impl Reader<'_> {
    /// Reads the term at the cursor onto `done` if it holds no others; else the cursor stays.
    ///
    /// The usual ones are read right here and made where they go: handing a term on by value, from
    /// one function to the next, takes longer than reading it.
    #[inline(always)]
    pub(super) fn leaf(&mut self, done: &mut Done, meter: &mut Meter) -> Result<bool, Failure> {
        if let Some((tag, body)) = self.rest().split_first() {
            let rest = match Tag(*tag) {
                Tag::SMALL_INTEGER_EXT | Tag::INTEGER_EXT | Tag::SMALL_BIG_EXT => {
                    small_integer(*tag, body).map(|(value, rest)| {
                        done.push(Term::Integer(value));
                        rest
                    })
                }
                Tag::SMALL_ATOM_UTF8_EXT => self.usual_atom(body, done, meter)?,
                Tag::BINARY_EXT => short_binary(body).map(|(binary, rest)| {
                    done.push(Term::Binary(binary));
                    rest
                }),
                Tag::NIL_EXT => {
                    done.push(Term::empty_list());
                    Some(body)
                }
                tag if tag.is_container() => return Ok(false),
                _ => None,
            };
            if let Some(rest) = rest {
                self.advance_to(rest);
                return Ok(true);
            }
        }
        self.other_leaf(done, meter)?;
        Ok(true)
    }

    /// The bytes behind an atom that takes the usual form.
    #[inline(always)]
    fn usual_atom<'a>(
        &self,
        body: &'a [u8],
        done: &mut Done,
        meter: &mut Meter,
    ) -> Result<Option<&'a [u8]>, Failure> {
        let Some((len, text)) = body.split_first() else { return Ok(None) };
        let len = usize::from(*len);
        if len > Atom::INLINE {
            meter.take_memory(self, 16 + len)?;
        }
        Ok(recent(text, len, |atom| done.push(Term::Atom(atom.clone()))).map(|(_, rest)| rest))
    }

    #[inline(never)]
    fn other_leaf(&mut self, done: &mut Done, meter: &mut Meter) -> Result<(), Failure> {
        let tag = self.peek()?;
        done.push(match tag {
            Tag::BINARY_EXT => {
                self.tag()?;
                let len = self.u32("length of a binary")? as usize;
                meter.take_copy(self, len)?;
                Term::Binary(self.binary(len)?)
            }
            Tag::NEW_FLOAT_EXT => Term::Float(self.float()?),
            _ => self.rare_leaf(tag, meter)?,
        });
        Ok(())
    }

    fn rare_leaf(&mut self, tag: Tag, meter: &mut Meter) -> Result<Term, DecodeError> {
        meter.take_memory(self, 80)?;
        Ok(match tag {
            Tag::FLOAT_EXT => Term::Float(self.float()?),
            tag if tag.is_atom() => {
                let atom = self.atom()?;
                meter.take_memory(self, 16 + atom.as_str().len())?;
                Term::Atom(atom)
            }
            tag if tag.is_integer() => {
                let number = self.number()?;
                if let Term::BigInt(big) = &number {
                    meter
                        .take_memory(self, usize::try_from(big.bits() / 8).unwrap_or(usize::MAX))?;
                }
                number
            }
            tag if tag.is_pid() => self.pid()?.into(),
            tag if tag.is_port() => self.port()?.into(),
            tag if tag.is_reference() => self.reference()?.into(),
            Tag::STRING_EXT => {
                self.tag()?;
                let len = self.u16("length of a string")?.into();
                meter.take_terms(self, len)?;
                Term::List(List::from_bytes(self.binary(len)?))
            }
            Tag::BIT_BINARY_EXT => self.bit_string(meter)?,
            Tag::EXPORT_EXT => {
                self.tag()?;
                let (module, function) = (self.atom()?, self.atom()?);
                let arity = u8::try_from(self.integer()?);
                let arity = arity.map_err(|_| self.error(Kind::Invalid("an arity over 255")))?;
                Term::from(Export { module, function, arity })
            }
            unsupported => return Err(self.error(Kind::Unsupported(unsupported))),
        })
    }
}

/// A binary behind its tag that is held inline, and the bytes behind it.
#[inline(always)]
fn short_binary(body: &[u8]) -> Option<(Binary, &[u8])> {
    let (len, bytes) = body.split_first_chunk()?;
    Binary::inline_from(bytes, u8::try_from(u32::from_be_bytes(*len)).ok()?)
}
