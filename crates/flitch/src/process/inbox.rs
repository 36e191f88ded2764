//! A process that is only a mailbox.

use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::task;

use futures_util::Stream;
use tokio::sync::oneshot;

use super::Process;
use crate::mailbox::Incoming;

/// A process without code of its own: a pid that others send to, link to and monitor, and a stream
/// of what comes to it, for a task that has something else to do as well.
///
/// It ends with `normal` when it is dropped, and with its reason when an exit signal says so, which
/// it may trap as any process: [`Process::next`] and the stream then end with `None`.
///
/// ```
/// use flitch::{Cookie, Epmd, Incoming, Node};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let node = Node::builder("worker@127.0.0.1".parse()?)
/// #     .cookie(Cookie::new("a secret of this cluster")?)
/// #     .bind("127.0.0.1".parse()?)
/// #     .epmd(Epmd::None)
/// #     .start()
/// #     .await?;
/// let mut prices = node.inbox();
/// // GenServer.cast(feed, {:subscribe, self()}) has the feed send them from then on.
/// node.send(prices.pid(), &42).await?;
///
/// let Some(Incoming::Message(price)) = prices.next().await else { return Ok(()) };
/// assert_eq!(price.to_value::<u32>()?, 42);
/// # node.shutdown().await;
/// # Ok(())
/// # }
/// ```
pub struct Inbox {
    pub(super) process: Process,
    /// Dropped with it, which ends the process.
    pub(super) _alive: oneshot::Sender<()>,
}

impl Deref for Inbox {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

impl DerefMut for Inbox {
    fn deref_mut(&mut self) -> &mut Process {
        &mut self.process
    }
}

impl Stream for Inbox {
    type Item = Incoming;

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
    ) -> task::Poll<Option<Incoming>> {
        self.process.mailbox.poll_next(cx)
    }
}
