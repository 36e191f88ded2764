//! What the machine asks for, and the messages in it. All are as `global.erl` of kernel has them.

use flitch_etf::{Atom, Pid, Term};

use super::machine::MOST_NODES;
use super::tables::{LockId, Watch};
use crate::caller::From;

/// What has to be done.
#[derive(Debug)]
pub(super) enum Output {
    /// A message to `global_name_server` of a node, if that is connected.
    Send(Atom, Term),
    /// A call of it. The answer, or that there will be none, goes to `handle_answer`.
    Call(Atom, u64, Term),
    /// An answer to who has called us.
    Reply(From, Term),
    /// A process is to be watched, or no longer.
    Watch(Watch),
    /// A connection that somebody else has is to be ours too. `handle_connected` is told.
    Connect(Atom),
    /// A connection is to go.
    Disconnect(Atom),
    /// Somebody has to decide whose the names are. `handle_verdicts` is told.
    Resolve(Atom, i64, Vec<Conflict>),
    /// A name belongs to a process now, or to nobody.
    Named(Term, Option<Pid>),
    /// A request of our own program is done.
    Done(u64, Result<(), Refusal>),
}

/// Why a name is not registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Another process has it.
    Taken,
    /// The process has another name.
    Named,
}

/// One name, and two processes that it cannot both belong to.
#[derive(Clone, Debug)]
pub(super) struct Conflict {
    pub(super) name: Term,
    pub(super) theirs: (Pid, Term),
    pub(super) ours: (Pid, Term),
}

/// What the one who decides says.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Verdict {
    /// It belongs to this one, if that is one of the two.
    Process(Pid),
    /// To none.
    Nobody,
    /// Nobody could be asked.
    Unknown,
}

/// A change of names that a whole partition is told of.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Op {
    Insert(Term, Pid, Term),
    Delete(Term),
}

impl Op {
    pub(super) fn term(&self) -> Term {
        match self {
            Self::Insert(name, pid, method) => {
                let entry = (name.clone(), Term::from(pid.clone()), method.clone());
                Term::from((Term::atom("insert"), entry))
            }
            Self::Delete(name) => Term::from((Term::atom("delete"), name.clone())),
        }
    }

    pub(super) fn read(term: &Term) -> Option<Self> {
        match term.as_tuple()? {
            [tag, entry] if tag.is_atom("insert") => {
                let (name, pid, method) = read_name(entry)?;
                Some(Self::Insert(name, pid, method))
            }
            [tag, name] if tag.is_atom("delete") => Some(Self::Delete(name.clone())),
            _ => None,
        }
    }
}

/// `{Name, Pid, Method}`.
pub(super) fn read_name(term: &Term) -> Option<(Term, Pid, Term)> {
    let [name, pid, method] = term.as_tuple()? else { return None };
    Some((name.clone(), pid.as_pid()?.clone(), method.clone()))
}

pub(super) fn read_ops(term: &Term) -> Option<Vec<Op>> {
    term.as_list().map(|ops| ops.iter().filter_map(Op::read).collect())
}

pub(super) fn ops_term(ops: &[Op]) -> Term {
    ops.iter().map(Op::term).collect()
}

/// Nodes, with the version of the protocol since version 7: `[Node]` or `[{Node, Vsn}]`.
pub(super) fn read_nodes(term: &Term) -> Option<Vec<(Atom, i64)>> {
    let read = |node: &Term| match (node.as_atom(), node.as_tuple()) {
        (Some(node), _) => Some((node.clone(), 0)),
        (_, Some([node, vsn])) => Some((node.as_atom()?.clone(), vsn.as_integer()?)),
        _ => None,
    };
    // Each may be dialled for it.
    term.as_list().map(|nodes| nodes.iter().take(MOST_NODES).filter_map(read).collect())
}

pub(super) fn nodes_term(nodes: &[(Atom, i64)], vsn: i64) -> Term {
    let write = |(node, its): &(Atom, i64)| match vsn < super::machine::VERSIONED_NODES {
        true => Term::from(node.clone()),
        false => Term::from((node.clone(), *its)),
    };
    nodes.iter().map(write).collect()
}

pub(super) fn cast(message: Term) -> Term {
    Term::from((Term::atom("$gen_cast"), message))
}

pub(super) fn set_lock(id: &LockId) -> Term {
    Term::from((Term::atom("set_lock"), id.term()))
}

pub(super) fn del_lock(id: &LockId) -> Term {
    Term::from((Term::atom("del_lock"), id.term()))
}
