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
    /// The port of each peer that fits, the first that does.
    pub(crate) known: Vec<(NodePattern, u16)>,
    pub(crate) other: PeerPort,
}

impl Ports {
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
        let mut failed = None;
        for host in resolve(peer.host(), within).await? {
            match self.open_at(peer, host, within).await {
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
        let address = SocketAddr::new(host, port);
        let opened =
            within.limit(Stage::Tcp, address.to_string(), TcpStream::connect(address)).await?;
        opened.map_err(|error| ConnectError::Tcp { address, message: error.to_string() })
    }
}

/// The time for a whole attempt, from the resolver to the handshake.
#[derive(Clone, Copy)]
pub(crate) struct Within {
    until: Instant,
    patience: Duration,
}

impl Within {
    /// From now on.
    pub(crate) fn new(patience: Duration) -> Self {
        Self { until: Instant::now() + patience, patience }
    }

    pub(crate) fn left(self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    async fn limit<R>(
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

fn no_address(host: &str, message: &str) -> ConnectError {
    ConnectError::Dns { host: host.to_owned(), message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_has_the_port_of_the_first_pattern_that_fits_it_and_else_the_clusters() {
        let known = [("db@*", 9101), ("*@10.0.*", 9102)];
        let known = known.map(|(peers, port)| (peers.parse().unwrap(), port)).to_vec();
        let ports = Ports { known, other: PeerPort::Epmd(4369) };
        let of = |name: &str| ports.of(&name.parse().unwrap());
        assert_eq!(of("db@10.0.0.7"), PeerPort::Fixed(9101));
        assert_eq!(of("app@10.0.0.7"), PeerPort::Fixed(9102));
        assert_eq!(of("app@10.1.0.7"), PeerPort::Epmd(4369));
    }

    #[tokio::test]
    async fn a_peer_without_a_port_in_a_cluster_without_epmd_is_told_of_as_such() {
        let ports = Ports { known: Vec::new(), other: PeerPort::Listed };
        let peer = "app@127.0.0.1".parse().unwrap();
        let error = ports.open(&peer, Within::new(Duration::from_secs(5))).await.unwrap_err();
        assert!(matches!(error, ConnectError::NoPort(_)), "{error}");
    }
}
