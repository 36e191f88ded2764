//! `send_complement`: what an initiator that began with version 5 adds once both know version 6.

use flitch_name::Creation;

use super::MessageError;
use super::frame::Fields;
use crate::Flags;

/// Tag `c`, the high half of the flags, and the creation. Sent by OTP 23 and 24 only, so it is
/// read and never written. (`dist_util:recv_complement/2` of those releases.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Complement {
    pub(crate) high_flags: Flags,
    pub(crate) creation: Creation,
}

impl Complement {
    const NAME: &'static str = "complement";

    pub(crate) fn decode(body: &[u8]) -> Result<Self, MessageError> {
        let mut fields = Fields::after_tag(Self::NAME, b'c', body)?;
        let high_flags = Flags::from_bits(u64::from(fields.u32("flags")?) << 32);
        let creation = Creation::new(fields.u32("creation")?);
        fields.end()?;
        Ok(Self { high_flags, creation })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_high_flags_land_in_the_high_half() {
        let message = Complement::decode(b"c\0\0\0\x05\0\0\0\x09").unwrap();
        assert_eq!(message.high_flags, Flags::SPAWN | Flags::V4_NC);
        assert_eq!(message.creation, Creation::new(9));
    }

    #[test]
    fn another_length_is_refused() {
        assert!(Complement::decode(b"c\0\0\0\x05\0\0\0").is_err());
        assert!(Complement::decode(b"c\0\0\0\x05\0\0\0\x09\0").is_err());
    }
}
