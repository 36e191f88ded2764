//! The server's registrations: which name is which node, and which life of the name it is.
//!
//! Sans-IO: connections are numbers, time is an argument. Every call answers at once.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use flitch_name::Creation;

use crate::message::{DumpEntry, DumpState, Endpoint, NamedPort, WireName};

/// A connection to the server. Numbers are never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// The registrations. Each belongs to one connection and leaves with it.
///
/// **Creations.** A name that is registered again gets another creation than before, so that what
/// belonged to its earlier life is recognised as stale. Counters begin at the wall clock's
/// seconds, so a restarted server does not repeat itself, and no two registrations of one table
/// share a counter. Nodes of version 6 get it as it is; older ones get 1, 2 or 3 of it.
/// (`epmd_srv.c`: `bump_creation`, `get_creation`.)
///
/// **Bounds.** At most `limit` names are registered, and at most [`MAX_OLD`](Self::MAX_OLD) names
/// that were are remembered.
#[derive(Debug)]
pub struct Table {
    limit: usize,
    started: Instant,
    started_unix: u32,
    last_counter: u32,
    next_place: u64,
    /// By order of registration, which is the order of NAMES backwards.
    live: BTreeMap<u64, Registered>,
    by_name: BTreeMap<WireName, u64>,
    by_owner: BTreeMap<ConnectionId, u64>,
    /// Oldest first.
    old: VecDeque<Old>,
}

#[derive(Debug)]
struct Registered {
    name: WireName,
    endpoint: Endpoint,
    owner: ConnectionId,
    counter: u32,
}

#[derive(Debug)]
struct Old {
    place: u64,
    name: WireName,
    port: u16,
    owner: ConnectionId,
    counter: u32,
}

impl Table {
    /// How many names that have left are remembered, as in the stock daemon.
    pub const MAX_OLD: usize = 1000;

    /// The smallest creation of a node of version 6: the ones below are for older nodes.
    const FIRST_COUNTER: u32 = 4;

    /// An empty table for at most `limit` names, made at `now`, which is `unix` seconds after
    /// 1970 by the wall clock.
    #[must_use]
    pub fn new(limit: usize, now: Instant, unix: u32) -> Self {
        Self {
            limit,
            started: now,
            started_unix: unix,
            last_counter: 0,
            next_place: 0,
            live: BTreeMap::new(),
            by_name: BTreeMap::new(),
            by_owner: BTreeMap::new(),
            old: VecDeque::new(),
        }
    }

    /// Registers a name for `owner`.
    ///
    /// # Errors
    /// The name belongs to a living connection, the table is full, or `owner` has a name already.
    pub fn register(
        &mut self,
        now: Instant,
        owner: ConnectionId,
        name: WireName,
        endpoint: Endpoint,
    ) -> Result<Creation, Refusal> {
        if self.by_owner.contains_key(&owner) {
            return Err(Refusal::OwnerHasAName);
        }
        if self.by_name.contains_key(&name) {
            return Err(Refusal::Taken);
        }
        if self.live.len() >= self.limit {
            return Err(Refusal::Full { limit: self.limit });
        }
        let counter = self.next_counter(now, &name);
        let wide = endpoint.versions.has_wide_creation();
        let place = self.take_place();
        self.by_name.insert(name.clone(), place);
        self.by_owner.insert(owner, place);
        self.live.insert(place, Registered { name, endpoint, owner, counter });
        Ok(Creation::new(if wide { counter } else { narrow(counter) }))
    }

    /// The connection is gone, and with it its name, if it had one.
    pub fn unregister(&mut self, owner: ConnectionId) -> Option<WireName> {
        let place = self.by_owner.remove(&owner)?;
        let Registered { name, endpoint, owner, counter } = self.live.remove(&place)?;
        self.by_name.remove(&name);
        if self.old.len() >= Self::MAX_OLD {
            self.old.pop_front();
        }
        let place = self.take_place();
        let port = endpoint.port;
        self.old.push_back(Old { place, name: name.clone(), port, owner, counter });
        Some(name)
    }

