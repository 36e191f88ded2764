//! `Gossip`: nodes of one network tell each other their names by multicast or broadcast.
//!
//! Each node sends a heartbeat every 0 to 5 seconds: [`Packets`] writes and reads what libcluster's
//! nodes send and understand, [`Hearing`] remembers who was heard. Ours carry our name, so that
//! BEAMs dial us as well; it is no harm that we are hidden.
//!
//! With a `secret` heartbeats are encrypted, and strangers are not heard. That keeps clusters
//! apart; it proves nothing, for nothing says that a packet is not an old one. Who may connect is
//! the cookie's affair.

mod hearing;
mod packets;
mod term;

use std::fmt;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::{Deserializer, Error};

use crate::{DiscoveryError, Problem};

pub use hearing::Hearing;
pub use packets::{Packets, Secret, Stranger};

/// Nodes that are heard on a network, as libcluster's `Gossip` finds them. IPv4 only, as there.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Gossip {
    port: u16,
    if_addr: Ipv4Addr,
    multicast_if: Option<Ipv4Addr>,
    multicast_addr: Ipv4Addr,
    multicast_ttl: u8,
    broadcast_only: bool,
    #[serde(deserialize_with = "secret")]
    secret: Option<Secret>,
    secret_file: Option<PathBuf>,
}

impl Default for Gossip {
    fn default() -> Self {
        Self {
            port: 45892,
            if_addr: Ipv4Addr::UNSPECIFIED,
            multicast_if: None,
            multicast_addr: Ipv4Addr::new(233, 252, 1, 32),
            multicast_ttl: 1,
            broadcast_only: false,
            secret: None,
            secret_file: None,
        }
    }
}

impl Gossip {
    /// On port 45892 of the multicast group 233.252.1.32, in plain, on the local network only.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The port of all nodes: 45892 unless given.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// The address to bind to: every one unless given, and no other hears multicast on Linux.
    #[must_use]
    pub fn if_addr(mut self, address: Ipv4Addr) -> Self {
        self.if_addr = address;
        self
    }

    /// The address of the interface to send and to listen on: the system's choice unless given.
    #[must_use]
    pub fn multicast_if(mut self, address: Ipv4Addr) -> Self {
        self.multicast_if = Some(address);
        self
    }

    /// The group, or the broadcast address: 233.252.1.32 unless given.
    #[must_use]
    pub fn multicast_addr(mut self, address: Ipv4Addr) -> Self {
        self.multicast_addr = address;
        self
    }

    /// How many routers a heartbeat passes, and one: 1, the local network, unless given.
    #[must_use]
    pub fn multicast_ttl(mut self, ttl: u8) -> Self {
        self.multicast_ttl = ttl;
        self
    }

    /// Broadcasts to `address`, such as 255.255.255.255, where there is no multicast.
    #[must_use]
    pub fn broadcast(mut self, address: Ipv4Addr) -> Self {
        (self.broadcast_only, self.multicast_addr) = (true, address);
        self
    }

    /// What all nodes of the cluster share, and nobody else.
    #[must_use]
    pub fn secret(mut self, secret: Secret) -> Self {
        self.secret = Some(secret);
        self
    }

    /// A file with the secret; a new line at its end is not part of it.
    #[must_use]
    pub fn secret_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.secret_file = Some(file.into());
        self
    }

    /// Whether the options go together.
    pub(crate) fn check(&self) -> Result<(), DiscoveryError> {
        let multicast = self.multicast_addr.is_multicast();
        let said = if self.port == 0 {
            "port = 0 is no port that others could know: leave it out for 45892".to_owned()
        } else if self.secret.is_some() && self.secret_file.is_some() {
            "secret and secret_file are both given: leave one out".to_owned()
        } else if self.broadcast_only == multicast {
            let address = self.multicast_addr;
            match multicast {
                true => format!(
                    "broadcast_only wants a broadcast address, and multicast_addr is {address}: \
                     set it to 255.255.255.255"
                ),
                false => format!(
                    "multicast_addr = {address} is no multicast address: take one of 224.0.0.0/4, \
                     or set broadcast_only = true"
                ),
            }
        } else {
            return Ok(());
        };
        Err(DiscoveryError::new(Problem::Config, said))
    }

    /// How the socket has to be, and where heartbeats go.
    pub(crate) fn network(&self) -> Network {
        Network {
            port: self.port,
            bind: self.if_addr,
            group: self.multicast_addr,
            multicast: (!self.broadcast_only)
                .then_some(Multicast { interface: self.multicast_if, ttl: self.multicast_ttl }),
        }
    }

    /// The secret, or where it is.
    pub(crate) fn secrecy(&self) -> (Option<&Secret>, Option<&PathBuf>) {
        (self.secret.as_ref(), self.secret_file.as_ref())
    }
}

