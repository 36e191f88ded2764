//! `flitch info`: how a node is.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use flitch::Term;
use serde::Serialize;

use super::apps::started;
use super::show;
use crate::args::InfoArgs;
use crate::failure::Failure;
use crate::out::table::{Column, Table, bytes};
use crate::out::view::{Block, Document};
use crate::remote::{Remote, count, list, unexpected};

#[derive(Debug, Serialize)]
struct Info {
    node: String,
    otp_release: String,
    erts_version: String,
    /// Where the target has Elixir.
    elixir_version: Option<String>,
    system_architecture: String,
    emulator: String,
    uptime_seconds: u64,
    schedulers: u64,
    schedulers_online: u64,
    dirty_cpu_schedulers_online: u64,
    dirty_io_schedulers: u64,
    run_queue: u64,
    active_tasks: u64,
    nodes_visible: usize,
    nodes_hidden: usize,
    applications_started: usize,
    /// `total`, `processes`, `system`, `atom`, `binary`, `code`, `ets` and what else there is.
    memory_bytes: BTreeMap<String, u64>,
    limits: Vec<Limit>,
}

/// How much there is of something that there may only be so much of.
#[derive(Debug, PartialEq, Serialize)]
struct Limit {
    of: &'static str,
    count: u64,
    limit: u64,
    used_percent: f64,
}

/// What is asked of `erlang:system_info/1`: each is known from OTP 24 on.
const ITEMS: [&str; 17] = [
    "otp_release",
    "version",
    "system_architecture",
    "emu_flavor",
    "start_time",
    "schedulers",
    "schedulers_online",
    "dirty_cpu_schedulers_online",
    "dirty_io_schedulers",
    "process_count",
    "process_limit",
    "port_count",
    "port_limit",
    "atom_count",
    "atom_limit",
    "ets_count",
    "ets_limit",
];

pub(crate) async fn run(args: InfoArgs) -> Result<(), Failure> {
    show(args.target, args.view, async |remote| read(remote).await).await
}

async fn read(remote: &Remote<'_>) -> Result<Info, Failure> {
    let items = ITEMS.into_iter().map(Term::atom).collect();
    let queues = ["total_run_queue_lengths_all", "total_active_tasks_all"].map(Term::atom).into();
    let kinds = ["visible", "hidden"].map(Term::atom).into();
    let (items, now, second, queues, nodes, memory, applications) = tokio::try_join!(
        remote.map("erlang", "system_info", items),
        remote.call("erlang", "monotonic_time", &[]),
        in_native_time(remote),
        remote.map("erlang", "statistics", queues),
        remote.map("erlang", "nodes", kinds),
        remote.call("erlang", "memory", &[]),
        started(remote),
    )?;
    let elixir = applications.iter().find(|it| it.name == "elixir");
    let of = Seen { items };
    let started_at = of.item("start_time").and_then(Term::as_integer);
    let up = now.as_integer().zip(started_at).map_or(0, |(now, start)| now.saturating_sub(start));
    let nodes: Vec<_> = nodes.iter().map(|list| list.as_list().map_or(0, <[_]>::len)).collect();
    let at = |list: &[Term], at: usize| list.get(at).and_then(count).unwrap_or_default();
    Ok(Info {
        node: remote.client.target.to_string(),
        otp_release: of.text("otp_release")?,
        erts_version: of.text("version")?,
        elixir_version: elixir.map(|it| it.version.clone()),
        system_architecture: of.text("system_architecture")?,
        emulator: of.text("emu_flavor")?,
        uptime_seconds: u64::try_from(up).unwrap_or_default() / second.max(1),
        schedulers: of.count("schedulers")?,
        schedulers_online: of.count("schedulers_online")?,
        dirty_cpu_schedulers_online: of.count("dirty_cpu_schedulers_online")?,
        dirty_io_schedulers: of.count("dirty_io_schedulers")?,
        run_queue: at(&queues, 0),
        active_tasks: at(&queues, 1),
        nodes_visible: nodes.first().copied().unwrap_or_default(),
        nodes_hidden: nodes.get(1).copied().unwrap_or_default(),
        applications_started: applications.len(),
        memory_bytes: sizes(&list(&memory)?),
        limits: vec![
            Limit::new("processes", of.count("process_count")?, of.count("process_limit")?),
            Limit::new("ports", of.count("port_count")?, of.count("port_limit")?),
            Limit::new("atoms", of.count("atom_count")?, of.count("atom_limit")?),
            Limit::new("ets_tables", of.count("ets_count")?, of.count("ets_limit")?),
        ],
    })
}

/// How much native time a second takes.
async fn in_native_time(remote: &Remote<'_>) -> Result<u64, Failure> {
    let units = [Term::from(1), Term::atom("second"), Term::atom("native")];
    let native = remote.call("erlang", "convert_time_unit", &units).await?;
    count(&native).ok_or_else(|| unexpected("unit of time"))
}

