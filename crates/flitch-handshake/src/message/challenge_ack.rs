//! `send_challenge_ack`: the acceptor's proof, the last message.

use bytes::{BufMut, Bytes};

use super::MessageError;
use super::frame::{Fields, encode};
use crate::Digest;

/// Tag `a`, a digest. (`erl_dist_protocol`, "The challenge_ack message".)
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChallengeAck {
    pub(crate) digest: Digest,
}

impl ChallengeAck {
    const NAME: &'static str = "challenge_ack";

    pub(crate) fn decode(body: &[u8]) -> Result<Self, MessageError> {
        let mut fields = Fields::after_tag(Self::NAME, b'a', body)?;
        let digest = Digest::from_wire(fields.array("digest")?);
        fields.end()?;
        Ok(Self { digest })
    }

    pub(crate) fn encode(&self) -> Bytes {
        encode(b'a', |body| body.put_slice(self.digest.as_wire()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_it_is_written_and_any_other_length_is_refused() {
        let frame = ChallengeAck { digest: Digest::from_wire([9; 16]) }.encode();
        let body = frame.get(2..).unwrap();
        assert!(ChallengeAck::decode(body).unwrap().digest.matches(&Digest::from_wire([9; 16])));
        for len in 0..body.len() {
            assert!(ChallengeAck::decode(&body[..len]).is_err(), "{len}");
        }
        assert!(ChallengeAck::decode(&[body, b"x"].concat()).is_err());
    }
}
