//! How fast a source may guess at the cookie. No clock and no socket: `now` comes in.
//!
//! A source that has failed a few times in a row has to wait for its turns to be challenged, one
//! each tenth of a second, first come, first served. A source that floods keeps strangers behind the
//! same address out while it does; a name that has proved itself from there, and every other source,
//! does not notice.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use flitch_epmd::gate::Source;
use flitch_name::NodeName;

/// The sources that have guessed wrong lately, and the peers that have not.
#[derive(Default)]
pub(crate) struct Guesses {
    lanes: HashMap<Lane, Failures>,
    /// Names that have proved themselves from a source, and when they did last.
    proved: HashMap<(Source, NodeName), Instant>,
    tickets: u64,
}

/// Who waits for the same turns: a source, or one name that has proved itself from there.
type Lane = (Source, Option<NodeName>);

struct Failures {
    count: u32,
    last: Instant,
    /// When the next turn is, and who waits for one.
    turn: Instant,
    waiting: VecDeque<u64>,
    /// When there was a line in the log, and how many failures it has not told of.
    told: Instant,
    untold: u32,
}

/// When a peer that has stated its name may be challenged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// At once.
    Now,
    /// Ask again after this time.
    Later(Duration),
    /// Not with this connection: too many wait already.
    Full,
}

/// A place among those who wait, to be given back with [`Guesses::leave`].
#[derive(Debug)]
pub(crate) struct Ticket {
    lane: Lane,
    number: u64,
}

impl Guesses {
    /// How many failures are no more than a mistake: a node that was given the wrong cookie.
    const MISTAKES: u32 = 5;
    /// The time between two turns.
    const PACE: Duration = Duration::from_millis(100);
    /// How many may wait: as many as have their turn before their own patience ends.
    const WAITING: usize = 30;
    /// How soon the next in line looks again when a turn is due that is not taken.
    const LOOK: Duration = Duration::from_millis(10);
    /// After so long without a failure, all is forgotten.
    const QUIET: Duration = Duration::from_secs(60);
    /// The time between two lines in the log about one source.
    const WINDOW: Duration = Duration::from_secs(10);
    /// How many sources, and how many names, are kept in mind.
    const LIMIT: usize = 1024;

    /// A peer wants to be challenged; one without a name has none that could have proved itself.
    /// Gives it a ticket if it has to wait, with which it asks again.
    pub(crate) fn turn(
        &mut self,
        from: IpAddr,
        name: Option<&NodeName>,
        ticket: &mut Option<Ticket>,
        now: Instant,
    ) -> Turn {
        let lane = ticket.as_ref().map_or_else(|| self.lane(from, name), |it| it.lane.clone());
        let Some(failures) = self.lanes.get_mut(&lane) else { return Turn::Now };
        if now.saturating_duration_since(failures.last) >= Self::QUIET {
            self.lanes.remove(&lane);
            return Turn::Now;
        }
        if failures.count <= Self::MISTAKES {
            return Turn::Now;
        }
        let first = failures.waiting.front().copied();
        if failures.turn <= now && first == ticket.as_ref().map(|ticket| ticket.number) {
            failures.waiting.pop_front();
            failures.turn = now + Self::PACE;
            return Turn::Now;
        }
        if ticket.is_none() {
            if failures.waiting.len() >= Self::WAITING {
                return Turn::Full;
            }
            self.tickets += 1;
            failures.waiting.push_back(self.tickets);
            *ticket = Some(Ticket { lane, number: self.tickets });
        }
        Turn::Later(failures.turn.saturating_duration_since(now).max(Self::LOOK))
    }

    /// Somebody waits no longer.
    pub(crate) fn leave(&mut self, ticket: &Ticket) {
        if let Some(failures) = self.lanes.get_mut(&ticket.lane) {
            failures.waiting.retain(|number| *number != ticket.number);
        }
    }

