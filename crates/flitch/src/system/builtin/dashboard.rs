//! What Phoenix LiveDashboard asks of a node: it calls a module of its own there, which it loads
//! where it is missing. Nothing is loaded here; ours says that it is there, and answers.
//!
//! Source: `Phoenix.LiveDashboard.SystemInfo` of phoenix_live_dashboard.

use flitch_etf::{Atom, List, Map, Term};

use super::{Builtin, Tell, process, system_info};
use crate::functions::Raise;
use crate::process::{Entry, Process};

pub(super) const MODULE: &str = "Elixir.Phoenix.LiveDashboard.SystemInfo";

pub(super) fn find(function: &str, arity: u8) -> Option<Builtin> {
    match (function, arity) {
        ("processes_callback", 5) => return Some(Builtin::Walk(processes)),
        // It tells of each that the process is bound to.
        ("process_info_callback", 1) => return Some(Builtin::Walk(process_info)),
        _ => {}
    }
    let found: Tell = match (function, arity) {
        ("capabilities_callback", 1) => capabilities,
        ("info_callback", 2) => info,
        ("usage_callback", 0) => |process, _| Ok(usage(process)),
        (
            "ports_callback" | "ets_callback" | "sockets_callback" | "applications_info_callback",
            4,
        ) => |_, _| Ok(Term::from((Term::empty_list(), 0))),
        ("port_info_callback" | "ets_info_callback" | "socket_info_callback", 1)
        | ("app_tree_callback", 1) => |_, _| Ok(Term::atom("error")),
        ("memory_allocators_callback", 1) => |_, _| Ok(allocators()),
        _ => return None,
    };
    Some(Builtin::Tell(found))
}

