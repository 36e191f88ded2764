//! `flitch node`.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use flitch::config::{Ports, Seconds};
use flitch::{NodeName, NodePattern};

use super::common::{CookieArgs, Format, seconds};

/// Run a node until SIGTERM or SIGINT.
///
/// The node serves a GenServer named `flitch`: `:ping` answers `:pong`, `{:echo, term}` the term,
/// `:info` a map.
///
/// What is not given here comes from the environment (FLITCH_NODE__DIST_PORT for dist_port in
/// [node], and so on), and what is not there from a file: that of --config, else of FLITCH_CONFIG,
/// else flitch.toml here, else /etc/flitch/flitch.toml.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flitch node --name worker@127.0.0.1
  flitch node --name worker@10.0.0.7 --connect app@10.0.0.5 --dist-port 9100-9105
  RELEASE_NODE=worker@10.0.0.7 ERL_DIST_PORT=9100 flitch node --epmd none
  flitch node --name worker@10.0.0.7 --allow 'app-*@10.0.*' --peer-port 'db@*=9200'
  flitch node --config rel/flitch.toml --http 0.0.0.0:4000 --ready 2

Then, in iex:
  GenServer.call({:flitch, :\"worker@127.0.0.1\"}, :info)")]
pub(crate) struct NodeArgs {
    /// The node's name with a full host, such as worker@10.0.0.7 [else: RELEASE_NODE]
    #[arg(long, value_name = "NAME@HOST", conflicts_with = "sname")]
    pub(crate) name: Option<String>,
    /// The node's name with a host of one label, such as worker@db
    #[arg(long, value_name = "NAME@HOST")]
    pub(crate) sname: Option<String>,
    /// The file with everything that is not given otherwise
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) cookie: CookieArgs,
    /// The port to listen on: 0 for any, or a range such as 9100-9105 for its first free one
    /// [else: ERL_DIST_PORT] [default: 0]
    #[arg(long, value_name = "PORT")]
    pub(crate) dist_port: Option<Ports>,
    /// An address to listen on; repeatable [default: all of the name's family]
    #[arg(long, value_name = "IP")]
    pub(crate) bind: Vec<IpAddr>,
    /// Which EPMD to register with [default: auto]
    #[arg(long, value_name = "WHICH", value_enum)]
    pub(crate) epmd: Option<EpmdArg>,
    /// Show in `nodes()` of the peers, be connected to all of them, and take part in `global`
    #[arg(long)]
    pub(crate) visible: bool,
    /// A node to stay connected to; repeatable
    #[arg(long, value_name = "NODE")]
    pub(crate) connect: Vec<NodeName>,
    /// Nodes that may connect and be connected to, such as 'app-*@10.0.*'; repeatable [default: all]
    #[arg(long, value_name = "PATTERN")]
    pub(crate) allow: Vec<NodePattern>,
    /// The port that some peers listen on, with no EPMD asked, such as 'db@*=9200'; repeatable
    #[arg(long, value_name = "PATTERN=PORT", value_parser = peer_port)]
    pub(crate) peer_port: Vec<(NodePattern, u16)>,
    /// A file with the cookie for some peers, such as 'db@*=/run/secrets/db'; repeatable
    #[arg(long, value_name = "PATTERN=FILE", value_parser = peer_cookie)]
    pub(crate) peer_cookie_file: Vec<(NodePattern, PathBuf)>,
    /// A peer that is silent for so long is gone; the same on all nodes of a cluster [default: 60]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) net_ticktime: Option<Duration>,
    /// How long reaching a peer, or the handshake of one that comes, may take [default: 7]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) net_setuptime: Option<Duration>,
    /// How long calls in flight may take when the node shuts down [default: 3]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) drain: Option<Seconds>,
    /// Serve /livez, /readyz and /metrics there
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) http: Option<SocketAddr>,
    /// How many discovered peers have to be up for /readyz to say so [default: 0]
    #[arg(long, value_name = "PEERS")]
    pub(crate) ready: Option<usize>,
    /// How the log on standard error is written; RUST_LOG says how much of it
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    pub(crate) log_format: Format,
}

/// The values of `--epmd`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum EpmdArg {
    /// The one that runs here; if none does, one inside this program
    Auto,
    /// The one that runs here
    External,
    /// One inside this program
    Embedded,
    /// None: the peers listen on the port of --dist-port, or on those of --peer-port
    None,
}

/// `db@*=9200`.
fn peer_port(text: &str) -> Result<(NodePattern, u16), String> {
    let (peers, port) = for_peers(text, "PORT")?;
    match port.parse() {
        Ok(port) if port != 0 => Ok((peers, port)),
        _ => Err(format!("{port:?} is no port: write a number from 1 to 65535")),
    }
}

/// `db@*=/run/secrets/db`.
fn peer_cookie(text: &str) -> Result<(NodePattern, PathBuf), String> {
    let (peers, path) = for_peers(text, "FILE")?;
    Ok((peers, PathBuf::from(path)))
}

/// What stands before the first `=`, which few node names have, and what stands behind it.
fn for_peers<'a>(text: &'a str, what: &str) -> Result<(NodePattern, &'a str), String> {
    let form = || format!("write it as PATTERN={what}, such as 'db@*={}'", what.to_lowercase());
    let (peers, value) = text.split_once('=').ok_or_else(form)?;
    let peers = peers.parse().map_err(|error: flitch::PatternError| error.to_string())?;
    if value.is_empty() { Err(form()) } else { Ok((peers, value)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_for_some_peers_is_a_pattern_and_a_value() {
        let (peers, port) = peer_port("db@*=9200").unwrap();
        assert_eq!((peers.to_string().as_str(), port), ("db@*", 9200));
        let (peers, path) = peer_cookie("10.0.*=/run/a=b").unwrap();
        assert_eq!((peers.to_string().as_str(), path), ("*@10.0.*", "/run/a=b".into()));
        for text in ["db@*", "db@*=", "db@*=x", "db@*=0", "a@b@c=1", "=9200"] {
            assert!(!peer_port(text).unwrap_err().is_empty(), "{text}");
        }
    }
}
