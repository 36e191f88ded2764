//! `flitch inspect`: one process closely, and never its messages.

use flitch::etf::text::{self, Syntax};
use flitch::{Pid, Term};
use serde::Serialize;

use super::{or_dash, show, syntax};
use crate::args::InspectArgs;
use crate::failure::{Failure, Stage};
use crate::out::exception::frames;
use crate::out::ids;
use crate::out::table::{Column, Table, bytes};
use crate::out::view::{Block, Document};
use crate::remote::processes::{Process, key, values};
use crate::remote::{Remote, count};

#[derive(Serialize)]
struct Inspected {
    node: String,
    process: Process,
    heap_bytes: u64,
    stack_bytes: u64,
    trap_exit: bool,
    priority: String,
    group_leader: String,
    /// From OTP 27 on, the parent first.
    ancestors: Vec<String>,
    links: Several,
    monitors: Several,
    monitored_by: Several,
    /// The innermost call first.
    stack: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
}

/// Some of many.
#[derive(Serialize)]
struct Several {
    count: usize,
    /// The first of them.
    shown: Vec<String>,
}

/// How many links, monitors and ancestors are shown.
const SHOWN: usize = 50;

/// What is asked beyond what a list of processes shows. It never is `messages`.
const ITEMS: [&str; 9] = [
    "total_heap_size",
    "stack_size",
    "trap_exit",
    "priority",
    "group_leader",
    "links",
    "monitors",
    "monitored_by",
    "current_stacktrace",
];

pub(crate) async fn run(args: InspectArgs) -> Result<(), Failure> {
    show(args.target, args.view, async |remote| {
        read(remote, &args.process, args.state, syntax(args.view)).await
    })
    .await
}

async fn read(
    remote: &Remote<'_>,
    process: &str,
    with_state: bool,
    syntax: Syntax,
) -> Result<Inspected, Failure> {
    let pid = find(remote, process).await?;
    let gone = || Failure::new(Stage::Call, format!("{process} is not alive: no such process"));
    let seen = remote.processes(std::slice::from_ref(&pid), syntax).await?;
    let process = seen.into_iter().next().ok_or_else(gone)?;
    let items: Vec<_> = ITEMS.into_iter().map(Term::atom).collect();
    let info = remote.call("erlang", "process_info", &[pid.clone(), Term::from(items)]).await?;
    let [heap, used, trap_exit, priority, leader, links, monitors, by, trace] = values(&info)[..]
    else {
        return Err(gone());
    };
    let word = remote.call("erlang", "system_info", &[Term::atom("wordsize")]).await?;
    let words = |size: &Term| {
        count(size).unwrap_or_default().saturating_mul(count(&word).unwrap_or_default())
    };
    let state = if with_state { Some(state(remote, &pid, syntax).await?) } else { None };
    Ok(Inspected {
        node: remote.client.target.to_string(),
        process,
        heap_bytes: words(heap),
        stack_bytes: words(used),
        trap_exit: trap_exit.as_bool().unwrap_or_default(),
        priority: ids::term(syntax, priority),
        group_leader: ids::term(syntax, leader),
        ancestors: ancestors(remote, &pid, syntax).await?,
        links: Several::of(remote, links, syntax).await?,
        monitors: Several::of(remote, monitors, syntax).await?,
        monitored_by: Several::of(remote, by, syntax).await?,
        stack: frames(trace, syntax),
        state,
    })
}

/// The process that is meant: `<0.123.0>`, `0.123.0`, or a name, which becomes no atom there.
pub(super) async fn find(remote: &Remote<'_>, process: &str) -> Result<Term, Failure> {
    let node = &remote.client.target;
    let nobody = |why: &str| Failure::new(Stage::Call, format!("{process} on {node}: {why}"));
    if let Some(pid) = as_pid(process) {
        let codes: Vec<_> = pid.bytes().map(Term::from).collect();
        let found = remote.attempt("erlang", "list_to_pid", &[Term::from(codes)]).await?;
        return found.ok_or_else(|| nobody("no such process"));
    }
    let name = text::module_name(process)
        .map_err(|_| Failure::usage(format!("{process:?} is neither a pid nor a name")))?;
    let nobody = || nobody("no process is registered under this name");
    let name = remote.existing_atom(name.as_str()).await?.ok_or_else(nobody)?;
    match remote.call("erlang", "whereis", &[Term::from(name)]).await? {
        pid @ Term::Pid(_) => Ok(pid),
        _ => Err(nobody()),
    }
}

/// `#PID<0.123.0>`, `<0.123.0>` and `0.123.0` are all pids.
fn as_pid(text: &str) -> Option<String> {
    let inner = text.strip_prefix("#PID").unwrap_or(text);
    let inner = inner.strip_prefix('<').and_then(|it| it.strip_suffix('>')).unwrap_or(inner);
    let numbers = inner.split('.').filter(|part| part.parse::<u32>().is_ok()).count();
    (numbers == 3 && inner.split('.').count() == 3).then(|| format!("<{inner}>"))
}

async fn ancestors(
    remote: &Remote<'_>,
    pid: &Term,
    syntax: Syntax,
) -> Result<Vec<String>, Failure> {
    if !remote.reads_one_key().await? {
        return Ok(Vec::new());
    }
    let key = Term::from(vec![key("$ancestors")]);
    let info = remote.call("erlang", "process_info", &[pid.clone(), key]).await?;
    let values = values(&info);
    let ancestors = values.first().and_then(|value| value.as_list()).unwrap_or_default();
    named(remote, ancestors, syntax).await
}

