//! Bytes into [`Term`], without recursion.

mod build;
mod close;
mod heads;
mod keys;
mod skip;

use bytes::Bytes;

use crate::compressed::inflate;
use crate::error::DecodeErrorKind as Kind;
use crate::term::{Binary, List, Local, Seq};
use crate::{DecodeError, Export, Fun, Limits, Reader, Tag, Term, VERSION_MAGIC};
use build::{Build, Container};

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
    if bytes.starts_with(&[VERSION_MAGIC, Tag::LOCAL_EXT.0]) {
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

/// Lists of so many elements are read straight to where they stay, as long as none of these holds
/// others.
const RUN: usize = 32;

impl Reader<'_> {
    /// Any term.
    ///
    /// # Errors
    /// Bytes that are not a term, or one that exceeds the limits.
    pub fn term(&mut self) -> Result<Term, DecodeError> {
        let mut build = Build::new(self.limits());
        loop {
            build.start_next(self);
            let mut term = match self.leaf(&mut build)? {
                Some(leaf) => leaf,
                None => match self.open(&mut build)? {
                    Some(term) => term,
                    None => continue,
                },
            };
            // One finished term may finish the containers around it.
            loop {
                let Some(around) = build.open.last_mut() else { return Ok(term) };
                build.done.push(term);
                around.left -= 1;
                if around.left > 0 {
                    break;
                }
                term = self.close(&mut build)?;
            }
        }
    }

    /// The term at the cursor if it holds no others; else the cursor stays.
    #[inline]
    fn leaf(&mut self, build: &mut Build) -> Result<Option<Term>, DecodeError> {
        let tag = self.peek()?;
        Ok(Some(match tag {
            Tag::SMALL_INTEGER_EXT | Tag::INTEGER_EXT | Tag::SMALL_BIG_EXT | Tag::LARGE_BIG_EXT => {
                self.tag()?;
                let number = self.number_of(tag)?;
                if let Term::BigInt(big) = &number {
                    build.take_memory(self, 40 + big.bits() as usize / 8)?;
                }
                number
            }
            tag if tag.is_atom() => {
                self.tag()?;
                let atom = self.atom_of(tag)?;
                if atom.is_shared() {
                    build.take_memory(self, 16 + atom.as_str().len())?;
                }
                Term::Atom(atom)
            }
            Tag::BINARY_EXT => {
                self.tag()?;
                let len = self.u32("length of a binary")? as usize;
                build.take_copy(self, len)?;
                Term::Binary(self.binary(len)?)
            }
            Tag::NIL_EXT => {
                self.tag()?;
                Term::empty_list()
            }
            Tag::NEW_FLOAT_EXT | Tag::FLOAT_EXT => Term::Float(self.float()?),
            tag if tag.is_container() => return Ok(None),
            _ => self.rare_leaf(tag, build)?,
        }))
    }

    fn rare_leaf(&mut self, tag: Tag, build: &mut Build) -> Result<Term, DecodeError> {
        build.take_memory(self, 80)?;
        Ok(match tag {
            tag if tag.is_pid() => self.pid()?.into(),
            tag if tag.is_port() => self.port()?.into(),
            tag if tag.is_reference() => self.reference()?.into(),
            Tag::STRING_EXT => {
                self.tag()?;
                let len = self.u16("length of a string")?.into();
                build.take_terms(self, len)?;
                Term::List(List::from_bytes(self.binary(len)?))
            }
            Tag::BIT_BINARY_EXT => self.bit_string(build)?,
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

    /// Opens the container at the cursor. Gives it if that was all of it.
    fn open(&mut self, build: &mut Build) -> Result<Option<Term>, DecodeError> {
        let (container, left) = match self.peek()? {
            Tag::LIST_EXT => {
                let count = self.list()?;
                if count >= RUN && !build.is_tail() {
                    return self.open_run(build, count);
                }
                // The tail is one more.
                (Container::List, count + 1)
            }
            Tag::MAP_EXT => {
                let pairs = self.map()?;
                build.map(pairs)
            }
            Tag::RECORD_EXT => {
                let definition = self.definition(build)?;
                let fields = definition.fields().len();
                (Container::Record(definition), fields)
            }
            Tag::NEW_FUN_EXT => {
                let (fun, free) = self.fun()?;
                build.take_memory(self, size_of::<Fun>())?;
                (Container::Fun(Box::new(fun)), free)
            }
            _ => (Container::Tuple, self.tuple()?),
        };
        build.open(self, container, left)?;
        if left == 0 { self.close(build).map(Some) } else { Ok(None) }
    }

    /// Opens a long list. One that ends in `[]` and holds only leaves is given at once.
    fn open_run(&mut self, build: &mut Build, count: usize) -> Result<Option<Term>, DecodeError> {
        build.open(self, Container::List, count + 1)?;
        if self.peek()?.is_container() {
            return Ok(None);
        }
        let (mut read, mut end) = (0, None);
        let terms = Seq::of((0..count).map(|_| {
            if end.is_none() {
                match self.leaf(build) {
                    Ok(Some(leaf)) => {
                        read += 1;
                        return leaf;
                    }
                    Ok(None) => end = Some(Ok(())),
                    Err(error) => end = Some(Err(error)),
                }
            }
            Term::Integer(0)
        }));
        match end {
            Some(Err(error)) => return Err(error),
            None if self.peek()? == Tag::NIL_EXT => {
                self.tag()?;
                build.leave(count + 1);
                return Ok(Some(Term::List(terms.into())));
            }
            _ => build.adopt(terms.as_slice().get(..read).unwrap_or_default()),
        }
        Ok(None)
    }
}
