//! The daemon: listeners, and one short loop per connection around a [`Session`].
//!
//! No protocol decision is taken here. What a peer may say is in [`crate::session`], who has which
//! name in [`crate::table`], and who has to go when too many wait in [`crate::gate`].

mod acceptor;
mod config;
mod connection;

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tracing::{debug, info, warn};

use crate::gate::Gate;
use crate::session::{Origin, Rules, Session};
use crate::table::{ConnectionId, Table};

use acceptor::{Accepted, Acceptor, Starved};
use connection::Outcome;

pub use config::Config;

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
            connections: JoinSet::new(),
            next_id: 0,
            stopped,
        };
        info!(addresses = ?self.local_addresses(), "EPMD serves");
        let why = loop {
            tokio::select! {
                () = &mut shutdown => break Stopped::Shutdown,
                Some(ended) = serving.connections.join_next() => match ended {
                    Ok(Outcome::Killed) => break Stopped::Killed,
                    Err(error) if error.is_panic() => warn!(%error, "a connection's task panicked"),
                    Ok(Outcome::Closed) | Err(_) => {}
                },
                accepted = self.acceptor.accept() => match accepted {
                    Ok(accepted) => serving.start(accepted),
                    Err(Starved) if serving.make_room() => {}
                    Err(Starved) => self.acceptor.turn_away(),
                },
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
    /// The config has no address, or none of the optional ones can be had.
    #[error("there is no address to listen on: give at least one, such as 127.0.0.1")]
    NoAddress,
}

/// What the loop of [`Server::serve`] holds.
struct Serving {
    shared: Arc<Shared>,
    rules: Rules,
    connections: JoinSet<Outcome>,
    next_id: u64,
    stopped: watch::Receiver<bool>,
}

impl Serving {
    fn start(&mut self, accepted: Accepted) {
        let Accepted { stream, peer, local } = accepted;
        let id = ConnectionId(self.next_id);
        self.next_id += 1;
        let origin = Origin::of(peer.ip(), local.ip());
        let session = Session::new(id, origin, local.port(), self.rules, Instant::now());
        let shared = Arc::clone(&self.shared);
        let connection = connection::run(stream, peer, id, session, shared, self.stopped.clone());
        // The task takes the same lock before it does anything, so it finds its handle there.
        let mut state = self.shared.lock();
        let handle = self.connections.spawn(connection);
        state.handles.insert(id, handle);
        if let Some(evicted) = state.gate.admit(id, peer.ip()) {
            debug!(%peer, "too many connections wait: the oldest is closed");
            state.disconnect(evicted);
        }
    }

    /// Closes some of the connections that wait longest, if any wait.
    fn make_room(&self) -> bool {
        let mut state = self.shared.lock();
        let waiting = state.gate.waiting();
        for _ in 0..waiting.div_ceil(8) {
            if let Some(oldest) = state.gate.oldest() {
                state.disconnect(oldest);
            }
        }
        waiting > 0
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
