//! A topology: a strategy under a name, with what it connects by.

use std::sync::Arc;
use std::time::Duration;

use flitch_discovery::{AnyStrategy, Strategy};

use crate::cluster::links::{AnyLinks, Links};

/// What a node joins: a strategy under a name. Any [`Strategy`] becomes one under its own.
///
/// ```
/// use flitch::Topology;
/// use flitch::test::Network;
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let network = Network::new();
/// # let node = network.node("worker@a")?.start().await?;
/// let app = network.beam("app@b")?.start().await?;
/// let seeds = vec![app.name().clone()];
/// node.join(Topology::new("seeds", seeds).prune_after(Duration::from_secs(60)));
/// app.until_up(node.name()).await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a topology does something when a node joins it"]
pub struct Topology {
    pub(crate) name: String,
    pub(crate) strategy: AnyStrategy,
    pub(crate) prune_after: Option<Duration>,
    pub(crate) links: Option<Arc<dyn AnyLinks>>,
}

impl Topology {
    /// A strategy under a name. Where a node has joined one of that name already, this one gets a
    /// number behind it.
    pub fn new(name: impl Into<String>, strategy: impl Strategy) -> Self {
        let strategy = AnyStrategy::new(strategy);
        Self { name: name.into(), strategy, prune_after: None, links: None }
    }

    /// Disconnects a peer that complete answers have been without for so long, and that no other
    /// topology sees. At least ten seconds pass. Nobody is disconnected unless this is given: TCP
    /// and ticks tell who is dead, and better than a resolver does.
    pub fn prune_after(mut self, patience: Duration) -> Self {
        self.prune_after = Some(patience);
        self
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What finds its peers.
    #[must_use]
    pub fn strategy(&self) -> &AnyStrategy {
        &self.strategy
    }

    /// Connects, disconnects and lists by something else than the node.
    pub fn links(mut self, links: impl Links) -> Self {
        self.links = Some(Arc::new(links));
        self
    }
}

impl<S: Strategy> From<S> for Topology {
    fn from(strategy: S) -> Self {
        Self::new(strategy.name().to_owned(), strategy)
    }
}
