//! Who was heard, for how long that counts, and whether we hear at all.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::{Duration, Instant};

use flitch_name::NodeName;

use crate::{DiscoveryError, Observation, Problem};

use super::Packets;

/// How long a node counts as there after its last heartbeat: twelve that may get lost, at least.
const REMEMBERED: Duration = Duration::from_secs(60);

/// After so long whoever is there has been heard, though one heartbeat got lost.
const SETTLED: Duration = Duration::from_secs(10);

/// How long our own heartbeat may take to come back to us before something is wrong.
const DEAF: Duration = Duration::from_secs(15);

/// The most nodes that are remembered.
const MAX_HEARD: usize = 1024;

/// Complaints about strangers come at most this often.
const WINDOW: Duration = Duration::from_secs(60);

/// What is known from listening. No socket, no clock.
///
/// Give it every datagram, whether sending worked, and the time now and then; after each, take what
/// there is from [`poll_observation`](Self::poll_observation) and
/// [`poll_complaint`](Self::poll_complaint). Its memory has a bound, whoever sends whatever.
///
/// Silence is not absence while we may be deaf: an observation is complete only when our own
/// heartbeats come back, as multicast and broadcast do, and when we have listened for a while.
#[derive(Debug)]
pub struct Hearing {
    packets: Packets,
    own: NodeName,
    since: Instant,
    heard: BTreeMap<NodeName, Instant>,
    heard_own: Option<Instant>,
    /// Whether heartbeats of ours are sent.
    announces: bool,
    cannot_send: Option<DiscoveryError>,
    told: Option<Observation>,
    news: Option<Observation>,
    strangers: Strangers,
}

#[derive(Debug, Default)]
struct Strangers {
    count: u64,
    last: String,
    complained: Option<Instant>,
}

impl Hearing {
    /// Listens from `now` on.
    #[must_use]
    pub fn new(packets: Packets, own: NodeName, now: Instant) -> Self {
        let mut hearing = Self {
            packets,
            own,
            since: now,
            heard: BTreeMap::new(),
            heard_own: None,
            announces: true,
            cannot_send: None,
            told: None,
            news: None,
            strangers: Strangers::default(),
        };
        hearing.look(now);
        hearing
    }

    /// For a node that sends no heartbeats. That we are not deaf, the others' have to show.
    #[must_use]
    pub fn silent(mut self) -> Self {
        self.announces = false;
        self
    }

    /// The heartbeat that is to be sent, with 16 bytes by chance.
    #[must_use]
    pub fn heartbeat(&self, iv: [u8; 16]) -> Vec<u8> {
        self.packets.encode(&self.own, iv)
    }

    /// A datagram came.
    pub fn handle_datagram(&mut self, now: Instant, from: impl Display, datagram: &[u8]) {
        match self.packets.decode(datagram) {
            Ok(name) if name == self.own => {
                if self.is_deaf(now) {
                    // The others' heartbeats were missed as well: listening begins anew.
                    self.since = now;
                }
                let was_deaf = self.heard_own.replace(now).is_none();
                if was_deaf {
                    self.look(now);
                }
            }
            Ok(name) => {
                if let Some(last) = self.heard.get_mut(&name) {
                    *last = now;
                } else if self.heard.len() < MAX_HEARD {
                    self.heard.insert(name, now);
                    self.look(now);
                } else {
                    // Who was there first stays: a flood of names must not drive them out.
                    self.strangers.add(&from, "there are more nodes than are remembered");
                }
            }
            Err(stranger) => self.strangers.add(&from, stranger),
        }
    }

    /// A heartbeat was sent, or why not.
    pub fn handle_sent(&mut self, now: Instant, sent: Result<(), DiscoveryError>) {
        self.cannot_send = sent.err();
        self.look(now);
    }

    /// Time has passed: to be called every second or so.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.heard.retain(|_, last| now.saturating_duration_since(*last) < REMEMBERED);
        self.look(now);
    }

    /// Whether our own heartbeats ought to have come back to us, and do not.
    #[must_use]
    pub fn is_deaf(&self, now: Instant) -> bool {
        let own = now.saturating_duration_since(self.heard_own.unwrap_or(self.since));
        self.announces && own >= DEAF
    }

    /// What is seen, if it is news.
    pub fn poll_observation(&mut self) -> Option<Observation> {
        self.news.take()
    }

    /// One line about what came and was no heartbeat, at most once a minute.
    pub fn poll_complaint(&mut self, now: Instant) -> Option<String> {
        let Strangers { count, last, complained } = &mut self.strangers;
        let quiet = complained.is_none_or(|then| now.saturating_duration_since(then) >= WINDOW);
        if *count == 0 || !quiet {
            return None;
        }
        let said = format!("{count} datagrams were not taken as heartbeats; the last {last}");
        (*count, *complained) = (0, Some(now));
        Some(said)
    }

    fn look(&mut self, now: Instant) {
        let seen = Observation {
            peers: self.heard.keys().cloned().collect(),
            problems: self.doubt(now).into_iter().collect(),
            ..Observation::default()
        };
        if self.told.as_ref() != Some(&seen) {
            self.told = Some(seen.clone());
            self.news = Some(seen);
        }
    }

    /// Why those who were heard may not be all.
    fn doubt(&self, now: Instant) -> Option<DiscoveryError> {
        let other = |said: &str| Some(DiscoveryError::new(Problem::Other, said));
        let listening = now.saturating_duration_since(self.since);
        if self.cannot_send.is_some() {
            self.cannot_send.clone()
        } else if !self.announces && listening >= SETTLED {
            match self.heard.is_empty() {
                true => other("nobody was heard, and whether anybody could be is not known"),
                false => None,
            }
        } else if self.is_deaf(now) {
            other(
                "our own heartbeats do not come back to us, so the others' may not come either: \
                 leave if_addr at 0.0.0.0, and check multicast_if, multicast_addr and firewalls",
            )
        } else if listening < SETTLED || self.heard_own.is_none() {
            let said = "gossip has begun to listen only now, and may not have heard everybody";
            Some(DiscoveryError::new(Problem::Early, said))
        } else {
            None
        }
    }
}

