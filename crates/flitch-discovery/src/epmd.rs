//! `Epmd` and `LocalEpmd`: names that are known, and names of this host.

use std::net::IpAddr;
use std::time::Duration;

use flitch_epmd::address::{self, Family};
use flitch_name::{NodeName, NodePattern};
use serde::Deserialize;

use crate::naming::Place;
use crate::options::{self, setters};

/// The nodes of a list.
///
/// `timeout` is libcluster's time between two attempts to connect. Here it changes nothing:
/// whoever is wanted is dialled for ever, with waits that grow.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Epmd {
    #[serde(default, deserialize_with = "options::texts")]
    pub(crate) hosts: Vec<NodeName>,
    #[serde(default, deserialize_with = "options::millis_or_infinity")]
    #[expect(dead_code, reason = "it is libcluster's, and has to be one of its values")]
    timeout: Option<Duration>,
}

impl Epmd {
    /// These nodes.
    pub fn new(hosts: impl IntoIterator<Item = NodeName>) -> Self {
        Self { hosts: hosts.into_iter().collect(), timeout: None }
    }
}

/// Every node of this host that its EPMD lists, or those that `node_pattern` fits.
///
/// Unlike libcluster's, it asks again and again, so that nodes that start later are found; their
/// names get our own host.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LocalEpmd {
    #[serde(default, deserialize_with = "options::pattern")]
    pub(crate) node_pattern: Option<NodePattern>,
    #[serde(default = "options::polling_interval", deserialize_with = "options::millis")]
    pub(crate) polling_interval: Duration,
}

impl Default for LocalEpmd {
    fn default() -> Self {
        Self { node_pattern: None, polling_interval: options::POLLING_INTERVAL }
    }
}

impl LocalEpmd {
    /// Every five seconds.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Only the nodes that fit.
    #[must_use]
    pub fn node_pattern(mut self, pattern: NodePattern) -> Self {
        self.node_pattern = Some(pattern);
        self
    }

    setters!(polling_interval);
}

/// This host, as `node` names it; EPMD is on loopback, first of the family of that name.
pub(crate) fn here(node: &NodeName) -> Place {
    let ip = |family| address::local(family, 0).ip();
    let mut addresses = vec![ip(Family::V4), ip(Family::V6)];
    if node.host().parse().is_ok_and(|host: IpAddr| host.is_ipv6()) {
        addresses.reverse();
    }
    Place { host: node.host().to_owned(), addresses }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_timeout_of_libcluster_is_taken_in_both_its_forms() {
        let read = |timeout: &str| {
            let options = format!("hosts = ['a@127.0.0.1', 'b@127.0.0.1']\ntimeout = {timeout}");
            toml::from_str::<Epmd>(&options).map(|epmd| epmd.hosts.len())
        };
        assert_eq!(read("30000"), Ok(2));
        assert_eq!(read("'infinity'"), Ok(2));
        assert!(read("'soon'").unwrap_err().to_string().contains("infinity"));
        assert!(read("-1").unwrap_err().to_string().contains("30000"));
    }

    #[test]
    fn a_host_that_is_no_node_name_is_a_mistake() {
        let said = toml::from_str::<Epmd>("hosts = ['a']").unwrap_err().to_string();
        assert!(said.contains("a@HOST"), "{said}");
    }

    #[test]
    fn local_nodes_have_our_own_host_in_their_names() {
        let place = here(&"me@10.0.0.1".parse().unwrap());
        assert_eq!((place.host.as_str(), place.addresses[0].is_ipv4()), ("10.0.0.1", true));
        let place = here(&"me@fd00::1".parse().unwrap());
        assert!(place.addresses[0].is_ipv6());
    }
}
