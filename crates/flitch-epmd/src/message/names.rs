//! NAMES_REQ (110) lists the registered names; the answer is EPMD's port and lines of text.
//!
//! `erl_dist_protocol`, "Get All Registered Names from EPMD".

use super::read::Reader;
use super::{MessageError, Tag, WireName};

/// Asks for every registered name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NamesRequest;

impl NamesRequest {
    /// The request's bytes, without the length field.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        vec![Tag::NAMES_REQ.0]
    }

    /// Reads the bytes that the length field announced.
    ///
    /// # Errors
    /// Bytes follow the tag.
    pub fn decode(body: &[u8]) -> Result<Self, MessageError> {
        let mut reader = Reader::new(body);
        reader.tag(Tag::NAMES_REQ, "NAMES_REQ")?;
        reader.finish("NAMES_REQ")?;
        Ok(Self)
    }
}

/// One line of the answer: `name worker at port 43210`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedPort {
    /// The alive name.
    pub name: WireName,
    /// The node's distribution port.
    pub port: u16,
}

impl NamedPort {
    /// The line's bytes, with its end.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let at_port = format!(" at port {}\n", self.port);
        [b"name ".as_slice(), self.name.as_bytes(), at_port.as_bytes()].concat()
    }

    /// Reads a line without its end.
    fn decode(line: &[u8]) -> Option<Self> {
        let line = std::str::from_utf8(line.strip_prefix(b"name ")?).ok()?;
        let (name, port) = line.rsplit_once(" at port ")?;
        Some(Self { name: name.parse().ok()?, port: port.parse().ok()? })
    }
}

/// Every registered name, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamesResponse {
    /// The port that EPMD believes it listens on.
    pub epmd_port: u32,
    /// The names.
    pub names: Vec<NamedPort>,
    /// Lines that name no node we could reach, such as a name with an `@` inside. One odd
    /// registration must not hide the others; `erl_epmd` skips them as well.
    pub skipped: usize,
}

impl NamesResponse {
    /// The answer's first four bytes; lines follow.
    #[must_use]
    pub fn encode_port(epmd_port: u32) -> Vec<u8> {
        epmd_port.to_be_bytes().to_vec()
    }

    /// The whole answer's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Self::encode_port(self.epmd_port);
        out.extend(self.names.iter().flat_map(NamedPort::encode));
        out
    }

    /// Reads an answer after which EPMD has closed the connection.
    ///
    /// # Errors
    /// The port is short, or the last line is: the answer was cut off on its way.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        let mut reader = Reader::new(bytes);
        let epmd_port = reader.u32("EPMDPortNo")?;
        let mut answer = Self { epmd_port, ..Self::default() };
        let Some(lines) = reader.rest().strip_suffix(b"\n") else {
            let left = bytes.len().saturating_sub(4);
            return match left {
                0 => Ok(answer),
                left => Err(MessageError::Short { field: "NodeInfo", needed: left + 1, left }),
            };
        };
        for line in lines.split(|byte| *byte == b'\n') {
            match NamedPort::decode(line) {
                Some(named) => answer.names.push(named),
                None => answer.skipped += 1,
            }
        }
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STOCK: &[u8] = b"\0\0\x11\x11name b at port 2\nname a at port 1\n";

    #[test]
    fn the_answer_is_the_one_that_the_stock_daemon_gives() {
        let answer = NamesResponse::decode(STOCK).unwrap();
        let line = |name: &str, port| NamedPort { name: name.parse().unwrap(), port };
        assert_eq!((answer.epmd_port, answer.skipped), (4369, 0));
        assert_eq!(answer.names, [line("b", 2), line("a", 1)]);
        assert_eq!(answer.encode(), STOCK);
    }

    #[test]
    fn an_empty_daemon_answers_its_port_alone() {
        let answer = NamesResponse::decode(&[0, 0, 0x11, 0x11]).unwrap();
        assert_eq!((answer.epmd_port, answer.names.len()), (4369, 0));
    }

    #[test]
    fn an_answer_cut_off_inside_a_line_is_not_taken_for_the_whole_list() {
        for len in 0..STOCK.len() {
            let cut = NamesResponse::decode(STOCK.get(..len).unwrap());
            let whole_lines = [4, 21].contains(&len);
            assert_eq!(cut.is_ok(), whole_lines, "{len}");
            assert!(cut.is_ok() || cut.unwrap_err().is_short());
        }
    }

    #[test]
    fn one_odd_line_does_not_hide_the_others() {
        let odd = b"\0\0\0\x01name a@b at port 1\nname ok at port 2\nname x at port 70000\n\
                    nonsense\nname \xff at port 3\nname y at port -1\n\n";
        let answer = NamesResponse::decode(odd).unwrap();
        assert_eq!(answer.names.len(), 1);
        assert_eq!(answer.skipped, 6);
    }

    #[test]
    fn a_name_that_looks_like_a_line_is_read_from_its_end() {
        let line = b"\0\0\0\x01name x at port 1 at port 2\n";
        let answer = NamesResponse::decode(line).unwrap();
        assert_eq!(answer.names.first().unwrap().name.as_str(), "x at port 1");
        assert_eq!(answer.names.first().unwrap().port, 2);
    }

    #[test]
    fn a_question_with_bytes_after_it_is_refused() {
        assert_eq!(NamesRequest::decode(b"n"), Ok(NamesRequest));
        assert!(NamesRequest::decode(b"nn").is_err());
        assert!(NamesRequest::decode(b"").unwrap_err().is_short());
    }

    proptest! {
        #[test]
        fn every_list_survives_the_wire(
            epmd_port: u32,
            names in prop::collection::vec(("[^@\\p{Cc}]{1,40}", any::<u16>()), 0..20),
        ) {
            let names = names
                .into_iter()
                .map(|(name, port)| NamedPort { name: name.parse().unwrap(), port })
                .collect();
            let answer = NamesResponse { epmd_port, names, skipped: 0 };
            prop_assert_eq!(NamesResponse::decode(&answer.encode()), Ok(answer));
        }
    }
}
