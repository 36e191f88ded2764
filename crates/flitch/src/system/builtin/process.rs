//! What is told of processes: `process_info/1,2` and what goes with it.
//!
//! Source: the reference manual of `erlang`, `process_info/2`.

use flitch_dist::Target;
use flitch_etf::{Atom, Pid, Term};

use super::Tell;
use crate::functions::Raise;
use crate::node::Node;
use crate::process::{Entry, Facts, Process};

/// What `process_info/1` tells.
const USUAL: [&str; 16] = [
    "current_function",
    "initial_call",
    "status",
    "message_queue_len",
    "links",
    "dictionary",
    "trap_exit",
    "error_handler",
    "priority",
    "group_leader",
    "total_heap_size",
    "heap_size",
    "stack_size",
    "reductions",
    "garbage_collection",
    "suspending",
];

pub(super) fn find(function: &str, arity: u8) -> Option<Tell> {
    let found: Tell = match (function, arity) {
        ("translate_initial_call" | "initial_call", 1) => |process, arguments| {
            let found = arguments.first().and_then(Term::as_pid);
            let entry = found.and_then(|pid| process.node.processes().by_pid(pid));
            Ok(entry.map_or(Term::from(false), |entry| what_runs(&entry.facts())))
        },
        _ => return None,
    };
    Some(found)
}

pub(super) fn all(node: &Node) -> Term {
    let pids = node.processes().all();
    Term::from(pids.iter().map(|entry| Term::from(entry.pid.clone())).collect::<Vec<_>>())
}

pub(super) fn registered(node: &Node) -> Term {
    let names = node.processes().names();
    Term::from(names.into_iter().map(Term::from).collect::<Vec<_>>())
}

pub(super) fn is_alive(process: &Process, arguments: &[Term]) -> Result<Term, Raise> {
    let pid = ours(process, arguments.first())?;
    Ok(process.node.processes().by_pid(pid).is_some().into())
}

pub(super) fn info_all(process: &Process, arguments: &[Term]) -> Result<Term, Raise> {
    let pid = ours(process, arguments.first())?;
    let Some(entry) = process.node.processes().by_pid(pid) else {
        return Ok(Term::atom("undefined"));
    };
    let facts = entry.facts();
    let name = facts.name.as_ref().map(|name| pair("registered_name", name.into()));
    let usual = USUAL.iter().filter_map(|item| {
        Some(Term::from((Atom::from_static(item), value(&process.node, &entry, &facts, item)?)))
    });
    Ok(name.into_iter().chain(usual).collect::<Vec<_>>().into())
}

pub(super) fn info(process: &Process, arguments: &[Term]) -> Result<Term, Raise> {
    let pid = ours(process, arguments.first())?;
    let Some(entry) = process.node.processes().by_pid(pid) else {
        return Ok(Term::atom("undefined"));
    };
    let facts = entry.facts();
    let told = |item: &Term| {
        let name = item.as_atom().ok_or_else(Raise::badarg)?;
        let told = value(&process.node, &entry, &facts, name.as_str());
        Ok(Term::from((item, told.ok_or_else(Raise::badarg)?)))
    };
    match arguments.get(1) {
        // Alone, a process without a name has no pair of it either.
        Some(item) if item.is_atom("registered_name") && facts.name.is_none() => {
            Ok(Term::empty_list())
        }
        Some(item @ Term::Atom(_)) => told(item),
        Some(items) => {
            let items = items.as_list().ok_or_else(Raise::badarg)?;
            Ok(items.iter().map(told).collect::<Result<Vec<_>, Raise>>()?.into())
        }
        None => Err(Raise::badarg()),
    }
}

fn ours<'a>(process: &Process, pid: Option<&'a Term>) -> Result<&'a Pid, Raise> {
    let pid = pid.and_then(Term::as_pid).ok_or_else(Raise::badarg)?;
    if pid.node == process.node.identity().atom { Ok(pid) } else { Err(Raise::badarg()) }
}

fn pair(name: &'static str, value: Term) -> Term {
    Term::from((Term::atom(name), value))
}

/// One item of `process_info/2`. What a process here does not have is told as the least that a
/// process of a BEAM may have.
fn value(node: &Node, entry: &Entry, facts: &Facts, item: &str) -> Option<Term> {
    let pids = |pids: &[Pid]| Term::from(pids.iter().cloned().map(Term::from).collect::<Vec<_>>());
    Some(match item {
        "registered_name" => facts.name.as_ref().map_or_else(Term::empty_list, Term::from),
        "links" => pids(&entry.links()),
        "monitored_by" => pids(&entry.monitored_by()),
        "monitors" => entry.monitors().iter().map(monitor).collect::<Vec<_>>().into(),
        "message_queue_len" => facts.message_queue_len.into(),
        "memory" => facts.memory.into(),
        "trap_exit" => entry.traps_exits().into(),
        "initial_call" | "current_function" => what_runs(facts),
        "label" => facts.label.into(),
        "dictionary" => vec![pair("$initial_call", what_runs(facts))].into(),
        "status" => Term::atom("waiting"),
        "priority" => Term::atom("normal"),
        "error_handler" => Term::atom("error_handler"),
        "group_leader" => node.calls().caller().clone().into(),
        "parent" => Term::atom("undefined"),
        "message_queue_data" => Term::atom("off_heap"),
        "total_heap_size" | "heap_size" => (facts.memory / 8).into(),
        "reductions" | "stack_size" | "min_heap_size" | "min_bin_vheap_size" | "catchlevel" => {
            0.into()
        }
        "current_stacktrace"
        | "messages"
        | "suspending"
        | "binary"
        | "garbage_collection"
        | "garbage_collection_info"
        | "trace"
        | "sequential_trace_token"
        | "backtrace" => Term::empty_list(),
        "current_location" => {
            let (module, function, arity) = names(facts);
            Term::from((module, function, arity, Term::empty_list()))
        }
        _ => {
            tracing::debug!(process = %entry.pid, item, "nobody tells this of a process here");
            return None;
        }
    })
}

fn monitor((target, node): &(Target, Atom)) -> Term {
    let whom = match target {
        Target::Pid(pid) => pid.clone().into(),
        Target::Name(name) => Term::from((name, node)),
    };
    pair("process", whom)
}

/// What runs in a process, in the shape of a function: `{flitch, 'shop::Orders', 0}`.
pub(super) fn what_runs(facts: &Facts) -> Term {
    Term::from(names(facts))
}

fn names(facts: &Facts) -> (Term, Term, u8) {
    let label = Atom::new(facts.label).unwrap_or(Atom::from_static("process"));
    (Term::atom("flitch"), label.into(), 0)
}
