//! `send_status`: whether the acceptor goes on.

use bytes::{BufMut, Bytes};
use flitch_name::{Creation, NodeName};

use super::MessageError;
use super::frame::{Fields, encode, put_name};

/// Tag `s`, then a word in ASCII. (`erl_dist_protocol`, "recv_status/send_status".)
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Ok,
    OkSimultaneous,
    Nok,
    NotAllowed,
    Alive,
    /// The name that the initiator asked for.
    Named {
        name: NodeName,
        creation: Creation,
    },
}

impl Status {
    const NAME: &'static str = "status";
    const NAMED: &'static [u8] = b"named:";

    pub(crate) fn decode(body: &[u8]) -> Result<Self, MessageError> {
        let mut fields = Fields::after_tag(Self::NAME, b's', body)?;
        if fields.skip(Self::NAMED) {
            let text = fields.name()?;
            let name = fields.node(text)?;
            let creation = Creation::new(fields.u32("creation")?);
            return Ok(Self::Named { name, creation });
        }
        match fields.remainder() {
            b"ok" => Ok(Self::Ok),
            b"ok_simultaneous" => Ok(Self::OkSimultaneous),
            b"nok" => Ok(Self::Nok),
            b"not_allowed" => Ok(Self::NotAllowed),
            b"alive" => Ok(Self::Alive),
            other => Err(MessageError::unknown_status(other)),
        }
    }

    pub(crate) fn encode(&self) -> Bytes {
        encode(b's', |body| match self {
            Self::Ok => body.put_slice(b"ok"),
            Self::OkSimultaneous => body.put_slice(b"ok_simultaneous"),
            Self::Nok => body.put_slice(b"nok"),
            Self::NotAllowed => body.put_slice(b"not_allowed"),
            Self::Alive => body.put_slice(b"alive"),
            Self::Named { name, creation } => {
                body.put_slice(Self::NAMED);
                put_name(body, name.as_str());
                body.put_u32(creation.value());
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_is_read_as_it_is_written() {
        let named =
            Status::Named { name: "X1@h.x".parse().unwrap(), creation: Creation::new(0x0102_0304) };
        for (status, text) in [
            (Status::Ok, b"sok".as_slice()),
            (Status::OkSimultaneous, b"sok_simultaneous"),
            (Status::Nok, b"snok"),
            (Status::NotAllowed, b"snot_allowed"),
            (Status::Alive, b"salive"),
            (named, b"snamed:\0\x06X1@h.x\x01\x02\x03\x04"),
        ] {
            assert_eq!(status.encode().get(2..), Some(text));
            assert_eq!(Status::decode(text), Ok(status));
        }
    }

    #[test]
    fn bytes_behind_a_given_name_are_let_pass_and_none_behind_a_word() {
        assert!(Status::decode(b"snamed:\0\x06X1@h.x\x01\x02\x03\x04more").is_ok());
        assert!(Status::decode(b"sok\0").is_err());
        assert!(Status::decode(b"strue").is_err());
        assert!(Status::decode(b"s").is_err());
    }

    #[test]
    fn a_given_name_that_is_cut_short_or_no_node_name_is_refused() {
        let whole = b"snamed:\0\x06X1@h.x\x01\x02\x03\x04";
        for len in 7..whole.len() {
            assert!(Status::decode(&whole[..len]).is_err(), "{len}");
        }
        assert!(Status::decode(b"snamed:\0\x03h.x\x01\x02\x03\x04").is_err());
    }

    #[test]
    fn an_unknown_status_cannot_write_to_a_terminal_or_fill_a_log() {
        let said = |body: &[u8]| Status::decode(body).unwrap_err().to_string();
        assert!(!said(b"s\x1b[2J").contains('\x1b'));
        assert!(said(&[b's'; 4000]).len() < 200);
    }
}
