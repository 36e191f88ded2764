//! What this crate's own types and `with`-modules say to its serializers beside serde.
//!
//! serde's data model has no atoms, pids, keyword lists or charlists. They are announced by a
//! newtype with a reserved name; other formats see a newtype around a plain value. Text travels
//! inside that newtype. What has no counterpart in serde at all, such as a pid, is put down here
//! and picked up within one call on one thread.

use std::cell::Cell;

use crate::{Atom, Binary, Pid, Port, Reference, Term};

/// Announces any term, which is handed over.
pub(crate) const TERM: &str = "\0flitch_etf::Term";
/// Announces an atom: text, or handed over where it is not to be copied.
pub(crate) const ATOM: &str = "\0flitch_etf::Atom";
/// Announces a pid, which is handed over.
pub(crate) const PID: &str = "\0flitch_etf::Pid";
/// Announces a reference, which is handed over.
pub(crate) const REFERENCE: &str = "\0flitch_etf::Reference";
/// Announces a port, which is handed over.
pub(crate) const PORT: &str = "\0flitch_etf::Port";
/// Announces a binary, which is handed over.
pub(crate) const BINARY: &str = "\0flitch_etf::Binary";
/// Announces an integer of any size, which is handed over as a term.
pub(crate) const INTEGER: &str = "\0flitch_etf::Integer";
/// Announces an option whose absence is `undefined`.
pub(crate) const UNDEFINED: &str = "\0flitch_etf::undefined";
/// Announces a struct or map as a keyword list.
pub(crate) const KEYWORD: &str = "\0flitch_etf::Keyword";
/// Announces a map whose text keys are atoms.
pub(crate) const ATOM_KEYS: &str = "\0flitch_etf::AtomKeys";
/// Announces text as a charlist.
pub(crate) const CHARLIST: &str = "\0flitch_etf::Charlist";
/// Announces a sequence without order or repetition as a `MapSet`.
pub(crate) const MAPSET: &str = "\0flitch_etf::MapSet";

/// Whether a newtype's name is one of the above. No name of Rust's starts so.
#[inline]
pub(crate) fn is_reserved(name: &str) -> bool {
    name.as_bytes().first() == Some(&0)
}

/// How the next value is to be laid out. It reaches through an `Option`, and not into containers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Form {
    #[default]
    Plain,
    /// Text is an atom.
    Atom,
    /// `None` is `undefined`.
    Undefined,
    /// A struct or map is a keyword list.
    Keyword,
    /// The keys of a map are atoms, where they are text here.
    AtomKeys,
    /// Text is a charlist.
    Charlist,
    /// A sequence is a `MapSet`.
    Set,
}

impl Form {
    /// The form that a newtype announces, if that is what it does.
    pub(crate) fn announced(name: &str) -> Option<Self> {
        Some(match name {
            UNDEFINED => Self::Undefined,
            KEYWORD => Self::Keyword,
            ATOM_KEYS => Self::AtomKeys,
            CHARLIST => Self::Charlist,
            MAPSET => Self::Set,
            _ => return None,
        })
    }
}

/// What is handed over: the thing itself, so that a pid costs no allocation.
#[derive(Clone)]
pub(crate) enum Handed {
    Term(Term),
    Atom(Atom),
    Pid(Pid),
    Reference(Reference),
    Port(Port),
    Binary(Binary),
}

thread_local! {
    static HANDED: Cell<Option<Handed>> = const { Cell::new(None) };
}

#[inline]
pub(crate) fn put(handed: Handed) {
    // In the last moments of a thread nothing is handed over: what is read then says so.
    let _ = HANDED.try_with(|slot| slot.set(Some(handed)));
}

#[inline]
pub(crate) fn take() -> Option<Handed> {
    HANDED.try_with(Cell::take).ok().flatten()
}
