//! Large messages in parts: put together as they come, and cut up as they go.
//!
//! Fragments of one message count down to 1 and keep their order; those of several messages, and
//! whole messages, come in between. (`erl_ext_dist`, "Distribution Header for fragmented
//! messages".)

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::header::HeaderAtoms;
use crate::{BufferPool, LinkError};

/// How much of a large message goes in one frame, in bytes: as a BEAM has it.
pub(crate) const FRAGMENT: usize = 64 * 1024;

/// Which part of which message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// The message, of those on their way.
    pub(crate) sequence: u64,
    /// How many fragments there still are, this one included.
    pub(crate) fragment: u64,
}

/// Messages that have begun to come.
#[derive(Debug)]
pub(crate) struct Sequences {
    unfinished: HashMap<u64, Sequence>,
    /// Bytes of all of them.
    held: usize,
    limits: Limits,
    pool: Arc<BufferPool>,
}

/// What a peer may leave unfinished.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Bytes of one message.
    pub(crate) message: usize,
    /// Bytes of all messages, and something for each.
    pub(crate) held: usize,
}

#[derive(Debug)]
struct Sequence {
    /// The fragment that is to come next.
    next: u64,
    bytes: Vec<u8>,
    atoms: HeaderAtoms,
    /// Nothing has come since the last [`Sequences::sweep`].
    silent: bool,
}

/// A message as its last fragment completes it.
pub(crate) type Whole = Option<(Bytes, HeaderAtoms)>;

impl Sequences {
    /// What a message costs beside its bytes.
    const OVERHEAD: usize = 256;

    /// How much is reserved at least for what the first fragment announces; later some times what
    /// has come. To grow by less is to copy it all too often.
    const AHEAD: usize = 1024 * 1024;

    pub(crate) fn new(limits: Limits, pool: Arc<BufferPool>) -> Self {
        Self { unfinished: HashMap::new(), held: 0, limits, pool }
    }

    /// The first fragment, with what its header named.
    pub(crate) fn begin(
        &mut self,
        part: Part,
        bytes: Bytes,
        atoms: HeaderAtoms,
    ) -> Result<Whole, LinkError> {
        let Part { sequence, fragment } = part;
        match fragment {
            0 => return Err(LinkError::Fragment { sequence, fragment }),
            1 => return Ok(Some((bytes, atoms))),
            _ => {}
        }
        let begun = Sequence { next: fragment, bytes: Vec::new(), atoms, silent: false };
        if self.unfinished.insert(sequence, begun).is_some() {
            return Err(LinkError::Fragment { sequence, fragment });
        }
        self.held += Self::OVERHEAD;
        self.go_on(part, &bytes)
    }

    /// A later fragment.
    pub(crate) fn go_on(&mut self, part: Part, bytes: &[u8]) -> Result<Whole, LinkError> {
        let Part { sequence, fragment } = part;
        let wrong = LinkError::Fragment { sequence, fragment };
        let Some(begun) = self.unfinished.get_mut(&sequence) else { return Err(wrong) };
        if begun.next != fragment {
            return Err(wrong);
        }
        let Limits { message, held, .. } = self.limits;
        if bytes.len() > message.saturating_sub(begun.bytes.len()) {
            return Err(LinkError::MessageTooLarge { max: message });
        }
        self.held += bytes.len();
        if self.held > held {
            return Err(LinkError::Unfinished { max: held });
        }
        if bytes.len() > begun.bytes.capacity() - begun.bytes.len() {
            let left = usize::try_from(fragment).unwrap_or(usize::MAX).saturating_mul(FRAGMENT);
            let left = left.min(message).max(bytes.len());
            let used = if begun.bytes.is_empty() { self.pool.take(left) } else { None };
            match used {
                Some(buffer) => begun.bytes = buffer,
                None => {
                    let ahead = Self::AHEAD.max(begun.bytes.len() * 8);
                    begun.bytes.reserve_exact(left.min(ahead).max(bytes.len()));
                }
            }
        }
        begun.bytes.extend_from_slice(bytes);
        begun.silent = false;
        begun.next -= 1;
        if begun.next > 0 {
            return Ok(None);
        }
        let whole = self.unfinished.remove(&sequence).map(|mut whole| {
            self.held -= whole.bytes.len() + Self::OVERHEAD;
            // The last fragment is seldom full, which is not worth moving all for.
            if whole.bytes.capacity() - whole.bytes.len() > FRAGMENT {
                whole.bytes.shrink_to_fit();
            }
            (self.pool.lend(whole.bytes), whole.atoms)
        });
        Ok(whole)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.unfinished.is_empty()
    }

    /// Gives up the messages of which nothing has come since the call before: their senders have
    /// died half-way. How many these were.
    pub(crate) fn sweep(&mut self) -> usize {
        let before = self.unfinished.len();
        let held = &mut self.held;
        self.unfinished.retain(|_, sequence| {
            let keep = !std::mem::replace(&mut sequence.silent, true);
            if !keep {
                *held -= sequence.bytes.len() + Self::OVERHEAD;
            }
            keep
        });
        before - self.unfinished.len()
    }
}

