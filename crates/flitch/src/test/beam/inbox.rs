//! What a BEAM has received, and the waiting for it: `assert_receive`, by type.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use flitch_dist::Payload;
use flitch_etf::{Limits, Pid, Reader, Reference, Term, read_value, text};
use flitch_name::NodeName;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Notify;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, timeout_at};

use super::Beam;
use crate::caller::{Caller, From};
use crate::mailbox::Incoming;
use crate::node::NodeEvent;
use crate::process::{ExitReason, Process};

/// What the process of a BEAM has received and nobody has wanted yet.
#[derive(Default)]
pub(super) struct Inbox {
    came: Mutex<VecDeque<Incoming>>,
    more: Notify,
}

/// Why a wait was in vain.
///
/// ```
/// use flitch::test::{Missed, Network};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let network = Network::new();
/// let app = network.beam("app@b")?.start().await?;
/// let missed = app.receive::<String>().await.unwrap_err();
/// assert!(matches!(missed, Missed::Nothing { .. }));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Missed {
    /// Nothing is there.
    #[error("nothing came within {patience:?}")]
    Nothing {
        /// How long the BEAM has waited.
        patience: Duration,
    },
    /// What is there is not what was wanted. It stays, for a wait that wants it.
    #[error("nothing of that kind came within {patience:?}, but: {}", shown(came))]
    Other {
        /// How long the BEAM has waited.
        patience: Duration,
        /// What is there, in the order in which it came.
        came: Vec<Incoming>,
    },
    /// A peer is not connected, or still is.
    #[error("{peer} is {} after {patience:?}", if *up { "not connected" } else { "still connected" })]
    Peer {
        /// The peer.
        peer: NodeName,
        /// Whether it should be connected.
        up: bool,
        /// How long the BEAM has waited.
        patience: Duration,
    },
}

/// How much of what came is shown.
const SHOWN: usize = 8;

fn shown(came: &[Incoming]) -> String {
    let mut lines: Vec<String> = came.iter().take(SHOWN).map(show).collect();
    if came.len() > SHOWN {
        lines.push(format!("and {} more", came.len() - SHOWN));
    }
    lines.join(", ")
}

/// As the process of a BEAM would see it.
fn show(incoming: &Incoming) -> String {
    match incoming {
        Incoming::Message(payload) => match payload.to_term(Limits::DEFAULT) {
            Ok(term) => text::elixir(&term).to_string(),
            Err(error) => format!("a message that is no term: {error}"),
        },
        Incoming::Exit { from, reason } => {
            let exit = (Term::atom("EXIT"), Term::from(from.clone()), reason.clone());
            text::elixir(&Term::from(exit)).to_string()
        }
        Incoming::Down { reason, .. } => {
            text::elixir(&Term::from((Term::atom("DOWN"), reason.clone()))).to_string()
        }
        Incoming::Node(NodeEvent::Up { node, .. }) => format!("{{:nodeup, :{:?}}}", node.as_str()),
        Incoming::Node(NodeEvent::Down { node, .. }) => {
            format!("{{:nodedown, :{:?}}}", node.as_str())
        }
        Incoming::Shutdown => ":shutdown".to_owned(),
    }
}

impl Inbox {
    /// The life of the process.
    pub(super) async fn fill(&self, mut process: Process) -> ExitReason {
        while let Some(incoming) = process.next().await {
            if matches!(incoming, Incoming::Shutdown) {
                return ExitReason::shutdown();
            }
            self.came().push_back(incoming);
            self.more.notify_waiters();
        }
        ExitReason::normal()
    }

    /// Waits for the first of what has come, or comes, that `wanted` takes. All else stays.
    async fn pick<W>(
        &self,
        patience: Duration,
        wanted: impl Fn(&Incoming) -> Option<W>,
    ) -> Result<W, Missed> {
        let until = Instant::now() + patience;
        let mut late = false;
        loop {
            // Asked for before it is looked: what comes between the two is not missed.
            let more = self.more.notified();
            if let Some(found) = self.take(&wanted) {
                return Ok(found);
            }
            if late {
                let came: Vec<_> = self.came().iter().cloned().collect();
                return Err(match came.is_empty() {
                    true => Missed::Nothing { patience },
                    false => Missed::Other { patience, came },
                });
            }
            late = timeout_at(until, more).await.is_err();
        }
    }

    fn take<W>(&self, wanted: impl Fn(&Incoming) -> Option<W>) -> Option<W> {
        let mut came = self.came();
        let found = came.iter().enumerate().find_map(|(at, it)| Some((at, wanted(it)?)));
        found.map(|(at, found)| {
            came.remove(at);
            found
        })
    }

