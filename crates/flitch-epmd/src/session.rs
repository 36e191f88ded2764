//! One connection to the server, sans-IO: bytes and time in, bytes and a verdict out.
//!
//! A session reads one request, answers it, and closes; only a registration stays. Nothing of a
//! peer is trusted: the request has one absolute deadline from accept to its last byte, so a byte
//! now and then buys no time (CVE-2026-42792), and its length is checked before it is kept.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::message::{
    Alive2Request, Alive2Response, KillResponse, MAX_REQUEST, MessageError, NamesResponse,
    Port2Response, Request, StopResponse, WireName,
};
use crate::table::{ConnectionId, Cursor, Table};

#[cfg(test)]
mod tests;

/// One connection to the server.
///
/// Drive it so: after [`new`](Self::new) and each `handle_*`, drain
/// [`poll_transmit`](Self::poll_transmit) into the socket, then [`poll_effect`](Self::poll_effect);
/// if [`ending`](Self::ending) says something, close. Otherwise wait for bytes, for the end of the
/// stream, or until [`poll_timeout`](Self::poll_timeout). Whoever drops a session without
/// [`handle_closed`](Self::handle_closed) unregisters its connection from the table.
#[derive(Debug)]
pub struct Session {
    id: ConnectionId,
    origin: Origin,
    epmd_port: u16,
    rules: Rules,
    state: State,
    effect: Option<Effect>,
}

/// What a server grants its peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// From accept to the last byte of the request.
    pub request_timeout: Duration,
    /// From the last byte of the request to the last byte of the answer.
    pub answer_timeout: Duration,
    /// Who may end the server with KILL_REQ, over the loopback.
    pub kill: KillPolicy,
    /// Whether STOP_REQ unregisters somebody else, over the loopback.
    pub stop: bool,
}

impl Default for Rules {
    /// 5 seconds for a request and as many for its answer; no KILL, no STOP.
    fn default() -> Self {
        let five = Duration::from_secs(5);
        let kill = KillPolicy::Never;
        Self { request_timeout: five, answer_timeout: five, kill, stop: false }
    }
}

impl Rules {
    /// The commands as the stock daemon allows them: KILL while no node is registered.
    #[must_use]
    pub const fn stock(self) -> Self {
        Self { kill: KillPolicy::WhenEmpty, stop: false, ..self }
    }

    /// The commands as the stock daemon allows them under `-relaxed_command_check`.
    #[must_use]
    pub const fn relaxed(self) -> Self {
        Self { kill: KillPolicy::Always, stop: true, ..self }
    }
}

/// When KILL_REQ ends the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KillPolicy {
    /// Never.
    Never,
    /// While no node is registered.
    WhenEmpty,
    /// Whenever somebody on this host asks.
    Always,
}

/// Where a connection comes from, which decides what it may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Over a loopback address: may do everything that the rules allow.
    Loopback,
    /// From this host over one of its outer addresses: may register and dump.
    SameHost,
    /// From elsewhere: may only ask for ports and names.
    Remote,
}

impl Origin {
    /// From the two ends of a connection, as `epmd_srv.c` decides it in `conn_local_peer_check`.
    #[must_use]
    pub fn of(peer: IpAddr, ours: IpAddr) -> Self {
        match (peer.to_canonical(), ours.to_canonical()) {
            (peer, _) if peer.is_loopback() => Self::Loopback,
            (peer, ours) if peer == ours => Self::SameHost,
            _ => Self::Remote,
        }
    }
}

/// What the server has to do beyond this connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// End: somebody who may has asked for it.
    Kill,
    /// Close another connection: its name was taken from it.
    Disconnect(ConnectionId),
}

