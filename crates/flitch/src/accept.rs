//! Who comes in: the handshake of a connection that was opened to us, and what becomes of it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use flitch_handshake::{
    CallerName, Cause, Decision, Established, Event, Handshake, HandshakeError,
};
use flitch_name::NodeName;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::carrier::Carrier;
use crate::clock::now;
use crate::connect_error::NoRandomness;
use crate::door::Door;
use crate::given_names::Given;
use crate::guesses::{Ticket, Turn};
use crate::node::Node;
use crate::shake::{Answer, Asked, shake};
use crate::task::{self, Name};

/// How long a peer waits for its turn to be challenged, where others at its address guess at the
/// cookie: well inside its own deadline.
const LONGEST_WAIT: Duration = Duration::from_secs(3);

/// Why a connection was not let in.
#[derive(Debug, thiserror::Error)]
enum NotLetIn {
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// The list of nodes that may connect is without the peer.
    #[error("{0} is not among the nodes that are allowed to connect")]
    NotAllowed(NodeName),
    /// Others at that address had every turn.
    #[error("{0} comes from an address that has failed with wrong cookies too often lately")]
    TooManyGuesses(String),
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
}

impl NotLetIn {
    /// The reason in one of the words of [`REFUSALS`](crate::metrics::counters::REFUSALS).
    fn as_str(&self) -> &'static str {
        match self {
            Self::NotAllowed(_) => "not_allowed",
            Self::TooManyGuesses(_) => "too_many_guesses",
            Self::Handshake(HandshakeError { cause, .. }) => match cause {
                Cause::WrongCookie => "wrong_cookie",
                Cause::Refused | Cause::GivenUp | Cause::Withdrawn => "rivalry",
                Cause::TimedOut => "timeout",
                Cause::Closed => "closed",
                _ => "protocol",
            },
            Self::NoRandomness(_) => "no_randomness",
        }
    }
}

impl Node {
    /// Takes a connection through its handshake, and carries the link if there is one.
    pub(crate) async fn accept(
        &self,
        mut stream: impl Carrier,
        from: SocketAddr,
        door: &Arc<Door>,
    ) {
        // Until the link is in the table, or there is none, this stands for it there.
        let mut knocked = Knocked::new(self, door, from.ip());
        match self.let_in(&mut stream, &mut knocked).await {
            Ok(established) => {
                // A connection that loses against another one is no news.
                let _ = self.link_up(established, stream, false).await;
            }
            Err(error) => self.tell_of_stranger(from, &error, door),
        }
    }

    async fn let_in<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: &mut S,
        knocked: &mut Knocked<'_>,
    ) -> Result<Established, NotLetIn> {
        let config = self.settings().handshake(self.cookies(), self.settings().setup_timeout)?;
        let us = self.identity().local_node();
        let machine = Handshake::accept(us, config, now());
        match shake(stream, machine, knocked).await {
            Ok(established) => {
                knocked.door.guesses().proved(knocked.from, &established.peer, now());
                knocked.proved = true;
                Ok(established)
            }
            Err(error) => Err(knocked.refused.take().unwrap_or(NotLetIn::Handshake(error))),
        }
    }

    /// Logs why a connection was not let in, but not more often than somebody can read it.
    fn tell_of_stranger(&self, from: SocketAddr, error: &NotLetIn, door: &Door) {
        self.stats().counters.refused.add(error.as_str());
        let now = now();
        if let NotLetIn::Handshake(HandshakeError { cause: Cause::WrongCookie, peer, .. }) = error
            && let Some(peer) = peer.as_deref().and_then(|peer| peer.parse().ok())
        {
            let failures = door.guesses().failed(from.ip(), &peer, now);
            return match failures {
                Some(failures) => tracing::warn!(address = %from, %error, failures, "wrong cookie"),
                None => tracing::debug!(address = %from, %error, "wrong cookie"),
            };
        }
        match self.stats().strangers.pass(now) {
            Some(untold) => {
                tracing::info!(address = %from, %error, untold, "a connection was not let in");
            }
            None => tracing::debug!(address = %from, %error, "a connection was not let in"),
        }
    }
}

