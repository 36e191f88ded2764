//! How a node is made: its name, cookie, addresses, and its place in EPMD.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use flitch_name::{NodeName, NodePattern};

use crate::cookie::Cookie;
use crate::node::Settings;
use crate::registration::Epmd;
use crate::route::PeerPort;
use crate::system::Output;

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
    pub(crate) name: Name,
    pub(crate) cookie: Option<Cookie>,
    pub(crate) cookies: Vec<(NodePattern, Cookie)>,
    pub(crate) bind: Vec<IpAddr>,
    pub(crate) ports: RangeInclusive<u16>,
    pub(crate) listen: bool,
    pub(crate) epmd: Epmd,
    pub(crate) epmd_port: Option<u16>,
    pub(crate) peer_port: Option<PeerPort>,
    pub(crate) settings: Settings,
    pub(crate) output: Output,
}

/// Where the name comes from.
#[derive(Clone)]
pub(crate) enum Name {
    Own(NodeName),
    /// From the first peer.
    Given {
        by: NodeName,
        host: String,
    },
}

impl NodeBuilder {
    pub(crate) fn new(name: NodeName) -> Self {
        Self::with(Name::Own(name))
    }

    pub(crate) fn named_by(by: NodeName, host: &str) -> Self {
        Self::with(Name::Given { by, host: host.to_owned() })
    }

    fn with(name: Name) -> Self {
        Self {
            name,
            cookie: None,
            cookies: Vec::new(),
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

    /// Another cookie for some peers, as `erlang:set_cookie(Node, Cookie)` has it; call it again
    /// for more. Of several that fit a peer, the one given first counts.
    pub fn cookie_for(mut self, peers: NodePattern, cookie: Cookie) -> Self {
        self.cookies.push((peers, cookie));
        self
    }

    /// Nodes that may connect, and be connected to; call it again for more. All may unless given.
    ///
    /// As `net_kernel:allow/1`, with patterns. It keeps out who knows the cookie; a name is no
    /// proof of anything against who does not.
    pub fn allow(mut self, peers: NodePattern) -> Self {
        self.settings.allow.push(peers);
        self
    }

    /// Whether the node shows itself in `nodes()` of its peers. It does not unless told.
    ///
    /// A visible node takes part in `global`: it is connected to every node of the cluster, and has
    /// their names ([`Node::global`](crate::Node::global)).
    pub fn visible(mut self, visible: bool) -> Self {
        self.settings.visible = visible;
        self
    }

    /// Whether a visible node, when it has lost the connection to another one, has all disconnect
    /// from that one, so that there are never nodes which see both sides of a partition. It does
    /// unless told; it is to be as on the other nodes (kernel's `prevent_overlapping_partitions`).
    pub fn prevent_overlapping_partitions(mut self, prevent: bool) -> Self {
        self.settings.prevent_overlapping_partitions = prevent;
        self
    }

    /// An address to listen on; call it again for more. All addresses of the families that the
    /// name's host has, unless given: IPv6 for `worker@fd00::7`, both where a name resolves to both.
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

    /// The port that some peers listen on, so that no EPMD is asked for it; call it again for
    /// more. Of several that fit a peer, the one given first counts.
    pub fn port_of(mut self, peers: NodePattern, port: u16) -> Self {
        self.settings.ports.known.push((peers, port));
        self
    }

    /// Where some peers are reached, whatever host their name has: the near end of a forwarded port
    /// or of a tunnel. Call it again for more: of several that fit a peer, each is tried in turn.
    pub fn address_of(mut self, peers: NodePattern, address: SocketAddr) -> Self {
        self.settings.ports.addresses.push((peers, address));
        self
    }

    /// How the ports of the other peers are found. Through EPMD unless given.
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
    /// BEAMs send it, and 64 MiB in one piece.
    pub fn max_message(mut self, bytes: usize) -> Self {
        self.settings.inbound.frame = bytes;
        self.settings.inbound.message = bytes;
        self
    }

    /// How much a peer may have under way on its link, in bytes: messages in fragments that have
    /// begun and not ended, one for each of its processes that sends a large one. 4 GiB unless
    /// given; beyond, the link ends.
    pub fn max_unfinished(mut self, bytes: usize) -> Self {
        self.settings.inbound.unfinished = bytes;
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

    /// How long [`Node::shutdown`](crate::Node::shutdown) waits for calls that are under way, and
    /// then for servers to end. 3 seconds unless given.
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
}
