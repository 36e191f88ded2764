//! What a server is told.

use std::net::SocketAddr;
use std::time::Duration;

use crate::address::{self, Family};
use crate::session::Rules;

/// What a server is told. The default listens on both loopback addresses of port 4369.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Addresses to listen on; each has to work. IPv6 addresses take IPv6 only, so `0.0.0.0` and
    /// `::` go together. After a port 0, which takes any, later ports 0 mean that same port.
    pub listen: Vec<SocketAddr>,
    /// Addresses to listen on as well if this host has them, such as `::1`.
    pub listen_if_possible: Vec<SocketAddr>,
    /// How many names may be registered at a time.
    pub max_names: usize,
    /// How many connections may wait for their answer at a time. The oldest has to go for one
    /// more.
    pub max_waiting: usize,
    /// How many of these may come from one address, or one IPv6 /64.
    pub max_waiting_per_source: usize,
    /// Deadlines, and who may send which command.
    pub rules: Rules,
    /// How long requests that are on their way may take when the server stops.
    pub grace: Duration,
    /// How busy the server pretends to be: for tests of its clients.
    pub delays: Delays,
}

/// A busy server's slowness, acted out. None by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delays {
    /// Before each connection is accepted. Nobody else is accepted meanwhile.
    pub accept: Duration,
    /// Before each answer. [`Rules::answer_timeout`] goes on meanwhile.
    pub write: Duration,
}

impl Config {
    /// The defaults, on other addresses.
    #[must_use]
    pub fn on(listen: impl IntoIterator<Item = SocketAddr>) -> Self {
        let listen = listen.into_iter().collect();
        Self { listen, listen_if_possible: Vec::new(), ..Self::default() }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: vec![address::local(Family::V4, address::DEFAULT_PORT)],
            listen_if_possible: vec![address::local(Family::V6, address::DEFAULT_PORT)],
            max_names: 65_536,
            max_waiting: 4096,
            max_waiting_per_source: 2048,
            rules: Rules::default(),
            grace: Duration::from_millis(500),
            delays: Delays::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_outside_this_host_is_listened_on_unless_somebody_says_so() {
        let Config { listen, listen_if_possible, .. } = Config::default();
        assert!(listen.iter().chain(&listen_if_possible).all(|address| address.ip().is_loopback()));
    }

    #[test]
    fn addresses_that_are_given_replace_the_default_ones() {
        let config = Config::on(["10.0.0.7:4369".parse().unwrap()]);
        assert_eq!(config.listen.len(), 1);
        assert!(config.listen_if_possible.is_empty());
    }
}
