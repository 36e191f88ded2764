//! What can be wrong with bytes, and with terms that should become bytes.

use crate::Tag;

/// Why bytes are not a term. [`DecodeError::offset`] says where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at byte {offset}")]
pub struct DecodeError {
    /// Bytes before the place where reading stopped.
    pub offset: usize,
    /// What was wrong there.
    pub kind: DecodeErrorKind,
}

/// The kinds of [`DecodeError`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The bytes end inside a field.
    #[error("the bytes end in the {field}: {needed} needed, {left} left")]
    Short {
        /// The field that was being read.
        field: &'static str,
        /// Bytes that the field takes.
        needed: usize,
        /// Bytes that were left.
        left: usize,
    },
    /// A count that the bytes that are left cannot hold.
    #[error("{count} elements are announced and {left} bytes are left")]
    Count {
        /// Elements announced.
        count: usize,
        /// Bytes left.
        left: usize,
    },
    /// A limit of [`Limits`](crate::Limits) was met.
    #[error("more {what} than the limit of {limit}")]
    Limit {
        /// Which limit.
        what: &'static str,
        /// Its value.
        limit: usize,
    },
    /// Another term stands where the caller needs a certain one.
    #[error("expected {expected}, found {found}")]
    Unexpected {
        /// What the caller needs.
        expected: &'static str,
        /// What stands there.
        found: Tag,
    },
    /// A tag that is not in the format, or that no node sends any more.
    #[error("{0} cannot be decoded: {why}", why = why(*.0))]
    Unsupported(Tag),
    /// The first byte is not 131.
    #[error("the version byte is {0}, not 131")]
    Version(u8),
    /// An atom that is not UTF-8, or longer than 255 characters.
    #[error("an atom that is not text of at most 255 characters")]
    Atom,
    /// An ATOM_CACHE_REF to an atom that the header did not name.
    #[error("the header names no atom {0}")]
    AtomRef(u8),
    /// A float that is not a number, or text that is not a float.
    #[error("a float that is not a finite number")]
    Float,
    /// A field with a value that the format does not allow.
    #[error("{0}")]
    Invalid(&'static str),
    /// Bytes behind the term.
    #[error("{0} bytes follow the term")]
    Trailing(usize),
}

fn why(unsupported: Tag) -> &'static str {
    match unsupported {
        Tag::FUN_EXT => "no node has sent funs in this form since R8",
        Tag::LOCAL_EXT => "only its own node can tell what it is, and it stands alone",
        Tag::COMPRESSED => "compressed data stands alone, behind the version byte",
        _ => "the format has no such tag",
    }
}

/// Why a term has no form on the wire that every peer survives.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// NaN and the infinities are not Erlang terms.
    #[error("{0} is not an Erlang float")]
    Float(String),
    /// A term in a form that only its node can read stands inside another, or goes to a peer.
    #[error("a local term has a form for its own node alone: it cannot go into a message")]
    Local,
    /// More elements than the format or the BEAM can hold.
    #[error("a {what} of {count} elements: at most {max} are possible")]
    Count {
        /// What kind of term.
        what: &'static str,
        /// Its elements.
        count: usize,
        /// How many are possible.
        max: usize,
    },
}

/// A text that is not an atom: it has more than 255 characters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an atom has at most 255 characters, not {0}")]
pub struct AtomError(pub usize);
