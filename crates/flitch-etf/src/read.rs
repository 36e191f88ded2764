//! The cursor over encoded bytes: every length is checked here, once.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use num_bigint::{BigInt, Sign};

use crate::error::DecodeErrorKind as Kind;
use crate::limits::{MAX_ARITY, MAX_BIG_BYTES};
use crate::{
    Atom, AtomTable, Binary, DecodeError, Limits, NoAtoms, Pid, Port, Reference, Tag, Term,
};

/// A cursor over encoded terms, for those who want one field and not the whole message.
///
/// Each method reads the term at the cursor and moves past it, or fails and says at which byte.
///
/// ```
/// use flitch_etf::{Reader, Term, encode};
///
/// let bytes = encode(&Term::from((7, "seven")))?;
/// let mut reader = Reader::new(&bytes);
/// reader.version()?;
/// assert_eq!(reader.tuple()?, 2);
/// assert_eq!(reader.integer()?, 7);
/// reader.skip()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    shared: Option<&'a Bytes>,
    buffer: Option<Arc<Bytes>>,
    atoms: &'a dyn AtomTable,
    limits: Limits,
}

impl<'a> Reader<'a> {
    /// A cursor at the start of `bytes`; binaries are copied out of them.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        let limits = Limits::DEFAULT;
        Self { bytes, at: 0, shared: None, buffer: None, atoms: &NoAtoms, limits }
    }

    /// A cursor at the start of `bytes`; binaries become slices of them.
    #[must_use]
    pub fn of_shared(bytes: &'a Bytes) -> Self {
        Self { shared: Some(bytes), ..Self::new(bytes) }
    }

    /// Resolves references to atoms through this table.
    #[must_use]
    pub fn with_atoms(mut self, atoms: &'a dyn AtomTable) -> Self {
        self.atoms = atoms;
        self
    }

    /// Takes these limits in place of the defaults.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Bytes before the cursor.
    #[must_use]
    pub fn position(&self) -> usize {
        self.at
    }

    /// The bytes behind the cursor.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// The limits in force.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// A second cursor at the same place.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self { buffer: self.buffer.clone(), ..*self }
    }

    /// A second cursor at a place that this one has passed.
    pub(crate) fn fork_at(&self, position: usize) -> Self {
        Self { at: position, ..self.fork() }
    }

    /// Moves back to a place that this cursor has passed.
    pub(crate) fn back_to(&mut self, position: usize) {
        self.at = position;
    }

    /// The tag at the cursor, which stays.
    ///
    /// # Errors
    /// The bytes have ended.
    pub fn peek(&self) -> Result<Tag, DecodeError> {
        match self.rest().first() {
            Some(tag) => Ok(Tag(*tag)),
            None => Err(self.error(Kind::Short { field: "tag", needed: 1, left: 0 })),
        }
    }

    /// Moves past the version byte, 131.
    ///
    /// # Errors
    /// Another byte, or none.
    pub fn version(&mut self) -> Result<(), DecodeError> {
        let at = self.at;
        match self.u8("version")? {
            crate::VERSION_MAGIC => Ok(()),
            other => Err(DecodeError { offset: at, kind: Kind::Version(other) }),
        }
    }

    /// Opens a tuple: its arity. The elements follow.
    ///
    /// # Errors
    /// Another term, or fewer bytes than elements.
    pub fn tuple(&mut self) -> Result<usize, DecodeError> {
        match self.peek()? {
            Tag::SMALL_TUPLE_EXT => {
                self.at += 1;
                let arity = self.u8("arity")?;
                self.fits(usize::from(arity), 1)
            }
            Tag::LARGE_TUPLE_EXT => {
                self.at += 1;
                let arity = self.u32("arity")? as usize;
                if arity > MAX_ARITY {
                    let what = "elements in a tuple";
                    return Err(self.error(Kind::Limit { what, limit: MAX_ARITY }));
                }
                self.fits(arity, 1)
            }
            found => Err(self.unexpected("a tuple", found)),
        }
    }

    /// Opens a list: its length. The elements follow, then the tail.
    ///
    /// # Errors
    /// Another term than a LIST_EXT, or fewer bytes than elements.
    pub fn list(&mut self) -> Result<usize, DecodeError> {
        self.expect("a list", |tag| tag == Tag::LIST_EXT)?;
        let count = self.u32("length of a list")? as usize;
        self.fits(count, 1)
    }

    /// Opens a map: the number of its pairs. Keys and values follow by turns.
    ///
    /// # Errors
    /// Another term, or fewer bytes than keys and values.
    pub fn map(&mut self) -> Result<usize, DecodeError> {
        self.expect("a map", |tag| tag == Tag::MAP_EXT)?;
        let count = self.u32("size of a map")? as usize;
        self.fits(count, 2)
    }

    /// The bytes of a STRING_EXT.
    pub(crate) fn string_slice(&mut self) -> Result<&'a [u8], DecodeError> {
        self.expect("a string", |tag| tag == Tag::STRING_EXT)?;
        let len = self.u16("length of a string")?;
        self.take(len.into(), "bytes of a string")
    }

    /// The bytes of a BINARY_EXT.
    pub(crate) fn binary_slice(&mut self) -> Result<&'a [u8], DecodeError> {
        self.expect("a binary", |tag| tag == Tag::BINARY_EXT)?;
        let len = self.u32("length of a binary")?;
        self.take(len as usize, "bytes of a binary")
    }

    /// An integer of at most 64 bits.
    ///
    /// # Errors
    /// Another term, or a larger integer.
    pub fn integer(&mut self) -> Result<i64, DecodeError> {
        let at = self.at;
        let found = self.peek()?;
        if !matches!(
            found,
            Tag::SMALL_INTEGER_EXT | Tag::INTEGER_EXT | Tag::SMALL_BIG_EXT | Tag::LARGE_BIG_EXT
        ) {
            return Err(self.unexpected("an integer", found));
        }
        match self.number()? {
            Term::Integer(value) => Ok(value),
            _ => Err(DecodeError { offset: at, kind: Kind::Invalid("an integer over 64 bits") }),
        }
    }

    /// An integer of any size, as the term that it is.
    pub(crate) fn number(&mut self) -> Result<Term, DecodeError> {
        let tag = self.tag()?;
        Ok(match tag {
            Tag::SMALL_INTEGER_EXT => Term::Integer(self.u8("integer")?.into()),
            Tag::INTEGER_EXT => Term::Integer(self.i32("integer")?.into()),
            Tag::SMALL_BIG_EXT => {
                let len = self.u8("size of the integer")?;
                self.big(len.into())?
            }
            Tag::LARGE_BIG_EXT => {
                let len = self.u32("size of the integer")?;
                self.big(len as usize)?
            }
            found => return Err(self.unexpected("an integer", found)),
        })
    }

    fn big(&mut self, len: usize) -> Result<Term, DecodeError> {
        if len > MAX_BIG_BYTES {
            let what = "bytes in an integer";
            return Err(self.error(Kind::Limit { what, limit: MAX_BIG_BYTES }));
        }
        let sign = self.u8("sign")?;
        let digits = self.take(len, "digits of an integer")?;
        // The usual one: 64 bits and a sign.
        if let Some(magnitude) = small_magnitude(digits) {
            let value = if sign == 0 { i128::from(magnitude) } else { -i128::from(magnitude) };
            return Ok(Term::from(value));
        }
        let sign = if sign == 0 { Sign::Plus } else { Sign::Minus };
        Ok(Term::from(BigInt::from_bytes_le(sign, digits)))
    }

    /// An atom.
    ///
    /// # Errors
    /// Another term, text that is no atom, or a reference that the header does not resolve.
    pub fn atom(&mut self) -> Result<Atom, DecodeError> {
        if self.peek()? == Tag::ATOM_CACHE_REF {
            return self.atom_ref().cloned();
        }
        let start = self.at;
        let text = self.atom_text()?;
        Atom::new(&text).map_err(|_| DecodeError { offset: start, kind: Kind::Atom })
    }

    /// The text of an atom, borrowed where it stands in UTF-8. It may be too long for an atom.
    pub(crate) fn atom_text(&mut self) -> Result<Cow<'a, str>, DecodeError> {
        let start = self.at;
        let wanted = |tag| {
            matches!(
                tag,
                Tag::SMALL_ATOM_UTF8_EXT | Tag::ATOM_UTF8_EXT | Tag::SMALL_ATOM_EXT | Tag::ATOM_EXT
            )
        };
        if self.peek()? == Tag::ATOM_CACHE_REF {
            return self.atom_ref().map(|atom| Cow::Borrowed(atom.as_str()));
        }
        let tag = self.expect("an atom", wanted)?;
        let len = match tag {
            Tag::SMALL_ATOM_UTF8_EXT | Tag::SMALL_ATOM_EXT => self.u8("length of an atom")?.into(),
            _ => self.u16("length of an atom")?.into(),
        };
        let text = self.take(len, "text of an atom")?;
        match std::str::from_utf8(text) {
            Ok(text) if text.is_ascii() || is_utf8(tag) => Ok(Cow::Borrowed(text)),
            _ if is_utf8(tag) => Err(DecodeError { offset: start, kind: Kind::Atom }),
            _ => Ok(text.iter().copied().map(char::from).collect()),
        }
    }

    fn atom_ref(&mut self) -> Result<&'a Atom, DecodeError> {
        let start = self.at;
        self.tag()?;
        let index = self.u8("index of an atom")?;
        let kind = Kind::AtomRef(index);
        self.atoms.atom(index).ok_or(DecodeError { offset: start, kind })
    }

    /// A pid.
    ///
    /// # Errors
    /// Another term, or a field that is cut short.
    pub fn pid(&mut self) -> Result<Pid, DecodeError> {
        let tag = self.expect("a pid", |tag| matches!(tag, Tag::NEW_PID_EXT | Tag::PID_EXT))?;
        let node = self.atom()?;
        let id = self.u32("id of a pid")?;
        let serial = self.u32("serial of a pid")?;
        let creation = self.creation(tag == Tag::NEW_PID_EXT)?;
        Ok(Pid { node, id, serial, creation })
    }

    /// A port.
    ///
    /// # Errors
    /// Another term, or a field that is cut short.
    pub fn port(&mut self) -> Result<Port, DecodeError> {
        let tag = self.expect("a port", |tag| {
            matches!(tag, Tag::V4_PORT_EXT | Tag::NEW_PORT_EXT | Tag::PORT_EXT)
        })?;
        let node = self.atom()?;
        let id = match tag {
            Tag::V4_PORT_EXT => self.u64("id of a port")?,
            _ => self.u32("id of a port")?.into(),
        };
        let creation = self.creation(tag != Tag::PORT_EXT)?;
        Ok(Port { node, id, creation })
    }

    /// A reference.
    ///
    /// # Errors
    /// Another term, a field that is cut short, or a count of words outside 1 to 5.
    pub fn reference(&mut self) -> Result<Reference, DecodeError> {
        let start = self.at;
        let tag = self.expect("a reference", |tag| {
            matches!(tag, Tag::NEWER_REFERENCE_EXT | Tag::NEW_REFERENCE_EXT | Tag::REFERENCE_EXT)
        })?;
        let count = match tag {
            Tag::REFERENCE_EXT => 1,
            _ => usize::from(self.u16("length of a reference")?),
        };
        let node = self.atom()?;
        let mut words = [0; Reference::MAX_WORDS];
        let invalid = Kind::Invalid("a reference has 1 to 5 words");
        let invalid = DecodeError { offset: start, kind: invalid };
        let words = words.get_mut(..count).ok_or_else(|| invalid.clone())?;
        let creation = if tag == Tag::REFERENCE_EXT {
            if let Some(word) = words.first_mut() {
                *word = self.u32("id of a reference")?;
            }
            self.creation(false)?
        } else {
            let creation = self.creation(tag == Tag::NEWER_REFERENCE_EXT)?;
            for word in words.iter_mut() {
                *word = self.u32("id of a reference")?;
            }
            creation
        };
        Reference::new(node, creation, words).ok_or(invalid)
    }

    fn creation(&mut self, wide: bool) -> Result<u32, DecodeError> {
        if wide { self.u32("creation") } else { self.u8("creation").map(u32::from) }
    }

    /// Moves past the tag if it is one that the caller wants.
    pub(crate) fn expect(
        &mut self,
        expected: &'static str,
        wanted: impl Fn(Tag) -> bool,
    ) -> Result<Tag, DecodeError> {
        let found = self.peek()?;
        if !wanted(found) {
            return Err(self.unexpected(expected, found));
        }
        self.at += 1;
        Ok(found)
    }

    /// `len` bytes as a binary: a slice of the message where it is shared, else a copy.
    pub(crate) fn binary(&mut self, len: usize) -> Result<Binary, DecodeError> {
        let start = self.at;
        let data = self.take(len, "bytes of a binary")?;
        let Some(shared) = self.shared.filter(|_| len > Binary::INLINE) else {
            return Ok(Binary::copy_from(data));
        };
        let buffer = self.buffer.get_or_insert_with(|| Arc::new(shared.clone()));
        Ok(Binary::slice_of(buffer, start, len))
    }

    pub(crate) fn tag(&mut self) -> Result<Tag, DecodeError> {
        self.u8("tag").map(Tag)
    }

    pub(crate) fn u8(&mut self, field: &'static str) -> Result<u8, DecodeError> {
        self.array(field).map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self, field: &'static str) -> Result<u16, DecodeError> {
        self.array(field).map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        self.array(field).map(u32::from_be_bytes)
    }

    pub(crate) fn i32(&mut self, field: &'static str) -> Result<i32, DecodeError> {
        self.array(field).map(i32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self, field: &'static str) -> Result<u64, DecodeError> {
        self.array(field).map(u64::from_be_bytes)
    }

    pub(crate) fn array<const N: usize>(
        &mut self,
        field: &'static str,
    ) -> Result<[u8; N], DecodeError> {
        match self.rest().first_chunk::<N>() {
            Some(bytes) => {
                self.at += N;
                Ok(*bytes)
            }
            None => Err(self.short(field, N)),
        }
    }

    pub(crate) fn take(
        &mut self,
        len: usize,
        field: &'static str,
    ) -> Result<&'a [u8], DecodeError> {
        match self.rest().get(..len) {
            Some(bytes) => {
                self.at += len;
                Ok(bytes)
            }
            None => Err(self.short(field, len)),
        }
    }

    /// `count` terms of at least `each` bytes, if the bytes that are left can hold them.
    pub(crate) fn fits(&self, count: usize, each: usize) -> Result<usize, DecodeError> {
        let left = self.rest().len();
        match count.checked_mul(each) {
            Some(least) if least <= left => Ok(count),
            _ => Err(self.error(Kind::Count { count, left })),
        }
    }

    pub(crate) fn error(&self, kind: Kind) -> DecodeError {
        DecodeError { offset: self.at, kind }
    }

    pub(crate) fn unexpected(&self, expected: &'static str, found: Tag) -> DecodeError {
        self.error(Kind::Unexpected { expected, found })
    }

    fn short(&self, field: &'static str, needed: usize) -> DecodeError {
        self.error(Kind::Short { field, needed, left: self.rest().len() })
    }
}

fn is_utf8(tag: Tag) -> bool {
    matches!(tag, Tag::SMALL_ATOM_UTF8_EXT | Tag::ATOM_UTF8_EXT)
}

/// Little-endian digits that fit into 64 bits.
fn small_magnitude(digits: &[u8]) -> Option<u64> {
    let mut held = [0; 8];
    held.get_mut(..digits.len())?.copy_from_slice(digits);
    Some(u64::from_le_bytes(held))
}
