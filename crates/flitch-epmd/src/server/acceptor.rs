//! Listeners, and accepting that never gives up.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};
use tokio::net::TcpListener;
use tokio::task::coop::consume_budget;
use tokio::time::Instant;
use tracing::{debug, warn};

use super::stream::Stream;
use super::{BindError, Config};

/// All listeners as one.
#[derive(Debug)]
pub(super) struct Acceptor {
    listeners: Vec<(TcpListener, SocketAddr)>,
    /// Which listener is asked first, so that a busy one cannot starve the others.
    turn: usize,
    /// The listener that has just had a connection, and may have more.
    busy: Option<usize>,
    /// How many it has had in a row.
    row: usize,
    /// Descriptors that are kept back, for connections that come when no other is left.
    reserve: Vec<Socket>,
    complained: Option<Instant>,
}

/// A connection, and both its ends.
#[derive(Debug)]
pub(super) struct Accepted {
    pub(super) stream: Stream,
    pub(super) peer: SocketAddr,
    pub(super) local: SocketAddr,
    /// Whether no other descriptor is left: somebody has to go for it.
    pub(super) from_reserve: bool,
}

/// No connection for want of descriptors, though one waits.
#[derive(Debug)]
pub(super) struct Starved;

impl Acceptor {
    /// The system cuts it to what it allows (`net.core.somaxconn`).
    const BACKLOG: i32 = 4096;

    /// How many connections one listener may have in a row.
    const ROW: usize = 64;

    /// How many descriptors are kept back.
    const RESERVE: usize = 8;

    /// How often the log hears of the same trouble.
    const COMPLAINTS: Duration = Duration::from_secs(10);

    pub(super) fn bind(config: &Config) -> Result<Self, BindError> {
        let mut listeners: Vec<(TcpListener, SocketAddr)> = Vec::new();
        let all = config.listen.iter().map(|address| (address, true));
        let all = all.chain(config.listen_if_possible.iter().map(|address| (address, false)));
        for (address, required) in all {
            let mut address = *address;
            if let (0, Some((_, first))) = (address.port(), listeners.first()) {
                address.set_port(first.port());
            }
            match listen(address) {
                Ok(listener) => listeners.push(listener),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                    return Err(BindError::InUse { address });
                }
                Err(source) if required => return Err(BindError::Io { address, source }),
                Err(error) => warn!(%address, %error, "EPMD does not listen on this address"),
            }
        }
        Self::on(listeners)
    }

    /// Takes over listeners that somebody else has bound.
    pub(super) fn adopt(listeners: Vec<std::net::TcpListener>) -> Result<Self, BindError> {
        let adopted = listeners.into_iter().map(|listener| {
            listener.set_nonblocking(true)?;
            watched(listener)
        });
        Self::on(adopted.collect::<io::Result<_>>().map_err(BindError::Adopted)?)
    }

    fn on(listeners: Vec<(TcpListener, SocketAddr)>) -> Result<Self, BindError> {
        if listeners.is_empty() {
            return Err(BindError::NoAddress);
        }
        let (reserve, complained) = (Vec::new(), None);
        let mut this = Self { listeners, turn: 0, busy: None, row: 0, reserve, complained };
        this.replenish();
        Ok(this)
    }

    pub(super) fn local_addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().map(|(_, address)| *address).collect()
    }

    /// The next connection. Dropping the future loses nothing.
    ///
    /// # Errors
    /// Never final: wait until a connection has ended, and try again.
    pub(super) async fn accept(&mut self) -> Result<Accepted, Starved> {
        loop {
            consume_budget().await;
            let accepted = match self.accept_another() {
                Some(accepted) => Ok(accepted),
                None => poll_fn(|context| self.poll_accept(context)).await,
            };
            match accepted {
                Err(error) if is_the_peers(&error) => {}
                Ok(accepted) => return Ok(accepted),
                Err(error) => {
                    self.complain(&error);
                    return Err(Starved);
                }
            }
        }
    }

    /// A connection behind the one before, if there is one. The runtime need not hear of it, and
    /// does not mind: it asks the listener itself before it waits for it.
    fn accept_another(&mut self) -> Option<Accepted> {
        let (listener, local) = self.listeners.get(self.busy?)?;
        let accepted = SockRef::from(listener).accept().and_then(|(socket, peer)| {
            let peer = peer.as_socket().ok_or(io::ErrorKind::ConnectionAborted)?;
            Ok(Accepted::new(Stream::Fresh(socket.into()), peer, *local))
        });
        self.row += 1;
        // Whatever is wrong, `poll_accept` meets it as well.
        if self.row >= Self::ROW || accepted.is_err() {
            self.busy = None;
        }
        accepted.ok()
    }

    /// Out of descriptors, takes one of the reserve. Only then it is known whether somebody waits:
    /// the system wants a descriptor before it looks.
    fn poll_accept(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Accepted>> {
        let error = match self.poll_listeners(context) {
            Poll::Ready(Err(error)) if !is_the_peers(&error) => error,
            other => return other,
        };
        if self.reserve.pop().is_none() {
            return Poll::Ready(Err(error));
        }
        let accepted = self.poll_listeners(context);
        match accepted {
            Poll::Ready(Ok(accepted)) => {
                self.complain(&error);
                Poll::Ready(Ok(Accepted { from_reserve: true, ..accepted }))
            }
            other => {
                self.replenish();
                other
            }
        }
    }

    fn poll_listeners(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Accepted>> {
        let count = self.listeners.len();
        for step in 0..count {
            let at = (self.turn + step) % count;
            let Some((listener, local)) = self.listeners.get(at) else { continue };
            if let Poll::Ready(accepted) = listener.poll_accept(context) {
                let (stream, peer) = accepted?;
                self.turn = at + 1;
                (self.busy, self.row) = (Some(at), 0);
                return Poll::Ready(Ok(Accepted::new(Stream::Watched(stream), peer, *local)));
            }
        }
        Poll::Pending
    }

    /// Keeps descriptors back again, as many as there are.
    pub(super) fn replenish(&mut self) {
        while self.reserve.len() < Self::RESERVE {
            let socket = Socket::new(Domain::IPV4, Type::DGRAM, None)
                .or_else(|_| Socket::new(Domain::IPV6, Type::DGRAM, None));
            let Ok(socket) = socket else { return };
            self.reserve.push(socket);
        }
    }

    fn complain(&mut self, error: &io::Error) {
        let now = Instant::now();
        if self.complained.is_some_and(|last| now < last + Self::COMPLAINTS) {
            debug!(%error, "EPMD cannot accept connections");
            return;
        }
        self.complained = Some(now);
        warn!(%error, "EPMD cannot accept connections: raise the limit of open files (ulimit -n)");
    }
}

impl Accepted {
    fn new(stream: Stream, peer: SocketAddr, listener: SocketAddr) -> Self {
        // On a wildcard listener only the stream knows which address was dialled. Where the peer
        // is on the loopback, nobody asks.
        let unknown = listener.ip().is_unspecified() && !peer.ip().to_canonical().is_loopback();
        let dialled = unknown.then(|| stream.local_address()).flatten();
        let local = dialled.unwrap_or(listener);
        Self { stream, peer, local, from_reserve: false }
    }
}

/// Errors of one connection that was withdrawn before it was accepted.
fn is_the_peers(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, WouldBlock};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted | WouldBlock)
}

