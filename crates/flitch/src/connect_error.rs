//! Why a peer could not be reached.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use flitch_epmd::client;
use flitch_handshake::{Cause, HandshakeError};
use flitch_name::{NameError, NodeName};

/// Why a peer could not be reached, by the stage that failed.
///
/// ```
/// use flitch::test::Network;
/// use flitch::{ConnectError, Stage};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let network = Network::new();
/// let worker = network.node("worker@a")?.start().await?;
/// assert!(matches!(worker.connect(worker.name()).await, Err(ConnectError::Itself)));
///
/// let error = worker.connect(&"app@b".parse()?).await.unwrap_err();
/// println!("{error}");
/// assert_ne!(error.stage(), Stage::Handshake);   // nobody is there
/// # Ok(())
/// # }
/// ```
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
    /// There is no EPMD, and no port is known for the peer.
    #[error(
        "no port is known for {0}, and there is no EPMD to ask: say which one it listens on \
         (NodeBuilder::port_of, flitch node --peer-port)"
    )]
    NoPort(NodeName),
    /// The list of nodes that may connect is without the peer.
    #[error("{0} is not among the nodes that this one is allowed to connect with")]
    NotAllowed(NodeName),
    /// The peer's port does not answer.
    #[error("cannot connect to {address}: {message}")]
    Tcp {
        /// Where the peer should listen.
        address: SocketAddr,
        /// What the system says.
        message: String,
    },
    /// The operating system has no random number for a challenge.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
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

/// The operating system has no random number to give, and a challenge that can be guessed is none.
///
/// See [`ConnectError::NoRandomness`]: no program can bring it about by itself.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("no random number for the challenge of a handshake: {0}")]
pub struct NoRandomness(pub(crate) getrandom::Error);

/// The stages of reaching a peer, as a program may want to tell them apart.
///
/// ```
/// use flitch::{ConnectError, Stage};
///
/// let error = ConnectError::Itself;
/// assert_eq!(error.stage(), Stage::Name);   // only another name would help
/// ```
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
            Self::Name(_) | Self::Kind { .. } | Self::Itself | Self::NotAllowed(_) => Stage::Name,
            Self::Dns { .. } => Stage::Dns,
            Self::Epmd(_) | Self::Version { .. } | Self::NoPort(_) => Stage::Epmd,
            Self::Tcp { .. } | Self::Shutdown => Stage::Tcp,
            Self::Handshake(_) | Self::Superseded(_) | Self::NoRandomness(_) => Stage::Handshake,
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

    pub(crate) fn is_no_daemon(&self) -> bool {
        matches!(self, Self::Epmd(error) if matches!(**error, client::ClientError::NoDaemon { .. }))
    }

    /// Whether something went wrong: neither did another connection win, nor did we stop.
    pub(crate) fn is_failure(&self) -> bool {
        !self.is_rivalry() && !matches!(self, Self::Shutdown)
    }

    /// Whether this attempt gave way to another connection with the same peer.
    pub(crate) fn is_rivalry(&self) -> bool {
        match self {
            Self::Superseded(_) => true,
            Self::Handshake(error) => matches!(error.cause, Cause::Nok | Cause::GivenUp),
            _ => false,
        }
    }
}

impl Stage {
    pub(crate) const WORDS: [&str; 5] = ["name", "dns", "epmd", "tcp", "handshake"];

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
