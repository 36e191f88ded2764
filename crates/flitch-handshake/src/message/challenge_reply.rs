//! `send_challenge_reply`: the initiator's proof, and its own number for the acceptor to answer.

use bytes::{BufMut, Bytes};

use super::MessageError;
use super::frame::{Fields, encode};
use crate::Digest;

/// Tag `r`, a challenge, a digest. (`erl_dist_protocol`, "The challenge_reply message".)
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChallengeReply {
    pub(crate) challenge: u32,
    pub(crate) digest: Digest,
}

impl ChallengeReply {
    const NAME: &'static str = "challenge_reply";

    pub(crate) fn decode(body: &[u8]) -> Result<Self, MessageError> {
        let mut fields = Fields::after_tag(Self::NAME, b'r', body)?;
        let challenge = fields.u32("challenge")?;
        let digest = Digest::from_wire(fields.array("digest")?);
        fields.end()?;
        Ok(Self { challenge, digest })
    }

    pub(crate) fn encode(&self) -> Bytes {
        encode(b'r', |body| {
            body.put_u32(self.challenge);
            body.put_slice(self.digest.as_wire());
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_it_is_written_and_any_other_length_is_refused() {
        let message = ChallengeReply { challenge: 7, digest: Digest::from_wire([9; 16]) };
        let frame = message.encode();
        let body = frame.get(2..).unwrap();
        let read = ChallengeReply::decode(body).unwrap();
        assert_eq!(read.challenge, 7);
        assert!(read.digest.matches(&message.digest));
        for len in 0..body.len() {
            assert!(ChallengeReply::decode(&body[..len]).is_err(), "{len}");
        }
        assert!(ChallengeReply::decode(&[body, b"x"].concat()).is_err());
    }
}
