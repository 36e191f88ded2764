//! A clock of our own, and dials that end as a test says.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

struct Bench {
    plan: Plan,
    now: Instant,
    /// What was done, in order, in words.
    done: Vec<String>,
}

impl Bench {
    fn new() -> Self {
        // No jitter: a wait is as long as it can be.
        Self { plan: Plan::new(|| 0), now: Instant::now(), done: Vec::new() }
    }

    fn join(&mut self, name: &str, prune: Option<Duration>) -> TopologyId {
        self.plan.add(name, "Test", prune)
    }

    fn sees(&mut self, id: TopologyId, names: &[&str]) {
        let peers = names.iter().map(|name| node(name)).collect();
        self.observe(id, &Observation { peers, ..Observation::default() });
    }

    fn fails(&mut self, id: TopologyId, names: &[&str], why: &str) {
        let peers = names.iter().map(|name| node(name)).collect();
        let problems = vec![DiscoveryError::new(Problem::Dns, why)];
        self.observe(id, &Observation { peers, problems, ..Observation::default() });
    }

    fn sees_unready(&mut self, id: TopologyId, names: &[&str]) {
        let unready = names.iter().map(|name| node(name)).collect();
        self.observe(id, &Observation { unready, ..Observation::default() });
    }

    fn observe(&mut self, id: TopologyId, observation: &Observation) {
        self.plan.observed(id, observation, self.now);
        self.note();
    }

    fn dialled(&mut self, name: &str, end: Result<(), DialError>) {
        self.plan.dialled(&node(name), end, self.now);
        self.note();
    }

    fn refused(&mut self, name: &str) {
        let error = DialError { stage: Some(crate::Stage::Tcp), ..DialError::new("refused") };
        self.dialled(name, Err(error));
    }

    /// It is dialled, and up.
    fn connects(&mut self, name: &str) {
        self.plan.up(&node(name), self.now);
        self.dialled(name, Ok(()));
    }

    fn goes(&mut self, name: &str) {
        self.plan.down(&node(name), Some(CloseReason::Closed), self.now);
        self.note();
    }

    /// Lets time pass, and stops at every deadline.
    fn after(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(deadline) = self.plan.deadline().filter(|deadline| *deadline <= until) {
            self.now = self.now.max(deadline);
            self.plan.pass(self.now);
            self.note();
        }
        self.now = until;
    }

    fn note(&mut self) {
        for effect in self.plan.effects() {
            let short = |node: &NodeName| node.alive().to_owned();
            let line = match effect {
                Effect::Dial(node, by) => {
                    format!("dial {} for {}", short(&node), self.plan.name_of(by))
                }
                Effect::Disconnect(node, _) => format!("disconnect {}", short(&node)),
                Effect::Failed(node, _, is_news) => {
                    format!("{} failed{}", short(&node), if is_news { ", news" } else { "" })
                }
                Effect::Trouble(topology, problem) => {
                    let words = problem.map_or("answers".to_owned(), |problem| problem.message);
                    format!("{topology}: {words}")
                }
                Effect::Tell(ClusterEvent::Discovered { node, .. }) => {
                    format!("{} discovered", short(&node))
                }
                Effect::Tell(ClusterEvent::Lost { node, .. }) => format!("{} lost", short(&node)),
                Effect::Tell(ClusterEvent::Up { node }) => format!("{} up", short(&node)),
                Effect::Tell(ClusterEvent::Down { node, reason }) => {
                    let why = reason.map_or("somehow".to_owned(), |reason| reason.to_string());
                    format!("{} down, {why}", short(&node))
                }
            };
            self.done.push(line);
        }
    }

    /// What was done since this was asked last.
    fn done(&mut self) -> Vec<String> {
        std::mem::take(&mut self.done)
    }

    fn state(&self, name: &str) -> Option<&'static str> {
        let peers = self.plan.peers(self.now);
        peers.iter().find(|peer| peer.node == node(name)).map(|peer| peer.state.as_str())
    }
}

fn node(name: &str) -> NodeName {
    format!("{name}@10.0.0.1").parse().unwrap()
}

/// A topology that has found `a`, which is up.
fn with_one_up(prune: Option<Duration>) -> (Bench, TopologyId) {
    let mut bench = Bench::new();
    let id = bench.join("t", prune);
    bench.sees(id, &["a"]);
    bench.connects("a");
    assert_eq!(bench.done(), ["a discovered", "dial a for t", "a up"]);
    (bench, id)
}

#[test]
fn who_is_found_is_dialled_at_once_and_after_failures_for_ever_with_growing_waits() {
    let mut bench = Bench::new();
    let id = bench.join("t", None);
    bench.sees(id, &["a"]);
    assert_eq!(bench.done(), ["a discovered", "dial a for t"]);
    bench.refused("a");
    assert_eq!(bench.done(), ["a failed, news"]);
    let mut waits = Vec::new();
    for _ in 0..100 {
        let before = bench.now;
        let due = bench.plan.deadline().unwrap();
        bench.after(due - before);
        waits.push((due - before).as_millis());
        assert_eq!(bench.done(), ["dial a for t"]);
        bench.refused("a");
        assert_eq!(bench.done(), ["a failed"], "the same again is no news");
    }
    assert_eq!(waits[..6], [250, 500, 1000, 2000, 3000, 3000]);
    assert_eq!(waits[99], 3000, "whoever heals a netsplit waits no longer than that");
}

