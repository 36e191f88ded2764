//! What comes in over an established link, without the stream under it.

use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use flitch_etf::VERSION_MAGIC;

use crate::fragment::{self, Part, Sequences};
use crate::frame::{Frame, FrameReader};
use crate::header::{HeaderAtoms, Headers};
use crate::packet::PASS_THROUGH;
use crate::{BufferPool, LinkError, Signal};

/// A whole message behind a header. (`DIST_HEADER` and so on in `erts/emulator/beam/external.h`.)
pub(crate) const HEADER: u8 = 68;
/// The first fragment of a message, behind a header.
pub(crate) const FIRST_FRAGMENT: u8 = 69;
/// A later one.
pub(crate) const FRAGMENT: u8 = 70;

/// What a peer may make us hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InboundLimits {
    /// Bytes of one frame. A BEAM sends more than 64 KiB only to peers without fragments.
    pub frame: usize,
    /// Bytes of one message that comes in fragments.
    pub message: usize,
    /// Bytes of all messages that have begun and not ended. A BEAM whose processes all send large
    /// messages has as many under way as it has senders, when we are slow.
    pub unfinished: usize,
}

impl InboundLimits {
    /// Frames of 64 MiB, messages of 256 MiB, and 4 GiB of what is unfinished.
    pub const DEFAULT: Self = Self { frame: 64 << 20, message: 256 << 20, unfinished: 4 << 30 };
}

impl Default for InboundLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What comes in. Append what the stream gives to [`Inbound::buffer`], then take signals from
/// [`Inbound::poll_signal`] until it gives `None`; from time to time, call [`Inbound::sweep`].
///
/// It reads messages with and without a header, whole and in fragments, as they come.
#[derive(Debug)]
pub struct Inbound {
    frames: FrameReader,
    headers: Headers,
    sequences: Sequences,
    signals: u64,
}

impl Inbound {
    /// A link on which nothing has come yet.
    #[must_use]
    pub fn new(limits: InboundLimits) -> Self {
        Self::with_pool(limits, BufferPool::new(0))
    }

    /// A link that puts large messages together in the memory of earlier ones.
    #[must_use]
    pub fn with_pool(limits: InboundLimits, pool: Arc<BufferPool>) -> Self {
        let InboundLimits { frame, message, unfinished } = limits;
        let limits = fragment::Limits { message, held: unfinished };
        Self {
            frames: FrameReader::new(frame),
            headers: Headers::default(),
            sequences: Sequences::new(limits, pool),
            signals: 0,
        }
    }

    /// How many bytes of the stream to read at most: those that are missing of a large frame, so
    /// that what comes behind it does not keep its memory.
    #[must_use]
    pub fn wanted(&self) -> usize {
        self.frames.wanted()
    }

    /// Where the bytes of the stream are to be appended.
    pub fn buffer(&mut self) -> &mut BytesMut {
        self.frames.buffer()
    }

    /// Signals that have come so far.
    #[must_use]
    pub fn signals(&self) -> u64 {
        self.signals
    }

    /// The next signal. Ticks have done their duty by arriving.
    ///
    /// # Errors
    /// The peer broke the protocol: the link cannot go on.
    pub fn poll_signal(&mut self) -> Result<Option<Signal>, LinkError> {
        while let Some(frame) = self.frames.poll_frame()? {
            let Frame::Message(bytes) = frame else { continue };
            if let Some(signal) = self.read(bytes)? {
                self.signals += 1;
                return Ok(Some(signal));
            }
        }
        Ok(None)
    }

    /// Whether messages have begun that have not ended.
    #[must_use]
    pub fn is_unfinished(&self) -> bool {
        !self.sequences.is_empty()
    }

    /// Gives up messages of which no fragment has come since this was called last, and says how
    /// many: a process that dies while it sends one leaves it so. One that goes on after all ends
    /// the link, since nothing is lost in silence.
    pub fn sweep(&mut self) -> usize {
        self.sequences.sweep()
    }

    fn read(&mut self, mut bytes: Bytes) -> Result<Option<Signal>, LinkError> {
        let kind = (bytes.first().copied(), bytes.get(1).copied());
        let whole = match kind {
            (Some(PASS_THROUGH), _) => {
                bytes.advance(1);
                return Signal::read(bytes, HeaderAtoms::default(), true).map(Some);
            }
            (Some(VERSION_MAGIC), Some(HEADER)) => {
                bytes.advance(2);
                let atoms = self.headers.read(&mut bytes)?;
                Some((bytes, atoms))
            }
            (Some(VERSION_MAGIC), Some(FIRST_FRAGMENT)) => {
                bytes.advance(2);
                let part = part(&mut bytes)?;
                let atoms = self.headers.read(&mut bytes)?;
                self.sequences.begin(part, bytes, atoms)?
            }
            (Some(VERSION_MAGIC), Some(FRAGMENT)) => {
                bytes.advance(2);
                let part = part(&mut bytes)?;
                self.sequences.go_on(part, &bytes)?
            }
            (Some(VERSION_MAGIC), Some(kind)) | (Some(kind), _) => {
                return Err(LinkError::MessageType(kind));
            }
            (None, _) => None,
        };
        whole.map(|(bytes, atoms)| Signal::read(bytes, atoms, false)).transpose()
    }
}

fn part(bytes: &mut Bytes) -> Result<Part, LinkError> {
    let mut number = || bytes.try_get_u64().map_err(|_| LinkError::ShortHeader);
    Ok(Part { sequence: number()?, fragment: number()? })
}
