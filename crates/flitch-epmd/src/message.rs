//! EPMD's messages: a request and its answer per file, the same verbs in each.
//!
//! A request travels as a two-byte length and that many bytes, the first of which is its tag;
//! `encode` and `decode` deal in those bytes, [`frame`] puts the length before them. An answer has
//! no length: it ends where its fields end, or where EPMD closes the connection.
//! (`erl_dist_protocol`, section "EPMD Protocol".)
//!
//! Decoding is strict. It is tolerant only where real peers are: a name followed by one NUL in
//! questions of old C nodes, 16-bit creations, and answers of old daemons that end early.

pub mod alive2;
pub mod dump;
pub mod kill;
pub mod name;
pub mod names;
pub mod node;
pub mod port_please2;
mod read;
pub mod stop;

pub use alive2::{Alive2Request, Alive2Response};
pub use dump::{DumpEntry, DumpRequest, DumpState};
pub use kill::{KillRequest, KillResponse};
pub use name::{WireName, WireNameError};
pub use names::{NamedPort, NamesRequest, NamesResponse};
pub use node::{DistVersions, Endpoint, Extra, NodeType, Protocol};
pub use port_please2::{Port2Response, PortPlease2Request};
pub use stop::{StopRequest, StopResponse};

/// The longest request that is read, without its length field: what the stock daemon's buffer
/// takes. An ALIVE2_REQ with everything at its longest has 2053 bytes.
pub const MAX_REQUEST: usize = 3057;

/// The first byte of a message. `epmd.h` of the stock daemon has the same letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag(pub u8);

impl Tag {
    /// Register a node: `x`.
    pub const ALIVE2_REQ: Self = Self(120);
    /// Answer to it with a 16-bit creation: `y`.
    pub const ALIVE2_RESP: Self = Self(121);
    /// Answer to it with a 32-bit creation: `v`.
    pub const ALIVE2_X_RESP: Self = Self(118);
    /// Ask for a node's port: `z`.
    pub const PORT_PLEASE2_REQ: Self = Self(122);
    /// Answer to it: `w`.
    pub const PORT2_RESP: Self = Self(119);
    /// List the names: `n`.
    pub const NAMES_REQ: Self = Self(110);
    /// List everything: `d`.
    pub const DUMP_REQ: Self = Self(100);
    /// End the daemon: `k`.
    pub const KILL_REQ: Self = Self(107);
    /// Unregister somebody else: `s`.
    pub const STOP_REQ: Self = Self(115);
}

/// A request, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Register a node.
    Alive2(Alive2Request),
    /// Ask for a node's port.
    PortPlease2(PortPlease2Request),
    /// List the names.
    Names(NamesRequest),
    /// List everything.
    Dump(DumpRequest),
    /// End the daemon.
    Kill(KillRequest),
    /// Unregister somebody else.
    Stop(StopRequest),
}

impl Request {
    /// Reads a request from the bytes that its length field announced.
    ///
    /// # Errors
    /// Says which field is wrong, and how.
    pub fn decode(body: &[u8]) -> Result<Self, MessageError> {
        let tag = Tag(read::Reader::new(body).u8("tag")?);
        match tag {
            Tag::ALIVE2_REQ => Alive2Request::decode(body).map(Self::Alive2),
            Tag::PORT_PLEASE2_REQ => PortPlease2Request::decode(body).map(Self::PortPlease2),
            Tag::NAMES_REQ => NamesRequest::decode(body).map(Self::Names),
            Tag::DUMP_REQ => DumpRequest::decode(body).map(Self::Dump),
            Tag::KILL_REQ => KillRequest::decode(body).map(Self::Kill),
            Tag::STOP_REQ => StopRequest::decode(body).map(Self::Stop),
            Tag(found) => Err(MessageError::UnknownRequest { found }),
        }
    }

    /// The request's bytes, without the length field.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Alive2(request) => request.encode(),
            Self::PortPlease2(request) => request.encode(),
            Self::Names(request) => request.encode(),
            Self::Dump(request) => request.encode(),
            Self::Kill(request) => request.encode(),
            Self::Stop(request) => request.encode(),
        }
    }
}

