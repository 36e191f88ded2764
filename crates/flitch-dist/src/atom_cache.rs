//! The atom cache: 2048 places on each side of a link that hold the same atoms, so that a message
//! names most of its atoms by a number.
//!
//! The sender alone says what stands where; the receiver follows. (`erl_ext_dist`, "Distribution
//! Header".)

use flitch_etf::Atom;

/// A place in the cache: a segment (3 bits) and an index within it.
pub(crate) const PLACES: usize = 2048;

/// What stands in the places: most of them stay empty for ever.
#[derive(Debug)]
struct Places<T> {
    /// For each place one more than where its content is. Empty until something comes.
    index: Vec<u16>,
    contents: Vec<T>,
}

impl<T> Default for Places<T> {
    fn default() -> Self {
        Self { index: Vec::new(), contents: Vec::new() }
    }
}

impl<T> Places<T> {
    fn at(&self, place: usize) -> Option<usize> {
        usize::from(*self.index.get(place)?).checked_sub(1)
    }

    fn get(&self, place: usize) -> Option<&T> {
        self.contents.get(self.at(place)?)
    }

    fn get_mut(&mut self, place: usize) -> Option<&mut T> {
        let at = self.at(place)?;
        self.contents.get_mut(at)
    }

    fn set(&mut self, place: usize, content: T) {
        if let Some(there) = self.get_mut(place) {
            *there = content;
            return;
        }
        self.index.resize(PLACES, 0);
        if let Some(at) = self.index.get_mut(place) {
            self.contents.push(content);
            // No more than there are places.
            *at = self.contents.len() as u16;
        }
    }
}

/// What the peer has told us.
#[derive(Debug, Default)]
pub(crate) struct Told(Places<Atom>);

impl Told {
    pub(crate) fn set(&mut self, place: usize, atom: Atom) {
        self.0.set(place, atom);
    }

    pub(crate) fn get(&self, place: usize) -> Option<&Atom> {
        self.0.get(place)
    }
}

/// What we have told the peer.
#[derive(Debug, Default)]
pub(crate) struct Telling {
    places: Places<Place>,
    /// The message that is being written.
    message: u64,
}

#[derive(Debug)]
struct Place {
    text: Box<[u8]>,
    /// The last message that referred to it.
    message: u64,
}

/// Where an atom stands from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) place: u16,
    pub(crate) new: bool,
}

impl Telling {
    /// How many places an atom may stand in, from the one that its hash names.
    const CHOICE: usize = 4;

    /// The next message begins.
    pub(crate) fn begin(&mut self) {
        self.message += 1;
    }

    /// Finds a place for an atom of this message, which has at most 255 of them: none takes that
    /// of another one.
    pub(crate) fn place(&mut self, text: &[u8], hash: u64) -> Placed {
        let choice = |step: usize| (hash as usize).wrapping_add(step) % PLACES;
        for at in (0..Self::CHOICE).map(choice) {
            if let Some(place) = self.places.get_mut(at).filter(|place| *place.text == *text) {
                place.message = self.message;
                return Placed { place: at as u16, new: false };
            }
        }
        let age = |at: &usize| self.places.get(*at).map_or(0, |place| place.message);
        let oldest =
            (0..Self::CHOICE).map(choice).min_by_key(age).filter(|at| age(at) < self.message);
        // All four are this message's own: one further on is not.
        let further = || (Self::CHOICE..PLACES).map(choice).find(|at| age(at) < self.message);
        let at = oldest.or_else(further).unwrap_or_default();
        self.places.set(at, Place { text: text.into(), message: self.message });
        Placed { place: at as u16, new: true }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn an_atom_is_told_once_and_named_by_its_place_from_then_on() {
        let mut telling = Telling::default();
        telling.begin();
        let first = telling.place(b"ok", 77);
        assert!(first.new);
        telling.begin();
        assert_eq!(telling.place(b"ok", 77), Placed { new: false, ..first });
    }

    #[test]
    fn atoms_of_one_message_never_share_a_place_though_they_share_a_hash() {
        let mut telling = Telling::default();
        for _ in 0..3 {
            telling.begin();
            let places: HashSet<u16> =
                (0..255u8).map(|text| telling.place(&[text], 2047).place).collect();
            assert_eq!(places.len(), 255);
        }
    }

    #[test]
    fn a_full_neighbourhood_lets_go_of_what_was_not_used_for_longest() {
        let mut telling = Telling::default();
        for text in [b"a", b"b", b"c", b"d", b"a", b"e"] {
            telling.begin();
            telling.place(text, 5);
        }
        telling.begin();
        assert!(!telling.place(b"a", 5).new, "used again before the fifth came");
        assert!(telling.place(b"b", 5).new);
    }
}