#[test]
fn who_was_up_is_dialled_again_as_if_it_had_never_failed() {
    let (mut bench, _) = with_one_up(None);
    bench.goes("a");
    assert_eq!(bench.done(), ["a down, connection closed"]);
    bench.after(249 * SECOND / 1000);
    assert_eq!(bench.done(), Vec::<String>::new());
    bench.after(SECOND / 1000);
    assert_eq!(bench.done(), ["dial a for t"]);
}

#[test]
fn who_is_up_for_a_moment_again_and_again_is_dialled_less_often() {
    let (mut bench, _) = with_one_up(None);
    let mut waits = Vec::new();
    for _ in 0..6 {
        bench.goes("a");
        let wait = bench.plan.deadline().unwrap() - bench.now;
        waits.push(wait.as_millis());
        bench.after(wait);
        bench.connects("a");
    }
    assert_eq!(waits, [250, 500, 1000, 2000, 3000, 3000]);
    bench.after(10 * SECOND);
    bench.goes("a");
    assert_eq!(bench.plan.deadline().unwrap() - bench.now, SECOND / 4, "it was up for good");
}

#[test]
fn no_failed_partial_or_empty_answer_drops_a_link() {
    let (mut bench, id) = with_one_up(None);
    bench.fails(id, &[], "SERVFAIL");
    bench.fails(id, &[], "SERVFAIL");
    bench.fails(id, &["b"], "half of it");
    bench.sees(id, &["b"]);
    bench.after(3600 * SECOND);
    let done = bench.done();
    assert!(!done.iter().any(|line| line.starts_with("disconnect")), "{done:?}");
    let about_t: Vec<_> = done.iter().filter(|line| line.starts_with("t: ")).collect();
    assert_eq!(about_t, ["t: SERVFAIL", "t: half of it", "t: answers"], "each problem once");
    assert!(done.contains(&"a lost".to_owned()));
    assert_eq!(bench.plan.members(), 1, "it is up, and counts");
    assert_eq!(bench.state("a"), Some("up"));
    // Now that nobody sees it, it is not dialled again.
    bench.goes("a");
    assert_eq!(bench.done(), ["a down, connection closed"]);
    bench.after(3600 * SECOND);
    assert_eq!(bench.state("a"), None);
}

#[test]
fn while_lookups_fail_who_goes_down_is_dialled_still() {
    let (mut bench, id) = with_one_up(None);
    bench.fails(id, &[], "403");
    bench.after(3600 * SECOND);
    bench.goes("a");
    bench.after(SECOND);
    assert_eq!(bench.done(), ["t: 403", "a down, connection closed", "dial a for t"]);
}

#[test]
fn who_is_gone_from_complete_answers_is_disconnected_where_that_is_asked_for() {
    let (mut bench, id) = with_one_up(Some(60 * SECOND));
    bench.sees(id, &[]);
    bench.after(59 * SECOND);
    assert_eq!(bench.done(), ["a lost"]);
    bench.after(SECOND);
    assert_eq!(bench.done(), ["disconnect a"]);
    bench.goes("a");
    bench.after(3600 * SECOND);
    assert_eq!(bench.done(), ["a down, connection closed"]);
}

#[test]
fn who_is_seen_by_another_topology_is_not_disconnected() {
    let (mut bench, id) = with_one_up(Some(60 * SECOND));
    let other = bench.join("other", None);
    bench.sees(other, &["a"]);
    bench.sees(id, &[]);
    bench.after(3600 * SECOND);
    assert_eq!(bench.done(), ["a discovered", "a lost"]);
    assert_eq!(bench.plan.peers(bench.now)[0].topologies, ["other"]);
    bench.goes("a");
    bench.after(SECOND);
    assert_eq!(bench.done(), ["a down, connection closed", "dial a for other"]);
}

#[test]
fn who_is_unready_is_not_dialled_and_is_again_when_it_stays() {
    let (mut bench, id) = with_one_up(None);
    bench.sees_unready(id, &["a"]);
    bench.goes("a");
    bench.after(3600 * SECOND);
    assert_eq!(bench.done(), ["a down, connection closed"]);
    assert_eq!(bench.state("a"), Some("unready"));
    bench.sees(id, &["a"]);
    assert_eq!(bench.done(), ["dial a for t"]);
}

#[test]
fn who_starts_to_leave_while_it_waits_is_not_dialled_any_more() {
    let mut bench = Bench::new();
    let id = bench.join("t", None);
    bench.sees(id, &["a"]);
    bench.refused("a");
    bench.sees_unready(id, &["a"]);
    bench.after(3600 * SECOND);
    assert_eq!(bench.done(), ["a discovered", "dial a for t", "a failed, news"]);
}

