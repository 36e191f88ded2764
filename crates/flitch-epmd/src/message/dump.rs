//! DUMP_REQ (100) lists everything that EPMD holds, as text for people.
//!
//! `erl_dist_protocol`, "Dump All Data from EPMD". The stock daemon differs from that page: it
//! puts the name in angle brackets, a comma after it for old names, and a NUL after each line.

use super::read::Reader;
use super::{MessageError, Tag, WireName};

/// Asks for everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DumpRequest;

impl DumpRequest {
    /// The request's bytes, without the length field.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        vec![Tag::DUMP_REQ.0]
    }

    /// Reads the bytes that the length field announced.
    ///
    /// # Errors
    /// Bytes follow the tag.
    pub fn decode(body: &[u8]) -> Result<Self, MessageError> {
        let mut reader = Reader::new(body);
        reader.tag(Tag::DUMP_REQ, "DUMP_REQ")?;
        reader.finish("DUMP_REQ")?;
        Ok(Self)
    }
}

/// Whether a name of a dump is registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DumpState {
    /// It is.
    Active,
    /// It was, and is remembered so that it gets another creation the next time.
    Old,
}

/// One line of a dump. The answer begins with EPMD's port, as NAMES does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DumpEntry {
    /// Whether the name is registered.
    pub state: DumpState,
    /// The alive name.
    pub name: WireName,
    /// The node's distribution port.
    pub port: u16,
    /// The connection that registered it. The stock daemon prints its descriptor here.
    pub connection: u64,
}

impl DumpEntry {
    /// The line's bytes, with its end.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let Self { state, name, port, connection } = self;
        let (before, after) = match state {
            DumpState::Active => {
                ("active name     <", format!("> at port {port}, fd = {connection}\n\0"))
            }
            DumpState::Old => {
                ("old/unused name <", format!(">, port = {port}, fd = {connection} \n\0"))
            }
        };
        [before.as_bytes(), name.as_bytes(), after.as_bytes()].concat()
    }

    /// Reads a line up to and without its NUL.
    ///
    /// # Errors
    /// The line is none of a dump.
    pub fn decode(line: &[u8]) -> Result<Self, MessageError> {
        let found = || String::from_utf8_lossy(line).chars().take(64).collect();
        Self::parse(line).ok_or_else(|| MessageError::Text { message: "NodeInfo", found: found() })
    }

    fn parse(line: &[u8]) -> Option<Self> {
        let line = std::str::from_utf8(line).ok()?;
        let (state, rest, between, end) = match line.strip_prefix("active name     <") {
            Some(rest) => (DumpState::Active, rest, "> at port ", "\n"),
            None => (DumpState::Old, line.strip_prefix("old/unused name <")?, ">, port = ", " \n"),
        };
        let (name, numbers) = rest.rsplit_once(between)?;
        let (port, connection) = numbers.strip_suffix(end)?.split_once(", fd = ")?;
        Some(Self {
            state,
            name: name.parse().ok()?,
            port: port.parse().ok()?,
            connection: connection.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_those_of_the_stock_daemon() {
        let mut entry = DumpEntry {
            state: DumpState::Active,
            name: "worker".parse().unwrap(),
            port: 43210,
            connection: 5,
        };
        assert_eq!(entry.encode(), b"active name     <worker> at port 43210, fd = 5\n\0");
        assert_eq!(DumpEntry::decode(entry.encode().strip_suffix(&[0]).unwrap()).unwrap(), entry);
        entry.state = DumpState::Old;
        assert_eq!(entry.encode(), b"old/unused name <worker>, port = 43210, fd = 5 \n\0");
        assert_eq!(DumpEntry::decode(entry.encode().strip_suffix(&[0]).unwrap()).unwrap(), entry);
    }

    #[test]
    fn a_line_that_is_none_is_shown_in_part() {
        let said = DumpEntry::decode(&[b'x'; 1000]).unwrap_err().to_string();
        assert!(said.contains("xxxx") && said.len() < 200, "{said}");
        assert!(DumpEntry::decode(b"active name     <a> at port 1, fd = 5").is_err());
        assert!(DumpEntry::decode(b"active name     <a@b> at port 1, fd = 5\n").is_err());
        assert!(DumpEntry::decode(b"").is_err());
    }

    #[test]
    fn a_question_with_bytes_after_it_is_refused() {
        assert_eq!(DumpRequest::decode(&DumpRequest.encode()), Ok(DumpRequest));
        assert!(DumpRequest::decode(b"dd").is_err());
    }
}
