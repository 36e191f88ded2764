//! Whom one strategy wants connected, folded from all that it has said. No clock inside.
//!
//! A lookup that failed, or answered in part, loses nobody. One that is complete does, but only
//! after a while: a resolver that has just been restarted gives complete answers that are wrong.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use flitch_name::NodeName;

use crate::strategy::Observation;

/// The peers of one strategy.
#[derive(Debug)]
pub struct Roster {
    patience: Patience,
    peers: BTreeMap<NodeName, Peer>,
    /// Whether the last answer was all there is: only then time counts against who is missing.
    is_complete: bool,
    /// Since when no answer was complete: time that does not count.
    blind: Option<Instant>,
    left_out: usize,
}

/// How long a peer may be missing from complete answers.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Before it is lost: not dialled any more.
    pub lost: Duration,
    /// Before its link should be closed. Never, if there is no time.
    pub prune: Option<Duration>,
}

/// What an observation, or the passing of time, means for a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is there, and was not before.
    Discovered(NodeName),
    /// It has not been there for [`Patience::lost`].
    Lost(NodeName),
    /// It has not been there for [`Patience::prune`].
    Prune(NodeName),
}

/// How a peer was seen last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It should be connected.
    Wanted,
    /// It is not ready, and is not dialled.
    Unready,
}

#[derive(Debug)]
struct Peer {
    presence: Presence,
    /// Since when complete answers are without it.
    missing: Option<Instant>,
    is_lost: bool,
}

impl Patience {
    /// A peer is lost after ten seconds: two answers of a strategy that asks every five. No link is
    /// closed.
    pub const DEFAULT: Self = Self { lost: Duration::from_secs(10), prune: None };
}

impl Roster {
    /// The most names that are kept, however many there are: a BEAM cluster is a full mesh, and far
    /// smaller.
    pub const LIMIT: usize = 10_000;

    /// Nobody was seen yet.
    #[must_use]
    pub const fn new(patience: Patience) -> Self {
        Self { patience, peers: BTreeMap::new(), is_complete: false, blind: None, left_out: 0 }
    }

    /// Takes what the strategy says, of more than [`LIMIT`](Self::LIMIT) names the first. Gives
    /// what changed.
    pub fn observe(&mut self, observation: &Observation, now: Instant) -> Vec<Change> {
        let mut changes = Vec::new();
        self.left_out = 0;
        let unready = observation.unready.iter().filter(|peer| !observation.peers.contains(*peer));
        let seen = observation.peers.iter().map(|peer| (peer, Presence::Wanted));
        for (name, presence) in seen.chain(unready.map(|peer| (peer, Presence::Unready))) {
            if !self.see(name, presence, &mut changes) {
                self.left_out += 1;
            }
        }
        // Whom there is no room for is named still. Who takes the room and is not named is gone.
        self.is_complete = observation.is_complete();
        if self.is_complete {
            let blind = self.blind.take().map(|since| now.saturating_duration_since(since));
            for (name, peer) in &mut self.peers {
                if !observation.peers.contains(name) && !observation.unready.contains(name) {
                    let before = peer.missing.map(|since| since + blind.unwrap_or_default());
                    peer.missing = Some(before.unwrap_or(now));
                }
            }
        } else {
            self.blind.get_or_insert(now);
        }
        changes.extend(self.pass(now));
        changes
    }

    /// How many names of the last observation found no room.
    #[must_use]
    pub const fn left_out(&self) -> usize {
        self.left_out
    }

    /// Whether there was room for it.
    fn see(&mut self, name: &NodeName, presence: Presence, changes: &mut Vec<Change>) -> bool {
        let has_room = self.peers.len() < Self::LIMIT;
        let seen = Peer { presence, missing: None, is_lost: false };
        match self.peers.get_mut(name) {
            Some(peer) if !peer.is_lost => *peer = seen,
            None if !has_room => return false,
            _ => {
                self.peers.insert(name.clone(), seen);
                changes.push(Change::Discovered(name.clone()));
            }
        }
        true
    }

    /// Time has passed. Gives who is lost by it.
    pub fn pass(&mut self, now: Instant) -> Vec<Change> {
        let mut changes = Vec::new();
        if !self.is_complete {
            return changes;
        }
        let Patience { lost, prune } = self.patience;
        self.peers.retain(|name, peer| {
            let Some(missing) = peer.missing.map(|since| now.saturating_duration_since(since))
            else {
                return true;
            };
            if missing >= lost && !peer.is_lost {
                peer.is_lost = true;
                changes.push(Change::Lost(name.clone()));
            }
            let is_pruned = peer.is_lost && prune.is_some_and(|prune| missing >= prune);
            if is_pruned {
                changes.push(Change::Prune(name.clone()));
            }
            !(is_pruned || peer.is_lost && prune.is_none())
        });
        changes
    }

