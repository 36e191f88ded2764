//! What `:observer` and `etop` of another node ask ours: `observer_backend` of runtime_tools.

use flitch_dist::Control;
use flitch_etf::{Atom, Pid, Term};

use super::{Builtin, system_info};
use crate::functions::Raise;
use crate::node::Node;
use crate::process::{Entry, Process};

/// What `sys_info/0` tells beside memory, of what `erlang:system_info` knows.
const SYS_INFO: [&str; 24] = [
    "logical_processors",
    "logical_processors_online",
    "logical_processors_available",
    "schedulers",
    "schedulers_online",
    "otp_release",
    "version",
    "system_architecture",
    "kernel_poll",
    "smp_support",
    "threads",
    "thread_pool_size",
    "atom_limit",
    "atom_count",
    "process_limit",
    "process_count",
    "port_limit",
    "port_count",
    "ets_limit",
    "ets_count",
    "dist_buf_busy_limit",
    "multi_scheduling",
    "machine",
    "creation",
];

/// How many processes `procs_info/1` puts into a message.
const PAGE: usize = 10_000;

pub(super) fn find(function: &str, arity: u8) -> Option<Builtin> {
    let found: Builtin = match (function, arity) {
        ("vsn", 0) => |_, _| {
            let version = system_info::text(env!("CARGO_PKG_VERSION"));
            Ok(Term::from((Term::atom("ok"), version)))
        },
        ("sys_info", 0) => |process, _| Ok(sys_info(&process.node)),
        ("procs_info", 1) => procs_info,
        ("etop_collect", 1) => etop_collect,
        ("get_port_list" | "get_socket_list", 0) | ("get_table_list", 2) => {
            |_, _| Ok(Term::empty_list())
        }
        _ => return None,
    };
    Some(found)
}

fn pair(name: &'static str, value: impl Into<Term>) -> Term {
    Term::from((Term::atom(name), value.into()))
}

fn sys_info(node: &Node) -> Term {
    let uptime = u64::try_from(node.info().uptime.as_millis()).unwrap_or(u64::MAX);
    let schedulers = system_info::named(node, "schedulers").unwrap_or_default();
    let mut told = vec![
        pair("uptime", uptime),
        pair("run_queue", 0),
        pair("io_input", 0),
        pair("io_output", 0),
        pair("schedulers_available", schedulers),
        pair("wordsize_internal", size_of::<usize>()),
        pair("wordsize_external", size_of::<usize>()),
        pair("alloc_info", Term::empty_list()),
    ];
    let named = |name: &&'static str| Some(pair(name, system_info::named(node, name)?));
    told.extend(SYS_INFO.iter().filter_map(named));
    told.extend_from_slice(system_info::memory().as_list().unwrap_or_default());
    told.into()
}

fn collector(arguments: &[Term]) -> Result<&Pid, Raise> {
    arguments.first().and_then(Term::as_pid).ok_or_else(Raise::badarg)
}

fn tell(process: &Process, to: &Pid, message: &Term) {
    let control = Control::Send { from: Some(process.entry.pid.clone()), to: to.clone() };
    let at: Atom = to.node.clone();
    process.node.signal(&at, &control, message);
}

/// `#etop_proc_info{pid, mem, reds, name, runtime, cf, mq}` of all but the one that asks.
fn proc_infos(process: &Process) -> Vec<Term> {
    let others = process.node.processes().all();
    let others = others.iter().filter(|entry| entry.pid != process.entry.pid);
    others.map(|entry| proc_info(entry)).collect()
}

fn proc_info(entry: &Entry) -> Term {
    let facts = entry.facts();
    let runs = super::process::what_runs(&facts);
    let name = facts.name.map_or_else(|| runs.clone(), Term::from);
    let record = Term::atom("etop_proc_info");
    let pid = Term::from(entry.pid.clone());
    Term::from((record, pid, facts.memory, 0, name, 0, runs, facts.message_queue_len))
}

fn procs_info(process: &Process, arguments: &[Term]) -> Result<Term, Raise> {
    let to = collector(arguments)?;
    let us = Term::from(process.entry.pid.clone());
    let all = proc_infos(process);
    // The last page is the one that is not full: an empty one, if need be.
    let full = all.len() / PAGE * PAGE;
    let (pages, rest) = all.split_at_checked(full).unwrap_or((&all, &[]));
    for page in pages.chunks(PAGE).chain([rest]) {
        let page = Term::from((Term::atom("procs_info"), us.clone(), page.to_vec()));
        tell(process, to, &page);
    }
    Ok(Term::atom("ok"))
}

fn etop_collect(process: &Process, arguments: &[Term]) -> Result<Term, Raise> {
    let to = collector(arguments)?;
    let total = system_info::resident();
    let memory = ["total", "processes", "ets", "atom", "code", "binary"];
    let memory: Vec<_> =
        memory.iter().map(|name| pair(name, system_info::part(name, total))).collect();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.unwrap_or_default();
    let seconds = now.as_secs();
    let infos = proc_infos(process);
    let undefined = || Term::atom("undefined");
    let info = Term::from(vec![
        Term::atom("etop_info"),
        Term::from((seconds / 1_000_000, seconds % 1_000_000, now.subsec_micros())),
        infos.len().into(),
        undefined(),
        undefined(),
        0.into(),
        Term::empty_list(),
        memory.into(),
        infos.into(),
    ]);
    let record = Term::tuple(info.as_list().unwrap_or_default().to_vec());
    tell(process, to, &Term::from((process.entry.pid.clone(), record)));
    Ok(Term::atom("ok"))
}
