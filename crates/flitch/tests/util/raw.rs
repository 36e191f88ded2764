//! A peer that is no flitch node: the handshake's machine on a raw stream, and whatever bytes a
//! test wants behind it.

use std::time::Instant;

use flitch::{Atom, Creation, Node, NodeName, Pid, Reference, Term};
use flitch_dist::{Control, Inbound, InboundLimits, Outbound, Signal};
use flitch_etf::write_term;
use flitch_handshake::{Config, Cookie, Event, Flags, Handshake, HandshakeError, LocalNode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{COOKIE, name, soon};

/// A connected peer.
pub(crate) struct Raw {
    pub(crate) stream: TcpStream,
    pub(crate) us: LocalNode,
    inbound: Inbound,
    /// The stream is at its end.
    ended: bool,
}

pub(crate) fn local(alive: &str, creation: u32) -> LocalNode {
    LocalNode { name: name(&format!("{alive}@127.0.0.1")), creation: Creation::new(creation) }
}

/// A stream to a node, with nothing said yet.
pub(crate) async fn stream(node: &Node) -> TcpStream {
    let stream = soon(TcpStream::connect(("127.0.0.1", node.port()))).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Runs a handshake that we begin, with the answer `true` to `alive`.
pub(crate) async fn shake(
    stream: &mut TcpStream,
    us: LocalNode,
    peer: &NodeName,
    cookie: &str,
) -> Result<flitch_handshake::Established, HandshakeError> {
    shake_with(stream, us, peer, Config::new(Cookie::new(cookie).unwrap(), 17)).await
}

/// Likewise, with a configuration of the test's.
pub(crate) async fn shake_with(
    stream: &mut TcpStream,
    us: LocalNode,
    peer: &NodeName,
    config: Config,
) -> Result<flitch_handshake::Established, HandshakeError> {
    let mut machine = Handshake::initiate(us, Some(peer.clone()), config, Instant::now());
    let mut buffer = [0; 1024];
    loop {
        while let Some(message) = machine.poll_transmit() {
            let _ = stream.write_all(&message).await;
        }
        match machine.poll_event() {
            Some(Event::Established(link)) => return Ok(link),
            Some(Event::Failed(error)) => return Err(error),
            Some(_) => machine.answer_alive(true).unwrap(),
            None => match soon(stream.read(&mut buffer)).await {
                Ok(0) | Err(_) => machine.handle_close(),
                Ok(len) => machine.handle_input(&buffer[..len]),
            },
        }
    }
}

impl Raw {
    /// Connects to a node as `alive@127.0.0.1`.
    pub(crate) async fn connect(node: &Node, alive: &str, creation: u32) -> Self {
        Self::connect_with(node, alive, creation, Flags::OFFERED).await
    }

    /// Likewise, as a peer that offers these flags.
    pub(crate) async fn connect_with(
        node: &Node,
        alive: &str,
        creation: u32,
        flags: Flags,
    ) -> Self {
        let mut stream = stream(node).await;
        let us = local(alive, creation);
        let config = Config { flags, ..Config::new(Cookie::new(COOKIE).unwrap(), 17) };
        let link = shake_with(&mut stream, us.clone(), node.name(), config).await.unwrap();
        let mut inbound = Inbound::new(InboundLimits::DEFAULT);
        inbound.buffer().extend_from_slice(&link.leftover);
        Self { stream, us, inbound, ended: false }
    }

    pub(crate) fn atom(&self) -> Atom {
        Atom::new(self.us.name.as_str()).unwrap()
    }

    /// A pid of ours.
    pub(crate) fn pid(&self, id: u32) -> Pid {
        Pid { node: self.atom(), id, serial: 0, creation: self.us.creation.value() }
    }

    /// A reference of ours.
    pub(crate) fn reference(&self, number: u32) -> Reference {
        Reference::three(self.atom(), self.us.creation.value(), [number, 0, 0])
    }

    /// The bytes of a signal.
    pub(crate) fn frame(control: &Control, payload: &Term) -> Vec<u8> {
        let mut out = Outbound::new(Flags::OFFERED);
        out.send(control, |bytes| write_term(bytes, payload)).unwrap();
        let mut frames = Vec::new();
        while !out.is_empty() {
            frames.extend(out.take(Vec::new()));
        }
        frames
    }

    pub(crate) async fn send(&mut self, control: &Control, payload: &Term) {
        self.bytes(&Self::frame(control, payload)).await;
    }

    pub(crate) async fn bytes(&mut self, bytes: &[u8]) {
        self.try_bytes(bytes).await.unwrap();
    }

    /// Likewise, to a node that may have closed.
    pub(crate) async fn try_bytes(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        soon(self.stream.write_all(bytes)).await
    }

    /// The next signal; `None` when the node has closed.
    pub(crate) async fn next(&mut self) -> Option<Signal> {
        loop {
            if let Some(signal) = self.inbound.poll_signal().unwrap() {
                return Some(signal);
            }
            if self.ended {
                return None;
            }
            let read = soon(self.stream.read_buf(self.inbound.buffer())).await;
            self.ended = matches!(read, Ok(0) | Err(_));
        }
    }

    /// Reads until the node has closed.
    pub(crate) async fn closed(&mut self) {
        while self.next().await.is_some() {}
    }

    /// What `sys:terminate/2` and its kin send, and what answers it.
    pub(crate) async fn system(&mut self, to: &Pid, request: Term) -> Term {
        let from = Term::from((Term::from(self.pid(1)), Term::from(self.reference(1))));
        let message = Term::from((Term::atom("system"), from, request));
        self.send(&Control::Send { from: None, to: to.clone() }, &message).await;
        loop {
            let signal = soon(self.next()).await.unwrap();
            if matches!(signal.control, Control::Send { .. }) {
                return signal.payload.to_value().unwrap();
            }
        }
    }
}
