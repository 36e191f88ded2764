//! From atom to atom through encoded terms, for a sender that puts numbers in their place.

use std::ops::Range;

use crate::{Reader, Tag};

/// A walk through encoded terms that stops at each atom whose text stands in UTF-8, those inside
/// pids, ports, references, exports and records included. Funs are passed by.
///
/// The bytes are handed in at each step, so that what lies behind the walk may be changed
/// meanwhile.
///
/// ```
/// use flitch_etf::{AtomWalk, Term, encode};
///
/// let bytes = encode(&Term::from((Term::atom("ok"), 7, Term::atom("next"))))?;
/// let mut walk = AtomWalk::new(1, 1);
/// assert_eq!(&bytes[walk.next(&bytes).unwrap().text], b"ok");
/// assert_eq!(&bytes[walk.next(&bytes).unwrap().text], b"next");
/// assert!(walk.next(&bytes).is_none() && walk.position() == bytes.len());
/// # Ok::<(), flitch_etf::EncodeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct AtomWalk {
    at: usize,
    /// Terms that are still to come.
    left: usize,
    /// Bytes behind the next atom that belong to the term around it.
    tail: usize,
    records: bool,
}

/// Where an atom stands: from `start` to the end of its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AtomSpan {
    /// Its tag.
    pub start: usize,
    /// Its text.
    pub text: Range<usize>,
}

impl AtomWalk {
    /// Begins at a position where so many terms stand one behind the other.
    #[must_use]
    pub fn new(position: usize, terms: usize) -> Self {
        Self { at: position, left: terms, tail: 0, records: false }
    }

    /// Where the walk has got to: the end of the terms, when there are no more atoms.
    #[must_use]
    pub fn position(&self) -> usize {
        self.at
    }

    /// Whether it has passed a native record, which not every node can read.
    #[must_use]
    pub fn has_records(&self) -> bool {
        self.records
    }

    /// The next atom. `None` at the end, and where the bytes are no terms.
    pub fn next(&mut self, bytes: &[u8]) -> Option<AtomSpan> {
        while self.left > 0 {
            let rest = bytes.get(self.at..)?;
            let (tag, body) = rest.split_first()?;
            match (Tag(*tag), body) {
                (Tag::SMALL_ATOM_UTF8_EXT, [len, text @ ..]) => {
                    return self.stop(2, (*len).into(), text.len());
                }
                (Tag::ATOM_UTF8_EXT, [high, low, text @ ..]) => {
                    return self.stop(3, u16::from_be_bytes([*high, *low]).into(), text.len());
                }
                (Tag::NEW_PID_EXT | Tag::V4_PORT_EXT, _) => self.enter(1, 12),
                (Tag::NEW_PORT_EXT, _) => self.enter(1, 8),
                (Tag::NEWER_REFERENCE_EXT, [_, words, ..]) => {
                    self.enter(3, 4 + usize::from(*words) * 4);
                }
                (Tag::EXPORT_EXT, _) => self.open(1, 3),
                (Tag::RECORD_EXT, [a, b, c, d, _flags, ..]) => {
                    // Module and name, names and values.
                    let fields = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
                    self.records = true;
                    self.open(6, fields.saturating_mul(2).saturating_add(2));
                }
                // How long a fun is stands in it, and would be wrong if it changed.
                (Tag::NEW_FUN_EXT, [a, b, c, d, ..]) => {
                    self.at += 1 + u32::from_be_bytes([*a, *b, *c, *d]) as usize;
                    self.left -= 1;
                }
                _ => {
                    let mut reader = Reader::new(rest);
                    let terms = reader.skip_head().ok()?;
                    self.at += reader.position() + std::mem::take(&mut self.tail);
                    self.left = (self.left - 1).saturating_add(terms);
                }
            }
        }
        None
    }

    /// At an atom of `len` bytes behind its head, of which `there` are there.
    fn stop(&mut self, head: usize, len: usize, there: usize) -> Option<AtomSpan> {
        if len > there {
            return None;
        }
        let (start, text) = (self.at, self.at + head);
        self.at = text + len + std::mem::take(&mut self.tail);
        self.left -= 1;
        Some(AtomSpan { start, text: text..text + len })
    }

    /// Goes on to the terms that a term is made of.
    fn open(&mut self, head: usize, terms: usize) {
        self.at += head;
        self.left = (self.left - 1).saturating_add(terms);
    }

    /// Goes on to the atom in a pid or the like.
    fn enter(&mut self, head: usize, tail: usize) {
        self.at += head;
        self.tail = tail;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Atom, Pid, Reference, Term, encode};

    fn texts(bytes: &[u8]) -> (Vec<&str>, AtomWalk) {
        let mut walk = AtomWalk::new(1, 1);
        let mut texts = Vec::new();
        while let Some(AtomSpan { start, text }) = walk.next(bytes) {
            assert!(matches!(bytes[start], 118 | 119));
            texts.push(std::str::from_utf8(&bytes[text]).unwrap());
        }
        (texts, walk)
    }

    #[test]
    fn atoms_are_found_in_their_order_wherever_they_stand() {
        let node = Atom::from_static("a@h.x");
        let pid = Pid { node: node.clone(), id: 1, serial: 2, creation: 3 };
        let reference = Reference::three(node, 7, [1, 2, 3]);
        let long = Atom::new(&"ü".repeat(200)).unwrap();
        let [module, name, field] = ["m", "point", "x"].map(Atom::from_static);
        let record = crate::Record::new(module.clone(), name, [(field, 7.into())]).unwrap();
        let export = crate::Export { module, function: Atom::from_static("f"), arity: 2 };
        let term = Term::from((
            Term::from(export),
            Term::from(vec![Term::from(pid), Term::from(reference), Term::from("text")]),
            crate::term!(%{key: long.clone()}),
            Term::from(record),
            Term::atom("last"),
        ));
        let bytes = encode(&term).unwrap();
        let (found, walk) = texts(&bytes);
        assert_eq!(
            found,
            ["m", "f", "a@h.x", "a@h.x", "key", long.as_str(), "m", "point", "x", "last"]
        );
        assert_eq!(walk.position(), bytes.len());
        assert!(walk.has_records());
        assert!(!texts(&encode(&Term::atom("none")).unwrap()).1.has_records());
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_walk_leave_them(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut walk = AtomWalk::new(0, 1);
            let mut steps = 0;
            while walk.next(&bytes).is_some() {
                steps += 1;
                prop_assert!(steps <= 200);
            }
        }
    }
}
