//! The rows of the table, a file for each group of them.

pub(crate) mod command_line;
pub(crate) mod discovery;
pub(crate) mod idle;
pub(crate) mod link;
pub(crate) mod many;

/// How much is measured.
#[derive(Clone, Copy)]
pub(crate) struct Effort {
    /// Every peer in each of them, in turn.
    pub(crate) rounds: usize,
    /// How many times as much is done in a round as in the quickest run.
    pub(crate) work: usize,
}