/// Puts the two-byte length before an encoded request.
#[must_use]
pub fn frame(body: &[u8]) -> Vec<u8> {
    // The types of this module cannot encode to more than 2053 bytes.
    let len = u16::try_from(body.len()).unwrap_or(u16::MAX);
    let mut out = Vec::with_capacity(body.len() + 2);
    out.extend_from_slice(&len.to_be_bytes());
    out.extend(body.iter().take(usize::from(len)));
    out
}

/// What is wrong with a message's bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// The bytes end inside a field; on a stream that is still open, more may follow.
    #[error("{field} is short: it needs {needed} bytes and {left} are there")]
    Short {
        /// The field, as the protocol's documentation calls it.
        field: &'static str,
        /// Bytes that the field needs.
        needed: usize,
        /// Bytes that are left for it.
        left: usize,
    },
    /// Bytes follow a message that is complete.
    #[error("{message} is followed by {extra} bytes that do not belong to it")]
    Trailing {
        /// The message, as the protocol's documentation calls it.
        message: &'static str,
        /// How many.
        extra: usize,
    },
    /// Another message than the one expected.
    #[error("expected {expected} and got a message that begins with byte {found}")]
    Tag {
        /// The message, as the protocol's documentation calls it.
        expected: &'static str,
        /// Its first byte.
        found: u8,
    },
    /// No request begins with this byte.
    #[error("no request begins with byte {found}")]
    UnknownRequest {
        /// The first byte.
        found: u8,
    },
    /// A name that EPMD does not take.
    #[error("NodeName: {0}")]
    Name(#[from] WireNameError),
    /// More extra bytes than EPMD takes.
    #[error("Extra is {len} bytes long: at most {max} are possible", max = Extra::MAX_LEN)]
    ExtraTooLong {
        /// Bytes given.
        len: usize,
    },
    /// An answer of fixed text is another text.
    #[error("{message} is {found:?}, which is none of its texts")]
    Text {
        /// The message, as the protocol's documentation calls it.
        message: &'static str,
        /// What came, as far as it matters.
        found: String,
    },
    /// An answer that does not end.
    #[error("the answer is longer than {limit} bytes")]
    TooLong {
        /// The reader's limit, in bytes.
        limit: usize,
    },
}

impl MessageError {
    /// Whether more bytes could make the message whole.
    #[must_use]
    pub const fn is_short(&self) -> bool {
        matches!(self, Self::Short { .. })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_decode_or_fail_but_never_panic_and_what_decodes_encodes_back(
            tag in prop::sample::select(vec![120u8, 122, 110, 100, 107, 115, 0, 255]),
            rest in prop::collection::vec(any::<u8>(), 0..64),
        ) {
            let body: Vec<u8> = std::iter::once(tag).chain(rest).collect();
            if let Ok(request) = Request::decode(&body) {
                let again = request.encode();
                prop_assert_eq!(Request::decode(&again).unwrap(), request);
            }
            let _ = Alive2Response::decode(&body);
            let _ = Port2Response::decode(&body);
            let _ = Port2Response::decode_ended(&body);
            let _ = NamesResponse::decode(&body);
            let _ = KillResponse::decode(&body);
            let _ = StopResponse::decode(&body);
        }
    }

    #[test]
    fn an_empty_request_says_that_its_tag_is_missing() {
        let said = Request::decode(&[]).unwrap_err();
        assert_eq!(said, MessageError::Short { field: "tag", needed: 1, left: 0 });
    }

    #[test]
    fn a_letter_that_is_no_request_is_named() {
        assert_eq!(Request::decode(b"q"), Err(MessageError::UnknownRequest { found: b'q' }));
        assert_eq!(Request::decode(b"a"), Err(MessageError::UnknownRequest { found: b'a' }));
    }

    #[test]
    fn a_frame_is_a_big_endian_length_and_the_body() {
        assert_eq!(frame(b"n"), [0, 1, b'n']);
        assert_eq!(frame(&[7; 300]).get(..2), Some([1, 44].as_slice()));
    }
}
