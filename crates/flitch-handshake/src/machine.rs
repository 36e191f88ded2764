//! The one type that is driven: either side of a handshake, its bytes, its events, its deadline.

use std::collections::VecDeque;
use std::fmt;
use std::time::Instant;

use bytes::Bytes;
use flitch_name::{Creation, NameError, NodeName};

use crate::acceptor::Acceptor;
use crate::config::{Config, Decision, Established, Event, Introduction, LocalNode};
use crate::initiator::{Initiator, Us};
use crate::message::{Inbox, MAX_FRAME};
use crate::{Cause, Flags, HandshakeError, MessageError, Misuse, Stage};

/// One handshake, from the first byte to the link. Does no I/O.
///
/// Drive it in a loop:
/// 1. write everything that [`poll_transmit`](Self::poll_transmit) gives, one write a message;
/// 2. take everything that [`poll_event`](Self::poll_event) gives, and answer what it asks with
///    [`decide`](Self::decide), [`answer_alive`](Self::answer_alive) or
///    [`handle_old_connection_gone`](Self::handle_old_connection_gone); after an answer, begin again;
/// 3. wait for bytes ([`handle_input`](Self::handle_input)), for their end
///    ([`handle_close`](Self::handle_close)) or for the instant of
///    [`poll_timeout`](Self::poll_timeout) ([`handle_timeout`](Self::handle_timeout)).
///
/// The last event is [`Event::Established`] or [`Event::Failed`]; it comes exactly once.
/// After it, input is ignored. Before the peer has proved that it knows the cookie, no more than
/// one frame of 4 kB is kept of what it sent, besides the bytes of one `handle_input`.
pub struct Handshake {
    side: Side,
    inbox: Inbox,
    out: Output,
    deadline: Instant,
    /// What releases insist on and we do not offer: why a peer may have closed without a word.
    lacking: Flags,
}

impl Handshake {
    /// What an authenticated peer may send while its old connection ends.
    const MAX_EARLY: usize = 64 * 1024;

    /// Begins a handshake on a connection that we opened.
    ///
    /// The peer has to be the one that was dialled; with `None`, whoever answers is taken by the
    /// name that it states. Mind that the initiator proves the cookie first: dial only where told.
    #[must_use]
    pub fn initiate(us: LocalNode, peer: Option<NodeName>, config: Config, now: Instant) -> Self {
        Self::dial(Us::Named(us), peer, config, now)
    }

    /// Begins a handshake on a connection that we opened, and asks the peer for a name on our
    /// `host` (`erl -sname undefined`). [`Established::us`] has the name.
    ///
    /// # Errors
    /// If no node on such a host can have a name.
    pub fn initiate_unnamed(
        host: &str,
        peer: Option<NodeName>,
        config: Config,
        now: Instant,
    ) -> Result<Self, NameError> {
        format!("x@{host}").parse::<NodeName>()?;
        Ok(Self::dial(Us::Unnamed { host: host.to_owned() }, peer, config, now))
    }

    /// Begins a handshake on a connection that was opened to us.
    #[must_use]
    pub fn accept(us: LocalNode, config: Config, now: Instant) -> Self {
        let (deadline, lacking) = (config.deadline(now), config.flags.missing_for(u8::MAX));
        let side = Side::Acceptor(Acceptor::start(us, config));
        Self { side, inbox: Inbox::default(), out: Output::default(), deadline, lacking }
    }

    /// Bytes from the peer, in any pieces.
    pub fn handle_input(&mut self, bytes: &[u8]) {
        if matches!(self.side, Side::Failed | Side::Handed) {
            return;
        }
        self.inbox.push(bytes);
        self.advance();
    }

    /// The peer closed, or the carrier broke.
    pub fn handle_close(&mut self) {
        match self.stage() {
            Stage::ChallengeAck => self.fail(Cause::ClosedAfterReply),
            _ => self.fail(Cause::Closed),
        }
    }

