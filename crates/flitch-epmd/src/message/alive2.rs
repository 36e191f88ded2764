//! ALIVE2_REQ (120) registers a node; ALIVE2_X_RESP (118) or ALIVE2_RESP (121) answers.
//!
//! `erl_dist_protocol`, "Register a Node in EPMD".

use flitch_name::Creation;

use super::read::Reader;
use super::{Endpoint, Extra, MessageError, Tag, WireName};

/// Registers a name for as long as the connection lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alive2Request {
    /// The alive name.
    pub name: WireName,
    /// How to reach the node.
    pub endpoint: Endpoint,
}

impl Alive2Request {
    /// The request's bytes, without the length field.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![Tag::ALIVE2_REQ.0];
        self.endpoint.encode_fixed(&mut out);
        out.extend_from_slice(&self.name.wire_len().to_be_bytes());
        out.extend_from_slice(self.name.as_bytes());
        self.endpoint.extra.encode(&mut out);
        out
    }

    /// Reads the bytes that the length field announced.
    ///
    /// # Errors
    /// Says which field is wrong. After a [`MessageError::Name`] or
    /// [`MessageError::ExtraTooLong`] the request is whole in form, and
    /// [`refusal`](Self::refusal) is the answer to it.
    pub fn decode(body: &[u8]) -> Result<Self, MessageError> {
        let mut reader = Reader::new(body);
        reader.tag(Tag::ALIVE2_REQ, "ALIVE2_REQ")?;
        let endpoint = Endpoint::decode_fixed(&mut reader)?;
        let len = usize::from(reader.u16("Nlen")?);
        let name = reader.bytes(len, "NodeName")?;
        let len = usize::from(reader.u16("Elen")?);
        let extra = reader.bytes(len, "Extra")?;
        reader.finish("ALIVE2_REQ")?;
        // The form came first: a name is refused with an answer only in a request that is whole.
        let name = WireName::from_bytes(name)?;
        let extra = Extra::try_from(extra)?;
        Ok(Self { name, endpoint: Endpoint { extra, ..endpoint } })
    }

    /// The answer that refuses the request in `body`, in the shape that its sender reads.
    ///
    /// `None` if not even HighestVersion can be read.
    #[must_use]
    pub fn refusal(body: &[u8]) -> Option<Alive2Response> {
        let mut reader = Reader::new(body);
        reader.tag(Tag::ALIVE2_REQ, "ALIVE2_REQ").ok()?;
        let endpoint = Endpoint::decode_fixed(&mut reader).ok()?;
        Some(Alive2Response::refusing(&endpoint))
    }
}

/// Whether the name is registered, and under which creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alive2Response {
    /// 0 if it is. The stock daemon says 1 for every other case.
    pub result: u8,
    /// Which life of the name this is; without meaning if `result` is not 0.
    pub creation: Creation,
    /// Whether the creation has 32 bits on the wire (ALIVE2_X_RESP), or 16.
    pub wide: bool,
}

impl Alive2Response {
    /// The creation in answers that refuse, as the stock daemon fills it in.
    const NO_CREATION: Creation = Creation::new(99);

    /// The name is registered.
    #[must_use]
    pub const fn accepting(endpoint: &Endpoint, creation: Creation) -> Self {
        Self { result: 0, creation, wide: endpoint.versions.has_wide_creation() }
    }

    /// The name is not registered.
    #[must_use]
    pub const fn refusing(endpoint: &Endpoint) -> Self {
        let wide = endpoint.versions.has_wide_creation();
        Self { result: 1, creation: Self::NO_CREATION, wide }
    }

