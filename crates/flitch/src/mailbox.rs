//! What waits for a process: a queue with a limit, in the order of arrival.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::PoisonError;
#[cfg(not(flitch_loom))]
use std::sync::atomic::{AtomicUsize, Ordering};
#[cfg(not(flitch_loom))]
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker, ready};

use flitch_dist::{Payload, Target};
use flitch_etf::{Pid, Reference, Term};
#[cfg(flitch_loom)]
use loom::sync::atomic::{AtomicUsize, Ordering};
#[cfg(flitch_loom)]
use loom::sync::{Arc, Mutex, MutexGuard};

use crate::node::NodeEvent;

/// What a process receives.
///
/// ```
/// use flitch::test::Network;
/// use flitch::{Incoming, Process};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let network = Network::new();
/// let worker = network.node("worker@a")?.start().await?;
/// let app = network.beam("app@b")?.start().await?;
/// let doubler = worker.spawn_process(move |mut process: Process| async move {
///     while let Some(incoming) = process.next().await {
///         match incoming {
///             Incoming::Message(message) => println!("{:?}", message.to_value::<String>()),
///             Incoming::Down { reason, .. } => println!("who we watch is gone: {reason:?}"),
///             Incoming::Shutdown => break,
///             _ => {}
///         }
///     }
/// });
/// app.send(doubler.pid(), &"hello").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Incoming {
    /// A message, still encoded.
    Message(Payload),
    /// A linked process is gone, or `exit/2` was called on us; only for who traps exits.
    Exit {
        /// Who is gone, or called.
        from: Pid,
        /// Why.
        reason: Term,
    },
    /// A process that we monitor is gone.
    Down {
        /// The monitor.
        reference: Reference,
        /// Who is gone, as the monitor named it.
        target: Target,
        /// Why.
        reason: Term,
    },
    /// A peer has come or gone; only for who watches nodes.
    Node(NodeEvent),
    /// The node shuts down, or somebody asked the process to stop: end, with the reason
    /// `shutdown` if there is no better one.
    Shutdown,
}

impl Incoming {
    /// What a message costs beside its bytes.
    const OVERHEAD: usize = 128;

    /// How many times its bytes a decoded reason takes, at the worst a peer can do: 32 bytes for
    /// one that was an empty list.
    const DECODED: usize = 32;

    /// What it takes in memory, with a reason in it that was so many bytes long.
    fn cost(&self, reason: usize) -> usize {
        match self {
            Self::Message(payload) => payload.footprint() + Self::OVERHEAD,
            _ => reason.saturating_mul(Self::DECODED) + Self::OVERHEAD,
        }
    }
}

/// The end that is written to, by any number of writers.
#[derive(Clone)]
pub(crate) struct Sender(Arc<Shared>);

/// The end of the process.
pub(crate) struct Receiver {
    shared: Arc<Shared>,
    /// What was taken out of the queue at once.
    taken: VecDeque<(Incoming, usize)>,
    /// What was passed over: it comes first when it is wanted again.
    aside: VecDeque<(Incoming, usize)>,
}

struct Shared {
    limit: usize,
    /// Bytes, of all that the process has not received yet.
    queued: AtomicUsize,
    /// How many of those are with the receiver.
    taken: AtomicUsize,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    queue: VecDeque<(Incoming, usize)>,
    /// Who sleeps until something comes.
    sleeper: Option<Waker>,
    closed: bool,
}

/// Why something did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The process has more waiting than it may.
    Full,
    /// The process is gone.
    Gone,
}

/// A mailbox that holds up to `limit` bytes.
pub(crate) fn mailbox(limit: usize) -> (Sender, Receiver) {
    let shared = Arc::new(Shared {
        limit,
        queued: AtomicUsize::new(0),
        taken: AtomicUsize::new(0),
        waiting: Mutex::default(),
    });
    let receiver =
        Receiver { shared: Arc::clone(&shared), taken: VecDeque::new(), aside: VecDeque::new() };
    (Sender(shared), receiver)
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes no more. What is there can still be received.
    fn close(&self) {
        let mut waiting = self.waiting();
        waiting.closed = true;
        let sleeper = waiting.sleeper.take();
        drop(waiting);
        if let Some(sleeper) = sleeper {
            sleeper.wake();
        }
    }
}

impl Sender {
    /// In a mailbox with so much in it, messages wait for long: small ones must not keep the whole
    /// buffer in memory that they were read into.
    const BUSY: usize = 64 * 1024;
    const SMALL: usize = 4096;

    pub(crate) fn push(&self, incoming: Incoming) -> Result<(), Refused> {
        self.push_with(incoming, 0)
    }

