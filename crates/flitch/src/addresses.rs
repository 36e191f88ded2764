//! At which addresses peers were met: whoever dials proves the cookie first, so that a name that
//! suddenly leads elsewhere is worth a line in the log. No clock and no socket.

use std::collections::HashMap;
use std::net::IpAddr;

use flitch_name::NodeName;

/// The addresses of peers that have proved themselves when they were dialled.
#[derive(Default)]
pub(crate) struct Addresses {
    peers: HashMap<NodeName, Met>,
    turn: u64,
}

struct Met {
    last: IpAddr,
    /// Those where it was met, and those that were told of; newest last.
    known: Vec<IpAddr>,
    turn: u64,
}

impl Addresses {
    /// How many peers are kept in mind, and how many addresses of each: a host may have several.
    const LIMITS: (usize, usize) = (1024, 8);

    /// A peer is about to be dialled. Gives the address where it was met last, if it was never met
    /// at this one, once for each such address.
    pub(crate) fn is_elsewhere(&mut self, peer: &NodeName, at: IpAddr) -> Option<IpAddr> {
        let met = self.peers.get_mut(peer).filter(|met| !met.known.contains(&at))?;
        met.learn(at);
        Some(met.last)
    }

    /// A peer that was dialled there has proved itself. An address in its name cannot change.
    pub(crate) fn met(&mut self, peer: &NodeName, at: IpAddr) {
        if peer.host().parse::<IpAddr>().is_ok() {
            return;
        }
        if self.peers.len() >= Self::LIMITS.0
            && !self.peers.contains_key(peer)
            && let Some(oldest) = self.peers.iter().min_by_key(|(_, met)| met.turn)
        {
            let oldest = oldest.0.clone();
            self.peers.remove(&oldest);
        }
        self.turn += 1;
        let new = || Met { last: at, known: Vec::new(), turn: 0 };
        let met = self.peers.entry(peer.clone()).or_insert_with(new);
        (met.last, met.turn) = (at, self.turn);
        met.learn(at);
    }
}

impl Met {
    fn learn(&mut self, at: IpAddr) {
        self.known.retain(|known| *known != at);
        if self.known.len() >= Addresses::LIMITS.1 {
            self.known.remove(0);
        }
        self.known.push(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(last: u8) -> IpAddr {
        [10, 0, 0, last].into()
    }

    fn name(text: &str) -> NodeName {
        text.parse().unwrap()
    }

    #[test]
    fn a_peer_that_moves_is_told_of_once_and_where_it_was_is_no_news() {
        let (mut addresses, app) = (Addresses::default(), name("app@h.x"));
        assert_eq!(addresses.is_elsewhere(&app, ip(1)), None, "nobody was met yet");
        addresses.met(&app, ip(1));
        assert_eq!(addresses.is_elsewhere(&app, ip(1)), None);
        assert_eq!(addresses.is_elsewhere(&app, ip(2)), Some(ip(1)));
        assert_eq!(addresses.is_elsewhere(&app, ip(2)), None, "it was told");
        // Whoever was there did not know the cookie: it is still the first address that counts.
        assert_eq!(addresses.is_elsewhere(&app, ip(3)), Some(ip(1)));
        addresses.met(&app, ip(3));
        assert_eq!(addresses.is_elsewhere(&app, ip(4)), Some(ip(3)));
        assert_eq!(addresses.is_elsewhere(&app, ip(1)), None, "a host with two addresses");
        assert_eq!(addresses.is_elsewhere(&name("other@h.x"), ip(9)), None);
    }

    #[test]
    fn neither_peers_nor_addresses_grow_without_bound() {
        let mut addresses = Addresses::default();
        let (most, each) = Addresses::LIMITS;
        for number in 0..most + 10 {
            addresses.met(&name(&format!("app{number}@h.x")), ip(1));
        }
        assert_eq!(addresses.peers.len(), most);
        assert!(!addresses.peers.contains_key(&name("app9@h.x")));
        let newest = name(&format!("app{}@h.x", most + 9));
        for last in 2..100 {
            assert_eq!(addresses.is_elsewhere(&newest, ip(last)), Some(ip(1)));
        }
        assert_eq!(addresses.peers[&newest].known.len(), each);
        addresses.met(&name("app@10.0.0.7"), ip(7));
        assert!(!addresses.peers.contains_key(&name("app@10.0.0.7")), "its name says where it is");
    }
}