/// A place in the table of peers, held while a handshake is under way.
struct Knocked<'a> {
    node: &'a Node,
    door: &'a Arc<Door>,
    from: IpAddr,
    /// Its place among those who wait to be challenged.
    ticket: Option<Ticket>,
    name: Option<NodeName>,
    given: Option<Given>,
    proved: bool,
    refused: Option<NotLetIn>,
}

impl Answer for Knocked<'_> {
    async fn answer(&mut self, machine: &mut Handshake, event: &Event) -> Asked {
        match event {
            Event::PeerNamed(caller) => {
                if !self.await_turn(&caller.name).await {
                    return Asked::Dropped;
                }
                let decision = match &caller.name {
                    CallerName::Node(name) => self.knock(name),
                    CallerName::Unnamed { host } => self.name_on(host),
                };
                machine.decide(decision).into()
            }
            Event::EndOldConnection => {
                self.end_old().await;
                machine.handle_old_connection_gone().into()
            }
            _ => Asked::Unexpected,
        }
    }
}

impl<'a> Knocked<'a> {
    fn new(node: &'a Node, door: &'a Arc<Door>, from: IpAddr) -> Self {
        let (ticket, name, given, refused) = (None, None, None, None);
        Self { node, door, from, ticket, name, given, proved: false, refused }
    }

    /// Waits until this peer may be challenged, if it may.
    async fn await_turn(&mut self, caller: &CallerName) -> bool {
        let name = match caller {
            CallerName::Node(name) => Some(name),
            CallerName::Unnamed { .. } => None,
        };
        let until = now() + LONGEST_WAIT.min(self.node.settings().setup_timeout / 2);
        loop {
            let now = now();
            // Not in the `match`, which would hold the lock over the sleep.
            let turn = self.door.guesses().turn(self.from, name, &mut self.ticket, now);
            match turn {
                Turn::Now => {
                    self.ticket = None;
                    return true;
                }
                Turn::Later(wait) if now + wait < until => tokio::time::sleep(wait).await,
                Turn::Later(_) | Turn::Full => {
                    self.refused = Some(NotLetIn::TooManyGuesses(shown(caller)));
                    return false;
                }
            }
        }
    }

    fn knock(&mut self, them: &NodeName) -> Decision {
        if !self.node.settings().allows(them) {
            self.refused = Some(NotLetIn::NotAllowed(them.clone()));
            return Decision::NotAllowed;
        }
        let decision = self.node.peers().knock(self.node.name(), them);
        if !matches!(decision, Decision::Nok | Decision::NotAllowed) {
            self.name = Some(them.clone());
        }
        decision
    }

    /// Gives a name that nobody has who is connected or about to be.
    fn name_on(&mut self, host: &str) -> Decision {
        let mut random = [0; 12];
        // Of 2^64 names the second one is free, if the first is not.
        for _ in 0..8 {
            if getrandom::fill(&mut random).is_err() {
                break;
            }
            let Some(given) = self.door.names().take(host, random) else { break };
            match self.knock(&given.name) {
                Decision::Ok => {
                    let (name, creation) = (given.name.clone(), given.creation);
                    self.given = Some(given);
                    return Decision::Named { name, creation };
                }
                Decision::NotAllowed => break,
                _ => self.leave(),
            }
        }
        Decision::NotAllowed
    }

    async fn end_old(&self) {
        if let Some(old) = self.name.as_ref().and_then(|name| self.node.peers().predecessor(name)) {
            old.close(crate::CloseReason::Replaced);
            old.gone().await;
        }
    }

    fn leave(&mut self) {
        if let Some(name) = self.name.take() {
            self.node.peers().accepted(&name);
        }
    }
}

