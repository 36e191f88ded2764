//! An outgoing signal, encoded for a link before the link is asked for anything.

use std::ops::Range;

use flitch_etf::{AtomWalk, Tag, Term, VERSION_MAGIC};
use flitch_handshake::Flags;

use crate::control::{Form, Op};
use crate::names::Names;
use crate::{Control, Lane, fragment};

/// The type byte of a message without a distribution header.
pub(crate) const PASS_THROUGH: u8 = 112;

/// A signal in the bytes that it takes on a link, but for the header, which depends on what went
/// before. Encoding is the long part of sending, and needs no lock; to be used again and again, so
/// that it costs no allocation.
#[derive(Debug)]
pub struct Packet {
    /// Control message and payload from `start` on.
    pub(crate) bytes: Vec<u8>,
    pub(crate) start: usize,
    /// How long the control message is.
    pub(crate) control: usize,
    /// Atoms that the bytes refer to by number. Unused without a header.
    pub(crate) names: Names,
    pub(crate) headed: bool,
    pub(crate) lane: Lane,
}

/// Why a signal cannot be sent over a link.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PacketError<E> {
    /// What writing the payload says.
    #[error(transparent)]
    Payload(E),
    /// The peer could not read it.
    #[error(transparent)]
    Peer(#[from] Incapable),
}

/// What a peer does not know, by the flags of its handshake.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Incapable {
    /// A control message.
    #[error("the peer does not know {0:?}")]
    Operation(Op),
    /// A native record, which the message has in it.
    #[error("the message has a native record in it, and the peer, older than OTP 29, knows none")]
    NativeRecords,
    /// Messages in fragments, and this one is over the 4 GiB that a frame can hold.
    #[error("the message takes {0} bytes, more than a peer that knows no fragments can be sent")]
    Fragments(usize),
}

impl Default for Packet {
    fn default() -> Self {
        Self::new()
    }
}

impl Packet {
    /// How much memory stays with an empty packet, in bytes.
    const KEEP: usize = 256 * 1024;

    /// A packet with nothing in it.
    #[must_use]
    pub fn new() -> Self {
        Self {
            bytes: Vec::new(),
            start: 0,
            control: 0,
            names: Names::new(),
            headed: false,
            lane: Lane::NONE,
        }
    }

    /// Whether it goes in fragments, where the peer reads these.
    #[must_use]
    pub fn is_large(&self) -> bool {
        fragment::count(self.len(), self.control) > 1
    }

    /// Bytes that it takes, but for the header.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Puts a signal in place of what was there, in the form that a peer with these flags reads.
    /// `write_payload` writes the term that it carries, if it carries one, without a version
    /// byte. The signal goes in the lane of its sender if the control message names one.
    ///
    /// # Errors
    /// Why the peer cannot be sent this. There is no signal in the packet then.
    pub fn encode<E>(
        &mut self,
        flags: Flags,
        control: &Control,
        write_payload: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), PacketError<E>> {
        self.encode_traced(flags, control, None, write_payload)
    }

    /// [`Packet::encode`] with a sequential trace token.
    ///
    /// # Errors
    /// Likewise; control messages that have no place for a token are unsupported with one.
    pub fn encode_traced<E>(
        &mut self,
        flags: Flags,
        control: &Control,
        token: Option<&Term>,
        write_payload: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), PacketError<E>> {
        self.clear();
        let done = self.fill(flags, control, token, write_payload);
        if done.is_err() {
            self.clear();
        }
        done
    }

    /// Puts the signal in this lane in place of its sender's.
    pub fn set_lane(&mut self, lane: Lane) {
        self.lane = lane;
    }

    /// A part of its bytes.
    pub(crate) fn body(&self, part: Range<usize>) -> &[u8] {
        self.bytes.get(self.start + part.start..self.start + part.end).unwrap_or_default()
    }

    /// Lets go of the memory that only encoding needs.
    pub(crate) fn sealed(mut self) -> Self {
        self.names.seal();
        self
    }

    /// Moves the signal out.
    pub(crate) fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    /// Encodes into this memory from now on.
    pub fn set_memory(&mut self, memory: Vec<u8>) {
        self.clear();
        self.bytes = memory;
        self.bytes.clear();
    }

