//! `flitch ports`: the ports of a node that have moved the most bytes.

use std::cmp::Reverse;

use flitch::Term;
use flitch::etf::text::Syntax;
use serde::Serialize;

use super::{or_dash, show};
use crate::args::PortsArgs;
use crate::failure::Failure;
use crate::out::ids;
use crate::out::table::{Column, Table, bytes};
use crate::out::view::{Block, Document};
use crate::remote::{Remote, count, list};

#[derive(Serialize)]
struct Ports {
    node: String,
    /// Of all, also those that are not shown.
    port_count: usize,
    ports: Vec<Port>,
}

#[derive(Debug, PartialEq, Serialize)]
struct Port {
    port: String,
    name: String,
    owner: Option<String>,
    /// What came in since it was opened.
    input_bytes: u64,
    output_bytes: u64,
    /// What waits to go out.
    queue_bytes: u64,
}

pub(crate) async fn run(args: PortsArgs) -> Result<(), Failure> {
    let most = usize::from(args.limit);
    show(args.target, args.view, async |remote| read(remote, most).await).await
}

async fn read(remote: &Remote<'_>, most: usize) -> Result<Ports, Failure> {
    let all = list(&remote.call("erlang", "ports", &[]).await?)?;
    let mut columns = Vec::new();
    for item in ["name", "connected", "input", "output", "queue_size"] {
        columns.push(remote.each("erlang", "port_info", &all, &Term::atom(item)).await?);
    }
    let row = |at: usize| columns.iter().filter_map(|column| column.get(at)).collect::<Vec<_>>();
    let mut ports: Vec<_> =
        all.iter().enumerate().filter_map(|(at, port)| Port::of(port, &row(at))).collect();
    ports.sort_by_key(|port| Reverse(port.input_bytes.saturating_add(port.output_bytes)));
    ports.truncate(most);
    Ok(Ports { node: remote.client.target.to_string(), port_count: all.len(), ports })
}

impl Port {
    /// A port from a pair for each item; nothing, if it has been closed.
    fn of(port: &Term, infos: &[&Term]) -> Option<Self> {
        let value = |at: usize| infos.get(at)?.as_tuple()?.get(1);
        Some(Self {
            port: ids::term(Syntax::Erlang, port),
            name: value(0)?.to_charlist()?,
            owner: value(1).map(|owner| ids::term(Syntax::Erlang, owner)),
            input_bytes: count(value(2)?)?,
            output_bytes: count(value(3)?)?,
            queue_bytes: count(value(4)?)?,
        })
    }
}

impl Document for Ports {
    fn blocks(&self, _wide: bool) -> Vec<Block> {
        let mut table = Table::new([
            Column::left("PORT"),
            Column::left("NAME"),
            Column::left("OWNER"),
            Column::right("INPUT"),
            Column::right("OUTPUT"),
            Column::right("QUEUE"),
        ]);
        for it in &self.ports {
            table.row([
                it.port.clone(),
                it.name.clone(),
                or_dash(it.owner.as_ref()),
                bytes(it.input_bytes),
                bytes(it.output_bytes),
                bytes(it.queue_bytes),
            ]);
        }
        let shown = format!("{} of {} ports", self.ports.len(), self.port_count);
        vec![Block::Table(table), Block::Lines(vec![shown])]
    }

    fn names(&self) -> Option<Vec<String>> {
        Some(self.ports.iter().map(|port| port.port.clone()).collect())
    }
}

#[cfg(test)]
mod tests {
    use flitch::etf::text::parse;

    use super::*;

    #[test]
    fn a_port_that_was_closed_meanwhile_is_left_out() {
        let infos = ["{name,\"tcp_inet\"}", "{connected,a}", "{input,1}", "{output,2}"];
        let infos = infos.map(|text| parse(Syntax::Erlang, text).unwrap());
        let (gone, queue) = (Term::atom("undefined"), parse(Syntax::Erlang, "{queue_size,3}"));
        let queue = queue.unwrap();
        let of = |last| Port::of(&Term::from(1), &infos.iter().chain([last]).collect::<Vec<_>>());
        assert_eq!(of(&queue).unwrap().queue_bytes, 3);
        assert_eq!(of(&gone), None);
    }
}
