//! [`Term`] into bytes: what `term_to_binary(T, [{minor_version, 2}])` makes, the pairs of a map in
//! the order of `deterministic`.

mod deep;
mod parts;

pub(crate) use parts::{
    write_atom, write_binary, write_counted, write_float, write_list_header, write_magnitude,
    write_map_header, write_port,
};
pub use parts::{write_integer, write_pid, write_reference, write_tuple_header};

use crate::{EncodeError, Tag, Term, VERSION_MAGIC};

/// A term that stands alone, as `binary_to_term` takes it.
///
/// # Errors
/// The term has no form on the wire: NaN, or more elements than a BEAM can hold.
pub fn encode(term: &Term) -> Result<Vec<u8>, EncodeError> {
    if let Term::Local(local) = term {
        return Ok([&[VERSION_MAGIC, Tag::LOCAL_EXT.0], local.bytes()].concat());
    }
    let mut out = Vec::with_capacity(about(term));
    out.push(VERSION_MAGIC);
    write_term(&mut out, term)?;
    Ok(out)
}

/// About how many bytes a term takes: right where it is one run of bytes, a start else.
fn about(term: &Term) -> usize {
    16 + match term {
        Term::Binary(bytes) => bytes.len(),
        Term::List(list) => list.as_bytes().map_or(8 * list.len(), |bytes| bytes.len()),
        _ => 112,
    }
}

/// Levels that are written by recursion; what lies deeper is written by [`deep`].
const LEVELS: usize = 16;

/// Writes a term without the version byte.
///
/// # Errors
/// The term has no form on the wire; `out` then ends in a part of it.
pub fn write_term(out: &mut Vec<u8>, term: &Term) -> Result<(), EncodeError> {
    write(out, term, LEVELS)
}

#[inline(always)]
fn write(out: &mut Vec<u8>, term: &Term, levels: usize) -> Result<(), EncodeError> {
    if write_usual(out, term)? { Ok(()) } else { write_other(out, term, levels) }
}

/// Writes a term of the usual kinds that hold no others. Says whether it was one.
#[inline(always)]
fn write_usual(out: &mut Vec<u8>, term: &Term) -> Result<bool, EncodeError> {
    match term {
        Term::Integer(value) => write_integer(out, *value),
        Term::Atom(atom) => write_atom(out, atom.as_str()),
        Term::Binary(bytes) => write_binary(out, bytes)?,
        Term::Float(value) => write_float(out, *value)?,
        _ => return Ok(false),
    }
    Ok(true)
}

#[inline(never)]
fn write_other(out: &mut Vec<u8>, mut term: &Term, levels: usize) -> Result<(), EncodeError> {
    let Some(levels) = levels.checked_sub(1) else { return deep::write(out, term) };
    loop {
        let elements = match term {
            Term::Tuple(elements) => {
                write_tuple_header(out, elements.len())?;
                elements
            }
            Term::ImproperList(list) => {
                write_list_header(out, list.elements().len())?;
                list.0.as_slice()
            }
            Term::Record(record) => {
                parts::write_definition(out, &record.definition)?;
                record.values.as_slice()
            }
            _ => return write_to_its_end(out, term, levels),
        };
        // Nothing stands behind the last one: writing goes on there, at no level of its own.
        let Some((last, before)) = elements.split_last() else { return Ok(()) };
        before.iter().try_for_each(|element| write(out, element, levels))?;
        if write_usual(out, last)? {
            return Ok(());
        }
        term = last;
    }
}

/// A term that ends in more than its last element.
fn write_to_its_end(out: &mut Vec<u8>, term: &Term, levels: usize) -> Result<(), EncodeError> {
    match term {
        Term::List(list) => {
            if !parts::write_flat_list(out, list)? {
                list.iter().try_for_each(|element| write(out, element, levels))?;
                out.push(Tag::NIL_EXT.0);
            }
        }
        Term::Map(map) => {
            write_map_header(out, map.len())?;
            for (key, value) in map.iter() {
                write(out, key, levels)?;
                write(out, value, levels)?;
            }
        }
        Term::Fun(fun) => {
            let size_at = parts::write_fun_head(out, fun)?;
            fun.free().iter().try_for_each(|free| write(out, free, levels))?;
            parts::set_fun_size(out, size_at)?;
        }
        leaf => parts::write_leaf(out, leaf)?,
    }
    Ok(())
}
