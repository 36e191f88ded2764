//! `Gossip`: the socket that heartbeats come from and go to.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::Path;
use std::time::Duration;

use flitch_epmd::backoff::Backoff;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};

use crate::gossip::{Gossip, Hearing, Network, Packets, Secret};
use crate::{DiscoveryError, Problem, Sightings, Strategy};

use super::{chance, share};

/// The longest time between two heartbeats.
const STUTTER: Duration = Duration::from_secs(5);

/// How often the time is looked at.
const TICK: Duration = Duration::from_secs(1);

/// How long a socket may hear nothing of what it sends before another one is opened.
const DEAF: Duration = Duration::from_secs(15);

/// The longest wait before a socket that cannot be opened is tried again.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

impl Strategy for Gossip {
    fn name(&self) -> &str {
        "Gossip"
    }

    async fn run(&self, sightings: Sightings) -> Result<(), DiscoveryError> {
        self.check()?;
        let secret = match self.secrecy() {
            (_, Some(file)) => Some(secret(file).await?),
            (secret, None) => secret.cloned(),
        };
        let own = sightings.local().node.clone();
        let mut hearing = Hearing::new(Packets::new(secret), own, Instant::now().into_std());
        if !sightings.local().announce {
            hearing = hearing.silent();
        }
        let network = self.network();
        let mut wait = Backoff::new(Duration::from_millis(500), LONGEST_WAIT, chance);
        // What was heard outlives a socket: interfaces come and go.
        loop {
            let error = match open(network) {
                Ok(socket) => {
                    wait.reset();
                    match gossip(&socket, network, &mut hearing, &sightings).await {
                        Ended::Deaf => continue,
                        Ended::Failed(error) => error,
                    }
                }
                Err(error) => error,
            };
            hearing.handle_sent(Instant::now().into_std(), Err(problem(network, &error)));
            tell(&mut hearing, &sightings);
            sleep(wait.next_wait()).await;
        }
    }
}

/// The secret in a file.
async fn secret(file: &Path) -> Result<Secret, DiscoveryError> {
    let odd = |said: String| {
        let said = format!("secret_file: {} {said}", file.display());
        DiscoveryError::new(Problem::Config, said)
    };
    let text = tokio::fs::read_to_string(file).await;
    let text = text.map_err(|error| odd(format!("cannot be read: {error}")))?;
    match text.strip_suffix('\n').unwrap_or(&text) {
        "" => Err(odd("is empty, which keeps nobody out".to_owned())),
        secret => Ok(Secret::new(secret)),
    }
}

/// Why a socket is given up.
enum Ended {
    /// The group is lost to it: an interface that goes takes its memberships along, and the same
    /// one, come back, does not bring them.
    Deaf,
    Failed(io::Error),
}

/// Sends and listens until the socket fails.
async fn gossip(
    socket: &UdpSocket,
    network: Network,
    hearing: &mut Hearing,
    sightings: &Sightings,
) -> Ended {
    let group = SocketAddr::from((network.group, network.port));
    let opened = Instant::now();
    let mut beat = opened;
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut datagram = [0; 2048];
    loop {
        tokio::select! {
            came = socket.recv_from(&mut datagram) => match came {
                Ok((len, from)) => {
                    let datagram = datagram.get(..len).unwrap_or_default();
                    hearing.handle_datagram(Instant::now().into_std(), from.ip(), datagram);
                }
                Err(error) => return Ended::Failed(error),
            },
            () = sleep_until(beat), if sightings.local().announce => {
                let sent = send(socket, group, hearing).await;
                let sent = sent.map_err(|error| problem(network, &error));
                hearing.handle_sent(Instant::now().into_std(), sent);
                beat = Instant::now() + STUTTER.mul_f64(share());
            }
            _ = tick.tick() => hearing.handle_timeout(Instant::now().into_std()),
        }
        tell(hearing, sightings);
        if opened.elapsed() >= DEAF && hearing.is_deaf(Instant::now().into_std()) {
            return Ended::Deaf;
        }
        if let Some(complaint) = hearing.poll_complaint(Instant::now().into_std()) {
            tracing::info!(%network, "{complaint}");
        }
    }
}

fn tell(hearing: &mut Hearing, sightings: &Sightings) {
    if let Some(observation) = hearing.poll_observation() {
        sightings.tell(observation);
    }
}

async fn send(socket: &UdpSocket, group: SocketAddr, hearing: &Hearing) -> io::Result<()> {
    let mut iv = [0; 16];
    getrandom::fill(&mut iv).map_err(io::Error::other)?;
    socket.send_to(&hearing.heartbeat(iv), group).await.map(drop)
}

/// A socket that shares its port with the other nodes of this host.
fn open(network: Network) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    #[cfg(unix)]
    socket.set_reuse_port(true)?;
    socket.set_broadcast(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddrV4::new(network.bind, network.port).into())?;
    if let Some(multicast) = network.multicast {
        let interface = multicast.interface.unwrap_or(Ipv4Addr::UNSPECIFIED);
        socket.set_multicast_ttl_v4(multicast.ttl.into())?;
        socket.set_multicast_loop_v4(true)?;
        socket.join_multicast_v4(&network.group, &interface)?;
        if multicast.interface.is_some() {
            socket.set_multicast_if_v4(&interface)?;
        }
    }
    UdpSocket::from_std(socket.into())
}

fn problem(network: Network, error: &io::Error) -> DiscoveryError {
    let said = format!(
        "gossip by {network} does not work: {error}; check that if_addr and multicast_if are \
         addresses of this host, that a route leads there, and that nobody else has the port"
    );
    DiscoveryError::new(Problem::Other, said)
}

#[cfg(test)]
#[path = "gossip/tests.rs"]
mod tests;
