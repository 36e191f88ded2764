//! Bytes into [`Term`], without recursion.

use std::sync::Arc;

use bytes::Bytes;

use crate::compressed::inflate;
use crate::error::DecodeErrorKind as Kind;
use crate::term::{ImproperList, List, Map, Seq, Tuple};
use crate::{BitString, DecodeError, Export, Fun, Limits, Reader, Tag, Term};

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
    let mut reader = Reader::of_shared(bytes).with_limits(limits);
    reader.version()?;
    let term = reader.term()?;
    match reader.rest().len() {
        0 => Ok(term),
        trailing => Err(reader.error(Kind::Trailing(trailing))),
    }
}

/// A container whose elements are still being read.
struct Open {
    container: Container,
    /// Elements that are still to come.
    left: usize,
    /// Where the elements start among the finished terms.
    start: usize,
}

enum Container {
    Tuple,
    /// The elements of a list; its tail comes last.
    List,
    Map,
    Fun(Box<Fun>),
}

/// What stands at the cursor: a finished term, or the head of a container with elements.
enum Head {
    Term(Term),
    Open(Container, usize),
}

impl Reader<'_> {
    /// Any term.
    ///
    /// # Errors
    /// Bytes that are not a term, or one that exceeds the limits.
    pub fn term(&mut self) -> Result<Term, DecodeError> {
        let mut open: Vec<Open> = Vec::new();
        let mut finished: Vec<Term> = Vec::new();
        let mut terms = 0;
        loop {
            let mut term = match self.head()? {
                Head::Term(term) => {
                    // The elements of a STRING_EXT came with it.
                    terms += 1 + term.children().len();
                    term
                }
                Head::Open(container, left) => {
                    terms += 1;
                    self.open(&mut open, container, left, finished.len())?;
                    self.check_terms(terms)?;
                    continue;
                }
            };
            self.check_terms(terms)?;
            // One finished term may finish the containers around it.
            loop {
                let Some(mut around) = open.pop() else { return Ok(term) };
                finished.push(term);
                around.left -= 1;
                if around.left > 0 {
                    open.push(around);
                    break;
                }
                term = self.close(around, &mut finished)?;
            }
        }
    }

    /// Opens a container whose elements will stand among the finished terms from `start` on.
    fn open(
        &self,
        open: &mut Vec<Open>,
        container: Container,
        left: usize,
        start: usize,
    ) -> Result<(), DecodeError> {
        if let (Container::List, Some(Open { container: Container::List, left: tail @ 1, .. })) =
            (&container, open.last_mut())
        {
            // C nodes write a list cell by cell, each the tail of the one before: still one list.
            *tail = left;
            return Ok(());
        }
        let limit = self.limits().depth;
        if open.len() >= limit {
            return Err(self.error(Kind::Limit { what: "levels", limit }));
        }
        open.push(Open { container, left, start });
        Ok(())
    }

    fn check_terms(&self, terms: usize) -> Result<(), DecodeError> {
        let limit = self.limits().terms;
        if terms > limit { Err(self.error(Kind::Limit { what: "terms", limit })) } else { Ok(()) }
    }

    /// Moves past any term, and gives its bytes.
    ///
    /// # Errors
    /// Bytes that are not a term. Text and numbers are not looked into.
    pub fn skip(&mut self) -> Result<&[u8], DecodeError> {
        let (bytes, start) = (self.rest(), self.position());
        let mut left = 1usize;
        while left > 0 {
            left -= 1;
            left = left.saturating_add(self.skip_head()?);
        }
        Ok(bytes.get(..self.position() - start).unwrap_or_default())
    }

    /// Moves past a term without its elements, and says how many follow.
    fn skip_head(&mut self) -> Result<usize, DecodeError> {
        match self.peek()? {
            Tag::SMALL_TUPLE_EXT | Tag::LARGE_TUPLE_EXT => self.tuple(),
            Tag::LIST_EXT => self.list().map(|count| count + 1),
            Tag::MAP_EXT => self.map().map(|pairs| pairs * 2),
            Tag::BINARY_EXT => self.binary_slice().map(|_| 0),
            Tag::STRING_EXT => self.string_slice().map(|_| 0),
            _ => self.head().map(|head| match head {
                Head::Term(_) => 0,
                Head::Open(_, left) => left,
            }),
        }
    }

    fn head(&mut self) -> Result<Head, DecodeError> {
        let tag = self.peek()?;
        Ok(Head::Term(match tag {
            Tag::SMALL_INTEGER_EXT | Tag::INTEGER_EXT | Tag::SMALL_BIG_EXT | Tag::LARGE_BIG_EXT => {
                self.number()?
            }
            Tag::SMALL_ATOM_UTF8_EXT
            | Tag::ATOM_UTF8_EXT
            | Tag::SMALL_ATOM_EXT
            | Tag::ATOM_EXT
            | Tag::ATOM_CACHE_REF => self.atom()?.into(),
            Tag::SMALL_TUPLE_EXT | Tag::LARGE_TUPLE_EXT => match self.tuple()? {
                0 => Term::Tuple(Tuple::default()),
                arity => return Ok(Head::Open(Container::Tuple, arity)),
            },
            Tag::NEW_PID_EXT | Tag::PID_EXT => self.pid()?.into(),
            Tag::V4_PORT_EXT | Tag::NEW_PORT_EXT | Tag::PORT_EXT => self.port()?.into(),
            Tag::NEWER_REFERENCE_EXT | Tag::NEW_REFERENCE_EXT | Tag::REFERENCE_EXT => {
                self.reference()?.into()
            }
            // The tail is one more.
            Tag::LIST_EXT => return Ok(Head::Open(Container::List, self.list()? + 1)),
            Tag::NEW_FLOAT_EXT | Tag::FLOAT_EXT => Term::Float(self.float()?),
            Tag::STRING_EXT => self.string_slice()?.iter().map(|byte| Term::from(*byte)).collect(),
            Tag::MAP_EXT => match self.map()? {
                0 => Term::Map(Map::default()),
                pairs => return Ok(Head::Open(Container::Map, pairs * 2)),
            },
            _ => return self.other_head(),
        }))
    }

    fn other_head(&mut self) -> Result<Head, DecodeError> {
        let start = self.position();
        let tag = self.tag()?;
        Ok(Head::Term(match tag {
            Tag::NIL_EXT => Term::empty_list(),
            Tag::BINARY_EXT => {
                let len = self.u32("length of a binary")? as usize;
                Term::Binary(self.binary(len)?)
            }
            Tag::BIT_BINARY_EXT => self.bit_string()?,
            Tag::EXPORT_EXT => {
                let (module, function) = (self.atom()?, self.atom()?);
                let arity = self.integer()?;
                let arity = u8::try_from(arity);
                let arity = arity.map_err(|_| self.error(Kind::Invalid("an arity over 255")))?;
                Term::from(Export { module, function, arity })
            }
            Tag::NEW_FUN_EXT => return self.fun(),
            unsupported => {
                return Err(DecodeError { offset: start, kind: Kind::Unsupported(unsupported) });
            }
        }))
    }

    /// A float, as eight bytes or as text.
    pub(crate) fn float(&mut self) -> Result<f64, DecodeError> {
        let start = self.position();
        let wanted = |tag| matches!(tag, Tag::NEW_FLOAT_EXT | Tag::FLOAT_EXT);
        let value = match self.expect("a float", wanted)? {
            Tag::NEW_FLOAT_EXT => Some(f64::from_bits(self.u64("float")?)),
            _ => {
                // 31 bytes of text, filled up with NUL.
                let text = self.take(31, "text of a float")?;
                let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
                std::str::from_utf8(text).ok().and_then(|text| text.trim().parse().ok())
            }
        };
        let value = value.filter(|value| value.is_finite());
        value.ok_or(DecodeError { offset: start, kind: Kind::Float })
    }

    fn bit_string(&mut self) -> Result<Term, DecodeError> {
        let start = self.position();
        let len = self.u32("length of a bit string")? as usize;
        let bits = self.u8("bits of the last byte")?;
        let bytes = self.binary(len)?;
        if bits == 8 && len > 0 {
            return Ok(Term::Binary(bytes));
        }
        // Unpatched BEAMs write outside the heap here (CVE-2026-54890).
        let invalid = Kind::Invalid("a bit string of no bytes, or without 1 to 8 bits in the last");
        let bits = BitString::new(bytes, bits);
        bits.map(Term::from).ok_or(DecodeError { offset: start, kind: invalid })
    }

    fn fun(&mut self) -> Result<Head, DecodeError> {
        // The fields say it too, and a BEAM does not look at it either: a size that lies must not
        // make one reader end elsewhere than another.
        self.u32("size of a fun")?;
        let arity = self.u8("arity of a fun")?;
        let uniq = self.array("uniq of a fun")?;
        let index = self.u32("index of a fun")?;
        let free = self.u32("free variables of a fun")? as usize;
        let module = self.atom()?;
        let old_index = self.old("old index of a fun")?;
        let old_uniq = self.old("old uniq of a fun")?;
        let pid = self.pid()?;
        let fun =
            Fun { arity, uniq, index, module, old_index, old_uniq, pid, free: Seq::default() };
        Ok(match self.fits(free, 1)? {
            0 => Head::Term(fun.into()),
            free => Head::Open(Container::Fun(Box::new(fun)), free),
        })
    }

    fn old(&mut self, what: &'static str) -> Result<i32, DecodeError> {
        let value = self.integer()?;
        i32::try_from(value).map_err(|_| self.error(Kind::Invalid(what)))
    }

    fn close(&self, open: Open, finished: &mut Vec<Term>) -> Result<Term, DecodeError> {
        let start = open.start;
        Ok(match open.container {
            Container::Tuple => Term::Tuple(Tuple(Seq::drain_from(finished, start))),
            Container::List => match finished.pop() {
                Some(Term::List(tail)) => {
                    // Elements here are those of a STRING_EXT.
                    finished.extend(tail.iter().cloned());
                    Term::List(List(Seq::drain_from(finished, start)))
                }
                Some(tail) if finished.len() > start => {
                    finished.push(tail);
                    Term::ImproperList(ImproperList(Seq::drain_from(finished, start)))
                }
                // A list of no elements is its tail.
                Some(tail) => tail,
                None => Term::empty_list(),
            },
            Container::Map => {
                let map = Map::drain_from(finished, start);
                Term::Map(map.ok_or_else(|| self.error(Kind::Invalid("a map with a key twice")))?)
            }
            Container::Fun(mut fun) => {
                fun.free = Seq::drain_from(finished, start);
                Term::Fun(Arc::new(*fun))
            }
        })
    }
}
