//! The distribution header: which atoms a message refers to by number, and which of these the
//! receiver has not met yet.
//!
//! Source: `erl_ext_dist`, "Distribution Header".

use std::sync::Arc;

use bytes::{Buf, Bytes};
use flitch_etf::{Atom, AtomTable};

use crate::LinkError;
use crate::atom_cache::{Placed, Telling, Told};
use crate::names::Names;

/// In the four bits of an atom: its text follows. The other three are the segment of its place.
const NEW: u8 = 8;

/// In the last four bits: lengths of texts take two bytes.
const LONG_ATOMS: u8 = 1;

/// The atoms that a message refers to by number, as its header named them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct HeaderAtoms(Option<Arc<[Atom]>>);

impl AtomTable for HeaderAtoms {
    fn atom(&self, index: u8) -> Option<&Atom> {
        self.0.as_ref()?.get(usize::from(index))
    }
}

impl HeaderAtoms {
    /// Bytes of memory.
    pub(crate) fn footprint(&self) -> usize {
        self.0.as_ref().map_or(0, |atoms| size_of_val(&**atoms))
    }
}

/// Writes the header's part on atoms. Every message that begins is to be sent: what it tells is
/// told.
pub(crate) fn write(out: &mut Vec<u8>, names: &Names, cache: &mut Telling) {
    if names.len() > 0 {
        cache.begin();
    }
    write_placed(out, names, |text, hash| cache.place(text, hash));
}

/// Likewise, where somebody says in which places the atoms stand.
pub(crate) fn write_placed(
    out: &mut Vec<u8>,
    names: &Names,
    mut place: impl FnMut(&[u8], u64) -> Placed,
) {
    let count = names.len();
    out.push(count as u8);
    if count == 0 {
        return;
    }
    let long = names.longest() > usize::from(u8::MAX);
    let flags = out.len();
    out.resize(flags + count / 2 + 1, 0);
    let set = |out: &mut Vec<u8>, index: usize, four_bits: u8| {
        if let Some(byte) = out.get_mut(flags + index / 2) {
            *byte |= four_bits << (4 * (index % 2));
        }
    };
    for (index, (text, hash)) in names.iter().enumerate() {
        let placed = place(text, hash);
        let [segment, within] = placed.place.to_be_bytes();
        out.push(within);
        if placed.new {
            let [high, low] = (text.len() as u16).to_be_bytes();
            if long {
                out.push(high);
            }
            out.push(low);
            out.extend_from_slice(text);
        }
        set(out, index, if placed.new { segment | NEW } else { segment });
    }
    set(out, count, if long { LONG_ATOMS } else { 0 });
}

/// Reads headers, each by the light of those before.
#[derive(Debug, Default)]
pub(crate) struct Headers {
    cache: Told,
    /// The last header, if it told nothing new: the next one is often the same.
    last: Option<(Box<[u8]>, HeaderAtoms)>,
}

impl Headers {
    /// Reads the header's part on atoms, and moves `bytes` past it.
    pub(crate) fn read(&mut self, bytes: &mut Bytes) -> Result<HeaderAtoms, LinkError> {
        let count = usize::from(byte(bytes)?);
        if count == 0 {
            return Ok(HeaderAtoms::default());
        }
        // The flags and a byte an atom: all there is if no atom is new.
        let least = count / 2 + 1 + count;
        let least = bytes.get(..least).ok_or(LinkError::ShortHeader)?;
        if let Some((last, atoms)) = &self.last
            && **last == *least
        {
            let atoms = atoms.clone();
            bytes.advance(least.len());
            return Ok(atoms);
        }
        let least = Box::from(least);
        let flags = split(bytes, count / 2 + 1)?;
        let four_bits = |index: usize| {
            let byte = flags.get(index / 2).copied().unwrap_or_default();
            byte >> (4 * (index % 2)) & 0xf
        };
        let long = four_bits(count) & LONG_ATOMS != 0;
        let atoms = (0..count).map(|index| {
            let place = place(four_bits(index), byte(bytes)?);
            if four_bits(index) & NEW == 0 {
                return self.cache.get(place).cloned().ok_or(LinkError::NoSuchAtom(place));
            }
            let atom = text(bytes, long)?;
            self.cache.set(place, atom.clone());
            Ok(atom)
        });
        let atoms: Result<Arc<[Atom]>, LinkError> = atoms.collect();
        let atoms = HeaderAtoms(Some(atoms?));
        let nothing_new = (0..count).all(|index| four_bits(index) & NEW == 0);
        self.last = nothing_new.then(|| (least, atoms.clone()));
        Ok(atoms)
    }
}

/// A place by its segment, the lower three of an atom's bits, and its index there.
fn place(four_bits: u8, within: u8) -> usize {
    usize::from(u16::from_be_bytes([four_bits & 7, within]))
}

