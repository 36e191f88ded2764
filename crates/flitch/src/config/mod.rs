//! A program's configuration: `flitch.toml`, over it the environment, over that the program itself.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let config = flitch::Config::load(None)?;
//! let node = config.builder()?.start().await?;
//! // Servers first, so that whoever is found can call them.
//! let cluster = config.join(&node)?;
//! # Ok(())
//! # }
//! ```
//!
//! | in the file | in the environment | |
//! |---|---|---|
//! | `[node]` | `FLITCH_NODE__NAME`, … | see [`NodeSection`]; `RELEASE_NODE`, `POD_IP`, `RELEASE_COOKIE`, `ERL_DIST_PORT` too |
//! | `[http]` | `FLITCH_HTTP__LISTEN` | see [`HttpSection`] |
//! | `[cluster]` | `FLITCH_CLUSTER__READY` | see [`ClusterSection`] |
//! | `[topologies.NAME]` | `FLITCH_TOPOLOGIES__NAME__STRATEGY`, `…__CONFIG__SERVICE`, … | see [`TopologySection`] |
//!
//! A variable is the key in capitals, with two underscores between the levels. Its value is read as
//! TOML where it is some, so that lists and tables can be written, and as text else.

mod environment;
mod error;
mod place;
mod read;
mod sections;

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use flitch_discovery::topology::strategy;
use flitch_name::{NameKind, NodeName};

pub use error::ConfigError;
pub use sections::{
    ClusterSection, EpmdChoice, HttpSection, NodeSection, Ports, Seconds, TopologySection,
};

use crate::builder::NodeBuilder;
use crate::cluster::Cluster;
use crate::cluster::topology::Topology;
use crate::connect_error::ConnectError;
use crate::cookie::Cookie;
use crate::node::Node;
use crate::registration::Epmd;
use crate::route::PeerPort;
use environment::Environment;
use error::Place;
use read::Source;

/// A program's configuration. What the program decides by itself it sets in the sections, before
/// [`Config::builder`] and [`Config::join`], or in the [`NodeBuilder`].
///
/// ```
/// use flitch::Config;
///
/// let text = "
/// [node]
/// name = 'worker@10.0.0.7'
///
/// [topologies.beams]
/// strategy = 'Kubernetes.DNS'
/// config = { service = 'shop-headless', application_name = 'shop' }
/// ";
/// let config = Config::read(text, [])?;
/// assert_eq!(config.name()?, *"worker@10.0.0.7");
/// assert_eq!(config.topologies()?.len(), 1);
/// # Ok::<(), flitch::ConfigError>(())
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Config {
    /// The node.
    pub node: NodeSection,
    /// What it serves over HTTP.
    pub http: HttpSection,
    /// When it counts as ready.
    pub cluster: ClusterSection,
    /// How it finds its peers, by name.
    pub topologies: Vec<(String, TopologySection)>,
    source: Source,
}

impl Config {
    /// Where a configuration is looked for, in this order, if neither the program nor
    /// `FLITCH_CONFIG` says where it is.
    pub const PLACES: [&str; 2] = ["flitch.toml", "/etc/flitch/flitch.toml"];

