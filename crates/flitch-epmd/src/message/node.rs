//! What EPMD keeps about a node besides its name.

use super::MessageError;
use super::read::Reader;

/// How to reach a node, as it registered and as EPMD answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The TCP port on which the node takes distribution connections.
    pub port: u16,
    /// Normal or hidden.
    pub node_type: NodeType,
    /// The carrier, which is TCP.
    pub protocol: Protocol,
    /// The versions of the distribution protocol that the node speaks.
    pub versions: DistVersions,
    /// Bytes that nobody uses.
    pub extra: Extra,
}

impl Endpoint {
    /// A normal node over TCP that speaks what OTP 25 and later speak.
    #[must_use]
    pub const fn normal(port: u16) -> Self {
        Self::new(port, NodeType::NORMAL)
    }

    /// A hidden node over TCP that speaks what OTP 25 and later speak.
    #[must_use]
    pub const fn hidden(port: u16) -> Self {
        Self::new(port, NodeType::HIDDEN)
    }

    const fn new(port: u16, node_type: NodeType) -> Self {
        let (protocol, versions) = (Protocol::TCP, DistVersions::OTP_25);
        Self { port, node_type, protocol, versions, extra: Extra::EMPTY }
    }

    /// The fields from PortNo to LowestVersion, which two messages share.
    pub(super) fn encode_fixed(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.port.to_be_bytes());
        out.extend_from_slice(&[self.node_type.0, self.protocol.0]);
        out.extend_from_slice(&self.versions.high.to_be_bytes());
        out.extend_from_slice(&self.versions.low.to_be_bytes());
    }

    pub(super) fn decode_fixed(reader: &mut Reader<'_>) -> Result<Self, MessageError> {
        Ok(Self {
            port: reader.u16("PortNo")?,
            node_type: NodeType(reader.u8("NodeType")?),
            protocol: Protocol(reader.u8("Protocol")?),
            versions: DistVersions {
                high: reader.u16("HighestVersion")?,
                low: reader.u16("LowestVersion")?,
            },
            extra: Extra::EMPTY,
        })
    }
}

/// Whether a node shows itself, as it told EPMD. Nothing depends on it: the handshake's flags say
/// what counts, and every BEAM registers as normal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NodeType(pub u8);

impl NodeType {
    /// `M`: a normal node.
    pub const NORMAL: Self = Self(77);
    /// `H`: a hidden node, or C node.
    pub const HIDDEN: Self = Self(72);
}

/// What carries the distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Protocol(pub u8);

impl Protocol {
    /// TCP, over IPv4 or IPv6.
    pub const TCP: Self = Self(0);
}

/// The versions of the distribution protocol that a node speaks.
///
/// Version 6 came with OTP 23. OTP 23 and 24 register 6 and 5, OTP 25 and later 6 and 6; a BEAM
/// refuses to connect if the ranges do not meet. (`erl_epmd:select_best_version/4`, `dist.hrl`.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DistVersions {
    /// HighestVersion. From 6 on, EPMD answers a registration with a 32-bit creation.
    pub high: u16,
    /// LowestVersion.
    pub low: u16,
}

impl DistVersions {
    /// What OTP 25 and later register.
    pub const OTP_25: Self = Self { high: 6, low: 6 };

    /// The version that both sides speak, if there is one.
    #[must_use]
    pub fn best(self, other: Self) -> Option<u16> {
        let meet = self.low <= other.high && other.low <= self.high;
        meet.then(|| self.high.min(other.high))
    }

    /// Whether EPMD gives such a node a creation of 32 bits.
    #[must_use]
    pub const fn has_wide_creation(self) -> bool {
        self.high >= 6
    }
}

/// The bytes that a node may add to its registration, at most 1020.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extra(Vec<u8>);

impl Extra {
    /// The most that EPMD takes, in bytes.
    pub const MAX_LEN: usize = 1020;

    /// What every node registers.
    pub const EMPTY: Self = Self(Vec::new());

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let len = u16::try_from(self.0.len()).unwrap_or(u16::MAX);
        out.extend_from_slice(&len.to_be_bytes());
        out.extend_from_slice(&self.0);
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, MessageError> {
        let len = usize::from(reader.u16("Elen")?);
        Self::try_from(reader.bytes(len, "Extra")?)
    }
}

impl TryFrom<&[u8]> for Extra {
    type Error = MessageError;

    fn try_from(bytes: &[u8]) -> Result<Self, MessageError> {
        match bytes.len() {
            len if len > Self::MAX_LEN => Err(MessageError::ExtraTooLong { len }),
            _ => Ok(Self(bytes.to_vec())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OTP_22: DistVersions = DistVersions { high: 5, low: 5 };
    const OTP_23: DistVersions = DistVersions { high: 6, low: 5 };

    #[test]
    fn the_version_is_chosen_as_erl_epmd_chooses_it() {
        assert_eq!(DistVersions::OTP_25.best(DistVersions::OTP_25), Some(6));
        assert_eq!(DistVersions::OTP_25.best(OTP_23), Some(6));
        assert_eq!(OTP_23.best(DistVersions::OTP_25), Some(6));
        assert_eq!(OTP_23.best(OTP_22), Some(5));
        assert_eq!(DistVersions::OTP_25.best(OTP_22), None);
        assert_eq!(OTP_22.best(DistVersions::OTP_25), None);
    }

    #[test]
    fn a_future_peer_meets_us_at_our_highest() {
        let future = DistVersions { high: 9, low: 6 };
        assert_eq!(DistVersions::OTP_25.best(future), Some(6));
        assert_eq!(DistVersions::OTP_25.best(DistVersions { high: 9, low: 7 }), None);
    }

    #[test]
    fn extra_is_bounded() {
        assert_eq!(Extra::try_from([7; 1020].as_slice()).unwrap().as_bytes().len(), 1020);
        let said = Extra::try_from([7; 1021].as_slice()).unwrap_err();
        assert_eq!(said, MessageError::ExtraTooLong { len: 1021 });
        assert!(said.to_string().contains("1020"), "{said}");
    }
}