fn listen(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Else a restart would wait for the connections of the earlier server to time out.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(Acceptor::BACKLOG)?;
    watched(socket.into())
}

fn watched(listener: std::net::TcpListener) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::from_std(listener)?;
    let local = listener.local_addr()?;
    Ok((listener, local))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_withdrawn_connection_is_no_reason_to_pause() {
        assert!(is_the_peers(&io::ErrorKind::ConnectionAborted.into()));
        assert!(!is_the_peers(&io::Error::from_raw_os_error(24)));
    }

    #[tokio::test]
    async fn one_port_is_taken_for_all_addresses_and_nothing_else_is_bound() {
        let any = |host: &str| SocketAddr::new(host.parse().unwrap(), 0);
        let mut config = Config::on([any("127.0.0.1")]);
        config.listen_if_possible = vec![any("::1")];
        let bound = Acceptor::bind(&config).unwrap().local_addresses();
        let port = bound.first().unwrap().port();
        assert!(port != 0 && bound.iter().all(|address| address.port() == port));
        assert!(bound.iter().all(|address| address.ip().is_loopback()));
    }

    #[tokio::test]
    async fn an_address_that_is_taken_or_foreign_is_named() {
        let first = Acceptor::bind(&Config::on(["127.0.0.1:0".parse().unwrap()])).unwrap();
        let taken = first.local_addresses();
        let said = Acceptor::bind(&Config::on(taken.clone())).unwrap_err().to_string();
        assert!(said.contains(&taken.first().unwrap().to_string()), "{said}");
        assert!(said.contains("ERL_EPMD_PORT"), "{said}");
        // 192.0.2.0/24 is for documentation; .77 is nobody's.
        let foreign = Config::on(["192.0.2.77:0".parse().unwrap()]);
        let said = Acceptor::bind(&foreign).unwrap_err().to_string();
        assert!(said.contains("192.0.2.77:0") && said.contains("this host has"), "{said}");
    }

    #[tokio::test]
    async fn an_optional_address_that_this_host_lacks_is_left_out() {
        let mut config = Config::on(["127.0.0.1:0".parse().unwrap()]);
        config.listen_if_possible = vec!["192.0.2.77:0".parse().unwrap()];
        assert_eq!(Acceptor::bind(&config).unwrap().local_addresses().len(), 1);
        config.listen.clear();
        assert!(matches!(Acceptor::bind(&config), Err(BindError::NoAddress)));
    }
}
