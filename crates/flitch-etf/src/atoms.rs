//! The atoms that a message refers to by number, and those that came of late.

use std::cell::RefCell;

use crate::Atom;

/// Resolves an ATOM_CACHE_REF: the atoms that a distribution header named for its message.
pub trait AtomTable: Sync {
    /// The atom with that number in the header, if it named one.
    fn atom(&self, index: u8) -> Option<&Atom>;
}

/// A message without a header: no reference resolves.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoAtoms;

impl AtomTable for NoAtoms {
    fn atom(&self, _: u8) -> Option<&Atom> {
        None
    }
}

thread_local! {
    /// Atoms that this thread has met of late, so that the usual ones are neither checked nor
    /// copied again. They never become more: an atom takes the place of another one.
    static RECENT: RefCell<Vec<Place>> = const { RefCell::new(Vec::new()) };
}

const PLACES: usize = 256;
/// The longest text that is kept, in bytes: the whole then takes 32 KiB a thread at most.
const LONGEST: usize = 64;

#[derive(Clone)]
struct Place {
    ends: Ends,
    atom: Atom,
}

/// What tells two texts apart at a glance: all there is, up to 16 bytes.
#[derive(Clone, Copy, PartialEq)]
struct Ends {
    start: u64,
    end: u64,
    len: usize,
}

impl Ends {
    /// Of the first `len` of these bytes.
    #[inline]
    fn of(bytes: &[u8], len: usize) -> Option<Self> {
        let text = bytes.get(..len)?;
        if let (Some(start), Some(end)) = (text.first_chunk(), text.last_chunk()) {
            let (start, end) = (u64::from_le_bytes(*start), u64::from_le_bytes(*end));
            return Some(Self { start, end, len });
        }
        let start = match bytes.first_chunk() {
            Some(bytes) => u64::from_le_bytes(*bytes) & ((1 << (8 * len)) - 1),
            None => short_word(text),
        };
        Some(Self { start, end: 0, len })
    }

    #[inline]
    fn place(self) -> usize {
        let mixed = self.start ^ self.end.rotate_left(23) ^ self.len as u64;
        (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as usize
    }
}

/// Up to eight bytes as a number, the first byte the lowest. Reads that overlap agree where they do.
#[inline]
fn short_word(text: &[u8]) -> u64 {
    if let (Some(start), Some(end)) = (text.first_chunk(), text.last_chunk()) {
        let (start, end) = (u32::from_le_bytes(*start), u32::from_le_bytes(*end));
        return u64::from(start) | u64::from(end) << (8 * (text.len() - 4));
    }
    text.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

/// Hands over the atom whose text in UTF-8 are the first `len` of these bytes, and gives what comes
/// of it and the bytes behind. `None` if they are no such text.
#[inline(always)]
pub(crate) fn recent<R>(
    bytes: &[u8],
    len: usize,
    mut take: impl FnMut(&Atom) -> R,
) -> Option<(R, &[u8])> {
    let (text, rest) = bytes.split_at_checked(len)?;
    if len > LONGEST {
        return Some((take(&make(text)?), rest));
    }
    let ends = Ends::of(bytes, len)?;
    let taken = RECENT.try_with(|places| {
        let places = &mut *places.borrow_mut();
        let place = match places.get_mut(ends.place()) {
            Some(place) => place,
            None => first(places).get_mut(ends.place())?,
        };
        if place.ends != ends || (len > 16 && place.atom.as_str().as_bytes() != text) {
            *place = Place { ends, atom: make(text)? };
        }
        Some(take(&place.atom))
    });
    // A thread that is ending may have let go of its places and still read.
    let taken = taken.unwrap_or_else(|_| make(text).map(|atom| take(&atom)));
    Some((taken?, rest))
}

/// Makes the places, which is done once a thread.
#[cold]
fn first(places: &mut Vec<Place>) -> &mut Vec<Place> {
    let ends = Ends { start: 0, end: 0, len: usize::MAX };
    places.resize(PLACES, Place { ends, atom: Atom::NIL });
    places
}

#[cold]
fn make(text: &[u8]) -> Option<Atom> {
    Atom::new(std::str::from_utf8(text).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In the midst of other bytes, and at the end of them.
    fn known(text: &[u8]) -> Option<Atom> {
        let more = [text, b"more bytes"].concat();
        let (atom, rest) = recent(&more, text.len(), Atom::clone)?;
        assert_eq!(rest, b"more bytes");
        assert_eq!(recent(text, text.len(), Atom::clone), Some((atom.clone(), &[][..])));
        Some(atom)
    }

    #[test]
    fn of_a_hundred_thousand_atoms_each_is_itself() {
        for number in 0..100_000 {
            for text in [format!("{number}"), format!("atom_number_{number}_of_many")] {
                for _ in 0..2 {
                    assert_eq!(known(text.as_bytes()).unwrap().as_str(), text);
                }
            }
        }
    }

    #[test]
    fn texts_that_are_alike_are_told_apart() {
        let alike = ["", "a", "\0", "\0\0", "a\0", "12345678", "1234567812345678", "ok", "ko"];
        let long = ["12345678-a-12345678", "12345678-b-12345678", "12345678--12345678"];
        for text in alike.iter().chain(&long).cycle().take(100) {
            assert_eq!(known(text.as_bytes()).unwrap().as_str(), *text);
        }
    }

    #[test]
    fn text_that_is_no_atom_is_refused() {
        assert!(known(b"\xff").is_none());
        assert!(known("ß".repeat(256).as_bytes()).is_none());
        assert!(known("ß".repeat(255).as_bytes()).is_some());
    }
}
