//! [`Term`] into bytes, without recursion: what `term_to_binary(T, [{minor_version, 2}])` makes.

use std::slice::Iter;

use num_bigint::Sign;
use smallvec::SmallVec;

use crate::limits::{MAX_ARITY, MAX_BIG_BYTES};
use crate::term::{BitString, Definition, Fun, List, Pid, Port, Reference};
use crate::{Atom, EncodeError, Tag, Term, VERSION_MAGIC};

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

/// Writes a term without the version byte.
///
/// # Errors
/// The term has no form on the wire; `out` then ends in a part of it.
pub fn write_term(out: &mut Vec<u8>, term: &Term) -> Result<(), EncodeError> {
    let Some(mut rest) = write_head(out, term)? else { return Ok(()) };
    let mut around: SmallVec<[Rest<'_>; 8]> = SmallVec::new();
    loop {
        match rest.next() {
            Some(term) => {
                if let Some(inner) = write_head(out, term)? {
                    around.push(std::mem::replace(&mut rest, inner));
                }
            }
            None => {
                match rest.end {
                    End::Nothing => {}
                    End::Nil => out.push(Tag::NIL_EXT.0),
                    End::FunSize(at) => set_fun_size(out, at)?,
                }
                let Some(outer) = around.pop() else { return Ok(()) };
                rest = outer;
            }
        }
    }
}

/// Writes what stands before the elements of a term, and gives these.
#[inline]
fn write_head<'a>(out: &mut Vec<u8>, term: &'a Term) -> Result<Option<Rest<'a>>, EncodeError> {
    match term {
        Term::Integer(value) => write_integer(out, *value),
        Term::Atom(atom) => write_atom(out, atom.as_str()),
        Term::Binary(bytes) => write_binary(out, bytes)?,
        Term::Float(value) => write_float(out, *value)?,
        Term::Tuple(elements) => {
            write_tuple_header(out, elements.len())?;
            return Ok(Some(Rest::new(elements, End::Nothing)));
        }
        Term::Map(map) => {
            write_map_header(out, map.len())?;
            let rest = Rest::new(map.values(), End::Nothing);
            return Ok(Some(Rest { keys: map.keys().iter(), ..rest }));
        }
        Term::List(list) => return write_list(out, list),
        _ => return write_rare(out, term),
    }
    Ok(None)
}

fn write_rare<'a>(out: &mut Vec<u8>, term: &'a Term) -> Result<Option<Rest<'a>>, EncodeError> {
    match term {
        Term::BigInt(value) => {
            let (sign, digits) = value.to_bytes_le();
            write_big(out, sign == Sign::Minus, &digits)?;
        }
        Term::Reference(reference) => write_reference(out, reference),
        Term::Port(port) => write_port(out, port),
        Term::Pid(pid) => write_pid(out, pid),
        Term::Export(export) => {
            out.push(Tag::EXPORT_EXT.0);
            write_atom(out, export.module.as_str());
            write_atom(out, export.function.as_str());
            write_integer(out, export.arity.into());
        }
        Term::BitString(bits) => write_bits(out, bits)?,
        Term::ImproperList(list) => {
            write_list_header(out, list.elements().len())?;
            return Ok(Some(Rest::new(list.0.as_slice(), End::Nothing)));
        }
        Term::Record(record) => {
            write_definition(out, &record.definition)?;
            return Ok(Some(Rest::new(record.values.as_slice(), End::Nothing)));
        }
        Term::Fun(fun) => {
            let end = End::FunSize(write_fun_head(out, fun)?);
            return Ok(Some(Rest::new(fun.free(), end)));
        }
        _ => return Err(EncodeError::Local),
    }
    Ok(None)
}

fn write_list<'a>(out: &mut Vec<u8>, list: &'a List) -> Result<Option<Rest<'a>>, EncodeError> {
    if list.is_empty() {
        out.push(Tag::NIL_EXT.0);
    } else if let Some(bytes) = list.as_bytes().filter(|bytes| is_short(bytes.len())) {
        write_string_header(out, bytes.len());
        out.extend_from_slice(bytes);
    } else if let Some(bytes) = as_string(list) {
        write_string_header(out, list.len());
        out.extend(bytes);
    } else {
        write_list_header(out, list.len())?;
        return Ok(Some(Rest::new(list, End::Nil)));
    }
    Ok(None)
}

/// Whether a STRING_EXT can have so many bytes.
fn is_short(len: usize) -> bool {
    len <= usize::from(u16::MAX)
}

fn write_string_header(out: &mut Vec<u8>, len: usize) {
    let [high, low] = (len as u16).to_be_bytes();
    out.extend_from_slice(&[Tag::STRING_EXT.0, high, low]);
}

/// The bytes of a list that goes as STRING_EXT: 1 to 65,535 integers from 0 to 255.
fn as_string(elements: &[Term]) -> Option<impl Iterator<Item = u8> + '_> {
    let byte = |term: &Term| match term {
        Term::Integer(value) => u8::try_from(*value).ok(),
        _ => None,
    };
    (is_short(elements.len()) && elements.iter().all(|term| byte(term).is_some()))
        .then(|| elements.iter().filter_map(byte))
}

