//! The loop around one [`Session`]: at once as far as that goes, then in a task of its own.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::{sleep, sleep_until};
use tracing::debug;

use super::Shared;
use super::stream::Stream;
use crate::session::{Effect, Ending, Session};
use crate::table::ConnectionId;

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// As connections do.
    Closed,
    /// With the order to end the server.
    Killed,
}

/// One connection but for its stream: what may be said on it, and what is not written yet.
pub(super) struct Connection {
    peer: SocketAddr,
    session: Session,
    unsent: Vec<u8>,
    /// When what is unsent has to be written.
    until: Option<Instant>,
    outcome: Outcome,
    presence: Presence,
}

impl Connection {
    pub(super) fn new(
        peer: SocketAddr,
        id: ConnectionId,
        session: Session,
        shared: &Arc<Shared>,
    ) -> Self {
        let presence = Presence { id, shared: Arc::clone(shared) };
        let (unsent, outcome) = (Vec::new(), Outcome::Closed);
        Self { peer, session, unsent, until: None, outcome, presence }
    }

    pub(super) const fn id(&self) -> ConnectionId {
        self.presence.id
    }

    pub(super) const fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Whether the peer has no answer yet.
    pub(super) const fn waits(&self) -> bool {
        !self.session.is_registered()
    }

    /// Goes as far as it can without waiting, which for most peers is all the way: the request is
    /// there when the connection is, and the answer fits into the socket's buffer.
    ///
    /// Gives the outcome if that was all.
    pub(super) fn serve_at_once(&mut self, stream: &Stream) -> Option<Outcome> {
        self.receive(|buffer| stream.receive(buffer));
        self.transmit(|bytes, is_last| stream.send(bytes, is_last));
        self.ended()
    }

    /// Waits for what the peer says, and answers it, until the connection is over.
    pub(super) async fn serve(
        self,
        stream: Stream,
        delay_write: Duration,
        mut stopped: watch::Receiver<bool>,
    ) -> Outcome {
        let stream = match stream.watched() {
            Ok(stream) => stream,
            Err(error) => {
                debug!(peer = %self.peer, %error, "EPMD cannot wait for a connection");
                return self.outcome;
            }
        };
        // Dropped before the stream is: when a peer sees the end, its name is free.
        let mut this = self;
        loop {
            if let Some(outcome) = this.ended() {
                return outcome;
            }
            let sending = !this.unsent.is_empty();
            let until = if sending { this.until } else { this.session.poll_timeout() };
            tokio::select! {
                _ = stream.readable(), if !sending => this.receive(|buffer| stream.try_read(buffer)),
                _ = stream.writable(), if sending => {}
                () = deadline(until) => this.time_out(),
                // A registration ends with the server; other requests have its grace.
                () = end_of(&mut stopped), if this.session.is_registered() => return this.outcome,
            }
            if !delay_write.is_zero() && this.session.has_answer() {
                sleep(delay_write).await;
            }
            this.transmit(|bytes, _| stream.try_write(bytes));
        }
    }

    fn ended(&self) -> Option<Outcome> {
        let ending = self.session.ending()?;
        if !matches!(ending, Ending::Answered | Ending::PeerClosed) {
            debug!(peer = %self.peer, %ending, "EPMD closes a connection");
        }
        Some(self.outcome)
    }

    /// Hands over what has come. Nothing read is the end.
    fn receive(&mut self, read: impl FnOnce(&mut [u8]) -> io::Result<usize>) {
        let mut buffer = [0; 2048];
        let bytes = match read(&mut buffer) {
            Ok(len) => buffer.get(..len).unwrap_or_default(),
            Err(error) if would_block(&error) => return,
            Err(_) => &[],
        };
        let Presence { id, shared } = &self.presence;
        let mut state = shared.lock();
        if bytes.is_empty() {
            self.session.handle_closed(&mut state.table);
        } else {
            self.session.handle_bytes(Instant::now(), bytes, &mut state.table);
        }
        if self.session.is_registered() {
            state.gate.settle(*id);
        }
        match self.session.poll_effect() {
            Some(Effect::Kill) => self.outcome = Outcome::Killed,
            Some(Effect::Disconnect(other)) => state.disconnect(other),
            None => {}
        }
    }

    /// Writes what the session has to say, as far as the peer takes it.
    fn transmit(&mut self, mut write: impl FnMut(&[u8], bool) -> io::Result<usize>) {
        loop {
            if self.unsent.is_empty() {
                self.until = self.session.poll_timeout();
                let piece = self.session.poll_transmit(&self.presence.shared.lock().table);
                let Some(piece) = piece else { return };
                self.unsent = piece;
            }
            match write(&self.unsent, self.session.is_answered()) {
                Ok(len) if len == self.unsent.len() => self.unsent = Vec::new(),
                Ok(len @ 1..) => drop(self.unsent.drain(..len)),
                Err(error) if would_block(&error) => return,
                Ok(0) | Err(_) => self.give_up(),
            }
        }
    }

    fn time_out(&mut self) {
        let mut state = self.presence.shared.lock();
        self.session.handle_timeout(Instant::now(), &mut state.table);
        drop(state);
        if !self.unsent.is_empty() {
            self.give_up();
        }
    }

    /// A peer that does not take its answer is as gone as one that closes.
    fn give_up(&mut self) {
        self.unsent = Vec::new();
        self.session.handle_closed(&mut self.presence.shared.lock().table);
    }
}

fn would_block(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

async fn end_of(stopped: &mut watch::Receiver<bool>) {
    // An error means that the server is gone, which is the same.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

async fn deadline(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

/// A connection's traces in what all share. They go when it does, however it ends.
struct Presence {
    id: ConnectionId,
    shared: Arc<Shared>,
}

impl Drop for Presence {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.table.unregister(self.id);
        state.gate.settle(self.id);
        state.handles.remove(&self.id);
    }
}
