//! What `:observer` and `etop` of another node ask ours: `observer_backend` of runtime_tools.

use std::sync::Arc;
use std::time::Duration;

use flitch_dist::Control;
use flitch_etf::{Pid, Term, write_term};
use futures_util::FutureExt;

use super::{Builtin, Tell, away, system_info};
use crate::functions::Raise;
use crate::node::Node;
use crate::process::{Entry, Process};
use crate::send::Taken;

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

/// `fetch_stats/2` tells no more often than that.
const FASTEST: Duration = Duration::from_millis(100);

pub(super) fn find(function: &str, arity: u8) -> Option<Builtin> {
    let found: Tell = match (function, arity) {
        ("vsn", 0) => |_, _| {
            let version = system_info::text(env!("CARGO_PKG_VERSION"));
            Ok(Term::from((Term::atom("ok"), version)))
        },
        ("sys_info", 0) => |process, _| Ok(sys_info(&process.node)),
        ("procs_info", 1) => {
            return Some(Builtin::Report(|process, to| procs_info(process, to).boxed()));
        }
        ("etop_collect", 1) => {
            return Some(Builtin::Report(|process, to| etop_collect(process, to).boxed()));
        }
        ("fetch_stats", 2) => {
            return Some(Builtin::Report(|process, to| fetch_stats(process, to).boxed()));
        }
        ("get_port_list" | "get_socket_list", 0) | ("get_table_list", 2) => {
            |_, _| Ok(Term::empty_list())
        }
        _ => return None,
    };
    Some(Builtin::Tell(found))
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

async fn procs_info(process: Process, arguments: Vec<Term>) -> Result<Term, Raise> {
    let to = collector(&arguments)?;
    let _walk = process.node.function_table().builtins().walk(&process.node, &to.node).await;
    let mut others = others(&process).await;
    loop {
        // The last page is the one that is not full: an empty one, if need be.
        let page = others.split_off(others.len().saturating_sub(PAGE));
        let us = Term::from(process.pid().clone());
        let infos: Vec<_> = page.iter().map(|entry| proc_info(entry)).collect();
        let message = Term::from((Term::atom("procs_info"), us, infos));
        let sent = tell(&process, to, encoded(&message)).await;
        if !sent || page.len() < PAGE {
            return Ok(Term::atom("ok"));
        }
    }
}

async fn etop_collect(process: Process, arguments: Vec<Term>) -> Result<Term, Raise> {
    let to = collector(&arguments)?;
    let _walk = process.node.function_table().builtins().walk(&process.node, &to.node).await;
    let others = others(&process).await;
    let us = process.pid().clone();
    let message = away(move || encoded(&Term::from((us, etop_info(&others))))).await;
    tell(&process, to, message.flatten()).await;
    Ok(Term::atom("ok"))
}

/// Tells of the node again and again, until any message comes, or nobody hears it any more.
async fn fetch_stats(mut process: Process, arguments: Vec<Term>) -> Result<Term, Raise> {
    let to = collector(&arguments)?;
    let period = arguments.get(1).and_then(|time| u64::try_from(time).ok());
    let period = Duration::from_millis(period.ok_or_else(Raise::badarg)?).max(FASTEST);
    process.trap_exit(true);
    if !is_near(&process.node, to) {
        return Ok(Term::atom("ok"));
    }
    // Else it would go on for ever, if who asked has not linked to it.
    let _ = process.monitor(to.clone());
    loop {
        tokio::select! {
            biased;
            _ = process.next() => return Ok(Term::atom("ok")),
            () = tokio::time::sleep(period) => {}
        }
        let stats = Term::from((
            Term::atom("stats"),
            1,
            system_info::scheduler_wall_time(&process.node),
            system_info::io(&process.node),
            system_info::memory(),
        ));
        if !tell(&process, to, encoded(&stats)).await {
            return Ok(Term::atom("ok"));
        }
    }
}

fn collector(arguments: &[Term]) -> Result<&Pid, Raise> {
    arguments.first().and_then(Term::as_pid).ok_or_else(Raise::badarg)
}

/// All processes but the one that asks.
async fn others(process: &Process) -> Vec<Arc<Entry>> {
    let (node, us) = (process.node.clone(), process.pid().clone());
    let others = move || {
        let mut all = node.processes().all();
        all.retain(|entry| entry.pid != us);
        all
    };
    away(others).await.unwrap_or_default()
}

/// None of what has no form on the wire: more processes than a list may have, say.
fn encoded(message: &Term) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    write_term(&mut bytes, message).ok().map(|()| bytes)
}

/// Whether a process is here or on a node that is connected. Who asks names whom to tell: no node
/// is dialled for that.
fn is_near(node: &Node, pid: &Pid) -> bool {
    pid.node == node.identity().atom || node.peers().link(&pid.node).is_some()
}

/// Sends a message as soon as there is room for it. Says whether there was a way.
async fn tell(process: &Process, to: &Pid, message: Option<Vec<u8>>) -> bool {
    let Some(message) = message else { return false };
    let node = &process.node;
    let control = Control::Send { from: Some(process.pid().clone()), to: to.clone() };
    if to.node == node.identity().atom {
        node.send_here(&control, &message);
        return true;
    }
    let Some(link) = node.peers().link(&to.node) else { return false };
    matches!(node.push_when_room(&link, &control, &message).await, Ok(Taken::Yes))
}

/// `#etop_proc_info{pid, mem, reds, name, runtime, cf, mq}`.
fn proc_info(entry: &Entry) -> Term {
    let facts = entry.facts();
    let runs = super::process::what_runs(&facts);
    let name = facts.name.map_or_else(|| runs.clone(), Term::from);
    let record = Term::atom("etop_proc_info");
    let pid = Term::from(entry.pid.clone());
    Term::from((record, pid, facts.memory, 0, name, 0, runs, facts.message_queue_len))
}

/// `#etop_info{now, n_procs, wall_clock, runtime, run_queue, alloc_areas, memi, procinfo}`.
fn etop_info(entries: &[Arc<Entry>]) -> Term {
    let total = system_info::resident();
    let memory = ["total", "processes", "ets", "atom", "code", "binary"];
    let memory: Vec<_> =
        memory.iter().map(|name| pair(name, system_info::part(name, total))).collect();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.unwrap_or_default();
    let seconds = now.as_secs();
    let infos: Vec<_> = entries.iter().map(|entry| proc_info(entry)).collect();
    let undefined = || Term::atom("undefined");
    Term::tuple(vec![
        Term::atom("etop_info"),
        Term::from((seconds / 1_000_000, seconds % 1_000_000, now.subsec_micros())),
        infos.len().into(),
        undefined(),
        undefined(),
        0.into(),
        Term::empty_list(),
        memory.into(),
        infos.into(),
    ])
}
