//! What waits to be written to a link: one buffer that everybody appends to.
//!
//! Senders encode without a lock and append; the writer takes all that has gathered and writes it
//! at once. So many small replies become one write, and nothing is queued twice.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flitch_dist::{BufferPool, Control, Lane, Outbound, Packet, PacketError};
use flitch_handshake::Flags;
use tokio::sync::Notify;

use crate::router::carries_message;

/// The buffer and its two bells.
pub(crate) struct Outbox {
    state: Mutex<State>,
    /// Rung when there is something to write.
    filled: Notify,
    /// Rung when there is room again.
    drained: Notify,
    limit: usize,
    flags: Flags,
    /// The peer takes nothing at the moment.
    stalled: AtomicBool,
    expected: Expected,
    pool: Arc<BufferPool>,
}

struct State {
    outbound: Outbound,
    closed: bool,
    /// Bytes that the writer holds and that are not on the wire yet.
    writing: usize,
    /// Messages that were appended so far.
    messages: u64,
}

impl State {
    /// Whether a signal of this size has not too much before it. What is small gets past what is
    /// large.
    fn has_room(&self, large: bool, limit: usize) -> bool {
        let before = if large { self.outbound.len() } else { self.outbound.queued() };
        before <= limit
    }
}

/// Why nothing was sent.
#[derive(Debug)]
pub(crate) enum NotSent<E> {
    /// The link is closed.
    Closed,
    /// The peer does not read, and more waits than a link may hold.
    Overflow,
    /// The message could not be encoded, or not for this peer.
    Encode(PacketError<E>),
}

/// What the next message may take, by those before it.
///
/// A guess: where it is wrong, memory is taken for nothing, or not used again.
#[derive(Default)]
struct Expected(AtomicU64);

impl Expected {
    /// For how many small messages a large one is remembered.
    const SMALL: u64 = 16;
    const COUNT: u64 = 0xff;

    /// Bytes, or none where the next message is likely to be small.
    fn room(&self) -> Option<usize> {
        let size = self.0.load(Ordering::Relaxed) >> 8;
        usize::try_from(size).ok().filter(|size| *size > 0)
    }

    fn learn(&self, size: usize) {
        let before = self.0.load(Ordering::Relaxed);
        let after = if size >= BufferPool::SMALLEST {
            (size as u64) << 8 | Self::SMALL
        } else if before & Self::COUNT > 0 {
            before - 1
        } else {
            0
        };
        if after != before {
            self.0.store(after, Ordering::Relaxed);
        }
    }
}

thread_local! {
    /// A packet to encode into, so that a small message costs no allocation.
    static PACKET: Cell<Option<Packet>> = const { Cell::new(None) };
}

impl Outbox {
    /// Above the limit, senders that can wait do so. Those that cannot may go this much further,
    /// counting what the writer holds.
    const HARD_LIMIT: usize = 4;

    /// And so much further with large messages, which hold up nobody but their own senders.
    const LARGE_LIMIT: usize = 64;

