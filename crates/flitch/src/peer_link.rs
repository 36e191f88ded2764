//! One connected peer: its outbox, and what binds its processes to ours.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use flitch_dist::{BufferPool, LinkError};
use flitch_etf::{Atom, Pid, Reference};
use flitch_handshake::{Established, Flags};
use flitch_name::{Creation, NodeName};
use tokio_util::sync::CancellationToken;

use crate::identity::node_atom;
use crate::metrics::Traffic;
use crate::node::Settings;
use crate::outbox::Outbox;

/// A connected peer.
pub(crate) struct PeerLink {
    pub(crate) name: NodeName,
    pub(crate) atom: Atom,
    pub(crate) creation: Creation,
    pub(crate) flags: Flags,
    /// Whether we dialled.
    pub(crate) dialled: bool,
    pub(crate) outbox: Outbox,
    pub(crate) traffic: Traffic,
    bonds: Mutex<Bonds>,
    /// How many bonds a peer may have: it makes them for nothing, and we keep them.
    max_bonds: usize,
    reason: OnceLock<CloseReason>,
    closing: CancellationToken,
    /// Set when everybody has learned of the end.
    gone: CancellationToken,
}

/// What ends with the link. Each entry stands in for one in a process of ours.
#[derive(Default)]
pub(crate) struct Bonds {
    /// Set when the link is gone: nothing can be bound to it any more.
    pub(crate) over: bool,
    /// Links: our process and theirs.
    pub(crate) links: HashSet<(Pid, Pid)>,
    /// Monitors of theirs on processes of ours.
    pub(crate) watched: HashMap<Reference, Pid>,
    /// Monitors of ours on processes of theirs, and calls that wait for an answer.
    pub(crate) watching: HashMap<Reference, Pid>,
}

impl Bonds {
    pub(crate) fn len(&self) -> usize {
        self.links.len() + self.watched.len() + self.watching.len()
    }
}

/// Why a link ended.
///
/// ```
/// use flitch::test::Network;
/// use flitch::{CloseReason, NodeEvent};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let network = Network::new();
/// let worker = network.node("worker@a")?.start().await?;
/// let app = network.beam("app@b")?.start().await?;
/// worker.connect(app.name()).await?;
/// let mut events = worker.events();
///
/// network.cut(worker.name(), app.name());
/// let NodeEvent::Down { reason, .. } = events.recv().await? else { panic!("it is gone") };
/// assert!(matches!(reason, CloseReason::TickTimeout(_)));   // after a minute without a word
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CloseReason {
    /// The peer closed it, or the carrier did.
    #[error("connection closed")]
    Closed,
    /// The carrier broke.
    #[error("connection broke: {0}")]
    Broken(std::io::ErrorKind),
    /// The peer sent nothing for the whole `net_ticktime`.
    #[error("net tick timeout: the peer sent nothing for {0:?}")]
    TickTimeout(std::time::Duration),
    /// The peer broke the protocol.
    #[error("protocol error: {0}")]
    Protocol(#[from] LinkError),
    /// The peer does not read what we send.
    #[error("the peer does not read: more waits for it than a link may hold")]
    Overflow,
    /// The peer has read nothing for the whole `net_ticktime`, though there was something.
    #[error("the peer took nothing of what waits for it for {0:?}")]
    Stalled(std::time::Duration),
    /// The peer has made more links and monitors than it may.
    #[error("the peer has too many links and monitors")]
    TooManyBonds,
    /// We disconnected.
    #[error("disconnected")]
    Disconnected,
    /// A newer connection of the same node took its place.
    #[error("replaced by a newer connection of the same node")]
    Replaced,
    /// This node shuts down.
    #[error("this node shuts down")]
    Shutdown,
}

impl CloseReason {
    pub(crate) const WORDS: [&str; 10] = [
        "closed",
        "broken",
        "tick_timeout",
        "protocol",
        "overflow",
        "stalled",
        "too_many_bonds",
        "disconnected",
        "replaced",
        "shutdown",
    ];

    /// The reason in one word.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Broken(_) => "broken",
            Self::TickTimeout(_) => "tick_timeout",
            Self::Protocol(_) => "protocol",
            Self::Overflow => "overflow",
            Self::Stalled(_) => "stalled",
            Self::TooManyBonds => "too_many_bonds",
            Self::Disconnected => "disconnected",
            Self::Replaced => "replaced",
            Self::Shutdown => "shutdown",
        }
    }
}

impl PeerLink {
    pub(crate) fn new(
        established: &Established,
        dialled: bool,
        settings: &Settings,
        pool: Arc<BufferPool>,
    ) -> Self {
        Self {
            name: established.peer.clone(),
            atom: node_atom(&established.peer),
            creation: established.peer_creation,
            flags: established.flags,
            dialled,
            outbox: Outbox::new(settings.link_limit, established.flags, pool),
            traffic: Traffic::begin(),
            bonds: Mutex::default(),
            max_bonds: settings.max_bonds,
            reason: OnceLock::new(),
            closing: CancellationToken::new(),
            gone: CancellationToken::new(),
        }
    }

    /// Whether the peer shows itself.
    pub(crate) fn is_visible(&self) -> bool {
        self.flags.contains(Flags::PUBLISHED)
    }

    pub(crate) fn bonds(&self) -> MutexGuard<'_, Bonds> {
        self.bonds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For binding something new. `None` when the link is gone, and would never tell of its end.
    pub(crate) fn live_bonds(&self) -> Option<MutexGuard<'_, Bonds>> {
        Some(self.bonds()).filter(|bonds| !bonds.over)
    }

    /// For binding something that the peer wants. `None`, and the end of the link, if it has
    /// bound too much already.
    pub(crate) fn bonds_for_peer(&self) -> Option<MutexGuard<'_, Bonds>> {
        let bonds = self.bonds();
        if bonds.len() < self.max_bonds {
            return Some(bonds);
        }
        self.close(CloseReason::TooManyBonds);
        None
    }

    /// The link is gone: gives what was bound to it.
    pub(crate) fn end_bonds(&self) -> Bonds {
        std::mem::replace(&mut *self.bonds(), Bonds { over: true, ..Bonds::default() })
    }

    /// Ends the link. The first reason stays.
    pub(crate) fn close(&self, reason: CloseReason) {
        let _ = self.reason.set(reason);
        self.closing.cancel();
    }

    /// Waits until somebody ends the link.
    pub(crate) async fn closing(&self) {
        self.closing.cancelled().await;
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.is_cancelled()
    }

    pub(crate) fn reason(&self) -> CloseReason {
        self.reason.get().cloned().unwrap_or(CloseReason::Closed)
    }

    /// Everybody has learned of the end.
    pub(crate) fn set_gone(&self) {
        self.gone.cancel();
    }

    /// Waits until everybody has learned of the end.
    pub(crate) async fn gone(&self) {
        self.gone.cancelled().await;
    }
}
