//! The node's place in EPMD: taken at the start, kept for ever, given up at the end.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use flitch_epmd::address::{self, Family};
use flitch_epmd::backoff::Backoff;
use flitch_epmd::client::Change;
use flitch_epmd::server::{BindError, Stopped};
use flitch_epmd::{ClientError, Config, Endpoint, Registrar, Registration, Server};
use flitch_name::{AliveName, Creation};
use tokio_util::sync::CancellationToken;

use crate::node::{Node, random_u32};
use crate::start::StartError;
use crate::task::{self, Name};

/// Which EPMD a node registers with.
///
/// ```
/// use flitch::{Epmd, Node};
///
/// // In a cluster whose nodes all listen on one port, nobody needs an EPMD.
/// let builder = Node::builder("worker@10.0.0.7".parse()?)
///     .epmd(Epmd::None)
///     .peer_port(flitch::PeerPort::Fixed(9100));
/// assert_eq!(Epmd::default(), Epmd::Auto);
/// # let _ = builder;
/// # Ok::<(), flitch::NameError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Epmd {
    /// The one that runs on this host; if none does, one inside this program.
    #[default]
    Auto,
    /// The one that runs on this host.
    External,
    /// One inside this program.
    Embedded,
    /// None: peers know the port.
    None,
}

/// What is to be registered, and where.
pub(crate) struct Plan {
    pub(crate) place: Epmd,
    /// EPMD's port.
    pub(crate) port: u16,
    pub(crate) alive: AliveName,
    pub(crate) host: String,
    pub(crate) bind: Vec<IpAddr>,
    /// The port that peers connect to.
    pub(crate) node_port: u16,
    pub(crate) visible: bool,
}

/// How long each attempt may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The first wait between attempts, and the longest.
const WAITS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// How long an EPMD may be away before a node that may starts its own.
const AWAY: Duration = Duration::from_secs(10);

/// A name that is registered, or need not be.
pub(crate) struct Registered {
    plan: Plan,
    held: Option<(Registrar, Registration)>,
    served: Option<Served>,
}

/// Registers the name for the first time.
pub(crate) async fn begin(plan: Plan) -> Result<Registered, StartError> {
    if plan.place == Epmd::None {
        return Ok(Registered { plan, held: None, served: None });
    }
    let registrar = plan.registrar();
    if plan.place != Epmd::Embedded {
        match registrar.register().await {
            Ok(first) => {
                return Ok(Registered { plan, held: Some((registrar, first)), served: None });
            }
            Err(ClientError::NoDaemon { .. }) if plan.place == Epmd::Auto => {}
            Err(error) => return Err(error.into()),
        }
    }
    let served = match Served::start(plan.server().await) {
        // Another node of this host has begun to serve one since we asked.
        Err(BindError::InUse { .. }) if plan.place == Epmd::Auto => None,
        served => Some(served?),
    };
    match registrar.register().await {
        Ok(first) => Ok(Registered { plan, held: Some((registrar, first)), served }),
        Err(error) => {
            if let Some(served) = served {
                served.stop().await;
            }
            Err(error.into())
        }
    }
}

impl Registered {
    /// What EPMD handed out.
    pub(crate) fn creation(&self) -> Option<Creation> {
        self.held.as_ref().map(|(_, registration)| registration.creation())
    }

    /// Keeps the name registered until the node stops.
    pub(crate) fn keep(self, node: &Node) {
        let Self { plan, held, mut served } = self;
        let Some((registrar, first)) = held else { return };
        let creation = first.creation();
        tracing::info!(name = %plan.alive, creation = creation.value(), "registered in EPMD");
        node.set_unregistered(false);
        let keeping = node.clone();
        let name = Name::of(|| "EPMD registration".to_owned());
        task::spawn(node.tasks(), name, async move {
            let config = plan.server().await;
            let mut away = None;
            let report = |change: Change| {
                let missing = log(&plan.alive, &change);
                let since = *away.get_or_insert_with(Instant::now);
                if !missing {
                    away = None;
                } else if plan.may_serve(served.as_ref()) && since.elapsed() > AWAY {
                    served = Served::start(config.clone())
                        .inspect_err(|error| tracing::warn!(%error, "no EPMD of our own either"))
                        .ok();
                }
            };
            registrar.keep(Some(first), report, keeping.stopping()).await;
            keeping.set_unregistered(true);
            if let Some(served) = served {
                served.stop().await;
            }
        });
    }
}