    /// The configuration of this process: `file`, else the one of `FLITCH_CONFIG`, else the first
    /// of [`PLACES`](Self::PLACES) that is there, else none; over it the environment.
    ///
    /// # Errors
    /// Names the file and its line, or the variable, with what is allowed there.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        // What is no text cannot be meant for us.
        let variables = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        let environment = Environment::of(variables);
        let named = file.map(Path::to_owned).or_else(|| environment.file().map(PathBuf::from));
        let found = named.or_else(|| {
            Self::PLACES.iter().map(PathBuf::from).find(|place| place.try_exists().unwrap_or(true))
        });
        let text = match &found {
            Some(path) => std::fs::read_to_string(path).map_err(|error| {
                let place = Place { file: Some(path.clone()), ..Place::default() };
                ConfigError::at(place, &format!("cannot be read: {error}"))
            })?,
            None => String::new(),
        };
        read::read(&text, found, environment)
    }

    /// A configuration from a text, and from these variables in the place of the environment.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn read(
        text: &str,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        read::read(text, None, Environment::of(variables))
    }

    /// The file that was read, if there was one.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.source.file()
    }

    /// The node's name: `[node] name` with `POD_IP` behind it where it has no host.
    ///
    /// # Errors
    /// There is none, or it is not one.
    pub fn name(&self) -> Result<NodeName, ConfigError> {
        let text = self.node.name.as_deref().filter(|name| !name.is_empty());
        let pod_ip = self.source.environment.get("POD_IP");
        let whole = match (text, pod_ip) {
            (Some(alive), Some(ip)) if !alive.contains('@') => format!("{alive}@{}", address(ip)?),
            (Some(name), _) => name.to_owned(),
            (None, _) => {
                let message = "the node needs a name, such as worker@127.0.0.1: set RELEASE_NODE, \
                               or name in [node] (--name, --sname)";
                return Err(self.source.error("node.name", message));
            }
        };
        let name = match whole.parse::<NodeName>() {
            Ok(name) if name.kind() == NameKind::Short => NodeName::short(&whole),
            _ => NodeName::long(&whole),
        };
        name.map_err(|error| ConfigError::name(self.source.place("node.name"), error))
    }

    /// Whether everything goes together, before anything is started.
    ///
    /// # Errors
    /// Says what does not, and what to write instead. Files with cookies are not looked at.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.check_peers(&self.name()?)?;
        self.peer_port()?;
        self.topologies().map(drop)
    }

    /// The node in the making.
    ///
    /// # Errors
    /// Says what does not go together, and what to write instead.
    pub fn builder(&self) -> Result<NodeBuilder, ConfigError> {
        let (name, node) = (self.name()?, &self.node);
        self.check_peers(&name)?;
        let mut builder = Node::builder(name).cookie(self.cookie()?).visible(node.visible);
        if let Some(prevent) = node.prevent_overlapping_partitions {
            builder = builder.prevent_overlapping_partitions(prevent);
        }
        if let Some(ports) = &node.dist_port {
            builder = builder.ports(ports.0.clone());
        }
        builder = builder.epmd(node.epmd.into());
        if let Some(port) = self.peer_port()? {
            builder = builder.peer_port(port);
        }
        if let Some(ticktime) = node.net_ticktime {
            builder = builder.net_ticktime(ticktime);
        }
        if let Some(setuptime) = node.net_setuptime {
            builder = builder.setup_timeout(setuptime);
        }
        if let Some(drain) = node.drain {
            builder = builder.drain(drain);
        }
        for address in &node.bind {
            builder = builder.bind(*address);
        }
        for peers in &node.allow {
            builder = builder.allow(peers.clone());
        }
        for (peers, port) in &node.peer_port {
            builder = builder.port_of(peers.clone(), *port);
        }
        for (peers, path) in &node.peer_cookie_file {
            builder = builder.cookie_for(peers.clone(), Cookie::from_file(path)?);
        }
        Ok(builder)
    }

    /// What the node should join: its topologies by name, and `connect` for the peers of `[node]`.
    ///
    /// # Errors
    /// Names the key of an option that cannot work, and what is allowed.
    pub fn topologies(&self) -> Result<Vec<Topology>, ConfigError> {
        let mut topologies = Vec::new();
        if !self.node.connect.is_empty() {
            topologies.push(Topology::new("connect", self.node.connect.clone()));
        }
        for (name, section) in &self.topologies {
            let found = strategy(&section.strategy, section.config.clone());
            let strategy = found.map_err(|error| self.source.topology_error(name, &error))?;
            let mut topology = Topology::new(name.clone(), strategy);
            if let Some(patience) = section.prune_after {
                topology = topology.prune_after(patience);
            }
            topologies.push(topology);
        }
        Ok(topologies)
    }

    /// Joins all topologies. None is joined if one of them cannot be.
    ///
    /// # Errors
    /// As [`Config::topologies`].
    pub fn join(&self, node: &Node) -> Result<Cluster, ConfigError> {
        for topology in self.topologies()? {
            node.join(topology);
        }
        Ok(node.cluster())
    }

    /// What the program gives, else a file named by the environment, else a cookie in it, else the
    /// file that the configuration names, else `~/.erlang.cookie`.
    fn cookie(&self) -> Result<Cookie, ConfigError> {
        let node = &self.node;
        let environment = &self.source.environment;
        let is_first = node.cookie_file_first || environment.source("node.cookie_file").is_some();
        let of = |variable| Some((variable, environment.get(variable)?));
        match (&node.cookie_file, Cookie::VARIABLES.into_iter().find_map(of)) {
            (Some(file), _) if is_first => Ok(Cookie::from_file(file)?),
            (_, Some((variable, text))) => Ok(Cookie::in_variable(variable, text)?),
            (Some(file), None) => Ok(Cookie::from_file(file)?),
            (None, None) => Ok(Cookie::from_home()?),
        }
    }

    /// How peers are found, unless through EPMD.
    fn peer_port(&self) -> Result<Option<PeerPort>, ConfigError> {
        let ports = self.node.dist_port.as_ref().map_or(0..=0, |ports| ports.0.clone());
        match (self.node.epmd.into(), *ports.start(), *ports.end()) {
            (Epmd::None, first, last) if first == last && first != 0 => {
                Ok(Some(PeerPort::Fixed(first)))
            }
            (Epmd::None, _, last) if last != 0 && !self.node.peer_port.is_empty() => {
                Ok(Some(PeerPort::Listed))
            }
            (Epmd::None, _, _) => Err(self.source.error(
                "node.dist_port",
                "without EPMD the peers have to know the port: give the one port that all nodes of \
                 the cluster listen on with dist_port (--dist-port, ERL_DIST_PORT), and the ports \
                 of those that listen elsewhere with peer_port (--peer-port)",
            )),
            _ => Ok(None),
        }
    }

    /// Peers that are named must be such that this node can connect to.
    fn check_peers(&self, name: &NodeName) -> Result<(), ConfigError> {
        let node = &self.node;
        if let Some(peer) = node.connect.iter().find(|peer| peer.kind() != name.kind()) {
            let us_long = name.kind() == NameKind::Long;
            let error = ConnectError::Kind { peer: peer.clone(), us: name.clone(), us_long };
            return Err(ConfigError::peer(self.source.place("node.connect"), error));
        }
        let allowed = |peer| node.allow.is_empty() || node.allow.iter().any(|it| it.matches(peer));
        match node.connect.iter().find(|peer| !allowed(*peer)) {
            Some(peer) => Err(self
                .source
                .error("node.connect", &format!("{peer} is not among those of allow (--allow)"))),
            None => Ok(()),
        }
    }
}

