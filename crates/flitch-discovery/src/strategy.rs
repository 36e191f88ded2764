//! What every strategy is: something that watches a source of names and tells what it sees.

use std::collections::BTreeSet;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use flitch_name::{NameError, NodeName};

/// A source of node names.
pub trait Strategy: Send + Sync + 'static {
    /// What logs and tables call it, such as `Kubernetes.DNS`.
    fn name(&self) -> &str;

    /// Watches the source and tells `sightings` whatever changes, or each answer again.
    ///
    /// It runs until the node goes. Ending well means that all is said: the last observation stays
    /// true for ever. After an error, or a panic, it is run again after a while; until then, what it
    /// said stays true.
    ///
    /// # Errors
    /// The source does not answer. Who can wait for it by itself tells
    /// [`Sightings::failed`] and goes on.
    fn run(&self, sightings: Sightings) -> impl Future<Output = Result<(), DiscoveryError>> + Send;
}

/// Names that are known from the start: a strategy that is done when it has told them.
impl Strategy for Vec<NodeName> {
    fn name(&self) -> &str {
        "list"
    }

    async fn run(&self, sightings: Sightings) -> Result<(), DiscoveryError> {
        sightings.complete(self.iter().cloned());
        Ok(())
    }
}

/// Any strategy, where several kinds are kept in one place.
#[derive(Clone)]
pub struct AnyStrategy(Arc<dyn Erased>);

type Run<'a> = Pin<Box<dyn Future<Output = Result<(), DiscoveryError>> + Send + 'a>>;

trait Erased: Send + Sync + 'static {
    fn named(&self) -> &str;
    fn start(&self, sightings: Sightings) -> Run<'_>;
}

impl<S: Strategy> Erased for S {
    fn named(&self) -> &str {
        self.name()
    }

    fn start(&self, sightings: Sightings) -> Run<'_> {
        Box::pin(self.run(sightings))
    }
}

impl AnyStrategy {
    /// Forgets which kind it is.
    pub fn new(strategy: impl Strategy) -> Self {
        Self(Arc::new(strategy))
    }
}

impl Strategy for AnyStrategy {
    fn name(&self) -> &str {
        self.0.named()
    }

    async fn run(&self, sightings: Sightings) -> Result<(), DiscoveryError> {
        self.0.start(sightings).await
    }
}

impl fmt::Debug for AnyStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AnyStrategy").field(&self.name()).finish()
    }
}

/// What a strategy may have to know of the node that it works for.
#[derive(Clone, Debug)]
pub struct Local {
    /// The node's own name. It is never a peer.
    pub node: NodeName,
    /// EPMD's port, here and on the peers' hosts.
    pub epmd_port: u16,
    /// Whether others may be told of the node. Who only looks has none that could be connected to.
    pub announce: bool,
}

/// Where a strategy tells what it sees. Cheap to clone; telling never waits.
#[derive(Clone)]
pub struct Sightings {
    local: Arc<Local>,
    tell: Arc<dyn Fn(Observation) + Send + Sync>,
}

impl Sightings {
    /// For a node; `tell` is called with each observation, and must not wait.
    pub fn new(local: Local, tell: impl Fn(Observation) + Send + Sync + 'static) -> Self {
        Self { local: Arc::new(local), tell: Arc::new(tell) }
    }

    /// The node that the strategy works for.
    #[must_use]
    pub fn local(&self) -> &Local {
        &self.local
    }

    /// All there is: whoever is not named is not there any more.
    pub fn complete(&self, peers: impl IntoIterator<Item = NodeName>) {
        self.tell(Observation { peers: peers.into_iter().collect(), ..Observation::default() });
    }

    /// A part of what there is, since something went wrong: nobody is lost for not being named.
    pub fn partial(
        &self,
        peers: impl IntoIterator<Item = NodeName>,
        problem: impl Into<DiscoveryError>,
    ) {
        let problems = vec![problem.into()];
        let peers = peers.into_iter().collect();
        self.tell(Observation { peers, problems, ..Observation::default() });
    }

    /// No answer this time: nobody is lost by it.
    pub fn failed(&self, problem: impl Into<DiscoveryError>) {
        self.partial([], problem);
    }

    /// Anything else that can be seen.
    pub fn tell(&self, mut observation: Observation) {
        observation.peers.remove(&self.local.node);
        observation.unready.remove(&self.local.node);
        (self.tell)(observation);
    }
}

impl fmt::Debug for Sightings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sightings").field("local", &self.local).finish_non_exhaustive()
    }
}

/// What a strategy saw at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observation {
    /// Who should be connected.
    pub peers: BTreeSet<NodeName>,
    /// Who is there and is not ready: it starts, or is on the way out. Such a peer is not dialled,
    /// and is not lost either.
    pub unready: BTreeSet<NodeName>,
    /// Why this may not be all. With none, it is: whoever is not named is not there.
    pub problems: Vec<DiscoveryError>,
}

impl Observation {
    /// Whether this is all there is.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Why a source could not be asked, or answered in part.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct DiscoveryError {
    /// What kind of thing went wrong.
    pub problem: Problem,
    /// The whole sentence: who, what, and what to do about it.
    pub message: String,
}

/// The kinds of what goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// The configuration cannot work as it stands.
    Config,
    /// A resolver failed, or did not answer. That a name has no addresses is an answer.
    Dns,
    /// EPMD on a peer's host did not tell the names there.
    Epmd,
    /// The API server cannot be reached, or its certificate is not to be trusted.
    Api,
    /// The API server knows who asks, or does not, and says no (401 and 403).
    Forbidden,
    /// Something answers that is no answer.
    Garbage,
    /// Nothing is wrong: it is too early to know whether that is all.
    Early,
    /// Everything else: files, sockets, strategies of one's own.
    Other,
}

impl DiscoveryError {
    /// `message` is a whole sentence.
    pub fn new(problem: Problem, message: impl Into<String>) -> Self {
        Self { problem, message: message.into() }
    }
}

impl From<std::io::Error> for DiscoveryError {
    fn from(error: std::io::Error) -> Self {
        Self::new(Problem::Other, error.to_string())
    }
}

impl From<NameError> for DiscoveryError {
    fn from(error: NameError) -> Self {
        Self::new(Problem::Config, error.to_string())
    }
}

impl Problem {
    /// The kind in one word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Dns => "dns",
            Self::Epmd => "epmd",
            Self::Api => "api",
            Self::Forbidden => "forbidden",
            Self::Garbage => "garbage",
            Self::Early => "early",
            Self::Other => "other",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    fn names(names: &[&str]) -> Vec<NodeName> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    fn told(tell: impl Fn(&Sightings)) -> Vec<Observation> {
        let told = Arc::new(Mutex::new(Vec::new()));
        let local = Local { node: "me@10.0.0.1".parse().unwrap(), epmd_port: 4369, announce: true };
        let seen = Arc::clone(&told);
        tell(&Sightings::new(local, move |observation| seen.lock().unwrap().push(observation)));
        let told = told.lock().unwrap();
        told.clone()
    }

    #[test]
    fn a_node_is_never_its_own_peer() {
        let told = told(|sightings| sightings.complete(names(&["me@10.0.0.1", "app@10.0.0.2"])));
        assert_eq!(told[0].peers, names(&["app@10.0.0.2"]).into_iter().collect());
        assert!(told[0].is_complete());
    }

    #[test]
    fn a_failure_is_never_an_empty_answer() {
        let told = told(|sightings| sightings.failed(std::io::Error::other("no route")));
        assert!(!told[0].is_complete());
        assert_eq!(told[0].problems[0].to_string(), "no route");
    }
}