    /// Time has passed. Before the deadline this does nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        if now >= self.deadline {
            self.fail(Cause::TimedOut);
        }
    }

    /// Acceptor: what becomes of the peer, after [`Event::PeerNamed`].
    ///
    /// The peer may state any name, even ours: the table of peers judges that too.
    ///
    /// # Errors
    /// If nothing was asked, or a name is given to a peer that has one, or none to one that has
    /// not. Nothing has changed then.
    pub fn decide(&mut self, decision: Decision) -> Result<(), Misuse> {
        match &self.side {
            Side::Acceptor(Acceptor::Decision(state)) => state.check(&decision)?,
            _ => return Err(Misuse::NotAsked(self.stage())),
        }
        self.step(|side, out| match side {
            Side::Acceptor(Acceptor::Decision(state)) => {
                state.decide(decision, out).map(|next| Step::Next(Side::Acceptor(next)))
            }
            other => Ok(Step::Next(other)),
        });
        self.advance();
        Ok(())
    }

    /// Initiator: whether to go on, after [`Event::AliveAsked`].
    ///
    /// `true` if this attempt is the one that the table of peers has on record: the connection that
    /// the peer sees is a dead one. `false` if another one has won meanwhile, which ends this.
    /// (`net_kernel`, `is_pending`.)
    ///
    /// # Errors
    /// If nothing was asked.
    pub fn answer_alive(&mut self, go_on: bool) -> Result<(), Misuse> {
        if !matches!(self.side, Side::Initiator(Initiator::Answer(_))) {
            return Err(Misuse::NotAsked(self.stage()));
        }
        self.step(|side, out| match side {
            Side::Initiator(Initiator::Answer(state)) => {
                state.answer(go_on, out).map(|next| Step::Next(Side::Initiator(next)))
            }
            other => Ok(Step::Next(other)),
        });
        self.advance();
        Ok(())
    }

    /// Acceptor: the peer's old connection has ended, after [`Event::EndOldConnection`].
    ///
    /// # Errors
    /// If nothing was asked.
    pub fn handle_old_connection_gone(&mut self) -> Result<(), Misuse> {
        if !matches!(self.side, Side::Acceptor(Acceptor::OldConnection(_))) {
            return Err(Misuse::NotAsked(self.stage()));
        }
        self.step(|side, out| match side {
            Side::Acceptor(Acceptor::OldConnection(state)) => Ok(Step::Done(state.gone(out))),
            other => Ok(Step::Next(other)),
        });
        Ok(())
    }

    /// The next message to write, whole.
    pub fn poll_transmit(&mut self) -> Option<Bytes> {
        self.out.transmits.pop_front()
    }

    /// What happened, or is asked.
    pub fn poll_event(&mut self) -> Option<Event> {
        let mut event = self.out.events.pop_front()?;
        if let Event::Established(established) = &mut event {
            // Only now: more may have come between the last message and this call.
            established.leftover = self.inbox.take();
            self.side = Side::Handed;
        }
        Some(event)
    }

    /// Initiator: how the peer has introduced itself, once it has and until it has proved it.
    ///
    /// Who wants to know no more than that leaves what [`poll_transmit`](Self::poll_transmit) gives
    /// then, which is our proof of the cookie, unwritten, and closes.
    #[must_use]
    pub fn introduction(&self) -> Option<&Introduction> {
        match &self.side {
            Side::Initiator(state) => state.introduction(),
            _ => None,
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), unless it is over.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        (self.stage() != Stage::Over).then_some(self.deadline)
    }

    /// What it is waiting for.
    #[must_use]
    pub fn stage(&self) -> Stage {
        match &self.side {
            Side::Initiator(state) => state.stage(),
            Side::Acceptor(state) => state.stage(),
            Side::Established | Side::Handed | Side::Failed => Stage::Over,
        }
    }

    fn dial(us: Us, peer: Option<NodeName>, config: Config, now: Instant) -> Self {
        let (deadline, lacking) = (config.deadline(now), config.flags.missing_for(u8::MAX));
        let mut out = Output::default();
        let side = Side::Initiator(Initiator::start(us, peer, config, &mut out));
        Self { side, inbox: Inbox::default(), out, deadline, lacking }
    }

    /// Takes frames for as long as one is due.
    fn advance(&mut self) {
        loop {
            let room = match self.stage() {
                Stage::Over => return,
                Stage::Decision | Stage::OurAliveAnswer => MAX_FRAME,
                Stage::OldConnection => Self::MAX_EARLY,
                _ => match self.inbox.next_frame() {
                    Ok(Some(body)) => {
                        self.step(|side, out| side.handle(&body, out));
                        continue;
                    }
                    Ok(None) => return,
                    Err(problem) => return self.fail(problem.into()),
                },
            };
            let len = self.inbox.len();
            if len > room {
                self.fail(MessageError::OutOfTurn { len }.into());
            }
            return;
        }
    }

    fn step(&mut self, handle: impl FnOnce(Side, &mut Output) -> Result<Step<Side>, Cause>) {
        let (stage, peer) = (self.stage(), self.side.peer().map(str::to_owned));
        match handle(std::mem::replace(&mut self.side, Side::Failed), &mut self.out) {
            Ok(Step::Next(next)) => self.side = next,
            Ok(Step::Done(Link { peer, peer_creation, flags, us })) => {
                let leftover = Bytes::new();
                let link = Established { peer, peer_creation, flags, us, leftover };
                self.out.tell(Event::Established(link));
                self.side = Side::Established;
            }
            Err(cause) => {
                let error = HandshakeError { stage, peer, cause, lacking: self.lacking };
                self.out.tell(Event::Failed(error));
            }
        }
        if matches!(self.side, Side::Failed) {
            self.inbox = Inbox::default();
        }
    }

    fn fail(&mut self, cause: Cause) {
        if self.stage() != Stage::Over {
            self.step(|_, _| Err(cause));
        }
    }
}

