//! STOP_REQ (115) unregisters somebody else's name; the answer is seven letters.
//!
//! `erl_dist_protocol`, "STOP_REQ (Not Used)".

use super::port_please2::without_nul;
use super::read::Reader;
use super::{MessageError, Tag, WireName};

/// Asks EPMD to drop a registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StopRequest {
    /// The alive name.
    pub name: WireName,
}

impl StopRequest {
    /// The request's bytes, without the length field.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        [&[Tag::STOP_REQ.0], self.name.as_bytes()].concat()
    }

    /// Reads the bytes that the length field announced. One NUL after the name is taken.
    ///
    /// # Errors
    /// Says what is wrong with the name.
    pub fn decode(body: &[u8]) -> Result<Self, MessageError> {
        let mut reader = Reader::new(body);
        reader.tag(Tag::STOP_REQ, "STOP_REQ")?;
        Ok(Self { name: WireName::from_bytes(without_nul(reader.rest()))? })
    }
}

/// Whether there was something to drop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopResponse {
    /// The name is free now.
    Stopped,
    /// It was free.
    NoExist,
}

impl StopResponse {
    /// The answer's bytes.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        match self {
            Self::Stopped => b"STOPPED".to_vec(),
            Self::NoExist => b"NOEXIST".to_vec(),
        }
    }

    /// Reads an answer. The stock daemon lets `STOPPED` follow `NOEXIST`: the first text counts.
    ///
    /// # Errors
    /// Short, or neither of the two texts.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        let mut reader = Reader::new(bytes);
        let answer = match reader.bytes(7, "OKString")? {
            b"STOPPED" => Self::Stopped,
            b"NOEXIST" if reader.rest_is(b"STOPPED") => return Ok(Self::NoExist),
            b"NOEXIST" => Self::NoExist,
            other => {
                let found = String::from_utf8_lossy(other).into_owned();
                return Err(MessageError::Text { message: "STOP_RESP", found });
            }
        };
        reader.finish("STOP_RESP")?;
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_answers_survive_the_wire() {
        for answer in [StopResponse::Stopped, StopResponse::NoExist] {
            assert_eq!(StopResponse::decode(&answer.encode()), Ok(answer));
        }
    }

    #[test]
    fn the_stock_daemons_double_answer_means_that_nothing_was_there() {
        assert_eq!(StopResponse::decode(b"NOEXISTSTOPPED"), Ok(StopResponse::NoExist));
    }

    #[test]
    fn an_answer_that_is_neither_is_refused() {
        for len in 0..7 {
            assert!(StopResponse::decode(b"STOPPED".get(..len).unwrap()).unwrap_err().is_short());
        }
        assert!(StopResponse::decode(b"NOTHING").is_err());
        assert!(StopResponse::decode(b"STOPPEDx").is_err());
        assert!(StopResponse::decode(b"NOEXISTx").is_err());
    }

    #[test]
    fn a_name_survives_the_wire_with_and_without_a_nul() {
        let request = StopRequest { name: "работник".parse().unwrap() };
        assert_eq!(StopRequest::decode(&request.encode()), Ok(request.clone()));
        let with_nul = [request.encode(), vec![0]].concat();
        assert_eq!(StopRequest::decode(&with_nul), Ok(request));
        assert!(StopRequest::decode(b"s").is_err());
        assert!(StopRequest::decode(b"sa@b").is_err());
    }
}
