//! From addresses to the hosts that stand in node names.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::object::Address;
use super::options::Mode;
use crate::naming::Place;
use crate::{DiscoveryError, Problem};

/// How addresses become hosts.
#[derive(Clone, Debug)]
pub(crate) struct Hosts {
    mode: Mode,
    service: Option<String>,
    domain: String,
    /// Which family a pod that has both is called by.
    prefer_v6: bool,
}

/// Hosts, told apart by what to do with them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// To be dialled.
    pub(crate) up: Vec<Place>,
    /// Neither to be dialled nor lost.
    pub(crate) unready: Vec<Place>,
    pub(crate) problems: Vec<DiscoveryError>,
}

impl Hosts {
    /// `own_host` is what stands in our own name: its family is preferred. All pods of a cluster
    /// have their families in one order, and call themselves by the first.
    pub(crate) fn new(mode: Mode, service: Option<String>, domain: String, own_host: &str) -> Self {
        Self { mode, service, domain, prefer_v6: is_v6(own_host) }
    }

    /// The hosts of all these addresses, each once, in the order of their names.
    pub(crate) fn of<'a>(&self, addresses: impl IntoIterator<Item = &'a Address>) -> Found {
        let mut nameless = BTreeSet::new();
        let mut places: BTreeMap<String, (BTreeSet<IpAddr>, bool)> = BTreeMap::new();
        for address in self.chosen(addresses) {
            let Some(host) = self.host(address) else {
                nameless.insert(address.ip);
                continue;
            };
            let (ips, dial) = places.entry(host).or_default();
            ips.insert(address.ip);
            // An address may be in two objects for a moment: a new pod has it already.
            *dial |= address.dial;
        }
        // Of several services in front of a pod, one knows its hostname.
        let named: BTreeSet<_> = places.values().flat_map(|(ips, _)| ips).copied().collect();
        nameless.retain(|ip| !named.contains(ip));
        let mut found = Found::default();
        for (host, (ips, dial)) in places {
            let place = Place { host, addresses: ips.into_iter().collect() };
            if dial { found.up.push(place) } else { found.unready.push(place) }
        }
        found.problems.extend(nameless.first().map(|ip| no_hostname(*ip, nameless.len())));
        found
    }

    /// One address a pod, where the address is in the name.
    fn chosen<'a>(&self, addresses: impl IntoIterator<Item = &'a Address>) -> Vec<&'a Address> {
        let mut chosen = Vec::new();
        let mut pods: BTreeMap<(&str, &str), Vec<&Address>> = BTreeMap::new();
        for address in addresses {
            match &address.pod {
                Some(pod) if self.mode != Mode::Hostname => {
                    pods.entry((&address.namespace, pod)).or_default().push(address);
                }
                _ => chosen.push(address),
            }
        }
        for ours in pods.into_values() {
            let preferred = |address: &&Address| address.ip.is_ipv6() == self.prefer_v6;
            let any = ours.iter().any(preferred);
            chosen.extend(ours.into_iter().filter(|address| !any || preferred(address)));
        }
        chosen
    }

    fn host(&self, address: &Address) -> Option<String> {
        let Address { ip, namespace, .. } = address;
        let domain = &self.domain;
        match self.mode {
            Mode::Ip => Some(ip.to_string()),
            Mode::Dns => {
                let dashed = ip.to_string().replace(['.', ':'], "-");
                Some(format!("{dashed}.{namespace}.pod.{domain}"))
            }
            Mode::Hostname => {
                let hostname = address.hostname.as_deref()?;
                let service = self.service.as_deref().or(address.service.as_deref())?;
                Some(format!("{hostname}.{service}.{namespace}.svc.{domain}"))
            }
        }
    }
}

fn no_hostname(first: IpAddr, count: usize) -> DiscoveryError {
    let others = match count {
        0 | 1 => String::new(),
        many => format!(" and {} more", many - 1),
    };
    DiscoveryError::new(
        Problem::Config,
        format!(
            "{first}{others} have no hostname behind a service, so mode = \"hostname\" cannot name \
             them: run them as a StatefulSet with that serviceName, or use mode = \"ip\""
        ),
    )
}

