//! What is told of the node as a whole: `system_info/1`, `memory/0,1`, `statistics/1`.
//!
//! What only a BEAM has is told as nothing of it: no ports, tables, schedulers' queues or
//! allocators. An item that is not known is `badarg`, as on a release that does not know it.

use std::sync::atomic::Ordering;

use flitch_etf::Term;

use crate::functions::Raise;
use crate::node::Node;
use crate::process::Process;

/// As many pids as the format has, [`Pid`](flitch_etf::Pid), and no more than a BEAM may have.
const PROCESS_LIMIT: u64 = 1 << 27;

pub(super) fn system_info(process: &Process, arguments: &[Term]) -> Result<Term, Raise> {
    let [item] = arguments else { return Err(Raise::badarg()) };
    if let Some([tag, which]) = item.as_tuple() {
        return match tag.as_atom().map(flitch_etf::Atom::as_str) {
            Some("wordsize") => Ok(size_of::<usize>().into()),
            Some("allocator_sizes" | "allocator") => {
                let allocators = which.as_list().unwrap_or_default();
                let none = |name: &Term| Term::from((name, Term::empty_list()));
                Ok(allocators.iter().map(none).collect::<Vec<_>>().into())
            }
            _ => Err(Raise::badarg()),
        };
    }
    let item = item.as_atom().ok_or_else(Raise::badarg)?;
    named(&process.node, item.as_str()).ok_or_else(Raise::badarg)
}

pub(super) fn named(node: &Node, item: &str) -> Option<Term> {
    let threads = || std::thread::available_parallelism().map_or(1, usize::from);
    Some(match item {
        "process_count" => node.processes().len().into(),
        "port_count"
        | "atom_count"
        | "ets_count"
        | "thread_pool_size"
        | "dirty_io_schedulers"
        | "dirty_cpu_schedulers"
        | "dirty_cpu_schedulers_online" => 0.into(),
        "process_limit" | "port_limit" | "atom_limit" | "ets_limit" => PROCESS_LIMIT.into(),
        "schedulers"
        | "schedulers_online"
        | "logical_processors"
        | "logical_processors_online"
        | "logical_processors_available" => threads().into(),
        "multi_scheduling" => Term::atom("enabled"),
        "kernel_poll" | "smp_support" | "threads" | "time_correction" => true.into(),
        "wordsize" => size_of::<usize>().into(),
        "alloc_util_allocators" => Term::empty_list(),
        "dist_buf_busy_limit" => node.settings().link_limit.into(),
        "creation" => Term::from(node.identity().new_pid().creation),
        // No release of OTP. It is a number where others take it for one.
        "otp_release" => text("0"),
        "version" => text(env!("CARGO_PKG_VERSION")),
        "system_version" => text(concat!("flitch ", env!("CARGO_PKG_VERSION"), " (no BEAM)\n")),
        "system_architecture" => {
            text(&format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS))
        }
        "machine" => text("flitch"),
        _ => return None,
    })
}

pub(super) fn memory() -> Term {
    let total = resident();
    let parts = MEMORY.iter().map(|item| Term::from((Term::atom(item), part(item, total))));
    Term::from(parts.collect::<Vec<_>>())
}

const MEMORY: [&str; 9] = [
    "total",
    "processes",
    "processes_used",
    "system",
    "atom",
    "atom_used",
    "binary",
    "code",
    "ets",
];

pub(super) fn memory_of(_: &Process, arguments: &[Term]) -> Result<Term, Raise> {
    let total = resident();
    let one = |item: &Term| {
        let item = item.as_atom().filter(|item| MEMORY.contains(&item.as_str()));
        item.map(|item| part(item.as_str(), total)).ok_or_else(Raise::badarg)
    };
    match arguments {
        [item @ Term::Atom(_)] => Ok(one(item)?.into()),
        [items] => {
            let items = items.as_list().ok_or_else(Raise::badarg)?;
            let told = items.iter().map(|item| Ok(Term::from((item, one(item)?))));
            Ok(told.collect::<Result<Vec<_>, Raise>>()?.into())
        }
        _ => Err(Raise::badarg()),
    }
}

/// All is the program's: what processes, atoms and binaries take of it nobody counts.
pub(super) fn part(item: &str, total: u64) -> u64 {
    if matches!(item, "total" | "system") { total } else { 0 }
}

/// Bytes that the program has in memory. 0 where the system does not tell.
pub(super) fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0).saturating_mul(1024)
}

pub(super) fn statistics(process: &Process, arguments: &[Term]) -> Result<Term, Raise> {
    let [Term::Atom(item)] = arguments else { return Err(Raise::badarg()) };
    let zeros = || Term::from((0, 0));
    Ok(match item.as_str() {
        "wall_clock" => {
            let uptime = process.node.info().uptime.as_millis();
            Term::from((u64::try_from(uptime).unwrap_or(u64::MAX), 0))
        }
        "runtime" | "reductions" | "exact_reductions" | "context_switches" => zeros(),
        "garbage_collection" => Term::from((0, 0, 0)),
        "io" => io(&process.node),
        "run_queue"
        | "total_run_queue_lengths"
        | "total_run_queue_lengths_all"
        | "total_active_tasks"
        | "total_active_tasks_all" => 0.into(),
        "run_queue_lengths" | "run_queue_lengths_all" | "active_tasks" | "active_tasks_all" => {
            Term::empty_list()
        }
        "scheduler_wall_time" | "scheduler_wall_time_all" => Term::atom("undefined"),
        _ => return Err(Raise::badarg()),
    })
}

/// `{Scheduler, Active, Total}` of each. The program's threads are the system's to schedule: what
/// they have worked is shared out evenly.
pub(super) fn scheduler_wall_time(node: &Node) -> Term {
    let cpu = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let seconds = u64::try_from(cpu.tv_sec).unwrap_or_default();
    let worked = seconds * 1_000_000 + u64::try_from(cpu.tv_nsec).unwrap_or_default() / 1000;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let total = u64::try_from(node.info().uptime.as_micros()).unwrap_or(u64::MAX);
    let each = worked / threads as u64;
    Term::from((1..=threads).map(|number| Term::from((number, each, total))).collect::<Vec<_>>())
}

/// The bytes that went over links.
pub(super) fn io(node: &Node) -> Term {
    let counters = &node.stats().counters;
    let [input, output] =
        [&counters.bytes_in, &counters.bytes_out].map(|it| it.load(Ordering::Relaxed));
    Term::from(((Term::atom("input"), input), (Term::atom("output"), output)))
}

/// A string of Erlang's.
pub(super) fn text(text: &str) -> Term {
    Term::from(text.chars().map(u32::from).collect::<Vec<_>>())
}