#[test]
fn who_connects_to_us_first_is_not_dialled() {
    let mut bench = Bench::new();
    let id = bench.join("t", None);
    bench.sees(id, &["a"]);
    bench.refused("a");
    bench.plan.up(&node("a"), bench.now);
    bench.after(3600 * SECOND);
    assert_eq!(bench.done(), ["a discovered", "dial a for t", "a failed, news"]);
    bench.note();
    assert_eq!(bench.done(), ["a up"]);
    assert_eq!(bench.plan.deadline(), None);
}

#[test]
fn events_that_were_missed_are_made_up_for() {
    let mut bench = Bench::new();
    let id = bench.join("t", None);
    bench.sees(id, &["a", "b", "c"]);
    bench.connects("a");
    bench.connects("b");
    bench.done();
    bench.plan.sync(&BTreeSet::from([node("b"), node("c"), node("stranger")]), bench.now);
    bench.note();
    assert_eq!(bench.done(), ["a down, somehow", "c up"]);
}

#[test]
fn a_thousand_peers_are_dialled_a_few_at_a_time_and_none_is_forgotten() {
    let mut bench = Bench::new();
    let id = bench.join("t", None);
    let names: Vec<_> = (0..1000).map(|number| format!("n{number}")).collect();
    bench.sees(id, &names.iter().map(String::as_str).collect::<Vec<_>>());
    let mut under_way = Vec::new();
    let mut connected = BTreeSet::new();
    loop {
        for line in bench.done() {
            if let Some(name) = line.strip_prefix("dial ") {
                under_way.push(name.trim_end_matches(" for t").to_owned());
            }
        }
        assert!(under_way.len() <= Plan::DIALS);
        let Some(name) = under_way.pop() else { break };
        bench.connects(&name);
        assert!(connected.insert(name), "dialled twice");
    }
    assert_eq!(connected.len(), 1000);
    assert_eq!(bench.plan.members(), 1000);
}

#[test]
fn peers_that_swallow_every_dial_keep_nobody_else_waiting_for_ever() {
    let mut bench = Bench::new();
    let id = bench.join("t", None);
    let names: Vec<_> = (0..100).map(|number| format!("n{number}")).collect();
    bench.sees(id, &names.iter().map(String::as_str).collect::<Vec<_>>());
    let mut dialled = BTreeSet::new();
    for _ in 0..4 {
        let dials: Vec<_> = bench
            .done()
            .iter()
            .filter_map(|line| Some(line.strip_prefix("dial ")?.to_owned()))
            .collect();
        bench.after(7 * SECOND);
        for name in dials {
            let name = name.trim_end_matches(" for t").to_owned();
            bench.refused(&name);
            dialled.insert(name);
        }
    }
    assert_eq!(dialled.len(), 100);
}

#[test]
fn a_pod_that_appears_does_not_wait_behind_a_hundred_dead_ones() {
    let mut bench = Bench::new();
    let id = bench.join("t", None);
    let names: Vec<_> = (0..100).map(|number| format!("n{number}")).collect();
    let mut names: Vec<_> = names.iter().map(String::as_str).collect();
    bench.sees(id, &names);
    // Each has failed once, and all that may be are dialled again.
    for name in &names {
        bench.refused(name);
    }
    bench.after(7 * SECOND);
    bench.done();
    names.push("new");
    bench.sees(id, &names);
    assert_eq!(bench.done(), ["new discovered", "dial new for t"]);
}

#[test]
fn an_error_that_time_does_not_mend_is_tried_again_once_a_minute() {
    let mut bench = Bench::new();
    let id = bench.join("t", None);
    bench.sees(id, &["a"]);
    let error = crate::ConnectError::NotAllowed(node("a"));
    bench.dialled("a", Err(error.into()));
    bench.done();
    bench.after(59 * SECOND);
    assert_eq!(bench.done(), Vec::<String>::new());
    bench.after(SECOND);
    assert_eq!(bench.done(), ["dial a for t"]);
}

#[test]
fn a_topology_that_is_left_dials_nobody_and_drops_no_link() {
    let (mut bench, id) = with_one_up(Some(SECOND));
    bench.sees(id, &["a", "b"]);
    bench.refused("b");
    bench.done();
    bench.plan.remove(id, bench.now);
    bench.after(3600 * SECOND);
    bench.note();
    assert_eq!(bench.done(), ["a lost", "b lost"]);
    assert_eq!((bench.state("a"), bench.state("b")), (Some("up"), None));
    bench.sees(id, &["c"]);
    assert_eq!(bench.done(), Vec::<String>::new(), "it has nothing to say any more");
}

#[test]
fn two_topologies_of_one_name_are_told_apart() {
    let mut bench = Bench::new();
    let ids =
        [bench.join("DNSPoll", None), bench.join("DNSPoll", None), bench.join("DNSPoll", None)];
    assert_eq!(
        ids.map(|id| bench.plan.name_of(id).to_owned()),
        ["DNSPoll", "DNSPoll-2", "DNSPoll-3"]
    );
}
