//! The room for those of the functions that every node has that take long: anybody may call them, as
//! often as they like.

use std::sync::Arc;

use flitch_etf::Atom;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::node::Node;

/// How much of them may go on at once.
pub(crate) struct Room {
    calls: Arc<Semaphore>,
    walks: Arc<Semaphore>,
}

impl Room {
    /// Calls that run or wait. Those beyond are answered `system_limit`, at once.
    const CALLS: usize = 1024;

    /// Walks over all processes that run at once. Each may hold some of every process.
    const WALKS: usize = 2;

    /// A place for a call, if there is one.
    pub(crate) fn enter(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.calls).try_acquire_owned().ok()
    }

    /// Waits until a walk may begin whose answer goes to this node: not while more waits for that
    /// than its link may hold.
    pub(super) async fn walk(&self, node: &Node, asker: &Atom) -> Option<OwnedSemaphorePermit> {
        let link = node.peers().link(asker);
        loop {
            let walk = Arc::clone(&self.walks).acquire_owned().await.ok()?;
            match &link {
                Some(link) if link.outbox.depth().0 > node.settings().link_limit => {
                    drop(walk);
                    link.outbox.flushed().await;
                }
                _ => return Some(walk),
            }
        }
    }
}

impl Default for Room {
    fn default() -> Self {
        let calls = Arc::new(Semaphore::new(Self::CALLS));
        Self { calls, walks: Arc::new(Semaphore::new(Self::WALKS)) }
    }
}
