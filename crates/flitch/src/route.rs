//! The way to a peer: the addresses of its host, its port, and a stream to there.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use flitch_epmd::{DistVersions, address, client};
use flitch_name::{NodeName, NodePattern};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use crate::connect_error::{ConnectError, Stage};

/// How the port of a peer is found that [`NodeBuilder::port_of`](crate::NodeBuilder::port_of) says
/// nothing about.
///
/// ```
/// use flitch::{Node, PeerPort};
///
/// // As `erl -erl_epmd_port 9100`, or ERL_DIST_PORT in an Elixir release.
/// let builder = Node::builder("worker@10.0.0.7".parse()?).peer_port(PeerPort::Fixed(9100));
/// # let _ = builder;
/// # Ok::<(), flitch::NameError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerPort {
    /// The EPMD on the peer's host knows it; that EPMD listens on this port.
    Epmd(u16),
    /// Every node of the cluster listens on this port, and there is no EPMD
    /// (`-erl_epmd_port`, `ERL_DIST_PORT`).
    Fixed(u16),
    /// Nothing else is known, and there is no EPMD: other peers cannot be dialled.
    Listed,
}

/// Where peers listen.
#[derive(Clone, Debug)]
pub(crate) struct Ports {
    /// Where peers are reached that are not where their names say: all that fit one are tried.
    pub(crate) addresses: Vec<(NodePattern, SocketAddr)>,
    /// The port of each peer that fits, the first that does.
    pub(crate) known: Vec<(NodePattern, u16)>,
    pub(crate) other: PeerPort,
}

impl Ports {
    /// The port of the EPMD on a peer's host.
    pub(crate) fn epmd(&self) -> u16 {
        match self.other {
            PeerPort::Epmd(port) => port,
            PeerPort::Fixed(_) | PeerPort::Listed => address::DEFAULT_PORT,
        }
    }

    fn of(&self, peer: &NodeName) -> PeerPort {
        let known = self.known.iter().find(|(peers, _)| peers.matches(peer));
        known.map_or(self.other, |(_, port)| PeerPort::Fixed(*port))
    }

    /// A stream to a peer, by the first of its addresses that answers.
    pub(crate) async fn open(
        &self,
        peer: &NodeName,
        within: Within,
    ) -> Result<TcpStream, ConnectError> {
        let given = self.addresses.iter().filter(|(peers, _)| peers.matches(peer));
        let given: Vec<SocketAddr> = given.map(|(_, address)| *address).collect();
        if !given.is_empty() {
            return open_one_of(&given, within).await;
        }
        let hosts = resolve(peer.host(), within).await?;
        self.open_at_one_of(peer, &hosts, within).await
    }

    async fn open_at_one_of(
        &self,
        peer: &NodeName,
        hosts: &[IpAddr],
        within: Within,
    ) -> Result<TcpStream, ConnectError> {
        let mut failed = None;
        for (tried, host) in hosts.iter().enumerate() {
            // One that swallows every packet must leave time for those behind it: a name with an
            // address of each family, on a host that answers on one of them only.
            match self.open_at(peer, *host, within.share(hosts.len() - tried)).await {
                Ok(stream) => return Ok(stream),
                // `localhost` has an address of each family, and EPMD often listens on one of
                // them only: that nobody is there says less than what the other one said.
                Err(error) if failed.is_some() && error.is_no_daemon() => {}
                Err(error) => failed = Some(error),
            }
        }
        Err(failed.unwrap_or_else(|| no_address(peer.host(), "it resolves to nothing")))
    }

    async fn open_at(
        &self,
        peer: &NodeName,
        host: IpAddr,
        within: Within,
    ) -> Result<TcpStream, ConnectError> {
        let port = match self.of(peer) {
            PeerPort::Fixed(port) => port,
            PeerPort::Listed => return Err(ConnectError::NoPort(peer.clone())),
            PeerPort::Epmd(epmd) => {
                let epmd = address::at(host, epmd);
                let found = client::lookup(epmd, &peer.alive_name()?, within.left()).await;
                let found = found.map_err(|error| ConnectError::Epmd(Arc::new(error)))?;
                if DistVersions::OTP_25.best(found.versions).is_none() {
                    let DistVersions { low, high } = found.versions;
                    return Err(ConnectError::Version { peer: peer.clone(), low, high });
                }
                found.port
            }
        };
        open(SocketAddr::new(host, port), within).await
    }
}

