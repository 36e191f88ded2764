//! The sections of a configuration, as they are written.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use flitch_name::{NodeName, NodePattern};
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::registration::Epmd;

/// `[node]`: the node, as [`NodeBuilder`](crate::NodeBuilder) makes it.
///
/// ```
/// use flitch::Config;
///
/// let config = Config::read("node.drain = 10", [("ERL_DIST_PORT".to_owned(), "9100".to_owned())])?;
/// assert_eq!(config.node.drain, Some(std::time::Duration::from_secs(10)));
/// assert_eq!(config.node.dist_port, Some("9100".parse()?));   // the variable is stronger
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct NodeSection {
    /// Its name, such as `worker@10.0.0.7`. Where there is no host, it is `POD_IP`. The variable
    /// `RELEASE_NODE` is stronger.
    pub name: Option<String>,
    /// The file with the cookie, for its owner alone. The variables of
    /// [`Cookie::VARIABLES`](crate::Cookie::VARIABLES) are stronger, and stronger than those is
    /// `FLITCH_NODE__COOKIE_FILE`.
    pub cookie_file: Option<PathBuf>,
    /// Whether [`cookie_file`](Self::cookie_file) is stronger than the environment, because the
    /// program gives it. No key of the file.
    #[serde(skip)]
    pub cookie_file_first: bool,
    /// The port to listen on: one, or a range such as `"9100-9105"`. The variable `ERL_DIST_PORT`
    /// is stronger.
    pub dist_port: Option<Ports>,
    /// The addresses to listen on.
    pub bind: Vec<IpAddr>,
    /// Which EPMD to register with.
    pub epmd: EpmdChoice,
    /// Whether the node shows itself in `nodes()` of its peers.
    pub visible: bool,
    /// Whether a visible node has all disconnect from one that it has lost; it does unless told. The
    /// same on all nodes of a cluster.
    pub prevent_overlapping_partitions: Option<bool>,
    /// Nodes to stay connected to.
    #[serde(deserialize_with = "texts")]
    pub connect: Vec<NodeName>,
    /// Nodes that may connect, and be connected to; all, if there is none.
    #[serde(deserialize_with = "texts")]
    pub allow: Vec<NodePattern>,
    /// The ports of some peers, such as `{ "db@*" = 9200 }`; the first that fits counts.
    #[serde(deserialize_with = "by_pattern")]
    pub peer_port: Vec<(NodePattern, u16)>,
    /// The files with the cookies for some peers; the first that fits counts.
    #[serde(deserialize_with = "by_pattern")]
    pub peer_cookie_file: Vec<(NodePattern, PathBuf)>,
    /// Seconds; the same on all nodes of a cluster.
    #[serde(deserialize_with = "seconds")]
    pub net_ticktime: Option<Duration>,
    /// Seconds.
    #[serde(deserialize_with = "seconds")]
    pub net_setuptime: Option<Duration>,
    /// Seconds that calls in flight are given when the node shuts down; 0 is none.
    #[serde(deserialize_with = "seconds_or_none")]
    pub drain: Option<Duration>,
}

/// `[http]`: what a program may serve to those who watch over it.
///
/// ```
/// use flitch::Config;
///
/// let config = Config::read("http.listen = '0.0.0.0:4000'", [])?;
/// assert_eq!(config.http.listen.map(|it| it.port()), Some(4000));
/// # Ok::<(), flitch::ConfigError>(())
/// ```
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct HttpSection {
    /// Where `/livez` and `/readyz` are, such as `"0.0.0.0:4000"`. Nowhere, unless given.
    pub listen: Option<SocketAddr>,
}

/// `[cluster]`: when a node counts as ready.
///
/// ```
/// use flitch::Config;
///
/// let config = Config::read("cluster.ready = 2", [])?;
/// assert_eq!(config.cluster.ready, 2);
/// # Ok::<(), flitch::ConfigError>(())
/// ```
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct ClusterSection {
    /// How many peers that a topology has found have to be up.
    pub ready: usize,
}

/// `[topologies.NAME]`: a strategy and its options, in the words of libcluster.
///
/// ```
/// use flitch::config::TopologySection;
///
/// let config = toml::toml! { secret = "of the cluster" };
/// let topology = TopologySection::new("Gossip", config);
/// // What options hold is shown nowhere: it may be a secret.
/// assert!(!format!("{topology:?}").contains("of the cluster"));
/// ```
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct TopologySection {
    /// Such as `Kubernetes.DNS`; `Cluster.Strategy.` before it is fine.
    pub strategy: String,
    /// Its options; durations are milliseconds.
    #[serde(default)]
    pub config: toml::Table,
    /// Milliseconds after which a peer is disconnected that complete answers are without.
    #[serde(default, deserialize_with = "milliseconds")]
    pub prune_after: Option<Duration>,
}

impl TopologySection {
    /// A strategy with options.
    #[must_use]
    pub fn new(strategy: impl Into<String>, config: toml::Table) -> Self {
        Self { strategy: strategy.into(), config, prune_after: None }
    }
}

