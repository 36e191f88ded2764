//! The only owner of a peer's stream: reads, writes, ticks.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use bytes::BufMut;
use flitch_dist::{Inbound, TickAction, Ticker};
use flitch_handshake::Established;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::{Instant, sleep_until, timeout};

use crate::connect_error::ConnectError;
use crate::node::{Node, Settings};
use crate::peer_link::{CloseReason, PeerLink};
use crate::peers::Verdict;
use crate::task::{self, Name};

/// How much memory the writer keeps between writes, until there is a pause.
const KEEP: usize = 1024 * 1024;

/// How long a peer may take nothing before servers stop waiting for it.
const STALLED: Duration = Duration::from_secs(1);

/// How often a link reads before what waits to be written has its turn.
const TURNS: u64 = 8;

/// How long a peer has at our shutdown to read what we have sent and to close its side, and how
/// long we go on to read what one has said that has closed.
const FAREWELL: Duration = Duration::from_millis(250);

/// A stream of bytes that a link can go over: both directions at once.
pub(crate) trait Carrier: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    type Reader: AsyncRead + Unpin + Send;
    type Writer: AsyncWrite + Unpin + Send;

    fn halves(self) -> (Self::Reader, Self::Writer);
}

impl Carrier for TcpStream {
    type Reader = OwnedReadHalf;
    type Writer = OwnedWriteHalf;

    fn halves(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        self.into_split()
    }
}

impl Node {
    /// Makes a connection that has finished its handshake the link to its peer, and carries it
    /// until it ends.
    pub(crate) async fn link_up(
        &self,
        established: Established,
        stream: impl Carrier,
        dialled: bool,
    ) -> Result<(), ConnectError> {
        let link = Arc::new(PeerLink::new(&established, dialled, self.settings(), self.buffers()));
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
        // A shutdown that began meanwhile may have closed the links already.
        if self.is_stopping() {
            link.close(CloseReason::Shutdown);
        }
        let up = Up { node: self.clone(), link };
        let name = Name::of(|| format!("link {}", up.link.name));
        task::spawn(self.tasks(), name, async move {
            carry(&up.node, &up.link, stream, &established.leftover).await;
        });
        Ok(())
    }
}

/// A link that is up. However its task ends, everybody learns of it: a link that nobody carries
/// and nobody ends would keep its peer out for ever.
struct Up {
    node: Node,
    link: Arc<PeerLink>,
}

impl Drop for Up {
    fn drop(&mut self) {
        self.node.peer_down(&self.link);
    }
}

async fn carry(node: &Node, link: &Arc<PeerLink>, stream: impl Carrier, leftover: &[u8]) {
    let (mut reader, mut writer) = stream.halves();
    let clock = Clock::new(node.settings());
    let mut inbound = Inbound::with_pool(node.settings().inbound, node.buffers());
    inbound.buffer().extend_from_slice(leftover);
    let broken = tokio::select! {
        // Who was held up reads what has come meanwhile before it calls the peer silent.
        biased;
        () = link.closing() => None,
        reason = read(node, link, &mut reader, &mut inbound, &clock) => {
            link.close(reason);
            None
        }
        reason = write(node, link, &mut writer, &clock) => Some(reason),
    };
    if let Some(reason) = broken {
        if matches!(reason, CloseReason::Broken(_)) {
            // A peer that has closed does not take what we write. What it said before is still
            // to be read: why its processes ended, most likely.
            let _ = timeout(FAREWELL, read(node, link, &mut reader, &mut inbound, &clock)).await;
        }
        link.close(reason);
    }
    if matches!(link.reason(), CloseReason::Shutdown) {
        let _ = timeout(FAREWELL, farewell(&mut reader, &mut writer)).await;
    }
}

/// Closes our half and reads on until the peer has closed its own: a stream that is closed with
/// bytes unread is reset, and a reset takes with it what the peer has not read yet.
async fn farewell(reader: &mut (impl AsyncRead + Unpin), writer: &mut (impl AsyncWrite + Unpin)) {
    if writer.shutdown().await.is_ok() {
        let mut sink = [0; 4096];
        while matches!(reader.read(&mut sink).await, Ok(1..)) {}
    }
}

async fn read(
    node: &Node,
    link: &Arc<PeerLink>,
    stream: &mut (impl AsyncRead + Unpin),
    inbound: &mut Inbound,
    clock: &Clock,
) -> CloseReason {
    let mut at_once = 0;
    let mut sweep = pin!(sleep_until(Instant::now()));
    loop {
        loop {
            match inbound.poll_signal() {
                // Closed meanwhile, by ourselves most likely: the peer floods us, or forges.
                Ok(Some(_)) if link.is_closing() => return link.reason(),
                Ok(Some(signal)) => node.deliver(Some(link), signal),
                Ok(None) => break,
                Err(error) => return CloseReason::Protocol(error),
            }
        }
        if at_once == TURNS {
            at_once = 0;
            // A peer that talks all the time must not keep us from talking.
            tokio::task::yield_now().await;
        }
        let unfinished = inbound.is_unfinished();
        let wanted = inbound.wanted();
        let mut room = inbound.buffer().limit(wanted);
        let read = tokio::select! {
            biased;
            read = until_pending(&mut at_once, stream.read_buf(&mut room)) => Some(read),
            () = &mut sweep, if unfinished => None,
        };
        match read {
            Some(Ok(0)) => return CloseReason::Closed,
            Some(Ok(count)) => node.count_in(link, count, clock.received()),
            Some(Err(error)) => return broken(&error),
            // Whoever sends nothing of its message for so long has died half-way.
            None => {
                let given_up = inbound.sweep();
                if given_up > 0 {
                    tracing::warn!(peer = %link.name, given_up, "large messages were never ended");
                }
                sweep.as_mut().reset(after(Instant::now(), clock.ticktime));
            }
        }
    }
}

