//! The loop around one [`Session`].

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep_until, timeout_at};
use tracing::debug;

use super::Shared;
use crate::session::{Effect, Ending, Session};
use crate::table::ConnectionId;

/// How a connection's task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// As connections do.
    Closed,
    /// With the order to end the server.
    Killed,
}

pub(super) async fn run(
    mut stream: TcpStream,
    peer: SocketAddr,
    id: ConnectionId,
    mut session: Session,
    shared: Arc<Shared>,
    mut stopped: watch::Receiver<bool>,
) -> Outcome {
    // Dropped before the stream is: when a peer sees the end, its name is free.
    let _presence = Presence { id, shared: &shared };
    let _ = stream.set_nodelay(true);
    let mut killed = false;
    let mut buffer = [0; 2048];
    while session.ending().is_none() {
        tokio::select! {
            read = stream.read(&mut buffer) => {
                let bytes = buffer.get(..*read.as_ref().unwrap_or(&0)).unwrap_or_default();
                killed |= handle(&mut session, bytes, &shared, id);
                transmit(&mut session, &mut stream, &shared).await;
            }
            () = deadline(session.poll_timeout()) => {
                session.handle_timeout(Instant::now(), &mut shared.lock().table);
            }
            // A registration ends with the server; other requests have its grace.
            () = end_of(&mut stopped), if session.is_registered() => break,
        }
    }
    match session.ending() {
        None | Some(Ending::Answered | Ending::PeerClosed) => {}
        Some(ending) => debug!(%peer, %ending, "EPMD closes a connection"),
    }
    if killed { Outcome::Killed } else { Outcome::Closed }
}

/// Hands over what was read, and does what the session wants done. Nothing read is the end.
fn handle(session: &mut Session, bytes: &[u8], shared: &Shared, id: ConnectionId) -> bool {
    let mut state = shared.lock();
    if bytes.is_empty() {
        session.handle_closed(&mut state.table);
    } else {
        session.handle_bytes(Instant::now(), bytes, &mut state.table);
    }
    if session.is_registered() {
        state.gate.settle(id);
    }
    match session.poll_effect() {
        Some(Effect::Kill) => true,
        Some(Effect::Disconnect(other)) => {
            state.disconnect(other);
            false
        }
        None => false,
    }
}

/// Writes all that the session has to say.
async fn transmit(session: &mut Session, stream: &mut TcpStream, shared: &Shared) {
    loop {
        let until = session.poll_timeout();
        let Some(piece) = session.poll_transmit(&shared.lock().table) else { return };
        let until = until.unwrap_or_else(Instant::now);
        match timeout_at(until.into(), stream.write_all(&piece)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => session.handle_closed(&mut shared.lock().table),
            Err(_) => {
                let mut state = shared.lock();
                session.handle_timeout(Instant::now(), &mut state.table);
                session.handle_closed(&mut state.table);
            }
        }
    }
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

/// A connection's traces in what all share. They go when its task does, however it ends.
struct Presence<'a> {
    id: ConnectionId,
    shared: &'a Shared,
}

impl Drop for Presence<'_> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.table.unregister(self.id);
        state.gate.settle(self.id);
        state.handles.remove(&self.id);
    }
}
