//! Binaries and bit strings: slices of the message that brought them.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use bytes::Bytes;

/// Bytes of a term.
///
/// Short ones (up to 22 bytes) are held inline; longer ones are a slice of a shared buffer, which
/// is the received message itself when they came from one. A clone copies no data.
#[derive(Clone)]
pub struct Binary(Repr);

#[derive(Clone)]
enum Repr {
    Inline { len: u8, data: [u8; Binary::INLINE] },
    Shared { buffer: Arc<Bytes>, start: u32, len: u32 },
}

/// The length that stands for "to the end of the buffer": no term of the wire has it.
const TO_THE_END: u32 = u32::MAX;

impl Binary {
    /// The most bytes that are held inline.
    pub const INLINE: usize = 22;

    /// A copy of `data`.
    #[must_use]
    pub fn copy_from(data: &[u8]) -> Self {
        match Self::inline(data) {
            Some(short) => short,
            None => Self::from(Bytes::copy_from_slice(data)),
        }
    }

    /// The bytes, if they are few enough.
    #[inline]
    pub(crate) fn inline(data: &[u8]) -> Option<Self> {
        let mut held = [0; Self::INLINE];
        held.get_mut(..data.len())?.copy_from_slice(data);
        let len = u8::try_from(data.len()).ok()?;
        Some(Self(Repr::Inline { len, data: held }))
    }

    /// The first `len` of these bytes and those behind them, if so few are held inline.
    #[inline]
    pub(crate) fn inline_from(bytes: &[u8], len: u8) -> Option<(Self, &[u8])> {
        let (short, rest) = bytes.split_at_checked(len.into())?;
        if short.len() > Self::INLINE {
            return None;
        }
        // What lies behind may come along: a copy of a fixed size is the faster one.
        match bytes.first_chunk() {
            Some(data) => Some((Self(Repr::Inline { len, data: *data }), rest)),
            None => Some((Self::inline(short)?, rest)),
        }
    }

    /// `len` bytes of `buffer` from `start`, copied only when they are few. Bytes outside the
    /// buffer give an empty binary.
    pub(crate) fn slice_of(buffer: &Arc<Bytes>, start: usize, len: usize) -> Self {
        let data = start.checked_add(len).and_then(|end| buffer.get(start..end));
        let data = data.unwrap_or_default();
        if let Some(short) = Self::inline(data) {
            return short;
        }
        match (u32::try_from(start), u32::try_from(len)) {
            (Ok(start), Ok(len)) if len != TO_THE_END => {
                Self(Repr::Shared { buffer: Arc::clone(buffer), start, len })
            }
            _ => Self::from(buffer.slice_ref(data)),
        }
    }

    /// The bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline { len, data } => data.get(..usize::from(*len)).unwrap_or_default(),
            Repr::Shared { buffer, start, len } => {
                let start = *start as usize;
                let end = if *len == TO_THE_END { buffer.len() } else { start + *len as usize };
                buffer.get(start..end).unwrap_or_default()
            }
        }
    }

    /// The bytes as text, if they are UTF-8.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(self.as_slice()).ok()
    }

    /// The bytes as a [`Bytes`], without a copy when they are shared.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        match &self.0 {
            Repr::Inline { .. } => Bytes::copy_from_slice(self.as_slice()),
            Repr::Shared { buffer, .. } => buffer.slice_ref(self.as_slice()),
        }
    }
}

/// More than 4 GiB - 1 fit here, but not into a BINARY_EXT: encoding refuses them.
impl From<Bytes> for Binary {
    fn from(bytes: Bytes) -> Self {
        if let Some(short) = Self::inline(&bytes) {
            return short;
        }
        let len = u32::try_from(bytes.len()).unwrap_or(TO_THE_END);
        Self(Repr::Shared { buffer: Arc::new(bytes), start: 0, len })
    }
}

impl From<Vec<u8>> for Binary {
    fn from(bytes: Vec<u8>) -> Self {
        Self::from(Bytes::from(bytes))
    }
}

impl From<&str> for Binary {
    fn from(text: &str) -> Self {
        Self::copy_from(text.as_bytes())
    }
}

impl std::ops::Deref for Binary {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl PartialEq for Binary {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for Binary {}

impl PartialOrd for Binary {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Binary {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_slice().cmp(other.as_slice())
    }
}

impl Hash for Binary {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_slice().hash(state);
    }
}

impl fmt::Debug for Binary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<<\"{}\">>", self.as_slice().escape_ascii())
    }
}

/// Bits that do not fill their last byte: `<<1, 2::3>>`.
///
/// The last byte always has 1 to 7 bits in use, its highest ones, and zeros behind them: bit
/// strings of whole bytes are a [`Binary`], and an empty one has no form that an unpatched BEAM
/// survives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BitString {
    bytes: Binary,
    last_bits: u8,
}

impl BitString {
    /// Bits from whole bytes and the count of bits that are in use in the last one. Unused bits
    /// are cleared. `None` if there are no bytes or `last_bits` is not 1 to 7.
    #[must_use]
    pub fn new(bytes: Binary, last_bits: u8) -> Option<Self> {
        let last = *bytes.last()?;
        if !(1..=7).contains(&last_bits) {
            return None;
        }
        let kept = last & (0xff << (8 - last_bits));
        if kept == last {
            return Some(Self { bytes, last_bits });
        }
        let mut cleared = bytes.to_vec();
        *cleared.last_mut()? = kept;
        Some(Self { bytes: Binary::from(cleared), last_bits })
    }

    /// The bytes, the last of them only partly in use.
    #[must_use]
    pub fn bytes(&self) -> &Binary {
        &self.bytes
    }

    /// Bits in use in the last byte: 1 to 7.
    #[must_use]
    pub fn last_bits(&self) -> u8 {
        self.last_bits
    }

    /// The length in bits.
    #[must_use]
    pub fn bit_len(&self) -> u64 {
        (self.bytes.len() as u64 - 1) * 8 + u64::from(self.last_bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_binary_is_a_slice_of_its_buffer_and_a_short_one_frees_it() {
        let buffer = Arc::new(Bytes::from(vec![7; 100]));
        let long = Binary::slice_of(&buffer, 10, 50);
        assert!(std::ptr::eq(long.as_slice().as_ptr(), buffer[10..].as_ptr()));
        let short = Binary::slice_of(&buffer, 10, 22);
        assert_eq!(Arc::strong_count(&buffer), 2, "the short one must not hold the message");
        assert_eq!((long.len(), short.len()), (50, 22));
        assert!(std::ptr::eq(long.to_bytes().as_ptr(), buffer[10..].as_ptr()));
    }

    #[test]
    fn bytes_outside_the_buffer_are_no_panic() {
        let buffer = Arc::new(Bytes::from(vec![7; 10]));
        assert_eq!(Binary::slice_of(&buffer, 8, 5).len(), 0);
        assert_eq!(Binary::slice_of(&buffer, usize::MAX, 5).len(), 0);
    }

    #[test]
    fn a_bit_string_of_no_or_whole_bytes_cannot_be_made() {
        assert_eq!(BitString::new(Binary::copy_from(b""), 3), None);
        assert_eq!(BitString::new(Binary::copy_from(b"a"), 0), None);
        assert_eq!(BitString::new(Binary::copy_from(b"a"), 8), None);
        let bits = BitString::new(Binary::copy_from(&[1, 0xff]), 3).unwrap();
        assert_eq!((bits.bytes().as_slice(), bits.bit_len()), (&[1, 0xe0][..], 11));
    }
}
