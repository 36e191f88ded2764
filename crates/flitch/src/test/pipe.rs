//! A stream in memory: two pipes between two nodes, under the conditions of the line that they lie
//! on.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::line::Line;
use crate::carrier::Carrier;

/// Bytes under way in one direction before a writer has to wait, as a socket's buffers have it.
const CAPACITY: usize = 256 * 1024;

/// One end of a connection.
pub(crate) struct Stream {
    reader: Reader,
    writer: Writer,
}

/// The end of a pipe that is read.
pub(crate) struct Reader {
    pipe: Arc<Pipe>,
    /// Until what comes next is there.
    timer: Option<Pin<Box<Sleep>>>,
}

/// The end of a pipe that is written.
pub(crate) struct Writer(Arc<Pipe>);

/// One direction of a connection.
pub(super) struct Pipe {
    line: Arc<Line>,
    flow: Mutex<Flow>,
}

#[derive(Default)]
struct Flow {
    /// What is under way, and when it is there.
    flight: VecDeque<(Instant, Bytes)>,
    held: usize,
    /// The writer has closed, and when the reader learns it.
    ended: Option<Instant>,
    /// Nobody reads any more.
    deaf: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// What a reader finds.
enum Found {
    /// Bytes, or the end.
    Some,
    /// Nothing before this time.
    Later(Instant),
    /// Nothing.
    None,
}

/// Both ends of a connection over two pipes.
pub(super) fn join(forth: &Arc<Pipe>, back: &Arc<Pipe>) -> (Stream, Stream) {
    let end = |read: &Arc<Pipe>, written: &Arc<Pipe>| Stream {
        reader: Reader { pipe: Arc::clone(read), timer: None },
        writer: Writer(Arc::clone(written)),
    };
    (end(back, forth), end(forth, back))
}

impl Pipe {
    pub(super) fn on(line: Arc<Line>) -> Arc<Self> {
        Arc::new(Self { line, flow: Mutex::default() })
    }

    /// The line's conditions have changed: both ends look again.
    pub(super) fn wake(&self) {
        self.flow().wake();
    }

    /// The writer is gone from one moment to the next. What it has sent still comes.
    pub(super) fn end(&self) {
        let at = Instant::now() + self.line.condition().delay;
        let mut flow = self.flow();
        flow.ended.get_or_insert(at);
        flow.wake();
    }

    /// The reader is gone from one moment to the next.
    pub(super) fn deafen(&self) {
        let mut flow = self.flow();
        (flow.deaf, flow.held) = (true, 0);
        flow.flight.clear();
        flow.ended.get_or_insert_with(Instant::now);
        flow.wake();
    }

    fn flow(&self) -> MutexGuard<'_, Flow> {
        self.flow.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poll_take(&self, cx: &Context<'_>, into: &mut ReadBuf<'_>) -> Found {
        let mut flow = self.flow();
        // Left before the line is looked at: whoever heals it afterwards finds it.
        flow.reader = Some(cx.waker().clone());
        if self.line.condition().cut {
            return Found::None;
        }
        let now = Instant::now();
        let Some((due, bytes)) = flow.flight.front_mut() else {
            return match flow.ended {
                Some(at) if at <= now => Found::Some,
                Some(at) => Found::Later(at),
                None => Found::None,
            };
        };
        if *due > now {
            return Found::Later(*due);
        }
        let count = bytes.len().min(into.remaining());
        into.put_slice(bytes.get(..count).unwrap_or_default());
        bytes.advance(count);
        if bytes.is_empty() {
            flow.flight.pop_front();
        }
        flow.held = flow.held.saturating_sub(count);
        if let Some(writer) = flow.writer.take() {
            writer.wake();
        }
        Found::Some
    }

