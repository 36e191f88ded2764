//! The cursor over encoded bytes: every length is checked here, once.

mod fields;
mod integer;

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;

pub(crate) use integer::small_integer;

use crate::atoms::recent;
use crate::error::DecodeErrorKind as Kind;
use crate::limits::MAX_ARITY;
use crate::{Atom, AtomTable, Binary, DecodeError, Limits, NoAtoms, Pid, Port, Reference, Tag};

/// A cursor over encoded terms, for those who want one field and not the whole message.
///
/// Each method reads the term at the cursor and moves past it, or fails and says at which byte.
///
/// ```
/// use flitch_etf::{Reader, Term, encode};
///
/// let bytes = encode(&Term::from((7, 7.5, "seven", "a row that nobody asks for")))?;
/// let mut reader = Reader::new(&bytes);
/// reader.version()?;
/// assert_eq!(reader.tuple()?, 4);
/// assert_eq!((reader.integer()?, reader.float()?), (7, 7.5));
/// assert_eq!(reader.bytes()?, b"seven");
/// reader.skip()?;
/// assert!(reader.rest().is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Reader<'a> {
    bytes: &'a [u8],
    /// What is left of `bytes`.
    rest: &'a [u8],
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
        Self { bytes, rest: bytes, shared: None, buffer: None, atoms: &NoAtoms, limits }
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
        self.bytes.len() - self.rest.len()
    }

    /// The bytes behind the cursor.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The limits in force.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Moves to where `rest` begins, which is the end of what was left.
    #[inline]
    pub(crate) fn advance_to(&mut self, rest: &'a [u8]) {
        self.rest = rest;
    }

    /// Whether binaries become slices of the message.
    pub(crate) fn is_shared(&self) -> bool {
        self.shared.is_some()
    }

    /// A second cursor at the same place.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self { buffer: self.buffer.clone(), ..*self }
    }

    /// A second cursor at a place that this one has passed.
    pub(crate) fn fork_at(&self, position: usize) -> Self {
        let mut fork = self.fork();
        fork.back_to(position);
        fork
    }

    /// Moves back to a place that this cursor has passed.
    pub(crate) fn back_to(&mut self, position: usize) {
        self.rest = self.bytes.get(position..).unwrap_or_default();
    }

    /// The tag at the cursor, which stays.
    ///
    /// # Errors
    /// The bytes have ended.
    pub fn peek(&self) -> Result<Tag, DecodeError> {
        match self.rest.first() {
            Some(tag) => Ok(Tag(*tag)),
            None => Err(self.short("tag", 1)),
        }
    }

    /// Moves past the version byte, 131.
    ///
    /// # Errors
    /// Another byte, or none.
    pub fn version(&mut self) -> Result<(), DecodeError> {
        let at = self.position();
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
        let tag = self.expect("a tuple", Tag::is_tuple)?;
        self.arity(tag)
    }

    /// The arity of a tuple behind its tag.
    #[inline]
    pub(crate) fn arity(&mut self, tag: Tag) -> Result<usize, DecodeError> {
        let arity = match tag {
            Tag::SMALL_TUPLE_EXT => self.u8("arity")?.into(),
            _ => self.u32("arity")? as usize,
        };
        if arity > MAX_ARITY {
            return Err(self.error(Kind::Limit { what: "elements in a tuple", limit: MAX_ARITY }));
        }
        self.fits(arity, 1)
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

    /// The bytes of a binary, borrowed.
    ///
    /// # Errors
    /// Another term, or fewer bytes than announced.
    pub fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        self.expect("a binary", |tag| tag == Tag::BINARY_EXT)?;
        let len = self.u32("length of a binary")?;
        self.take(len as usize, "bytes of a binary")
    }

    /// An atom.
    ///
    /// # Errors
    /// Another term, text that is no atom, or a reference that the header does not resolve.
    pub fn atom(&mut self) -> Result<Atom, DecodeError> {
        if let [tag, len, text @ ..] = self.rest
            && *tag == Tag::SMALL_ATOM_UTF8_EXT.0
            && let Some((atom, rest)) = recent(text, (*len).into(), Atom::clone)
        {
            self.rest = rest;
            return Ok(atom);
        }
        let tag = self.expect("an atom", Tag::is_atom)?;
        self.atom_of(tag)
    }

    /// An atom behind its tag.
    #[inline]
    pub(crate) fn atom_of(&mut self, tag: Tag) -> Result<Atom, DecodeError> {
        let offset = self.position() - 1;
        let atom = match self.atom_text_of(tag)? {
            AtomText::Utf8(text) => recent(text, text.len(), Atom::clone).map(|(atom, _)| atom),
            AtomText::Named(atom) => return Ok(atom.clone()),
            AtomText::Latin1(text) => Atom::new(&latin1(text)).ok(),
        };
        atom.ok_or(DecodeError { offset, kind: Kind::Atom })
    }

    /// The text of an atom, borrowed where it stands in UTF-8. It may be too long for an atom.
    pub(crate) fn atom_text(&mut self) -> Result<Cow<'a, str>, DecodeError> {
        let offset = self.position();
        let tag = self.expect("an atom", Tag::is_atom)?;
        Ok(match self.atom_text_of(tag)? {
            AtomText::Utf8(text) => {
                let text = std::str::from_utf8(text);
                Cow::Borrowed(text.map_err(|_| DecodeError { offset, kind: Kind::Atom })?)
            }
            AtomText::Named(atom) => Cow::Borrowed(atom.as_str()),
            AtomText::Latin1(text) => Cow::Owned(latin1(text)),
        })
    }

    #[inline]
    fn atom_text_of(&mut self, tag: Tag) -> Result<AtomText<'a>, DecodeError> {
        let len = match tag {
            Tag::SMALL_ATOM_UTF8_EXT | Tag::SMALL_ATOM_EXT => self.u8("length of an atom")?.into(),
            Tag::ATOM_CACHE_REF => {
                let offset = self.position() - 1;
                let index = self.u8("index of an atom")?;
                let unknown = DecodeError { offset, kind: Kind::AtomRef(index) };
                return self.atoms.atom(index).map(AtomText::Named).ok_or(unknown);
            }
            _ => self.u16("length of an atom")?.into(),
        };
        let text = self.take(len, "text of an atom")?;
        let utf8 = matches!(tag, Tag::SMALL_ATOM_UTF8_EXT | Tag::ATOM_UTF8_EXT);
        Ok(if utf8 || text.is_ascii() { AtomText::Utf8(text) } else { AtomText::Latin1(text) })
    }

    /// Moves past the atom at the cursor if it is this one, in a usual spelling.
    #[inline]
    pub(crate) fn skip_if(&mut self, atom: &Atom) -> bool {
        let text = atom.as_str().as_bytes();
        let after = match self.rest {
            [tag, len, rest @ ..] if *tag == Tag::SMALL_ATOM_UTF8_EXT.0 => {
                (usize::from(*len) == text.len()).then(|| rest.strip_prefix(text)).flatten()
            }
            [tag, high, low, rest @ ..] if *tag == Tag::ATOM_EXT.0 && text.is_ascii() => {
                let len = usize::from(u16::from_be_bytes([*high, *low]));
                (len == text.len()).then(|| rest.strip_prefix(text)).flatten()
            }
            [tag, index, rest @ ..] if *tag == Tag::ATOM_CACHE_REF.0 => {
                (self.atoms.atom(*index) == Some(atom)).then_some(rest)
            }
            _ => None,
        };
        if let Some(after) = after {
            self.rest = after;
        }
        after.is_some()
    }

    /// A pid.
    ///
    /// # Errors
    /// Another term, or a field that is cut short.
    pub fn pid(&mut self) -> Result<Pid, DecodeError> {
        let tag = self.expect("a pid", Tag::is_pid)?;
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
        let tag = self.expect("a port", Tag::is_port)?;
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
        let offset = self.position();
        let tag = self.expect("a reference", Tag::is_reference)?;
        let count = match tag {
            Tag::REFERENCE_EXT => 1,
            _ => usize::from(self.u16("length of a reference")?),
        };
        let node = self.atom()?;
        let invalid =
            || DecodeError { offset, kind: Kind::Invalid("a reference has 1 to 5 words") };
        let mut words = [0; Reference::MAX_WORDS];
        let words = words.get_mut(..count).ok_or_else(invalid)?;
        // The old form has its creation last.
        let first = tag != Tag::REFERENCE_EXT;
        let mut creation = 0;
        if first {
            creation = self.creation(tag == Tag::NEWER_REFERENCE_EXT)?;
        }
        for word in words.iter_mut() {
            *word = self.u32("id of a reference")?;
        }
        if !first {
            creation = self.creation(false)?;
        }
        Reference::new(node, creation, words).ok_or_else(invalid)
    }

    fn creation(&mut self, wide: bool) -> Result<u32, DecodeError> {
        if wide { self.u32("creation") } else { self.u8("creation").map(u32::from) }
    }

    /// `len` bytes as a binary: a slice of the message where it is shared, else a copy.
    #[inline]
    pub(crate) fn binary(&mut self, len: usize) -> Result<Binary, DecodeError> {
        let start = self.position();
        let data = self.take(len, "bytes of a binary")?;
        if let Some(short) = Binary::inline(data) {
            return Ok(short);
        }
        let Some(shared) = self.shared else { return Ok(Binary::copy_from(data)) };
        let buffer = self.buffer.get_or_insert_with(|| Arc::new(shared.clone()));
        Ok(Binary::slice_of(buffer, start, len))
    }
}

/// How the text of an atom stands in the bytes.
enum AtomText<'a> {
    /// Not checked yet.
    Utf8(&'a [u8]),
    /// By the distribution header.
    Named(&'a Atom),
    /// Not ASCII.
    Latin1(&'a [u8]),
}

fn latin1(text: &[u8]) -> String {
    text.iter().copied().map(char::from).collect()
}
