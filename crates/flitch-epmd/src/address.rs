//! Where an EPMD is: its port, the loopback address of a family, and lists of listen addresses.
//!
//! A peer's EPMD runs on the *peer's* host, so [`at`] wants that host's address; only our own
//! registration goes to [`local`]. Names are resolved elsewhere.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The port that EPMD listens on unless told otherwise.
pub const DEFAULT_PORT: u16 = 4369;

/// The variable that moves every EPMD of a cluster to another port.
pub const PORT_VARIABLE: &str = "ERL_EPMD_PORT";

/// Which loopback address a node registers through: the family that it listens on, as
/// `erl_epmd:do_register_node/3` decides it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Through 127.0.0.1.
    V4,
    /// Through ::1.
    V6,
}

/// The EPMD on this host, reached over the loopback address of `family`.
#[must_use]
pub const fn local(family: Family, port: u16) -> SocketAddr {
    match family {
        Family::V4 => SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port),
        Family::V6 => SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), port),
    }
}

/// The EPMD on a peer's host.
#[must_use]
pub const fn at(host: IpAddr, port: u16) -> SocketAddr {
    SocketAddr::new(host, port)
}

/// EPMD's port as `ERL_EPMD_PORT` of this process gives it, or [`DEFAULT_PORT`].
///
/// # Errors
/// The variable is set to something that is not a port.
pub fn port_from_env() -> Result<u16, AddressError> {
    match std::env::var_os(PORT_VARIABLE) {
        None => Ok(DEFAULT_PORT),
        Some(value) => port(&value.to_string_lossy()),
    }
}

/// EPMD's port as somebody wrote it; nothing but spaces counts as not written.
///
/// # Errors
/// The text is not a number from 1 to 65535.
pub fn port(text: &str) -> Result<u16, AddressError> {
    match text.trim() {
        "" => Ok(DEFAULT_PORT),
        text => match text.parse() {
            Ok(0) | Err(_) => Err(AddressError::Port { text: text.chars().take(64).collect() }),
            Ok(port) => Ok(port),
        },
    }
}

/// The addresses of a list separated by commas or spaces, as `ERL_EPMD_ADDRESS` and
/// `epmd -address` write it. IPv6 addresses may stand in brackets.
///
/// Unlike the stock daemon this adds no loopback address of its own: the caller decides.
///
/// # Errors
/// An entry is not an IP address.
pub fn list(text: &str, port: u16) -> Result<Vec<SocketAddr>, AddressError> {
    text.split([',', ' ']).filter(|entry| !entry.is_empty()).map(|entry| one(entry, port)).collect()
}

fn one(entry: &str, port: u16) -> Result<SocketAddr, AddressError> {
    let bare = entry.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(entry);
    match bare.parse() {
        Ok(host) => Ok(SocketAddr::new(host, port)),
        Err(_) => Err(AddressError::Host { text: entry.chars().take(64).collect() }),
    }
}

/// Why a text says no EPMD address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// Not a port number.
    #[error(
        "{text:?} is no port for EPMD: set ERL_EPMD_PORT to a number from 1 to 65535, or unset it for 4369"
    )]
    Port {
        /// What was given.
        text: String,
    },
    /// Not an IP address.
    #[error(
        "{text:?} is no IP address: write addresses such as 127.0.0.1,::1, separated by commas"
    )]
    Host {
        /// The entry that is wrong.
        text: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_comes_from_the_variable_or_is_4369() {
        assert_eq!(port("").unwrap(), 4369);
        assert_eq!(port(" ").unwrap(), 4369);
        assert_eq!(port("4370").unwrap(), 4370);
    }

    #[test]
    fn a_port_that_is_none_is_refused_with_what_to_set_instead() {
        for text in ["0", "65536", "epmd", "-1", "4369x"] {
            let said = port(text).unwrap_err().to_string();
            assert!(said.contains("ERL_EPMD_PORT") && said.contains(text), "{said}");
        }
    }

    #[test]
    fn a_node_registers_over_the_loopback_of_its_own_family() {
        assert_eq!(local(Family::V4, 4369).to_string(), "127.0.0.1:4369");
        assert_eq!(local(Family::V6, 4369).to_string(), "[::1]:4369");
    }

    #[test]
    fn a_peers_epmd_is_on_the_peers_host_and_ipv6_literals_get_brackets() {
        assert_eq!(at("10.0.0.7".parse().unwrap(), 4369).to_string(), "10.0.0.7:4369");
        assert_eq!(at("fd00::7".parse().unwrap(), 4369).to_string(), "[fd00::7]:4369");
    }

    #[test]
    fn a_list_of_listen_addresses_reads_as_epmd_writes_it() {
        let read = list("127.0.0.1, 10.0.0.7 ::1,[fd00::7]", 4369).unwrap();
        let read: Vec<String> = read.iter().map(ToString::to_string).collect();
        assert_eq!(read, ["127.0.0.1:4369", "10.0.0.7:4369", "[::1]:4369", "[fd00::7]:4369"]);
        assert_eq!(list(" ,", 4369).unwrap(), []);
        let said = list("127.0.0.1,localhost", 4369).unwrap_err().to_string();
        assert!(said.contains("\"localhost\""), "{said}");
    }
}