/// The address of the pod as it stands in a name: without brackets, as a BEAM writes it.
fn address(pod_ip: &str) -> Result<&str, ConfigError> {
    let bare = pod_ip.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(pod_ip);
    if bare.parse::<IpAddr>().is_ok() {
        return Ok(bare);
    }
    let place = Place { variable: Some("POD_IP".to_owned()), ..Place::default() };
    let message = "is not one IP address, and the host of the node's name is made of it: take \
                   status.podIP, or one of status.podIPs";
    Err(ConfigError::at(place, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ports(text: &str) -> Result<Option<PeerPort>, ConfigError> {
        Config::read(text, []).and_then(|config| config.peer_port())
    }

    #[test]
    fn without_epmd_the_one_port_is_that_of_the_peers_too() {
        let fixed = ports("[node]\nepmd = 'none'\ndist_port = 9100").unwrap();
        assert_eq!(fixed, Some(PeerPort::Fixed(9100)));
        for port in ["0", "'9100-9105'"] {
            let error = ports(&format!("[node]\nepmd = 'none'\ndist_port = {port}")).unwrap_err();
            let said = error.to_string();
            assert!(said.contains("--dist-port") && said.contains("ERL_DIST_PORT"), "{said}");
        }
        let epmd = ports("node.dist_port = 9100").unwrap();
        assert_eq!(epmd, None, "EPMD knows the ports of the peers");
    }

    #[test]
    fn with_ports_by_peer_the_own_one_may_be_any_of_a_range() {
        let listed = "[node]\nepmd = 'none'\npeer_port = { 'b@*' = 9200 }\n";
        let range = ports(&format!("{listed}dist_port = '9100-9105'")).unwrap();
        assert_eq!(range, Some(PeerPort::Listed));
        let fixed = ports(&format!("{listed}dist_port = '9100'")).unwrap();
        assert_eq!(fixed, Some(PeerPort::Fixed(9100)));
        assert!(ports(listed).is_err(), "nobody could know the port");
    }
}