    /// The memory that a large message has left behind, more than an empty packet should keep.
    pub fn take_excess(&mut self) -> Option<Vec<u8>> {
        let excess = self.is_empty() && self.bytes.capacity() > Self::KEEP;
        excess.then(|| std::mem::take(&mut self.bytes))
    }

    /// The memory of a message that has gone.
    #[must_use]
    pub fn into_memory(self) -> Vec<u8> {
        self.bytes
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.names.clear();
        self.start = 0;
        self.lane = Lane::NONE;
    }

    /// Encodes behind what [`Packet::clear`] has left, which is nothing but, perhaps, names.
    pub(crate) fn fill<E>(
        &mut self,
        flags: Flags,
        control: &Control,
        token: Option<&Term>,
        write_payload: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), PacketError<E>> {
        let Some(form) = Form::of(control, flags, token) else {
            return Err(Incapable::Operation(control.op()).into());
        };
        self.headed = flags.contains(Flags::DIST_HDR_ATOM_CACHE);
        self.lane = control.sender().map_or(Lane::NONE, Lane::of);
        let version: &[u8] = if self.headed { &[] } else { &[VERSION_MAGIC] };
        if !self.headed {
            self.bytes.push(PASS_THROUGH);
        }
        self.bytes.extend_from_slice(version);
        control.write(&mut self.bytes, &form);
        let apart = control.has_payload() && !form.inline;
        if apart {
            self.control = self.bytes.len();
            self.bytes.extend_from_slice(version);
        }
        if control.has_payload() {
            write_payload(&mut self.bytes).map_err(PacketError::Payload)?;
        }
        if !apart {
            self.control = self.bytes.len();
        }
        let records = if self.headed {
            self.number(if apart { 2 } else { 1 })
        } else {
            self.has_records(version)
        };
        if records && !flags.contains(Flags::NATIVE_RECORDS) {
            return Err(Incapable::NativeRecords.into());
        }
        let fragments = self.headed && flags.contains(Flags::FRAGMENTS);
        // Room for the header, which comes later.
        if !fragments && self.len() > u32::MAX as usize - (1 << 20) {
            return Err(Incapable::Fragments(self.len()).into());
        }
        Ok(())
    }

    /// Whether there is a native record in a message without a header.
    fn has_records(&self, version: &[u8]) -> bool {
        let mut walk = AtomWalk::new(self.control + version.len(), 1);
        while walk.next(&self.bytes).is_some() {}
        walk.has_records()
    }

    /// Puts numbers in the place of atoms, and says whether there is a native record.
    ///
    /// What stands between two atoms moves up to close the gap, or, where that is longer, what
    /// stands before them moves down: a large binary stays where it is.
    fn number(&mut self, terms: usize) -> bool {
        let mut walk = AtomWalk::new(0, terms);
        let (control, mut saved) = (self.control, 0);
        // What is in order so far, and where the rest of the bytes begins.
        let (mut done, mut rest) = (0..0, 0);
        while let Some(atom) = walk.next(&self.bytes) {
            let text = self.bytes.get(atom.text.clone()).unwrap_or_default();
            let Some(number) = self.names.number(text) else { continue };
            done = close(&mut self.bytes, done, rest..atom.start);
            rest = atom.text.end;
            saved += rest - atom.start - 2;
            if rest <= control {
                self.control = control - saved;
            }
            if let Some(place) = self.bytes.get_mut(done.end..done.end + 2) {
                place.copy_from_slice(&[Tag::ATOM_CACHE_REF.0, number]);
            }
            done.end += 2;
        }
        let end = self.bytes.len();
        let done = close(&mut self.bytes, done, rest..end);
        self.bytes.truncate(done.end);
        self.start = done.start;
        walk.has_records()
    }
}

/// Brings two ranges of bytes together, by moving the shorter one, and gives the range of both.
fn close(bytes: &mut [u8], done: Range<usize>, more: Range<usize>) -> Range<usize> {
    if done.len() < more.len() {
        let start = more.start - done.len();
        bytes.copy_within(done, start);
        start..more.end
    } else {
        let end = done.end + more.len();
        bytes.copy_within(more, done.end);
        done.start..end
    }
}
