//! How a [`Term`] passes through serde unharmed.
//!
//! serde's data model has no atoms, pids or tuples-that-are-not-lists, so a term inside a typed
//! value is announced by a reserved newtype name and handed over beside serde, within one call on
//! one thread. Other formats see a newtype around the term's nearest form in their own model.

use std::cell::Cell;

use crate::Term;

/// The newtype name that announces a term.
pub(crate) const NAME: &str = "\0flitch_etf::Term";

thread_local! {
    static HANDED: Cell<Option<Term>> = const { Cell::new(None) };
}

pub(crate) fn put(term: Term) {
    HANDED.set(Some(term));
}

pub(crate) fn take() -> Option<Term> {
    HANDED.take()
}

/// The term that was announced, if `name` is the announcement.
pub(crate) fn take_if(name: &str) -> Option<Term> {
    (name == NAME).then(take).flatten()
}