/// Logs a change. Whether there is no EPMD.
fn log(alive: &AliveName, change: &Change) -> bool {
    match change {
        Change::Registered { creation } => {
            tracing::info!(name = %alive, creation = creation.value(), "registered in EPMD");
        }
        Change::Lost(lost) => tracing::warn!(name = %alive, %lost, "no longer in EPMD"),
        Change::Failed { error, retry_in } if error.is_name_taken() => {
            tracing::error!(name = %alive, %error, ?retry_in, "not in EPMD");
        }
        Change::Failed { error, retry_in } => {
            tracing::debug!(name = %alive, %error, ?retry_in, "not in EPMD yet");
        }
        change => tracing::info!(name = %alive, %change, "EPMD"),
    }
    matches!(change, Change::Failed { error: ClientError::NoDaemon { .. }, .. })
}

/// An EPMD inside this program.
struct Served {
    stop: CancellationToken,
    serving: tokio::task::JoinHandle<Stopped>,
}

impl Served {
    fn start(config: Config) -> Result<Self, BindError> {
        let server = Server::bind(config)?;
        let addresses = server.local_addresses();
        tracing::info!(?addresses, "no EPMD here: serving one from this program");
        let stop = CancellationToken::new();
        let serving = tokio::spawn(server.serve(stop.clone().cancelled_owned()));
        Ok(Self { stop, serving })
    }

    async fn stop(mut self) {
        self.stop.cancel();
        let _ = (&mut self.serving).await;
    }
}

impl Drop for Served {
    /// A node whose start is given up leaves no EPMD behind.
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Plan {
    /// Whether an EPMD of our own is to take the place of one that is gone, ours included: anybody
    /// on this host may end it.
    fn may_serve(&self, served: Option<&Served>) -> bool {
        let gone = served.is_none_or(|served| served.serving.is_finished());
        gone && matches!(self.place, Epmd::Auto | Epmd::Embedded)
    }

    fn family(&self) -> Family {
        if self.bind.iter().all(IpAddr::is_ipv6) { Family::V6 } else { Family::V4 }
    }

    fn registrar(&self) -> Registrar {
        let endpoint = match self.visible {
            true => Endpoint::normal(self.node_port),
            false => Endpoint::hidden(self.node_port),
        };
        let epmd = address::local(self.family(), self.port);
        let backoff = Backoff::new(WAITS.0, WAITS.1, random_u32);
        Registrar::new(epmd, self.alive.clone(), endpoint, PATIENCE, backoff)
    }

    /// Where an EPMD inside this program listens: on loopback, where this host's nodes register,
    /// and on the addresses that peers know this node by.
    async fn server(&self) -> Config {
        let loopback = |family| address::local(family, self.port);
        let mut config = Config::on([loopback(self.family())]);
        let other = match self.family() {
            Family::V4 => Family::V6,
            Family::V6 => Family::V4,
        };
        let mut more = vec![loopback(other)];
        let known = tokio::net::lookup_host((self.host.as_str(), 0));
        if let Ok(Ok(known)) = tokio::time::timeout(PATIENCE, known).await {
            more.extend(known.map(|address| SocketAddr::new(address.ip(), self.port)));
        }
        more.extend(self.bind.iter().map(|address| SocketAddr::new(*address, self.port)));
        let everywhere = [IpAddr::from(Ipv4Addr::UNSPECIFIED), Ipv6Addr::UNSPECIFIED.into()];
        for address in more {
            let wanted = !everywhere.contains(&address.ip()) && !config.listen.contains(&address);
            if wanted && !config.listen_if_possible.contains(&address) {
                config.listen_if_possible.push(address);
            }
        }
        config
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(host: &str, bind: &[&str]) -> Plan {
        Plan {
            place: Epmd::Auto,
            port: 4369,
            alive: "worker".parse().unwrap(),
            host: host.to_owned(),
            bind: bind.iter().map(|address| address.parse().unwrap()).collect(),
            node_port: 1,
            visible: false,
        }
    }

    #[tokio::test]
    async fn our_own_epmd_listens_on_loopback_and_where_peers_know_us_and_nowhere_else() {
        let config = plan("10.0.0.7", &["0.0.0.0"]).server().await;
        assert_eq!(config.listen, ["127.0.0.1:4369".parse().unwrap()]);
        let more: Vec<String> = config.listen_if_possible.iter().map(ToString::to_string).collect();
        assert_eq!(more, ["[::1]:4369", "10.0.0.7:4369"]);
    }

    #[tokio::test]
    async fn a_node_on_ipv6_registers_over_ipv6() {
        let plan = plan("fd00::7", &["fd00::7"]);
        assert_eq!(plan.family(), Family::V6);
        let config = plan.server().await;
        assert_eq!(config.listen, ["[::1]:4369".parse().unwrap()]);
        assert!(config.listen_if_possible.contains(&"[fd00::7]:4369".parse().unwrap()));
    }
}
