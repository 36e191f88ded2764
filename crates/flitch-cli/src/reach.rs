//! The way to a node: where it is tried, and by which name.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::str::FromStr;
use std::time::Instant;

use flitch::epmd::{address, client};
use flitch::{ConnectError, Introduction, NodeName};
use serde::{Deserialize, Serialize};

use crate::client::{prefer, resolve};
use crate::config::Target;
use crate::deadline::Deadline;
use crate::failure::{Failure, Stage};

/// A host with a port, such as the near end of a tunnel: `localhost:9100`, `[::1]:9100`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct HostPort {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl FromStr for HostPort {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "write HOST:PORT, such as 127.0.0.1:9100 or [::1]:9100";
        let (host, port) = text.rsplit_once(':').ok_or(WRONG)?;
        let inner = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        // An IPv6 address without brackets would lose its last group to the port.
        if inner.is_none() && host.contains(':') {
            return Err(WRONG);
        }
        let host = inner.unwrap_or(host);
        match port.parse() {
            Ok(port @ 1..) if !host.is_empty() => Ok(Self { host: host.to_owned(), port }),
            _ => Err(WRONG),
        }
    }
}

impl TryFrom<String> for HostPort {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<HostPort> for String {
    fn from(place: HostPort) -> Self {
        place.to_string()
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// The way to a node.
pub(crate) struct Way {
    /// Whom to connect to.
    pub(crate) peer: NodeName,
    /// Where it is tried, one after the other; by its name, if nothing is here.
    pub(crate) addresses: Vec<SocketAddr>,
    /// Our address, as it sees it.
    pub(crate) local: IpAddr,
}

impl Way {
    /// Finds the way to a target: asks the resolver, and what else it needs to learn the name.
    ///
    /// # Errors
    /// The stage that failed.
    pub(crate) async fn find(target: &Target, deadline: &Deadline) -> Result<Self, Failure> {
        let addresses = match (&target.address, target.any_name) {
            (Some(place), _) => at(place, deadline).await?,
            (None, true) => listening(target, deadline).await?,
            (None, false) => {
                let peer = named(target)?;
                let hosts = resolve(peer.host(), deadline).await?;
                let host = hosts.first().copied().unwrap_or(Ipv4Addr::LOCALHOST.into());
                let local = local_address(host);
                return Ok(Self { peer, addresses: Vec::new(), local });
            }
        };
        let (peer, local) = match target.any_name {
            true => {
                let met = meet(&addresses, deadline).await;
                let (there, at) = met.map_err(|error| Failure::from(&error))?;
                (there.name, local_address(at.ip()))
            }
            false => {
                let at = addresses.first().map_or(Ipv4Addr::LOCALHOST.into(), SocketAddr::ip);
                (named(target)?, local_address(at))
            }
        };
        Ok(Self { peer, addresses, local })
    }
}

/// The name that was given.
///
/// # Errors
/// None was.
pub(crate) fn named(target: &Target) -> Result<NodeName, Failure> {
    target.node.clone().ok_or_else(|| {
        Failure::usage(
            "no node is named: give its name, or --address HOST:PORT for any that is there",
        )
    })
}

/// The addresses of a place.
async fn at(place: &HostPort, deadline: &Deadline) -> Result<Vec<SocketAddr>, Failure> {
    let hosts = resolve(&place.host, deadline).await?;
    Ok(hosts.into_iter().map(|host| SocketAddr::new(host, place.port)).collect())
}

/// Where the node of that name listens, as its host's EPMD has it.
async fn listening(target: &Target, deadline: &Deadline) -> Result<Vec<SocketAddr>, Failure> {
    let node = named(target)?;
    let hosts = resolve(node.host(), deadline).await?;
    if let Some(port) = target.port {
        return Ok(hosts.into_iter().map(|host| SocketAddr::new(host, port)).collect());
    }
    let epmd = address::port_from_env().map_err(|error| Failure::usage(error.to_string()))?;
    match look_up(&node, &hosts, epmd, deadline).await? {
        Ok(found) => Ok(vec![found]),
        Err(error) => Err(Failure::from(&error)),
    }
}

/// Where a node listens: by the first EPMD of its host that knows it.
///
/// # Errors
/// The name is none that EPMD knows; inside, what EPMD said.
pub(crate) async fn look_up(
    node: &NodeName,
    hosts: &[IpAddr],
    epmd: u16,
    deadline: &Deadline,
) -> Result<Result<SocketAddr, client::ClientError>, Failure> {
    let alive = node.alive_name().map_err(|error| Failure::from(&error))?;
    let mut failed = None;
    for host in hosts {
        let left = deadline.left(Instant::now());
        match client::lookup(address::at(*host, epmd), &alive, left).await {
            Ok(found) => return Ok(Ok(SocketAddr::new(*host, found.port))),
            Err(error) => failed = prefer(failed, error),
        }
    }
    match failed {
        Some(error) => Ok(Err(error)),
        None => Err(Failure::new(Stage::Dns, "the host has no address")),
    }
}

/// How the node at the first address that answers introduces itself.
///
/// # Errors
/// Nobody is there, or it is no node that gives names.
pub(crate) async fn meet(
    addresses: &[SocketAddr],
    deadline: &Deadline,
) -> Result<(Introduction, SocketAddr), ConnectError> {
    let mut failed: Option<ConnectError> = None;
    for address in addresses {
        let host = local_address(address.ip()).to_string();
        match flitch::meet(*address, &host, deadline.left(Instant::now())).await {
            Ok(there) => return Ok((there, *address)),
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    let nowhere = || ConnectError::Dns { host: String::new(), message: "there is none".to_owned() };
    Err(failed.unwrap_or_else(nowhere))
}

/// Which address of ours a peer will see: the one that the route to it begins at.
pub(crate) fn local_address(peer: IpAddr) -> IpAddr {
    let any: IpAddr = match peer {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let route = || {
        // Connecting a datagram socket sends nothing.
        let socket = UdpSocket::bind((any, 0))?;
        socket.connect((peer, 9))?;
        socket.local_addr()
    };
    match (route(), peer) {
        (Ok(local), _) => local.ip(),
        (Err(_), IpAddr::V4(_)) => Ipv4Addr::LOCALHOST.into(),
        (Err(_), IpAddr::V6(_)) => Ipv6Addr::LOCALHOST.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_host_with_a_port_and_ipv6_stands_in_brackets() {
        for (text, host, port) in
            [("localhost:9100", "localhost", 9100), ("[fd00::7]:1", "fd00::7", 1)]
        {
            let place: HostPort = text.parse().unwrap();
            assert_eq!((place.host.as_str(), place.port), (host, port));
            assert_eq!(place.to_string(), text);
        }
        for text in ["", "localhost", ":9100", "a:0", "a:65536", "fd00::7:9100", "a:b:1"] {
            assert!(text.parse::<HostPort>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_peer_on_loopback_sees_us_on_loopback() {
        let local = |peer: &str| local_address(peer.parse().unwrap()).to_string();
        assert_eq!(local("127.0.0.1"), "127.0.0.1");
        assert_eq!(local("127.0.0.2"), "127.0.0.1");
        assert_eq!(local("::1"), "::1");
    }
}