    /// When [`pass`](Self::pass) has something to say next, if nothing is observed until then.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let Patience { lost, prune } = self.patience;
        let due = |peer: &Peer| {
            let patience = if peer.is_lost { prune?.max(lost) } else { lost };
            peer.missing?.checked_add(patience)
        };
        self.peers.values().filter_map(due).min().filter(|_| self.is_complete)
    }

    /// How a peer was seen last. A lost one was not.
    #[must_use]
    pub fn presence(&self, peer: &NodeName) -> Option<Presence> {
        self.peers.get(peer).filter(|peer| !peer.is_lost).map(|peer| peer.presence)
    }

    /// Who was seen and is not lost.
    pub fn names(&self) -> impl Iterator<Item = &NodeName> {
        self.peers.iter().filter(|(_, peer)| !peer.is_lost).map(|(name, _)| name)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::strategy::{DiscoveryError, Problem};

    const SECOND: Duration = Duration::from_secs(1);
    const PRUNING: Patience =
        Patience { lost: Duration::from_secs(10), prune: Some(Duration::from_secs(60)) };

    fn name(number: u32) -> NodeName {
        format!("app@10.0.{}.{}", number / 256, number % 256).parse().unwrap()
    }

    fn all(numbers: &[u32]) -> Observation {
        Observation { peers: numbers.iter().copied().map(name).collect(), ..Default::default() }
    }

    fn part(numbers: &[u32]) -> Observation {
        let problems = vec![DiscoveryError::new(Problem::Dns, "SERVFAIL")];
        Observation { problems, ..all(numbers) }
    }

    fn unready(there: &[u32], unready: &[u32]) -> Observation {
        Observation { unready: unready.iter().copied().map(name).collect(), ..all(there) }
    }

    /// A roster that has seen these, and the time of that.
    fn seen(patience: Patience, numbers: &[u32]) -> (Roster, Instant) {
        let (mut roster, now) = (Roster::new(patience), Instant::now());
        let changes = roster.observe(&all(numbers), now);
        assert_eq!(changes.len(), numbers.len());
        (roster, now)
    }

    fn lost(number: u32) -> Vec<Change> {
        vec![Change::Lost(name(number))]
    }

    #[test]
    fn who_is_missing_from_complete_answers_is_lost_after_a_while_and_not_at_once() {
        let (mut roster, now) = seen(Patience::DEFAULT, &[1, 2]);
        assert_eq!(roster.observe(&all(&[2]), now), []);
        assert_eq!(roster.deadline(), Some(now + 10 * SECOND));
        assert_eq!(roster.pass(now + 9 * SECOND), []);
        assert_eq!(roster.presence(&name(1)), Some(Presence::Wanted));
        assert_eq!(roster.pass(now + 10 * SECOND), lost(1));
        assert_eq!(roster.presence(&name(1)), None);
        assert_eq!(roster.deadline(), None);
    }

    #[test]
    fn a_failed_or_partial_answer_loses_nobody_however_long_it_lasts() {
        let (mut roster, now) = seen(PRUNING, &[1, 2]);
        for minute in 0..60 {
            let now = now + minute * 60 * SECOND;
            assert_eq!(roster.observe(&part(if minute % 2 == 0 { &[] } else { &[2] }), now), []);
            assert_eq!(roster.deadline(), None);
        }
        assert_eq!(roster.names().count(), 2);
    }

    #[test]
    fn a_failure_stops_the_clock_of_who_was_missing_before() {
        let (mut roster, now) = seen(PRUNING, &[1, 2]);
        roster.observe(&all(&[2]), now);
        roster.observe(&part(&[]), now + SECOND);
        assert_eq!(roster.pass(now + 3600 * SECOND), [], "we do not know better than then");
        // A resolver that has just come back gives answers that are wrong, as the one before did.
        assert_eq!(roster.observe(&all(&[2]), now + 3600 * SECOND), []);
        assert_eq!(roster.deadline(), Some(now + 3609 * SECOND), "one second has counted");
        assert_eq!(roster.pass(now + 3609 * SECOND), lost(1));
        assert_eq!(roster.pass(now + 3659 * SECOND), [Change::Prune(name(1))]);
    }

    #[test]
    fn who_comes_back_in_time_was_never_lost() {
        let (mut roster, now) = seen(Patience::DEFAULT, &[1]);
        roster.observe(&all(&[]), now);
        assert_eq!(roster.observe(&all(&[1]), now + 9 * SECOND), []);
        assert_eq!(roster.pass(now + 3600 * SECOND), []);
    }

    #[test]
    fn who_is_seen_in_a_part_of_an_answer_is_there() {
        let (mut roster, now) = seen(Patience::DEFAULT, &[1]);
        roster.observe(&all(&[]), now);
        roster.observe(&part(&[1]), now + SECOND);
        roster.observe(&all(&[]), now + 9 * SECOND);
        assert_eq!(roster.pass(now + 18 * SECOND), []);
        assert_eq!(roster.pass(now + 19 * SECOND), lost(1));
    }

    #[test]
    fn pruning_waits_for_its_time_and_for_a_complete_answer() {
        let (mut roster, now) = seen(PRUNING, &[1]);
        roster.observe(&all(&[]), now);
        assert_eq!(roster.pass(now + 10 * SECOND), lost(1));
        assert_eq!(roster.deadline(), Some(now + 60 * SECOND));
        assert_eq!(roster.pass(now + 59 * SECOND), []);
        assert_eq!(roster.pass(now + 60 * SECOND), [Change::Prune(name(1))]);
        assert_eq!(roster.pass(now + 61 * SECOND), [], "it is said once");
        let changes = roster.observe(&all(&[1]), now + 62 * SECOND);
        assert_eq!(changes, [Change::Discovered(name(1))]);
    }

    #[test]
    fn a_prune_time_that_is_shorter_than_the_grace_waits_for_the_grace() {
        let patience = Patience { prune: Some(SECOND), ..Patience::DEFAULT };
        let (mut roster, now) = seen(patience, &[1]);
        roster.observe(&all(&[]), now);
        assert_eq!(roster.pass(now + 9 * SECOND), []);
        assert_eq!(roster.deadline(), Some(now + 10 * SECOND));
        let changes = roster.pass(now + 10 * SECOND);
        assert_eq!(changes, [Change::Lost(name(1)), Change::Prune(name(1))]);
    }

    #[test]
    fn who_is_unready_is_neither_dialled_nor_lost_before_it_is_gone() {
        let (mut roster, now) = seen(Patience::DEFAULT, &[1, 2]);
        assert_eq!(roster.observe(&unready(&[2], &[1]), now), []);
        assert_eq!(roster.presence(&name(1)), Some(Presence::Unready));
        assert_eq!(roster.pass(now + 3600 * SECOND), []);
        roster.observe(&all(&[2]), now + 3600 * SECOND);
        assert_eq!(roster.pass(now + 3610 * SECOND), lost(1));
        // Two slices may tell different things of one pod for a moment.
        roster.observe(&unready(&[2], &[2]), now);
        assert_eq!(roster.presence(&name(2)), Some(Presence::Wanted));
    }

    #[test]
    fn a_flood_of_names_is_cut_and_said() {
        let numbers: Vec<u32> = (0..12_000).collect();
        let mut roster = Roster::new(Patience::DEFAULT);
        let changes = roster.observe(&all(&numbers), Instant::now());
        assert_eq!(changes.len(), Roster::LIMIT);
        assert_eq!(roster.left_out(), 2_000);
    }

    #[test]
    fn a_flood_that_has_passed_keeps_no_room() {
        let now = Instant::now();
        let mut roster = Roster::new(Patience::DEFAULT);
        roster.observe(&all(&(0..10_000).collect::<Vec<_>>()), now);
        let real = all(&[20_000, 20_001]);
        assert_eq!(roster.observe(&real, now + SECOND), []);
        assert_eq!(roster.left_out(), 2);
        assert_eq!(roster.pass(now + 11 * SECOND).len(), 10_000, "the flood is lost");
        assert_eq!(roster.observe(&real, now + 12 * SECOND).len(), 2);
        assert_eq!(roster.left_out(), 0);
    }

    proptest! {
        #[test]
        fn nobody_is_lost_who_was_in_every_answer(
            answers in proptest::collection::vec(
                (proptest::collection::vec(1..6_u32, 0..5), any::<bool>(), 0..30_u32),
                0..40,
            ),
        ) {
            let (mut roster, mut now) = seen(PRUNING, &[0]);
            for (mut numbers, is_complete, seconds) in answers {
                now += seconds * SECOND;
                numbers.push(0);
                let answer = if is_complete { all(&numbers) } else { part(&numbers) };
                let changes = roster.observe(&answer, now);
                prop_assert!(!changes.contains(&Change::Lost(name(0))));
                // What a deadline announces, time brings.
                if let Some(due) = roster.deadline() {
                    prop_assert!(!roster.pass(due.max(now)).is_empty() || due <= now);
                }
            }
            prop_assert_eq!(roster.presence(&name(0)), Some(Presence::Wanted));
        }
    }
}