/// Why a session is over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Ending {
    /// The answer is out.
    #[error("answered")]
    Answered,
    /// The peer closed the connection, or it broke.
    #[error("the peer closed the connection")]
    PeerClosed,
    /// A deadline has passed.
    #[error("the peer took too long over its request, or over reading the answer")]
    TimedOut,
    /// The length field is 0 or above the limit.
    #[error("the peer announced a request of {len} bytes: 1 to {MAX_REQUEST} are possible")]
    Length {
        /// What it says.
        len: usize,
    },
    /// The request is none.
    #[error("the peer sent garbage: {0}")]
    Garbage(#[from] MessageError),
    /// Bytes on a connection that holds a registration, where none belong.
    #[error("the peer sent bytes after its registration")]
    TalkedOn,
    /// A request that only some may send.
    #[error("the peer may not send {request}")]
    NotAllowed {
        /// The message, as the protocol's documentation calls it.
        request: &'static str,
    },
}

#[derive(Debug)]
enum State {
    Reading { buffer: Vec<u8>, deadline: Instant },
    Answering { answer: Answer, deadline: Instant },
    Registered { answer: Option<Vec<u8>>, deadline: Instant },
    Closed(Ending),
}

/// Lists are written piece by piece, so that a slow reader holds one piece and no copy of all.
#[derive(Debug)]
enum Answer {
    Bytes(Vec<u8>),
    Names(Vec<u8>, Cursor),
    DumpActive(Vec<u8>, Cursor),
    DumpOld(Vec<u8>, Cursor),
    Done,
}

impl Session {
    /// The size at which a piece of a list is long enough, in bytes.
    const PIECE: usize = 16 * 1024;

    /// A connection accepted at `now` on a listener of port `epmd_port`.
    #[must_use]
    pub fn new(
        id: ConnectionId,
        origin: Origin,
        epmd_port: u16,
        rules: Rules,
        now: Instant,
    ) -> Self {
        let deadline = now + rules.request_timeout;
        let state = State::Reading { buffer: Vec::new(), deadline };
        Self { id, origin, epmd_port, rules, state, effect: None }
    }

    /// Bytes have come. A few kilobytes at a time are enough: no request is longer.
    pub fn handle_bytes(&mut self, now: Instant, bytes: &[u8], table: &mut Table) {
        if bytes.is_empty() {
            return;
        }
        match &mut self.state {
            State::Reading { deadline, .. } if now >= *deadline => {
                self.state = State::Closed(Ending::TimedOut);
            }
            State::Reading { buffer, .. } => {
                buffer.extend_from_slice(bytes);
                match whole(buffer) {
                    Ok(None) => {}
                    Ok(Some(body)) => self.state = self.answer(now, &body, table),
                    Err(ending) => self.state = State::Closed(ending),
                }
            }
            State::Registered { .. } => {
                table.unregister(self.id);
                self.state = State::Closed(Ending::TalkedOn);
            }
            // The request is complete; what else the peer says changes nothing.
            State::Answering { .. } | State::Closed(_) => {}
        }
    }

    /// The stream has ended or failed.
    pub fn handle_closed(&mut self, table: &mut Table) {
        table.unregister(self.id);
        if self.ending().is_none() {
            self.state = State::Closed(Ending::PeerClosed);
        }
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant, table: &mut Table) {
        if self.poll_timeout().is_some_and(|deadline| now >= deadline) {
            table.unregister(self.id);
            self.state = State::Closed(Ending::TimedOut);
        }
    }

    /// The next bytes to write, all of them before [`poll_timeout`](Self::poll_timeout). `None`
    /// when there are none for now.
    pub fn poll_transmit(&mut self, table: &Table) -> Option<Vec<u8>> {
        match &mut self.state {
            State::Reading { .. } | State::Closed(_) => None,
            State::Registered { answer, .. } => answer.take(),
            State::Answering { answer, .. } => {
                let piece = answer.next_piece(table);
                if piece.is_none() {
                    self.state = State::Closed(Ending::Answered);
                }
                piece
            }
        }
    }