    /// For a link to a peer with these flags.
    pub(crate) fn new(limit: usize, flags: Flags, pool: Arc<BufferPool>) -> Self {
        let state =
            State { outbound: Outbound::new(flags), closed: false, writing: 0, messages: 0 };
        Self {
            state: Mutex::new(state),
            filled: Notify::new(),
            drained: Notify::new(),
            limit,
            flags,
            stalled: AtomicBool::new(false),
            expected: Expected::default(),
            pool,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn encode<E>(
        &self,
        lane: Lane,
        control: &Control,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<Packet, NotSent<E>> {
        // Taken out: what is encoded may send something itself.
        let mut packet = PACKET.take().unwrap_or_default();
        if let Some(memory) = self.expected.room().and_then(|room| self.pool.take(room)) {
            packet.set_memory(memory);
        }
        packet.encode(self.flags, control, write).map_err(NotSent::Encode)?;
        packet.set_lane(lane);
        Ok(packet)
    }

    fn append(&self, mut state: MutexGuard<'_, State>, mut packet: Packet, is_message: bool) {
        self.expected.learn(packet.len());
        let first = state.outbound.is_empty();
        state.outbound.push(&mut packet);
        state.messages += u64::from(is_message);
        drop(state);
        if let Some(memory) = packet.take_excess() {
            drop(self.pool.give(memory));
        }
        PACKET.set(Some(packet));
        if first {
            self.filled.notify_one();
        }
    }

    /// Appends a control message and the payload that `write` writes, without waiting.
    pub(crate) fn push<E>(
        &self,
        lane: Lane,
        control: &Control,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), NotSent<E>> {
        let limit = |times| self.limit.saturating_mul(times);
        self.push_if(lane, control, write, |state, _| {
            state.outbound.queued() + state.writing <= limit(Self::HARD_LIMIT)
                && state.outbound.len() + state.writing <= limit(Self::LARGE_LIMIT)
        })
    }

    /// Appends likewise if there is room.
    pub(crate) fn push_if_room<E>(
        &self,
        lane: Lane,
        control: &Control,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), NotSent<E>> {
        self.push_if(lane, control, write, |state, large| state.has_room(large, self.limit))
    }

    /// Appends if there is room by the caller's measure, which is told whether it is for a large
    /// message.
    fn push_if<E>(
        &self,
        lane: Lane,
        control: &Control,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
        room: impl FnOnce(&State, bool) -> bool,
    ) -> Result<(), NotSent<E>> {
        let packet = self.encode(lane, control, write)?;
        let state = self.lock();
        if state.closed {
            return Err(NotSent::Closed);
        }
        if !room(&state, packet.is_large()) {
            return Err(NotSent::Overflow);
        }
        self.append(state, packet, carries_message(control));
        Ok(())
    }

    /// Appends likewise as soon as there is room. To look and to append is one step, so that many
    /// who waited for the same room do not fill it many times over.
    pub(crate) async fn push_when_room<E>(
        &self,
        lane: Lane,
        control: &Control,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), NotSent<E>> {
        let packet = self.encode(lane, control, write)?;
        let large = packet.is_large();
        loop {
            {
                let state = self.lock();
                if state.closed {
                    return Err(NotSent::Closed);
                }
                if state.has_room(large, self.limit) {
                    self.append(state, packet, carries_message(control));
                    return Ok(());
                }
            }
            self.until_drained(|state| state.has_room(large, self.limit)).await;
        }
    }

    /// Appends a tick.
    pub(crate) fn push_tick(&self) {
        let mut state = self.lock();
        state.outbound.release();
        state.outbound.send_tick();
        drop(state);
        self.pool.release();
        self.filled.notify_one();
    }

    /// Waits until there is room, the link is closed, or the peer takes nothing at all: who serves
    /// others too cannot wait for such a peer.
    pub(crate) async fn room(&self) {
        let room = |state: &State| state.has_room(false, self.limit) || self.is_stalled();
        self.until_drained(room).await;
    }

    /// Waits until everything is written, or the link is closed.
    pub(crate) async fn flushed(&self) {
        self.until_drained(|state| state.outbound.is_empty() && state.writing == 0).await;
    }

    /// Waits until `done`, or the link is closed.
    async fn until_drained(&self, done: impl Fn(&State) -> bool) {
        let done = || {
            let state = self.lock();
            state.closed || done(&state)
        };
        while !done() {
            let mut drained = std::pin::pin!(self.drained.notified());
            drained.as_mut().enable();
            if !done() {
                drained.await;
            }
        }
    }

    /// For the writer: whether the peer takes nothing at the moment.
    pub(crate) fn set_stalled(&self, stalled: bool) {
        if self.stalled.swap(stalled, Ordering::AcqRel) != stalled && stalled {
            self.drained.notify_waiters();
        }
    }

    pub(crate) fn is_stalled(&self) -> bool {
        self.stalled.load(Ordering::Acquire)
    }

    /// For the writer: the bytes that have gathered, in exchange for an empty buffer. `None` when
    /// the link is closed. Calling it says that the bytes before are on the wire.
    pub(crate) async fn next(&self, mut spare: Vec<u8>) -> Option<Vec<u8>> {
        loop {
            spare.clear();
            {
                let mut state = self.lock();
                if state.closed {
                    return None;
                }
                let bytes = state.outbound.take(spare);
                let spent = state.outbound.take_spent();
                state.writing = bytes.len();
                if state.writing > 0 {
                    drop(state);
                    self.recycle(spent);
                    self.drained.notify_waiters();
                    return Some(bytes);
                }
                spare = bytes;
            }
            self.drained.notify_waiters();
            self.filled.notified().await;
        }
    }

    fn recycle(&self, spent: Vec<Packet>) {
        let memory = spent.into_iter().map(Packet::into_memory);
        let refused: Vec<_> = memory.flat_map(|memory| self.pool.give(memory)).collect();
        if !refused.is_empty() {
            // To let go of it may take the system milliseconds.
            tokio::task::spawn_blocking(|| drop(refused));
        }
    }

    /// Bytes that wait to be written, and how many messages there were so far.
    pub(crate) fn depth(&self) -> (usize, u64) {
        let state = self.lock();
        (state.outbound.len() + state.writing, state.messages)
    }

    /// Refuses everything from now on, and lets go of what waits.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.outbound = Outbound::new(self.flags);
        state.writing = 0;
        drop(state);
        self.filled.notify_one();
        self.drained.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use flitch_etf::{Atom, Pid};

    use super::*;

    fn outbox(limit: usize) -> Outbox {
        Outbox::new(limit, Flags::NONE, BufferPool::new(0))
    }

    fn push(outbox: &Outbox, len: usize) -> Result<(), NotSent<Infallible>> {
        let to = Pid { node: Atom::OK, id: 1, serial: 0, creation: 1 };
        outbox.push(Lane::NONE, &Control::Send { from: None, to }, |out| {
            out.resize(out.len() + len, 106);
            Ok(())
        })
    }

    #[tokio::test]
    async fn what_gathers_is_taken_at_once() {
        let outbox = outbox(1000);
        push(&outbox, 10).unwrap();
        push(&outbox, 10).unwrap();
        let both = outbox.next(Vec::new()).await.unwrap();
        push(&outbox, 10).unwrap();
        let one = outbox.next(Vec::new()).await.unwrap();
        assert_eq!(both.len(), 2 * one.len());
    }

    #[tokio::test]
    async fn the_next_large_message_is_encoded_where_the_last_one_was() {
        let pool = BufferPool::new(8 << 20);
        let outbox = Outbox::new(1 << 20, Flags::OFFERED, Arc::clone(&pool));
        let free = || pool.take(1 << 20).map(|memory| pool.give(memory).len()) == Some(0);
        let mut spare = Vec::new();
        for _ in 0..3 {
            push(&outbox, 1 << 20).unwrap();
            assert!(pool.take(1 << 20).is_none(), "the message is in it");
            while !outbox.lock().outbound.is_empty() {
                spare = outbox.next(spare).await.unwrap();
            }
            assert!(free());
            // Small ones in between take nothing for long.
            push(&outbox, 10).unwrap();
            assert!(free());
            spare = outbox.next(spare).await.unwrap();
        }
        (1..Expected::SMALL).for_each(|_| push(&outbox, 10).unwrap());
        assert!(outbox.expected.room().is_some_and(|room| room > 1 << 20), "one may still come");
        push(&outbox, 10).unwrap();
        assert_eq!(outbox.expected.room(), None);
    }

    #[tokio::test]
    async fn a_full_outbox_lets_senders_wait_and_wakes_them_when_it_is_drained() {
        let outbox = std::sync::Arc::new(outbox(100));
        push(&outbox, 200).unwrap();
        let waiting = tokio::spawn({
            let outbox = std::sync::Arc::clone(&outbox);
            async move { outbox.room().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        outbox.next(Vec::new()).await.unwrap();
        waiting.await.unwrap();
    }

    #[tokio::test]
    async fn who_cannot_wait_is_refused_when_the_peer_does_not_read() {
        let outbox = outbox(100);
        push(&outbox, 500).unwrap();
        assert!(matches!(push(&outbox, 1), Err(NotSent::Overflow)));
    }

    #[tokio::test]
    async fn many_who_wait_for_the_same_room_do_not_overflow_it_when_it_comes() {
        let outbox = std::sync::Arc::new(outbox(100));
        push(&outbox, 200).unwrap();
        let send = |outbox: std::sync::Arc<Outbox>| async move {
            let to = Pid { node: Atom::OK, id: 1, serial: 0, creation: 1 };
            let write = |out: &mut Vec<u8>| {
                out.resize(out.len() + 200, 106);
                Ok::<_, Infallible>(())
            };
            outbox
                .push_when_room(Lane::NONE, &Control::Send { from: None, to }, write)
                .await
                .unwrap();
        };
        let mut senders = tokio::task::JoinSet::new();
        for _ in 0..20 {
            senders.spawn(send(std::sync::Arc::clone(&outbox)));
        }
        let mut largest = 0;
        while !senders.is_empty() {
            largest = largest.max(outbox.next(Vec::new()).await.unwrap().len());
            while senders.try_join_next().is_some() {}
            tokio::task::yield_now().await;
        }
        assert!(largest < 2 * 300, "{largest} bytes at once");
    }

    #[tokio::test]
    async fn what_the_writer_holds_counts_too() {
        let outbox = outbox(100);
        push(&outbox, 500).unwrap();
        let held = outbox.next(Vec::new()).await.unwrap();
        assert!(matches!(push(&outbox, 1), Err(NotSent::Overflow)));
        assert!(held.len() > 400);
    }

    #[tokio::test]
    async fn a_server_does_not_wait_for_a_peer_that_takes_nothing() {
        let outbox = outbox(100);
        push(&outbox, 200).unwrap();
        let (room, ()) = tokio::join!(
            tokio::time::timeout(std::time::Duration::from_secs(5), outbox.room()),
            async { outbox.set_stalled(true) },
        );
        room.unwrap();
    }

    #[tokio::test]
    async fn a_closed_outbox_wakes_everybody_and_takes_nothing() {
        let outbox = std::sync::Arc::new(outbox(100));
        push(&outbox, 200).unwrap();
        let waiting = tokio::spawn({
            let outbox = std::sync::Arc::clone(&outbox);
            async move { tokio::join!(outbox.room(), outbox.flushed()) }
        });
        tokio::task::yield_now().await;
        outbox.close();
        waiting.await.unwrap();
        assert!(outbox.next(Vec::new()).await.is_none());
        assert!(matches!(push(&outbox, 1), Err(NotSent::Closed)));
    }

    #[tokio::test]
    async fn flushed_means_that_the_writer_has_come_back_for_more() {
        let outbox = std::sync::Arc::new(outbox(100));
        push(&outbox, 10).unwrap();
        let bytes = outbox.next(Vec::new()).await.unwrap();
        let waiting = tokio::spawn({
            let outbox = std::sync::Arc::clone(&outbox);
            async move { outbox.flushed().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished(), "the bytes are still with the writer");
        tokio::select! {
            biased;
            _ = outbox.next(bytes) => unreachable!("nothing more was sent"),
            done = waiting => done.unwrap(),
        }
    }
}