/// How a socket for gossip has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    pub(crate) port: u16,
    pub(crate) bind: Ipv4Addr,
    /// Where heartbeats go.
    pub(crate) group: Ipv4Addr,
    /// None with broadcast.
    pub(crate) multicast: Option<Multicast>,
}

/// What multicast needs to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Multicast {
    pub(crate) interface: Option<Ipv4Addr>,
    pub(crate) ttl: u8,
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { port, bind, group, multicast } = self;
        match multicast.map(|multicast| multicast.interface) {
            None => write!(f, "broadcast to {group}:{port} from {bind}"),
            Some(None) => write!(f, "multicast to {group}:{port} from {bind}"),
            Some(Some(interface)) => {
                write!(f, "multicast to {group}:{port} from {bind} on the interface {interface}")
            }
        }
    }
}

/// An error must not show what may be the secret in another form.
fn secret<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Secret>, D::Error> {
    match toml::Value::deserialize(input) {
        Ok(toml::Value::String(secret)) if secret.is_empty() => {
            Err(D::Error::custom("an empty secret keeps nobody out: leave it out, or give one"))
        }
        Ok(toml::Value::String(secret)) => Ok(Some(Secret::new(&secret))),
        _ => Err(D::Error::custom("a secret is a text in quotes")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_options_and_their_defaults_are_those_of_libcluster() {
        let gossip: Gossip = toml::from_str("").unwrap();
        let multicast = Some(Multicast { interface: None, ttl: 1 });
        let group = Ipv4Addr::new(233, 252, 1, 32);
        let standard = Network { port: 45892, bind: Ipv4Addr::UNSPECIFIED, group, multicast };
        assert_eq!(gossip.network(), standard);
        let options = "port = 45893\nif_addr = '0.0.0.0'\nmulticast_if = '192.168.1.1'\n\
                       multicast_addr = '233.252.1.33'\nmulticast_ttl = 2\nsecret = 'somepassword'";
        let gossip: Gossip = toml::from_str(options).unwrap();
        assert_eq!(gossip.network().multicast.unwrap().ttl, 2);
        assert!(gossip.check().is_ok() && gossip.secrecy().0.is_some());
    }

    #[test]
    fn options_that_do_not_go_together_are_refused() {
        let said =
            |options: &str| toml::from_str::<Gossip>(options).unwrap().check().unwrap_err().message;
        assert!(said("broadcast_only = true").contains("255.255.255.255"));
        assert!(said("multicast_addr = '10.0.0.255'").contains("broadcast_only"));
        assert!(said("port = 0").contains("45892"));
        assert!(toml::from_str::<Gossip>("secret = ''").unwrap_err().to_string().contains("empty"));
        assert!(Gossip::new().broadcast(Ipv4Addr::BROADCAST).check().is_ok());
    }

    #[test]
    fn no_secret_is_ever_printed() {
        let gossip: Gossip = toml::from_str("secret = 'somepassword'").unwrap();
        let key = "2bc8";
        let printed = format!("{gossip:?}");
        assert!(!printed.contains("somepassword") && !printed.contains(key), "{printed}");
        assert!(printed.contains("Secret"), "{printed}");
    }
}
