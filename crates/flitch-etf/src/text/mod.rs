//! Terms as people write them.

use std::fmt;

use crate::Term;

impl fmt::Debug for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())
    }
}

/// The Elixir form of a term, on one line.
#[must_use]
pub fn elixir(term: &Term) -> impl fmt::Display + '_ {
    term.kind()
}
