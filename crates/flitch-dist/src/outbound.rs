//! What goes out over an established link, without the stream under it.

use std::collections::VecDeque;
use std::convert::Infallible;

use flitch_etf::VERSION_MAGIC;
use flitch_handshake::Flags;

use crate::atom_cache::Telling;
use crate::fragment;
use crate::frame::write_frame;
use crate::header;
use crate::inbound::{FIRST_FRAGMENT, FRAGMENT, HEADER};
use crate::{Control, Lane, Packet, PacketError};

/// What goes out: bytes for the stream.
///
/// [`Outbound::push`] takes signals, [`Outbound::take`] gives what is to be written next. Signals
/// leave in the order in which they came, but for large ones: these leave in fragments, a few with
/// each `take`, so that signals of other [`Lane`]s get past them.
#[derive(Debug)]
pub struct Outbound {
    flags: Flags,
    /// Whole frames.
    out: Vec<u8>,
    cache: Telling,
    /// Messages that go out in fragments, by turns. No two are of one lane.
    large: VecDeque<Large>,
    /// Bytes that are not in `out` yet.
    waiting: usize,
    /// Those of them that are small, and wait behind a large one of their lane.
    small: usize,
    /// Messages that have gone.
    spent: Vec<Packet>,
    sequence: u64,
    signals: u64,
    /// For those who have no packet of their own.
    packet: Packet,
}

/// A message that goes out in fragments.
#[derive(Debug)]
struct Large {
    packet: Packet,
    /// Bytes that have gone.
    gone: usize,
    sequence: u64,
    /// The next fragment.
    fragment: u64,
    /// What its lane has sent since.
    behind: VecDeque<Packet>,
}

impl Outbound {
    /// Fragments that leave together, in bytes, where nothing else does.
    const BATCH: usize = 8 * fragment::FRAGMENT;

    /// A link on which nothing has gone yet, to a peer with these flags: those that both sides
    /// offer.
    #[must_use]
    pub fn new(flags: Flags) -> Self {
        Self {
            flags,
            out: Vec::new(),
            cache: Telling::default(),
            large: VecDeque::new(),
            waiting: 0,
            small: 0,
            spent: Vec::new(),
            sequence: 0,
            signals: 0,
            packet: Packet::new(),
        }
    }

    /// What packets for this link are to be encoded with.
    #[must_use]
    pub fn flags(&self) -> Flags {
        self.flags
    }

    /// Bytes that wait to be taken.
    #[must_use]
    pub fn len(&self) -> usize {
        self.out.len() + self.waiting
    }

