//! A cursor over a message: each step names the field that it reads.

use super::{MessageError, Tag};

pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Reads the first byte, which says which message it is.
    pub(super) fn tag(&mut self, tag: Tag, expected: &'static str) -> Result<(), MessageError> {
        match self.u8("tag")? {
            found if found == tag.0 => Ok(()),
            found => Err(MessageError::Tag { expected, found }),
        }
    }

    pub(super) fn u8(&mut self, field: &'static str) -> Result<u8, MessageError> {
        self.array::<1>(field).map(u8::from_be_bytes)
    }

    pub(super) fn u16(&mut self, field: &'static str) -> Result<u16, MessageError> {
        self.array(field).map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self, field: &'static str) -> Result<u32, MessageError> {
        self.array(field).map(u32::from_be_bytes)
    }

    pub(super) fn bytes(
        &mut self,
        needed: usize,
        field: &'static str,
    ) -> Result<&'a [u8], MessageError> {
        let left = self.rest.len();
        let (taken, rest) = self.rest.split_at_checked(needed).ok_or(MessageError::Short {
            field,
            needed,
            left,
        })?;
        self.rest = rest;
        Ok(taken)
    }

    /// Everything that is left.
    pub(super) const fn rest(self) -> &'a [u8] {
        self.rest
    }

    /// Whether exactly these bytes are left.
    pub(super) fn rest_is(&self, bytes: &[u8]) -> bool {
        self.rest == bytes
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The message is complete: nothing may follow.
    pub(super) const fn finish(self, message: &'static str) -> Result<(), MessageError> {
        match self.rest.len() {
            0 => Ok(()),
            extra => Err(MessageError::Trailing { message, extra }),
        }
    }

    fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], MessageError> {
        let left = self.rest.len();
        let (taken, rest) =
            self.rest.split_first_chunk().ok_or(MessageError::Short { field, needed: N, left })?;
        self.rest = rest;
        Ok(*taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_read_names_the_field_and_takes_nothing() {
        let mut reader = Reader::new(&[1, 2, 3]);
        let short = MessageError::Short { field: "Creation", needed: 4, left: 3 };
        assert_eq!(reader.u32("Creation"), Err(short));
        assert_eq!(reader.u16("PortNo"), Ok(0x0102));
        assert_eq!(
            reader.bytes(usize::MAX, "NodeName"),
            Err(MessageError::Short { field: "NodeName", needed: usize::MAX, left: 1 })
        );
        assert_eq!(reader.finish("X"), Err(MessageError::Trailing { message: "X", extra: 1 }));
    }
}