    /// The answer's bytes. A narrow answer carries the low 16 bits of the creation.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let [a, b, c, d] = self.creation.value().to_be_bytes();
        if self.wide {
            vec![Tag::ALIVE2_X_RESP.0, self.result, a, b, c, d]
        } else {
            vec![Tag::ALIVE2_RESP.0, self.result, c, d]
        }
    }

    /// Reads an answer of either shape. A creation of 0 is taken: old daemons give it.
    ///
    /// # Errors
    /// Says which field is wrong.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        let mut reader = Reader::new(bytes);
        let wide = match Tag(reader.u8("tag")?) {
            Tag::ALIVE2_X_RESP => true,
            Tag::ALIVE2_RESP => false,
            Tag(found) => return Err(MessageError::Tag { expected: "ALIVE2_X_RESP", found }),
        };
        let result = reader.u8("Result")?;
        let creation =
            if wide { reader.u32("Creation")? } else { u32::from(reader.u16("Creation")?) };
        reader.finish("ALIVE2_X_RESP")?;
        Ok(Self { result, creation: Creation::new(creation), wide })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::message::{DistVersions, NodeType, Protocol, WireNameError};

    /// What OTP 25 sends for `erl -name worker@127.0.0.1` with the distribution on port 43210.
    const OTP_25: &[u8] = b"x\xa8\xcaM\0\0\x06\0\x06\0\x06worker\0\0";

    fn worker() -> Alive2Request {
        Alive2Request { name: "worker".parse().unwrap(), endpoint: Endpoint::normal(43210) }
    }

    #[test]
    fn our_registration_is_the_one_that_otp_25_sends() {
        assert_eq!(worker().encode(), OTP_25);
        assert_eq!(Alive2Request::decode(OTP_25), Ok(worker()));
    }

    #[test]
    fn a_truncated_registration_names_the_field_that_is_short() {
        let fields = [
            (0, "tag"),
            (1, "PortNo"),
            (2, "PortNo"),
            (3, "NodeType"),
            (4, "Protocol"),
            (5, "HighestVersion"),
            (7, "LowestVersion"),
            (9, "Nlen"),
            (11, "NodeName"),
            (16, "NodeName"),
            (17, "Elen"),
            (18, "Elen"),
        ];
        for (len, field) in fields {
            match Alive2Request::decode(OTP_25.get(..len).unwrap()) {
                Err(MessageError::Short { field: named, .. }) => assert_eq!(named, field),
                other => panic!("{len}: {other:?}"),
            }
        }
    }

    #[test]
    fn wrong_lengths_are_refused_in_both_directions() {
        let with_nlen = |len: u16| {
            let mut body = OTP_25.to_vec();
            body.splice(9..11, len.to_be_bytes());
            Alive2Request::decode(&body)
        };
        assert!(with_nlen(7).unwrap_err().is_short());
        assert!(with_nlen(u16::MAX).unwrap_err().is_short());
        assert!(matches!(with_nlen(5), Err(MessageError::Short { field: "Extra", .. })));
        let mut trailing = OTP_25.to_vec();
        trailing.push(0);
        let expected = MessageError::Trailing { message: "ALIVE2_REQ", extra: 1 };
        assert_eq!(Alive2Request::decode(&trailing), Err(expected));
    }

    #[test]
    fn a_registration_of_a_bad_name_is_read_to_its_end_and_then_refused() {
        let with_name = |name: &[u8]| {
            let mut body = OTP_25.get(..9).unwrap().to_vec();
            body.extend_from_slice(&u16::try_from(name.len()).unwrap().to_be_bytes());
            body.extend_from_slice(name);
            body.extend_from_slice(&[0, 0]);
            Alive2Request::decode(&body)
        };
        assert!(with_name(&[b'a'; 255]).is_ok());
        let long = MessageError::Name(WireNameError::TooLong { len: 256 });
        assert_eq!(with_name(&[b'a'; 256]), Err(long));
        assert_eq!(with_name(b"a\0b"), Err(MessageError::Name(WireNameError::Nul)));
        assert_eq!(with_name(b"a@b"), Err(MessageError::Name(WireNameError::At)));
        assert_eq!(with_name(b""), Err(MessageError::Name(WireNameError::Empty)));
    }

    #[test]
    fn a_refusal_has_the_shape_that_the_asking_release_reads() {
        let new = Alive2Request::refusal(OTP_25).unwrap();
        assert_eq!(new.encode(), [118, 1, 0, 0, 0, 99]);
        let mut old = OTP_25.to_vec();
        old.splice(5..9, [0, 5, 0, 5]);
        assert_eq!(Alive2Request::refusal(&old).unwrap().encode(), [121, 1, 0, 99]);
        assert_eq!(Alive2Request::refusal(b"x"), None);
        assert_eq!(Alive2Request::refusal(b"n"), None);
    }

    #[test]
    fn both_widths_of_creation_are_read_and_zero_is_one_of_them() {
        let read = |bytes: &[u8]| Alive2Response::decode(bytes).unwrap();
        assert_eq!(read(&[118, 0, 1, 2, 3, 4]).creation.value(), 0x0102_0304);
        assert_eq!(read(&[121, 0, 0, 3]).creation.value(), 3);
        assert_eq!(read(&[118, 0, 0, 0, 0, 0]).creation.value(), 0);
    }

    #[test]
    fn an_answer_that_is_none_is_refused() {
        for len in 0..6 {
            let cut = [118, 0, 1, 2, 3, 4].get(..len).unwrap().to_vec();
            assert!(Alive2Response::decode(&cut).unwrap_err().is_short());
        }
        assert!(matches!(
            Alive2Response::decode(b"HTTP/1.1 400 Bad Request"),
            Err(MessageError::Tag { found: b'H', .. })
        ));
        assert!(matches!(
            Alive2Response::decode(&[118, 0, 1, 2, 3, 4, 5]),
            Err(MessageError::Trailing { extra: 1, .. })
        ));
    }

    proptest! {
        #[test]
        fn every_registration_survives_the_wire(
            name in "[^@\\p{Cc}]{1,255}",
            port: u16, node_type: u8, protocol: u8, high: u16, low: u16,
            extra in prop::collection::vec(any::<u8>(), 0..1021),
        ) {
            let request = Alive2Request {
                name: name.parse().unwrap(),
                endpoint: Endpoint {
                    port,
                    node_type: NodeType(node_type),
                    protocol: Protocol(protocol),
                    versions: DistVersions { high, low },
                    extra: Extra::try_from(extra.as_slice()).unwrap(),
                },
            };
            prop_assert!(request.encode().len() <= crate::message::MAX_REQUEST);
            prop_assert_eq!(Alive2Request::decode(&request.encode()), Ok(request));
        }

        #[test]
        fn every_answer_survives_the_wire(result: u8, creation: u32, wide: bool) {
            let creation = if wide { creation } else { creation & 0xffff };
            let answer = Alive2Response { result, creation: Creation::new(creation), wide };
            prop_assert_eq!(Alive2Response::decode(&answer.encode()), Ok(answer));
        }
    }
}
