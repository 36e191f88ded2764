//! `flitch memory`: what a node's memory is used for, and who holds the most of it.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use flitch::Term;
use flitch::etf::text::Syntax;
use serde::Serialize;

use super::info::sizes;
use super::{or_dash, show, syntax};
use crate::args::MemoryArgs;
use crate::failure::Failure;
use crate::out::ids;
use crate::out::table::{Column, Table, bytes};
use crate::out::view::{Block, Document};
use crate::remote::processes::Process;
use crate::remote::{Remote, count, list};

#[derive(Serialize)]
struct Memory {
    node: String,
    /// `total`, `processes`, `binary`, `ets` and what else there is.
    memory_bytes: BTreeMap<String, u64>,
    process_count: usize,
    /// Who refers to the most large binaries, which are outside of the processes' own memory and
    /// may be shared.
    processes: Vec<Holder>,
}

#[derive(Serialize)]
struct Holder {
    #[serde(flatten)]
    process: Process,
    /// What the large binaries take that it refers to.
    binary_bytes: u64,
}

pub(crate) async fn run(args: MemoryArgs) -> Result<(), Failure> {
    let most = usize::from(args.limit);
    let syntax = syntax(args.view);
    show(args.target, args.view, async |remote| read(remote, most, syntax).await).await
}

async fn read(remote: &Remote<'_>, most: usize, syntax: Syntax) -> Result<Memory, Failure> {
    let memory = remote.call("erlang", "memory", &[]).await?;
    let word = remote.call("erlang", "system_info", &[Term::atom("wordsize")]).await?;
    let word = count(&word).unwrap_or_default();
    let all = list(&remote.call("erlang", "processes", &[]).await?)?;
    // A list of the binaries themselves may be as long as it likes; their sum is one number.
    let item = Term::atom("garbage_collection_info");
    let found = remote.each("erlang", "process_info", &all, &item).await?;
    let mut holders: Vec<_> = all
        .iter()
        .zip(&found)
        .filter_map(|(pid, info)| Some((referred_words(info)?.saturating_mul(word), pid.clone())))
        .collect();
    holders.sort_by_key(|(bytes, _)| Reverse(*bytes));
    holders.truncate(most);
    let pids: Vec<_> = holders.iter().map(|(_, pid)| pid.clone()).collect();
    let seen = remote.processes(&pids, syntax).await?;
    let held = |process: &Process| {
        let is = |pid: &Term| pid.as_pid().is_some_and(|pid| ids::pid(pid) == process.pid);
        holders.iter().find(|(_, pid)| is(pid)).map_or(0, |(bytes, _)| *bytes)
    };
    let processes =
        seen.into_iter().map(|process| Holder { binary_bytes: held(&process), process }).collect();
    Ok(Memory {
        node: remote.client.target.to_string(),
        memory_bytes: sizes(&list(&memory)?),
        process_count: all.len(),
        processes,
    })
}

/// The words of large binaries that a process's young and old heap refer to, from
/// `{garbage_collection_info, [{bin_vheap_size, N}, …]}`; nothing, if it has ended.
fn referred_words(info: &Term) -> Option<u64> {
    let pairs = info.as_tuple()?.get(1)?.as_list()?;
    let of = |name: &str| {
        let mut pairs = pairs.iter().filter_map(Term::as_tagged);
        let found = pairs.find(|(tag, _)| *tag == name);
        found.and_then(|(_, values)| count(values.first()?)).unwrap_or_default()
    };
    Some(of("bin_vheap_size").saturating_add(of("bin_old_vheap_size")))
}

impl Document for Memory {
    fn blocks(&self, _wide: bool) -> Vec<Block> {
        let mut kinds = Table::new([Column::left("MEMORY"), Column::right("SIZE")]);
        let mut sizes: Vec<_> = self.memory_bytes.iter().collect();
        sizes.sort_by_key(|(_, size)| Reverse(**size));
        for (kind, size) in sizes {
            kinds.row([kind.clone(), bytes(*size)]);
        }
        let mut holders = Table::new([
            Column::left("PID"),
            Column::left("NAME OR INITIAL CALL"),
            Column::right("BINARIES"),
            Column::right("OWN MEMORY"),
            Column::left("CURRENT FUNCTION"),
        ]);
        for Holder { process, binary_bytes } in &self.processes {
            let known = process.name.as_ref().or(process.label.as_ref());
            holders.row([
                process.pid.clone(),
                or_dash(known.or(process.initial_call.as_ref())),
                bytes(*binary_bytes),
                bytes(process.memory_bytes),
                or_dash(process.current_function.as_ref()),
            ]);
        }
        let shown = format!("{} of {} processes", self.processes.len(), self.process_count);
        vec![Block::Table(kinds), Block::Table(holders), Block::Lines(vec![shown])]
    }

    fn names(&self) -> Option<Vec<String>> {
        Some(self.processes.iter().map(|it| it.process.pid.clone()).collect())
    }
}

#[cfg(test)]
mod tests {
    use flitch::etf::text::parse;

    use super::*;

    #[test]
    fn what_both_heaps_refer_to_is_added_up() {
        let info = "{garbage_collection_info,[{bin_vheap_size,7},{heap_size,233},\
                    {bin_vheap_block_size,46422},{bin_old_vheap_size,3}]}";
        let info = parse(Syntax::Erlang, info).unwrap();
        assert_eq!(referred_words(&info), Some(10));
        assert_eq!(referred_words(&Term::atom("undefined")), None);
    }
}