/// How many fragments a message of so many bytes goes in, of which the first `whole` must not be
/// cut.
pub(crate) fn count(len: usize, whole: usize) -> u64 {
    1 + len.saturating_sub(whole + FRAGMENT).div_ceil(FRAGMENT) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { message: 100, held: 150 + 3 * Sequences::OVERHEAD };

    fn part(sequence: u64, fragment: u64) -> Part {
        Part { sequence, fragment }
    }

    fn begin(sequences: &mut Sequences, of: Part, text: &'static str) -> Result<Whole, LinkError> {
        sequences.begin(of, Bytes::from_static(text.as_bytes()), HeaderAtoms::default())
    }

    fn text(whole: Result<Whole, LinkError>) -> String {
        let (bytes, _) = whole.unwrap().expect("the last fragment");
        String::from_utf8(bytes.into()).unwrap()
    }

    #[test]
    fn fragments_of_two_messages_that_come_by_turns_are_put_together() {
        let mut sequences = Sequences::new(LIMITS, BufferPool::new(0));
        assert_eq!(begin(&mut sequences, part(7, 3), "one "), Ok(None));
        assert_eq!(begin(&mut sequences, part(8, 2), "four "), Ok(None));
        assert_eq!(sequences.go_on(part(7, 2), b"two "), Ok(None));
        assert_eq!(text(sequences.go_on(part(8, 1), b"five")), "four five");
        assert_eq!(text(sequences.go_on(part(7, 1), b"three")), "one two three");
        assert!(sequences.is_empty() && sequences.held == 0);
        assert_eq!(text(begin(&mut sequences, part(7, 1), "alone")), "alone");
    }

    #[test]
    fn fragments_count_down_one_by_one() {
        let mut sequences = Sequences::new(LIMITS, BufferPool::new(0));
        begin(&mut sequences, part(7, 4), "").unwrap();
        for wrong in [part(7, 4), part(7, 2), part(7, 1), part(7, 0), part(8, 3)] {
            let Part { sequence, fragment } = wrong;
            let error = LinkError::Fragment { sequence, fragment };
            assert_eq!(sequences.go_on(wrong, b""), Err(error));
        }
        assert!(begin(&mut sequences, part(7, 4), "").is_err(), "begun twice");
        assert!(begin(&mut sequences, part(9, 0), "").is_err(), "nothing counts down to 0");
    }

    #[test]
    fn what_is_never_finished_is_bounded_in_bytes_and_in_number() {
        let mut sequences = Sequences::new(LIMITS, BufferPool::new(0));
        begin(&mut sequences, part(1, 9), "").unwrap();
        assert_eq!(
            sequences.go_on(part(1, 8), &[0; 101]),
            Err(LinkError::MessageTooLarge { max: 100 })
        );
        sequences.go_on(part(1, 8), &[0; 90]).unwrap();
        begin(&mut sequences, part(2, 9), "").unwrap();
        let over = LinkError::Unfinished { max: LIMITS.held };
        let mut same = Sequences::new(LIMITS, BufferPool::new(0));
        for sequence in 1..=3 {
            begin(&mut same, part(sequence, 9), "").unwrap();
        }
        assert_eq!(begin(&mut same, part(4, 9), ""), Err(over.clone()), "empty ones count too");
        begin(&mut sequences, part(3, 9), "").unwrap();
        assert_eq!(sequences.go_on(part(2, 8), &[0; 90]), Err(over));
    }

    #[test]
    fn a_sender_that_died_half_way_is_forgotten_and_one_that_is_slow_is_not() {
        let mut sequences = Sequences::new(LIMITS, BufferPool::new(0));
        begin(&mut sequences, part(1, 9), "dead").unwrap();
        begin(&mut sequences, part(2, 9), "slow").unwrap();
        assert_eq!(sequences.sweep(), 0);
        sequences.go_on(part(2, 8), b"er").unwrap();
        assert_eq!(sequences.sweep(), 1);
        assert_eq!(sequences.held, 6 + Sequences::OVERHEAD);
        assert!(sequences.go_on(part(1, 8), b"undead").is_err());
        assert!(sequences.go_on(part(2, 7), b"than").is_ok());
    }

    #[test]
    fn the_next_large_message_is_put_together_where_the_last_one_was() {
        static FULL: [u8; FRAGMENT] = [7; FRAGMENT];
        let limits = Limits { message: 1 << 20, held: 1 << 20 };
        let mut sequences = Sequences::new(limits, BufferPool::new(1 << 20));
        let mut whole = |sequence, parts: u64| {
            let first = Bytes::from_static(&FULL);
            sequences.begin(part(sequence, parts), first, HeaderAtoms::default()).unwrap();
            let rest = (1..parts).rev();
            let last = rest.map(|it| sequences.go_on(part(sequence, it), &FULL).unwrap()).last();
            last.unwrap().unwrap().0
        };
        let one = whole(1, 8);
        let (place, other) = (one.as_ptr(), whole(2, 8));
        assert_ne!(other.as_ptr(), place, "the first one is still held");
        drop(one);
        let next = whole(3, 8);
        assert_eq!((next.as_ptr(), next.len()), (place, 8 * FRAGMENT));
        assert!(next.iter().all(|byte| *byte == 7));
    }

    #[test]
    fn the_first_fragment_holds_the_control_message_whole() {
        assert_eq!(count(0, 0), 1);
        assert_eq!(count(FRAGMENT + 100, 100), 1);
        assert_eq!(count(FRAGMENT + 101, 100), 2);
        assert_eq!(count(3 * FRAGMENT + 100, 100), 3);
        assert_eq!(count(3 * FRAGMENT, 3 * FRAGMENT), 1);
    }
}