impl Strangers {
    fn add(&mut self, from: &impl Display, why: impl Display) {
        self.count = self.count.saturating_add(1);
        self.last = format!("came from {from}: {why}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    struct Room {
        hearing: Hearing,
        now: Instant,
    }

    impl Room {
        fn new() -> Self {
            let now = Instant::now();
            let own = "me@10.0.0.1".parse().unwrap();
            Self { hearing: Hearing::new(Packets::default(), own, now), now }
        }

        fn hear(&mut self, name: &str) {
            let packet = Packets::default().encode(&name.parse().unwrap(), [0; 16]);
            self.hearing.handle_datagram(self.now, "10.0.0.9", &packet);
        }

        fn pass(&mut self, time: Duration) {
            self.now += time;
            self.hearing.handle_timeout(self.now);
        }

        fn seen(&mut self) -> (Vec<String>, bool) {
            let seen = self.hearing.poll_observation().expect("news");
            (seen.peers.iter().map(ToString::to_string).collect(), seen.is_complete())
        }
    }

    #[test]
    fn who_is_heard_is_there_at_once_and_all_are_known_after_a_while() {
        let mut room = Room::new();
        assert_eq!(room.seen(), (vec![], false));
        room.hear("me@10.0.0.1");
        room.hear("app@10.0.0.2");
        assert_eq!(room.seen(), (vec!["app@10.0.0.2".to_owned()], false));
        room.hear("app@10.0.0.2");
        room.hear("me@10.0.0.1");
        assert_eq!(room.hearing.poll_observation(), None, "nothing new");
        room.pass(SETTLED);
        assert_eq!(room.seen(), (vec!["app@10.0.0.2".to_owned()], true));
    }

    #[test]
    fn who_is_silent_for_a_minute_is_gone() {
        let mut room = Room::new();
        room.hear("app@10.0.0.2");
        for passing in [10, 10, 10, 10, 10, 9] {
            room.hear("me@10.0.0.1");
            room.pass(passing * SECOND);
        }
        assert_eq!(room.seen(), (vec!["app@10.0.0.2".to_owned()], true));
        room.pass(SECOND);
        assert_eq!(room.seen(), (vec![], true));
    }

    #[test]
    fn who_is_deaf_loses_nobody() {
        let mut room = Room::new();
        room.hear("me@10.0.0.1");
        room.hear("app@10.0.0.2");
        room.pass(SETTLED);
        assert!(room.seen().1);
        room.pass(DEAF);
        let seen = room.hearing.poll_observation().unwrap();
        assert!(seen.problems[0].message.contains("if_addr"), "{seen:?}");
        room.pass(REMEMBERED);
        assert_eq!(room.seen(), (vec![], false), "not heard, and not said to be gone");
    }

    #[test]
    fn who_hears_again_has_not_heard_everybody_at_once() {
        let mut room = Room::new();
        room.hear("me@10.0.0.1");
        room.hear("app@10.0.0.2");
        room.pass(SETTLED);
        assert!(room.seen().1 && !room.hearing.is_deaf(room.now));
        room.pass(REMEMBERED);
        assert_eq!(room.seen(), (vec![], false));
        assert!(room.hearing.is_deaf(room.now));
        room.hear("me@10.0.0.1");
        room.pass(SECOND);
        assert!(!room.seen().1, "the others' heartbeats have yet to come");
        room.pass(SETTLED);
        assert_eq!(room.seen(), (vec![], true));
    }

    #[test]
    fn a_network_that_is_down_makes_it_partial_until_it_is_up() {
        let mut room = Room::new();
        room.hear("me@10.0.0.1");
        room.pass(SETTLED);
        assert!(room.seen().1);
        let down = DiscoveryError::new(Problem::Other, "unreachable");
        room.hearing.handle_sent(room.now, Err(down));
        assert!(!room.seen().1);
        room.hearing.handle_sent(room.now, Ok(()));
        assert!(room.seen().1);
    }

    #[test]
    fn a_flood_of_names_takes_bounded_memory_and_drives_nobody_out() {
        let mut room = Room::new();
        room.hear("app@10.0.0.2");
        for number in 0..2 * MAX_HEARD {
            room.hear(&format!("flood-{number}@10.0.0.9"));
        }
        assert_eq!(room.hearing.heard.len(), MAX_HEARD);
        assert!(room.seen().0.contains(&"app@10.0.0.2".to_owned()));
        assert!(room.hearing.poll_complaint(room.now).unwrap().contains("more nodes"));
    }

    #[test]
    fn garbage_is_counted_and_complained_of_once_a_minute() {
        let mut room = Room::new();
        let complain = |room: &mut Room| room.hearing.poll_complaint(room.now);
        assert_eq!(complain(&mut room), None);
        for _ in 0..1000 {
            room.hearing.handle_datagram(room.now, "10.0.0.9", b"garbage");
        }
        let said = complain(&mut room).unwrap();
        assert!(said.contains("1000") && said.contains("10.0.0.9"), "{said}");
        room.hearing.handle_datagram(room.now, "10.0.0.9", b"garbage");
        assert_eq!(complain(&mut room), None);
        room.pass(WINDOW);
        assert!(complain(&mut room).unwrap().contains("1 datagrams"));
    }
}
