//! A heartbeat as it goes over the network: `heartbeat::` and a term, in plain or encrypted.
//!
//! Encrypted it is an IV of 16 bytes and AES-256-CBC with PKCS#7, its key the SHA-256 of the
//! secret. There is no MAC. (libcluster, `Cluster.Strategy.Gossip`.) libcluster also takes a
//! padding of zero bytes off, which no padding leaves behind; ours is PKCS#7 as it is written.

use std::fmt;

use aes::Aes256;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use flitch_name::NodeName;
use sha2::{Digest, Sha256};

use super::term;

const PRELUDE: &[u8] = b"heartbeat::";
const BLOCK: usize = 16;

/// The longest datagram that may be a heartbeat: a name has 255 bytes at most.
pub(crate) const MAX_DATAGRAM: usize = 512;

/// What the nodes of a cluster share, as the key that it makes. It is never printed.
#[derive(Clone)]
pub struct Secret([u8; 32]);

impl Secret {
    /// The secret of a text, as it stands there: a new line at its end counts.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(Sha256::digest(text).into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Writes and reads heartbeats.
#[derive(Clone, Debug, Default)]
pub struct Packets {
    secret: Option<Secret>,
}

impl Packets {
    /// In plain, or encrypted with this secret.
    #[must_use]
    pub fn new(secret: Option<Secret>) -> Self {
        Self { secret }
    }

    /// A heartbeat of `node`. `iv` has to be another one, by chance, each time.
    #[must_use]
    pub fn encode(&self, node: &NodeName, iv: [u8; BLOCK]) -> Vec<u8> {
        let mut packet = [PRELUDE, &term::write(node)].concat();
        let Some(Secret(key)) = &self.secret else { return packet };
        let len = packet.len();
        packet.resize((len / BLOCK + 1) * BLOCK, 0);
        let cipher = cbc::Encryptor::<Aes256>::new(&(*key).into(), &iv.into());
        // There is always room for the padding: at least one byte was added.
        let encrypted = cipher.encrypt_padded::<Pkcs7>(&mut packet, len).unwrap_or_default();
        [&iv, encrypted].concat()
    }

    /// Whose heartbeat a datagram is.
    ///
    /// # Errors
    /// It is none, or not one for us.
    pub fn decode(&self, datagram: &[u8]) -> Result<NodeName, Stranger> {
        if datagram.len() > MAX_DATAGRAM {
            return Err(Stranger::NoHeartbeat);
        }
        let Some(Secret(key)) = &self.secret else {
            return heartbeat(datagram).map_err(|stranger| match stranger {
                Stranger::NoHeartbeat if datagram.len().is_multiple_of(BLOCK) => {
                    Stranger::Encrypted
                }
                stranger => stranger,
            });
        };
        if datagram.starts_with(PRELUDE) {
            return Err(Stranger::Plain);
        }
        let (iv, encrypted) = datagram.split_first_chunk::<BLOCK>().ok_or(Stranger::NoHeartbeat)?;
        let mut packet = encrypted.to_vec();
        let cipher = cbc::Decryptor::<Aes256>::new(&(*key).into(), &(*iv).into());
        let packet =
            cipher.decrypt_padded::<Pkcs7>(&mut packet).map_err(|_| Stranger::OtherSecret)?;
        // One of 256 other keys leaves what looks like a padding.
        heartbeat(packet).map_err(|_| Stranger::OtherSecret)
    }
}

fn heartbeat(packet: &[u8]) -> Result<NodeName, Stranger> {
    let term = packet.strip_prefix(PRELUDE).ok_or(Stranger::NoHeartbeat)?;
    term::read(term).ok_or(Stranger::NoName)
}

/// Why a datagram is no heartbeat for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Stranger {
    /// It does not begin as one does.
    #[error("it is no heartbeat: something else uses this port")]
    NoHeartbeat,
    /// It may be encrypted, and we have no secret.
    #[error("it is no heartbeat in plain: if the other nodes have a secret, give it here as well")]
    Encrypted,
    /// We have a secret, and it is in plain.
    #[error("it is not encrypted: give its sender the secret, or take it away here")]
    Plain,
    /// It cannot be decrypted to a heartbeat.
    #[error("it is encrypted with another secret, or no heartbeat: compare the secrets")]
    OtherSecret,
    /// What it says is no name of a node.
    #[error("it names no node that could be connected to: give its sender a name")]
    NoName,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Recorded from libcluster 3.5 on OTP 25, as app@10.0.0.7, with the secret `somepassword`.
    const ENCRYPTED: &str = include_str!("../../tests/captures/gossip.txt");