    /// Likewise, for what has a reason in it that was so many bytes long.
    pub(crate) fn push_with(&self, incoming: Incoming, reason: usize) -> Result<(), Refused> {
        let shared = &*self.0;
        let cost = incoming.cost(reason);
        // A message over the limit by itself still fits into an empty mailbox, and the order to
        // end into any.
        let always = matches!(incoming, Incoming::Shutdown);
        let before = shared.queued.fetch_add(cost, Ordering::AcqRel);
        if before > 0 && before.saturating_add(cost) > shared.limit && !always {
            shared.queued.fetch_sub(cost, Ordering::AcqRel);
            return Err(Refused::Full);
        }
        let incoming = match incoming {
            Incoming::Message(payload) if before > Self::BUSY && payload.len() < Self::SMALL => {
                Incoming::Message(payload.detached())
            }
            incoming => incoming,
        };
        let mut waiting = shared.waiting();
        if waiting.closed {
            drop(waiting);
            // Nobody will take it out again.
            shared.queued.fetch_sub(cost, Ordering::AcqRel);
            return Err(Refused::Gone);
        }
        if waiting.queue.capacity() == 0 {
            // Most processes never have more than one waiting.
            waiting.queue.reserve_exact(1);
        }
        waiting.queue.push_back((incoming, cost));
        let sleeper = waiting.sleeper.take();
        drop(waiting);
        if let Some(sleeper) = sleeper {
            sleeper.wake();
        }
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes() == 0
    }

    /// What waits, by what it takes in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.0.queued.load(Ordering::Acquire)
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.0.waiting().queue.len() + self.0.taken.load(Ordering::Relaxed)
    }

    /// Bytes, with what waits.
    pub(crate) fn footprint(&self) -> usize {
        size_of::<Shared>() + size_of::<Receiver>() + self.0.queued.load(Ordering::Relaxed)
    }

    /// The process has ended: it takes no more.
    pub(crate) fn close(&self) {
        self.0.close();
    }
}

impl Receiver {
    /// A queue of more places than this is not kept for what may come.
    const KEPT: usize = 64;

    /// The next of what waits. `None` when nothing is there and nothing will come any more.
    pub(crate) async fn next(&mut self) -> Option<Incoming> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Incoming>> {
        // A process that always finds something lets others run here.
        let coop = ready!(tokio::task::coop::poll_proceed(cx));
        if self.taken.is_empty() {
            ready!(self.take(cx));
        }
        coop.made_progress();
        let Some((incoming, cost)) = self.taken.pop_front() else { return Poll::Ready(None) };
        self.shared.queued.fetch_sub(cost, Ordering::AcqRel);
        self.count();
        Poll::Ready(Some(incoming))
    }

    /// Whether nothing waits, and more may come.
    pub(crate) fn is_empty(&self) -> bool {
        let waiting = self.shared.waiting();
        self.taken.is_empty() && waiting.queue.is_empty() && !waiting.closed
    }

    /// Waits until something is there, or nothing will come any more.
    pub(crate) async fn ready(&mut self) {
        poll_fn(|cx| {
            // Else a server whose turn is over would find the same message again and again, and
            // never let go.
            ready!(tokio::task::coop::poll_proceed(cx)).made_progress();
            match self.taken.is_empty() {
                true => self.take(cx),
                false => Poll::Ready(()),
            }
        })
        .await;
    }

    /// What [`Receiver::next`] would give at this moment.
    pub(crate) async fn try_next(&mut self) -> Poll<Option<Incoming>> {
        poll_fn(|cx| Poll::Ready(self.poll_next(cx))).await
    }

    /// The next that is wanted. What is passed over stays, and counts as waiting.
    pub(crate) async fn next_where(
        &mut self,
        wanted: impl Fn(&Incoming) -> bool,
    ) -> Option<Incoming> {
        loop {
            self.ready().await;
            let (incoming, cost) = self.taken.pop_front()?;
            if wanted(&incoming) {
                self.shared.queued.fetch_sub(cost, Ordering::AcqRel);
                self.count();
                return Some(incoming);
            }
            self.aside.push_back((incoming, cost));
        }
    }

    /// What was passed over is wanted again, before all else.
    pub(crate) fn restore(&mut self) {
        self.aside.append(&mut self.taken);
        std::mem::swap(&mut self.aside, &mut self.taken);
    }

