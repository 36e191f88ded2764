//! The start of a node: it listens, finds its place in EPMD or its name, and is ready for peers.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use flitch_handshake::Cookies;
use flitch_name::{Creation, NodeName};
use tokio::net::TcpListener;

use crate::builder::{Name, NodeBuilder};
use crate::connect_error::ConnectError;
use crate::cookie::{Cookie, CookieError};
use crate::dial::dial_unnamed;
use crate::door::Door;
use crate::listener;
use crate::node::{Node, Settings, random_u32};
use crate::registration::{self, Epmd};
use crate::route::{PeerPort, Within, resolve};
use crate::system::{self, Output};
use crate::task;

/// How long the resolver may take to tell the families of our own host.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why a node could not be started.
///
/// ```
/// use flitch::StartError;
/// use flitch::test::Network;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let network = Network::new();
/// let first = network.node("worker@a")?.start().await?;
/// let second = network.node("worker@a")?.start().await;
/// assert!(matches!(second, Err(StartError::Epmd(_))));   // the name is taken
/// # Ok(())
/// # }
/// ```
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
    /// The peer that is to give the node its name cannot be reached, or gives none.
    #[error(transparent)]
    Connect(#[from] ConnectError),
}

impl NodeBuilder {
    /// Starts the node: listens, registers, and is ready for peers.
    ///
    /// # Errors
    /// What is in the way, and what to do about it.
    pub async fn start(mut self) -> Result<Node, StartError> {
        let cookies = self.find_cookies()?;
        let epmd_port = match self.epmd_port {
            Some(port) => port,
            None => flitch_epmd::address::port_from_env()?,
        };
        self.settings.ports.other = self.peer_port.unwrap_or(PeerPort::Epmd(epmd_port));
        #[cfg(feature = "test-kit")]
        if let (Name::Own(name), Some(network)) = (&self.name, self.settings.network.clone()) {
            let name = name.clone();
            return self.start_in_memory(name, &network, cookies);
        }
        match self.name.clone() {
            Name::Own(name) => self.start_as(name, epmd_port, cookies).await,
            Name::Given { by, host } => self.start_named_by(by, &host, cookies).await,
        }
    }

    async fn start_as(
        mut self,
        name: NodeName,
        epmd_port: u16,
        cookies: Cookies,
    ) -> Result<Node, StartError> {
        if self.listen && self.bind.is_empty() {
            self.bind = default_bind(&name).await;
        }
        let listeners = if self.listen { self.listeners()? } else { Vec::new() };
        let local = listeners.first().and_then(|listener| listener.local_addr().ok());
        let port = local.map_or(0, |local| local.port());
        let plan = registration::Plan {
            place: if self.listen { self.epmd } else { Epmd::None },
            port: epmd_port,
            alive: name.alive_name()?,
            host: name.host().to_owned(),
            bind: self.bind,
            node_port: port,
            visible: self.settings.visible,
        };
        let registered = registration::begin(plan).await?;
        let creation = match registered.creation() {
            Some(creation) => creation,
            None => Creation::from_random(random_u32()),
        };
        let node = assemble(name, creation, port, cookies, self.settings, self.output);
        registered.keep(&node);
        let door = Door::new();
        for listener in listeners {
            let name = task::Name::of(|| "listener".to_owned());
            task::spawn(node.tasks(), name, listener::listen(node.clone(), listener, door.clone()));
        }
        Ok(node)
    }

