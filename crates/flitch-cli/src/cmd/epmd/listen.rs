//! Where the daemon listens: what was given, and what is safe where nothing was.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Where to listen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Listen {
    /// Each has to work.
    pub(super) required: Vec<SocketAddr>,
    /// As far as this host has them.
    pub(super) possible: Vec<SocketAddr>,
}

/// What decides it where no address was given.
#[derive(Clone, Copy, Debug)]
pub(super) struct Surroundings {
    /// The pod's address, in a pod.
    pub(super) pod_ip: Option<IpAddr>,
    /// Whether a BEAM may have started us, which has no way to give an address.
    pub(super) drop_in: bool,
}

const LOOPBACK: [IpAddr; 2] = [IpAddr::V6(Ipv6Addr::LOCALHOST), IpAddr::V4(Ipv4Addr::LOCALHOST)];
const EVERY: [IpAddr; 2] = [IpAddr::V6(Ipv6Addr::UNSPECIFIED), IpAddr::V4(Ipv4Addr::UNSPECIFIED)];

impl Listen {
    /// The loopback always, and beside it the addresses given, or what fits the surroundings.
    pub(super) fn new(port: u16, given: &[IpAddr], around: Surroundings) -> Self {
        let mut listen = Self::default();
        for address in given {
            listen.add(port, *address, true);
        }
        let others = match around {
            _ if !given.is_empty() => Vec::new(),
            Surroundings { pod_ip: Some(address), .. } => vec![address],
            Surroundings { drop_in: true, .. } => EVERY.to_vec(),
            Surroundings { .. } => Vec::new(),
        };
        for address in others.into_iter().chain(LOOPBACK) {
            listen.add(port, address, false);
        }
        listen
    }

    /// Whether peers on other hosts have no way in.
    pub(super) fn is_loopback_alone(&self) -> bool {
        self.required.iter().chain(&self.possible).all(|address| address.ip().is_loopback())
    }

    fn add(&mut self, port: u16, address: IpAddr, required: bool) {
        let covers = |other: &SocketAddr| {
            let same_family = other.is_ipv4() == address.is_ipv4();
            other.ip() == address || (same_family && other.ip().is_unspecified())
        };
        if self.required.iter().chain(&self.possible).any(covers) {
            return;
        }
        if address.is_unspecified() {
            // A wildcard does not go together with an address that it takes in.
            self.required.retain(|other| other.is_ipv4() != address.is_ipv4());
        }
        let list = if required { &mut self.required } else { &mut self.possible };
        list.push(SocketAddr::new(address, port));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BARE: Surroundings = Surroundings { pod_ip: None, drop_in: false };

    fn listen(given: &[&str], around: Surroundings) -> (Vec<String>, Vec<String>) {
        let given: Vec<IpAddr> = given.iter().map(|text| text.parse().unwrap()).collect();
        let Listen { required, possible } = Listen::new(4369, &given, around);
        let hosts = |list: Vec<SocketAddr>| list.iter().map(|at| at.ip().to_string()).collect();
        (hosts(required), hosts(possible))
    }

    fn these(hosts: &[&str]) -> Vec<String> {
        hosts.iter().map(|host| (*host).to_owned()).collect()
    }

    #[test]
    fn addresses_that_are_given_have_to_work_and_the_loopback_comes_with_them() {
        let (required, possible) = listen(&["10.0.0.7", "fd00::7", "10.0.0.7", "127.0.0.1"], BARE);
        assert_eq!(required, ["10.0.0.7", "fd00::7", "127.0.0.1"]);
        assert_eq!(possible, ["::1"]);
    }

    #[test]
    fn a_wildcard_that_is_given_takes_in_the_rest_of_its_family() {
        for given in [["0.0.0.0", "10.0.0.7"], ["10.0.0.7", "0.0.0.0"]] {
            assert_eq!(listen(&given, BARE), (these(&["0.0.0.0"]), these(&["::1"])));
        }
    }

    #[test]
    fn nothing_outside_this_host_is_listened_on_unless_somebody_says_so() {
        assert_eq!(listen(&[], BARE), (vec![], these(&["::1", "127.0.0.1"])));
        assert!(Listen::new(4369, &[], BARE).is_loopback_alone());
    }

    #[test]
    fn in_a_pod_it_is_the_pods_address_under_either_name() {
        let pod_ip = Some("10.0.0.7".parse().unwrap());
        for drop_in in [false, true] {
            let found = listen(&[], Surroundings { pod_ip, drop_in });
            assert_eq!(found, (vec![], these(&["10.0.0.7", "::1", "127.0.0.1"])));
            let found = listen(&["10.0.0.8"], Surroundings { pod_ip, drop_in });
            assert_eq!(found, (these(&["10.0.0.8"]), these(&["::1", "127.0.0.1"])));
        }
    }

    #[test]
    fn under_the_name_of_the_stock_daemon_it_listens_where_that_does() {
        let around = Surroundings { drop_in: true, ..BARE };
        assert_eq!(listen(&[], around), (vec![], these(&["::", "0.0.0.0"])));
        assert!(!Listen::new(4369, &[], around).is_loopback_alone());
    }
}
