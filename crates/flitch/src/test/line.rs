//! What lies between two nodes of a network: how long bytes take, and whether any get through.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use flitch_name::NodeName;
use tokio::sync::watch;

use super::pipe::{Pipe, Stream, join};

/// The line between two nodes, with every connection over it.
pub(super) struct Line {
    condition: watch::Sender<Condition>,
    connections: Mutex<Vec<Connection>>,
}

/// How a line is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Condition {
    /// Nothing gets through, and nobody is told.
    pub(super) cut: bool,
    /// How long bytes take, one way.
    pub(super) delay: Duration,
}

/// The two directions of a connection, by who writes.
struct Connection {
    dialler: NodeName,
    forth: Weak<Pipe>,
    back: Weak<Pipe>,
}

impl Line {
    pub(super) fn new() -> Arc<Self> {
        let (condition, _) = watch::channel(Condition::default());
        Arc::new(Self { condition, connections: Mutex::default() })
    }

    pub(super) fn condition(&self) -> Condition {
        *self.condition.borrow()
    }

    /// Changes the conditions, for the connections that are there as well.
    pub(super) fn change(&self, change: impl FnOnce(&mut Condition)) {
        self.condition.send_modify(change);
        for connection in self.connections().iter() {
            connection.forth().iter().for_each(|pipe| pipe.wake());
            connection.back().iter().for_each(|pipe| pipe.wake());
        }
    }

    /// Waits as long as the opening of a connection takes: for ever, while the line is cut.
    pub(super) async fn opened(&self) {
        let mut condition = self.condition.subscribe();
        // The sender is in here: it does not go away meanwhile.
        let _ = condition.wait_for(|condition| !condition.cut).await;
        tokio::time::sleep(2 * self.condition().delay).await;
    }

    /// A connection: the ends of the dialler and of the other.
    pub(super) fn connect(self: &Arc<Self>, dialler: &NodeName) -> (Stream, Stream) {
        let (forth, back) = (Pipe::on(Arc::clone(self)), Pipe::on(Arc::clone(self)));
        let dialler = dialler.clone();
        let connection =
            Connection { dialler, forth: Arc::downgrade(&forth), back: Arc::downgrade(&back) };
        let mut connections = self.connections();
        connections.retain(|connection| connection.forth().is_some());
        connections.push(connection);
        join(&forth, &back)
    }

    /// One of the two nodes is gone from one moment to the next, with all its ends.
    pub(super) fn lose(&self, node: &NodeName) {
        for connection in self.connections().drain(..) {
            let (forth, back) = (connection.forth(), connection.back());
            let dialled = connection.dialler == *node;
            let (from, to) = if dialled { (forth, back) } else { (back, forth) };
            from.iter().for_each(|pipe| pipe.end());
            to.iter().for_each(|pipe| pipe.deafen());
        }
    }

    fn connections(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    fn forth(&self) -> Option<Arc<Pipe>> {
        self.forth.upgrade()
    }

    fn back(&self) -> Option<Arc<Pipe>> {
        self.back.upgrade()
    }
}