    /// Everything that carries the name is made when there is one; nothing of the node is there
    /// before. When the link to the peer that gave the name goes, so does the node: that peer may
    /// give the name to somebody else from then on. (`net_kernel:delete_connection/3`, `named_me`.)
    async fn start_named_by(
        mut self,
        by: NodeName,
        host: &str,
        cookies: Cookies,
    ) -> Result<Node, StartError> {
        self.settings.visible = false;
        let (link, stream) = dial_unnamed(&self.settings, &cookies, host, &by).await?;
        let us = link.us.clone();
        let node = assemble(us.name, us.creation, 0, cookies, self.settings, self.output);
        node.link_up(link, stream, true).await?;
        let Some(link) = node.peers().predecessor(&by) else {
            node.shutdown().await;
            return Err(ConnectError::Superseded(by).into());
        };
        let named = node.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = named.stopping() => return,
                () = link.gone() => {}
            }
            tracing::warn!(peer = %by, node = %named.name(), "the peer that gave this node its \
                           name is gone, and the name with it");
            named.shutdown().await;
        });
        Ok(node)
    }

    /// Starts the node on a network in memory: what says how a socket is found there, or how EPMD
    /// is, does not count.
    #[cfg(feature = "test-kit")]
    fn start_in_memory(
        self,
        name: NodeName,
        network: &crate::test::Network,
        cookies: Cookies,
    ) -> Result<Node, StartError> {
        let creation = network.next_creation();
        let place = if self.listen { Some(network.take(&name)?) } else { None };
        let port = place.as_ref().map_or(0, crate::test::Place::port);
        let node = assemble(name, creation, port, cookies, self.settings, self.output);
        if let Some(place) = place {
            let name = task::Name::of(|| "listener".to_owned());
            task::spawn(node.tasks(), name, place.listen(node.clone(), Door::new()));
        }
        Ok(node)
    }

    /// The cookie, looked for if it was not given, and those of single peers.
    fn find_cookies(&mut self) -> Result<Cookies, CookieError> {
        let cookie = match self.cookie.take() {
            Some(cookie) => cookie,
            None => Cookie::find(None)?,
        };
        warn_if_weak(&cookie, "every peer");
        let mut cookies = Cookies::new(cookie.0);
        for (peers, cookie) in std::mem::take(&mut self.cookies) {
            warn_if_weak(&cookie, &peers.to_string());
            cookies = cookies.with_peer(peers, cookie.0);
        }
        Ok(cookies)
    }

    fn listeners(&self) -> Result<Vec<TcpListener>, StartError> {
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

/// A node with what runs on every one.
fn assemble(
    name: NodeName,
    creation: Creation,
    port: u16,
    cookies: Cookies,
    settings: Settings,
    output: Output,
) -> Node {
    let (node, requests) = Node::assemble(name, creation, port, cookies, settings);
    system::start(&node, requests, output);
    node
}

fn warn_if_weak(cookie: &Cookie, peers: &str) {
    if let Some(weakness) = cookie.weakness() {
        tracing::warn!(
            peers,
            "the cookie is weak: {weakness}; whoever has it can run code on BEAMs"
        );
    }
}

/// All addresses of the families that peers will use, as the host of the name tells them.
async fn default_bind(name: &NodeName) -> Vec<IpAddr> {
    let known = resolve(name.host(), Within::new(PATIENCE)).await.unwrap_or_default();
    // A host that is known by both may be without one of them all the same.
    everywhere(&known, || std::net::TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0)).is_ok())
}

fn everywhere(known: &[IpAddr], v6_works: impl FnOnce() -> bool) -> Vec<IpAddr> {
    let (v4, v6) = (Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into());
    match (known.iter().any(IpAddr::is_ipv4), known.iter().any(IpAddr::is_ipv6)) {
        (false, true) => vec![v6],
        (true, true) if v6_works() => vec![v4, v6],
        _ => vec![v4],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_listens_on_the_families_that_its_host_is_known_by() {
        let bound = |known: &[&str], v6_works: bool| {
            let known: Vec<IpAddr> = known.iter().map(|ip| ip.parse().unwrap()).collect();
            let bound = everywhere(&known, || v6_works);
            bound.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(bound(&["10.0.0.7"], true), ["0.0.0.0"]);
        assert_eq!(bound(&["fd00::7"], true), ["::"]);
        assert_eq!(bound(&["10.0.0.7", "fd00::7"], true), ["0.0.0.0", "::"]);
        assert_eq!(bound(&["127.0.0.1", "::1"], false), ["0.0.0.0"]);
        assert_eq!(bound(&[], true), ["0.0.0.0"], "a host that only others can resolve");
    }
}
