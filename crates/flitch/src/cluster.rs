//! Staying connected to the peers that are wanted, for ever.

use std::time::Duration;

use flitch_epmd::backoff::Backoff;
use flitch_name::NodeName;
use tokio::sync::broadcast::error::RecvError;

use crate::node::{Node, NodeEvent, random_u32};

/// The first wait after a failure, and the longest.
const WAITS: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(15));

impl Node {
    /// Connects to these peers, and again whenever one of them is lost or cannot be reached yet,
    /// until the node shuts down. Each peer has its own waits, with jitter.
    pub fn join(&self, peers: impl IntoIterator<Item = NodeName>) {
        for peer in peers {
            if peer != *self.name() {
                let node = self.clone();
                self.tasks().spawn(keep_connected(node, peer));
            }
        }
    }
}

async fn keep_connected(node: Node, peer: NodeName) {
    let mut backoff = Backoff::new(WAITS.0, WAITS.1, random_u32);
    let mut failing = false;
    while !node.is_stopping() {
        // Before dialling, so that no end of the link is missed.
        let mut events = node.events();
        match node.connect(&peer).await {
            Ok(()) => {
                backoff.reset();
                failing = false;
                tokio::select! {
                    () = node.stopping() => return,
                    () = lost(&node, &mut events, &peer) => {}
                }
            }
            // The first failure is news; those that follow are not.
            Err(error) if failing => {
                tracing::debug!(%peer, %error, stage = error.stage().as_str(), "cannot connect");
            }
            Err(error) => {
                failing = true;
                tracing::warn!(%peer, %error, stage = error.stage().as_str(), "cannot connect");
            }
        }
        tokio::select! {
            () = node.stopping() => return,
            () = tokio::time::sleep(backoff.next_wait()) => {}
        }
    }
}

/// Waits until the link to a peer is gone.
async fn lost(
    node: &Node,
    events: &mut tokio::sync::broadcast::Receiver<NodeEvent>,
    peer: &NodeName,
) {
    loop {
        match events.recv().await {
            Ok(NodeEvent::Down { node: down, .. }) if down == *peer => return,
            // Events were missed: look for ourselves.
            Err(RecvError::Lagged(_)) if !node.is_connected(peer) => return,
            Err(RecvError::Closed) => return,
            _ => {}
        }
    }
}
