//! The atoms that one outgoing message refers to by number.

/// Up to 255 atoms in the order of their numbers. To be cleared and used again, so that a message
/// costs no allocation.
#[derive(Debug)]
pub(crate) struct Names {
    /// The texts, one behind the other.
    texts: Vec<u8>,
    names: Vec<Name>,
    /// Where a text is found by its hash: its number plus one, or 0. Twice as many places as
    /// names, so that there is always a free one.
    places: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Name {
    end: usize,
    hash: u64,
}

const PLACES: usize = 512;

impl Names {
    /// What the count in a header can say.
    const MOST: usize = u8::MAX as usize;

    pub(crate) fn new() -> Self {
        Self { texts: Vec::new(), names: Vec::new(), places: vec![0; PLACES] }
    }

    pub(crate) fn clear(&mut self) {
        if !self.names.is_empty() {
            self.texts.clear();
            self.names.clear();
            self.places.fill(0);
        }
    }

    /// No more numbers will be asked for.
    pub(crate) fn seal(&mut self) {
        self.places = Vec::new();
        self.texts.shrink_to_fit();
        self.names.shrink_to_fit();
    }

    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    /// Bytes that the longest text has.
    pub(crate) fn longest(&self) -> usize {
        self.iter().map(|(text, _)| text.len()).max().unwrap_or_default()
    }

    /// The texts and their hashes, by number.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], u64)> {
        let starts = std::iter::once(0).chain(self.names.iter().map(|name| name.end));
        self.names
            .iter()
            .zip(starts)
            .map(|(name, start)| (self.texts.get(start..name.end).unwrap_or_default(), name.hash))
    }

    fn text(&self, number: usize) -> &[u8] {
        let start = number.checked_sub(1).and_then(|before| self.names.get(before));
        let end = self.names.get(number).map_or(0, |name| name.end);
        self.texts.get(start.map_or(0, |name| name.end)..end).unwrap_or_default()
    }

    /// What stands in a place, counted round.
    fn at(&self, place: usize) -> usize {
        self.places.get(place % PLACES).copied().unwrap_or_default().into()
    }

    /// The number of an atom. `None` when there are no more numbers.
    pub(crate) fn number(&mut self, text: &[u8]) -> Option<u8> {
        let hash = hash(text);
        let mut at = hash as usize;
        loop {
            match self.at(at).checked_sub(1) {
                Some(number) if self.text(number) == text => return u8::try_from(number).ok(),
                Some(_) => at = at.wrapping_add(1),
                None => break,
            }
        }
        if self.names.len() == Self::MOST {
            return None;
        }
        let number = self.names.len() as u8;
        if let Some(place) = self.places.get_mut(at % PLACES) {
            *place = number + 1;
        }
        self.texts.extend_from_slice(text);
        self.names.push(Name { end: self.texts.len(), hash });
        Some(number)
    }
}

/// Spreads texts. Whoever makes them meet on purpose costs us a walk over 255 of them an atom.
fn hash(text: &[u8]) -> u64 {
    let mix =
        |hash: u64, word: u64| (hash.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    let (words, rest) = text.as_chunks::<8>();
    let hash =
        words.iter().fold(text.len() as u64, |hash, word| mix(hash, u64::from_le_bytes(*word)));
    let hash = rest.iter().fold(hash, |hash, byte| mix(hash, (*byte).into()));
    hash ^ hash >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_atom_has_one_number_however_often_it_comes() {
        let mut names = Names::new();
        assert_eq!(names.number(b"ok"), Some(0));
        assert_eq!(names.number(b"a@10.0.0.7"), Some(1));
        assert_eq!(names.number(b"ok"), Some(0));
        assert_eq!(names.number(b""), Some(2));
        assert_eq!(names.number(b""), Some(2));
        let texts: Vec<_> = names.iter().map(|(text, _)| text).collect();
        assert_eq!(texts, [b"ok".as_slice(), b"a@10.0.0.7", b""]);
        assert_eq!(names.longest(), 10);
        names.clear();
        assert_eq!((names.len(), names.number(b"a@10.0.0.7")), (0, Some(0)));
    }

    #[test]
    fn the_256th_atom_has_none() {
        let mut names = Names::new();
        for number in 0..255u16 {
            let text = format!("atom{number}");
            assert_eq!(names.number(text.as_bytes()).map(u16::from), Some(number));
        }
        assert_eq!(names.number(b"one too many"), None);
        assert_eq!(names.number(b"atom254"), Some(254));
    }
}