    /// A peer did not know the cookie. Gives how often that has happened since the last line in
    /// the log, if it is time for one.
    pub(crate) fn failed(&mut self, from: IpAddr, name: &NodeName, now: Instant) -> Option<u32> {
        let lane = self.lane(from, Some(name));
        if !self.lanes.contains_key(&lane) {
            make_room(&mut self.lanes, Self::LIMIT, |failures| failures.last);
        }
        let failures = self.lanes.entry(lane).or_insert(Failures {
            count: 0,
            last: now,
            turn: now,
            waiting: VecDeque::new(),
            told: now.checked_sub(Self::WINDOW).unwrap_or(now),
            untold: 0,
        });
        failures.count = failures.count.saturating_add(1);
        failures.untold = failures.untold.saturating_add(1);
        failures.last = now;
        if failures.count > 1 && now.saturating_duration_since(failures.told) < Self::WINDOW {
            return None;
        }
        failures.told = now;
        Some(std::mem::take(&mut failures.untold))
    }

    /// A peer knew the cookie.
    pub(crate) fn proved(&mut self, from: IpAddr, name: &NodeName, now: Instant) {
        let key = (Source::of(from), name.clone());
        if !self.proved.contains_key(&key) {
            make_room(&mut self.proved, Self::LIMIT, |since| *since);
        }
        self.proved.insert(key, now);
    }

    fn lane(&self, from: IpAddr, name: Option<&NodeName>) -> Lane {
        let source = Source::of(from);
        let key = name.map(|name| (source, name.clone()));
        (source, key.filter(|key| self.proved.contains_key(key)).map(|(_, name)| name))
    }
}