/// A stream to the first of some addresses that answers; there is one at least.
async fn open_one_of(addresses: &[SocketAddr], within: Within) -> Result<TcpStream, ConnectError> {
    let mut failed = None;
    for (tried, address) in addresses.iter().enumerate() {
        match open(*address, within.share(addresses.len() - tried)).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    Err(failed.unwrap_or_else(|| no_address("", "no address is given")))
}

/// A stream to an address.
pub(crate) async fn open(address: SocketAddr, within: Within) -> Result<TcpStream, ConnectError> {
    let opened = within.limit(Stage::Tcp, address.to_string(), client::connect(address)).await?;
    opened.map_err(|error| ConnectError::Tcp { address, message: error.to_string() })
}

/// The time for a whole attempt, from the resolver to the handshake.
#[derive(Clone, Copy)]
pub(crate) struct Within {
    until: Instant,
    patience: Duration,
}

impl Within {
    /// A time that the clock cannot express is as good as none that ends.
    const LONGEST: Duration = Duration::from_secs(u32::MAX as u64);

    /// From now on.
    pub(crate) fn new(patience: Duration) -> Self {
        Self { until: Instant::now() + patience.min(Self::LONGEST), patience }
    }

    pub(crate) fn left(self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    /// An equal share of the time that is left, for the first of so many attempts.
    fn share(self, attempts: usize) -> Self {
        match u32::try_from(attempts) {
            Ok(attempts @ 2..) => Self::new(self.left() / attempts),
            _ => self,
        }
    }

    pub(crate) async fn limit<R>(
        self,
        stage: Stage,
        whom: String,
        work: impl Future<Output = R>,
    ) -> Result<R, ConnectError> {
        let patience = self.patience;
        let late = |_| ConnectError::TimedOut { stage, whom, patience };
        timeout_at(self.until, work).await.map_err(late)
    }
}

/// The addresses of a host: itself, if it is one.
pub(crate) async fn resolve(host: &str, within: Within) -> Result<Vec<IpAddr>, ConnectError> {
    if let Ok(address) = host.parse() {
        return Ok(vec![address]);
    }
    let asked = tokio::net::lookup_host((host, 0));
    let whom = format!("the resolver, asked for {host:?},");
    let found = within.limit(Stage::Dns, whom, asked).await?;
    let found = found.map_err(|error| no_address(host, &error.to_string()))?;
    let mut addresses: Vec<IpAddr> = found.map(|address| address.ip()).collect();
    addresses.dedup();
    Ok(addresses)
}

pub(crate) fn no_address(host: &str, message: &str) -> ConnectError {
    ConnectError::Dns { host: host.to_owned(), message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use socket2::{Domain, Socket, Type};

    use super::*;

    fn ports(other: PeerPort) -> Ports {
        Ports { addresses: Vec::new(), known: Vec::new(), other }
    }

    #[tokio::test]
    async fn a_peer_behind_a_tunnel_is_reached_there_and_not_at_its_host() {
        let there = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = there.local_addr().unwrap();
        // Nobody listens on port 1.
        let gone = SocketAddr::from(([127, 0, 0, 1], 1));
        let peers: NodePattern = "app@*".parse().unwrap();
        let addresses = vec![(peers.clone(), gone), (peers, address)];
        let ports = Ports { addresses, ..ports(PeerPort::Listed) };
        let within = Within::new(Duration::from_secs(5));
        let stream = ports.open(&"app@192.0.2.1".parse().unwrap(), within).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), address);
        let other = ports.open(&"db@127.0.0.1".parse().unwrap(), within).await.unwrap_err();
        assert!(matches!(other, ConnectError::NoPort(_)), "{other}");
    }

    #[test]
    fn a_peer_has_the_port_of_the_first_pattern_that_fits_it_and_else_the_clusters() {
        let known = [("db@*", 9101), ("*@10.0.*", 9102)];
        let known = known.map(|(peers, port)| (peers.parse().unwrap(), port)).to_vec();
        let ports = Ports { known, ..ports(PeerPort::Epmd(4369)) };
        let of = |name: &str| ports.of(&name.parse().unwrap());
        assert_eq!(of("db@10.0.0.7"), PeerPort::Fixed(9101));
        assert_eq!(of("app@10.0.0.7"), PeerPort::Fixed(9102));
        assert_eq!(of("app@10.1.0.7"), PeerPort::Epmd(4369));
    }

    #[tokio::test]
    async fn an_address_that_swallows_every_packet_leaves_time_for_the_next_one() {
        let full = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        full.bind(&SocketAddr::from(([127, 0, 0, 9], 0)).into()).unwrap();
        full.listen(0).unwrap();
        let address = full.local_addr().unwrap();
        let port = address.as_socket().unwrap().port();
        let queue = [(); 4].map(|()| Socket::new(Domain::IPV4, Type::STREAM, None).unwrap());
        for waiting in &queue {
            waiting.set_nonblocking(true).unwrap();
            let _ = waiting.connect(&address);
        }
        let _there = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();

        let ports = ports(PeerPort::Fixed(port));
        let hosts = ["127.0.0.9", "127.0.0.1"].map(|host| host.parse().unwrap());
        let within = Within::new(Duration::from_secs(1));
        let stream = ports.open_at_one_of(&"app@h.x".parse().unwrap(), &hosts, within).await;
        assert_eq!(stream.unwrap().peer_addr().unwrap().ip(), hosts[1]);
        assert!(within.left() > Duration::from_millis(200), "{:?}", within.left());
    }

    #[tokio::test]
    async fn a_peer_without_a_port_in_a_cluster_without_epmd_is_told_of_as_such() {
        let ports = ports(PeerPort::Listed);
        let peer = "app@127.0.0.1".parse().unwrap();
        let error = ports.open(&peer, Within::new(Duration::from_secs(5))).await.unwrap_err();
        assert!(matches!(error, ConnectError::NoPort(_)), "{error}");
    }

    #[tokio::test]
    async fn a_patience_without_end_is_no_panic_in_which_the_attempt_would_be_lost() {
        // Nobody listens on port 1: in place of EPMD, and in place of the peer.
        for other in [PeerPort::Epmd(1), PeerPort::Fixed(1)] {
            let ports = ports(other);
            let peer = "app@127.0.0.1".parse().unwrap();
            let error = ports.open(&peer, Within::new(Duration::MAX)).await.unwrap_err();
            assert!(error.is_no_daemon() || matches!(error, ConnectError::Tcp { .. }), "{error}");
        }
    }
}