    fn poll_put(&self, cx: &Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut flow = self.flow();
        flow.writer = Some(cx.waker().clone());
        let condition = self.line.condition();
        // That nobody reads there is told over the same line.
        if flow.ended.is_some() || (flow.deaf && !condition.cut) {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let count = bytes.len().min(CAPACITY.saturating_sub(flow.held));
        if count == 0 && !bytes.is_empty() {
            return Poll::Pending;
        }
        let sent = Bytes::copy_from_slice(bytes.get(..count).unwrap_or_default());
        flow.held += count;
        flow.flight.push_back((Instant::now() + condition.delay, sent));
        if let Some(reader) = flow.reader.take() {
            reader.wake();
        }
        Poll::Ready(Ok(count))
    }
}

impl Flow {
    fn wake(&mut self) {
        for waker in [self.reader.take(), self.writer.take()].into_iter().flatten() {
            waker.wake();
        }
    }
}

impl AsyncRead for Reader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            match this.pipe.poll_take(cx, into) {
                Found::Some => return Poll::Ready(Ok(())),
                Found::None => return Poll::Pending,
                Found::Later(at) => {
                    let timer = this.timer.get_or_insert_with(|| Box::pin(sleep_until(at)));
                    timer.as_mut().reset(at);
                    ready!(timer.as_mut().poll(cx));
                }
            }
        }
    }
}

impl AsyncWrite for Writer {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_put(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.end();
        Poll::Ready(Ok(()))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut flow = self.pipe.flow();
        flow.deaf = true;
        flow.flight.clear();
        flow.wake();
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.reader).poll_read(cx, into)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.writer).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writer).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writer).poll_shutdown(cx)
    }
}

impl Carrier for Stream {
    type Reader = Reader;
    type Writer = Writer;

    fn halves(self) -> (Reader, Writer) {
        (self.reader, self.writer)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const FORTY: Duration = Duration::from_millis(40);

    /// A line, and the two ends of a connection over it.
    fn connected() -> (Arc<Line>, Stream, Stream) {
        let line = Line::new();
        let (ours, theirs) = line.connect(&"a@b".parse().unwrap());
        (line, ours, theirs)
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_keep_their_order_when_a_line_becomes_faster() {
        let (line, mut ours, mut theirs) = connected();
        line.change(|condition| condition.delay = FORTY);
        ours.write_all(b"slow, ").await.unwrap();
        line.change(|condition| condition.delay = Duration::ZERO);
        ours.write_all(b"fast").await.unwrap();
        drop(ours);
        let (mut came, began) = (String::new(), Instant::now());
        theirs.read_to_string(&mut came).await.unwrap();
        assert_eq!(came, "slow, fast");
        assert!(began.elapsed() >= FORTY);
    }

    #[tokio::test(start_paused = true)]
    async fn a_writer_waits_for_a_reader_that_is_slow() {
        let (_line, mut ours, mut theirs) = connected();
        let large = vec![7; 3 * CAPACITY];
        let write = ours.write_all(&large);
        assert!(tokio::time::timeout(FORTY, write).await.is_err(), "no memory without end");
        let mut came = vec![0; CAPACITY];
        theirs.read_exact(&mut came).await.unwrap();
        ours.write_all(&large[..CAPACITY]).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn neither_bytes_nor_ends_pass_a_cut_and_both_do_once_it_is_healed() {
        let (line, mut ours, mut theirs) = connected();
        line.change(|condition| condition.cut = true);
        ours.write_all(b"waits").await.unwrap();
        drop(ours);
        let mut came = Vec::new();
        let minute = Duration::from_secs(60);
        assert!(tokio::time::timeout(minute, theirs.read_to_end(&mut came)).await.is_err());
        theirs.write_all(b"who is there?").await.unwrap();
        line.change(|condition| condition.cut = false);
        theirs.read_to_end(&mut came).await.unwrap();
        assert_eq!(came, b"waits");
        let error = theirs.write_all(b"nobody").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_lost_says_no_more_and_hears_no_more() {
        let (line, mut ours, mut theirs) = connected();
        ours.write_all(b"last words").await.unwrap();
        theirs.write_all(b"never heard").await.unwrap();
        line.lose(&"a@b".parse().unwrap());
        assert!(ours.write_all(b"from beyond").await.is_err());
        assert_eq!(ours.read(&mut [0; 16]).await.unwrap(), 0);
        let mut came = String::new();
        theirs.read_to_string(&mut came).await.unwrap();
        assert_eq!(came, "last words");
        assert!(theirs.write_all(b"too late").await.is_err());
    }
}
