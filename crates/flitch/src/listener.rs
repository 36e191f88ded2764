//! Where peers come in.

use std::io;
use std::iter::repeat_n;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Socket, Type};
use tokio::net::TcpListener;

use crate::carrier::Carrier;
use crate::clock::now;
use crate::door::Door;
use crate::node::Node;
use crate::task::{self, Name};
use crate::throttle::Throttle;

/// How often any port is asked for.
const ANY: usize = 64;

/// Binds every address to one port, the first of the range that is free on all of them; 0 is any.
pub(crate) fn bind(
    addresses: &[IpAddr],
    ports: RangeInclusive<u16>,
) -> io::Result<Vec<TcpListener>> {
    let mut failed = io::Error::from(io::ErrorKind::AddrNotAvailable);
    // What the system finds free on the first address may be taken on another one. It is held while
    // we ask again, so that it finds something else.
    let mut held = Vec::new();
    for port in ports.flat_map(|port| repeat_n(port, if port == 0 { ANY } else { 1 })) {
        let mut listeners = Vec::with_capacity(addresses.len());
        match bind_port(addresses, port, &mut listeners) {
            Ok(()) => return Ok(listeners),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => failed = error,
            Err(error) => return Err(error),
        }
        if port == 0 {
            held.append(&mut listeners);
        }
    }
    Err(failed)
}

fn bind_port(
    addresses: &[IpAddr],
    mut port: u16,
    listeners: &mut Vec<TcpListener>,
) -> io::Result<()> {
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
    Ok(())
}

/// Takes connections until the node stops.
pub(crate) async fn listen(node: Node, listener: TcpListener, door: Arc<Door>) {
    let complaints = Throttle::default();
    loop {
        let accepted = tokio::select! {
            () = node.stopping() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => {
                let _ = stream.set_nodelay(true);
                admit(&node, stream, address, &door);
            }
            Err(error) => {
                // Out of descriptors, most likely: the connections that are there go on.
                if let Some(untold) = complaints.pass(now()) {
                    tracing::warn!(%error, untold, "cannot accept a connection");
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Takes a connection in, unless the node stops or a newer one needs its place before it is a link.
pub(crate) fn admit(node: &Node, stream: impl Carrier, from: SocketAddr, door: &Arc<Door>) {
    let accepting = node.clone();
    let place = door.admit(from.ip(), now());
    let name = Name::of(|| format!("handshake {from}"));
    task::spawn(node.tasks(), name, async move {
        tokio::select! {
            () = accepting.stopping() => {}
            () = place.evicted() => {}
            () = accepting.accept(stream, from, place.door()) => {}
        }
    });
}

#[cfg(test)]
mod tests {
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
}