    fn came(&self) -> MutexGuard<'_, VecDeque<Incoming>> {
        self.came.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Beam {
    /// Waits for a message of this type, and gives the first one: `assert_receive`. Messages of
    /// other types stay for whoever wants them. ([`Term`] takes any message.)
    ///
    /// # Errors
    /// None comes; what does, is named.
    pub async fn receive<T: DeserializeOwned>(&self) -> Result<T, Missed> {
        self.inbox.pick(self.patience, |incoming| message(incoming)?.to_value().ok()).await
    }

    /// Waits for a cast of this type, as `handle_cast` would get it: to a name of the BEAM's
    /// process, or of a server that it [serves](Beam::serve).
    ///
    /// # Errors
    /// None comes; what does, is named.
    pub async fn receive_cast<T: DeserializeOwned>(&self) -> Result<T, Missed> {
        let cast = |incoming: &Incoming| {
            let mut reader = enveloped(message(incoming)?, 2, "$gen_cast")?;
            read_value(&mut reader).ok()
        };
        self.inbox.pick(self.patience, cast).await
    }

    /// Waits for a call of this type, as `handle_call` would get it, to a name of the BEAM's
    /// process. The test answers it with what it is given: at once, later, with an exit, or never.
    ///
    /// # Errors
    /// None comes; what does, is named.
    pub async fn receive_call<T, R>(&self) -> Result<(T, Caller<R>), Missed>
    where
        T: DeserializeOwned,
        R: Serialize,
    {
        let call = |incoming: &Incoming| {
            let mut reader = enveloped(message(incoming)?, 3, "$gen_call")?;
            let from = From::read(&mut reader).ok()?;
            Some((read_value(&mut reader).ok()?, from))
        };
        let (request, from) = self.inbox.pick(self.patience, call).await?;
        Ok((request, Caller::new(self.node.clone(), Arc::clone(&self.entry), from)))
    }

    /// Waits for whatever is next.
    ///
    /// # Errors
    /// Nothing comes.
    pub async fn receive_any(&self) -> Result<Incoming, Missed> {
        self.inbox.pick(self.patience, |incoming| Some(incoming.clone())).await
    }

    /// Waits for the end of what a monitor is about, and gives the reason: `{:DOWN, monitor, …}`.
    ///
    /// # Errors
    /// It is still there.
    pub async fn down(&self, monitor: &Reference) -> Result<Term, Missed> {
        let down = |incoming: &Incoming| match incoming {
            Incoming::Down { reference, reason, .. } if reference == monitor => {
                Some(reason.clone())
            }
            _ => None,
        };
        self.inbox.pick(self.patience, down).await
    }

    /// Waits for the end of a linked process, or for an exit signal of it, and gives the reason:
    /// `{:EXIT, pid, …}`.
    ///
    /// # Errors
    /// None comes.
    pub async fn exited(&self, pid: &Pid) -> Result<Term, Missed> {
        let exit = |incoming: &Incoming| match incoming {
            Incoming::Exit { from, reason } if from == pid => Some(reason.clone()),
            _ => None,
        };
        self.inbox.pick(self.patience, exit).await
    }

    /// Waits until a peer is connected: `{:nodeup, peer}`.
    ///
    /// # Errors
    /// It is not within the BEAM's patience.
    pub async fn until_up(&self, peer: &NodeName) -> Result<(), Missed> {
        self.until(peer, true).await
    }

    /// Waits until a peer is not connected any more: `{:nodedown, peer}`.
    ///
    /// # Errors
    /// It still is after all of the BEAM's patience.
    pub async fn until_down(&self, peer: &NodeName) -> Result<(), Missed> {
        self.until(peer, false).await
    }

    async fn until(&self, peer: &NodeName, up: bool) -> Result<(), Missed> {
        let mut events = self.node.events();
        let patience = self.patience;
        let until = Instant::now() + patience;
        while self.node.is_connected(peer) != up {
            match timeout_at(until, events.recv()).await {
                Ok(Ok(_) | Err(RecvError::Lagged(_))) => {}
                Ok(Err(RecvError::Closed)) | Err(_) => {
                    return Err(Missed::Peer { peer: peer.clone(), up, patience });
                }
            }
        }
        Ok(())
    }
}

fn message(incoming: &Incoming) -> Option<&Payload> {
    match incoming {
        Incoming::Message(payload) => Some(payload),
        _ => None,
    }
}

/// A cursor behind the name of an envelope of this shape.
fn enveloped<'a>(payload: &'a Payload, arity: usize, name: &str) -> Option<Reader<'a>> {
    let mut reader = payload.reader();
    let found = reader.tuple().ok()? == arity && reader.atom().ok()?.as_str() == name;
    found.then_some(reader)
}
