//! `flitch nodes`: the cluster as each of its nodes sees it.

use flitch::Term;
use flitch::etf::text::Syntax;
use serde::Serialize;

use super::show;
use crate::args::NodesArgs;
use crate::failure::Failure;
use crate::out::ids;
use crate::out::table::{Column, Table};
use crate::out::view::{Block, Document};
use crate::remote::{Remote, list};

#[derive(Serialize)]
struct Cluster {
    node: String,
    /// The node that was asked, and those that are visible to it.
    nodes: Vec<Node>,
    /// The hidden nodes that are connected to the one that was asked; this command is one.
    hidden: Vec<String>,
}

/// A node, and what it sees.
#[derive(Debug, PartialEq, Serialize)]
struct Node {
    name: String,
    answers: bool,
    /// The visible nodes that it is connected to.
    sees: Vec<String>,
    /// The nodes of the cluster that it is not connected to.
    misses: Vec<String>,
}

pub(crate) async fn run(args: NodesArgs) -> Result<(), Failure> {
    show(args.target, args.view, async |remote| read(remote).await).await
}

async fn read(remote: &Remote<'_>) -> Result<Cluster, Failure> {
    let own = remote.call("erlang", "node", &[]).await?;
    let mut nodes = list(&remote.call("erlang", "nodes", &[Term::atom("visible")]).await?)?;
    let hidden = list(&remote.call("erlang", "nodes", &[Term::atom("hidden")]).await?)?;
    nodes.insert(0, own);
    let answers = remote.seen_by(&nodes, remote.left().as_millis() * 4 / 5).await?;
    let names = named(&nodes);
    let nodes = names.iter().zip(&answers).map(|(name, answer)| Node::of(name, answer, &names));
    Ok(Cluster {
        node: remote.client.target.to_string(),
        nodes: nodes.collect(),
        hidden: named(&hidden),
    })
}

fn named(nodes: &[Term]) -> Vec<String> {
    let name = |node: &Term| match node.as_atom() {
        Some(name) => name.as_str().to_owned(),
        None => ids::term(Syntax::Erlang, node),
    };
    nodes.iter().map(name).collect()
}

impl Node {
    /// A node from what `erpc:multicall` has of it: `{ok, Nodes}`, or why there is nothing.
    fn of(name: &str, answer: &Term, all: &[String]) -> Self {
        let (answers, sees) = match answer.as_tagged() {
            Some(("ok", [nodes])) => (true, named(nodes.as_list().unwrap_or_default())),
            _ => (false, Vec::new()),
        };
        let missed = |other: &&String| answers && *other != name && !sees.contains(other);
        let misses = all.iter().filter(missed).cloned().collect();
        Self { name: name.to_owned(), answers, sees, misses }
    }
}

impl Document for Cluster {
    fn blocks(&self, _wide: bool) -> Vec<Block> {
        let mut table =
            Table::new([Column::left("NODE"), Column::right("SEES"), Column::left("MISSES")]);
        for it in &self.nodes {
            let (sees, misses) = match (it.answers, it.misses.is_empty()) {
                (false, _) => ("-".to_owned(), "gives no answer".to_owned()),
                (true, true) => (it.sees.len().to_string(), "nobody".to_owned()),
                (true, false) => (it.sees.len().to_string(), it.misses.join(" ")),
            };
            table.row([it.name.clone(), sees, misses]);
        }
        let mut hidden = Table::new([Column::left("HIDDEN")]);
        self.hidden.iter().for_each(|name| hidden.row([name.clone()]));
        vec![Block::Table(table), Block::Table(hidden)]
    }

    fn names(&self) -> Option<Vec<String>> {
        Some(self.nodes.iter().map(|node| node.name.clone()).collect())
    }
}

#[cfg(test)]
mod tests {
    use flitch::etf::text::parse;

    use super::*;

    #[test]
    fn a_node_that_does_not_see_another_is_told_and_a_silent_one_is_not_accused() {
        let all = ["a@h", "b@h", "c@h"].map(str::to_owned);
        let of = |text| Node::of("a@h", &parse(Syntax::Erlang, text).unwrap(), &all);
        let split = of("{ok,['b@h']}");
        assert_eq!((split.sees, split.misses), (vec!["b@h".to_owned()], vec!["c@h".to_owned()]));
        let silent = of("{error,{erpc,timeout}}");
        assert!(!silent.answers && silent.misses.is_empty());
    }
}
