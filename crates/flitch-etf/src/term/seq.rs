//! The elements of a container, and how they are let go without recursion.

use std::sync::Arc;

use super::Term;

/// Terms side by side, shared between clones. Every container holds its children in one of these,
/// so that one `Drop` guards the stack against a term of any depth.
#[derive(Clone, Default)]
pub(crate) struct Seq(Option<Arc<[Term]>>);

impl Seq {
    pub(crate) fn as_slice(&self) -> &[Term] {
        self.0.as_deref().unwrap_or_default()
    }

    /// The elements, if nobody else holds them.
    fn get_mut(&mut self) -> Option<&mut [Term]> {
        self.0.as_mut().and_then(Arc::get_mut)
    }
}

impl FromIterator<Term> for Seq {
    fn from_iter<I: IntoIterator<Item = Term>>(terms: I) -> Self {
        let mut terms = terms.into_iter().peekable();
        match terms.peek() {
            None => Self(None),
            Some(_) => Self(Some(terms.collect())),
        }
    }
}

impl From<Vec<Term>> for Seq {
    fn from(terms: Vec<Term>) -> Self {
        if terms.is_empty() { Self(None) } else { Self(Some(terms.into())) }
    }
}

impl Seq {
    /// The elements from `start` on, moved out of `stack` in one allocation.
    pub(crate) fn drain_from(stack: &mut Vec<Term>, start: usize) -> Self {
        if start >= stack.len() {
            return Self(None);
        }
        Self(Some(stack.drain(start..).collect()))
    }
}

impl Drop for Seq {
    fn drop(&mut self) {
        let mut pending = Vec::new();
        take_nested(self, &mut pending);
        // Each sequence is emptied of its nested ones before it goes, so none of the drops below
        // leads to another.
        while let Some(mut nested) = pending.pop() {
            take_nested(&mut nested, &mut pending);
        }
    }
}

fn take_nested(seq: &mut Seq, pending: &mut Vec<Seq>) {
    for term in seq.get_mut().unwrap_or_default() {
        if let Some(children) = term.take_children() {
            pending.push(children);
        }
    }
}