/// Writes an integer in its shortest form.
pub fn write_integer(out: &mut Vec<u8>, value: i64) {
    if let Ok(small) = u8::try_from(value) {
        out.extend_from_slice(&[Tag::SMALL_INTEGER_EXT.0, small]);
    } else if let Ok(medium) = i32::try_from(value) {
        let [a, b, c, d] = medium.to_be_bytes();
        out.extend_from_slice(&[Tag::INTEGER_EXT.0, a, b, c, d]);
    } else {
        write_magnitude(out, value < 0, value.unsigned_abs().into());
    }
}

/// Writes an integer of any Rust type that does not fit 32 bits, without a big integer.
pub(crate) fn write_magnitude(out: &mut Vec<u8>, negative: bool, magnitude: u128) {
    let digits = magnitude.to_le_bytes();
    let len = digits.iter().rposition(|digit| *digit != 0).map_or(1, |last| last + 1);
    out.extend_from_slice(&[Tag::SMALL_BIG_EXT.0, len as u8, negative.into()]);
    out.extend_from_slice(digits.get(..len).unwrap_or_default());
}

fn write_big(out: &mut Vec<u8>, negative: bool, digits: &[u8]) -> Result<(), EncodeError> {
    match u8::try_from(digits.len()) {
        Ok(len) => out.extend_from_slice(&[Tag::SMALL_BIG_EXT.0, len]),
        Err(_) => {
            out.push(Tag::LARGE_BIG_EXT.0);
            let len = count("integer, in bytes,", digits.len(), MAX_BIG_BYTES)? as u32;
            out.extend_from_slice(&len.to_be_bytes());
        }
    }
    out.push(negative.into());
    out.extend_from_slice(digits);
    Ok(())
}

pub(crate) fn write_float(out: &mut Vec<u8>, value: f64) -> Result<(), EncodeError> {
    if !value.is_finite() {
        return Err(EncodeError::Float(value.to_string()));
    }
    out.push(Tag::NEW_FLOAT_EXT.0);
    out.extend_from_slice(&value.to_be_bytes());
    Ok(())
}

/// Writes an atom of at most 255 characters.
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

fn write_port(out: &mut Vec<u8>, port: &Port) {
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
fn write_definition(out: &mut Vec<u8>, definition: &Definition) -> Result<(), EncodeError> {
    out.push(Tag::RECORD_EXT.0);
    write_len(out, "record", definition.fields().len())?;
    out.push(definition.exported().into());
    write_atom(out, definition.module().as_str());
    write_atom(out, definition.name().as_str());
    definition.fields().iter().for_each(|field| write_atom(out, field.as_str()));
    Ok(())
}

/// Writes a fun up to its free variables, and says where its size stands.
fn write_fun_head(out: &mut Vec<u8>, fun: &Fun) -> Result<usize, EncodeError> {
    out.push(Tag::NEW_FUN_EXT.0);
    let size_at = out.len();
    out.extend_from_slice(&[0; 4]);
    out.push(fun.arity);
    out.extend_from_slice(&fun.uniq);
    out.extend_from_slice(&fun.index.to_be_bytes());
    write_len(out, "fun", fun.free().len())?;
    write_atom(out, fun.module.as_str());
    write_integer(out, fun.old_index.into());
    write_integer(out, fun.old_uniq.into());
    write_pid(out, &fun.pid);
    Ok(size_at)
}

/// The size counts its own four bytes and all that follows.
fn set_fun_size(out: &mut [u8], at: usize) -> Result<(), EncodeError> {
    let size = count("fun", out.len() - at, u32::MAX as usize)? as u32;
    if let Some(field) = out.get_mut(at..at + 4) {
        field.copy_from_slice(&size.to_be_bytes());
    }
    Ok(())
}

pub(crate) fn write_binary(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), EncodeError> {
    out.push(Tag::BINARY_EXT.0);
    write_len(out, "binary", bytes.len())?;
    out.extend_from_slice(bytes);
    Ok(())
}

fn write_bits(out: &mut Vec<u8>, bits: &BitString) -> Result<(), EncodeError> {
    out.push(Tag::BIT_BINARY_EXT.0);
    write_len(out, "bit string", bits.bytes().len())?;
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
    out.push(Tag::LIST_EXT.0);
    write_len(out, "list", len)
}

pub(crate) fn write_map_header(out: &mut Vec<u8>, pairs: usize) -> Result<(), EncodeError> {
    out.push(Tag::MAP_EXT.0);
    write_len(out, "map", pairs)
}

fn write_len(out: &mut Vec<u8>, what: &'static str, len: usize) -> Result<(), EncodeError> {
    let len = count(what, len, u32::MAX as usize)? as u32;
    out.extend_from_slice(&len.to_be_bytes());
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