/// The values of [`ITEMS`].
struct Seen {
    items: Vec<Term>,
}

impl Seen {
    fn item(&self, name: &str) -> Option<&Term> {
        self.items.get(ITEMS.iter().position(|item| *item == name)?)
    }

    fn count(&self, name: &str) -> Result<u64, Failure> {
        self.item(name).and_then(count).ok_or_else(|| unexpected(name))
    }

    fn text(&self, name: &str) -> Result<String, Failure> {
        let item = self.item(name).ok_or_else(|| unexpected(name))?;
        let atom = item.as_atom().map(|atom| atom.as_str().to_owned());
        atom.or_else(|| item.to_charlist()).ok_or_else(|| unexpected(name))
    }
}

/// What `erlang:memory/0` says.
pub(super) fn sizes(memory: &[Term]) -> BTreeMap<String, u64> {
    let pair = |pair: &Term| match pair.as_tuple()? {
        [kind, size] => Some((kind.as_atom()?.as_str().to_owned(), count(size)?)),
        _ => None,
    };
    memory.iter().filter_map(pair).collect()
}

impl Limit {
    fn new(of: &'static str, count: u64, limit: u64) -> Self {
        let used = count as f64 * 100.0 / limit.max(1) as f64;
        Self { of, count, limit, used_percent: (used * 100.0).round() / 100.0 }
    }
}

/// `3 d 4 h 5 min 6 s`
fn duration(seconds: u64) -> String {
    let parts = [
        (seconds / 86_400, "d"),
        (seconds / 3600 % 24, "h"),
        (seconds / 60 % 60, "min"),
        (seconds % 60, "s"),
    ];
    let from = parts.iter().position(|(count, _)| *count > 0).unwrap_or(parts.len() - 1);
    let shown = parts.iter().skip(from).map(|(count, unit)| format!("{count} {unit}"));
    shown.collect::<Vec<_>>().join(" ")
}

impl Info {
    fn lines(&self) -> Vec<String> {
        let elixir = self.elixir_version.as_ref();
        let elixir = elixir.map(|it| format!(", Elixir {it}")).unwrap_or_default();
        let pairs = [
            ("node", self.node.clone()),
            (
                "release",
                format!(
                    "OTP {}, ERTS {} ({}){elixir}",
                    self.otp_release, self.erts_version, self.emulator
                ),
            ),
            ("system", self.system_architecture.clone()),
            ("up for", duration(self.uptime_seconds)),
            (
                "schedulers",
                format!(
                    "{} of {} online, dirty: {} for CPU, {} for I/O",
                    self.schedulers_online,
                    self.schedulers,
                    self.dirty_cpu_schedulers_online,
                    self.dirty_io_schedulers
                ),
            ),
            ("run queue", format!("{}, active: {}", self.run_queue, self.active_tasks)),
            ("nodes", format!("{} visible, {} hidden", self.nodes_visible, self.nodes_hidden)),
            ("applications", format!("{} started", self.applications_started)),
        ];
        let lines = pairs.iter().map(|(name, value)| format!("{name:14}{value}"));
        lines.map(|line| crate::out::text::harmless(&line)).collect()
    }
}

impl Document for Info {
    fn blocks(&self, _wide: bool) -> Vec<Block> {
        let mut memory = Table::new([Column::left("MEMORY"), Column::right("SIZE")]);
        let mut sizes: Vec<_> = self.memory_bytes.iter().collect();
        sizes.sort_by_key(|(_, size)| Reverse(**size));
        for (kind, size) in sizes {
            memory.row([kind.clone(), bytes(*size)]);
        }
        let mut limits = Table::new([
            Column::left("LIMIT"),
            Column::right("COUNT"),
            Column::right("MOST"),
            Column::right("USED"),
        ]);
        for Limit { of, count, limit, used_percent } in &self.limits {
            let of = of.replace('_', " ");
            limits.row([of, count.to_string(), limit.to_string(), format!("{used_percent:.2} %")]);
        }
        vec![Block::Lines(self.lines()), Block::Table(memory), Block::Table(limits)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_uptime_begins_with_its_largest_unit() {
        assert_eq!(duration(0), "0 s");
        assert_eq!(duration(61), "1 min 1 s");
        assert_eq!(duration(90_000), "1 d 1 h 0 min 0 s");
    }

    #[test]
    fn a_limit_says_how_near_it_is() {
        assert_eq!(Limit::new("atoms", 10_000, 1_048_576).used_percent, 0.95);
        assert_eq!(Limit::new("atoms", 1, 0).used_percent, 100.0);
    }

    #[test]
    fn memory_is_told_by_kind() {
        let memory = [Term::from((Term::atom("total"), 7)), Term::atom("odd")];
        assert_eq!(sizes(&memory), BTreeMap::from([("total".to_owned(), 7)]));
    }
}
