//! How a node is made: its name, cookie, addresses, and its place in EPMD.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use flitch_dist::InboundLimits;
use flitch_name::{Creation, NodeName};

use crate::cookie::{Cookie, CookieError};
use crate::dial::PeerPort;
use crate::listener;
use crate::node::{Node, Settings, random_u32};
use crate::registration::{self, Epmd};
use crate::system::{self, Output};

/// A node in the making.
///
/// ```no_run
/// use flitch::{Cookie, Node};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let node = Node::builder("worker@10.0.0.7".parse()?)
///     .cookie(Cookie::from_env("RELEASE_COOKIE")?)
///     .start()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a node is made by `start`"]
pub struct NodeBuilder {
    name: NodeName,
    cookie: Option<Cookie>,
    bind: Vec<IpAddr>,
    ports: RangeInclusive<u16>,
    listen: bool,
    epmd: Epmd,
    epmd_port: Option<u16>,
    peer_port: Option<PeerPort>,
    settings: Settings,
    output: Output,
}

/// Why a node could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// There is no cookie.
    #[error(transparent)]
    Cookie(#[from] CookieError),
    /// The port cannot be listened on.
    #[error("cannot listen on port {ports} of {addresses}: {source}")]
    Listen {
        /// The port, or the range.
        ports: String,
        /// The addresses.
        addresses: String,
        /// What the system says.
        source: io::Error,
    },
    /// EPMD does not take the name, or is not there and should be.
    #[error(transparent)]
    Epmd(#[from] flitch_epmd::ClientError),
    /// The embedded EPMD cannot be started.
    #[error(transparent)]
    EmbeddedEpmd(#[from] flitch_epmd::server::BindError),
    /// `ERL_EPMD_PORT` is no port.
    #[error(transparent)]
    EpmdPort(#[from] flitch_epmd::address::AddressError),
    /// The name cannot be registered.
    #[error(transparent)]
    Name(#[from] flitch_name::NameError),
}

impl NodeBuilder {
    pub(crate) fn new(name: NodeName) -> Self {
        Self {
            name,
            cookie: None,
            bind: Vec::new(),
            ports: 0..=0,
            listen: true,
            epmd: Epmd::Auto,
            epmd_port: None,
            peer_port: None,
            settings: Settings::default(),
            output: Arc::new(|text| tracing::info!(text, "printed by a function elsewhere")),
        }
    }

    /// The cluster's cookie. Without it, [`Cookie::find`] looks for one.
    pub fn cookie(mut self, cookie: Cookie) -> Self {
        self.cookie = Some(cookie);
        self
    }

    /// Whether the node shows itself in `nodes()` of its peers. It does not unless told.
    ///
    /// A visible node is one that `global` counts on, and this one takes no part in `global`'s
    /// protocol yet: names and locks of the others work, but `global:sync/0` waits for it.
    pub fn visible(mut self, visible: bool) -> Self {
        self.settings.visible = visible;
        self
    }

    /// An address to listen on; call it again for more. All of IPv4 unless given, or all of IPv6
    /// for a name with an IPv6 host.
    pub fn bind(mut self, address: IpAddr) -> Self {
        self.bind.push(address);
        self
    }

    /// The port to listen on: the first free one of a range. Any port unless given.
    pub fn ports(mut self, ports: RangeInclusive<u16>) -> Self {
        self.ports = ports;
        self
    }

    /// Whether peers can connect to this node. One that only dials needs no port and no EPMD.
    pub fn listen(mut self, listen: bool) -> Self {
        self.listen = listen;
        self
    }

    /// Which EPMD the node registers with.
    pub fn epmd(mut self, epmd: Epmd) -> Self {
        self.epmd = epmd;
        self
    }

    /// EPMD's port, here and on the peers' hosts. `ERL_EPMD_PORT` or 4369 unless given.
    pub fn epmd_port(mut self, port: u16) -> Self {
        self.epmd_port = Some(port);
        self
    }

    /// How the ports of peers are found. Through EPMD unless given.
    pub fn peer_port(mut self, port: PeerPort) -> Self {
        self.peer_port = Some(port);
        self
    }

    /// `net_ticktime`: a peer that is silent for so long is gone. 60 seconds unless given; the
    /// same on all nodes of a cluster.
    pub fn net_ticktime(mut self, ticktime: Duration) -> Self {
        self.settings.ticktime = ticktime;
        self
    }

    /// `net_setuptime`: how long reaching a peer may take, from the resolver to the end of the
    /// handshake, and how long a handshake that a peer began. 7 seconds unless given.
    pub fn setup_timeout(mut self, patience: Duration) -> Self {
        self.settings.setup_timeout = patience;
        self
    }

    /// `net_tickintensity`: how often a quiet link ticks in one [`net_ticktime`](Self::net_ticktime).
    /// 4 times unless given.
    pub fn net_tickintensity(mut self, ticks: u32) -> Self {
        self.settings.tickintensity = ticks;
        self
    }

    /// The largest message that is accepted, in bytes. Unless given, 256 MiB in fragments, as all
    /// BEAMs send it, and 64 MiB in one piece. Messages that have begun and not ended may take
    /// twice as much, all together, on one link.
    pub fn max_message(mut self, bytes: usize) -> Self {
        let unfinished = bytes.saturating_mul(2);
        self.settings.inbound =
            InboundLimits { frame: bytes, message: bytes, unfinished, ..InboundLimits::DEFAULT };
        self
    }

    /// How many links and monitors a peer may have made to processes of ours, and these to its
    /// processes. 2²⁰ unless given; a peer that makes more loses its link.
    pub fn max_bonds(mut self, count: usize) -> Self {
        self.settings.max_bonds = count;
        self
    }

    /// How much may wait for one peer before senders wait, in bytes. 16 MiB unless given.
    pub fn link_limit(mut self, bytes: usize) -> Self {
        self.settings.link_limit = bytes;
        self
    }

    /// How much may wait in one mailbox, in bytes. 256 MiB unless given; a process beyond ends
    /// with the reason `mailbox_full`.
    pub fn mailbox_limit(mut self, bytes: usize) -> Self {
        self.settings.mailbox_limit = bytes;
        self
    }

    /// How long [`Node::shutdown`] waits for calls that are under way, and then for servers to
    /// end. 3 seconds unless given.
    pub fn drain(mut self, patience: Duration) -> Self {
        self.settings.drain = patience;
        self
    }

    /// Where the output of functions goes that this node runs elsewhere. Into the log unless
    /// given.
    pub fn output(mut self, output: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.output = Arc::new(output);
        self
    }

    /// Starts the node: listens, registers, and is ready for peers.
    ///
    /// # Errors
    /// What is in the way, and what to do about it.
    pub async fn start(mut self) -> Result<Node, StartError> {
        let cookie = match self.cookie.take() {
            Some(cookie) => cookie,
            None => Cookie::find(None)?,
        };
        if let Some(weakness) = cookie.weakness() {
            tracing::warn!("the cookie is weak: {weakness}; whoever has it can run code on BEAMs");
        }
        if self.settings.visible {
            tracing::warn!("visible, without a part in `global`: global:sync/0 of peers waits");
        }
        let epmd_port = match self.epmd_port {
            Some(port) => port,
            None => flitch_epmd::address::port_from_env()?,
        };
        self.settings.peer_port = self.peer_port.unwrap_or(PeerPort::Epmd(epmd_port));
        if self.bind.is_empty() {
            self.bind = vec![default_bind(&self.name)];
        }
        let listeners = if self.listen { self.listeners()? } else { Vec::new() };
        let local = listeners.first().and_then(|listener| listener.local_addr().ok());
        let port = local.map_or(0, |local| local.port());
        let place = if self.listen { self.epmd } else { Epmd::None };
        let plan = registration::Plan {
            place,
            port: epmd_port,
            alive: self.name.alive_name()?,
            host: self.name.host().to_owned(),
            bind: self.bind.clone(),
            node_port: port,
            visible: self.settings.visible,
        };
        let registered = registration::begin(plan).await?;
        let creation = match registered.creation() {
            Some(creation) => creation,
            None => Creation::from_random(random_u32()),
        };
        let (node, requests) = Node::assemble(self.name, creation, port, cookie, self.settings);
        system::start(&node, requests, self.output);
        registered.keep(&node);
        let handshakes = listener::Handshakes::new();
        for listener in listeners {
            node.tasks().spawn(listener::listen(node.clone(), listener, handshakes.clone()));
        }
        Ok(node)
    }

    fn listeners(&self) -> Result<Vec<tokio::net::TcpListener>, StartError> {
        listener::bind(&self.bind, self.ports.clone()).map_err(|source| {
            let ports = match (self.ports.start(), self.ports.end()) {
                (first, last) if first == last => first.to_string(),
                (first, last) => format!("{first}-{last}"),
            };
            let addresses: Vec<String> = self.bind.iter().map(ToString::to_string).collect();
            StartError::Listen { ports, addresses: addresses.join(", "), source }
        })
    }
}

/// All addresses of the family that peers will use, as the name tells it.
fn default_bind(name: &NodeName) -> IpAddr {
    match name.host().parse() {
        Ok(IpAddr::V6(_)) => IpAddr::from([0u16; 8]),
        _ => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    }
}
