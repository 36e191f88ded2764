//! Who stands before the door: connections that have not finished their handshake, who guesses at
//! the cookie, and the names that nodes without one were given.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use flitch_epmd::gate::Gate;
use flitch_epmd::table::ConnectionId;
use tokio_util::sync::CancellationToken;

use crate::given_names::GivenNames;
use crate::guesses::Guesses;

/// Handshakes under way at a time, in all and from one address. For one more the oldest has to go
/// that is not [`YOUNG`] any more: an honest peer needs milliseconds, so whoever says nothing keeps
/// out nobody.
const MAX_HANDSHAKES: (usize, usize) = (512, 128);

/// Who came so lately stays, also when there are more: after a netsplit, or a restart of ours, a
/// thousand honest peers come at once, and all of them may come from one address.
const YOUNG: Duration = Duration::from_millis(250);

/// More than these are under way at no time, however young they are.
const MOST_HANDSHAKES: usize = 2048;

/// What all listeners of a node share.
pub(crate) struct Door {
    under_way: Mutex<UnderWay>,
    guesses: Mutex<Guesses>,
    names: Mutex<GivenNames>,
}

/// The handshakes that are under way.
struct UnderWay {
    gate: Gate,
    next: u64,
    /// Since when each is here, and how it is told to go.
    evict: HashMap<ConnectionId, (Instant, CancellationToken)>,
}

/// The place of one handshake, given up when it is dropped.
pub(crate) struct Place {
    door: Arc<Door>,
    id: ConnectionId,
    evicted: CancellationToken,
}

impl Door {
    pub(crate) fn new() -> Arc<Self> {
        let gate = Gate::new(MAX_HANDSHAKES.0, MAX_HANDSHAKES.1);
        let under_way = UnderWay { gate, next: 0, evict: HashMap::new() };
        let (guesses, names) = (Mutex::default(), Mutex::default());
        Arc::new(Self { under_way: Mutex::new(under_way), guesses, names })
    }

    /// A connection has come.
    pub(crate) fn admit(self: &Arc<Self>, from: IpAddr, now: Instant) -> Place {
        let mut under_way = self.under_way();
        under_way.make_room(from, now);
        let id = ConnectionId(under_way.next);
        under_way.next += 1;
        under_way.gate.let_in(id, from);
        let evicted = CancellationToken::new();
        under_way.evict.insert(id, (now, evicted.clone()));
        Place { door: Arc::clone(self), id, evicted }
    }

    /// Who guesses at the cookie.
    pub(crate) fn guesses(&self) -> MutexGuard<'_, Guesses> {
        self.guesses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The names for nodes that have none.
    pub(crate) fn names(&self) -> MutexGuard<'_, GivenNames> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn under_way(&self) -> MutexGuard<'_, UnderWay> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl UnderWay {
    /// Tells those to go that have to for one more from there.
    fn make_room(&mut self, from: IpAddr, now: Instant) {
        while let Some(oldest) = self.gate.too_many(from) {
            let since = self.evict.get(&oldest).map_or(now, |(since, _)| *since);
            let is_young = now.saturating_duration_since(since) < YOUNG;
            if is_young && self.gate.waiting() < MOST_HANDSHAKES {
                return;
            }
            self.gate.settle(oldest);
            if let Some((_, evicted)) = self.evict.remove(&oldest) {
                evicted.cancel();
            }
        }
    }
}

impl Place {
    pub(crate) fn door(&self) -> &Arc<Door> {
        &self.door
    }

    /// Waits until this connection has to go for a newer one.
    pub(crate) async fn evicted(&self) {
        self.evicted.cancelled().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut under_way = self.door.under_way();
        under_way.gate.settle(self.id);
        under_way.evict.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
    const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));

    fn gone(places: &[Place]) -> usize {
        places.iter().filter(|place| place.evicted.is_cancelled()).count()
    }

    #[test]
    fn whoever_waits_longest_goes_for_one_more_and_others_stay() {
        let (door, start) = (Door::new(), Instant::now());
        let mut places: Vec<_> = (0..MAX_HANDSHAKES.1).map(|_| door.admit(HERE, start)).collect();
        let later = start + YOUNG;
        let other = door.admit(ELSEWHERE, later);
        places.push(door.admit(HERE, later));
        assert!(gone(&places) == 1 && places[0].evicted.is_cancelled());
        assert!(!other.evicted.is_cancelled());
        drop((places, other));
        let under_way = door.under_way();
        assert!(under_way.evict.is_empty() && under_way.gate.waiting() == 0);
    }

    #[test]
    fn a_thousand_honest_peers_come_at_once_from_one_address_and_nobody_has_to_go() {
        let (door, start) = (Door::new(), Instant::now());
        let places: Vec<_> = (0..1000).map(|_| door.admit(HERE, start)).collect();
        assert_eq!(gone(&places), 0);
        // Those of them that have not said what they should are too many a moment later.
        let _late = door.admit(HERE, start + YOUNG);
        assert_eq!(gone(&places), 1000 - (MAX_HANDSHAKES.1 - 1));
    }

    #[test]
    fn a_flood_is_bounded_however_fast_it_comes_and_others_come_in() {
        let (door, start) = (Door::new(), Instant::now());
        let places: Vec<_> = (0..3 * MOST_HANDSHAKES).map(|_| door.admit(HERE, start)).collect();
        assert_eq!(places.len() - gone(&places), MOST_HANDSHAKES);
        let other = door.admit(ELSEWHERE, start);
        let _more = door.admit(HERE, start);
        assert!(!other.evicted.is_cancelled());
        assert!(door.under_way().gate.waiting() <= MOST_HANDSHAKES);
    }
}