    /// Drops a name whose connection lives, and says which connection that is.
    pub fn evict(&mut self, name: &WireName) -> Option<ConnectionId> {
        let owner = self.live.get(self.by_name.get(name)?)?.owner;
        self.unregister(owner);
        Some(owner)
    }

    /// How to reach a node.
    #[must_use]
    pub fn lookup(&self, name: &WireName) -> Option<&Endpoint> {
        Some(&self.live.get(self.by_name.get(name)?)?.endpoint)
    }

    /// The newest name that was registered before `cursor`, and the cursor for the one after it.
    ///
    /// Names may come and go between two calls: those that stay are each seen once.
    #[must_use]
    pub fn name_before(&self, cursor: Cursor) -> Option<(NamedPort, Cursor)> {
        let (place, node) = self.live.range(..cursor.0).next_back()?;
        Some((NamedPort { name: node.name.clone(), port: node.endpoint.port }, Cursor(*place)))
    }

    /// As [`name_before`](Self::name_before), with all that a dump tells.
    #[must_use]
    pub fn active_before(&self, cursor: Cursor) -> Option<(DumpEntry, Cursor)> {
        let (place, node) = self.live.range(..cursor.0).next_back()?;
        let entry = DumpEntry {
            state: DumpState::Active,
            name: node.name.clone(),
            port: node.endpoint.port,
            connection: node.owner.0,
        };
        Some((entry, Cursor(*place)))
    }

    /// The oldest remembered name that left after `cursor`, and the cursor for the one after it.
    #[must_use]
    pub fn old_after(&self, cursor: Cursor) -> Option<(DumpEntry, Cursor)> {
        let from = self.old.partition_point(|old| old.place < cursor.0);
        let old = self.old.get(from)?;
        let entry = DumpEntry {
            state: DumpState::Old,
            name: old.name.clone(),
            port: old.port,
            connection: old.owner.0,
        };
        Some((entry, Cursor(old.place + 1)))
    }

    /// How many names are registered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.live.len()
    }

    /// Whether no name is registered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.live.is_empty()
    }

    fn take_place(&mut self) -> u64 {
        let place = self.next_place;
        self.next_place += 1;
        place
    }

    fn next_counter(&mut self, now: Instant, name: &WireName) -> u32 {
        let before = self.old.iter().position(|old| old.name == *name);
        let before = before.and_then(|at| self.old.remove(at)).map(|old| old.counter);
        let seconds = now.saturating_duration_since(self.started).as_secs();
        // Truncation is the wrap that a counter of 32 bits has anyway.
        let clock = self.started_unix.wrapping_add(seconds as u32);
        let mut counter = clock.max(bump(self.last_counter));
        // For an old node only the remainder counts, and it has to change.
        while before.is_some_and(|before| narrow(before) == narrow(counter)) {
            counter = bump(counter);
        }
        self.last_counter = counter.max(Self::FIRST_COUNTER);
        self.last_counter
    }
}

const fn bump(counter: u32) -> u32 {
    match counter.wrapping_add(1) {
        next if next < Table::FIRST_COUNTER => Table::FIRST_COUNTER,
        next => next,
    }
}

const fn narrow(counter: u32) -> u32 {
    counter % 3 + 1
}

/// A place in the table's order, which stays valid while names come and go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor(u64);

impl Cursor {
    /// Before everything, for lists that go from old to new.
    pub const OLDEST: Self = Self(0);
    /// After everything, for lists that go from new to old.
    pub const NEWEST: Self = Self(u64::MAX);
}

