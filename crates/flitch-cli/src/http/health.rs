//! What is with the node, as probes are told: starting, running, stopping.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use flitch::{Node, WaitError};

/// What is with the node. Cheap to clone; all clones tell the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Health(Arc<Mutex<Phase>>);

#[derive(Debug, Default)]
enum Phase {
    #[default]
    Starting,
    Running {
        node: Node,
        /// How many peers have to be up.
        ready: usize,
    },
    /// There is none, if it never came up.
    Stopping(Option<Node>),
}

/// Whether work may be sent here, and why (not), in words.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Readiness {
    pub(crate) is_ready: bool,
    pub(crate) words: String,
}

impl Health {
    /// The node is on its way up.
    pub(crate) fn starting() -> Self {
        Self::default()
    }

    /// The node is up, and is ready when so many peers that a topology has found are too.
    pub(crate) fn running(&self, node: &Node, ready: usize) {
        *self.phase() = Phase::Running { node: node.clone(), ready };
    }

    /// The node is on its way down: no more work, please.
    pub(crate) fn stopping(&self) {
        let node = self.node();
        *self.phase() = Phase::Stopping(node);
    }

    /// The node, once it is up.
    pub(crate) fn node(&self) -> Option<Node> {
        match &*self.phase() {
            Phase::Starting => None,
            Phase::Running { node, .. } => Some(node.clone()),
            Phase::Stopping(node) => node.clone(),
        }
    }

    /// Whether work may be sent here.
    pub(crate) fn readiness(&self) -> Readiness {
        let (cluster, ready) = match &*self.phase() {
            Phase::Starting => return Readiness::no("starting"),
            Phase::Stopping(_) => return Readiness::no("stopping"),
            Phase::Running { node, ready } => (node.cluster(), *ready),
        };
        let up = cluster.members();
        if up >= ready {
            return Readiness { is_ready: true, words: ready_words(up, ready) };
        }
        let missing = WaitError {
            wanted: ready,
            up,
            patience: Duration::ZERO,
            peers: cluster.peers(),
            topologies: cluster.topologies(),
        };
        Readiness::no(format!("not ready: {missing}"))
    }

    fn phase(&self) -> MutexGuard<'_, Phase> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Readiness {
    fn no(words: impl Into<String>) -> Self {
        Self { is_ready: false, words: words.into() }
    }
}

fn ready_words(up: usize, ready: usize) -> String {
    match ready {
        0 => format!("ready: {up} peers are up, none has to be"),
        _ if up > ready => format!("ready: {up} peers are up, {ready} would do"),
        _ => format!("ready: {up} of {ready} peers are up"),
    }
}

#[cfg(test)]
mod tests {
    use flitch::{Cookie, Epmd, PeerPort};

    use super::*;

    #[test]
    fn who_has_more_peers_than_it_needs_is_ready_and_counts_them() {
        assert_eq!(ready_words(2, 2), "ready: 2 of 2 peers are up");
        assert_eq!(ready_words(3, 2), "ready: 3 peers are up, 2 would do");
        assert_eq!(ready_words(0, 0), "ready: 0 peers are up, none has to be");
    }

    #[tokio::test]
    async fn a_node_that_is_alone_is_ready_only_if_it_may_be() {
        let health = Health::starting();
        assert_eq!(health.readiness(), Readiness::no("starting"));
        let builder = Node::builder("alone@127.0.0.1".parse().unwrap());
        let builder = builder.cookie(Cookie::new("ALONE").unwrap());
        let node =
            builder.bind([127, 0, 0, 1].into()).epmd(Epmd::None).peer_port(PeerPort::Fixed(1));
        let node = node.start().await.unwrap();
        health.running(&node, 0);
        assert!(health.readiness().is_ready);
        health.running(&node, 1);
        let nobody = "not ready: 0 of 1 peers are up";
        assert_eq!(health.readiness(), Readiness::no(nobody));
        node.join(vec!["app@127.0.0.9".parse().unwrap()]);
        health.stopping();
        assert_eq!(health.readiness(), Readiness::no("stopping"));
        node.shutdown().await;
    }
}