fn map<const N: usize>(fields: [(&'static str, Term); N]) -> Term {
    Map::from(fields.map(|(name, value)| (Atom::from_static(name), value))).into()
}

/// The applications, modules and processes of those asked for that are here. It says that a
/// dashboard runs here, so that it does not load its own module in the place of this one.
fn capabilities(process: &Process, arguments: &[Term]) -> Result<Term, Raise> {
    let asked = arguments.first().and_then(Term::as_list).unwrap_or_default();
    let of = |kind: &str, is_here: &dyn Fn(&Atom) -> bool| -> Term {
        let named = asked.iter().filter_map(|asked| match asked.as_tuple() {
            Some([tag, Term::Atom(name)]) if tag.is_atom(kind) && is_here(name) => {
                Some(Term::from(name))
            }
            _ => None,
        });
        named.collect::<Vec<_>>().into()
    };
    Ok(map([
        ("system_info", Term::atom("nil")),
        ("dashboard_running?", true.into()),
        ("applications", Term::empty_list()),
        ("modules", of("module", &|name| super::is_loaded(process, name.as_str()))),
        ("processes", of("process", &|name| process.node.processes().by_name(name).is_some())),
    ]))
}

/// Of the environment nothing is told: it may hold secrets.
fn info(process: &Process, arguments: &[Term]) -> Result<Term, Raise> {
    let none = || Term::from("None");
    let named = |name: &str| system_info::named(&process.node, name).unwrap_or_default();
    let keys = arguments.first().filter(|keys| !keys.is_nil()).and_then(Term::as_list);
    let environment = keys.map(|keys| {
        let hidden = |key: &Term| Term::from((key, Term::atom("nil")));
        Term::from(keys.iter().map(hidden).collect::<Vec<_>>())
    });
    Ok(map([
        (
            "system_info",
            map([
                ("banner", named("system_version")),
                ("elixir_version", none()),
                ("phoenix_version", none()),
                ("app_version", none()),
                ("system_architecture", named("system_architecture")),
            ]),
        ),
        (
            "system_limits",
            map([
                ("atoms", named("atom_limit")),
                ("ports", named("port_limit")),
                ("processes", named("process_limit")),
            ]),
        ),
        ("system_usage", usage(process)),
        ("environment", environment.unwrap_or_else(|| Term::atom("nil"))),
    ]))
}

fn usage(process: &Process) -> Term {
    let total = system_info::resident();
    let uptime = u64::try_from(process.node.info().uptime.as_millis()).unwrap_or(u64::MAX);
    let memory = map([
        ("total", total.into()),
        ("process", 0.into()),
        ("atom", 0.into()),
        ("binary", 0.into()),
        ("code", 0.into()),
        ("ets", 0.into()),
        ("other", total.into()),
    ]);
    map([
        ("atoms", 0.into()),
        ("ports", 0.into()),
        ("processes", process.node.processes().len().into()),
        ("io", Term::from((0, 0))),
        ("uptime", uptime.into()),
        ("memory", memory),
        ("total_run_queue", 0.into()),
        ("cpu_run_queue", 0.into()),
    ])
}

/// `{Allocators, Maxima}`. There is one, of which no more is known than what it takes.
fn allocators() -> Term {
    let total = || Term::from(system_info::resident());
    let row = map([
        ("name", Term::atom("total")),
        ("block_size", total()),
        ("carrier_size", total()),
        ("max_carrier_size", total()),
    ]);
    Term::from((vec![row], map([("total", total())])))
}

/// `{Processes, Count, Reductions}`, of those that have `search` in their pid or name.
fn processes(process: &Process, arguments: &[Term]) -> Result<Term, Raise> {
    let [search, sort_by, direction, limit, _] = arguments else { return Err(Raise::badarg()) };
    let search = search.as_bytes().map(|text| String::from_utf8_lossy(text).to_lowercase());
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let sort_by = sort_by.as_atom().map_or("memory", Atom::as_str);
    let mut rows: Vec<_> = process.node.processes().all().iter().map(|entry| row(entry)).collect();
    if let Some(search) = &search {
        rows.retain(|row| {
            row.name.to_lowercase().contains(search) || row.pid().contains(search.as_str())
        });
    }
    let key = |row: &Row| if sort_by == "message_queue_len" { row.queue } else { row.memory };
    rows.sort_by_key(key);
    if !direction.is_atom("asc") {
        rows.reverse();
    }
    let count = rows.len();
    let shown: Vec<_> = rows.iter().take(limit).map(Row::term).collect();
    Ok(Term::from((shown, count, Map::default())))
}

struct Row {
    pid: flitch_etf::Pid,
    name: String,
    runs: Term,
    memory: usize,
    queue: usize,
}

fn row(entry: &Entry) -> Row {
    let facts = entry.facts();
    let runs = process::what_runs(&facts);
    let (memory, queue) = (facts.memory, facts.message_queue_len);
    let name = facts.name.map_or_else(|| facts.label.to_owned(), |name| name.as_str().to_owned());
    Row { pid: entry.pid.clone(), name, runs, memory, queue }
}

impl Row {
    fn pid(&self) -> String {
        format!("0.{}.{}", self.pid.id, self.pid.serial)
    }

    /// A keyword list, as Elixir's own callback makes it.
    fn term(&self) -> Term {
        let pair = |name, value: Term| Term::from((Term::atom(name), value));
        Term::from(List::from(vec![
            pair("pid", self.pid.clone().into()),
            pair("name_or_initial_call", self.name.as_str().into()),
            pair("reductions_diff", 0.into()),
            pair("memory", self.memory.into()),
            pair("reductions", 0.into()),
            pair("message_queue_len", self.queue.into()),
            pair("current_function", self.runs.clone()),
        ]))
    }
}

/// `{ok, Keyword}`, with a `ProcessDetails` in the place of each pid.
fn process_info(process: &Process, arguments: &[Term]) -> Result<Term, Raise> {
    let pid = arguments.first().and_then(Term::as_pid).ok_or_else(Raise::badarg)?;
    let Some(entry) = process.node.processes().by_pid(pid) else { return Ok(Term::atom("error")) };
    let all = process::info_all(process, arguments)?;
    let known = entry.facts();
    let monitors: Vec<Term> = entry
        .monitors()
        .iter()
        .map(|(target, _)| match target {
            flitch_dist::Target::Pid(pid) => details(process, pid),
            flitch_dist::Target::Name(name) => named(name),
        })
        .collect();
    let pids = |pids: &[flitch_etf::Pid]| -> Term {
        pids.iter().map(|pid| details(process, pid)).collect::<Vec<_>>().into()
    };
    let pair = |name, value: Term| Term::from((Term::atom(name), value));
    let mut told = vec![
        pair("initial_call", process::what_runs(&known)),
        pair("ancestors", Term::empty_list()),
        pair("label", known.label.into()),
        pair("links", pids(&entry.links())),
        pair("monitors", monitors.into()),
        pair("monitored_by", pids(&entry.monitored_by())),
        pair("group_leader", details(process, process.node.calls().caller())),
        pair("current_stacktrace", Term::empty_list()),
        pair("registered_name", known.name.as_ref().map_or_else(Term::empty_list, Term::from)),
    ];
    const SHAPED: [&str; 6] =
        ["initial_call", "links", "monitors", "group_leader", "dictionary", "registered_name"];
    let plain = |item: &&Term| {
        let name = item.as_tuple().and_then(|pair| pair.first()?.as_atom().cloned());
        name.is_some_and(|name| !SHAPED.contains(&name.as_str()))
    };
    told.extend(all.as_list().unwrap_or_default().iter().filter(plain).cloned());
    Ok(Term::from((Term::atom("ok"), told)))
}

fn details(process: &Process, pid: &flitch_etf::Pid) -> Term {
    let entry = process.node.processes().by_pid(pid).map(|entry| row(&entry));
    let (name, runs) = match &entry {
        Some(row) => (Term::from(row.name.as_str()), row.runs.clone()),
        None => (Term::atom("nil"), Term::atom("nil")),
    };
    details_of(pid.clone().into(), name, runs)
}

fn named(name: &Atom) -> Term {
    details_of(Term::atom("nil"), name.as_str().into(), Term::atom("nil"))
}

fn details_of(pid: Term, name: Term, runs: Term) -> Term {
    map([
        ("__struct__", Term::atom("Elixir.Phoenix.LiveDashboard.SystemInfo.ProcessDetails")),
        ("pid", pid),
        ("name_or_initial_call", name),
        ("initial_call", runs),
    ])
}
