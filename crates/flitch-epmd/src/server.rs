//! The daemon: listeners, and one short loop per connection around a [`Session`].
//!
//! No protocol decision is taken here. What a peer may say is in [`crate::session`], who has which
//! name in [`crate::table`], and who has to go when too many wait in [`crate::gate`].

mod acceptor;
mod config;
mod connection;
mod stream;

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinError, JoinSet};
use tracing::{debug, info, warn};

use crate::gate::Gate;
use crate::session::{Origin, Rules, Session};
use crate::table::{ConnectionId, Table};

use acceptor::{Accepted, Acceptor, Starved};
use connection::{Connection, Outcome};
use stream::Stream;

pub use config::{Config, Delays};

/// An EPMD that listens and does not serve yet.
#[derive(Debug)]
pub struct Server {
    acceptor: Acceptor,
    config: Config,
}

/// Why a server stopped serving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// The caller's shutdown came.
    Shutdown,
    /// KILL_REQ came from somebody who may send it.
    Killed,
}

impl Server {
    /// How long to wait for descriptors that others in this process have to give up.
    const STARVED: Duration = Duration::from_millis(20);

    /// Listens on the addresses of `config` and on no others.
    ///
    /// Needs a tokio runtime with its I/O driver.
    ///
    /// # Errors
    /// An address of `listen` cannot be bound, or none at all.
    pub fn bind(config: Config) -> Result<Self, BindError> {
        let acceptor = Acceptor::bind(&config)?;
        Ok(Self { acceptor, config })
    }

    /// Serves on listeners that somebody else has bound, such as systemd; `listen` of the config
    /// says nothing then.
    ///
    /// Needs a tokio runtime with its I/O driver.
    ///
    /// # Errors
    /// There is none, or one is no listener.
    pub fn adopt(config: Config, listeners: Vec<TcpListener>) -> Result<Self, BindError> {
        let acceptor = Acceptor::adopt(listeners)?;
        Ok(Self { acceptor, config })
    }

    /// The addresses that are bound, in the order of the config; ports are those that the system
    /// gave.
    #[must_use]
    pub fn local_addresses(&self) -> Vec<SocketAddr> {
        self.acceptor.local_addresses()
    }

    /// Serves until `shutdown` is ready or KILL_REQ ends it.
    ///
    /// Then the listeners are closed, registrations are dropped, and requests that are on their
    /// way have [`Config::grace`] to end. Nothing of the server is left when this returns, nor
    /// when its future is dropped.
    pub async fn serve(mut self, shutdown: impl Future<Output = ()>) -> Stopped {
        let mut shutdown = pin!(shutdown);
        let (stopping, stopped) = watch::channel(false);
        let mut serving = Serving {
            shared: Shared::new(&self.config),
            rules: self.config.rules,
            delays: self.config.delays,
            connections: JoinSet::new(),
            next_id: 0,
            stopped,
        };
        info!(addresses = ?self.local_addresses(), "EPMD serves");
        let mut starved = false;
        let why = loop {
            let outcome = tokio::select! {
                () = &mut shutdown => break Stopped::Shutdown,
                Some(ended) = serving.connections.join_next() => {
                    starved = false;
                    self.acceptor.replenish();
                    outcome_of(ended)
                }
                accepted = self.acceptor.accept(), if !starved => match accepted {
                    Ok(accepted) => {
                        let lent = accepted.from_reserve;
                        let outcome = serving.start(accepted).await;
                        if lent {
                            self.acceptor.replenish();
                        }
                        outcome
                    }
                    Err(Starved) => {
                        starved = true;
                        Outcome::Closed
                    }
                },
                () = tokio::time::sleep(Self::STARVED), if starved => {
                    starved = false;
                    Outcome::Closed
                }
            };
            if outcome == Outcome::Killed {
                break Stopped::Killed;
            }
        };
        drop(self.acceptor);
        // Receivers exist as long as connections do; without any there is nobody to tell.
        let _ = stopping.send(true);
        let all = async { while serving.connections.join_next().await.is_some() {} };
        if tokio::time::timeout(self.config.grace, all).await.is_err() {
            serving.connections.shutdown().await;
        }
        info!(?why, "EPMD has stopped");
        why
    }
}