impl fmt::Debug for Handshake {
    /// Without the bytes under way: digests are among them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake")
            .field("stage", &self.stage())
            .field("peer", &self.side.peer())
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

/// Where a handshake is.
enum Side {
    Initiator(Initiator),
    Acceptor(Acceptor),
    /// Won, and the event waits to be taken; bytes that come now belong to the link.
    Established,
    /// Won, and the driver has it.
    Handed,
    Failed,
}

impl Side {
    fn handle(self, body: &[u8], out: &mut Output) -> Result<Step<Self>, Cause> {
        match self {
            Self::Initiator(state) => state.handle(body, out).map(|step| step.map(Self::Initiator)),
            Self::Acceptor(state) => state.handle(body, out).map(|step| step.map(Self::Acceptor)),
            Self::Established | Self::Handed | Self::Failed => Ok(Step::Next(self)),
        }
    }

    fn peer(&self) -> Option<&str> {
        match self {
            Self::Initiator(state) => state.peer(),
            Self::Acceptor(state) => state.peer(),
            Self::Established | Self::Handed | Self::Failed => None,
        }
    }
}

/// What a message leads to.
pub(crate) enum Step<S> {
    Next(S),
    Done(Link),
}

impl<S> Step<S> {
    fn map<T>(self, wrap: impl FnOnce(S) -> T) -> Step<T> {
        match self {
            Self::Next(state) => Step::Next(wrap(state)),
            Self::Done(link) => Step::Done(link),
        }
    }
}

/// What will be [`Established`] once the bytes behind the handshake are known.
pub(crate) struct Link {
    pub(crate) peer: NodeName,
    pub(crate) peer_creation: Creation,
    pub(crate) flags: Flags,
    pub(crate) us: LocalNode,
}

/// What a state has to say, to the peer and to the driver.
#[derive(Default)]
pub(crate) struct Output {
    transmits: VecDeque<Bytes>,
    events: VecDeque<Event>,
}

impl Output {
    pub(crate) fn send(&mut self, frame: Bytes) {
        self.transmits.push_back(frame);
    }

    pub(crate) fn tell(&mut self, event: Event) {
        self.events.push_back(event);
    }
}
