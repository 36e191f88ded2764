//! Terms that are carried and not looked into: funs, and what is local to a node.

use super::{Atom, Binary, Pid, Seq, Term};

/// A fun made by a module: it goes back to its node as it came.
#[derive(Clone)]
pub struct Fun {
    /// How many arguments it takes.
    pub arity: u8,
    /// The MD5 of the significant parts of its module.
    pub uniq: [u8; 16],
    /// Which fun of the module.
    pub index: u32,
    /// The module.
    pub module: Atom,
    /// `OldIndex` of the format.
    pub old_index: i32,
    /// `OldUniq` of the format.
    pub old_uniq: i32,
    /// The process that made it.
    pub pid: Pid,
    pub(crate) free: Seq,
}

impl Fun {
    /// The values that it closes over.
    #[must_use]
    pub fn free(&self) -> &[Term] {
        self.free.as_slice()
    }

    /// What identifies it beside its process and its free variables.
    pub(crate) fn key(&self) -> (&str, u32, &[u8; 16], u8, i32, i32) {
        (self.module.as_str(), self.index, &self.uniq, self.arity, self.old_index, self.old_uniq)
    }
}

/// `fun module:function/arity`, `&Mod.fun/arity`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Export {
    /// The module.
    pub module: Atom,
    /// The function.
    pub function: Atom,
    /// How many arguments it takes.
    pub arity: u8,
}

/// A term in the form that only the node which made it can read (`erl_ext_dist`, LOCAL_EXT). It
/// stands alone, never inside another term, and goes back as it came.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Local(pub(crate) Binary);

impl Local {
    /// What stands behind the tag: a hash of four bytes that the node checks, then the term.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}
