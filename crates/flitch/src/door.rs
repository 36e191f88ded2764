//! Who stands before the door: connections that have not finished their handshake, who guesses at
//! the cookie, and the names that nodes without one were given.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flitch_epmd::gate::Gate;
use flitch_epmd::table::ConnectionId;
use tokio_util::sync::CancellationToken;

use crate::given_names::GivenNames;
use crate::guesses::Guesses;

/// Handshakes under way at a time, in all and from one address. For one more the oldest has to go:
/// an honest peer needs milliseconds, so whoever says nothing keeps out nobody.
const MAX_HANDSHAKES: (usize, usize) = (512, 128);

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
    /// How each is told to go.
    evict: HashMap<ConnectionId, CancellationToken>,
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
    pub(crate) fn admit(self: &Arc<Self>, from: IpAddr) -> Place {
        let mut under_way = self.under_way();
        let id = ConnectionId(under_way.next);
        under_way.next += 1;
        let oldest = under_way.gate.admit(id, from);
        if let Some(oldest) = oldest.and_then(|oldest| under_way.evict.remove(&oldest)) {
            oldest.cancel();
        }
        let evicted = CancellationToken::new();
        under_way.evict.insert(id, evicted.clone());
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
    use super::*;

    #[test]
    fn whoever_waits_longest_goes_for_one_more_and_others_stay() {
        let door = Door::new();
        let admit = || door.admit([10, 0, 0, 1].into());
        let mut places: Vec<Place> = (0..MAX_HANDSHAKES.1).map(|_| admit()).collect();
        let other = door.admit([10, 0, 0, 2].into());
        places.push(admit());
        let gone: Vec<_> = places.iter().map(|place| place.evicted.is_cancelled()).collect();
        assert_eq!(gone.iter().filter(|gone| **gone).count(), 1);
        assert!(gone[0] && !other.evicted.is_cancelled());
        drop((places, other));
        let under_way = door.under_way();
        assert!(under_way.evict.is_empty() && under_way.gate.waiting() == 0);
    }
}
