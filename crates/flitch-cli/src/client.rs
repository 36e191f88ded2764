//! A node that only asks: it dials one peer, listens on no port and is registered nowhere.
//!
//! One deadline covers all of it, and a failure or a timeout says how far things came.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::time::{Duration, Instant};

use flitch::epmd::client;
use flitch::{
    CallError, ConnectError, Cookie, Epmd, NameKind, Node, NodeName, PeerPort, SendError, Term,
};

use crate::args::{CommonArgs, Format};
use crate::config::Target;
use crate::deadline::{Deadline, Elapsed};
use crate::failure::{Failure, Stage};
use crate::out;

/// A connection to the node that a command asks.
pub(crate) struct Client {
    pub(crate) node: Node,
    pub(crate) target: NodeName,
    deadline: Deadline,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// The stage that failed.
    pub(crate) async fn open(target: Target, common: CommonArgs) -> Result<Self, Failure> {
        let deadline = Deadline::new(common.timeout, Instant::now());
        let cookie = Cookie::find(target.cookie_file.as_deref());
        let cookie = cookie.map_err(|error| Failure::from(&error))?;
        let hosts = resolve(target.node.host(), &deadline).await?;
        let host = hosts.first().copied().unwrap_or(Ipv4Addr::LOCALHOST.into());
        let peer = target.node;
        let name = own_name(&peer, local_address(host), &host_name(), std::process::id());
        let name = name.map_err(|error| Failure::from(&error))?;
        let mut node = Node::builder(name)
            .cookie(cookie)
            .listen(false)
            .epmd(Epmd::None)
            .setup_timeout(deadline.left(Instant::now()))
            .output(move |text| match common.output {
                Format::Text => out::stdout(text),
                // Standard output is one JSON document.
                Format::Json => out::stderr(text),
            });
        if let Some(port) = target.port {
            node = node.peer_port(PeerPort::Fixed(port));
        }
        let node = node.start().await?;
        match node.connect(&peer).await {
            Ok(()) => Ok(Self { node, target: peer, deadline }),
            Err(error) => Err(Failure::from(&error)),
        }
    }

    /// The time that is left.
    pub(crate) fn left(&self) -> Duration {
        self.deadline.left(Instant::now())
    }

    /// The time that the user gave.
    pub(crate) fn timeout(&self) -> Duration {
        self.deadline.timeout
    }

    /// Asks the peer's `net_kernel` whether it knows us, as `net_adm:ping/1` does. Gives the time
    /// that the answer took, and whether it was a yes.
    ///
    /// All that was sent before has arrived when the answer comes.
    ///
    /// # Errors
    /// There is no answer.
    pub(crate) async fn ping(&self) -> Result<(Duration, bool), Failure> {
        let us = flitch::Atom::new(self.node.name().as_str());
        let us = us.map_err(|error| Failure::new(Stage::Name, error.to_string()))?;
        let request = Term::from((Term::atom("is_auth"), us));
        let start = Instant::now();
        let answer: Result<Term, _> =
            self.node.call(("net_kernel", &self.target), &request, self.left()).await;
        match answer {
            Ok(answer) => Ok((start.elapsed(), answer.is_atom("yes"))),
            Err(error) => Err(self.no_answer("net_kernel", error)),
        }
    }

    /// Why a call to `whom` gave no answer; what it exited with is for the caller to tell.
    pub(crate) fn no_answer(&self, whom: &str, error: CallError) -> Failure {
        let target = &self.target;
        match error {
            CallError::Connect(error) => Failure::from(&error),
            CallError::Timeout(_) => Failure::timeout(
                Stage::Call,
                format!(
                    "no answer from {whom} on {target} within {:?}: it may still be at work; \
                     --timeout SECONDS waits longer",
                    self.timeout()
                ),
            ),
            CallError::NoConnection => Failure::no_connection(
                Stage::Call,
                format!("the connection to {target} was lost before {whom} answered"),
            ),
            CallError::NoProc => Failure::new(
                Stage::Call,
                format!("noproc: no process is registered as {whom} on {target}"),
            ),
            CallError::Dest(_) | CallError::Encode(_) => Failure::usage(error.to_string()),
            error => Failure::new(Stage::Call, error.to_string()),
        }
    }

    /// Why a message did not go.
    pub(crate) fn not_sent(&self, error: &SendError) -> Failure {
        match error {
            SendError::Connect(error) => Failure::from(error),
            error => Failure::usage(error.to_string()),
        }
    }
}

/// Of two failures at EPMDs of one host, the one that says more: `localhost` has an address of
/// each family, and EPMD often listens on one of them only.
pub(crate) fn prefer(
    first: Option<client::ClientError>,
    second: client::ClientError,
) -> Option<client::ClientError> {
    match first {
        Some(first) if matches!(second, client::ClientError::NoDaemon { .. }) => Some(first),
        _ => Some(second),
    }
}