impl Drop for Knocked<'_> {
    /// A name that we gave is free again when its link is gone, or at once if it never had one.
    /// Nothing is kept of one that nobody has proved the cookie under.
    fn drop(&mut self) {
        if let Some(ticket) = &self.ticket {
            self.door.guesses().leave(ticket);
        }
        if let Some(given) = self.given.take().filter(|given| self.proved || given.again) {
            let (link, door) = (self.node.peers().predecessor(&given.name), Arc::clone(self.door));
            let name = Name::of(|| format!("given name {}", given.name));
            task::spawn(self.node.tasks(), name, async move {
                if let Some(link) = link {
                    link.gone().await;
                }
                door.names().give_back(given);
            });
        }
        self.leave();
    }
}

fn shown(caller: &CallerName) -> String {
    match caller {
        CallerName::Node(name) => name.to_string(),
        CallerName::Unnamed { host } => format!("a node on {host} that asks for a name"),
    }
}

#[cfg(test)]
mod tests {
    use flitch_handshake::{Config, LocalNode};
    use flitch_name::Creation;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    async fn node() -> Node {
        Node::builder("a@127.0.0.1".parse().unwrap())
            .cookie(crate::Cookie::new("kanelbulle-kanelbulle").unwrap())
            .listen(false)
            .start()
            .await
            .unwrap()
    }

    /// What an initiator of this name says first; without a name it asks for one.
    fn hello(stranger: Option<&str>) -> bytes::Bytes {
        let cookie = flitch_handshake::Cookie::new("no-cookie-of-ours").unwrap();
        let (config, now) = (Config::new(cookie, 1), now());
        let machine = match stranger {
            Some(alive) => {
                let name = format!("{alive}@127.0.0.1").parse().unwrap();
                let us = LocalNode { name, creation: Creation::new(9) };
                Ok(Handshake::initiate(us, None, config, now))
            }
            None => Handshake::initiate_unnamed("127.0.0.1", None, config, now),
        };
        machine.unwrap().poll_transmit().unwrap()
    }

    /// Says who it is, hears whether it may go on, and gives up.
    async fn knock_and_leave(node: &Node, door: &Arc<Door>, hello: &[u8]) -> [u8; 5] {
        let (mut ours, mut theirs) = duplex(1024);
        let stranger = async move {
            theirs.write_all(hello).await.unwrap();
            let mut status = [0; 5];
            theirs.read_exact(&mut status).await.unwrap();
            status
        };
        let mut knocked = Knocked::new(node, door, [10, 0, 0, 9].into());
        let (let_in, status) = tokio::join!(node.let_in(&mut ours, &mut knocked), stranger);
        assert!(let_in.is_err());
        status
    }

    #[test]
    fn a_hundred_thousand_fresh_names_in_handshakes_that_fail_leave_zero_bytes_behind() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (node, door) = (runtime.block_on(node()), Door::new());
        let flood = |from: u32, to: u32| {
            runtime.block_on(async {
                for number in from..to {
                    let _place = door.admit([10, 0, 0, 9].into(), now());
                    let hello = hello((number % 10 > 0).then_some(&format!("x{number}")));
                    let status = knock_and_leave(&node, &door, &hello).await;
                    assert_eq!(status[..3], [0, if number % 10 > 0 { 3 } else { 39 }, b's']);
                }
            });
        };
        // The tables have their first few places.
        flood(0, 1000);
        let memory = allocation_counter::measure(|| flood(1000, 101_000));
        assert_eq!(memory.bytes_current, 0, "{memory:?}");
        assert!(node.peers().is_empty());
    }

    #[tokio::test]
    async fn a_name_that_was_given_and_never_proved_is_forgotten() {
        let (node, door) = (node().await, Door::new());
        knock_and_leave(&node, &door, &hello(None)).await;
        let next = door.names().take("127.0.0.1", [7; 12]).unwrap();
        assert!(!next.again);
    }
}
