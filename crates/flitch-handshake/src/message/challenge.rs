//! `send_challenge`: who the acceptor is, and the number that the initiator has to answer.

use bytes::{BufMut, Bytes};
use flitch_name::{Creation, NodeName};

use super::MessageError;
use super::frame::{Fields, encode, put_name};
use crate::Flags;

/// Tag `N` since OTP 23. Towards an initiator of version 5 without `HANDSHAKE_23` it is written in
/// the old form, tag `n`; nobody who has read our `N` answers in it, so it is never read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Challenge {
    pub(crate) flags: Flags,
    pub(crate) challenge: u32,
    pub(crate) creation: Creation,
    pub(crate) name: NodeName,
}

impl Challenge {
    const NAME: &'static str = "challenge";
    const OLD_VERSION: u16 = 5;

    /// Bytes behind the name are let pass, as the protocol demands.
    pub(crate) fn decode(body: &[u8]) -> Result<Self, MessageError> {
        let mut fields = Fields::after_tag(Self::NAME, b'N', body)?;
        let flags = Flags::from_bits(fields.u64("flags")?);
        let challenge = fields.u32("number")?;
        let creation = Creation::new(fields.u32("creation")?);
        let text = fields.name()?;
        Ok(Self { flags, challenge, creation, name: fields.node(text)? })
    }

    pub(crate) fn encode(&self) -> Bytes {
        encode(b'N', |body| {
            body.put_u64(self.flags.bits());
            body.put_u32(self.challenge);
            body.put_u32(self.creation.value());
            put_name(body, self.name.as_str());
        })
    }

    /// The old form: no creation, half of the flags.
    pub(crate) fn encode_old(&self) -> Bytes {
        encode(b'n', |body| {
            body.put_u16(Self::OLD_VERSION);
            body.put_slice((self.flags & Flags::LOW).bits().to_be_bytes().split_at(4).1);
            body.put_u32(self.challenge);
            body.put_slice(self.name.as_str().as_bytes());
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = b"N\0\0\0\x04\0\0\0\x01\x01\x02\x03\x04\0\0\0\x09\0\x05b@h.x";

    fn message() -> Challenge {
        Challenge {
            flags: Flags::V4_NC | Flags::PUBLISHED,
            challenge: 0x0102_0304,
            creation: Creation::new(9),
            name: "b@h.x".parse().unwrap(),
        }
    }

    #[test]
    fn it_is_read_as_it_is_written_and_bytes_behind_the_name_are_let_pass() {
        assert_eq!(message().encode().get(2..), Some(BODY));
        assert_eq!(Challenge::decode(BODY), Ok(message()));
        assert_eq!(Challenge::decode(&[BODY, b"later"].concat()), Ok(message()));
    }

    #[test]
    fn a_challenge_cut_anywhere_is_refused() {
        for len in 0..BODY.len() {
            assert!(Challenge::decode(&BODY[..len]).is_err(), "{len}");
        }
    }

    #[test]
    fn an_old_node_gets_the_low_flags_and_no_creation() {
        let frame = message().encode_old();
        assert_eq!(frame, b"\0\x10n\0\x05\0\0\0\x01\x01\x02\x03\x04b@h.x".as_slice());
        assert!(Challenge::decode(&frame[2..]).is_err());
    }
}
