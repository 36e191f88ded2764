//! What strategies see: one answer of each, or everything as it changes. No socket of ours, and no
//! clock: `cmd/discover.rs` runs the strategies.

use std::collections::BTreeMap;

use flitch::NodeName;
use flitch::discovery::{DiscoveryError, Observation, Problem};

use crate::failure::Status;

/// The most nodes of one topology that are shown.
const MOST: usize = 10_000;

/// What one topology's strategy has said so far.
#[derive(Debug)]
pub(crate) struct Sight {
    pub(crate) topology: String,
    pub(crate) strategy: String,
    pub(crate) nodes: BTreeMap<NodeName, State>,
    pub(crate) problems: Vec<DiscoveryError>,
    pub(crate) answer: Answer,
}

/// How a node is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It should be connected.
    Wanted,
    /// It is on the way out.
    Unready,
    /// A complete answer is without it.
    Gone,
}

/// How much of an answer there was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// All there is.
    Complete,
    /// Some nodes, and a reason why there may be more.
    Partial,
    /// No node, for a reason.
    Failed,
    /// Nothing at all.
    Nothing,
}

/// Something to tell who watches.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Node(NodeName, State),
    Problem(DiscoveryError),
    /// The answers are complete: for the first time, or after problems.
    Complete,
}

impl State {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Wanted => "wanted",
            Self::Unready => "unready",
            Self::Gone => "gone",
        }
    }
}

impl Answer {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Nothing => "nothing",
        }
    }
}

impl Sight {
    pub(crate) fn new(topology: &str, strategy: &str) -> Self {
        let (topology, strategy) = (topology.to_owned(), strategy.to_owned());
        let (nodes, problems) = (BTreeMap::new(), Vec::new());
        Self { topology, strategy, nodes, problems, answer: Answer::Nothing }
    }

    /// Takes what the strategy says; gives what is new in it.
    pub(crate) fn observe(&mut self, observation: Observation) -> Vec<Change> {
        let is_complete = observation.is_complete();
        let Observation { peers, unready, problems } = observation;
        let mut changes = Vec::new();
        if is_complete {
            let gone: Vec<_> = self.nodes.keys().cloned().collect();
            for node in gone.into_iter().filter(|it| !peers.contains(it) && !unready.contains(it)) {
                self.nodes.remove(&node);
                changes.push(Change::Node(node, State::Gone));
            }
        }
        let unready = unready.into_iter().filter(|node| !peers.contains(node));
        let unready: Vec<_> = unready.map(|node| (node, State::Unready)).collect();
        let wanted = peers.into_iter().map(|node| (node, State::Wanted));
        for (node, state) in wanted.chain(unready) {
            let is_known = self.nodes.contains_key(&node);
            if (is_known || self.nodes.len() < MOST)
                && self.nodes.insert(node.clone(), state) != Some(state)
            {
                changes.push(Change::Node(node, state));
            }
        }
        let new = problems.iter().filter(|problem| !self.problems.contains(problem));
        changes.extend(new.cloned().map(Change::Problem));
        if is_complete && self.answer != Answer::Complete {
            changes.push(Change::Complete);
        }
        self.problems = problems;
        self.answer = match (is_complete, self.nodes.is_empty()) {
            (true, _) => Answer::Complete,
            (false, false) => Answer::Partial,
            (false, true) => Answer::Failed,
        };
        changes
    }

    /// Whether waiting any longer brings nothing better: who has begun to listen only now does not
    /// know all, and that passes by itself.
    pub(crate) fn is_hopeless(&self) -> bool {
        self.problems.iter().any(|problem| problem.problem != Problem::Early)
    }
}

/// What all the answers together are to a script.
pub(crate) fn status(sights: &[Sight]) -> Option<Status> {
    let any = |answer| sights.iter().any(|sight| sight.answer == answer);
    let answered = any(Answer::Complete) || any(Answer::Partial);
    let lacking = any(Answer::Partial) || any(Answer::Failed) || any(Answer::Nothing);
    match (answered, lacking) {
        (_, false) => None,
        (true, true) => Some(Status::Refused),
        (false, true) if any(Answer::Failed) => Some(Status::NoConnection),
        (false, true) => Some(Status::Timeout),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> std::collections::BTreeSet<NodeName> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    fn seen(peers: &[&str], unready: &[&str]) -> Observation {
        Observation { peers: names(peers), unready: names(unready), problems: Vec::new() }
    }

    fn problem(kind: Problem) -> DiscoveryError {
        DiscoveryError::new(kind, "no")
    }

    fn doubtful(peers: &[&str], kind: Problem) -> Observation {
        Observation { problems: vec![problem(kind)], ..seen(peers, &[]) }
    }

    fn node(name: &str, state: State) -> Change {
        Change::Node(name.parse().unwrap(), state)
    }

    #[test]
    fn only_what_changes_is_told() {
        let mut sight = Sight::new("t", "S");
        let first = sight.observe(seen(&["a@h", "b@h"], &[]));
        let both = [node("a@h", State::Wanted), node("b@h", State::Wanted), Change::Complete];
        assert_eq!(first, both);
        assert_eq!(sight.observe(seen(&["a@h", "b@h"], &[])), []);
        assert_eq!(sight.observe(seen(&["a@h"], &["b@h"])), [node("b@h", State::Unready)]);
        assert_eq!(sight.observe(seen(&["a@h"], &[])), [node("b@h", State::Gone)]);
    }

    #[test]
    fn a_failed_answer_loses_nobody_and_is_told_once() {
        let mut sight = Sight::new("t", "S");
        sight.observe(seen(&["a@h"], &[]));
        let told = sight.observe(doubtful(&[], Problem::Dns));
        assert_eq!(told, [Change::Problem(problem(Problem::Dns))]);
        assert_eq!(sight.observe(doubtful(&[], Problem::Dns)), []);
        assert_eq!((sight.nodes.len(), sight.answer), (1, Answer::Partial));
        assert_eq!(sight.observe(seen(&["a@h"], &[])), [Change::Complete]);
    }

    #[test]
    fn who_has_only_begun_to_listen_is_given_time() {
        let mut sight = Sight::new("t", "Gossip");
        sight.observe(doubtful(&[], Problem::Early));
        assert!(!sight.is_hopeless());
        sight.observe(doubtful(&[], Problem::Forbidden));
        assert!(sight.is_hopeless());
    }

    #[test]
    fn a_script_can_tell_all_from_some_from_none_from_too_late() {
        let sight = |observation: Option<Observation>| {
            let mut sight = Sight::new("t", "S");
            if let Some(observation) = observation {
                sight.observe(observation);
            }
            sight
        };
        let complete = || sight(Some(seen(&[], &[])));
        let partial = || sight(Some(doubtful(&["a@h"], Problem::Dns)));
        let failed = || sight(Some(doubtful(&[], Problem::Dns)));
        let nothing = || sight(None);
        assert_eq!(status(&[complete(), complete()]), None);
        assert_eq!(status(&[complete(), failed()]), Some(Status::Refused));
        assert_eq!(status(&[partial()]), Some(Status::Refused));
        assert_eq!(status(&[failed(), nothing()]), Some(Status::NoConnection));
        assert_eq!(status(&[nothing()]), Some(Status::Timeout));
    }
}
