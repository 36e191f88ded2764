//! A node that only asks: it dials one peer, listens on no port and is registered nowhere.
//!
//! The peer gives it its name. A BEAM keeps every name that it has ever met in its atom table, and
//! gives those few that are free again; a name of our own for each command would stay there.
//!
//! One deadline covers all of it, and a failure or a timeout says how far things came.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use flitch::epmd::client;
use flitch::etf::text::Syntax;
use flitch::handshake::{self, Cause};
use flitch::{
    CallError, ConnectError, Cookie, Epmd, NameKind, Node, NodeBuilder, NodeName, NodePattern,
    PeerPort, RpcError, SendError, StartError, Term,
};

use crate::args::{CommonArgs, Format};
use crate::config::Target;
use crate::deadline::{Deadline, Elapsed};
use crate::failure::{Failure, Stage};
use crate::out;
use crate::out::exception::Exception;
use crate::reach::Way;

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
        let print = match common.output {
            Format::Text => out::stdout,
            // Standard output is one JSON document.
            Format::Json => out::stderr,
        };
        Self::open_with(target, common, print).await
    }

    /// Connects; what code that is called prints goes to `print`.
    ///
    /// # Errors
    /// The stage that failed.
    pub(crate) async fn open_with(
        target: Target,
        common: CommonArgs,
        print: impl Fn(&str) + Clone + Send + Sync + 'static,
    ) -> Result<Self, Failure> {
        let deadline = Deadline::new(common.timeout, Instant::now());
        let cookie = Cookie::find(target.cookie_file.as_deref());
        let cookie = cookie.map_err(|error| Failure::from(&error))?;
        let Way { peer, addresses, local } = Way::find(&target, &deadline).await?;
        let own = own_host(&peer, local, &host_name());
        let made = |builder: NodeBuilder| {
            let builder = builder
                .cookie(cookie.clone())
                .listen(false)
                .epmd(Epmd::None)
                .setup_timeout(deadline.left(Instant::now()))
                .output(print.clone());
            let builder = addresses.iter().fold(builder, |builder, address| {
                builder.address_of(NodePattern::from(&peer), *address)
            });
            match target.port {
                Some(port) => builder.peer_port(PeerPort::Fixed(port)),
                None => builder,
            }
        };
        let named = |name: Result<NodeName, flitch::NameError>| {
            Ok::<_, Failure>(made(Node::builder(name.map_err(|error| Failure::from(&error))?)))
        };
        let node = match &target.own {
            Some(alive) => named(format!("{alive}@{own}").parse())?.start().await?,
            None => match made(Node::builder_named_by(peer.clone(), &own)).start().await {
                Err(StartError::Connect(error)) if names_nobody(&error) => {
                    named(own_name(&own, std::process::id()))?.start().await?
                }
                given => given?,
            },
        };
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

    /// Why a function over there, called `label`, gave no result; what it raised is told in `syntax`.
    pub(crate) fn no_result(&self, label: &str, syntax: Syntax, error: RpcError) -> Failure {
        let node = &self.target;
        let message = format!("{label} failed on {node}");
        match error {
            RpcError::Error { reason, stack } => {
                Failure::raised(message, Exception::error(reason, &stack, syntax))
            }
            RpcError::Exit(reason) | RpcError::Call(CallError::Exit(reason)) => {
                Failure::raised(message, Exception::exit(reason, syntax))
            }
            RpcError::Throw(value) => Failure::raised(message, Exception::throw(value, syntax)),
            RpcError::Call(error) => self.no_answer(label, error),
            error => Failure::new(Stage::Call, format!("{node} does not run {label}: {error}")),
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

/// Whether the peer may be one that has no names to give, as nodes other than BEAMs are.
pub(crate) fn names_nobody(error: &ConnectError) -> bool {
    let ConnectError::Handshake(error) = error else { return false };
    match error.cause {
        Cause::NoName => true,
        Cause::Closed => error.stage == handshake::Stage::Status,
        _ => false,
    }
}

/// The host of a command's node: of the same kind as the peer's, or they could not connect, and
/// the address that the peer sees, so that commands of two hosts do not meet in one name.
fn own_host(peer: &NodeName, local: IpAddr, host_name: &str) -> String {
    if peer.kind() == NameKind::Long {
        return local.to_string();
    }
    let label = host_name.split('.').next().unwrap_or_default();
    let usable = NodeName::short(&format!("x@{label}")).is_ok();
    if usable { label.to_owned() } else { "localhost".to_owned() }
}

/// How many names one host uses up with peers that give none. Every name that a node has ever met
/// may stay with it, so that a new one for each command would fill its tables in the end.
const NAMES: u32 = 1 << 15;

/// The name of a command's node where the peer gives none.
fn own_name(host: &str, process: u32) -> Result<NodeName, flitch::NameError> {
    format!("flitch-{}@{host}", process % NAMES).parse()
}

/// What this host calls itself.
pub(crate) fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_of_the_peers_kind() {
        let host = |peer: &str, local: &str, name| {
            own_host(&peer.parse().unwrap(), local.parse().unwrap(), name)
        };
        assert_eq!(host("a@10.0.0.7", "10.0.0.5", "box"), "10.0.0.5");
        assert_eq!(host("a@db.example", "fd00::5", "box"), "fd00::5");
        assert_eq!(host("a@db", "10.0.0.5", "box.example.org"), "box");
        assert_eq!(host("a@db", "10.0.0.5", ""), "localhost");
        assert_eq!(host("a@db", "10.0.0.5", "my box"), "localhost");
    }

    #[test]
    fn names_of_our_own_come_from_a_bounded_set() {
        assert_eq!(own_name("10.0.0.5", NAMES + 3).unwrap(), *"flitch-3@10.0.0.5");
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
