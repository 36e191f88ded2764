//! What can be known of a cluster: its events, and every peer's state in words.

use std::fmt;
use std::time::Duration;

use flitch_discovery::DiscoveryError;
use flitch_name::NodeName;

use crate::cluster::links::DialError;
use crate::peer_link::CloseReason;

/// Something happened to a peer that a topology has found.
///
/// ```
/// use flitch::ClusterEvent;
/// use flitch::test::Network;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let network = Network::new();
/// let app = network.beam("app@b")?.start().await?;
/// let worker = network.node("worker@a")?.start().await?;
///
/// let mut events = worker.cluster().events();
/// worker.join(vec![app.name().clone()]);
/// loop {
///     match events.recv().await? {
///         ClusterEvent::Discovered { node, .. } => println!("{node} was found"),
///         ClusterEvent::Up { node } => break assert_eq!(node, *app.name()),
///         _ => {}
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ClusterEvent {
    /// A topology sees it, and did not before.
    Discovered {
        /// The peer.
        node: NodeName,
        /// The topology.
        topology: String,
    },
    /// It is connected.
    Up {
        /// The peer.
        node: NodeName,
    },
    /// It is not connected any more.
    Down {
        /// The peer.
        node: NodeName,
        /// Why. Not known where replaced [`Links`](crate::Links) list it no longer.
        reason: Option<CloseReason>,
    },
    /// The topology has not seen it for a while, in complete answers. Its link stays.
    Lost {
        /// The peer.
        node: NodeName,
        /// The topology.
        topology: String,
    },
}

/// A peer that a topology has found.
///
/// ```
/// use flitch::PeerState;
/// use flitch::test::Network;
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let network = Network::new();
/// let worker = network.node("worker@a")?.start().await?;
/// let cluster = worker.join(vec!["nobody@b".parse::<flitch::NodeName>()?]);
/// tokio::time::sleep(Duration::from_secs(5)).await;
///
/// for peer in cluster.peers() {
///     println!("{} for {:?}: {}", peer.node, peer.since, peer.state);
///     assert!(matches!(peer.state, PeerState::Dialling { .. } | PeerState::Waiting { .. }));
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerStatus {
    /// Its name.
    pub node: NodeName,
    /// The topologies that see it. None, if it is lost, and up still.
    pub topologies: Vec<String>,
    /// What is with it.
    pub state: PeerState,
    /// For how long that has been so.
    pub since: Duration,
}

/// What is with a peer. Printed, it is a sentence's worth of words.
///
/// ```
/// use flitch::PeerState;
/// use std::time::Duration;
///
/// let state = PeerState::Waiting { failures: 3, error: None, next: Duration::from_secs(4) };
/// assert_eq!(state.as_str(), "waiting");
/// assert_eq!(PeerState::Up.to_string(), "up");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerState {
    /// It is connected.
    Up,
    /// It is being dialled.
    Dialling {
        /// How often that failed since it was up last.
        failures: u32,
        /// How it failed last.
        error: Option<DialError>,
    },
    /// It will be dialled.
    Waiting {
        /// How often that failed since it was up last.
        failures: u32,
        /// How it failed last.
        error: Option<DialError>,
        /// In how much time.
        next: Duration,
    },
    /// Its topology says that it is there and not ready, so it is not dialled.
    Unready,
}

impl PeerState {
    /// The state in one word.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Dialling { .. } => "dialling",
            Self::Waiting { .. } => "waiting",
            Self::Unready => "unready",
        }
    }

    /// How dialling it failed last, if it did since it was up.
    #[must_use]
    pub fn error(&self) -> Option<&DialError> {
        match self {
            Self::Dialling { error, .. } | Self::Waiting { error, .. } => error.as_ref(),
            Self::Up | Self::Unready => None,
        }
    }
}

impl fmt::Display for PeerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())?;
        match self {
            Self::Dialling { failures, error: Some(error) }
            | Self::Waiting { failures, error: Some(error), .. } => {
                write!(f, ", failed {failures} times: {error}")
            }
            _ => Ok(()),
        }
    }
}

/// A topology that was joined.
///
/// ```
/// use flitch::test::Network;
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let network = Network::new();
/// let app = network.beam("app@b")?.start().await?;
/// let worker = network.node("worker@a")?.start().await?;
/// let cluster = worker.join(vec![app.name().clone()]);
/// cluster.wait_for(1, Duration::from_secs(10)).await?;
///
/// let topologies = cluster.topologies();
/// assert_eq!(topologies[0].peers, [app.name().clone()]);
/// assert!(topologies[0].problem.is_none());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopologyStatus {
    /// Its name.
    pub name: String,
    /// Its strategy's name.
    pub strategy: String,
    /// The peers that it sees.
    pub peers: Vec<NodeName>,
    /// How long ago it had a complete answer. None, if it never had.
    pub answered: Option<Duration>,
    /// What is wrong with its last answer.
    pub problem: Option<DiscoveryError>,
}

/// Not so many peers were up in time.
///
/// ```
/// use flitch::test::Network;
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let network = Network::new();
/// let worker = network.node("worker@a")?.start().await?;
/// let cluster = worker.join(vec!["app@b".parse::<flitch::NodeName>()?]);
/// let error = cluster.wait_for(1, Duration::from_secs(10)).await.unwrap_err();
/// assert_eq!((error.up, error.wanted), (0, 1));
/// assert!(error.to_string().starts_with("0 of 1 peers are up after 10s"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct WaitError {
    /// How many were wanted.
    pub wanted: usize,
    /// How many were up.
    pub up: usize,
    /// For how long was waited; not at all, if it is no time.
    pub patience: Duration,
    /// What is with the peers.
    pub peers: Vec<PeerStatus>,
    /// What the topologies say.
    pub topologies: Vec<TopologyStatus>,
}

impl WaitError {
    /// How many peers are named in words.
    const NAMED: usize = 5;
}

impl fmt::Display for WaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { wanted, up, patience, .. } = self;
        write!(f, "{up} of {wanted} peers are up")?;
        if !patience.is_zero() {
            write!(f, " after {patience:?}")?;
        }
        for topology in &self.topologies {
            match &topology.problem {
                Some(problem) => write!(f, "; topology {}: {problem}", topology.name)?,
                None => write!(f, "; topology {} sees {}", topology.name, topology.peers.len())?,
            }
        }
        let down: Vec<_> = self.peers.iter().filter(|peer| peer.state != PeerState::Up).collect();
        for peer in down.iter().take(Self::NAMED) {
            write!(f, "; {} is {}", peer.node, peer.state)?;
        }
        match down.len().saturating_sub(Self::NAMED) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

impl std::error::Error for WaitError {}
