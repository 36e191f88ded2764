//! PORT_PLEASE2_REQ (122) asks for a node's port; PORT2_RESP (119) answers.
//!
//! `erl_dist_protocol`, "Get the Distribution Port of Another Node".

use super::read::Reader;
use super::{Endpoint, Extra, MessageError, Tag, WireName};

/// Asks how to reach a node of EPMD's host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortPlease2Request {
    /// The alive name.
    pub name: WireName,
}

impl PortPlease2Request {
    /// The request's bytes, without the length field.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        [&[Tag::PORT_PLEASE2_REQ.0], self.name.as_bytes()].concat()
    }

    /// Reads the bytes that the length field announced. One NUL after the name is taken.
    ///
    /// # Errors
    /// Says what is wrong with the name.
    pub fn decode(body: &[u8]) -> Result<Self, MessageError> {
        let mut reader = Reader::new(body);
        reader.tag(Tag::PORT_PLEASE2_REQ, "PORT_PLEASE2_REQ")?;
        let name = without_nul(reader.rest());
        Ok(Self { name: WireName::from_bytes(name)? })
    }
}

/// Old C nodes end the name as C does.
pub(super) fn without_nul(name: &[u8]) -> &[u8] {
    name.strip_suffix(&[0]).unwrap_or(name)
}

/// Where the node is, or that it is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Port2Response {
    /// The node is registered.
    Found {
        /// Its name; daemons of other makes may leave it out.
        name: Option<WireName>,
        /// How to reach it.
        endpoint: Endpoint,
    },
    /// It is not.
    NotFound {
        /// Greater than 0. The stock daemon says 1.
        result: u8,
    },
}

impl Port2Response {
    /// The answer's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::NotFound { result } => vec![Tag::PORT2_RESP.0, *result],
            Self::Found { name, endpoint } => {
                let mut out = vec![Tag::PORT2_RESP.0, 0];
                endpoint.encode_fixed(&mut out);
                let len = name.as_ref().map_or(0, WireName::wire_len);
                out.extend_from_slice(&len.to_be_bytes());
                out.extend_from_slice(name.as_ref().map_or(&[], WireName::as_bytes));
                endpoint.extra.encode(&mut out);
                out
            }
        }
    }

    /// Reads an answer that is whole.
    ///
    /// # Errors
    /// Says which field is wrong; see [`MessageError::is_short`] while the stream is open.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        let mut reader = Reader::new(bytes);
        let (mut endpoint, name) = match Self::decode_head(&mut reader)? {
            Head::NotFound(result) => {
                reader.finish("PORT2_RESP")?;
                return Ok(Self::NotFound { result });
            }
            Head::Found(endpoint) => (endpoint, Self::decode_name(&mut reader)?),
        };
        endpoint.extra = Extra::decode(&mut reader)?;
        reader.finish("PORT2_RESP")?;
        Ok(Self::Found { name, endpoint })
    }

    /// Reads an answer after which EPMD has closed the connection. It may end after
    /// LowestVersion or after the name: no BEAM reads further (`erl_epmd:wait_for_port_reply_cont2`).
    ///
    /// # Errors
    /// Says which field is wrong.
    pub fn decode_ended(bytes: &[u8]) -> Result<Self, MessageError> {
        let mut reader = Reader::new(bytes);
        match Self::decode_head(&mut reader)? {
            Head::Found(endpoint) if reader.is_empty() => Ok(Self::Found { name: None, endpoint }),
            Head::Found(endpoint) => {
                let name = Self::decode_name(&mut reader)?;
                if reader.is_empty() {
                    return Ok(Self::Found { name, endpoint });
                }
                Self::decode(bytes)
            }
            Head::NotFound(_) => Self::decode(bytes),
        }
    }

    fn decode_head(reader: &mut Reader<'_>) -> Result<Head, MessageError> {
        reader.tag(Tag::PORT2_RESP, "PORT2_RESP")?;
        match reader.u8("Result")? {
            0 => Endpoint::decode_fixed(reader).map(Head::Found),
            result => Ok(Head::NotFound(result)),
        }
    }

    fn decode_name(reader: &mut Reader<'_>) -> Result<Option<WireName>, MessageError> {
        match usize::from(reader.u16("Nlen")?) {
            0 => Ok(None),
            len => Ok(Some(WireName::from_bytes(reader.bytes(len, "NodeName")?)?)),
        }
    }
}

enum Head {
    Found(Endpoint),
    NotFound(u8),
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::message::{DistVersions, NodeType, Protocol, WireNameError};

