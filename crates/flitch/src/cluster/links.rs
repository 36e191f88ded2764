//! How peers are connected and disconnected, and which are: the node itself, unless replaced.

use std::fmt;
use std::pin::Pin;

use flitch_name::NodeName;

use crate::connect_error::{ConnectError, Stage};
use crate::node::Node;

/// What a topology connects with, as libcluster's `connect`, `disconnect` and `list_nodes`.
///
/// The node itself does it unless [`Topology::links`](crate::Topology::links) replaces it: for a
/// program that decides by itself whom it lets in, or that connects by other means.
///
/// ```
/// use flitch::test::Network;
/// use flitch::{DialError, Links, Node, NodeName, Topology};
/// use std::time::Duration;
///
/// /// Connects as the node does, but not to who is under maintenance.
/// struct Careful(Node);
///
/// impl Links for Careful {
///     async fn connect(&self, peer: &NodeName) -> Result<(), DialError> {
///         match peer.host() {
///             "maintenance" => Err(DialError::new("it is under maintenance")),
///             _ => Ok(self.0.connect(peer).await?),
///         }
///     }
///     async fn disconnect(&self, peer: &NodeName) {
///         self.0.disconnect(peer);
///     }
///     fn list_nodes(&self) -> Vec<NodeName> {
///         self.0.peers_up()
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let network = Network::new();
/// let app = network.beam("app@b")?.start().await?;
/// let worker = network.node("worker@a")?.start().await?;
/// let topology = Topology::from(vec![app.name().clone()]).links(Careful(worker.clone()));
/// worker.join(topology).wait_for(1, Duration::from_secs(10)).await?;
/// # Ok(())
/// # }
/// ```
pub trait Links: Send + Sync + 'static {
    /// Connects to a peer, if it is not connected yet.
    ///
    /// # Errors
    /// Why it cannot be reached; it is tried again after a while.
    fn connect(&self, peer: &NodeName) -> impl Future<Output = Result<(), DialError>> + Send;

    /// Drops the connection to a peer.
    fn disconnect(&self, peer: &NodeName) -> impl Future<Output = ()> + Send;

    /// The peers that are connected. It is asked every second, and must not wait.
    fn list_nodes(&self) -> Vec<NodeName>;
}

impl Links for Node {
    async fn connect(&self, peer: &NodeName) -> Result<(), DialError> {
        Ok(Self::connect(self, peer).await?)
    }

    async fn disconnect(&self, peer: &NodeName) {
        Self::disconnect(self, peer);
    }

    fn list_nodes(&self) -> Vec<NodeName> {
        self.peers_up()
    }
}

/// Why a peer could not be connected.
///
/// ```
/// use flitch::DialError;
///
/// let error = DialError::new("it is under maintenance");
/// assert_eq!(error.to_string(), "it is under maintenance");
/// assert_eq!(error.stage, None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialError {
    /// The stage that failed, where that is known.
    pub stage: Option<Stage>,
    /// What happened, in words.
    pub message: String,
}

impl DialError {
    /// An error in words.
    pub fn new(message: impl Into<String>) -> Self {
        Self { stage: None, message: message.into() }
    }

    /// Whether only another configuration helps.
    pub(crate) fn is_hopeless(&self) -> bool {
        self.stage == Some(Stage::Name)
    }
}

impl From<ConnectError> for DialError {
    fn from(error: ConnectError) -> Self {
        Self { stage: Some(error.stage()), message: error.to_string() }
    }
}

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.stage {
            Some(stage) => write!(f, "{}: {}", stage.as_str(), self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for DialError {}

/// [`Links`] of any kind.
pub(crate) trait AnyLinks: Send + Sync + 'static {
    fn dial<'a>(&'a self, peer: &'a NodeName) -> Dial<'a>;
    fn drop_link<'a>(&'a self, peer: &'a NodeName)
    -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>;
    fn list(&self) -> Vec<NodeName>;
}

type Dial<'a> = Pin<Box<dyn Future<Output = Result<(), DialError>> + Send + 'a>>;

impl<L: Links> AnyLinks for L {
    fn dial<'a>(&'a self, peer: &'a NodeName) -> Dial<'a> {
        Box::pin(self.connect(peer))
    }

    fn drop_link<'a>(
        &'a self,
        peer: &'a NodeName,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(self.disconnect(peer))
    }

    fn list(&self) -> Vec<NodeName> {
        self.list_nodes()
    }
}