    /// What the server has to do, once, after the answer is written.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effect.take()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout). A registration has no deadline.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Reading { deadline, .. }
            | State::Answering { deadline, .. }
            | State::Registered { answer: Some(_), deadline } => Some(*deadline),
            State::Registered { answer: None, .. } | State::Closed(_) => None,
        }
    }

    /// Whether the connection holds a name.
    #[must_use]
    pub const fn is_registered(&self) -> bool {
        matches!(self.state, State::Registered { .. })
    }

    /// Whether [`poll_transmit`](Self::poll_transmit) has something, or may have.
    #[must_use]
    pub const fn has_answer(&self) -> bool {
        matches!(self.state, State::Answering { .. } | State::Registered { answer: Some(_), .. })
    }

    /// Whether the piece before was the last, so that the end of the stream can go with it.
    #[must_use]
    pub const fn is_answered(&self) -> bool {
        matches!(self.state, State::Answering { answer: Answer::Done, .. })
    }

    /// Why the connection has to be closed, if it has to.
    #[must_use]
    pub const fn ending(&self) -> Option<&Ending> {
        match &self.state {
            State::Closed(ending) => Some(ending),
            _ => None,
        }
    }

    fn answer(&mut self, now: Instant, body: &[u8], table: &mut Table) -> State {
        let deadline = now + self.rules.answer_timeout;
        let request = match Request::decode(body) {
            Ok(request) => request,
            Err(error) => return self.refuse(body, error, deadline),
        };
        let answer = match request {
            Request::Alive2(request) => return self.register(now, request, table, deadline),
            Request::PortPlease2(request) => Ok(Answer::Bytes(find(&request.name, table).encode())),
            Request::Names(_) => Ok(Answer::Names(self.head(), Cursor::NEWEST)),
            Request::Dump(_) if self.origin == Origin::Remote => Err("DUMP_REQ"),
            Request::Dump(_) => Ok(Answer::DumpActive(self.head(), Cursor::NEWEST)),
            Request::Kill(_) => self.kill(table).map(|answer| Answer::Bytes(answer.encode())),
            Request::Stop(request) => {
                self.stop(&request.name, table).map(|answer| Answer::Bytes(answer.encode()))
            }
        };
        match answer {
            Ok(answer) => State::Answering { answer, deadline },
            Err(request) => State::Closed(Ending::NotAllowed { request }),
        }
    }

    /// A registration that is whole but for its name is answered, and so is a question for a name
    /// that nobody can have; everything else is garbage.
    fn refuse(&self, body: &[u8], error: MessageError, deadline: Instant) -> State {
        use crate::message::Tag;
        use crate::message::WireNameError::{At, Control, Empty, Nul};
        let asked = body.first() == Some(&Tag::PORT_PLEASE2_REQ.0);
        if asked && matches!(error, MessageError::Name(At | Control { .. })) {
            let answer = Answer::Bytes(Port2Response::NotFound { result: 1 }.encode());
            return State::Answering { answer, deadline };
        }
        let silent = match &error {
            MessageError::Name(name) => matches!(name, Nul | Empty),
            error => !matches!(error, MessageError::ExtraTooLong { .. }),
        };
        match Alive2Request::refusal(body).filter(|_| !silent && self.origin != Origin::Remote) {
            Some(refusal) => State::Answering { answer: Answer::Bytes(refusal.encode()), deadline },
            None => State::Closed(Ending::Garbage(error)),
        }
    }

    fn register(
        &self,
        now: Instant,
        request: Alive2Request,
        table: &mut Table,
        deadline: Instant,
    ) -> State {
        if self.origin == Origin::Remote {
            return State::Closed(Ending::NotAllowed { request: "ALIVE2_REQ" });
        }
        let Alive2Request { name, endpoint } = request;
        match table.register(now, self.id, name, endpoint.clone()) {
            Ok(creation) => {
                let answer = Some(Alive2Response::accepting(&endpoint, creation).encode());
                State::Registered { answer, deadline }
            }
            Err(_) => {
                let answer = Answer::Bytes(Alive2Response::refusing(&endpoint).encode());
                State::Answering { answer, deadline }
            }
        }
    }

    fn kill(&mut self, table: &Table) -> Result<KillResponse, &'static str> {
        if self.origin != Origin::Loopback {
            return Err("KILL_REQ");
        }
        let allowed = match self.rules.kill {
            KillPolicy::Never => false,
            KillPolicy::WhenEmpty => table.is_empty(),
            KillPolicy::Always => true,
        };
        if allowed {
            self.effect = Some(Effect::Kill);
        }
        Ok(if allowed { KillResponse::Ok } else { KillResponse::No })
    }

    fn stop(&mut self, name: &WireName, table: &mut Table) -> Result<StopResponse, &'static str> {
        if self.origin != Origin::Loopback || !self.rules.stop {
            return Err("STOP_REQ");
        }
        self.effect = table.evict(name).map(Effect::Disconnect);
        Ok(if self.effect.is_some() { StopResponse::Stopped } else { StopResponse::NoExist })
    }

    fn head(&self) -> Vec<u8> {
        NamesResponse::encode_port(u32::from(self.epmd_port))
    }
}