    /// Takes all that waits; ready with nothing taken when nothing will come any more.
    fn take(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut waiting = self.shared.waiting();
        if waiting.queue.is_empty() && !waiting.closed {
            if !waiting.sleeper.as_ref().is_some_and(|sleeper| sleeper.will_wake(cx.waker())) {
                waiting.sleeper = Some(cx.waker().clone());
            }
            if self.taken.capacity() > Self::KEPT {
                self.taken = VecDeque::new();
            }
            return Poll::Pending;
        }
        std::mem::swap(&mut waiting.queue, &mut self.taken);
        self.count();
        Poll::Ready(())
    }

    /// Only the receiver writes it: no need to add or subtract.
    fn count(&self) {
        self.shared.taken.store(self.taken.len() + self.aside.len(), Ordering::Relaxed);
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.shared.close();
        let left = std::mem::take(&mut self.shared.waiting().queue);
        let cost = |queue: &VecDeque<(Incoming, usize)>| -> usize {
            queue.iter().map(|(_, cost)| cost).sum()
        };
        let cost = cost(&left) + cost(&self.taken) + cost(&self.aside);
        self.shared.queued.fetch_sub(cost, Ordering::AcqRel);
        self.shared.taken.store(0, Ordering::Relaxed);
    }
}

#[cfg(all(test, flitch_loom))]
mod model;
#[cfg(test)]
mod tests {
    use super::*;

    fn message(len: usize) -> Incoming {
        let payload = Payload::encode(|out| {
            out.resize(len, 106);
            Ok::<_, ()>(())
        });
        Incoming::Message(payload.unwrap())
    }

    #[tokio::test]
    async fn a_mailbox_refuses_what_is_over_its_limit_and_takes_more_when_it_is_read() {
        let (sender, mut receiver) = mailbox(1000);
        assert_eq!(sender.push(message(600)), Ok(()));
        assert_eq!(sender.push(message(600)), Err(Refused::Full));
        assert!(matches!(receiver.next().await, Some(Incoming::Message(_))));
        assert!(sender.is_empty());
        assert_eq!(sender.push(message(600)), Ok(()));
    }

    #[test]
    fn one_large_message_fits_into_an_empty_mailbox() {
        let (sender, _receiver) = mailbox(1000);
        assert_eq!(sender.push(message(10_000)), Ok(()));
        assert_eq!(sender.push(message(1)), Err(Refused::Full));
    }

    #[test]
    fn the_mailbox_of_a_process_that_is_gone_says_so() {
        let (sender, receiver) = mailbox(1000);
        drop(receiver);
        for _ in 0..100 {
            assert_eq!(sender.push(message(100)), Err(Refused::Gone), "and never that it is full");
        }
        assert!(sender.is_empty());
    }

    #[test]
    fn a_reason_counts_with_what_it_takes_in_memory() {
        let (sender, _receiver) = mailbox(10_000);
        let pid = Pid { node: flitch_etf::Atom::OK, id: 1, serial: 0, creation: 1 };
        let exit = || Incoming::Exit { from: pid.clone(), reason: Term::empty_list() };
        assert_eq!(sender.push_with(exit(), 200), Ok(()));
        assert_eq!(sender.push_with(exit(), 200), Err(Refused::Full));
    }

    #[test]
    fn the_order_to_end_fits_into_a_full_mailbox() {
        let (sender, _receiver) = mailbox(1000);
        assert_eq!(sender.push(message(10_000)), Ok(()));
        assert_eq!(sender.push(Incoming::Shutdown), Ok(()));
    }

    #[tokio::test]
    async fn what_is_passed_over_keeps_its_place_and_counts_as_waiting() {
        let (sender, mut receiver) = mailbox(10_000);
        for len in [100, 7, 200] {
            sender.push(message(len)).unwrap();
        }
        let len = |incoming: Option<Incoming>| match incoming {
            Some(Incoming::Message(payload)) => payload.len(),
            other => panic!("{other:?}"),
        };
        let short = |it: &Incoming| matches!(it, Incoming::Message(payload) if payload.len() == 7);
        assert_eq!(len(receiver.next_where(short).await), 7);
        assert_eq!(sender.len(), 2);
        sender.push(message(300)).unwrap();
        receiver.restore();
        assert_eq!(len(receiver.next().await), 100);
        assert_eq!(len(receiver.next().await), 200);
        assert_eq!(len(receiver.next().await), 300);
        assert!(sender.is_empty());
    }

    #[tokio::test]
    async fn a_closed_mailbox_gives_what_it_has_and_then_its_end() {
        let (sender, mut receiver) = mailbox(10_000);
        sender.push(message(7)).unwrap();
        sender.close();
        assert_eq!(sender.push(message(7)), Err(Refused::Gone));
        assert!(receiver.next().await.is_some());
        assert!(receiver.next().await.is_none());
    }
}