/// Whether a host is an IPv6 address, or the A record of one with dashes for its colons.
fn is_v6(host: &str) -> bool {
    let label = host.split('.').next().unwrap_or_default();
    host.contains(':')
        || (label.contains('-') && label.replace('-', ":").parse::<std::net::Ipv6Addr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(ip: &str, pod: Option<&str>, dial: bool) -> Address {
        Address {
            ip: ip.parse().unwrap(),
            namespace: "shop".into(),
            service: Some("app".into()),
            hostname: pod.map(Into::into),
            pod: pod.map(Into::into),
            dial,
        }
    }

    fn hosts(mode: Mode, own: &str, addresses: &[Address]) -> Vec<String> {
        let found = Hosts::new(mode, None, "example.org".into(), own).of(addresses);
        assert_eq!(found.problems, []);
        found.up.into_iter().map(|place| place.host).collect()
    }

    #[test]
    fn the_cluster_domain_counts_in_every_mode_that_has_one() {
        let pods = [address("10.244.0.5", Some("app-0"), true)];
        assert_eq!(hosts(Mode::Ip, "10.0.0.1", &pods), ["10.244.0.5"]);
        assert_eq!(hosts(Mode::Dns, "x", &pods), ["10-244-0-5.shop.pod.example.org"]);
        assert_eq!(hosts(Mode::Hostname, "x", &pods), ["app-0.app.shop.svc.example.org"]);
        let named = Hosts::new(Mode::Hostname, Some("beam".into()), "example.org".into(), "x");
        assert_eq!(named.of(&pods).up[0].host, "app-0.beam.shop.svc.example.org");
    }

    #[test]
    fn an_ipv6_pod_has_dashes_in_its_record_as_coredns_reads_them() {
        let pods = [address("fd00:10:244::5", Some("app-0"), true)];
        assert_eq!(hosts(Mode::Dns, "x", &pods), ["fd00-10-244--5.shop.pod.example.org"]);
        assert_eq!(hosts(Mode::Ip, "10.0.0.1", &pods), ["fd00:10:244::5"]);
    }

    #[test]
    fn a_pod_with_both_families_is_one_peer_of_our_own_family() {
        let pods = [
            address("fd00::5", Some("app-0"), true),
            address("10.244.0.5", Some("app-0"), true),
            address("fd00::6", Some("six-0"), true),
            address("10.244.0.9", None, true),
        ];
        assert_eq!(hosts(Mode::Ip, "10.0.0.1", &pods), ["10.244.0.5", "10.244.0.9", "fd00::6"]);
        assert_eq!(hosts(Mode::Ip, "fd00::1", &pods), ["10.244.0.9", "fd00::5", "fd00::6"]);
        let own = "fd00-10-244--1.shop.pod.example.org";
        assert_eq!(hosts(Mode::Dns, own, &pods[..2]), ["fd00--5.shop.pod.example.org"]);
        assert_eq!(hosts(Mode::Ip, "laptop", &pods[..2]), ["10.244.0.5"]);
        let both = Hosts::new(Mode::Hostname, None, "d".into(), "x").of(&pods[..2]);
        assert_eq!(both.up.len(), 1);
        assert_eq!(both.up[0].addresses.len(), 2);
    }

    #[test]
    fn an_address_that_a_new_pod_has_while_the_old_one_leaves_is_dialled() {
        let pods = [
            address("10.244.0.5", Some("old"), false),
            address("10.244.0.5", Some("new"), true),
            address("10.244.0.6", Some("gone"), false),
        ];
        let found = Hosts::new(Mode::Ip, None, "d".into(), "x").of(&pods);
        assert_eq!(found.up, [Place::at("10.244.0.5".parse().unwrap())]);
        assert_eq!(found.unready, [Place::at("10.244.0.6".parse().unwrap())]);
    }

    #[test]
    fn a_second_service_in_front_of_the_same_pods_is_no_trouble() {
        // The hostname stands only behind the service that is the pod's subdomain.
        let headless = address("10.244.0.5", Some("app-0"), true);
        let other = Address { service: Some("web".into()), hostname: None, ..headless.clone() };
        for pods in [[headless.clone(), other.clone()], [other, headless]] {
            let hosts = hosts(Mode::Hostname, "x", &pods);
            assert_eq!(hosts, ["app-0.app.shop.svc.example.org"]);
        }
    }

    #[test]
    fn an_address_without_a_hostname_is_told_with_what_to_do_and_hides_no_other() {
        let mut pods =
            [address("10.244.0.5", Some("app-0"), true), address("10.1.1.1", None, true)];
        let hosts = Hosts::new(Mode::Hostname, None, "d".into(), "x");
        let found = hosts.of(&pods);
        assert_eq!(found.up.len(), 1);
        assert!(found.problems[0].message.contains("StatefulSet"), "{:?}", found.problems);
        pods[0].hostname = None;
        let said = hosts.of(&pods).problems[0].message.clone();
        assert!(said.starts_with("10.1.1.1 and 1 more"), "{said}");
    }
}