/// Counts what is done without a wait in between.
async fn until_pending<R>(at_once: &mut u64, work: impl Future<Output = R>) -> R {
    let mut work = pin!(work);
    *at_once += 1;
    poll_fn(|cx| {
        let polled = work.as_mut().poll(cx);
        if polled.is_pending() {
            *at_once = 0;
        }
        polled
    })
    .await
}

async fn write(
    node: &Node,
    link: &PeerLink,
    stream: &mut (impl AsyncWrite + Unpin),
    clock: &Clock,
) -> CloseReason {
    // One timer for as long as nothing is due, however much is written meanwhile.
    let mut due = pin!(clock.due());
    let mut spare = Vec::new();
    loop {
        let bytes = tokio::select! {
            biased;
            reason = &mut due => match reason {
                Some(reason) => return reason,
                None => {
                    // Nothing went for a while: the spare buffer is let go of, and the other one.
                    link.outbox.push_tick();
                    due.set(clock.due());
                    continue;
                }
            },
            bytes = link.outbox.next(std::mem::take(&mut spare)) => bytes,
        };
        let Some(bytes) = bytes else { return CloseReason::Closed };
        let mut writing = Writing { node, link, stream, bytes: &bytes };
        let written = match writing.write_now().await {
            Ok(false) => writing.write_rest(clock).await,
            done => done.map(drop),
        };
        if let Err(reason) = written {
            return reason;
        }
        clock.sent();
        spare = if bytes.capacity() > KEEP { Vec::new() } else { bytes };
    }
}

/// Bytes on their way into the stream.
struct Writing<'a, W> {
    node: &'a Node,
    link: &'a PeerLink,
    stream: &'a mut W,
    bytes: &'a [u8],
}

impl<W: AsyncWrite + Unpin> Writing<'_, W> {
    /// Writes what the stream takes at once, which is most often all: no clock is looked at then.
    /// Says whether that was all.
    async fn write_now(&mut self) -> Result<bool, CloseReason> {
        poll_fn(|cx| {
            while !self.bytes.is_empty() {
                match Pin::new(&mut *self.stream).poll_write(cx, self.bytes) {
                    Poll::Ready(written) => self.written(written)?,
                    Poll::Pending => return Poll::Ready(Ok(false)),
                }
            }
            Poll::Ready(Ok(true))
        })
        .await
    }

    /// Writes the rest, watching meanwhile that the peer says something, and takes something: one
    /// that reads nothing for the whole `net_ticktime` has not seen our ticks either.
    async fn write_rest(&mut self, clock: &Clock) -> Result<(), CloseReason> {
        let outbox = &self.link.outbox;
        let mut progress = Instant::now();
        while !self.bytes.is_empty() {
            let patience = if outbox.is_stalled() { clock.ticktime } else { STALLED };
            tokio::select! {
                written = self.stream.write(self.bytes) => {
                    self.written(written)?;
                    progress = Instant::now();
                    outbox.set_stalled(false);
                }
                // What is being written stands for a tick.
                due = clock.due() => if let Some(reason) = due {
                    return Err(reason);
                },
                () = sleep_until(after(progress, patience)) => {
                    if outbox.is_stalled() {
                        return Err(CloseReason::Stalled(clock.ticktime));
                    }
                    outbox.set_stalled(true);
                }
            }
        }
        Ok(())
    }

    fn written(&mut self, written: io::Result<usize>) -> Result<(), CloseReason> {
        match written {
            Ok(0) => Err(CloseReason::Closed),
            Ok(count) => {
                self.node.count_out(self.link, count);
                self.bytes = self.bytes.get(count..).unwrap_or_default();
                Ok(())
            }
            Err(error) => Err(broken(&error)),
        }
    }
}

/// A wait that the clock cannot express is as good as none that ends.
fn after(start: Instant, wait: Duration) -> Instant {
    start + wait.min(Duration::from_secs(u32::MAX.into()))
}

fn broken(error: &io::Error) -> CloseReason {
    CloseReason::Broken(error.kind())
}

/// The ticker of a link, beside a clock.
struct Clock {
    ticker: Mutex<Ticker>,
    ticktime: Duration,
}

impl Clock {
    fn new(settings: &Settings) -> Self {
        let now = Instant::now().into_std();
        let Settings { ticktime, tickintensity, .. } = *settings;
        Self { ticker: Mutex::new(Ticker::new(ticktime, tickintensity, now)), ticktime }
    }

    fn with<R>(&self, act: impl FnOnce(&mut Ticker, std::time::Instant) -> R) -> R {
        let mut ticker = self.ticker.lock().unwrap_or_else(PoisonError::into_inner);
        act(&mut ticker, Instant::now().into_std())
    }

    /// Something came. Says when that was.
    fn received(&self) -> Instant {
        self.with(|ticker, now| {
            ticker.handle_received(now);
            Instant::from_std(now)
        })
    }

    fn sent(&self) {
        self.with(Ticker::handle_sent);
    }

    /// Waits until a tick is to be sent, or the peer is dead.
    async fn due(&self) -> Option<CloseReason> {
        let mut looked = false;
        loop {
            match self.with(Ticker::handle_timeout) {
                TickAction::Send => return None,
                TickAction::Dead if looked => {
                    return Some(CloseReason::TickTimeout(self.ticktime));
                }
                // We may have been held up ourselves: what has come meanwhile is read first.
                TickAction::Dead => {
                    looked = true;
                    tokio::task::yield_now().await;
                }
                TickAction::Wait => {
                    let at = self.with(|ticker, _| ticker.poll_timeout());
                    sleep_until(Instant::from_std(at)).await;
                }
            }
        }
    }
}
