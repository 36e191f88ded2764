//! Reaching a peer: who dials, how often, and which connection counts.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use flitch_handshake::{Established, Event, Handshake, HandshakeError};
use flitch_name::NodeName;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout_at};

use crate::carrier::Carrier;
use crate::clock::now;
use crate::connect_error::ConnectError;
use crate::node::{Node, Settings};
use crate::peer_link::PeerLink;
use crate::peers::{Attempt, Want};
use crate::route::Within;
use crate::shake::{Answer, Asked, shake};
use crate::task::{self, Name};

/// How long a peer that states a name may keep us from dialling that name. Who knows the cookie
/// is in within milliseconds.
const COMING_IN: Duration = Duration::from_millis(500);

/// How long to wait for the peer's own connection, after it has refused ours for that one, before
/// ours is tried again.
const RIVAL: Duration = Duration::from_millis(100);

/// An attempt that the table of peers has on record. However its task ends, the table learns it:
/// one that nobody ends would keep the peer from being dialled for ever.
struct Dialling {
    node: Node,
    name: NodeName,
    error: Option<ConnectError>,
}

impl Dialling {
    fn of(node: &Node, name: &NodeName) -> Self {
        let error = Some(ConnectError::Superseded(name.clone()));
        Self { node: node.clone(), name: name.clone(), error }
    }

    fn end(mut self, error: Option<ConnectError>) {
        // The table learns it when this is dropped, which is now.
        drop(std::mem::replace(&mut self.error, error));
    }
}

impl Drop for Dialling {
    fn drop(&mut self) {
        if let Some(error) = self.error.as_ref().filter(|error| error.is_failure()) {
            self.node.stats().counters.dials_failed.add(error.stage().as_str());
        }
        self.node.peers().dialled(&self.name, self.error.take());
    }
}

impl Node {
    /// The link to a node, dialling it if there is none.
    pub(crate) async fn reach(&self, name: &NodeName) -> Result<Arc<PeerLink>, ConnectError> {
        self.may_reach(name)?;
        let atom = crate::node_atom(name);
        let patience = Instant::now() + COMING_IN;
        loop {
            // Calls that are under way may still use the links that are there.
            if self.is_stopping() {
                return self.peers().link(&atom).ok_or(ConnectError::Shutdown);
            }
            let patient = Instant::now() < patience;
            let mut changes = match self.peers().want(name, patient) {
                Want::Up(link) => return Ok(link),
                Want::Wait(changes) => changes,
                Want::Dial(changes, lost) => {
                    // A task of its own: others wait for it too, whatever becomes of this caller.
                    let dialling = Dialling::of(self, name);
                    let task = Name::of(|| format!("dial {name}"));
                    task::spawn(self.tasks(), task, async move {
                        let Dialling { node, name, .. } = &dialling;
                        let error = tokio::select! {
                            biased;
                            () = node.stopping() => Some(ConnectError::Shutdown),
                            dialled = node.dial(name) => dialled.err(),
                            // What is still under way must not come up behind the other's end.
                            () = lost.cancelled() => None,
                        };
                        dialling.end(error);
                    });
                    changes
                }
            };
            // An end of the changes is one too.
            if !patient {
                let _ = changes.changed().await;
            } else if timeout_at(patience, changes.changed()).await.is_err() {
                continue;
            }
            let failed = changes.borrow().clone();
            if let (Some(error), None) = (failed, self.peers().link(&atom)) {
                return Err(error);
            }
        }
    }

    /// Whether such a connection can be, as far as the names tell. (`net_kernel:setup_check/2`.)
    fn may_reach(&self, name: &NodeName) -> Result<(), ConnectError> {
        if name == self.name() {
            return Err(ConnectError::Itself);
        }
        same_kind(self.name(), name)?;
        if self.settings().allows(name) {
            Ok(())
        } else {
            Err(ConnectError::NotAllowed(name.clone()))
        }
    }

    /// Dials, and again if the peer refuses us because it dials us itself: its connection comes
    /// in, which ends this, or ours is let in when that has failed. (`dist_util`, `recv_status`:
    /// `nok`.)
    async fn dial(&self, name: &NodeName) -> Result<(), ConnectError> {
        let within = Within::new(self.settings().setup_timeout);
        loop {
            let error = match self.dial_once(name, within).await {
                Err(error) if error.is_rivalry() && !within.left().is_zero() => error,
                done => return done,
            };
            tracing::debug!(peer = %name, %error, "the peer's own connection comes first");
            sleep(RIVAL).await;
        }
    }

