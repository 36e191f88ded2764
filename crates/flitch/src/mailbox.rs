//! What waits for a process: a queue with a limit, in the order of arrival.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use flitch_dist::{Payload, Target};
use flitch_etf::{Pid, Reference, Term};
use tokio::sync::mpsc;

use crate::node::NodeEvent;

/// What a process receives.
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
    /// The node shuts down: end with the reason `shutdown`.
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
pub(crate) struct Sender {
    queue: mpsc::UnboundedSender<(Incoming, usize)>,
    queued: Arc<AtomicUsize>,
    limit: usize,
}

/// The end of the process.
pub(crate) struct Receiver {
    queue: mpsc::UnboundedReceiver<(Incoming, usize)>,
    queued: Arc<AtomicUsize>,
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
    let (sender, receiver) = mpsc::unbounded_channel();
    let queued = Arc::new(AtomicUsize::new(0));
    (
        Sender { queue: sender, queued: Arc::clone(&queued), limit },
        Receiver { queue: receiver, queued },
    )
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
        let cost = incoming.cost(reason);
        // A message over the limit by itself still fits into an empty mailbox, and the order to
        // end into any.
        let always = matches!(incoming, Incoming::Shutdown);
        let before = self.queued.fetch_add(cost, Ordering::AcqRel);
        if before > 0 && before.saturating_add(cost) > self.limit && !always {
            self.queued.fetch_sub(cost, Ordering::AcqRel);
            return Err(Refused::Full);
        }
        let incoming = match incoming {
            Incoming::Message(payload) if before > Self::BUSY && payload.len() < Self::SMALL => {
                Incoming::Message(payload.detached())
            }
            incoming => incoming,
        };
        self.queue.send((incoming, cost)).map_err(|_| {
            // Nobody will take it out again.
            self.queued.fetch_sub(cost, Ordering::AcqRel);
            Refused::Gone
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes() == 0
    }

    /// What waits, by what it takes in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.queued.load(Ordering::Acquire)
    }
}

impl Receiver {
    /// The next of what waits. `None` when nobody can write any more.
    pub(crate) async fn next(&mut self) -> Option<Incoming> {
        let (incoming, cost) = self.queue.recv().await?;
        self.queued.fetch_sub(cost, Ordering::AcqRel);
        Some(incoming)
    }
}

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
}
