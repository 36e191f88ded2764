//! `flitch pg`: process groups, with their members by node.

use std::collections::BTreeMap;

use flitch::Term;
use flitch::etf::text::{Syntax, module_name};
use serde::Serialize;

use super::{show, syntax};
use crate::args::PgArgs;
use crate::failure::{Failure, Stage};
use crate::out::ids;
use crate::out::table::{Column, Table};
use crate::out::view::{Block, Document};
use crate::remote::{Remote, list};

#[derive(Serialize)]
struct Groups {
    node: String,
    scope: String,
    /// Of all, also those that are not shown.
    group_count: usize,
    groups: Vec<Group>,
}

#[derive(Debug, PartialEq, Serialize)]
struct Group {
    group: String,
    member_count: usize,
    /// How many members each node has.
    members_by_node: BTreeMap<String, usize>,
    /// The first of them, each as its own node writes it.
    members: Vec<String>,
}

/// How many members of a group are shown.
const SHOWN: usize = 20;

pub(crate) async fn run(args: PgArgs) -> Result<(), Failure> {
    let most = usize::from(args.limit);
    let syntax = syntax(args.view);
    show(args.target, args.view, async |remote| read(remote, &args.scope, most, syntax).await).await
}

async fn read(
    remote: &Remote<'_>,
    scope: &str,
    most: usize,
    syntax: Syntax,
) -> Result<Groups, Failure> {
    let node = remote.client.target.to_string();
    let nothing = || {
        let message = format!("no scope {scope} runs on {node}: nobody uses these groups there");
        Failure::new(Stage::Call, message)
    };
    // Asking a module that is not loaded would load it.
    let loaded = remote.call("erlang", "module_loaded", &[Term::atom("pg")]).await?;
    if loaded.as_bool() != Some(true) {
        return Err(nothing());
    }
    let name = module_name(scope)
        .map_err(|_| Failure::usage(format!("{scope:?} is no name of a scope")))?;
    let name = Term::from(remote.existing_atom(name.as_str()).await?.ok_or_else(nothing)?);
    let groups = remote.attempt("pg", "which_groups", std::slice::from_ref(&name)).await?;
    let all = list(&groups.ok_or_else(nothing)?)?;
    let shown: Vec<_> = all.iter().take(most).cloned().collect();
    let mut groups = Vec::with_capacity(shown.len());
    for group in shown {
        let members = remote.call("pg", "get_members", &[name.clone(), group.clone()]).await?;
        groups.push(Group::of(&group, &list(&members)?, syntax));
    }
    groups.sort_by(|a, b| a.group.cmp(&b.group));
    Ok(Groups { node, scope: scope.to_owned(), group_count: all.len(), groups })
}

impl Group {
    fn of(group: &Term, members: &[Term], syntax: Syntax) -> Self {
        let mut members_by_node = BTreeMap::new();
        for pid in members.iter().filter_map(Term::as_pid) {
            *members_by_node.entry(pid.node.as_str().to_owned()).or_default() += 1;
        }
        let members = (members.len(), members.iter().take(SHOWN));
        Self {
            group: ids::term(syntax, group),
            member_count: members.0,
            members_by_node,
            members: members.1.map(|pid| ids::term(syntax, pid)).collect(),
        }
    }
}

impl Document for Groups {
    fn blocks(&self, wide: bool) -> Vec<Block> {
        let mut columns =
            vec![Column::left("GROUP"), Column::right("MEMBERS"), Column::left("BY NODE")];
        columns.extend(wide.then_some(Column::left("PIDS")));
        let mut table = Table::new(columns);
        for it in &self.groups {
            let by = it.members_by_node.iter().map(|(node, count)| format!("{node} {count}"));
            let by = by.collect::<Vec<_>>().join(", ");
            let mut row = vec![it.group.clone(), it.member_count.to_string(), by];
            row.extend(wide.then(|| it.members.join(" ")));
            table.row(row);
        }
        let shown =
            format!("{} of {} groups of {}", self.groups.len(), self.group_count, self.scope);
        vec![Block::Table(table), Block::Lines(vec![shown])]
    }

    fn names(&self) -> Option<Vec<String>> {
        Some(self.groups.iter().map(|it| it.group.clone()).collect())
    }
}

#[cfg(test)]
mod tests {
    use flitch::{Atom, Pid};

    use super::*;

    #[test]
    fn members_are_counted_by_the_node_that_they_run_on() {
        let pid = |node: &str, id| {
            Term::from(Pid { node: Atom::new(node).unwrap(), id, serial: 0, creation: 1 })
        };
        let members = [pid("a@b.c", 7), pid("d@e.f", 8), pid("a@b.c", 9)];
        let group = Group::of(&Term::atom("desks"), &members, Syntax::Elixir);
        assert_eq!((group.group.as_str(), group.member_count), (":desks", 3));
        assert_eq!(group.members_by_node["a@b.c"], 2);
        assert_eq!(group.members[1], "<0.8.0>");
    }
}
