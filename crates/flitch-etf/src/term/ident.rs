//! Pids, ports and references: what belongs to one life of one node.

use std::fmt;
use std::hash::{Hash, Hasher};

use super::Atom;

/// A process identifier.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Pid {
    /// The node that the process runs on.
    pub node: Atom,
    /// Its number there.
    pub id: u32,
    /// How often the numbers have wrapped.
    pub serial: u32,
    /// Which life of the node.
    pub creation: u32,
}

/// A port identifier.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Port {
    /// The node that the port is open on.
    pub node: Atom,
    /// Its number there.
    pub id: u64,
    /// Which life of the node.
    pub creation: u32,
}

/// A reference, made by `make_ref()`, a monitor or an alias.
///
/// Its words are one number: zeros at its high end, which are the last words, tell no two apart.
#[derive(Clone)]
pub struct Reference {
    /// The node that made it.
    pub node: Atom,
    /// Which life of the node.
    pub creation: u32,
    len: u8,
    words: [u32; Reference::MAX_WORDS],
}

impl Reference {
    /// The most words that a reference has (OTP 24 and later).
    pub const MAX_WORDS: usize = 5;

    /// A reference of 1 to 5 words, in the order of the wire (the first has 18 bits in use).
    /// `None` for none or more.
    #[must_use]
    pub fn new(node: Atom, creation: u32, words: &[u32]) -> Option<Self> {
        let len = u8::try_from(words.len()).ok().filter(|len| *len > 0)?;
        let mut held = [0; Self::MAX_WORDS];
        held.get_mut(..words.len())?.copy_from_slice(words);
        Some(Self { node, creation, len, words: held })
    }

    /// A reference of three words, as nodes of OTP 23 and later make them.
    #[must_use]
    pub fn three(node: Atom, creation: u32, [a, b, c]: [u32; 3]) -> Self {
        Self { node, creation, len: 3, words: [a, b, c, 0, 0] }
    }

    /// The words, in the order of the wire.
    #[must_use]
    pub fn words(&self) -> &[u32] {
        self.words.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// The words that count, in the order of their weight.
    pub(crate) fn significant(&self) -> impl Iterator<Item = &u32> + Clone {
        self.words().iter().rev().skip_while(|word| **word == 0)
    }
}

impl PartialEq for Reference {
    fn eq(&self, other: &Self) -> bool {
        self.node == other.node
            && self.creation == other.creation
            && self.significant().eq(other.significant())
    }
}

impl Eq for Reference {}

impl Hash for Reference {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.node.hash(state);
        self.creation.hash(state);
        self.significant().for_each(|word| word.hash(state));
    }
}

/// As Erlang's shell prints a pid of another node, with the node's name for its number.
impl fmt::Debug for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#PID<{}.{}.{}>", self.node.as_str().escape_debug(), self.id, self.serial)
    }
}

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl fmt::Debug for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#Port<{}.{}>", self.node.as_str().escape_debug(), self.id)
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#Reference<{}", self.node.as_str().escape_debug())?;
        for word in self.words().iter().rev() {
            write!(f, ".{word}")?;
        }
        f.write_str(">")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn references_that_a_beam_takes_for_one_are_one_key_here() {
        let node = Atom::from_static("a@h");
        let reference = |words: &[u32]| Reference::new(node.clone(), 1, words).unwrap();
        assert_eq!(reference(&[1]), reference(&[1, 0, 0]));
        assert_ne!(reference(&[1]), reference(&[0, 1]));
        assert_eq!(HashSet::from([reference(&[1]), reference(&[1, 0])]).len(), 1);
    }

    #[test]
    fn a_reference_has_one_to_five_words() {
        let node = Atom::from_static("a@h");
        assert!(Reference::new(node.clone(), 1, &[]).is_none());
        assert!(Reference::new(node.clone(), 1, &[0; 6]).is_none());
        assert_eq!(Reference::new(node, 1, &[1, 2, 3]).unwrap().words(), [1, 2, 3]);
    }
}
