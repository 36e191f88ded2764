//! Both directions of an established link, without the stream under it.
//!
//! The directions are two values, because a driver reads in one place and is written to from
//! many: [`Inbound`] turns bytes into [`Signal`]s, [`Outbound`] turns control messages and
//! payloads into bytes. Each keeps its own counts.

use bytes::BytesMut;

use crate::control::write_signal;
use crate::frame::{Frame, FrameReader, write_frame};
use crate::{Control, LinkError, Signal};

/// The type byte of a message without a distribution header.
const PASS_THROUGH: u8 = 112;

/// What comes in. Append what the stream gives to [`Inbound::buffer`], then take signals from
/// [`Inbound::poll_signal`] until it gives `None`.
#[derive(Debug)]
pub struct Inbound {
    frames: FrameReader,
    signals: u64,
}

impl Inbound {
    /// The largest frame where no other limit is given: 64 MiB.
    pub const DEFAULT_MAX_FRAME: usize = 64 << 20;

    /// A link on which nothing has come yet, with a limit on the bytes of one frame.
    #[must_use]
    pub fn new(max_frame: usize) -> Self {
        Self { frames: FrameReader::new(max_frame), signals: 0 }
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
            let Frame::Message(mut bytes) = frame else { continue };
            match bytes.split_to(1).first() {
                Some(&PASS_THROUGH) => {
                    self.signals += 1;
                    return Signal::read(bytes).map(Some);
                }
                Some(&kind) => return Err(LinkError::MessageType(kind)),
                None => {}
            }
        }
        Ok(None)
    }
}

/// What goes out: bytes for the stream, in the order of the calls.
#[derive(Debug, Default)]
pub struct Outbound {
    out: Vec<u8>,
    signals: u64,
}

impl Outbound {
    /// A link on which nothing has gone yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes that wait to be taken.
    #[must_use]
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Whether no bytes wait.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// Signals that have gone so far.
    #[must_use]
    pub fn signals(&self) -> u64 {
        self.signals
    }

    /// Sends a control message; `write_payload` writes the term that it carries, if it has one,
    /// without a version byte.
    ///
    /// # Errors
    /// What `write_payload` says. Nothing has gone then, as for [`Control::Unknown`], which has no
    /// form.
    pub fn send<E>(
        &mut self,
        control: &Control,
        write_payload: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        if matches!(control, Control::Unknown(_)) {
            return Ok(());
        }
        write_frame(&mut self.out, |out| {
            out.push(PASS_THROUGH);
            write_signal(out, control, write_payload)
        })?;
        self.signals += 1;
        Ok(())
    }

    /// Sends a tick.
    pub fn send_tick(&mut self) {
        self.out.extend_from_slice(&[0; 4]);
    }

    /// Exchanges the bytes that wait for an empty buffer, whose memory is used again.
    pub fn take(&mut self, spare: Vec<u8>) -> Vec<u8> {
        debug_assert!(spare.is_empty());
        std::mem::replace(&mut self.out, spare)
    }
}