impl fmt::Debug for TopologySection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // There may be a secret among the values.
        let options: Vec<_> = self.config.keys().collect();
        f.debug_struct("TopologySection")
            .field("strategy", &self.strategy)
            .field("options", &options)
            .field("prune_after", &self.prune_after)
            .finish()
    }
}

/// A port, or a range of which the first free one is taken.
///
/// ```
/// use flitch::config::Ports;
///
/// assert_eq!("9100-9105".parse(), Ok(Ports(9100..=9105)));
/// assert!("many".parse::<Ports>().unwrap_err().contains("from 0 to 65535"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ports(pub RangeInclusive<u16>);

impl FromStr for Ports {
    type Err = String;

    /// Reads `0`, `9100` or `9100-9105`. What a start script exports without a value is any port.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is no port: write a number from 0 to 65535, or a range such as 9100-9105"
            )
        };
        let text = text.trim();
        if text.is_empty() {
            return Ok(Self(0..=0));
        }
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let (first, last): (u16, u16) = match (first.parse(), last.parse()) {
            (Ok(first), Ok(last)) => (first, last),
            _ => return Err(wrong()),
        };
        if first > last || (first == 0 && last > 0) { Err(wrong()) } else { Ok(Self(first..=last)) }
    }
}

impl<'de> Deserialize<'de> for Ports {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Port;

        impl Visitor<'_> for Port {
            type Value = Ports;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a port, or a range such as \"9100-9105\"")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Ports, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_i64<E: Error>(self, port: i64) -> Result<Ports, E> {
                self.visit_str(&port.to_string())
            }
        }

        deserializer.deserialize_any(Port)
    }
}

/// The words for [`Epmd`].
///
/// ```
/// use flitch::Config;
/// use flitch::config::EpmdChoice;
///
/// let config = Config::read("node.epmd = 'none'", [])?;
/// assert_eq!(config.node.epmd, EpmdChoice::None);
/// # Ok::<(), flitch::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EpmdChoice {
    /// The one that runs here; if none does, one inside this program.
    #[default]
    Auto,
    /// The one that runs here.
    External,
    /// One inside this program.
    Embedded,
    /// None: the ports of the peers are known.
    None,
}

impl From<EpmdChoice> for Epmd {
    fn from(choice: EpmdChoice) -> Self {
        match choice {
            EpmdChoice::Auto => Self::Auto,
            EpmdChoice::External => Self::External,
            EpmdChoice::Embedded => Self::Embedded,
            EpmdChoice::None => Self::None,
        }
    }
}

/// A list of what is written as text.
fn texts<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: fmt::Display>,
{
    let texts = Vec::<String>::deserialize(deserializer)?;
    texts.iter().map(|text| text.parse().map_err(D::Error::custom)).collect()
}

/// A table whose keys are patterns, in the order of the file.
fn by_pattern<'de, D, T>(deserializer: D) -> Result<Vec<(NodePattern, T)>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct Table<T>(std::marker::PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Table<T> {
        type Value = Vec<(NodePattern, T)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a table of patterns, such as { \"db@*\" = … }")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut entries = Vec::new();
            while let Some((pattern, value)) = map.next_entry::<String, T>()? {
                entries.push((pattern.parse().map_err(A::Error::custom)?, value));
            }
            Ok(entries)
        }
    }

    deserializer.deserialize_map(Table(std::marker::PhantomData))
}

/// Seconds, such as 5 or 0.5.
///
/// ```
/// use flitch::config::Seconds;
/// use std::time::Duration;
///
/// let Seconds(time) = "0.5".parse()?;
/// assert_eq!(time, Duration::from_millis(500));
/// # Ok::<(), &'static str>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seconds(pub Duration);

impl Seconds {
    fn new(seconds: f64) -> Result<Self, &'static str> {
        /// A year: beyond it, clocks overflow.
        const MOST: f64 = 31_536_000.0;
        let time = Duration::try_from_secs_f64(seconds).map_err(|_| Self::FORM)?;
        if seconds <= MOST { Ok(Self(time)) } else { Err(Self::FORM) }
    }

    const FORM: &str = "write seconds, such as 5 or 0.5";
}

impl FromStr for Seconds {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        Self::new(text.parse().map_err(|_| Self::FORM)?)
    }
}

fn seconds_or_none<'de, D>(deserializer: D) -> Result<Option<Duration>, D::Error>
where
    D: Deserializer<'de>,
{
    Seconds::new(f64::deserialize(deserializer)?).map(|it| Some(it.0)).map_err(D::Error::custom)
}

/// More than none.
fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    match seconds_or_none(deserializer)? {
        Some(Duration::ZERO) => Err(D::Error::custom(Seconds::FORM)),
        time => Ok(time),
    }
}

fn milliseconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    u32::deserialize(deserializer).map(|it| Some(Duration::from_millis(it.into())))
}
