//! Terms that are too deep to be written by recursion: what is still to be written waits on the
//! heap.

use std::slice::Iter;

use super::parts;
use crate::{EncodeError, Tag, Term};

/// What is still to be written of a container.
struct Rest<'a> {
    terms: Iter<'a, Term>,
    /// Keys, each before the term that is its value.
    keys: Iter<'a, Term>,
    /// Whether the key of the next term has been written.
    has_key: bool,
    end: End,
}

/// What remains to be done behind the last element.
#[derive(Clone, Copy)]
enum End {
    Nothing,
    /// A proper list ends in NIL_EXT.
    Nil,
    /// A fun's size, which stands at this place, is known only now.
    FunSize(usize),
}

impl<'a> Rest<'a> {
    fn new(terms: &'a [Term], end: End) -> Self {
        Self { terms: terms.iter(), keys: [].iter(), has_key: false, end }
    }

    fn is_done(&self) -> bool {
        matches!(self.end, End::Nothing) && self.terms.len() == 0
    }

    #[inline]
    fn next(&mut self) -> Option<&'a Term> {
        if !self.has_key
            && let Some(key) = self.keys.next()
        {
            self.has_key = true;
            return Some(key);
        }
        self.has_key = false;
        self.terms.next()
    }
}

pub(super) fn write(out: &mut Vec<u8>, term: &Term) -> Result<(), EncodeError> {
    let Some(mut rest) = write_head(out, term)? else { return Ok(()) };
    let mut around: Vec<Rest<'_>> = Vec::new();
    loop {
        while let Some(term) = rest.next() {
            let Some(inner) = write_head(out, term)? else { continue };
            // Of one that was to its end nothing is left to be done.
            if rest.is_done() {
                rest = inner;
            } else {
                around.push(std::mem::replace(&mut rest, inner));
            }
        }
        match rest.end {
            End::Nothing => {}
            End::Nil => out.push(Tag::NIL_EXT.0),
            End::FunSize(at) => parts::set_fun_size(out, at)?,
        }
        match around.pop() {
            Some(outer) => rest = outer,
            None => return Ok(()),
        }
    }
}

/// Writes what stands before the elements of a term, and gives these.
fn write_head<'a>(out: &mut Vec<u8>, term: &'a Term) -> Result<Option<Rest<'a>>, EncodeError> {
    let (terms, end): (&[Term], End) = match term {
        Term::Tuple(elements) => {
            parts::write_tuple_header(out, elements.len())?;
            (elements, End::Nothing)
        }
        Term::List(list) => {
            if parts::write_flat_list(out, list)? {
                return Ok(None);
            }
            (list, End::Nil)
        }
        Term::Map(map) => {
            parts::write_map_header(out, map.len())?;
            let rest = Rest::new(map.values(), End::Nothing);
            return Ok(Some(Rest { keys: map.keys().iter(), ..rest }));
        }
        Term::ImproperList(list) => {
            parts::write_list_header(out, list.elements().len())?;
            (list.0.as_slice(), End::Nothing)
        }
        Term::Record(record) => {
            parts::write_definition(out, &record.definition)?;
            (record.values.as_slice(), End::Nothing)
        }
        Term::Fun(fun) => {
            let size_at = parts::write_fun_head(out, fun)?;
            (fun.free(), End::FunSize(size_at))
        }
        leaf => return parts::write_leaf(out, leaf).map(|()| None),
    };
    Ok(Some(Rest::new(terms, end)))
}
