//! `flitch ps`: the processes that have the most of something.

use serde::Serialize;

use super::{or_dash, show, syntax};
use crate::args::{PsArgs, SortArg};
use crate::failure::Failure;
use crate::out::table::{Column, Table, bytes};
use crate::out::view::{Block, Document};
use crate::remote::processes::Process;

#[derive(Serialize)]
struct Processes {
    node: String,
    /// Of all, also those that are not shown.
    process_count: usize,
    processes: Vec<Process>,
}

pub(crate) async fn run(args: PsArgs) -> Result<(), Failure> {
    let (item, most) = (args.sort.item(), usize::from(args.limit));
    show(args.target, args.view, async |remote| {
        let (process_count, top) = remote.top(item, most).await?;
        let processes = remote.processes(&top, syntax(args.view)).await?;
        Ok(Processes { node: remote.client.target.to_string(), process_count, processes })
    })
    .await
}

impl SortArg {
    fn item(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Reductions => "reductions",
            Self::Messages => "message_queue_len",
        }
    }
}

impl Document for Processes {
    fn blocks(&self, wide: bool) -> Vec<Block> {
        let mut columns = vec![
            Column::left("PID"),
            Column::left("NAME OR INITIAL CALL"),
            Column::right("MEMORY"),
            Column::right("REDUCTIONS"),
            Column::right("MESSAGES"),
            Column::left("CURRENT FUNCTION"),
        ];
        if wide {
            columns.extend(["STATUS", "INITIAL CALL", "LABEL"].map(Column::left));
        }
        let mut table = Table::new(columns);
        for process in &self.processes {
            let known = process.name.as_ref().or(process.label.as_ref());
            let mut row = vec![
                process.pid.clone(),
                or_dash(known.or(process.initial_call.as_ref())),
                bytes(process.memory_bytes),
                process.reductions.to_string(),
                process.message_queue_len.to_string(),
                or_dash(process.current_function.as_ref()),
            ];
            if wide {
                let more = [&process.status, &process.initial_call, &process.label];
                row.extend(more.map(|text| or_dash(text.as_ref())));
            }
            table.row(row);
        }
        let shown = format!("{} of {} processes", self.processes.len(), self.process_count);
        vec![Block::Table(table), Block::Lines(vec![shown])]
    }

    fn names(&self) -> Option<Vec<String>> {
        Some(self.processes.iter().map(|process| process.pid.clone()).collect())
    }
}