/// Why a name was not registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// A living connection has it.
    #[error("the name belongs to another living node: stop that one or take another name")]
    Taken,
    /// No room.
    #[error("{limit} names are registered, which is the limit: raise it in the server's config")]
    Full {
        /// The table's limit.
        limit: usize,
    },
    /// One connection, one name.
    #[error("the connection has registered a name already: open another one")]
    OwnerHasAName,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::message::DistVersions;

    const UNIX: u32 = 1_700_000_000;

    struct Bench {
        table: Table,
        now: Instant,
    }

    impl Bench {
        fn new(limit: usize) -> Self {
            let now = Instant::now();
            Self { table: Table::new(limit, now, UNIX), now }
        }

        fn register(&mut self, owner: u64, text: &str) -> Result<u32, Refusal> {
            self.register_as(owner, text, DistVersions::OTP_25)
        }

        fn register_as(
            &mut self,
            owner: u64,
            text: &str,
            versions: DistVersions,
        ) -> Result<u32, Refusal> {
            let endpoint = Endpoint { versions, ..Endpoint::normal(1000) };
            let creation =
                self.table.register(self.now, ConnectionId(owner), name(text), endpoint)?;
            Ok(creation.value())
        }

        fn leave(&mut self, owner: u64) {
            assert!(self.table.unregister(ConnectionId(owner)).is_some());
        }

        fn names(&self) -> Vec<String> {
            let mut cursor = Cursor::NEWEST;
            let mut names = Vec::new();
            while let Some((named, next)) = self.table.name_before(cursor) {
                names.push(named.name.to_string());
                cursor = next;
            }
            names
        }
    }

    fn name(text: &str) -> WireName {
        text.parse().unwrap()
    }

    #[test]
    fn a_name_is_found_until_its_connection_is_gone() {
        let mut bench = Bench::new(9);
        bench.register(1, "a").unwrap();
        assert_eq!(bench.table.lookup(&name("a")).unwrap().port, 1000);
        assert_eq!(bench.table.lookup(&name("A")), None);
        assert_eq!(bench.table.unregister(ConnectionId(1)), Some(name("a")));
        assert_eq!(bench.table.unregister(ConnectionId(1)), None);
        assert_eq!(bench.table.lookup(&name("a")), None);
        assert!(bench.table.is_empty());
    }

    #[test]
    fn a_living_name_is_not_given_to_a_second_node() {
        let mut bench = Bench::new(9);
        bench.register(1, "a").unwrap();
        assert_eq!(bench.register(2, "a"), Err(Refusal::Taken));
        bench.leave(1);
        assert!(bench.register(2, "a").is_ok());
    }

    #[test]
    fn a_connection_has_one_name() {
        let mut bench = Bench::new(9);
        bench.register(1, "a").unwrap();
        assert_eq!(bench.register(1, "b"), Err(Refusal::OwnerHasAName));
        assert_eq!(bench.names(), ["a"]);
    }

    #[test]
    fn a_full_table_refuses_and_takes_again_when_a_name_leaves() {
        let mut bench = Bench::new(2);
        bench.register(1, "a").unwrap();
        bench.register(2, "b").unwrap();
        assert_eq!(bench.register(3, "c"), Err(Refusal::Full { limit: 2 }));
        assert_eq!(bench.register(3, "a"), Err(Refusal::Taken));
        bench.leave(1);
        assert!(bench.register(3, "c").is_ok());
    }

    #[test]
    fn names_are_listed_newest_first_as_in_the_stock_daemon() {
        let mut bench = Bench::new(9);
        for (owner, text) in [(1, "a"), (2, "b"), (3, "c")] {
            bench.register(owner, text).unwrap();
        }
        assert_eq!(bench.names(), ["c", "b", "a"]);
    }

    #[test]
    fn names_that_leave_or_come_while_names_are_listed_disturb_nobody_else() {
        let mut bench = Bench::new(9);
        for (owner, text) in [(1, "a"), (2, "b"), (3, "c"), (4, "d")] {
            bench.register(owner, text).unwrap();
        }
        let (first, cursor) = bench.table.name_before(Cursor::NEWEST).unwrap();
        assert_eq!(first.name, name("d"));
        bench.leave(3);
        bench.leave(4);
        bench.register(5, "e").unwrap();
        let (second, cursor) = bench.table.name_before(cursor).unwrap();
        assert_eq!(second.name, name("b"));
        bench.leave(2);
        let (third, cursor) = bench.table.name_before(cursor).unwrap();
        assert_eq!(third.name, name("a"));
        assert_eq!(bench.table.name_before(cursor), None);
    }

    #[test]
    fn a_name_registered_again_gets_another_creation() {
        let mut bench = Bench::new(9);
        let mut seen = Vec::new();
        for owner in 0..100 {
            let creation = bench.register(owner, "a").unwrap();
            assert!(creation >= 4 && !seen.contains(&creation), "{creation}");
            seen.push(creation);
            bench.leave(owner);
        }
    }

    #[test]
    fn a_name_forgotten_and_registered_again_still_gets_another_creation() {
        let mut bench = Bench::new(9);
        let first = bench.register(0, "a").unwrap();
        bench.leave(0);
        for owner in 1..=u64::try_from(Table::MAX_OLD).unwrap() {
            bench.register(owner, &format!("n{owner}")).unwrap();
            bench.leave(owner);
        }
        assert_eq!(bench.table.old.len(), Table::MAX_OLD);
        assert!(bench.table.old.iter().all(|old| old.name != name("a")));
        assert_ne!(bench.register(9999, "a").unwrap(), first);
    }

    #[test]
    fn a_node_of_version_5_gets_another_of_the_values_1_to_3_each_time() {
        let old = DistVersions { high: 5, low: 5 };
        let mut bench = Bench::new(9);
        let mut last = 0;
        for owner in 0..100 {
            let creation = bench.register_as(owner, "a", old).unwrap();
            assert!((1..=3).contains(&creation) && creation != last, "{creation} after {last}");
            last = creation;
            bench.leave(owner);
            // What others do in between must not bring the same remainder back.
            for other in 0..owner % 4 {
                bench.register(1000 + other, &format!("n{owner}-{other}")).unwrap();
                bench.leave(1000 + other);
            }
        }
    }

    #[test]
    fn a_restarted_server_goes_on_with_later_creations() {
        let mut bench = Bench::new(9);
        let before = bench.register(1, "a").unwrap();
        assert_eq!(before, UNIX);
        bench.now += Duration::from_secs(60);
        assert_eq!(bench.register(2, "b").unwrap(), UNIX + 60);
        let now = Instant::now();
        let mut again = Bench { table: Table::new(9, now, UNIX + 61), now };
        assert!(again.register(1, "a").unwrap() > before);
    }

    #[test]
    fn a_clock_at_zero_or_at_its_end_still_gives_modern_creations() {
        let now = Instant::now();
        for unix in [0, 1, 3, u32::MAX] {
            let mut bench = Bench { table: Table::new(9, now, unix), now };
            for owner in 0..10 {
                let creation = bench.register(owner, &format!("n{owner}")).unwrap();
                assert!(creation >= 4, "{creation}");
                bench.leave(owner);
            }
        }
    }

    #[test]
    fn a_dump_tells_active_names_newest_first_and_old_ones_oldest_first() {
        let mut bench = Bench::new(9);
        for (owner, text) in [(1, "a"), (2, "b"), (3, "c"), (4, "d")] {
            bench.register(owner, text).unwrap();
        }
        bench.leave(3);
        bench.leave(1);
        let (d, cursor) = bench.table.active_before(Cursor::NEWEST).unwrap();
        let (b, cursor) = bench.table.active_before(cursor).unwrap();
        assert_eq!((d.name, b.name, d.connection), (name("d"), name("b"), 4));
        assert_eq!(bench.table.active_before(cursor), None);
        let (c, cursor) = bench.table.old_after(Cursor::OLDEST).unwrap();
        let (a, cursor) = bench.table.old_after(cursor).unwrap();
        assert_eq!((c.name, a.name, a.state), (name("c"), name("a"), DumpState::Old));
        assert_eq!(bench.table.old_after(cursor), None);
    }

    #[test]
    fn evicting_a_name_tells_whose_connection_has_to_go() {
        let mut bench = Bench::new(9);
        bench.register(7, "a").unwrap();
        assert_eq!(bench.table.evict(&name("b")), None);
        assert_eq!(bench.table.evict(&name("a")), Some(ConnectionId(7)));
        assert_eq!(bench.table.evict(&name("a")), None);
        assert_eq!(bench.table.unregister(ConnectionId(7)), None);
    }
}