    /// Whether no bytes wait.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that wait, but for those of large messages: what is small gets past these.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.out.len() + self.small
    }

    /// Signals that have gone so far.
    #[must_use]
    pub fn signals(&self) -> u64 {
        self.signals
    }

    /// Sends a signal, which was encoded with [`Outbound::flags`], and leaves the packet empty. It
    /// keeps its memory: see [`Packet::take_excess`].
    pub fn push(&mut self, packet: &mut Packet) {
        if packet.is_empty() {
            return;
        }
        self.signals += 1;
        let lane = packet.lane;
        let before = self.large.iter_mut().find(|it| it.packet.lane == lane && lane != Lane::NONE);
        match before {
            Some(large) => {
                self.waiting += packet.len();
                if !packet.is_large() {
                    self.small += packet.len();
                }
                large.behind.push_back(packet.take().sealed());
            }
            None => self.begin(packet),
        }
        packet.clear();
    }

    /// Sends a control message; `write_payload` writes the term that it carries, if it has one,
    /// without a version byte.
    ///
    /// # Errors
    /// As [`Packet::encode`]. Nothing has gone then.
    pub fn send<E>(
        &mut self,
        control: &Control,
        write_payload: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), PacketError<E>> {
        let mut packet = self.packet.take();
        let encoded = packet.encode(self.flags, control, write_payload);
        if encoded.is_ok() {
            self.push(&mut packet);
        }
        drop(packet.take_excess());
        self.packet = packet;
        encoded
    }

    /// Sends a tick.
    pub fn send_tick(&mut self) {
        self.out.extend_from_slice(&[0; 4]);
    }

    /// Lets go of the memory of an empty buffer: nothing has gone for a while.
    pub fn release(&mut self) {
        if self.out.is_empty() {
            self.out = Vec::new();
        }
    }

    /// Gives the bytes that are to be written next, in exchange for an empty buffer, whose memory
    /// is used again. There may be more then.
    pub fn take(&mut self, spare: Vec<u8>) -> Vec<u8> {
        debug_assert!(spare.is_empty());
        // Beside what is small, large messages have as large a share.
        let enough = self.out.len() + Self::BATCH.max(self.out.len());
        while self.out.len() < enough
            && let Some(mut large) = self.large.pop_front()
        {
            self.send_fragment(&mut large);
            if large.fragment > 0 {
                self.large.push_back(large);
            } else {
                self.end(large);
            }
        }
        std::mem::replace(&mut self.out, spare)
    }

    /// Large messages that have gone since this was called last. To let go of one may take the
    /// system milliseconds, which is better done where nobody waits.
    pub fn take_spent(&mut self) -> Vec<Packet> {
        std::mem::take(&mut self.spent)
    }

    /// Sends the packet at once, or begins to.
    fn begin(&mut self, packet: &mut Packet) {
        let fragments = fragment::count(packet.len(), packet.control);
        if fragments == 1 || !packet.headed || !self.flags.contains(Flags::FRAGMENTS) {
            return self.send_whole(packet);
        }
        self.sequence += 1;
        self.waiting += packet.len();
        self.large.push_back(Large {
            packet: packet.take().sealed(),
            gone: 0,
            sequence: self.sequence,
            fragment: fragments,
            behind: VecDeque::new(),
        });
    }

    fn send_whole(&mut self, packet: &Packet) {
        let cache = &mut self.cache;
        write(&mut self.out, |out| {
            if packet.headed {
                out.extend_from_slice(&[VERSION_MAGIC, HEADER]);
                header::write(out, &packet.names, cache);
            }
            out.extend_from_slice(packet.body(0..packet.len()));
        });
    }

    fn send_fragment(&mut self, large: &mut Large) {
        let Large { packet, gone, sequence, fragment, .. } = large;
        let first = *gone == 0;
        let most = fragment::FRAGMENT + if first { packet.control } else { 0 };
        let end = packet.len().min(*gone + most);
        let cache = &mut self.cache;
        write(&mut self.out, |out| {
            out.extend_from_slice(&[VERSION_MAGIC, if first { FIRST_FRAGMENT } else { FRAGMENT }]);
            out.extend_from_slice(&sequence.to_be_bytes());
            out.extend_from_slice(&fragment.to_be_bytes());
            if first {
                header::write(out, &packet.names, cache);
            }
            out.extend_from_slice(packet.body(*gone..end));
        });
        self.waiting -= end - *gone;
        *gone = end;
        *fragment -= 1;
    }

    /// Sends what has waited behind a large message that is through.
    fn end(&mut self, large: Large) {
        self.spent.push(large.packet);
        let mut behind = large.behind;
        while let Some(mut packet) = behind.pop_front() {
            self.waiting -= packet.len();
            if !packet.is_large() {
                self.small -= packet.len();
            }
            let before = self.large.len();
            self.begin(&mut packet);
            if self.large.len() > before
                && let Some(next) = self.large.back_mut()
            {
                // Another large one: the rest waits for that.
                next.behind = behind;
                return;
            }
        }
    }
}

fn write(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let written = write_frame(out, |out| {
        write(out);
        Ok::<_, Infallible>(())
    });
    debug_assert!(written.is_ok());
}