/// The first of them, with the names of those processes that have one.
async fn named(
    remote: &Remote<'_>,
    things: &[Term],
    syntax: Syntax,
) -> Result<Vec<String>, Failure> {
    let things: Vec<_> = things.iter().take(SHOWN).map(monitored).collect();
    let local = |it: &Term| match it {
        Term::Pid(pid) => is_at(remote, pid),
        _ => false,
    };
    let pids: Vec<_> = things.iter().filter(|it| local(it)).cloned().collect();
    let names =
        remote.each("erlang", "process_info", &pids, &Term::atom("registered_name")).await?;
    let mut names = names.iter();
    let shown = things.iter().map(|thing| {
        let name = if local(thing) { names.next() } else { None };
        let name =
            name.and_then(|pair| pair.as_tuple()?.get(1)).filter(|it| it.as_atom().is_some());
        match name {
            Some(name) => format!("{} {}", ids::term(syntax, thing), ids::term(syntax, name)),
            None => ids::term(syntax, thing),
        }
    });
    Ok(shown.collect())
}

fn is_at(remote: &Remote<'_>, pid: &Pid) -> bool {
    pid.node.as_str() == remote.client.target.as_str()
}

/// The state of the program in the process, asked for as `sys:get_state/2` does. `sys` itself may
/// not be loaded over there.
async fn state(remote: &Remote<'_>, pid: &Term, syntax: Syntax) -> Result<String, Failure> {
    // Whoever does not answer in time keeps nobody waiting over there.
    let wait = i64::try_from(remote.left().as_millis() * 4 / 5).unwrap_or(i64::MAX);
    let request = [pid.clone(), Term::atom("system"), Term::atom("get_state"), Term::from(wait)];
    let answer = remote.attempt("gen", "call", &request).await?;
    let answer = answer.as_ref().and_then(Term::as_tagged);
    match answer {
        Some(("ok", [state])) => Ok(match state.as_tagged() {
            Some(("ok", [state])) => ids::term(syntax, state),
            _ => ids::term(syntax, state),
        }),
        _ => Err(Failure::new(
            Stage::Call,
            "the process does not tell its state: it is busy, or no GenServer and the like; leave \
             out --state",
        )),
    }
}

/// `{process, Pid}` is a monitor of that process.
fn monitored(term: &Term) -> Term {
    match term.as_tagged() {
        Some(("process" | "port", [thing])) => thing.clone(),
        _ => term.clone(),
    }
}

impl Several {
    async fn of(remote: &Remote<'_>, all: &Term, syntax: Syntax) -> Result<Self, Failure> {
        let all = all.as_list().unwrap_or_default();
        Ok(Self { count: all.len(), shown: named(remote, all, syntax).await? })
    }
}

impl Inspected {
    fn pairs(&self) -> Vec<(&'static str, String)> {
        let process = &self.process;
        vec![
            ("pid", process.pid.clone()),
            ("name", or_dash(process.name.as_ref())),
            ("label", or_dash(process.label.as_ref())),
            ("status", or_dash(process.status.as_ref())),
            ("initial call", or_dash(process.initial_call.as_ref())),
            ("now in", or_dash(process.current_function.as_ref())),
            ("memory", bytes(process.memory_bytes)),
            ("heap", format!("{}, stack {}", bytes(self.heap_bytes), bytes(self.stack_bytes))),
            ("reductions", process.reductions.to_string()),
            ("messages", process.message_queue_len.to_string()),
            ("traps exits", self.trap_exit.to_string()),
            ("priority", self.priority.clone()),
            ("group leader", self.group_leader.clone()),
        ]
    }
}

impl Document for Inspected {
    fn blocks(&self, _wide: bool) -> Vec<Block> {
        let line = |(name, value): (&str, String)| {
            crate::out::text::harmless(&format!("{name:14}{value}")).replace('\n', "\\n")
        };
        let mut blocks = vec![Block::Lines(self.pairs().into_iter().map(line).collect())];
        let many = |title, some: &Several| {
            let mut table = Table::new([Column::left(title)]);
            some.shown.iter().for_each(|it| table.row([it.clone()]));
            if some.count > some.shown.len() {
                table.row([format!("and {} more", some.count - some.shown.len())]);
            }
            (some.count > 0).then_some(Block::Table(table))
        };
        blocks.extend(many("LINKS", &self.links));
        blocks.extend(many("MONITORS", &self.monitors));
        blocks.extend(many("MONITORED BY", &self.monitored_by));
        for (title, lines) in [("ANCESTORS", &self.ancestors), ("STACK", &self.stack)] {
            let mut table = Table::new([Column::left(title)]);
            lines.iter().for_each(|it| table.row([it.clone()]));
            blocks.extend((!lines.is_empty()).then_some(Block::Table(table)));
        }
        if let Some(state) = &self.state {
            blocks.push(Block::Lines(vec!["STATE".to_owned(), state.clone()]));
        }
        blocks
    }

    fn names(&self) -> Option<Vec<String>> {
        Some(vec![self.process.pid.clone()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pid_may_be_written_as_any_shell_prints_it() {
        for text in ["#PID<0.123.0>", "<0.123.0>", "0.123.0"] {
            assert_eq!(as_pid(text).as_deref(), Some("<0.123.0>"), "{text}");
        }
        for text in ["Shop.Desk", "0.123", "0.1.2.3", "<0.a.0>", "", "0..0"] {
            assert_eq!(as_pid(text), None, "{text}");
        }
    }

    #[test]
    fn messages_and_the_dictionary_are_never_asked_for() {
        assert!(!ITEMS.contains(&"messages") && !ITEMS.contains(&"dictionary"));
    }
}
