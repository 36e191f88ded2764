//! What the strategies of DNS have in common: a name to ask for, and what its records are to the
//! names of nodes.

use std::net::IpAddr;
use std::time::Duration;

use crate::naming::{Naming, Place};
use crate::resolve::{Kind, Nameserver};
use crate::{DiscoveryError, Problem};

/// One name to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    /// The name, to be searched for unless it ends with a dot.
    pub(crate) name: String,
    /// What to ask, and what an answer is.
    pub(crate) about: About,
    /// How nodes there are called.
    pub(crate) naming: Naming,
}

/// What the records of a name are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// A and AAAA: addresses, which nodes have in their names.
    Addresses,
    /// A and AAAA of pods, each of which may have both: those of our own family count.
    Pods,
    /// A only.
    V4,
    /// AAAA only.
    V6,
    /// SRV: hosts, which nodes have in their names.
    Hosts,
    /// SRV: hosts, and nodes have those hosts' addresses in their names.
    AddressesOfHosts,
}

impl About {
    /// The types to ask for.
    pub(crate) fn kinds(self) -> &'static [Kind] {
        match self {
            Self::Addresses | Self::Pods => &[Kind::A, Kind::Aaaa],
            Self::V4 => &[Kind::A],
            Self::V6 => &[Kind::Aaaa],
            Self::Hosts | Self::AddressesOfHosts => &[Kind::Srv],
        }
    }
}

/// Of pods that have an address of each family, one name each: by the family that stands in our own
/// name, since the `POD_IP`s of a cluster all come in one order.
pub(crate) fn own_family(places: &mut Vec<Place>, own_host: &str) {
    let is_ours = |place: &Place| match (own_host.parse(), place.addresses.first()) {
        (Ok(IpAddr::V6(_)), Some(address)) => address.is_ipv6(),
        (_, Some(address)) => address.is_ipv4(),
        (_, None) => true,
    };
    if places.iter().any(is_ours) {
        places.retain(is_ours);
    }
}

/// A strategy that polls DNS.
pub(crate) trait Asks {
    /// What it is called.
    const NAME: &'static str;

    /// What to ask. `own` is our own basename, `cluster_domain` what `CLUSTER_DOMAIN` says.
    ///
    /// # Errors
    /// Options that cannot work.
    fn questions(
        &self,
        own: &str,
        cluster_domain: Option<&str>,
    ) -> Result<Vec<Question>, DiscoveryError>;

    /// How often to ask.
    fn every(&self) -> Duration;

    /// The servers to ask; with none, those of the system.
    fn servers(&self) -> &[Nameserver];
}

/// A name to ask for, as an option gave it.
///
/// # Errors
/// It is empty, or holds what no name in DNS does.
pub(crate) fn given(key: &str, name: &str) -> Result<String, DiscoveryError> {
    let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '@' | '/' | ':');
    let mut labels = name.strip_suffix('.').unwrap_or(name).split('.');
    let is_odd = labels.any(|label| label.is_empty() || label.len() > 63);
    if is_odd || name.contains(odd) || name.len() > 253 {
        let said = format!("{key} = {name:?} is no name to look up: give one such as my-app");
        return Err(DiscoveryError::new(Problem::Config, said));
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_with_both_families_is_one_peer_and_one_with_the_other_alone_is_found() {
        let kept = |own: &str, addresses: &[&str]| {
            let mut places: Vec<_> =
                addresses.iter().map(|address| Place::at(address.parse().unwrap())).collect();
            own_family(&mut places, own);
            places.into_iter().map(|place| place.host).collect::<Vec<_>>()
        };
        let both = ["10.0.0.1", "10.0.0.2", "fd00::1", "fd00::2"];
        assert_eq!(kept("10.0.0.9", &both), ["10.0.0.1", "10.0.0.2"]);
        assert_eq!(kept("fd00::9", &both), ["fd00::1", "fd00::2"]);
        assert_eq!(kept("worker.shop.svc", &both), ["10.0.0.1", "10.0.0.2"]);
        assert_eq!(kept("10.0.0.9", &["fd00::1"]), ["fd00::1"]);
        assert_eq!(kept("fd00::9", &["10.0.0.1"]), ["10.0.0.1"]);
    }

    #[test]
    fn what_is_no_name_is_refused_before_anybody_is_asked() {
        for name in [
            "",
            ".",
            "a b",
            "app@10.0.0.1",
            "http://app",
            &"a".repeat(64),
            "a..b",
            &"a.".repeat(127),
        ] {
            assert!(given("query", name).unwrap_err().message.contains("query"), "{name}");
        }
        assert_eq!(given("query", "_app._tcp.my-app.").unwrap(), "_app._tcp.my-app.");
    }
}