    async fn dial_once(&self, name: &NodeName, within: Within) -> Result<(), ConnectError> {
        #[cfg(feature = "test-kit")]
        if let Some(network) = &self.settings().network {
            let stream = network.open(self.name(), name, within).await?;
            return self.greet(name, stream, None, within).await;
        }
        let stream = self.settings().ports.open(name, within).await?;
        let at = stream.peer_addr().map(|address| address.ip().to_canonical()).ok();
        if let Some(at) = at
            && let Some(before) = self.addresses().is_elsewhere(name, at)
        {
            // We prove the cookie first: whoever listens there can try cookies against the proof.
            tracing::warn!(peer = %name, address = %at, %before, "the peer's name leads to another \
                           address than where it was met before");
        }
        let _ = stream.set_nodelay(true);
        self.greet(name, stream, at, within).await
    }

    /// Takes a stream that was opened to a peer, at an address that tells of its host, through its
    /// handshake.
    async fn greet(
        &self,
        name: &NodeName,
        mut stream: impl Carrier,
        at: Option<IpAddr>,
        within: Within,
    ) -> Result<(), ConnectError> {
        let config = self.settings().handshake(self.cookies(), within.left())?;
        let us = self.identity().local_node();
        let machine = Handshake::initiate(us, Some(name.clone()), config, now());
        match shake(&mut stream, machine, &mut Dialled { node: self, name }).await {
            Ok(established) => {
                if let Some(at) = at {
                    self.addresses().met(name, at);
                }
                self.link_up(established, stream, true).await
            }
            Err(error) => Err(failed(error)),
        }
    }
}

/// Connects to the first peer of a node that has no name yet, which gives it one on `host`.
/// (`dist_util:handshake_we_started/1`, with `DFLAG_NAME_ME`.)
pub(crate) async fn dial_unnamed(
    settings: &Settings,
    cookies: &flitch_handshake::Cookies,
    host: &str,
    peer: &NodeName,
) -> Result<(Established, TcpStream), ConnectError> {
    same_kind(&format!("x@{host}").parse()?, peer)?;
    if !settings.allows(peer) {
        return Err(ConnectError::NotAllowed(peer.clone()));
    }
    let within = Within::new(settings.setup_timeout);
    let mut stream = settings.ports.open(peer, within).await?;
    let config = settings.handshake(cookies, within.left())?;
    let machine = Handshake::initiate_unnamed(host, Some(peer.clone()), config, now())?;
    let _ = stream.set_nodelay(true);
    let established = shake(&mut stream, machine, &mut Unnamed).await.map_err(failed)?;
    Ok((established, stream))
}

/// Long names and short names do not mix.
fn same_kind(us: &NodeName, peer: &NodeName) -> Result<(), ConnectError> {
    if us.kind() == peer.kind() {
        return Ok(());
    }
    let us_long = us.kind() == flitch_name::NameKind::Long;
    Err(ConnectError::Kind { peer: peer.clone(), us: us.clone(), us_long })
}

fn failed(error: HandshakeError) -> ConnectError {
    ConnectError::Handshake(Arc::new(error))
}

/// Our side of a handshake that we began.
struct Dialled<'a> {
    node: &'a Node,
    name: &'a NodeName,
}

impl Answer for Dialled<'_> {
    async fn answer(&mut self, machine: &mut Handshake, event: &Event) -> Asked {
        match event {
            Event::AliveAsked => machine.answer_alive(self.stands().await).into(),
            _ => Asked::Unexpected,
        }
    }
}

impl Dialled<'_> {
    /// Whether our attempt is the one that counts. Waits for a peer that is coming in meanwhile:
    /// the link that it sees may be that very connection.
    async fn stands(&self) -> bool {
        let patience = Instant::now() + COMING_IN;
        loop {
            match self.node.peers().attempt(self.name) {
                Attempt::Stands => return true,
                Attempt::Lost => return false,
                Attempt::Contested(mut changes) => {
                    if timeout_at(patience, changes.changed()).await.is_err() {
                        return true;
                    }
                }
            }
        }
    }
}

/// Our side of a handshake by which we get a name: nobody can have a link to us.
struct Unnamed;

impl Answer for Unnamed {
    async fn answer(&mut self, _: &mut Handshake, _: &Event) -> Asked {
        Asked::Unexpected
    }
}
