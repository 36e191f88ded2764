//! Where peers come in.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use flitch_epmd::gate::Gate;
use flitch_epmd::table::ConnectionId;

use flitch_handshake::{CallerName, Decision, Event, Handshake};
use flitch_name::{Creation, NodeName};
use socket2::{Domain, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::node::Node;
use crate::shake::{Answer, Asked, shake};

/// Handshakes under way at a time, in all and from one address. For one more the oldest has to go:
/// an honest peer needs milliseconds, so whoever says nothing keeps out nobody.
const MAX_HANDSHAKES: (usize, usize) = (512, 128);

/// Binds every address to one port, the first of the range that is free on all of them; 0 is any.
pub(crate) fn bind(
    addresses: &[IpAddr],
    ports: RangeInclusive<u16>,
) -> io::Result<Vec<TcpListener>> {
    let mut failed = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for port in ports {
        match bind_port(addresses, port) {
            Ok(listeners) => return Ok(listeners),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => failed = error,
            Err(error) => return Err(error),
        }
    }
    Err(failed)
}

fn bind_port(addresses: &[IpAddr], mut port: u16) -> io::Result<Vec<TcpListener>> {
    let mut listeners = Vec::with_capacity(addresses.len());
    for address in addresses {
        let address = SocketAddr::new(*address, port);
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        if address.is_ipv6() {
            // So that 0.0.0.0 and :: can be given together.
            socket.set_only_v6(true)?;
        }
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(1024)?;
        let listener = TcpListener::from_std(socket.into())?;
        port = listener.local_addr()?.port();
        listeners.push(listener);
    }
    Ok(listeners)
}

/// The handshakes that are under way, on all listeners.
pub(crate) struct Handshakes(Mutex<UnderWay>);

struct UnderWay {
    gate: Gate,
    next: u64,
    /// How each is told to go.
    evict: HashMap<ConnectionId, CancellationToken>,
}

/// The place of one handshake, given up when it is dropped.
struct Place {
    handshakes: Arc<Handshakes>,
    id: ConnectionId,
    evicted: CancellationToken,
}

impl Handshakes {
    pub(crate) fn new() -> Arc<Self> {
        let gate = Gate::new(MAX_HANDSHAKES.0, MAX_HANDSHAKES.1);
        Arc::new(Self(Mutex::new(UnderWay { gate, next: 0, evict: HashMap::new() })))
    }

    fn lock(&self) -> MutexGuard<'_, UnderWay> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn admit(self: &Arc<Self>, from: IpAddr) -> Place {
        let mut under_way = self.lock();
        let id = ConnectionId(under_way.next);
        under_way.next += 1;
        let oldest = under_way.gate.admit(id, from);
        if let Some(oldest) = oldest.and_then(|oldest| under_way.evict.remove(&oldest)) {
            oldest.cancel();
        }
        let evicted = CancellationToken::new();
        under_way.evict.insert(id, evicted.clone());
        Place { handshakes: Arc::clone(self), id, evicted }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut under_way = self.handshakes.lock();
        under_way.gate.settle(self.id);
        under_way.evict.remove(&self.id);
    }
}

/// Takes connections until the node stops.
pub(crate) async fn listen(node: Node, listener: TcpListener, handshakes: Arc<Handshakes>) {
    loop {
        let accepted = tokio::select! {
            () = node.stopping() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => {
                let accepting = node.clone();
                let place = handshakes.admit(address.ip());
                node.tasks().spawn(async move {
                    tokio::select! {
                        () = accepting.stopping() => {}
                        () = place.evicted.cancelled() => {}
                        () = accepting.accept(stream, address) => {}
                    }
                });
            }
            Err(error) => {
                // Out of descriptors, most likely: the connections that are there go on.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

impl Node {
    async fn accept(&self, mut stream: TcpStream, address: SocketAddr) {
        let config = match self.handshake_config(self.settings().setup_timeout) {
            Ok(config) => config,
            Err(error) => return tracing::error!(%error, "no randomness for a challenge"),
        };
        let us = self.identity().local_node();
        let machine = Handshake::accept(us, config, Instant::now());
        let mut knocked = Knocked { node: self, name: None };
        match shake(&mut stream, machine, &mut knocked).await {
            Ok(established) => {
                // A connection that loses against another one is no news.
                let _ = self.link_up(established, stream, false).await;
            }
            Err(error) => match self.stats().strangers.pass(Instant::now()) {
                Some(untold) => {
                    tracing::info!(%address, %error, untold, "a connection was not let in");
                }
                None => tracing::debug!(%address, %error, "a connection was not let in"),
            },
        }
    }
}

/// A place in the table of peers, held while a handshake is under way.
struct Knocked<'a> {
    node: &'a Node,
    name: Option<NodeName>,
}

impl Answer for Knocked<'_> {
    async fn answer(&mut self, machine: &mut Handshake, event: &Event) -> Asked {
        match event {
            Event::PeerNamed(caller) => machine.decide(self.decide(&caller.name)).into(),
            Event::EndOldConnection => {
                self.end_old().await;
                machine.handle_old_connection_gone().into()
            }
            _ => Asked::Unexpected,
        }
    }
}

impl Knocked<'_> {
    fn decide(&mut self, caller: &CallerName) -> Decision {
        let them = match caller {
            CallerName::Node(name) => name,
            CallerName::Unnamed { host } => return name_on(host),
        };
        let decision = self.node.peers().knock(self.node.name(), them);
        if !matches!(decision, Decision::Nok | Decision::NotAllowed) {
            self.name = Some(them.clone());
        }
        decision
    }

    async fn end_old(&self) {
        let Some(name) = &self.name else { return };
        if let Some(old) = self.node.peers().predecessor(name) {
            old.close(crate::CloseReason::Replaced);
            old.gone().await;
        }
    }
}

impl Drop for Knocked<'_> {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            self.node.peers().accepted(name);
        }
    }
}

