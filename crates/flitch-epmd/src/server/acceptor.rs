//! Listeners, and accepting that never gives up.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::{Domain, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep_until};
use tracing::warn;

use super::{BindError, Config};

/// All listeners as one.
#[derive(Debug)]
pub(super) struct Acceptor {
    listeners: Vec<(TcpListener, SocketAddr)>,
    /// Which listener is asked first, so that a busy one cannot starve the others.
    turn: usize,
    pause: Pause,
    resume: Option<Instant>,
    /// Given up when descriptors run out, so that a peer is turned away and not left hanging.
    reserve: Option<Socket>,
}

/// A connection, and both its ends.
#[derive(Debug)]
pub(super) struct Accepted {
    pub(super) stream: TcpStream,
    pub(super) peer: SocketAddr,
    pub(super) local: SocketAddr,
}

/// The system gives no more connections for now, most likely for want of descriptors.
#[derive(Debug)]
pub(super) struct Starved;

impl Acceptor {
    const BACKLOG: i32 = 1024;

    /// How many connections are turned away at a time.
    const TURNED_AWAY: usize = 64;

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
        if listeners.is_empty() {
            return Err(BindError::NoAddress);
        }
        let reserve = reserve();
        Ok(Self { listeners, turn: 0, pause: Pause::default(), resume: None, reserve })
    }

    pub(super) fn local_addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().map(|(_, address)| *address).collect()
    }

    /// The next connection. An error is never final: it is logged, told, and waited out in the
    /// next call. Dropping the future loses nothing.
    pub(super) async fn accept(&mut self) -> Result<Accepted, Starved> {
        loop {
            if let Some(resume) = self.resume {
                sleep_until(resume).await;
                self.resume = None;
            }
            match poll_fn(|context| self.poll_accept(context)).await {
                Ok(accepted) => {
                    self.pause.reset();
                    return Ok(accepted);
                }
                Err(error) if is_the_peers(&error) => {}
                Err(error) => {
                    let pause = self.pause.next();
                    warn!(%error, ?pause, "EPMD cannot accept connections: raise the limit of open files (ulimit -n)");
                    self.resume = Some(Instant::now() + pause);
                    return Err(Starved);
                }
            }
        }
    }

    fn poll_accept(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Accepted>> {
        let count = self.listeners.len();
        for step in 0..count {
            let at = (self.turn + step) % count;
            let Some((listener, local)) = self.listeners.get(at) else { continue };
            if let Poll::Ready(accepted) = listener.poll_accept(context) {
                self.turn = at + 1;
                return Poll::Ready(accepted.map(|(stream, peer)| {
                    // On a wildcard listener only the stream knows which address was dialled.
                    let local = stream.local_addr().unwrap_or(*local);
                    Accepted { stream, peer, local }
                }));
            }
        }
        Poll::Pending
    }

    /// Closes connections that wait to be accepted, as far as the reserve allows.
    pub(super) fn turn_away(&mut self) {
        drop(self.reserve.take());
        let mut context = Context::from_waker(std::task::Waker::noop());
        for _ in 0..Self::TURNED_AWAY {
            if !matches!(self.poll_accept(&mut context), Poll::Ready(Ok(_))) {
                break;
            }
        }
        self.reserve = reserve();
    }
}

/// Errors of one connection that was withdrawn before it was accepted.
fn is_the_peers(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, WouldBlock};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted | WouldBlock)
}

fn reserve() -> Option<Socket> {
    Socket::new(Domain::IPV4, Type::DGRAM, None)
        .or_else(|_| Socket::new(Domain::IPV6, Type::DGRAM, None))
        .ok()
}

fn listen(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Else a restart would wait for the connections of the earlier server to time out.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(Acceptor::BACKLOG)?;
    let listener = TcpListener::from_std(socket.into())?;
    let local = listener.local_addr()?;
    Ok((listener, local))
}

/// How long to leave the listeners alone after an error: longer each time, up to a second.
#[derive(Debug, Default)]
struct Pause {
    failures: u32,
}

impl Pause {
    const FIRST: Duration = Duration::from_millis(10);
    const LONGEST: Duration = Duration::from_secs(1);

    fn next(&mut self) -> Duration {
        let pause = Self::FIRST.saturating_mul(2_u32.saturating_pow(self.failures));
        self.failures = self.failures.saturating_add(1);
        pause.min(Self::LONGEST)
    }

    fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_second_and_never_overflow() {
        let mut pause = Pause::default();
        let first: Vec<_> = (0..9).map(|_| pause.next().as_millis()).collect();
        assert_eq!(first, [10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
        for _ in 0..100 {
            assert_eq!(pause.next(), Pause::LONGEST);
        }
        pause.reset();
        assert_eq!(pause.next(), Pause::FIRST);
    }

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
