//! Frames: where one message ends and the next begins, and how fields are cut out of one.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use flitch_name::NodeName;

use super::MessageError;

/// The longest frame that is taken before the peer has proved anything. The longest message, a
/// challenge with a name of 255 bytes, has 274; what lies behind the name has to be let pass.
pub(crate) const MAX_FRAME: usize = 4096;

/// Bytes that arrived and were not used yet. Holds one frame at most, plus what came in the same
/// read, since the machine takes frames out before it adds more.
#[derive(Default)]
pub(crate) struct Inbox(BytesMut);

impl Inbox {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The body of the next frame, once all of it is here.
    ///
    /// The length is judged as soon as it is known, so that a peer that announces too much is
    /// not waited for.
    pub(crate) fn next_frame(&mut self) -> Result<Option<Bytes>, MessageError> {
        let Some(header) = self.0.first_chunk::<2>() else { return Ok(None) };
        let len = usize::from(u16::from_be_bytes(*header));
        if len == 0 {
            return Err(MessageError::Empty);
        }
        if len > MAX_FRAME {
            return Err(MessageError::FrameTooLong { len, max: MAX_FRAME });
        }
        if self.0.len() < 2 + len {
            return Ok(None);
        }
        self.0.advance(2);
        Ok(Some(self.0.split_to(len).freeze()))
    }

    /// All that is left: it belongs to the link.
    pub(crate) fn take(&mut self) -> Bytes {
        self.0.split().freeze()
    }
}

/// A frame with this tag and what `fields` appends. Our messages are far shorter than 64 kB: the
/// only field of variable length is a node name, of at most 255 bytes.
pub(super) fn encode(tag: u8, fields: impl FnOnce(&mut BytesMut)) -> Bytes {
    let mut body = BytesMut::with_capacity(64);
    body.put_u8(tag);
    fields(&mut body);
    let mut frame = BytesMut::with_capacity(2 + body.len());
    frame.put_u16(u16::try_from(body.len()).unwrap_or(u16::MAX));
    frame.put(body);
    frame.freeze()
}

/// A name with its length in 16 bits before it.
pub(super) fn put_name(body: &mut BytesMut, name: &str) {
    body.put_u16(u16::try_from(name.len()).unwrap_or(u16::MAX));
    body.put_slice(name.as_bytes());
}

/// Reads the fields of one message; a short read says which field was short.
pub(super) struct Fields<'a> {
    message: &'static str,
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// The fields behind `tag`, or an error if the frame has another one.
    pub(super) fn after_tag(
        message: &'static str,
        tag: u8,
        body: &'a [u8],
    ) -> Result<Self, MessageError> {
        match body.split_first() {
            None => Err(MessageError::Empty),
            Some((found, rest)) if *found == tag => Ok(Self { message, rest }),
            Some((found, _)) => Err(MessageError::Tag { expected: message, found: *found }),
        }
    }

    pub(super) fn u16(&mut self, field: &'static str) -> Result<u16, MessageError> {
        self.array(field).map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self, field: &'static str) -> Result<u32, MessageError> {
        self.array(field).map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self, field: &'static str) -> Result<u64, MessageError> {
        self.array(field).map(u64::from_be_bytes)
    }

    pub(super) fn array<const N: usize>(
        &mut self,
        field: &'static str,
    ) -> Result<[u8; N], MessageError> {
        let (found, rest) = self.rest.split_first_chunk().ok_or_else(|| self.short(field))?;
        self.rest = rest;
        Ok(*found)
    }

    /// A text with its length in 16 bits before it.
    pub(super) fn name(&mut self) -> Result<&'a str, MessageError> {
        let len = usize::from(self.u16("name length")?);
        let (name, rest) = self.rest.split_at_checked(len).ok_or_else(|| self.short("name"))?;
        self.rest = rest;
        self.ascii(name)
    }

    /// A text that takes the rest of the frame.
    pub(super) fn name_to_end(&mut self) -> Result<&'a str, MessageError> {
        let name = self.remainder();
        self.ascii(name)
    }

    /// The rest of the frame.
    pub(super) fn remainder(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    /// Whether `prefix` is next; if so it is passed.
    pub(super) fn skip(&mut self, prefix: &[u8]) -> bool {
        let after = self.rest.strip_prefix(prefix);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    pub(super) fn node(&self, name: &str) -> Result<NodeName, MessageError> {
        name.parse().map_err(|problem| MessageError::Name { message: self.message, problem })
    }

    /// A host without a node name: judged as the second half of one.
    pub(super) fn host(&self, host: &str) -> Result<(), MessageError> {
        self.node(&format!("x@{host}")).map(|_| ())
    }

    /// Ends a message that has no room for more.
    pub(super) fn end(self) -> Result<(), MessageError> {
        match self.rest.len() {
            0 => Ok(()),
            extra => Err(MessageError::Long { message: self.message, extra }),
        }
    }

    fn ascii(&self, name: &'a [u8]) -> Result<&'a str, MessageError> {
        match std::str::from_utf8(name) {
            Ok(text) if text.is_ascii() => Ok(text),
            _ => Err(MessageError::NameNotAscii { message: self.message }),
        }
    }

    fn short(&self, field: &'static str) -> MessageError {
        MessageError::Short { message: self.message, field }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_complete_only_with_its_last_byte() {
        let mut inbox = Inbox::default();
        for byte in [0, 3, b's', b'o'] {
            inbox.push(&[byte]);
            assert_eq!(inbox.next_frame(), Ok(None));
        }
        inbox.push(b"k\0\x01");
        assert_eq!(inbox.next_frame(), Ok(Some(Bytes::from_static(b"sok"))));
        assert_eq!(inbox.next_frame(), Ok(None));
        assert_eq!(inbox.take(), Bytes::from_static(b"\0\x01"));
    }

    #[test]
    fn a_length_that_no_message_has_is_refused_before_its_bytes_are_awaited() {
        let first = |header: [u8; 2]| {
            let mut inbox = Inbox::default();
            inbox.push(&header);
            inbox.next_frame()
        };
        assert_eq!(first([0, 0]), Err(MessageError::Empty));
        assert_eq!(
            first([0xff, 0xff]),
            Err(MessageError::FrameTooLong { len: 65_535, max: MAX_FRAME })
        );
        assert_eq!(first([0x10, 0x00]), Ok(None));
        assert!(first([0x10, 0x01]).is_err());
    }

    #[test]
    fn a_short_read_names_its_message_and_field() {
        let mut fields = Fields::after_tag("challenge", b'N', b"N\0\0\0").unwrap();
        let error = fields.u64("flags").unwrap_err();
        assert_eq!(error.to_string(), "a challenge that ends inside its flags");
        assert!(Fields::after_tag("challenge", b'N', b"").is_err());
    }
}
