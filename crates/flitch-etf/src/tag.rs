//! The tags of the External Term Format, in one table.
//!
//! Source: `erl_ext_dist`, one section a tag; RECORD_EXT is OTP 29's.

use std::fmt;

/// The first byte of a term. Open: a byte that is not in the table is a value too.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tag(pub u8);

macro_rules! tags {
    ($($(#[$doc:meta])* $name:ident = $value:literal,)*) => {
        impl Tag {
            $($(#[$doc])* pub const $name: Tag = Tag($value);)*

            /// The tag's name in the format's documentation, if it has one.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }
    };
}

tags! {
    /// Any bytes that only the node which made them can read.
    LOCAL_EXT = 121,
    /// A native record, OTP 29.
    RECORD_EXT = 67,
    /// A float as eight bytes, IEEE 754, big-endian.
    NEW_FLOAT_EXT = 70,
    /// Bits that do not fill the last byte.
    BIT_BINARY_EXT = 77,
    /// Zlib data that holds one term.
    COMPRESSED = 80,
    /// An index into the atoms of the distribution header.
    ATOM_CACHE_REF = 82,
    /// A pid with a 32-bit creation.
    NEW_PID_EXT = 88,
    /// A port with a 32-bit creation.
    NEW_PORT_EXT = 89,
    /// A reference of up to five words with a 32-bit creation.
    NEWER_REFERENCE_EXT = 90,
    /// An integer from 0 to 255.
    SMALL_INTEGER_EXT = 97,
    /// A signed 32-bit integer.
    INTEGER_EXT = 98,
    /// A float as 31 bytes of text.
    FLOAT_EXT = 99,
    /// An atom in Latin-1, with a 16-bit length.
    ATOM_EXT = 100,
    /// A reference of one word.
    REFERENCE_EXT = 101,
    /// A port with an 8-bit creation.
    PORT_EXT = 102,
    /// A pid with an 8-bit creation.
    PID_EXT = 103,
    /// A tuple of at most 255 elements.
    SMALL_TUPLE_EXT = 104,
    /// A tuple with a 32-bit arity.
    LARGE_TUPLE_EXT = 105,
    /// The empty list.
    NIL_EXT = 106,
    /// A list of bytes.
    STRING_EXT = 107,
    /// A list: length, elements, tail.
    LIST_EXT = 108,
    /// Bytes.
    BINARY_EXT = 109,
    /// An integer of at most 255 bytes.
    SMALL_BIG_EXT = 110,
    /// An integer with a 32-bit count of bytes.
    LARGE_BIG_EXT = 111,
    /// A fun of this format's current form.
    NEW_FUN_EXT = 112,
    /// `fun module:function/arity`.
    EXPORT_EXT = 113,
    /// A reference of several words with an 8-bit creation.
    NEW_REFERENCE_EXT = 114,
    /// An atom in Latin-1, with an 8-bit length.
    SMALL_ATOM_EXT = 115,
    /// A map.
    MAP_EXT = 116,
    /// A fun of the form before R8.
    FUN_EXT = 117,
    /// An atom in UTF-8, with a 16-bit length.
    ATOM_UTF8_EXT = 118,
    /// An atom in UTF-8, with an 8-bit length.
    SMALL_ATOM_UTF8_EXT = 119,
    /// A port with a 64-bit id.
    V4_PORT_EXT = 120,
}

impl Tag {
    /// Whether an integer starts so.
    #[inline]
    pub(crate) fn is_integer(self) -> bool {
        matches!(
            self,
            Self::SMALL_INTEGER_EXT | Self::INTEGER_EXT | Self::SMALL_BIG_EXT | Self::LARGE_BIG_EXT
        )
    }

    /// Whether an atom starts so.
    #[inline]
    pub(crate) fn is_atom(self) -> bool {
        matches!(
            self,
            Self::SMALL_ATOM_UTF8_EXT
                | Self::ATOM_UTF8_EXT
                | Self::SMALL_ATOM_EXT
                | Self::ATOM_EXT
                | Self::ATOM_CACHE_REF
        )
    }

    /// Whether a tuple starts so.
    #[inline]
    pub(crate) fn is_tuple(self) -> bool {
        matches!(self, Self::SMALL_TUPLE_EXT | Self::LARGE_TUPLE_EXT)
    }

    /// Whether a term that holds others starts so.
    #[inline]
    pub(crate) fn is_container(self) -> bool {
        matches!(
            self,
            Self::SMALL_TUPLE_EXT
                | Self::LARGE_TUPLE_EXT
                | Self::LIST_EXT
                | Self::MAP_EXT
                | Self::RECORD_EXT
                | Self::NEW_FUN_EXT
        )
    }

    /// Whether a float starts so.
    #[inline]
    pub(crate) fn is_float(self) -> bool {
        matches!(self, Self::NEW_FLOAT_EXT | Self::FLOAT_EXT)
    }

    /// Whether a pid starts so.
    pub(crate) fn is_pid(self) -> bool {
        matches!(self, Self::NEW_PID_EXT | Self::PID_EXT)
    }

    /// Whether a port starts so.
    pub(crate) fn is_port(self) -> bool {
        matches!(self, Self::V4_PORT_EXT | Self::NEW_PORT_EXT | Self::PORT_EXT)
    }

    /// Whether a reference starts so.
    pub(crate) fn is_reference(self) -> bool {
        matches!(self, Self::NEWER_REFERENCE_EXT | Self::NEW_REFERENCE_EXT | Self::REFERENCE_EXT)
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} ({})", self.0),
            None => write!(f, "tag {}", self.0),
        }
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The byte that opens a term which stands alone (`erl_ext_dist`, "Introduction").
pub const VERSION_MAGIC: u8 = 131;