    /// What the stock daemon of OTP 25 answers for a node `worker` on port 43210.
    const STOCK: &[u8] = b"w\0\xa8\xcaM\0\0\x06\0\x06\0\x06worker\0\0";

    fn worker() -> Port2Response {
        let name = Some("worker".parse().unwrap());
        Port2Response::Found { name, endpoint: Endpoint::normal(43210) }
    }

    #[test]
    fn the_answer_is_the_one_that_the_stock_daemon_gives() {
        assert_eq!(worker().encode(), STOCK);
        assert_eq!(Port2Response::decode(STOCK), Ok(worker()));
        assert_eq!(Port2Response::NotFound { result: 1 }.encode(), [119, 1]);
        assert_eq!(Port2Response::decode(&[119, 7]), Ok(Port2Response::NotFound { result: 7 }));
    }

    #[test]
    fn every_truncated_answer_is_short_while_the_stream_is_open() {
        for len in 0..STOCK.len() {
            let said = Port2Response::decode(STOCK.get(..len).unwrap());
            assert!(said.as_ref().is_err_and(MessageError::is_short), "{len}: {said:?}");
        }
    }

    #[test]
    fn an_old_answer_may_end_after_the_versions_or_the_name_but_not_inside_a_field() {
        for len in 0..STOCK.len() {
            let said = Port2Response::decode_ended(STOCK.get(..len).unwrap());
            match (len, said) {
                (10, Ok(Port2Response::Found { name: None, endpoint })) => {
                    assert_eq!(endpoint, Endpoint::normal(43210));
                }
                (18, said) => assert_eq!(said, Ok(worker())),
                (_, said) => assert!(said.unwrap_err().is_short(), "{len}"),
            }
        }
        assert_eq!(Port2Response::decode_ended(STOCK), Ok(worker()));
    }

    #[test]
    fn bytes_after_an_answer_are_not_swallowed() {
        let mut long = STOCK.to_vec();
        long.push(0);
        let trailing = Err(MessageError::Trailing { message: "PORT2_RESP", extra: 1 });
        assert_eq!(Port2Response::decode(&long), trailing);
        assert_eq!(Port2Response::decode_ended(&long), trailing);
        assert_eq!(Port2Response::decode(&[119, 1, 0]), trailing);
    }

    #[test]
    fn a_hostile_length_in_an_answer_is_refused() {
        let mut nlen = STOCK.to_vec();
        nlen.splice(10..12, [0xff, 0xff]);
        assert!(Port2Response::decode(&nlen).unwrap_err().is_short());
        let mut long = STOCK.get(..18).unwrap().to_vec();
        long.extend_from_slice(&[0xff, 0xff]);
        long.extend_from_slice(&[0; 0xffff]);
        let refused = MessageError::ExtraTooLong { len: 0xffff };
        assert_eq!(Port2Response::decode(&long), Err(refused));
    }

    #[test]
    fn an_old_c_node_may_end_the_name_it_asks_for_with_one_nul() {
        let asked = |body: &[u8]| PortPlease2Request::decode(body);
        assert_eq!(asked(b"zworker").unwrap().name.as_str(), "worker");
        assert_eq!(asked(b"zworker\0").unwrap().name.as_str(), "worker");
        assert_eq!(asked(b"zworker\0\0"), Err(MessageError::Name(WireNameError::Nul)));
        assert_eq!(asked(b"z"), Err(MessageError::Name(WireNameError::Empty)));
        assert_eq!(asked(b"z\0"), Err(MessageError::Name(WireNameError::Empty)));
        assert_eq!(asked(b"za@b"), Err(MessageError::Name(WireNameError::At)));
        assert!(asked(&[b'z'; 256]).is_ok());
        assert!(asked(&[b'z'; 257]).is_err());
    }

    proptest! {
        #[test]
        fn every_question_and_answer_survives_the_wire(
            name in "[^@\\p{Cc}]{1,255}",
            port: u16, node_type: u8, protocol: u8, high: u16, low: u16,
            extra in prop::collection::vec(any::<u8>(), 0..1021),
        ) {
            let name: WireName = name.parse().unwrap();
            let question = PortPlease2Request { name: name.clone() };
            prop_assert_eq!(PortPlease2Request::decode(&question.encode()), Ok(question));
            let answer = Port2Response::Found {
                name: Some(name),
                endpoint: Endpoint {
                    port,
                    node_type: NodeType(node_type),
                    protocol: Protocol(protocol),
                    versions: DistVersions { high, low },
                    extra: Extra::try_from(extra.as_slice()).unwrap(),
                },
            };
            prop_assert_eq!(Port2Response::decode(&answer.encode()), Ok(answer));
        }
    }
}
