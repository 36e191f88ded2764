//! The elements of a container, and how they are let go on a small stack however deep they are.

use std::cell::Cell;
use std::sync::Arc;

use triomphe::ThinArc;

use super::{ImproperList, Map, Record, Term, Tuple};

/// Terms side by side in one allocation, shared between clones; nothing is allocated for none.
/// Every container holds its children in one of these, so that one `Drop` guards the stack
/// against a term of any depth.
#[derive(Clone, Default)]
pub(crate) struct Seq(Option<ThinArc<(), Term>>);

impl Seq {
    pub(crate) fn as_slice(&self) -> &[Term] {
        self.0.as_ref().map_or(&[], |terms| &terms.slice)
    }

    /// The terms that `terms` gives, written straight to where they stay.
    pub(crate) fn of(terms: impl ExactSizeIterator<Item = Term>) -> Self {
        if terms.len() == 0 {
            return Self(None);
        }
        Self(Some(ThinArc::from_header_and_iter((), terms)))
    }

    /// Whether both are the same elements in memory.
    pub(crate) fn is(&self, other: &Self) -> bool {
        std::ptr::eq(self.as_slice(), other.as_slice())
    }
}

impl PartialEq for Seq {
    fn eq(&self, other: &Self) -> bool {
        self.is(other) || self.as_slice() == other.as_slice()
    }
}

impl Eq for Seq {}

impl FromIterator<Term> for Seq {
    fn from_iter<I: IntoIterator<Item = Term>>(terms: I) -> Self {
        Self::from(terms.into_iter().collect::<Vec<_>>())
    }
}

impl From<Vec<Term>> for Seq {
    fn from(terms: Vec<Term>) -> Self {
        Self::of(terms.into_iter())
    }
}

/// Levels that are let go one inside the other, as Rust does it; what lies deeper is unfolded.
const RECURSED: u32 = 24;

thread_local! {
    static LEVEL: Cell<u32> = const { Cell::new(0) };
}

impl Drop for Seq {
    fn drop(&mut self) {
        let Some(terms) = self.0.take() else { return };
        let level = LEVEL.get();
        if level < RECURSED {
            LEVEL.set(level + 1);
            drop(terms);
            LEVEL.set(level);
            return;
        }
        let mut pending = vec![terms];
        while let Some(mut terms) = pending.pop() {
            // What nobody else holds is emptied first, so that its end leads to no other.
            terms.with_arc_mut(|terms| {
                let Some(terms) = triomphe::Arc::get_mut(terms) else { return };
                for term in terms.slice_mut() {
                    take_nested(term, &mut pending);
                }
            });
        }
    }
}

fn take_nested(term: &mut Term, pending: &mut Vec<ThinArc<(), Term>>) {
    let mut take = |seq: &mut Seq| pending.extend(seq.0.take());
    match term {
        Term::Tuple(Tuple(seq)) | Term::ImproperList(ImproperList(seq)) => take(seq),
        Term::List(list) => list.seq_mut().into_iter().for_each(take),
        Term::Map(Map { keys, values }) => {
            take(keys);
            take(values);
        }
        Term::Record(Record { values, .. }) => take(values),
        Term::Fun(fun) => {
            if let Some(fun) = Arc::get_mut(fun) {
                take(&mut fun.free);
            }
        }
        _ => {}
    }
}
