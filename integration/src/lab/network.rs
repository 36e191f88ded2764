//! The cluster's network: a bridge with every pod on it, the addresses that pods get, and netsplits.
//!
//! All of it is in the lab's own network namespace, which plays the node: it owns the addresses of
//! the API server and of the DNS server, and reaches every pod.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

use crate::lab::run::{ip, run};

/// The node's own address, which pods have as their gateway.
pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 244, 0, 1);
/// Where the API server answers in the cluster: the address of the service `kubernetes`.
pub const API_SERVICE: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 1);
/// Where the DNS server answers.
pub const DNS_SERVICE: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 10);

/// The bridge that every pod is plugged into, and the one that those are moved to who are cut off:
/// no link joins the two, so packets vanish without a word, as in a netsplit.
const BRIDGE: &str = "pods";
const ISLAND: &str = "island";

/// The node's hardware address.
const NODE: &str = "02:00:0a:f4:00:01";

/// The bridge and the addresses given out on it.
pub struct Network {
    given: Mutex<Given>,
}

struct Given {
    last: u16,
    kept: BTreeMap<String, Addresses>,
}

/// What a pod is reached at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    host: u16,
    ipv6_first: bool,
}

impl Addresses {
    /// The pod's IPv4 address.
    #[must_use]
    pub fn v4(self) -> Ipv4Addr {
        let [high, low] = self.host.to_be_bytes();
        Ipv4Addr::new(10, 244, high, low)
    }

    /// The pod's IPv6 address.
    #[must_use]
    pub fn v6(self) -> Ipv6Addr {
        Ipv6Addr::new(0xfd00, 0x10, 0x244, 0, 0, 0, 0, self.host)
    }

    /// Both, first the one that the pod is known by.
    #[must_use]
    pub fn both(self) -> [IpAddr; 2] {
        let (v4, v6) = (self.v4().into(), self.v6().into());
        if self.ipv6_first { [v6, v4] } else { [v4, v6] }
    }

    /// The one that the pod is known by.
    #[must_use]
    pub fn first(self) -> IpAddr {
        self.both()[0]
    }

    /// The pod's end of the cable that hangs at the bridge.
    fn cable(self) -> String {
        format!("pod{}", self.host)
    }

    /// Made of the address, so that a pod that takes over an address is where its peers look for it.
    fn hardware(self) -> String {
        let [high, low] = self.host.to_be_bytes();
        format!("02:00:0a:f4:{high:02x}:{low:02x}")
    }
}

impl Network {
    /// Sets up the bridges and the node's own addresses.
    ///
    /// # Panics
    /// If `ip` fails.
    #[must_use]
    pub fn start() -> Self {
        ip("link set lo up");
        for bridge in [BRIDGE, ISLAND] {
            // A bridge that snoops keeps multicast from those whose reports it has not seen yet; and
            // one without an address of its own takes that of a pod, and another when that pod goes.
            ip(&format!("link add {bridge} address {NODE} type bridge mcast_snooping 0"));
            ip(&format!("link set {bridge} up"));
        }
        ip(&format!("addr add {GATEWAY}/16 dev {BRIDGE}"));
        ip("-6 addr add fd00:10:244::1/64 dev pods nodad");
        ip(&format!("addr add {DNS_SERVICE}/32 dev {BRIDGE}"));
        ip(&format!("addr add {API_SERVICE}/32 dev {BRIDGE}"));
        Self { given: Mutex::new(Given { last: 9, kept: BTreeMap::new() }) }
    }

    /// Addresses that nobody had before; or the same ones as last time, for a pod that keeps them.
    pub fn give(&self, keeper: Option<&str>, ipv6_first: bool) -> Addresses {
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = keeper.and_then(|keeper| given.kept.get(keeper)) {
            return *kept;
        }
        given.last += 1;
        let addresses = Addresses { host: given.last, ipv6_first };
        if let Some(keeper) = keeper {
            given.kept.insert(keeper.to_owned(), addresses);
        }
        addresses
    }

    /// Lays a cable from the bridge into the network namespace of the process `pid`.
    ///
    /// # Panics
    /// If `ip` fails.
    pub fn plug(&self, pid: u32, addresses: Addresses) {
        let (cable, hardware) = (addresses.cable(), addresses.hardware());
        ip(&format!("link add {cable} type veth peer name eth0 address {hardware} netns {pid}"));
        ip(&format!("link set {cable} master {BRIDGE} up"));
        let inside = format!(
            "set -e; ip link set lo up; ip addr add {}/16 dev eth0; ip -6 addr add {}/64 dev eth0 nodad; \
             ip link set eth0 up; ip route add default via {GATEWAY}",
            addresses.v4(),
            addresses.v6()
        );
        run("nsenter", [&format!("--net=/proc/{pid}/ns/net"), "sh", "-c", &inside]);
    }

    /// Cuts these pods off from all others, and from the node with its API and DNS servers; they
    /// still reach each other.
    ///
    /// # Panics
    /// If `ip` fails.
    pub fn split(&self, pods: impl IntoIterator<Item = Addresses>) {
        for pod in pods {
            ip(&format!("link set {} master {ISLAND}", pod.cable()));
        }
    }

    /// Puts these pods back.
    ///
    /// # Panics
    /// If `ip` fails.
    pub fn heal(&self, pods: impl IntoIterator<Item = Addresses>) {
        for pod in pods {
            ip(&format!("link set {} master {BRIDGE}", pod.cable()));
        }
    }
}