/// Why a server cannot listen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// Something listens there already.
    #[error(
        "{address} is taken, most likely by an EPMD that runs already: use that one, or choose another port with ERL_EPMD_PORT"
    )]
    InUse {
        /// The address.
        address: SocketAddr,
    },
    /// The address is not to be had.
    #[error("cannot listen on {address}: {source}; give addresses that this host has")]
    Io {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// A listener that was handed over is none.
    #[error("cannot listen on what was handed over: {0}; hand over TCP sockets that listen")]
    Adopted(io::Error),
    /// The config has no address, or none of the optional ones can be had.
    #[error("there is no address to listen on: give at least one, such as 127.0.0.1")]
    NoAddress,
}

fn outcome_of(ended: Result<Outcome, JoinError>) -> Outcome {
    match ended {
        Ok(outcome) => outcome,
        Err(error) => {
            if error.is_panic() {
                warn!(%error, "a connection's task panicked");
            }
            Outcome::Closed
        }
    }
}

/// What the loop of [`Server::serve`] holds.
struct Serving {
    shared: Arc<Shared>,
    rules: Rules,
    delays: Delays,
    connections: JoinSet<Outcome>,
    next_id: u64,
    stopped: watch::Receiver<bool>,
}

impl Serving {
    /// Serves a peer: at once if it has asked already, else in a task.
    async fn start(&mut self, accepted: Accepted) -> Outcome {
        if !self.delays.accept.is_zero() {
            tokio::time::sleep(self.delays.accept).await;
        }
        let Accepted { stream, peer, local, from_reserve } = accepted;
        // Where registrations hold all the descriptors, one more has no place: such a peer may ask
        // what somebody from elsewhere may.
        let full = from_reserve && self.shared.lock().gate.waiting() == 0;
        let origin = if full { Origin::Remote } else { Origin::of(peer.ip(), local.ip()) };
        let mut connection = self.connection(origin, peer, local);
        if self.delays.write.is_zero()
            && let Some(outcome) = connection.serve_at_once(&stream)
        {
            return outcome;
        }
        if from_reserve {
            self.make_room();
        }
        self.admit(connection, stream);
        Outcome::Closed
    }

    fn connection(&mut self, origin: Origin, peer: SocketAddr, local: SocketAddr) -> Connection {
        let id = ConnectionId(self.next_id);
        self.next_id += 1;
        let session = Session::new(id, origin, local.port(), self.rules, Instant::now());
        Connection::new(peer, id, session, &self.shared)
    }

    fn admit(&mut self, connection: Connection, stream: Stream) {
        let (id, peer, waits) = (connection.id(), connection.peer(), connection.waits());
        // The task takes the same lock when it ends, so it finds its handle there.
        let mut state = self.shared.lock();
        let task = connection.serve(stream, self.delays.write, self.stopped.clone());
        state.handles.insert(id, self.connections.spawn(task));
        if !waits {
            return;
        }
        if let Some(evicted) = state.gate.admit(id, peer.ip()) {
            debug!(%peer, "too many connections wait: the oldest is closed");
            state.disconnect(evicted);
        }
    }

    /// Closes some of the connections that wait longest.
    fn make_room(&self) {
        let mut state = self.shared.lock();
        for _ in 0..state.gate.waiting().div_ceil(8) {
            if let Some(oldest) = state.gate.oldest() {
                state.disconnect(oldest);
            }
        }
    }
}

/// What the connections share.
#[derive(Debug)]
struct Shared(Mutex<State>);

#[derive(Debug)]
struct State {
    table: Table,
    gate: Gate,
    handles: BTreeMap<ConnectionId, AbortHandle>,
}

impl Shared {
    fn new(config: &Config) -> Arc<Self> {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        // The low 32 bits serve as a start for creations; see `Table`.
        let unix = since_1970.as_secs() as u32;
        Arc::new(Self(Mutex::new(State {
            table: Table::new(config.max_names, Instant::now(), unix),
            gate: Gate::new(config.max_waiting, config.max_waiting_per_source),
            handles: BTreeMap::new(),
        })))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Ends another connection's task, and with it its stream and its name.
    fn disconnect(&mut self, id: ConnectionId) {
        self.gate.settle(id);
        self.table.unregister(id);
        if let Some(handle) = self.handles.remove(&id) {
            handle.abort();
        }
    }
}
