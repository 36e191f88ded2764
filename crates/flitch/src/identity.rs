//! Who we are, and the pids and references that carry it.

use std::sync::atomic::{AtomicU64, Ordering};

use flitch_etf::{Atom, Pid, Reference};
use flitch_handshake::LocalNode;
use flitch_name::{Creation, NodeName};

/// Our name and creation, with the counters of what is made under them.
pub(crate) struct Identity {
    pub(crate) name: NodeName,
    pub(crate) atom: Atom,
    pub(crate) creation: Creation,
    pids: AtomicU64,
    references: AtomicU64,
}

impl Identity {
    /// `seed` sets where references begin, so that those of two nodes under one name differ.
    pub(crate) fn new(name: NodeName, creation: Creation, seed: u64) -> Self {
        let atom = node_atom(&name);
        Self { name, atom, creation, pids: AtomicU64::new(1), references: AtomicU64::new(seed) }
    }

    pub(crate) fn local_node(&self) -> LocalNode {
        LocalNode { name: self.name.clone(), creation: self.creation }
    }

    /// A pid that was not used before: 32 bits of id, then 32 of serial.
    pub(crate) fn new_pid(&self) -> Pid {
        let number = self.pids.fetch_add(1, Ordering::Relaxed);
        let (id, serial) = (number as u32, (number >> 32) as u32);
        Pid { node: self.atom.clone(), id, serial, creation: self.creation.value() }
    }

    /// A reference that was not used before. The first word has 18 bits on the wire.
    pub(crate) fn new_reference(&self) -> Reference {
        let number = self.references.fetch_add(1, Ordering::Relaxed);
        let words = [(number & 0x3_ffff) as u32, (number >> 18) as u32, (number >> 50) as u32];
        Reference::three(self.atom.clone(), self.creation.value(), words)
    }
}

/// A node's name as the atom that it is on the wire. Names are checked to fit.
pub(crate) fn node_atom(name: &NodeName) -> Atom {
    Atom::new(name.as_str()).unwrap_or(Atom::NIL)
}
