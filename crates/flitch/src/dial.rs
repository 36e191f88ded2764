//! Reaching a peer: name, DNS, EPMD, TCP, handshake.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use flitch_epmd::{DistVersions, address, client};
use flitch_handshake::{Cause, Event, Handshake, HandshakeError};
use flitch_name::{NameError, NodeName};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout_at};

use crate::node::Node;
use crate::peer_link::PeerLink;
use crate::peers::{Attempt, Want};
use crate::shake::{Answer, Asked, shake};

/// How long a peer that states a name may keep us from dialling that name. Who knows the cookie
/// is in within milliseconds.
const COMING_IN: Duration = Duration::from_millis(500);

/// How long to wait for the peer's own connection, after it has refused ours for that one, before
/// ours is tried again.
const RIVAL: Duration = Duration::from_millis(100);

/// How the port of a peer is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerPort {
    /// The EPMD on the peer's host knows it; that EPMD listens on this port.
    Epmd(u16),
    /// Every node of the cluster listens on this port, and there is no EPMD
    /// (`-erl_epmd_port`, `ERL_DIST_PORT`).
    Fixed(u16),
}

/// Why a peer could not be reached, by the stage that failed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The peer's name is none.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Long names and short names do not mix.
    #[error(
        "{peer} has a {} and this node, {us}, a {}: such nodes cannot connect; name both alike",
        if *us_long { "short name" } else { "long name" },
        if *us_long { "long one" } else { "short one" }
    )]
    Kind {
        /// Whom we dialled.
        peer: NodeName,
        /// Ourselves.
        us: NodeName,
        /// Whether our name is the long one.
        us_long: bool,
    },
    /// The host's name has no address.
    #[error("the host {host:?} has no address: {message}")]
    Dns {
        /// The host part of the peer's name.
        host: String,
        /// What the resolver says.
        message: String,
    },
    /// EPMD on the peer's host did not say where the peer listens.
    #[error("{0}")]
    Epmd(Arc<client::ClientError>),
    /// The peer speaks another version of the protocol.
    #[error("{peer} speaks versions {low} to {high} of the distribution protocol, not 6")]
    Version {
        /// Whom we dialled.
        peer: NodeName,
        /// The lowest it speaks.
        low: u16,
        /// The highest it speaks.
        high: u16,
    },
    /// The peer's port does not answer.
    #[error("cannot connect to {address}: {message}")]
    Tcp {
        /// Where the peer should listen.
        address: SocketAddr,
        /// What the system says.
        message: String,
    },
    /// The handshake failed.
    #[error("{0}")]
    Handshake(Arc<HandshakeError>),
    /// The time was up while we waited for the resolver or for a connection. Where EPMD or the
    /// handshake took too long, their own errors say so.
    #[error("{whom} did not answer within {patience:?}")]
    TimedOut {
        /// What we waited in.
        stage: Stage,
        /// Whom we waited for.
        whom: String,
        /// For how long.
        patience: Duration,
    },
    /// Another connection with that peer has won, and has gone since.
    #[error("another connection with {0} took the place of this one and has gone")]
    Superseded(NodeName),
    /// The peer is this node.
    #[error("this node does not connect to itself")]
    Itself,
    /// This node shuts down and dials nobody any more.
    #[error("this node shuts down")]
    Shutdown,
}

/// The stages of reaching a peer, as a program may want to tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The name.
    Name,
    /// The address of its host.
    Dns,
    /// The port of the node.
    Epmd,
    /// The connection.
    Tcp,
    /// The handshake.
    Handshake,
}

impl ConnectError {
    /// The stage that failed.
    #[must_use]
    pub fn stage(&self) -> Stage {
        match self {
            Self::Name(_) | Self::Kind { .. } | Self::Itself => Stage::Name,
            Self::Dns { .. } => Stage::Dns,
            Self::Epmd(_) | Self::Version { .. } => Stage::Epmd,
            Self::Tcp { .. } | Self::Shutdown => Stage::Tcp,
            Self::Handshake(_) | Self::Superseded(_) => Stage::Handshake,
            Self::TimedOut { stage, .. } => *stage,
        }
    }

    /// Whether nobody said no: the time was up.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        match self {
            Self::TimedOut { .. } => true,
            Self::Epmd(error) => matches!(**error, client::ClientError::TimedOut { .. }),
            Self::Handshake(error) => matches!(error.cause, Cause::TimedOut),
            _ => false,
        }
    }

    fn is_no_daemon(&self) -> bool {
        matches!(self, Self::Epmd(error) if matches!(**error, client::ClientError::NoDaemon { .. }))
    }

    /// Whether this attempt gave way to another connection with the same peer.
    fn is_rivalry(&self) -> bool {
        match self {
            Self::Superseded(_) => true,
            Self::Handshake(error) => matches!(error.cause, Cause::Nok | Cause::GivenUp),
            _ => false,
        }
    }
}

impl Stage {
    /// The stage in one word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Dns => "dns",
            Self::Epmd => "epmd",
            Self::Tcp => "tcp",
            Self::Handshake => "handshake",
        }
    }
}