/// Forgets the oldest entry if there is no room for one more.
fn make_room<K: Clone + Eq + std::hash::Hash, V>(
    map: &mut HashMap<K, V>,
    limit: usize,
    age: impl Fn(&V) -> Instant,
) {
    if map.len() >= limit
        && let Some(oldest) = map.iter().min_by_key(|(_, value)| age(value)).map(|(key, _)| key)
    {
        let oldest = oldest.clone();
        map.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(last: u32) -> IpAddr {
        IpAddr::V4((0x0a00_0000 + last).into())
    }

    fn name(text: &str) -> NodeName {
        text.parse().unwrap()
    }

    /// Whether a connection of its own has to wait.
    fn ask(guesses: &mut Guesses, name: &NodeName, now: Instant) -> Turn {
        guesses.turn(ip(1), Some(name), &mut None, now)
    }

    /// One who guesses as fast as it is let, for some time: how often it could.
    fn guesses_in(guesses: &mut Guesses, start: Instant, time: Duration) -> u32 {
        let (mut now, mut count) = (start, 0);
        while now < start + time {
            // A name of its own each time, and a millisecond for the way.
            now += Duration::from_millis(1);
            let stranger = name(&format!("x{count}@h.x"));
            let mut ticket = None;
            while let Turn::Later(wait) = guesses.turn(ip(1), Some(&stranger), &mut ticket, now) {
                now += wait;
            }
            guesses.failed(ip(1), &stranger, now);
            count += 1;
        }
        count
    }

    #[test]
    fn whoever_guesses_gets_ten_a_second_and_not_thousands() {
        let count = guesses_in(&mut Guesses::default(), Instant::now(), Duration::from_secs(60));
        assert!((100..=620).contains(&count), "{count}");
    }

    #[test]
    fn a_few_mistakes_cost_no_time_and_a_quiet_minute_forgives_the_rest() {
        let (mut guesses, now) = (Guesses::default(), Instant::now());
        let peer = name("a@h.x");
        for _ in 0..Guesses::MISTAKES {
            guesses.failed(ip(1), &peer, now);
            assert_eq!(ask(&mut guesses, &peer, now), Turn::Now);
        }
        guesses.failed(ip(1), &peer, now);
        assert_eq!(ask(&mut guesses, &peer, now), Turn::Now);
        assert_eq!(ask(&mut guesses, &peer, now), Turn::Later(Guesses::PACE));
        let elsewhere = guesses.turn(ip(2), Some(&peer), &mut None, now);
        assert_eq!(elsewhere, Turn::Now, "another source is another matter");
        assert_eq!(ask(&mut guesses, &peer, now + Guesses::QUIET), Turn::Now);
        assert!(guesses.lanes.is_empty());
    }

    #[test]
    fn who_waits_has_its_turn_before_those_who_came_later_and_after_those_before() {
        let (mut guesses, mut now) = (Guesses::default(), Instant::now());
        let peer = name("a@h.x");
        for _ in 0..=Guesses::MISTAKES {
            guesses.failed(ip(1), &peer, now);
        }
        assert_eq!(ask(&mut guesses, &peer, now), Turn::Now);
        let mut tickets = [const { None::<Ticket> }; 3];
        for ticket in &mut tickets {
            let turn = guesses.turn(ip(1), Some(&peer), ticket, now);
            assert_eq!(turn, Turn::Later(Guesses::PACE));
        }
        // The second one leaves, and the rest have their turns in the order in which they came.
        guesses.leave(tickets[1].as_ref().unwrap());
        for due in [0, 2] {
            now += Guesses::PACE;
            for (number, ticket) in tickets.iter_mut().enumerate().skip(due).rev() {
                let turn = guesses.turn(ip(1), Some(&peer), ticket, now);
                assert_eq!(turn == Turn::Now, number == due, "{number}");
            }
        }
        for _ in 0..Guesses::WAITING {
            assert!(matches!(ask(&mut guesses, &peer, now), Turn::Later(_)));
        }
        assert_eq!(ask(&mut guesses, &peer, now), Turn::Full);
    }

    #[test]
    fn a_peer_that_has_proved_itself_from_there_before_does_not_wait_behind_a_flood() {
        let (mut guesses, now) = (Guesses::default(), Instant::now());
        let good = name("good@h.x");
        guesses.proved(ip(1), &good, now);
        for number in 0..1000 {
            let stranger = name(&format!("x{number}@h.x"));
            guesses.failed(ip(1), &stranger, now);
            ask(&mut guesses, &stranger, now);
        }
        assert_eq!(ask(&mut guesses, &name("x@h.x"), now), Turn::Full);
        assert_eq!(ask(&mut guesses, &good, now), Turn::Now);
        // Whoever guesses under its name slows down that name, and is slowed down as well.
        for _ in 0..=Guesses::MISTAKES {
            guesses.failed(ip(1), &good, now);
        }
        assert_eq!(ask(&mut guesses, &good, now), Turn::Now);
        assert_eq!(ask(&mut guesses, &good, now), Turn::Later(Guesses::PACE));
    }

    #[test]
    fn one_line_a_window_tells_of_all_failures_of_a_source() {
        let (mut guesses, start) = (Guesses::default(), Instant::now());
        let peer = name("a@h.x");
        assert_eq!(guesses.failed(ip(1), &peer, start), Some(1));
        for _ in 0..500 {
            assert_eq!(guesses.failed(ip(1), &peer, start + Duration::from_secs(9)), None);
        }
        assert_eq!(guesses.failed(ip(1), &peer, start + Guesses::WINDOW), Some(501));
    }

    #[test]
    fn sources_without_end_take_no_memory_without_end() {
        let (mut guesses, now) = (Guesses::default(), Instant::now());
        for number in 0..10_000 {
            let peer = name(&format!("x{number}@h.x"));
            guesses.failed(ip(number), &peer, now + Duration::from_millis(number.into()));
            guesses.proved(ip(number), &peer, now + Duration::from_millis(number.into()));
        }
        assert_eq!((guesses.lanes.len(), guesses.proved.len()), (Guesses::LIMIT, Guesses::LIMIT));
        assert!(guesses.lanes.contains_key(&(Source::of(ip(9_999)), None)));
    }
}
