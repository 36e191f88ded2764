//! What strategies see: a table, or a line for each change.

use std::io;
use std::time::Instant;

use flitch::NodeName;
use flitch::discovery::DiscoveryError;
use serde::Serialize;

use super::text::harmless;
use crate::args::Format;
use crate::discover::{Answer, Change, Sight, State};
use crate::failure::Failure;

/// How, and since when.
pub(crate) struct Shown {
    pub(crate) format: Format,
    pub(crate) begun: Instant,
}

impl Shown {
    /// Prints all that was seen, as `own` sees it.
    ///
    /// # Errors
    /// It has no form in JSON.
    pub(crate) fn all(&self, own: &NodeName, sights: &[Sight]) -> Result<(), Failure> {
        match self.format {
            Format::Text => {
                super::stdout(&table(sights));
                super::stderr(&problems(sights));
                Ok(())
            }
            Format::Json => super::json::answer(&Seen::of(own, sights)),
        }
    }

    /// Prints what changed; inside, whether anybody reads it.
    ///
    /// # Errors
    /// It has no form in JSON.
    pub(crate) fn changes(
        &self,
        sight: &Sight,
        changes: &[Change],
    ) -> Result<io::Result<()>, Failure> {
        let after = self.begun.elapsed().as_secs_f64();
        for change in changes {
            let line = match self.format {
                Format::Text => line(after, sight, change),
                Format::Json => super::json::line(&News::of(after, sight, change))?,
            };
            if let Err(gone) = super::try_stdout(&line) {
                return Ok(Err(gone));
            }
        }
        Ok(Ok(()))
    }
}

/// A row for each node; one for a topology without any.
fn table(sights: &[Sight]) -> String {
    let mut rows = vec![["TOPOLOGY", "STRATEGY", "NODE", "STATE"].map(str::to_owned)];
    for sight in sights {
        let row = |node: &str, state: &str| {
            [&harmless(&sight.topology), &sight.strategy, node, state].map(str::to_owned)
        };
        if sight.nodes.is_empty() {
            let state = match sight.answer {
                Answer::Complete | Answer::Partial => "nobody is there",
                Answer::Failed => "no answer",
                Answer::Nothing => "no answer in time",
            };
            rows.push(row("-", state));
        }
        rows.extend(sight.nodes.iter().map(|(node, state)| row(node.as_str(), state.as_str())));
    }
    columns(&rows)
}

fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let wide = |at: usize| {
        rows.iter().filter_map(|row| row.get(at)).map(|it: &String| it.chars().count()).max()
    };
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (at, cell) in row.iter().enumerate() {
            let width = wide(at).unwrap_or_default();
            line.push_str(&format!("{cell:width$}  "));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A line for each problem.
fn problems(sights: &[Sight]) -> String {
    let lines = sights.iter().flat_map(|sight| {
        let topology = harmless(&sight.topology);
        let said = move |problem: &DiscoveryError| {
            format!("flitch: {topology}: {}\n", harmless(&problem.message))
        };
        sight.problems.iter().map(said)
    });
    lines.collect()
}

/// `   0.21 s  k8s  app@10.0.0.5 wanted`
fn line(after: f64, sight: &Sight, change: &Change) -> String {
    let what = match change {
        Change::Node(node, state) => format!("{node} {}", state.as_str()),
        Change::Problem(problem) => format!("problem: {}", harmless(&problem.message)),
        Change::Complete => match sight.nodes.len() {
            0 => "complete: nobody is there".to_owned(),
            count => format!("complete: nodes: {count}"),
        },
    };
    format!("{after:7.2} s  {}  {what}\n", harmless(&sight.topology))
}

#[derive(Serialize)]
struct Seen<'a> {
    /// Whose view it is.
    name: &'a str,
    topologies: Vec<Topology<'a>>,
}

#[derive(Serialize)]
struct Topology<'a> {
    topology: &'a str,
    strategy: &'a str,
    answer: &'static str,
    wanted: Vec<&'a str>,
    unready: Vec<&'a str>,
    problems: Vec<Problem<'a>>,
}

#[derive(Serialize)]
struct Problem<'a> {
    problem: &'static str,
    message: &'a str,
}

