//! `send_name`, the first message: who the initiator is and what it can do.

use bytes::{BufMut, Bytes};
use flitch_name::{Creation, NodeName};

use super::MessageError;
use super::frame::{Fields, encode, put_name};
use crate::Flags;

/// Tag `N` since OTP 23, with flags of 64 bits and a creation; tag `n` before that, and from OTP 23
/// and 24 nodes that did not ask EPMD. The old form is read but never written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SendName {
    pub(crate) flags: Flags,
    /// `None` in the old form.
    pub(crate) creation: Option<Creation>,
    pub(crate) name: Stated,
}

/// What an initiator says about its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stated {
    Node(NodeName),
    /// Only a host, because it asks for a name (`NAME_ME`).
    Host(String),
}

impl SendName {
    const NAME: &'static str = "send_name";
    const OLD_VERSION: u16 = 5;

    pub(crate) fn decode(body: &[u8]) -> Result<Self, MessageError> {
        match body.first() {
            Some(b'n') => Self::decode_old(body),
            _ => Self::decode_new(body),
        }
    }

    /// Bytes behind the name are let pass, as the protocol demands.
    fn decode_new(body: &[u8]) -> Result<Self, MessageError> {
        let mut fields = Fields::after_tag(Self::NAME, b'N', body)?;
        let flags = Flags::from_bits(fields.u64("flags")?);
        let creation = Some(Creation::new(fields.u32("creation")?));
        let text = fields.name()?;
        let name = if flags.contains(Flags::NAME_ME) {
            fields.host(text)?;
            Stated::Host(text.to_owned())
        } else {
            Stated::Node(fields.node(text)?)
        };
        Ok(Self { flags, creation, name })
    }

    fn decode_old(body: &[u8]) -> Result<Self, MessageError> {
        let mut fields = Fields::after_tag(Self::NAME, b'n', body)?;
        let version = fields.u16("version")?;
        if version < Self::OLD_VERSION {
            return Err(MessageError::Version { message: Self::NAME, found: version });
        }
        let flags = Flags::from_bits(fields.u32("flags")?.into());
        let text = fields.name_to_end()?;
        Ok(Self { flags, creation: None, name: Stated::Node(fields.node(text)?) })
    }

    pub(crate) fn encode(&self) -> Bytes {
        encode(b'N', |body| {
            body.put_u64(self.flags.bits());
            body.put_u32(self.creation.unwrap_or_default().value());
            match &self.name {
                Stated::Node(name) => put_name(body, name.as_str()),
                Stated::Host(host) => put_name(body, host),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: &[u8] = b"N\0\0\0\x05\0\0\0\x04\0\0\0\x09\0\x05a@h.x";
    const UNNAMED: &[u8] = b"N\0\0\0\x02\0\0\0\0\0\0\0\0\0\x03h.x";
    const OLD: &[u8] = b"n\0\x05\x01\0\0\x04a@h.x";

    fn node(text: &str) -> Stated {
        Stated::Node(text.parse().unwrap())
    }

    #[test]
    fn the_new_form_is_read_as_it_is_written_and_bytes_behind_the_name_are_let_pass() {
        let message = SendName::decode(NEW).unwrap();
        let flags = Flags::EXTENDED_REFERENCES | Flags::SPAWN | Flags::V4_NC;
        let creation = Some(Creation::new(9));
        assert_eq!(message, SendName { flags, creation, name: node("a@h.x") });
        assert_eq!(message.encode().get(2..), Some(NEW));
        assert_eq!(SendName::decode(&[NEW, b"later"].concat()), Ok(message));
    }

    #[test]
    fn a_node_that_asks_for_a_name_states_a_host() {
        let message = SendName::decode(UNNAMED).unwrap();
        assert_eq!(message.name, Stated::Host("h.x".into()));
        assert_eq!(message.encode().get(2..), Some(UNNAMED));
    }

    #[test]
    fn the_old_form_has_no_creation_and_its_name_takes_the_rest() {
        let message = SendName::decode(OLD).unwrap();
        let flags = Flags::HANDSHAKE_23 | Flags::EXTENDED_REFERENCES;
        assert_eq!(message, SendName { flags, creation: None, name: node("a@h.x") });
        let ancient = SendName::decode(b"n\0\x04\x01\0\0\x04a@h.x").unwrap_err();
        assert_eq!(ancient, MessageError::Version { message: "send_name", found: 4 });
    }

    #[test]
    fn a_send_name_cut_anywhere_is_refused() {
        for len in 0..NEW.len() {
            assert!(SendName::decode(&NEW[..len]).is_err(), "{len}");
        }
        for len in 0..9 {
            assert!(SendName::decode(&OLD[..len]).is_err(), "{len}");
        }
    }

    #[test]
    fn names_that_no_node_can_have_are_refused_in_every_form() {
        let long = format!("{}@h", "a".repeat(254));
        let names = ["", "a", "@h", "a@", "a@b@c", "a\0@h", "a@h\n", "a\x1b[2J@h", "ä@h", &long];
        for name in names {
            let new =
                SendName { flags: Flags::NONE, creation: None, name: Stated::Host(name.into()) };
            assert!(SendName::decode(&new.encode()[2..]).is_err(), "{name:?}");
            let old = [b"n\0\x05\0\0\0\0", name.as_bytes()].concat();
            assert!(SendName::decode(&old).is_err(), "{name:?}");
        }
        for host in ["", "a@h", "h\0", "h h"] {
            let name = Stated::Host(host.into());
            let unnamed = SendName { flags: Flags::NAME_ME, creation: None, name };
            assert!(SendName::decode(&unnamed.encode()[2..]).is_err(), "{host:?}");
        }
    }
}