impl Node {
    /// The link to a node, dialling it if there is none.
    pub(crate) async fn reach(&self, name: &NodeName) -> Result<Arc<PeerLink>, ConnectError> {
        if name == self.name() {
            return Err(ConnectError::Itself);
        }
        if name.kind() != self.name().kind() {
            let us_long = self.name().kind() == flitch_name::NameKind::Long;
            return Err(ConnectError::Kind {
                peer: name.clone(),
                us: self.name().clone(),
                us_long,
            });
        }
        let atom = crate::node_atom(name);
        let patience = Instant::now() + COMING_IN;
        loop {
            // Calls that are under way may still use the links that are there.
            if self.is_stopping() {
                return self.peers().link(&atom).ok_or(ConnectError::Shutdown);
            }
            let patient = Instant::now() < patience;
            let mut changes = match self.peers().want(name, patient) {
                Want::Up(link) => return Ok(link),
                Want::Wait(changes) => changes,
                Want::Dial(changes, lost) => {
                    // A task of its own: others wait for it too, whatever becomes of this caller.
                    let (node, name) = (self.clone(), name.clone());
                    self.tasks().spawn(async move {
                        let error = tokio::select! {
                            biased;
                            () = node.stopping() => Some(ConnectError::Shutdown),
                            dialled = node.dial(&name) => dialled.err(),
                            // What is still under way must not come up behind the other's end.
                            () = lost.cancelled() => None,
                        };
                        node.peers().dialled(&name, error);
                    });
                    changes
                }
            };
            // An end of the changes is one too.
            if !patient {
                let _ = changes.changed().await;
            } else if timeout_at(patience, changes.changed()).await.is_err() {
                continue;
            }
            let failed = changes.borrow().clone();
            if let (Some(error), None) = (failed, self.peers().link(&atom)) {
                return Err(error);
            }
        }
    }

    /// Dials, and again if the peer refuses us because it dials us itself: its connection comes
    /// in, which ends this, or ours is let in when that has failed. (`dist_util`, `recv_status`:
    /// `nok`.)
    async fn dial(&self, name: &NodeName) -> Result<(), ConnectError> {
        let until = Instant::now() + self.settings().setup_timeout;
        loop {
            let error = match self.dial_once(name, until).await {
                Err(error) if error.is_rivalry() && Instant::now() < until => error,
                done => return done,
            };
            tracing::debug!(peer = %name, %error, "the peer's own connection comes first");
            sleep(RIVAL).await;
        }
    }

    async fn dial_once(&self, name: &NodeName, until: Instant) -> Result<(), ConnectError> {
        let within = Within { until, patience: self.settings().setup_timeout };
        let mut failed = None;
        for host in resolve(name.host(), within).await? {
            match self.open(name, host, within).await {
                Ok(stream) => return self.initiate(name, stream, within).await,
                // `localhost` has an address of each family, and EPMD often listens on one of
                // them only: that nobody is there says less than what the other one said.
                Err(error) if failed.is_some() && error.is_no_daemon() => {}
                Err(error) => failed = Some(error),
            }
        }
        Err(failed.unwrap_or_else(|| no_address(name.host(), "it resolves to nothing")))
    }

    async fn open(
        &self,
        name: &NodeName,
        host: IpAddr,
        within: Within,
    ) -> Result<TcpStream, ConnectError> {
        let port = match self.settings().peer_port {
            PeerPort::Fixed(port) => port,
            PeerPort::Epmd(epmd) => {
                let alive = name.alive_name()?;
                let epmd = address::at(host, epmd);
                let found = client::lookup(epmd, &alive, within.left()).await;
                let found = found.map_err(|error| ConnectError::Epmd(Arc::new(error)))?;
                if DistVersions::OTP_25.best(found.versions).is_none() {
                    let DistVersions { low, high } = found.versions;
                    return Err(ConnectError::Version { peer: name.clone(), low, high });
                }
                found.port
            }
        };
        let address = SocketAddr::new(host, port);
        let opened =
            within.limit(Stage::Tcp, address.to_string(), TcpStream::connect(address)).await?;
        opened.map_err(|error| ConnectError::Tcp { address, message: error.to_string() })
    }

    async fn initiate(
        &self,
        name: &NodeName,
        mut stream: TcpStream,
        within: Within,
    ) -> Result<(), ConnectError> {
        let config = self.handshake_config(within.left()).map_err(|error| {
            let address = stream.peer_addr().unwrap_or(SocketAddr::from(([0; 4], 0)));
            ConnectError::Tcp { address, message: error.to_string() }
        })?;
        let us = self.identity().local_node();
        let now = std::time::Instant::now();
        let machine = Handshake::initiate(us, Some(name.clone()), config, now);
        match shake(&mut stream, machine, &mut Dialled { node: self, name }).await {
            Ok(established) => self.link_up(established, stream, true).await,
            Err(error) => Err(ConnectError::Handshake(Arc::new(error))),
        }
    }
}

/// Our side of a handshake that we began.
struct Dialled<'a> {
    node: &'a Node,
    name: &'a NodeName,
}

impl Answer for Dialled<'_> {
    async fn answer(&mut self, machine: &mut Handshake, event: &Event) -> Asked {
        match event {
            Event::AliveAsked => machine.answer_alive(self.stands().await).into(),
            _ => Asked::Unexpected,
        }
    }
}

impl Dialled<'_> {
    /// Whether our attempt is the one that counts. Waits for a peer that is coming in meanwhile:
    /// the link that it sees may be that very connection.
    async fn stands(&self) -> bool {
        let patience = Instant::now() + COMING_IN;
        loop {
            match self.node.peers().attempt(self.name) {
                Attempt::Stands => return true,
                Attempt::Lost => return false,
                Attempt::Contested(mut changes) => {
                    if timeout_at(patience, changes.changed()).await.is_err() {
                        return true;
                    }
                }
            }
        }
    }
}

/// The time for a whole attempt, from the resolver to the handshake.
#[derive(Clone, Copy)]
struct Within {
    until: Instant,
    patience: Duration,
}

impl Within {
    fn left(self) -> Duration {
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
async fn resolve(host: &str, within: Within) -> Result<Vec<IpAddr>, ConnectError> {
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