impl<'a> Seen<'a> {
    fn of(own: &'a NodeName, sights: &'a [Sight]) -> Self {
        Self { name: own.as_str(), topologies: sights.iter().map(Topology::of).collect() }
    }
}

impl<'a> Topology<'a> {
    fn of(sight: &'a Sight) -> Self {
        let names = |wanted| {
            let nodes = sight.nodes.iter().filter(move |(_, state)| **state == wanted);
            nodes.map(|(node, _)| node.as_str()).collect()
        };
        Self {
            topology: &sight.topology,
            strategy: &sight.strategy,
            answer: sight.answer.as_str(),
            wanted: names(State::Wanted),
            unready: names(State::Unready),
            problems: sight.problems.iter().map(Problem::of).collect(),
        }
    }
}

impl<'a> Problem<'a> {
    fn of(error: &'a DiscoveryError) -> Self {
        Self { problem: error.problem.as_str(), message: &error.message }
    }
}

/// `{"after": 0.21, "topology": "k8s", "node": "app@10.0.0.5", "state": "wanted"}`
#[derive(Serialize)]
struct News<'a> {
    /// Seconds since the start.
    after: f64,
    topology: &'a str,
    #[serde(flatten)]
    what: What<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum What<'a> {
    Node { node: &'a str, state: &'static str },
    Problem(Problem<'a>),
    Complete { complete: usize },
}

impl<'a> News<'a> {
    fn of(after: f64, sight: &'a Sight, change: &'a Change) -> Self {
        let what = match change {
            Change::Node(node, state) => What::Node { node: node.as_str(), state: state.as_str() },
            Change::Problem(problem) => What::Problem(Problem::of(problem)),
            Change::Complete => What::Complete { complete: sight.nodes.len() },
        };
        Self { after, topology: &sight.topology, what }
    }
}

#[cfg(test)]
mod tests {
    use flitch::discovery::Observation;

    use super::*;

    fn sight() -> Sight {
        let mut sight = Sight::new("k8s", "Kubernetes");
        sight.observe(Observation {
            peers: ["app@10.0.0.5".parse().unwrap()].into(),
            unready: ["app@10.0.0.16".parse().unwrap()].into(),
            problems: vec![DiscoveryError::new(flitch::discovery::Problem::Api, "gone\u{1b}[2J")],
        });
        sight
    }

    #[test]
    fn a_table_has_a_row_a_node_and_one_for_nobody() {
        assert_eq!(
            table(&[sight(), Sight::new("dns", "DNSPoll")]),
            "TOPOLOGY  STRATEGY    NODE           STATE\n\
             k8s       Kubernetes  app@10.0.0.16  unready\n\
             k8s       Kubernetes  app@10.0.0.5   wanted\n\
             dns       DNSPoll     -              no answer in time\n"
        );
    }

    #[test]
    fn what_a_server_says_cannot_steer_a_terminal() {
        assert_eq!(problems(&[sight()]), "flitch: k8s: gone\\u{1b}[2J\n");
    }

    #[test]
    fn a_change_is_a_line_or_a_document() {
        let sight = sight();
        let node = Change::Node("app@10.0.0.5".parse().unwrap(), State::Wanted);
        assert_eq!(line(0.214, &sight, &node), "   0.21 s  k8s  app@10.0.0.5 wanted\n");
        let json = serde_json::to_value(News::of(0.5, &sight, &node)).unwrap();
        let expected = serde_json::json!(
            { "after": 0.5, "topology": "k8s", "node": "app@10.0.0.5", "state": "wanted" }
        );
        assert_eq!(json, expected);
    }

    #[test]
    fn a_document_has_every_topology_with_its_answer() {
        let own = "me@10.0.0.1".parse().unwrap();
        let sights = [sight()];
        let json = serde_json::to_value(Seen::of(&own, &sights)).unwrap();
        assert_eq!(json["name"], "me@10.0.0.1");
        let topology = &json["topologies"][0];
        assert_eq!(topology["answer"], "partial");
        assert_eq!(topology["unready"], serde_json::json!(["app@10.0.0.16"]));
        assert_eq!(topology["problems"][0]["problem"], "api");
    }
}
