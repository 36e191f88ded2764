//! Frames: a 32-bit length and so many bytes; a length of zero is a tick.
//!
//! Source: `erl_dist_protocol`, "Protocol between Connected Nodes".

use bytes::{Buf, Bytes, BytesMut};

use crate::LinkError;

/// What a peer sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// "I am here."
    Tick,
    /// A message, without its length.
    Message(Bytes),
}

/// Cuts a stream of bytes into frames. A message is a slice of the buffer it was read into.
///
/// Bytes go in through [`FrameReader::buffer`]; frames come out of [`FrameReader::poll_frame`]
/// until it gives `None`.
#[derive(Debug)]
pub struct FrameReader {
    buffer: BytesMut,
    max: usize,
    /// How much is read at once: what the stream has given lately, and somewhat more.
    chunk: usize,
    /// What the buffer held, and could take, when it was given out.
    offered: Option<(usize, usize)>,
}

impl FrameReader {
    /// A chunk for a peer that says little.
    const LEAST: usize = 4 * 1024;
    /// A chunk for one that always has more.
    const MOST: usize = 128 * 1024;
    /// How much of an announced frame is reserved ahead of its bytes.
    const AHEAD: usize = 1024 * 1024;

    /// Refuses frames of more than `max` bytes.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self { buffer: BytesMut::new(), max, chunk: Self::LEAST, offered: None }
    }

    /// Where the next bytes of the stream are to be appended. There is room for some.
    ///
    /// Memory is taken as bytes arrive: a peer that announces a large frame and sends nothing
    /// costs at most a megabyte, and one that has fallen silent a few kilobytes.
    pub fn buffer(&mut self) -> &mut BytesMut {
        self.learn();
        if self.buffer.is_empty() && self.buffer.capacity() > 4 * self.chunk {
            self.buffer = BytesMut::new();
        }
        let missing = self.announced().unwrap_or_default().saturating_sub(self.buffer.len());
        self.buffer.reserve(missing.clamp(self.chunk / 4, Self::AHEAD).max(self.spare()));
        self.offered = Some((self.buffer.len(), self.buffer.capacity()));
        &mut self.buffer
    }

    /// Takes the measure of the next chunk by what has come.
    fn learn(&mut self) {
        let Some((held, capacity)) = self.offered.take() else { return };
        let came = self.buffer.len().saturating_sub(held);
        if self.buffer.len() >= capacity {
            self.chunk = (self.chunk * 4).min(Self::MOST);
        } else if came < self.chunk / 4 {
            self.chunk = (self.chunk / 2).max(Self::LEAST);
        }
    }

    /// How many bytes to read at most.
    pub(crate) fn wanted(&self) -> usize {
        match self.announced() {
            Some(whole) if whole > Self::MOST => whole.saturating_sub(self.buffer.len()).max(1),
            _ => usize::MAX,
        }
    }

    /// Refills in whole chunks, so that most reads find room without an allocation.
    fn spare(&self) -> usize {
        let free = self.buffer.capacity() - self.buffer.len();
        if free < self.chunk / 4 { self.chunk } else { 0 }
    }

    /// The bytes of the first frame with its length, if that has arrived.
    fn announced(&self) -> Option<usize> {
        let length = u32::from_be_bytes(*self.buffer.first_chunk::<4>()?);
        (length as usize).checked_add(4)
    }

    /// The next whole frame.
    ///
    /// # Errors
    /// The peer announced a frame over the limit: the link cannot go on.
    pub fn poll_frame(&mut self) -> Result<Option<Frame>, LinkError> {
        self.learn();
        let Some(whole) = self.announced() else { return Ok(None) };
        if whole - 4 > self.max {
            return Err(LinkError::FrameTooLarge { length: whole - 4, max: self.max });
        }
        if self.buffer.len() < whole {
            return Ok(None);
        }
        let mut frame = self.buffer.split_to(whole);
        frame.advance(4);
        Ok(Some(if frame.is_empty() { Frame::Tick } else { Frame::Message(frame.freeze()) }))
    }
}

/// Writes a frame whose length is known only when its bytes are there. If `write` fails, nothing
/// is left of the frame.
pub(crate) fn write_frame<E>(
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<usize, E> {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    if let Err(error) = write(out) {
        out.truncate(start);
        return Err(error);
    }
    let length = out.len() - start - 4;
    if let Some(field) = out.get_mut(start..start + 4) {
        field.copy_from_slice(&(length as u32).to_be_bytes());
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frames(reader: &mut FrameReader) -> Vec<Frame> {
        std::iter::from_fn(|| reader.poll_frame().unwrap()).collect()
    }

    #[test]
    fn a_frame_of_four_gigabytes_is_refused_before_memory_is_taken() {
        let mut reader = FrameReader::new(1000);
        reader.buffer().extend_from_slice(&[0xff; 4]);
        let error = reader.poll_frame().unwrap_err();
        assert_eq!(error, LinkError::FrameTooLarge { length: u32::MAX as usize, max: 1000 });
        assert!(reader.buffer().capacity() < 3 << 20);
    }

    #[test]
    fn an_announced_frame_costs_no_memory_before_it_comes() {
        let mut reader = FrameReader::new(64 << 20);
        reader.buffer().extend_from_slice(&(64u32 << 20).to_be_bytes());
        assert_eq!(reader.poll_frame(), Ok(None));
        assert!(reader.buffer().capacity() < 2 << 20);
    }

    #[test]
    fn a_peer_that_has_said_much_and_falls_silent_costs_little_again() {
        let mut reader = FrameReader::new(1 << 20);
        let mut stream = Vec::new();
        write_frame(&mut stream, |out| {
            out.resize(out.len() + 1_000_000, 1);
            Ok::<_, ()>(())
        })
        .unwrap();
        let mut rest = &stream[..];
        let mut reads = 0;
        while !rest.is_empty() {
            let buffer = reader.buffer();
            let (now, later) = rest.split_at(rest.len().min(buffer.capacity() - buffer.len()));
            buffer.extend_from_slice(now);
            rest = later;
            reads += 1;
            let _ = frames(&mut reader);
        }
        assert!(reads < 30, "{reads} reads of one megabyte");
        for _ in 0..10 {
            reader.buffer().extend_from_slice(&[0; 4]);
            assert_eq!(frames(&mut reader), [Frame::Tick]);
        }
        assert!(reader.buffer().capacity() <= 16 * 1024, "{}", reader.buffer.capacity());
    }

    proptest! {
        #[test]
        fn frames_come_out_whole_however_the_stream_is_cut(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..10),
            cut in 1usize..50,
        ) {
            let mut stream = Vec::new();
            for message in &messages {
                write_frame(&mut stream, |out| {
                    out.extend_from_slice(message);
                    Ok::<_, ()>(())
                }).unwrap();
            }
            let mut reader = FrameReader::new(1000);
            let mut seen = Vec::new();
            for part in stream.chunks(cut) {
                reader.buffer().extend_from_slice(part);
                seen.extend(frames(&mut reader));
            }
            let expected: Vec<_> = messages.into_iter().map(|message| match message.len() {
                0 => Frame::Tick,
                _ => Frame::Message(message.into()),
            }).collect();
            prop_assert_eq!(seen, expected);
        }
    }
}