/// A name for a node that asked for one: random, so that no two lives share it.
fn name_on(host: &str) -> Decision {
    let mut random = [0; 12];
    if getrandom::fill(&mut random).is_err() {
        return Decision::NotAllowed;
    }
    let (alive, creation) = random.split_at(8);
    let alive: String = alive.iter().map(|byte| format!("{byte:02X}")).collect();
    let creation = creation.try_into().map(u32::from_be_bytes).unwrap_or_default();
    match format!("{alive}@{host}").parse() {
        Ok(name) => Decision::Named { name, creation: Creation::from_random(creation) },
        Err(_) => Decision::NotAllowed,
    }
}

#[cfg(test)]
mod tests {
    use flitch_handshake::LocalNode;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn a_range_takes_the_first_port_that_is_free() {
        let local = [IpAddr::from([127, 0, 0, 1])];
        let taken = bind(&local, 0..=0).unwrap();
        let port = taken[0].local_addr().unwrap().port();
        let error = bind(&local, port..=port).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        if let Some(last) = port.checked_add(20) {
            let next = bind(&local, port..=last).unwrap();
            assert!(next[0].local_addr().unwrap().port() > port);
        }
    }

    #[tokio::test]
    async fn two_addresses_share_one_port() {
        let both = [IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2])];
        let listeners = bind(&both, 0..=0).unwrap();
        let ports: Vec<_> = listeners.iter().map(|l| l.local_addr().unwrap().port()).collect();
        assert_eq!(ports[0], ports[1]);
    }

    /// Says who it is, and gives up when it is asked to prove it.
    async fn state_a_name(port: u16, number: u32) {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let name = format!("stranger{number}@127.0.0.1").parse().unwrap();
        let us = LocalNode { name, creation: Creation::new(number + 4) };
        let cookie = flitch_handshake::Cookie::new("no-cookie-of-ours").unwrap();
        let config = flitch_handshake::Config::new(cookie, 1);
        let mut machine = Handshake::initiate(us, None, config, Instant::now());
        stream.write_all(&machine.poll_transmit().unwrap()).await.unwrap();
        assert!(stream.read_u8().await.is_ok(), "it was let in as far as that");
    }

    #[tokio::test]
    async fn hundreds_of_handshakes_that_fail_leave_no_entry_in_the_table_of_peers() {
        let node = Node::builder("a@127.0.0.1".parse().unwrap())
            .cookie(crate::Cookie::new("kanelbulle-kanelbulle").unwrap())
            .bind([127, 0, 0, 1].into())
            .epmd(crate::Epmd::None)
            .start()
            .await
            .unwrap();
        for batch in 0..8 {
            let strangers = (0..50).map(|it| state_a_name(node.port(), batch * 50 + it));
            futures_util::future::join_all(strangers).await;
        }
        while !node.peers().is_empty() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    #[test]
    fn whoever_waits_longest_goes_for_one_more_and_others_stay() {
        let handshakes = Handshakes::new();
        let admit = || handshakes.admit([10, 0, 0, 1].into());
        let mut places: Vec<Place> = (0..MAX_HANDSHAKES.1).map(|_| admit()).collect();
        let other = handshakes.admit([10, 0, 0, 2].into());
        places.push(admit());
        let gone: Vec<_> = places.iter().map(|place| place.evicted.is_cancelled()).collect();
        assert_eq!(gone.iter().filter(|gone| **gone).count(), 1);
        assert!(gone[0] && !other.evicted.is_cancelled());
        drop((places, other));
        let under_way = handshakes.lock();
        assert!(under_way.evict.is_empty() && under_way.gate.waiting() == 0);
    }

    #[test]
    fn a_node_without_a_name_gets_one_on_its_host() {
        let Decision::Named { name, creation } = name_on("10.0.0.7") else {
            panic!("there is always a name")
        };
        assert_eq!(name.host(), "10.0.0.7");
        assert!(creation.value() > 3);
    }
}
