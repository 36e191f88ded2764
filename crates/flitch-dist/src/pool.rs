//! The memory of large messages, used again.
//!
//! Memory of this size comes from the system page by page, as it is first written to, and goes
//! back as soon as it is free: for a message of some megabytes that takes longer than all else
//! that is done with its bytes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytes::Bytes;

/// What large messages leave behind, for those that come next. One for all links of a node.
#[derive(Debug)]
pub struct BufferPool {
    state: Mutex<State>,
    most: usize,
}

#[derive(Debug, Default)]
struct State {
    free: Vec<Vec<u8>>,
    /// The capacities of all of them.
    held: usize,
    /// Something was taken or given since the last [`BufferPool::release`].
    used: bool,
}

impl BufferPool {
    /// Smaller ones are cheap to get, in bytes.
    pub const SMALLEST: usize = 256 * 1024;

    /// Holds at most so many bytes, and none if that is 0.
    #[must_use]
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), most })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An empty buffer with room for so many bytes, and for no more than twice as many.
    #[must_use]
    pub fn take(&self, room: usize) -> Option<Vec<u8>> {
        let fits = room..=room.saturating_mul(2);
        let mut state = self.lock();
        let at = state.free.iter().rposition(|buffer| fits.contains(&buffer.capacity()))?;
        let buffer = state.free.swap_remove(at);
        state.held -= buffer.capacity();
        state.used = true;
        Some(buffer)
    }

    /// Keeps the memory of a buffer, in the place of what has been here longest. What it does not
    /// keep comes back, to be let go of where nobody waits.
    #[must_use]
    pub fn give(&self, mut buffer: Vec<u8>) -> Vec<Vec<u8>> {
        let size = buffer.capacity();
        if size < Self::SMALLEST || size > self.most {
            return vec![buffer];
        }
        buffer.clear();
        let mut refused = Vec::new();
        let mut state = self.lock();
        while state.held + size > self.most && !state.free.is_empty() {
            let oldest = state.free.remove(0);
            state.held -= oldest.capacity();
            refused.push(oldest);
        }
        state.held += size;
        state.used = true;
        state.free.push(buffer);
        refused
    }

    /// Lets go of all, if nothing has been taken or given since this was called last.
    pub fn release(&self) {
        if !std::mem::take(&mut self.lock().used) {
            self.clear();
        }
    }

    /// Lets go of all.
    pub fn clear(&self) {
        let held = std::mem::take(&mut *self.lock());
        drop(held);
    }

    /// The bytes of a buffer, which comes back when nobody holds them any more.
    pub(crate) fn lend(self: &Arc<Self>, buffer: Vec<u8>) -> Bytes {
        if buffer.capacity() < Self::SMALLEST || buffer.capacity() > self.most {
            return buffer.into();
        }
        Bytes::from_owner(Lent { buffer, home: Arc::downgrade(self) })
    }
}

struct Lent {
    buffer: Vec<u8>,
    home: Weak<BufferPool>,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(home) = self.home.upgrade() {
            drop(home.give(std::mem::take(&mut self.buffer)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEBI: usize = 1 << 20;

    fn capacities(pool: &BufferPool) -> Vec<usize> {
        pool.lock().free.iter().map(Vec::capacity).collect()
    }

    #[test]
    fn the_memory_of_a_message_is_used_again_when_nobody_holds_a_part_of_it() {
        let pool = BufferPool::new(8 * MEBI);
        let bytes = pool.lend(vec![7; MEBI]);
        let part = bytes.slice(10..20);
        drop(bytes);
        assert!(pool.take(MEBI).is_none(), "a part is still held");
        assert_eq!(part, [7; 10][..]);
        drop(part);
        let again = pool.take(MEBI).unwrap();
        assert!(again.is_empty() && again.capacity() == MEBI);
        assert!(pool.take(MEBI).is_none());
    }

    #[test]
    fn a_buffer_that_is_far_too_large_is_left_for_others() {
        let pool = BufferPool::new(8 * MEBI);
        assert!(pool.give(Vec::with_capacity(4 * MEBI)).is_empty());
        assert!(pool.take(MEBI).is_none() && pool.take(5 * MEBI).is_none());
        assert!(pool.take(2 * MEBI).is_some());
    }

    #[test]
    fn what_is_held_is_bounded_and_the_oldest_goes_first() {
        let pool = BufferPool::new(4 * MEBI);
        assert!(pool.give(Vec::with_capacity(2 * MEBI)).is_empty());
        assert!(pool.give(Vec::with_capacity(MEBI)).is_empty());
        let refused = pool.give(Vec::with_capacity(3 * MEBI));
        assert_eq!(refused.iter().map(Vec::capacity).collect::<Vec<_>>(), [2 * MEBI]);
        assert_eq!(capacities(&pool), [MEBI, 3 * MEBI]);
        assert_eq!(pool.give(Vec::with_capacity(5 * MEBI)).len(), 1, "larger than all of it");
        assert_eq!(pool.give(Vec::with_capacity(1000)).len(), 1, "cheap to get");
        assert_eq!(capacities(&pool), [MEBI, 3 * MEBI]);
    }

    #[test]
    fn what_is_not_used_for_a_while_is_let_go_of() {
        let pool = BufferPool::new(8 * MEBI);
        assert!(pool.give(Vec::with_capacity(MEBI)).is_empty());
        pool.release();
        assert_eq!(capacities(&pool), [MEBI], "used since");
        pool.release();
        assert!(capacities(&pool).is_empty());
        assert!(pool.give(Vec::with_capacity(8 * MEBI)).is_empty(), "what is gone does not count");
    }

    #[test]
    fn a_message_that_outlives_its_node_is_an_ordinary_one() {
        let pool = BufferPool::new(8 * MEBI);
        let bytes = pool.lend(vec![7; MEBI]);
        drop(pool);
        assert_eq!(bytes.len(), MEBI);
    }
}