/// The addresses of a host: itself, if it is one.
///
/// # Errors
/// [`Stage::Dns`].
pub(crate) async fn resolve(host: &str, deadline: &Deadline) -> Result<Vec<IpAddr>, Failure> {
    if let Ok(address) = host.parse() {
        return Ok(vec![address]);
    }
    let failed =
        |message: String| Failure::from(&ConnectError::Dns { host: host.to_owned(), message });
    match deadline.limit(tokio::net::lookup_host((host, 0))).await {
        Ok(Ok(found)) => {
            let mut hosts: Vec<IpAddr> = found.map(|address| address.ip()).collect();
            hosts.dedup();
            if hosts.is_empty() { Err(no_address(host)) } else { Ok(hosts) }
        }
        Ok(Err(error)) => Err(failed(error.to_string())),
        Err(Elapsed) => Err(Failure::timeout(
            Stage::Dns,
            format!("the address of the host {host:?} was not found within {:?}", deadline.timeout),
        )),
    }
}

fn no_address(host: &str) -> Failure {
    let message = "it resolves to nothing".to_owned();
    Failure::from(&ConnectError::Dns { host: host.to_owned(), message })
}

/// How many names one host uses up. Every name that a BEAM has ever met stays in its atom table,
/// so that a new one for each command would fill it in the end.
const NAMES: u32 = 1 << 15;

/// The name of a command's node: of the same kind as the peer's, or they could not connect, and
/// at the address that the peer sees, so that commands of two hosts do not meet in one name.
fn own_name(
    peer: &NodeName,
    local: IpAddr,
    host_name: &str,
    process: u32,
) -> Result<NodeName, flitch::NameError> {
    let alive = format!("flitch-{}", process % NAMES);
    if peer.kind() == NameKind::Long {
        return NodeName::long(&format!("{alive}@{local}"));
    }
    let label = host_name.split('.').next().unwrap_or_default();
    NodeName::short(&format!("{alive}@{label}"))
        .or_else(|_| NodeName::short(&format!("{alive}@localhost")))
}

/// Which address of ours the peer will see: the one that the route to it begins at.
fn local_address(peer: IpAddr) -> IpAddr {
    let any: IpAddr = match peer {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let route = || {
        // Connecting a datagram socket sends nothing.
        let socket = UdpSocket::bind((any, 0))?;
        socket.connect((peer, 9))?;
        socket.local_addr()
    };
    match (route(), peer) {
        (Ok(local), _) => local.ip(),
        (Err(_), IpAddr::V4(_)) => Ipv4Addr::LOCALHOST.into(),
        (Err(_), IpAddr::V6(_)) => Ipv6Addr::LOCALHOST.into(),
    }
}

fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(peer: &str, local: &str, host: &str, process: u32) -> String {
        let peer = peer.parse().unwrap();
        own_name(&peer, local.parse().unwrap(), host, process).unwrap().to_string()
    }

    #[test]
    fn the_name_is_of_the_peers_kind() {
        assert_eq!(named("a@10.0.0.7", "10.0.0.5", "box", 12), "flitch-12@10.0.0.5");
        assert_eq!(named("a@db.example", "fd00::5", "box", 12), "flitch-12@fd00::5");
        assert_eq!(named("a@db", "10.0.0.5", "box.example.org", 12), "flitch-12@box");
        assert_eq!(named("a@db", "10.0.0.5", "", 12), "flitch-12@localhost");
        assert_eq!(named("a@db", "10.0.0.5", "my box", 12), "flitch-12@localhost");
    }

    #[test]
    fn the_names_come_from_a_bounded_set_or_the_peers_atom_table_would_fill() {
        assert_eq!(named("a@10.0.0.7", "10.0.0.5", "box", NAMES + 3), "flitch-3@10.0.0.5");
    }

    #[test]
    fn a_peer_on_loopback_sees_us_on_loopback() {
        let local = |peer: &str| local_address(peer.parse().unwrap()).to_string();
        assert_eq!(local("127.0.0.1"), "127.0.0.1");
        assert_eq!(local("127.0.0.2"), "127.0.0.1");
        assert_eq!(local("::1"), "::1");
    }

    #[test]
    fn of_two_failures_the_one_that_is_not_about_the_other_family_is_told() {
        let v6 = "[::1]:4369".parse().unwrap();
        let v4 = "127.0.0.1:4369".parse().unwrap();
        let refused = |epmd| client::ClientError::NoDaemon { epmd };
        let closed = client::ClientError::Closed { epmd: v4 };
        assert!(prefer(Some(closed), refused(v6)).unwrap().to_string().contains("127.0.0.1"));
        let closed = client::ClientError::Closed { epmd: v4 };
        assert!(prefer(Some(refused(v6)), closed).unwrap().to_string().contains("127.0.0.1"));
        assert!(prefer(None, refused(v6)).is_some());
    }
}
