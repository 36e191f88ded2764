//! Terms that hold no others, and the heads of those that do.

use num_bigint::Sign;

use crate::limits::{MAX_ARITY, MAX_BIG_BYTES};
use crate::record_head::write_record_start;
use crate::term::{BitString, Definition, Fun, Pid, Port, Reference};
use crate::{Atom, BigInt, EncodeError, List, Tag, Term};

/// Writes a term that holds no others.
pub(super) fn write_leaf(out: &mut Vec<u8>, term: &Term) -> Result<(), EncodeError> {
    match term {
        Term::Integer(value) => write_integer(out, *value),
        Term::BigInt(value) => return write_big(out, value),
        Term::Float(value) => return write_float(out, *value),
        Term::Atom(atom) => write_atom(out, atom.as_str()),
        Term::Binary(bytes) => return write_binary(out, bytes),
        Term::BitString(bits) => return write_bits(out, bits),
        Term::Reference(reference) => write_reference(out, reference),
        Term::Port(port) => write_port(out, port),
        Term::Pid(pid) => write_pid(out, pid),
        Term::Export(export) => {
            out.push(Tag::EXPORT_EXT.0);
            write_atom(out, export.module.as_str());
            write_atom(out, export.function.as_str());
            write_integer(out, export.arity.into());
        }
        _ => return Err(EncodeError::Local),
    }
    Ok(())
}

/// Writes a list that is one run of bytes whole, or else its head; says which it was.
pub(super) fn write_flat_list(out: &mut Vec<u8>, list: &List) -> Result<bool, EncodeError> {
    if list.is_empty() {
        out.push(Tag::NIL_EXT.0);
        return Ok(true);
    }
    let Ok(len) = u16::try_from(list.len()) else {
        return write_list_header(out, list.len()).map(|()| false);
    };
    let [high, low] = len.to_be_bytes();
    let head = [Tag::STRING_EXT.0, high, low];
    if let Some(bytes) = list.as_bytes() {
        out.extend_from_slice(&head);
        out.extend_from_slice(bytes);
        return Ok(true);
    }
    let byte = |term: &Term| match term {
        Term::Integer(value) => u8::try_from(*value).ok(),
        _ => None,
    };
    if list.iter().any(|term| byte(term).is_none()) {
        return write_list_header(out, list.len()).map(|()| false);
    }
    out.extend_from_slice(&head);
    out.extend(list.iter().filter_map(byte));
    Ok(true)
}

/// Writes an integer in its shortest form.
#[inline]
pub fn write_integer(out: &mut Vec<u8>, value: i64) {
    if let Ok(small) = u8::try_from(value) {
        out.extend_from_slice(&[Tag::SMALL_INTEGER_EXT.0, small]);
    } else if let Ok(medium) = i32::try_from(value) {
        let [a, b, c, d] = medium.to_be_bytes();
        out.extend_from_slice(&[Tag::INTEGER_EXT.0, a, b, c, d]);
    } else {
        let magnitude = value.unsigned_abs();
        let len = 8 - magnitude.leading_zeros() as usize / 8;
        let [a, b, c, d, e, f, g, h] = magnitude.to_le_bytes();
        let sign = u8::from(value < 0);
        out.extend_from_slice(&[Tag::SMALL_BIG_EXT.0, len as u8, sign, a, b, c, d, e, f, g, h]);
        out.truncate(out.len() - (8 - len));
    }
}

/// Writes an integer of any Rust type that does not fit 32 bits, without a big integer.
pub(crate) fn write_magnitude(out: &mut Vec<u8>, negative: bool, magnitude: u128) {
    let digits = magnitude.to_le_bytes();
    let len = digits.iter().rposition(|digit| *digit != 0).map_or(1, |last| last + 1);
    out.extend_from_slice(&[Tag::SMALL_BIG_EXT.0, len as u8, negative.into()]);
    out.extend_from_slice(digits.get(..len).unwrap_or_default());
}

fn write_big(out: &mut Vec<u8>, value: &BigInt) -> Result<(), EncodeError> {
    let (sign, digits) = value.to_bytes_le();
    match u8::try_from(digits.len()) {
        Ok(len) => out.extend_from_slice(&[Tag::SMALL_BIG_EXT.0, len]),
        Err(_) => {
            out.push(Tag::LARGE_BIG_EXT.0);
            let len = count("integer, in bytes,", digits.len(), MAX_BIG_BYTES)? as u32;
            out.extend_from_slice(&len.to_be_bytes());
        }
    }
    out.push((sign == Sign::Minus).into());
    out.extend_from_slice(&digits);
    Ok(())
}

#[inline]
pub(crate) fn write_float(out: &mut Vec<u8>, value: f64) -> Result<(), EncodeError> {
    if !value.is_finite() {
        return Err(EncodeError::Float(value.to_string()));
    }
    let [a, b, c, d, e, f, g, h] = value.to_be_bytes();
    out.extend_from_slice(&[Tag::NEW_FLOAT_EXT.0, a, b, c, d, e, f, g, h]);
    Ok(())
}

/// Writes an atom of at most 255 characters.
#[inline]
pub(crate) fn write_atom(out: &mut Vec<u8>, text: &str) {
    match u8::try_from(text.len()) {
        Ok(len) => out.extend_from_slice(&[Tag::SMALL_ATOM_UTF8_EXT.0, len]),
        Err(_) => {
            // 255 characters are at most 1,020 bytes.
            out.push(Tag::ATOM_UTF8_EXT.0);
            out.extend_from_slice(&(text.len() as u16).to_be_bytes());
        }
    }
    out.extend_from_slice(text.as_bytes());
}