    fn packets(secret: Option<&str>) -> Packets {
        Packets::new(secret.map(Secret::new))
    }

    fn node() -> NodeName {
        "app@10.0.0.7".parse().unwrap()
    }

    fn recorded(kind: &str) -> Vec<u8> {
        let line = ENCRYPTED.lines().find_map(|line| line.strip_prefix(kind)).unwrap();
        let digits: Vec<u32> = line.trim().chars().map(|c| c.to_digit(16).unwrap()).collect();
        digits.chunks(2).map(|two| (two[0] * 16 + two[1]) as u8).collect()
    }

    #[test]
    fn what_libcluster_sends_is_read_in_plain_and_encrypted() {
        for release in ["25", "29"] {
            let plain = recorded(&format!("plain {release}"));
            assert_eq!(packets(None).decode(&plain), Ok(node()));
            let encrypted = recorded(&format!("encrypted {release}"));
            assert_eq!(packets(Some("somepassword")).decode(&encrypted), Ok(node()));
        }
    }

    #[test]
    fn what_we_send_is_what_libcluster_sends() {
        let encrypted = recorded("encrypted 29");
        let iv = *encrypted.first_chunk().unwrap();
        assert_eq!(packets(Some("somepassword")).encode(&node(), iv), encrypted);
        assert_eq!(packets(None).encode(&node(), [0; 16]), recorded("plain 29"));
    }

    #[test]
    fn strangers_are_told_apart() {
        let (plain, ours, theirs) = (packets(None), packets(Some("a")), packets(Some("b")));
        let said = |packets: &Packets, bytes: &[u8]| packets.decode(bytes).unwrap_err();
        let iv = [7; 16];
        assert_eq!(said(&ours, &plain.encode(&node(), iv)), Stranger::Plain);
        assert_eq!(said(&ours, &theirs.encode(&node(), iv)), Stranger::OtherSecret);
        assert_eq!(said(&plain, &ours.encode(&node(), iv)), Stranger::Encrypted);
        assert_eq!(said(&plain, b"hello"), Stranger::NoHeartbeat);
        assert_eq!(said(&plain, b"heartbeat::"), Stranger::NoName);
        for short in 0..=16 {
            assert!(ours.decode(&vec![0; short]).is_err());
        }
        assert_eq!(said(&plain, &[0; MAX_DATAGRAM + 1]), Stranger::NoHeartbeat);
    }

    #[test]
    fn the_longest_name_fits_a_datagram() {
        let node: NodeName = format!("{}@b", "a".repeat(253)).parse().unwrap();
        let packet = packets(Some("a")).encode(&node, [0; 16]);
        assert!(packet.len() <= MAX_DATAGRAM);
        assert_eq!(packets(Some("a")).decode(&packet), Ok(node));
    }

    #[test]
    fn a_secret_is_not_printed() {
        assert_eq!(format!("{:?}", packets(Some("a"))), "Packets { secret: Some(Secret) }");
    }

    proptest! {
        #[test]
        fn every_name_survives_the_network(
            alive in "[a-z0-9_-]{1,100}", iv: [u8; 16], secret in prop::option::of("\\PC{0,20}"),
        ) {
            let node: NodeName = format!("{alive}@10.0.0.7").parse().unwrap();
            let packets = packets(secret.as_deref());
            prop_assert_eq!(packets.decode(&packets.encode(&node, iv)), Ok(node));
        }

        #[test]
        fn no_datagram_makes_it_panic(datagram in prop::collection::vec(any::<u8>(), 0..600)) {
            prop_assert!(packets(None).decode(&datagram).is_err());
            prop_assert!(packets(Some("a")).decode(&datagram).is_err());
        }
    }
}
