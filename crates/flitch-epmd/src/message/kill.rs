//! KILL_REQ (107) ends EPMD; the answer is two letters.
//!
//! `erl_dist_protocol`, "Kill EPMD".

use super::read::Reader;
use super::{MessageError, Tag};

/// Asks EPMD to end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KillRequest;

impl KillRequest {
    /// The request's bytes, without the length field.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        vec![Tag::KILL_REQ.0]
    }

    /// Reads the bytes that the length field announced.
    ///
    /// # Errors
    /// Bytes follow the tag.
    pub fn decode(body: &[u8]) -> Result<Self, MessageError> {
        let mut reader = Reader::new(body);
        reader.tag(Tag::KILL_REQ, "KILL_REQ")?;
        reader.finish("KILL_REQ")?;
        Ok(Self)
    }
}

/// Whether EPMD ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KillResponse {
    /// It does.
    Ok,
    /// It does not: nodes are registered, or nobody may end it this way.
    No,
}

impl KillResponse {
    /// The answer's bytes.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        match self {
            Self::Ok => b"OK".to_vec(),
            Self::No => b"NO".to_vec(),
        }
    }

    /// Reads an answer.
    ///
    /// # Errors
    /// Short, or neither of the two texts.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        let mut reader = Reader::new(bytes);
        let answer = match reader.bytes(2, "OKString")? {
            b"OK" => Self::Ok,
            b"NO" => Self::No,
            other => {
                let found = String::from_utf8_lossy(other).into_owned();
                return Err(MessageError::Text { message: "KILL_RESP", found });
            }
        };
        reader.finish("KILL_RESP")?;
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_answers_survive_the_wire() {
        for answer in [KillResponse::Ok, KillResponse::No] {
            assert_eq!(KillResponse::decode(&answer.encode()), Ok(answer));
        }
    }

    #[test]
    fn an_answer_that_is_neither_is_refused() {
        assert!(KillResponse::decode(b"O").unwrap_err().is_short());
        assert!(KillResponse::decode(b"XX").unwrap_err().to_string().contains("XX"));
        assert!(KillResponse::decode(b"OK!").is_err());
    }

    #[test]
    fn a_request_with_bytes_after_it_kills_nothing() {
        assert_eq!(KillRequest::decode(&KillRequest.encode()), Ok(KillRequest));
        assert!(KillRequest::decode(b"kk").is_err());
    }
}
