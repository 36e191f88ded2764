//! The GenServer `flitch` that a node serves: `:ping`, `{:echo, term}`, `:info`.

use flitch::{Atom, Caller, GenServer, Info, Map, Node, Term};
use serde::de::IgnoredAny;

/// The name that it is registered under.
pub(crate) const NAME: &str = "flitch";

pub(crate) struct Flitch {
    pub(crate) node: Node,
}

impl GenServer for Flitch {
    type Call = Term;
    type Cast = IgnoredAny;
    type Reply = Term;

    async fn handle_call(&mut self, call: Term, caller: Caller<Term>) {
        caller.reply(match Request::of(&call) {
            Request::Ping => Term::atom("pong"),
            Request::Echo(term) => term.clone(),
            Request::Info => self.info().into(),
            Request::Unknown => Term::from((Atom::ERROR, Term::atom("unknown_request"))),
        });
    }

    async fn handle_cast(&mut self, _: IgnoredAny) {}

    async fn handle_info(&mut self, _: Info) {}
}

impl Flitch {
    fn info(&self) -> Map {
        let info = self.node.info();
        let node = |name: &flitch::NodeName| Atom::new(name.as_str()).ok().map(Term::from);
        let nodes: Vec<Term> = self.node.peers_up().iter().filter_map(node).collect();
        let cluster = self.node.cluster();
        let peers = cluster.peers().into_iter().filter_map(|peer| {
            let state = peer.state.to_string();
            Some((Term::from(Atom::new(peer.node.as_str()).ok()?), Term::from(state.as_str())))
        });
        let topologies = cluster.topologies().into_iter().map(|topology| {
            let said = match &topology.problem {
                Some(problem) => problem.to_string(),
                None => format!("sees {}", topology.peers.len()),
            };
            (Term::from(topology.name.as_str()), Term::from(said.as_str()))
        });
        Map::from_iter([
            (Term::atom("version"), Term::from(env!("CARGO_PKG_VERSION"))),
            (Term::atom("uptime"), info.uptime.as_secs().into()),
            (Term::atom("nodes"), nodes.into()),
            (Term::atom("peers"), peers.collect::<Map>().into()),
            (Term::atom("topologies"), topologies.collect::<Map>().into()),
            (Term::atom("messages_in"), info.messages_in.into()),
            (Term::atom("messages_out"), info.messages_out.into()),
            (Term::atom("pid"), self.node.whereis(NAME).into()),
        ])
    }
}

/// What a call asks for.
#[derive(Debug, PartialEq)]
enum Request<'a> {
    Ping,
    Echo(&'a Term),
    Info,
    Unknown,
}

impl<'a> Request<'a> {
    fn of(call: &'a Term) -> Self {
        match (call.as_atom().map(Atom::as_str), call.as_tuple()) {
            (Some("ping"), _) => Self::Ping,
            (Some("info"), _) => Self::Info,
            (_, Some([echo, term])) if echo.is_atom("echo") => Self::Echo(term),
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use flitch::etf::text::{Syntax, parse};

    use super::*;

    #[test]
    fn only_the_three_requests_are_known() {
        let request = |text: &str| parse(Syntax::Elixir, text).unwrap();
        assert_eq!(Request::of(&request(":ping")), Request::Ping);
        assert_eq!(Request::of(&request(":info")), Request::Info);
        assert_eq!(Request::of(&request("{:echo, [1]}")), Request::Echo(&request("[1]")));
        for other in [":what", "{:echo}", "{:echo, 1, 2}", "nil", "\"ping\"", "%{a: 1}", "[1 | 2]"]
        {
            assert_eq!(Request::of(&request(other)), Request::Unknown, "{other}");
        }
    }
}