impl Answer {
    fn next_piece(&mut self, table: &Table) -> Option<Vec<u8>> {
        let (mut piece, next) = match std::mem::replace(self, Self::Done) {
            Self::Done => return None,
            Self::Bytes(bytes) => (bytes, Self::Done),
            Self::Names(mut piece, cursor) => {
                let more = fill(&mut piece, cursor, |cursor| {
                    table.name_before(cursor).map(|(named, next)| (named.encode(), next))
                });
                (piece, more.map_or(Self::Done, |cursor| Self::Names(Vec::new(), cursor)))
            }
            Self::DumpActive(mut piece, cursor) => {
                let more = fill(&mut piece, cursor, |cursor| {
                    table.active_before(cursor).map(|(entry, next)| (entry.encode(), next))
                });
                let old = || Self::DumpOld(Vec::new(), Cursor::OLDEST);
                (piece, more.map_or_else(old, |cursor| Self::DumpActive(Vec::new(), cursor)))
            }
            Self::DumpOld(mut piece, cursor) => {
                let more = fill(&mut piece, cursor, |cursor| {
                    table.old_after(cursor).map(|(entry, next)| (entry.encode(), next))
                });
                (piece, more.map_or(Self::Done, |cursor| Self::DumpOld(Vec::new(), cursor)))
            }
        };
        *self = next;
        if piece.is_empty() {
            // A list may end exactly where a piece did.
            piece = self.next_piece(table)?;
        }
        Some(piece)
    }
}

/// Adds lines until the piece is long enough, or gives `None` when there are no more.
fn fill(
    piece: &mut Vec<u8>,
    mut cursor: Cursor,
    line_at: impl Fn(Cursor) -> Option<(Vec<u8>, Cursor)>,
) -> Option<Cursor> {
    while piece.len() < Session::PIECE {
        let (line, next) = line_at(cursor)?;
        piece.extend_from_slice(&line);
        cursor = next;
    }
    Some(cursor)
}

fn find(name: &WireName, table: &Table) -> Port2Response {
    match table.lookup(name) {
        Some(endpoint) => {
            Port2Response::Found { name: Some(name.clone()), endpoint: endpoint.clone() }
        }
        None => Port2Response::NotFound { result: 1 },
    }
}

/// The request, once its last byte is there.
fn whole(buffer: &[u8]) -> Result<Option<Vec<u8>>, Ending> {
    let Some((len, body)) = buffer.split_first_chunk() else { return Ok(None) };
    let len = usize::from(u16::from_be_bytes(*len));
    if len == 0 || len > MAX_REQUEST {
        return Err(Ending::Length { len });
    }
    match body.len().checked_sub(len) {
        None => Ok(None),
        Some(0) => Ok(Some(body.to_vec())),
        Some(extra) => Err(MessageError::Trailing { message: "the request", extra }.into()),
    }
}
