//! The only owner of a peer's stream: reads, writes, ticks.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use flitch_dist::{Inbound, TickAction, Ticker};
use flitch_handshake::Established;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::{Instant, sleep_until};

use crate::dial::ConnectError;
use crate::node::Node;
use crate::peer_link::{CloseReason, PeerLink};
use crate::peers::Verdict;

/// How much memory the writer keeps between writes.
const KEEP: usize = 256 * 1024;

impl Node {
    /// Makes a connection that has finished its handshake the link to its peer, and carries it
    /// until it ends.
    pub(crate) async fn link_up(
        &self,
        established: Established,
        stream: TcpStream,
        dialled: bool,
    ) -> Result<(), ConnectError> {
        let link = Arc::new(PeerLink::new(&established, dialled, self.settings().link_limit));
        loop {
            match self.peers().established(self.name(), &link) {
                Verdict::Up => break,
                Verdict::Lost => return Err(ConnectError::Superseded(established.peer)),
                Verdict::After(old) => {
                    old.close(CloseReason::Replaced);
                    old.gone().await;
                }
            }
        }
        self.peer_up(&link);
        let node = self.clone();
        self.tasks().spawn(async move {
            carry(&node, &link, stream, &established.leftover).await;
            node.peer_down(&link);
        });
        Ok(())
    }
}

async fn carry(node: &Node, link: &Arc<PeerLink>, stream: TcpStream, leftover: &[u8]) {
    let (reader, writer) = stream.into_split();
    let clock = Clock::new(node.settings().ticktime);
    tokio::select! {
        () = link.closing() => {}
        reason = read(node, link, reader, leftover, &clock) => link.close(reason),
        reason = write(link, writer, &clock) => link.close(reason),
    }
}

async fn read(
    node: &Node,
    link: &Arc<PeerLink>,
    mut stream: OwnedReadHalf,
    leftover: &[u8],
    clock: &Clock,
) -> CloseReason {
    let mut inbound = Inbound::new(node.settings().max_frame);
    inbound.buffer().extend_from_slice(leftover);
    loop {
        loop {
            match inbound.poll_signal() {
                Ok(Some(signal)) => node.deliver(Some(link), signal),
                Ok(None) => break,
                Err(error) => return CloseReason::Protocol(error),
            }
        }
        match stream.read_buf(inbound.buffer()).await {
            Ok(0) => return CloseReason::Closed,
            Ok(_) => clock.received(),
            Err(error) => return broken(&error),
        }
    }
}

async fn write(link: &PeerLink, mut stream: OwnedWriteHalf, clock: &Clock) -> CloseReason {
    let mut spare = Vec::new();
    loop {
        let bytes = tokio::select! {
            bytes = link.outbox.next(std::mem::take(&mut spare)) => bytes,
            due = clock.due() => match due {
                Some(reason) => return reason,
                None => {
                    link.outbox.push_tick();
                    continue;
                }
            },
        };
        let Some(bytes) = bytes else { return CloseReason::Closed };
        if let Err(reason) = write_out(&mut stream, &bytes, clock).await {
            return reason;
        }
        clock.sent();
        spare = if bytes.capacity() > KEEP { Vec::new() } else { bytes };
    }
}

/// Writes everything, watching meanwhile that the peer says something.
async fn write_out(
    stream: &mut OwnedWriteHalf,
    mut bytes: &[u8],
    clock: &Clock,
) -> Result<(), CloseReason> {
    while !bytes.is_empty() {
        let written = tokio::select! {
            written = stream.write(bytes) => written,
            // What is being written stands for a tick.
            due = clock.due() => match due {
                Some(reason) => return Err(reason),
                None => continue,
            },
        };
        match written {
            Ok(0) => return Err(CloseReason::Closed),
            Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            Err(error) => return Err(broken(&error)),
        }
    }
    Ok(())
}

fn broken(error: &io::Error) -> CloseReason {
    CloseReason::Broken(error.kind())
}

/// The ticker of a link, beside a clock.
struct Clock {
    ticker: Mutex<Ticker>,
    ticktime: std::time::Duration,
}

impl Clock {
    fn new(ticktime: std::time::Duration) -> Self {
        let now = Instant::now().into_std();
        Self { ticker: Mutex::new(Ticker::new(ticktime, now)), ticktime }
    }

    fn with<R>(&self, act: impl FnOnce(&mut Ticker, std::time::Instant) -> R) -> R {
        let mut ticker = self.ticker.lock().unwrap_or_else(PoisonError::into_inner);
        act(&mut ticker, Instant::now().into_std())
    }

    fn received(&self) {
        self.with(Ticker::handle_received);
    }

    fn sent(&self) {
        self.with(Ticker::handle_sent);
    }

    /// Waits until a tick is to be sent, or the peer is dead.
    async fn due(&self) -> Option<CloseReason> {
        loop {
            match self.with(Ticker::handle_timeout) {
                TickAction::Send => return None,
                TickAction::Dead => return Some(CloseReason::TickTimeout(self.ticktime)),
                TickAction::Wait => {
                    let at = self.with(|ticker, _| ticker.poll_timeout());
                    sleep_until(Instant::from_std(at)).await;
                }
            }
        }
    }
}
