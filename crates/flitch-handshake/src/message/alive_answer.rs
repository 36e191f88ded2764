//! The initiator's answer to the status `alive`.

use bytes::{BufMut, Bytes};

use super::MessageError;
use super::frame::{Fields, encode};

/// Tag `s`, then `true` (go on: the old connection is broken) or `false` (this attempt was a
/// mistake). (`erl_dist_protocol`, "send_status/recv_status", step 3B.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AliveAnswer(pub(crate) bool);

impl AliveAnswer {
    const NAME: &'static str = "answer to alive";

    pub(crate) fn decode(body: &[u8]) -> Result<Self, MessageError> {
        match Fields::after_tag(Self::NAME, b's', body)?.remainder() {
            b"true" => Ok(Self(true)),
            b"false" => Ok(Self(false)),
            other => Err(MessageError::unknown_status(other)),
        }
    }

    pub(crate) fn encode(self) -> Bytes {
        encode(b's', |body| body.put_slice(if self.0 { b"true" } else { b"false" }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_answers_are_read_as_they_are_written_and_no_third() {
        assert_eq!(AliveAnswer(true).encode(), b"\0\x05strue".as_slice());
        assert_eq!(AliveAnswer(false).encode(), b"\0\x06sfalse".as_slice());
        assert_eq!(AliveAnswer::decode(b"strue"), Ok(AliveAnswer(true)));
        assert_eq!(AliveAnswer::decode(b"sfalse"), Ok(AliveAnswer(false)));
        assert!(AliveAnswer::decode(b"sok").is_err());
        assert!(AliveAnswer::decode(b"r").is_err());
    }
}