/// Writes a pid.
pub fn write_pid(out: &mut Vec<u8>, pid: &Pid) {
    out.push(Tag::NEW_PID_EXT.0);
    write_atom(out, pid.node.as_str());
    out.extend_from_slice(&pid.id.to_be_bytes());
    out.extend_from_slice(&pid.serial.to_be_bytes());
    out.extend_from_slice(&pid.creation.to_be_bytes());
}

pub(crate) fn write_port(out: &mut Vec<u8>, port: &Port) {
    // Peers without V4_PORT_EXT have 28-bit ids, so a port of theirs always has the older form.
    match u32::try_from(port.id) {
        Ok(id) if id < 1 << 28 => {
            out.push(Tag::NEW_PORT_EXT.0);
            write_atom(out, port.node.as_str());
            out.extend_from_slice(&id.to_be_bytes());
        }
        _ => {
            out.push(Tag::V4_PORT_EXT.0);
            write_atom(out, port.node.as_str());
            out.extend_from_slice(&port.id.to_be_bytes());
        }
    }
    out.extend_from_slice(&port.creation.to_be_bytes());
}

/// Writes a reference.
pub fn write_reference(out: &mut Vec<u8>, reference: &Reference) {
    out.push(Tag::NEWER_REFERENCE_EXT.0);
    out.extend_from_slice(&(reference.words().len() as u16).to_be_bytes());
    write_atom(out, reference.node.as_str());
    out.extend_from_slice(&reference.creation.to_be_bytes());
    for word in reference.words() {
        out.extend_from_slice(&word.to_be_bytes());
    }
}

/// Writes a native record up to its values.
pub(super) fn write_definition(
    out: &mut Vec<u8>,
    definition: &Definition,
) -> Result<(), EncodeError> {
    let names = [definition.module(), definition.name()];
    write_record_start(out, definition.fields().len(), definition.exported(), names)?;
    definition.fields().iter().for_each(|field| write_atom(out, field.as_str()));
    Ok(())
}

/// Writes a fun up to its free variables, and says where its size stands.
pub(super) fn write_fun_head(out: &mut Vec<u8>, fun: &Fun) -> Result<usize, EncodeError> {
    out.push(Tag::NEW_FUN_EXT.0);
    let size_at = out.len();
    out.extend_from_slice(&[0; 4]);
    out.push(fun.arity);
    out.extend_from_slice(&fun.uniq);
    out.extend_from_slice(&fun.index.to_be_bytes());
    let free = count("fun", fun.free().len(), u32::MAX as usize)? as u32;
    out.extend_from_slice(&free.to_be_bytes());
    write_atom(out, fun.module.as_str());
    write_integer(out, fun.old_index.into());
    write_integer(out, fun.old_uniq.into());
    write_pid(out, &fun.pid);
    Ok(size_at)
}

/// The size counts its own four bytes and all that follows.
pub(super) fn set_fun_size(out: &mut [u8], at: usize) -> Result<(), EncodeError> {
    let size = count("fun", out.len() - at, u32::MAX as usize)? as u32;
    if let Some(field) = out.get_mut(at..at + 4) {
        field.copy_from_slice(&size.to_be_bytes());
    }
    Ok(())
}

#[inline]
pub(crate) fn write_binary(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), EncodeError> {
    write_counted(out, Tag::BINARY_EXT, "binary", bytes.len())?;
    out.extend_from_slice(bytes);
    Ok(())
}

fn write_bits(out: &mut Vec<u8>, bits: &BitString) -> Result<(), EncodeError> {
    write_counted(out, Tag::BIT_BINARY_EXT, "bit string", bits.bytes().len())?;
    out.push(bits.last_bits());
    out.extend_from_slice(bits.bytes());
    Ok(())
}

/// Opens a tuple: `arity` terms are to follow.
///
/// # Errors
/// More elements than a BEAM can hold.
pub fn write_tuple_header(out: &mut Vec<u8>, arity: usize) -> Result<(), EncodeError> {
    match u8::try_from(arity) {
        Ok(arity) => out.extend_from_slice(&[Tag::SMALL_TUPLE_EXT.0, arity]),
        Err(_) => {
            out.push(Tag::LARGE_TUPLE_EXT.0);
            let arity = count("tuple", arity, MAX_ARITY)? as u32;
            out.extend_from_slice(&arity.to_be_bytes());
        }
    }
    Ok(())
}

pub(crate) fn write_list_header(out: &mut Vec<u8>, len: usize) -> Result<(), EncodeError> {
    write_counted(out, Tag::LIST_EXT, "list", len)
}

pub(crate) fn write_map_header(out: &mut Vec<u8>, pairs: usize) -> Result<(), EncodeError> {
    write_counted(out, Tag::MAP_EXT, "map", pairs)
}

/// A tag and a count of four bytes.
pub(crate) fn write_counted(
    out: &mut Vec<u8>,
    tag: Tag,
    what: &'static str,
    len: usize,
) -> Result<(), EncodeError> {
    let [a, b, c, d] = (count(what, len, u32::MAX as usize)? as u32).to_be_bytes();
    out.extend_from_slice(&[tag.0, a, b, c, d]);
    Ok(())
}

fn count(what: &'static str, count: usize, max: usize) -> Result<usize, EncodeError> {
    if count > max { Err(EncodeError::Count { what, count, max }) } else { Ok(count) }
}

impl Atom {
    /// Writes the atom as a term.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        write_atom(out, self.as_str());
    }
}
