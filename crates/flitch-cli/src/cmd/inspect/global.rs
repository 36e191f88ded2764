//! `flitch global`: names that the whole cluster shares.

use flitch::etf::text::Syntax;
use serde::Serialize;

use super::{or_dash, show, syntax};
use crate::args::GlobalArgs;
use crate::failure::Failure;
use crate::out::ids;
use crate::out::table::{Column, Table};
use crate::out::view::{Block, Document};
use crate::remote::{Remote, list};

#[derive(Serialize)]
struct Names {
    node: String,
    /// Of all, also those that are not shown.
    name_count: usize,
    names: Vec<Name>,
}

#[derive(Serialize)]
struct Name {
    name: String,
    /// Where it runs, and its pid there; nothing, if it has gone meanwhile.
    node: Option<String>,
    pid: Option<String>,
}

pub(crate) async fn run(args: GlobalArgs) -> Result<(), Failure> {
    let most = usize::from(args.limit);
    let syntax = syntax(args.view);
    show(args.target, args.view, async |remote| read(remote, most, syntax).await).await
}

async fn read(remote: &Remote<'_>, most: usize, syntax: Syntax) -> Result<Names, Failure> {
    let all = list(&remote.call("global", "registered_names", &[]).await?)?;
    let shown: Vec<_> = all.iter().take(most).cloned().collect();
    let pids = remote.map("global", "whereis_name", shown.clone()).await?;
    let mut names: Vec<_> = shown
        .iter()
        .zip(&pids)
        .map(|(name, pid)| Name {
            name: ids::term(syntax, name),
            node: pid.as_pid().map(|pid| pid.node.as_str().to_owned()),
            pid: pid.as_pid().map(ids::pid),
        })
        .collect();
    names.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Names { node: remote.client.target.to_string(), name_count: all.len(), names })
}

impl Document for Names {
    fn blocks(&self, _wide: bool) -> Vec<Block> {
        let mut table = Table::new(["NAME", "NODE", "PID"].map(Column::left));
        for it in &self.names {
            table.row([it.name.clone(), or_dash(it.node.as_ref()), or_dash(it.pid.as_ref())]);
        }
        let shown = format!("{} of {} names", self.names.len(), self.name_count);
        vec![Block::Table(table), Block::Lines(vec![shown])]
    }

    fn names(&self) -> Option<Vec<String>> {
        Some(self.names.iter().map(|it| it.name.clone()).collect())
    }
}