fn text(bytes: &mut Bytes, long: bool) -> Result<Atom, LinkError> {
    let high = if long { byte(bytes)? } else { 0 };
    let len = u16::from_be_bytes([high, byte(bytes)?]);
    let text = split(bytes, len.into())?;
    let text = std::str::from_utf8(&text).map_err(|_| LinkError::AtomText)?;
    Atom::new(text).map_err(|_| LinkError::AtomText)
}

fn byte(bytes: &mut Bytes) -> Result<u8, LinkError> {
    bytes.try_get_u8().map_err(|_| LinkError::ShortHeader)
}

fn split(bytes: &mut Bytes, len: usize) -> Result<Bytes, LinkError> {
    if len > bytes.len() {
        return Err(LinkError::ShortHeader);
    }
    Ok(bytes.split_to(len))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(texts: &[&str], cache: &mut Telling) -> Vec<u8> {
        let (mut names, mut out) = (Names::new(), Vec::new());
        for text in texts {
            names.number(text.as_bytes()).unwrap();
        }
        write(&mut out, &names, cache);
        out
    }

    fn read(headers: &mut Headers, bytes: &[u8]) -> Result<Vec<String>, LinkError> {
        let mut bytes = Bytes::copy_from_slice(bytes);
        let atoms = headers.read(&mut bytes)?;
        assert!(bytes.is_empty());
        Ok((0..=255).map_while(|index| atoms.atom(index)).map(ToString::to_string).collect())
    }

    #[test]
    fn the_example_of_the_documentation_is_read() {
        // Five atoms, of which the first two are known from before.
        let mut headers = Headers::default();
        headers.cache.set(4 * 256 + 10, Atom::from_static("b@h"));
        headers.cache.set(5, Atom::from_static("a@h"));
        let mut header = vec![5, 4, 137, 9, 10, 5, 236, 3];
        header.extend_from_slice(b"reg\x09\x04call\xee\x0dset_get_state");
        let atoms = read(&mut headers, &header).unwrap();
        assert_eq!(atoms, ["b@h", "a@h", "reg", "call", "set_get_state"]);
        // And known ones are known by their places alone.
        assert_eq!(read(&mut headers, &[2, 0x10, 0, 9, 238]).unwrap(), ["call", "set_get_state"]);
    }

    #[test]
    fn what_was_told_once_is_a_byte_from_then_on() {
        let mut cache = Telling::default();
        let first = written(&["orders@10.0.0.7", "ok"], &mut cache);
        let again = written(&["orders@10.0.0.7", "ok"], &mut cache);
        assert_eq!(again.len(), 1 + 2 + 2);
        let mut headers = Headers::default();
        for bytes in [&first, &again, &again] {
            assert_eq!(read(&mut headers, bytes).unwrap(), ["orders@10.0.0.7", "ok"]);
        }
    }

    #[test]
    fn a_text_of_over_255_bytes_sets_the_long_atoms_bit_for_odd_and_even_counts() {
        let long = "ü".repeat(255);
        for more in [&[][..], &["ok"], &["ok", "error"]] {
            let texts = [&[long.as_str()], more].concat();
            let header = written(&texts, &mut Telling::default());
            let last = header[1 + texts.len() / 2] >> (4 * (texts.len() % 2));
            assert_eq!(last & 0xf, LONG_ATOMS);
            assert_eq!(read(&mut Headers::default(), &header).unwrap(), texts);
        }
    }

    #[test]
    fn an_atom_that_was_never_told_ends_the_link() {
        assert_eq!(read(&mut Headers::default(), &[1, 0, 9]), Err(LinkError::NoSuchAtom(9)));
    }

    #[test]
    fn a_header_is_not_taken_for_the_one_before_when_a_place_has_changed_hands() {
        let mut headers = Headers::default();
        let one = [1, 8, 9, 1, b'a'];
        let same = [1, 0, 9];
        assert_eq!(read(&mut headers, &one).unwrap(), ["a"]);
        assert_eq!(read(&mut headers, &same).unwrap(), ["a"]);
        assert_eq!(read(&mut headers, &[1, 8, 9, 1, b'b']).unwrap(), ["b"]);
        assert_eq!(read(&mut headers, &same).unwrap(), ["b"]);
    }

    proptest! {
        #[test]
        fn both_sides_agree_on_thousands_of_atoms(
            messages in prop::collection::vec(prop::collection::btree_set(0u16..6000, 0..40), 0..200),
        ) {
            let (mut cache, mut headers) = (Telling::default(), Headers::default());
            for message in messages {
                let texts: Vec<String> = message.iter().map(|it| format!("atom{it}")).collect();
                let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
                let header = written(&texts, &mut cache);
                prop_assert_eq!(read(&mut headers, &header).unwrap(), texts);
            }
        }

        #[test]
        fn no_header_makes_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = Headers::default().read(&mut bytes.into());
        }
    }
}
