//! Which waiting connection goes when there are too many.
//!
//! A server that refuses the newest connection when it is full can be kept full by somebody who
//! opens connections and says nothing. An honest peer is served within milliseconds, so here the
//! *oldest* waiting connection goes: first of the same source, then of all.
//!
//! Only connections without an answer yet are waiting. Those that hold a registration are bounded
//! by [`Table`](crate::table::Table).

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr};

use crate::table::ConnectionId;

/// The waiting connections, oldest first, in all and by source.
#[derive(Debug)]
pub struct Gate {
    limit: usize,
    limit_per_source: usize,
    waiting: BTreeMap<ConnectionId, Source>,
    by_source: BTreeMap<Source, BTreeSet<ConnectionId>>,
}

impl Gate {
    /// At most `limit` waiting connections in all and `limit_per_source` from one source, and at
    /// least one.
    #[must_use]
    pub fn new(limit: usize, limit_per_source: usize) -> Self {
        Self {
            limit: limit.max(1),
            limit_per_source: limit_per_source.max(1),
            waiting: BTreeMap::new(),
            by_source: BTreeMap::new(),
        }
    }

    /// A connection was accepted. Gives the one that has to go for it, if there are too many.
    pub fn admit(&mut self, id: ConnectionId, from: IpAddr) -> Option<ConnectionId> {
        let evicted = self.too_many(from);
        if let Some(evicted) = evicted {
            self.settle(evicted);
        }
        self.let_in(id, from);
        evicted
    }

    /// A connection was accepted, whether or not there are too many.
    pub fn let_in(&mut self, id: ConnectionId, from: IpAddr) {
        let source = Source::of(from);
        self.waiting.insert(id, source);
        self.by_source.entry(source).or_default().insert(id);
    }

    /// Which one would have to go for one more from there, if any.
    #[must_use]
    pub fn too_many(&self, from: IpAddr) -> Option<ConnectionId> {
        let of_source = self.by_source.get(&Source::of(from));
        match of_source.filter(|ids| ids.len() >= self.limit_per_source) {
            Some(ids) => ids.first().copied(),
            None if self.waiting.len() >= self.limit => self.oldest(),
            None => None,
        }
    }

    /// The connection no longer waits: it is registered, or gone.
    pub fn settle(&mut self, id: ConnectionId) {
        let Some(source) = self.waiting.remove(&id) else { return };
        if let Some(ids) = self.by_source.get_mut(&source) {
            ids.remove(&id);
            if ids.is_empty() {
                self.by_source.remove(&source);
            }
        }
    }

    /// The connection that waits longest.
    #[must_use]
    pub fn oldest(&self) -> Option<ConnectionId> {
        self.waiting.keys().next().copied()
    }

    /// How many connections wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }
}

/// Who is behind an address: for IPv6 the /64, which one host has to itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source(IpAddr);

impl Source {
    /// The source of connections from an address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(v6) if !v6.is_loopback() => {
                Self(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into())
            }
            other => Self(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_source_over_its_limit_loses_its_own_oldest_and_nobody_elses() {
        let mut gate = Gate::new(100, 2);
        assert_eq!(gate.admit(ConnectionId(0), ip("10.0.0.1")), None);
        for id in 1..3 {
            assert_eq!(gate.admit(ConnectionId(id), ip("10.0.0.2")), None);
        }
        assert_eq!(gate.admit(ConnectionId(3), ip("10.0.0.2")), Some(ConnectionId(1)));
        assert_eq!(gate.admit(ConnectionId(4), ip("10.0.0.2")), Some(ConnectionId(2)));
        assert_eq!(gate.waiting(), 3);
    }

    #[test]
    fn when_all_sources_together_are_too_many_the_oldest_goes() {
        let mut gate = Gate::new(3, 2);
        for id in 0..3 {
            assert_eq!(gate.admit(ConnectionId(id), ip(&format!("10.0.0.{id}"))), None);
        }
        assert_eq!(gate.oldest(), Some(ConnectionId(0)));
        assert_eq!(gate.admit(ConnectionId(3), ip("10.0.0.3")), Some(ConnectionId(0)));
        assert_eq!((gate.oldest(), gate.waiting()), (Some(ConnectionId(1)), 3));
    }

    #[test]
    fn a_connection_that_is_served_makes_room() {
        let mut gate = Gate::new(2, 1);
        gate.admit(ConnectionId(0), ip("10.0.0.1"));
        gate.settle(ConnectionId(0));
        gate.settle(ConnectionId(0));
        assert_eq!(gate.admit(ConnectionId(1), ip("10.0.0.1")), None);
        assert_eq!(gate.waiting(), 1);
    }

    #[test]
    fn the_addresses_of_one_ipv6_host_are_one_source_and_mapped_ipv4_is_ipv4() {
        let mut gate = Gate::new(100, 1);
        gate.admit(ConnectionId(0), ip("fd00::1"));
        assert_eq!(gate.admit(ConnectionId(1), ip("fd00::2:2")), Some(ConnectionId(0)));
        assert_eq!(gate.admit(ConnectionId(2), ip("fd00:0:0:1::1")), None);
        gate.admit(ConnectionId(3), ip("::ffff:10.0.0.1"));
        assert_eq!(gate.admit(ConnectionId(4), ip("10.0.0.1")), Some(ConnectionId(3)));
    }

    #[test]
    fn a_limit_of_nothing_still_serves_one_at_a_time() {
        let mut gate = Gate::new(0, 0);
        assert_eq!(gate.admit(ConnectionId(0), ip("10.0.0.1")), None);
        assert_eq!(gate.admit(ConnectionId(1), ip("10.0.0.2")), Some(ConnectionId(0)));
    }

    #[test]
    fn a_flood_from_a_thousand_sources_leaves_nothing_behind() {
        let mut gate = Gate::new(64, 4);
        for id in 0..10_000_u64 {
            let host = u32::try_from(id % 1000).unwrap();
            gate.admit(ConnectionId(id), IpAddr::V4(host.into()));
            assert!(gate.waiting() <= 64);
        }
        for id in 0..10_000 {
            gate.settle(ConnectionId(id));
        }
        assert!(gate.waiting.is_empty() && gate.by_source.is_empty());
    }
}
