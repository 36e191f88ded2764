//! The side that is dialled. One waiting state is one struct, which a message turns into the next.
//!
//! [`AwaitName`] -> [`AwaitDecision`] (-> [`AwaitAliveAnswer`]) (-> [`AwaitComplement`]) ->
//! [`AwaitReply`] (-> [`AwaitOldConnection`]) -> link. (`dist_util:handshake_other_started/1`.)

use flitch_name::{Creation, NodeName};

use crate::config::{Caller, CallerName, Config, Decision, Event, LocalNode};
use crate::machine::{Link, Output, Step};
use crate::message::{
    AliveAnswer, Challenge, ChallengeAck, ChallengeReply, Complement, SendName, Stated, Status,
};
use crate::{Cause, Digest, Flags, Misuse, Stage};

/// Where the acceptor is.
pub(crate) enum Acceptor {
    Name(AwaitName),
    Decision(AwaitDecision),
    AliveAnswer(AwaitAliveAnswer),
    Complement(AwaitComplement),
    Reply(AwaitReply),
    OldConnection(AwaitOldConnection),
}

impl Acceptor {
    pub(crate) fn start(us: LocalNode, config: Config) -> Self {
        Self::Name(AwaitName { us, config })
    }

    pub(crate) fn handle(self, body: &[u8], out: &mut Output) -> Result<Step<Self>, Cause> {
        match self {
            Self::Name(state) => state.handle(body, out).map(Step::Next),
            Self::AliveAnswer(state) => state.handle(body, out).map(Step::Next),
            Self::Complement(state) => state.handle(body).map(Step::Next),
            Self::Reply(state) => state.handle(body, out),
            Self::Decision(_) | Self::OldConnection(_) => Ok(Step::Next(self)),
        }
    }

    pub(crate) fn stage(&self) -> Stage {
        match self {
            Self::Name(_) => Stage::Name,
            Self::Decision(_) => Stage::Decision,
            Self::AliveAnswer(_) => Stage::AliveAnswer,
            Self::Complement(_) => Stage::Complement,
            Self::Reply(_) => Stage::ChallengeReply,
            Self::OldConnection(_) => Stage::OldConnection,
        }
    }

    pub(crate) fn peer(&self) -> Option<&str> {
        match self {
            Self::Name(_) => None,
            Self::Decision(state) => Some(match &state.caller.name {
                CallerName::Node(name) => name.as_str(),
                CallerName::Unnamed { host } => host,
            }),
            Self::AliveAnswer(state) => Some(state.greeted.name.as_str()),
            Self::Complement(state) => Some(state.reply.greeted.name.as_str()),
            Self::Reply(state) => Some(state.greeted.name.as_str()),
            Self::OldConnection(state) => Some(state.link.peer.as_str()),
        }
    }
}

/// Nothing came yet.
pub(crate) struct AwaitName {
    us: LocalNode,
    config: Config,
}

impl AwaitName {
    fn handle(self, body: &[u8], out: &mut Output) -> Result<Acceptor, Cause> {
        let Self { us, config } = self;
        let SendName { flags, creation, name } = SendName::decode(body)?;
        let flags = flags.expanded();
        let dialect = match creation {
            Some(_) => Dialect::V6,
            None if flags.contains(Flags::HANDSHAKE_23) => Dialect::V5Then6,
            None => Dialect::V5,
        };
        let missing = dialect.judged_early(config.required).without(flags);
        if !missing.is_empty() {
            out.send(Status::NotAllowed.encode());
            return Err(Cause::MissingFlags(missing));
        }
        let caller = match name {
            Stated::Node(name) => Caller { name: CallerName::Node(name), creation, flags },
            Stated::Host(host) => {
                Caller { name: CallerName::Unnamed { host }, creation: None, flags }
            }
        };
        out.tell(Event::PeerNamed(caller.clone()));
        Ok(Acceptor::Decision(AwaitDecision { us, config, dialect, caller }))
    }
}

/// In which form the peer began.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialect {
    /// With `N`: OTP 23 and later.
    V6,
    /// With `n` and `HANDSHAKE_23`: OTP 23 and 24 that did not ask EPMD. Goes on with version 6.
    V5Then6,
    /// With `n` alone: OTP 22 and before.
    V5,
}

impl Dialect {
    /// What can be asked of the first message: the high flags of `V5Then6` come later.
    fn judged_early(self, required: Flags) -> Flags {
        if self == Self::V5Then6 { required & Flags::LOW } else { required }
    }
}

/// The peer has named itself, and the caller has to say what becomes of it.
pub(crate) struct AwaitDecision {
    us: LocalNode,
    config: Config,
    dialect: Dialect,
    caller: Caller,
}

impl AwaitDecision {
    pub(crate) fn check(&self, decision: &Decision) -> Result<(), Misuse> {
        match (decision, &self.caller.name) {
            (Decision::Nok | Decision::NotAllowed, _) => Ok(()),
            (Decision::Named { name, .. }, CallerName::Unnamed { host }) => {
                if name.host() == host {
                    Ok(())
                } else {
                    Err(Misuse::ForeignName)
                }
            }
            (Decision::Named { .. }, CallerName::Node(_)) => Err(Misuse::NameUnwanted),
            (_, CallerName::Unnamed { .. }) => Err(Misuse::NameWanted),
            (_, CallerName::Node(_)) => Ok(()),
        }
    }

    /// `dist_util:mark_pending/1`. [`Self::check`] has passed.
    pub(crate) fn decide(self, decision: Decision, out: &mut Output) -> Result<Acceptor, Cause> {
        let Self { us, config, dialect, caller } = self;
        let status = match &decision {
            Decision::Ok => Status::Ok,
            Decision::OkSimultaneous => Status::OkSimultaneous,
            Decision::Nok => Status::Nok,
            Decision::NotAllowed => Status::NotAllowed,
            Decision::Alive => Status::Alive,
            Decision::Named { name, creation } => {
                Status::Named { name: name.clone(), creation: *creation }
            }
        };
        out.send(status.encode());
        let (name, creation, offered) = match (decision, caller.name) {
            (Decision::Nok | Decision::NotAllowed, _) => return Err(Cause::Refused),
            // `publish_flag/3`: the peer sees by this flag that it was understood.
            (Decision::Named { name, creation }, _) => {
                (name, creation, config.flags.without(Flags::PUBLISHED).with(Flags::NAME_ME))
            }
            (_, CallerName::Node(name)) => {
                (name, caller.creation.unwrap_or_default(), config.flags.without(Flags::NAME_ME))
            }
            // `check` lets no such decision through.
            (_, CallerName::Unnamed { .. }) => return Err(Cause::Refused),
        };
        let greeted = Greeted { us, config, dialect, name, creation, flags: caller.flags, offered };
        if status == Status::Alive {
            return Ok(Acceptor::AliveAnswer(AwaitAliveAnswer { greeted }));
        }
        Ok(greeted.challenge(false, out))
    }
}

/// A peer that may go on.
struct Greeted {
    us: LocalNode,
    config: Config,
    dialect: Dialect,
    name: NodeName,
    creation: Creation,
    /// What the peer offers.
    flags: Flags,
    /// What we offer it.
    offered: Flags,
}

impl Greeted {
    fn challenge(self, replaces: bool, out: &mut Output) -> Acceptor {
        let message = Challenge {
            flags: self.offered,
            challenge: self.config.challenge,
            creation: self.us.creation,
            name: self.us.name.clone(),
        };
        let dialect = self.dialect;
        out.send(if dialect == Dialect::V5 { message.encode_old() } else { message.encode() });
        let reply = AwaitReply { greeted: self, replaces };
        if dialect == Dialect::V5Then6 {
            Acceptor::Complement(AwaitComplement { reply })
        } else {
            Acceptor::Reply(reply)
        }
    }
}

/// We asked the peer whether its old connection is dead.
pub(crate) struct AwaitAliveAnswer {
    greeted: Greeted,
}

impl AwaitAliveAnswer {
    fn handle(self, body: &[u8], out: &mut Output) -> Result<Acceptor, Cause> {
        match AliveAnswer::decode(body)? {
            AliveAnswer(true) => Ok(self.greeted.challenge(true, out)),
            AliveAnswer(false) => Err(Cause::Withdrawn),
        }
    }
}

/// Our challenge is sent, and the peer owes the rest of its flags before it answers.
pub(crate) struct AwaitComplement {
    reply: AwaitReply,
}

impl AwaitComplement {
    fn handle(self, body: &[u8]) -> Result<Acceptor, Cause> {
        let mut reply = self.reply;
        let Complement { high_flags, creation } = Complement::decode(body)?;
        let flags = reply.greeted.flags.with(high_flags);
        let missing = reply.greeted.config.required.without(flags);
        if !missing.is_empty() {
            return Err(Cause::MissingFlags(missing));
        }
        reply.greeted.flags = flags;
        reply.greeted.creation = creation;
        Ok(Acceptor::Reply(reply))
    }
}

/// Our challenge is sent.
pub(crate) struct AwaitReply {
    greeted: Greeted,
    /// There is an old connection of this peer, which has to end first.
    replaces: bool,
}

impl AwaitReply {
    fn handle(self, body: &[u8], out: &mut Output) -> Result<Step<Acceptor>, Cause> {
        let Self { greeted, replaces } = self;
        let reply = ChallengeReply::decode(body)?;
        let cookie = greeted.config.cookies.for_peer(&greeted.name);
        if !reply.digest.matches(&Digest::new(cookie, greeted.config.challenge)) {
            return Err(Cause::WrongCookie);
        }
        let ack = ChallengeAck { digest: Digest::new(cookie, reply.challenge) };
        let link = Link {
            flags: greeted.offered & greeted.flags,
            peer: greeted.name,
            peer_creation: greeted.creation,
            us: greeted.us,
        };
        if replaces {
            out.tell(Event::EndOldConnection);
            return Ok(Step::Next(Acceptor::OldConnection(AwaitOldConnection { ack, link })));
        }
        out.send(ack.encode());
        Ok(Step::Done(link))
    }
}

/// The peer has proved itself; its old connection is ending. (`dist_util:wait_pending/1`.)
pub(crate) struct AwaitOldConnection {
    ack: ChallengeAck,
    link: Link,
}

impl AwaitOldConnection {
    pub(crate) fn gone(self, out: &mut Output) -> Link {
        out.send(self.ack.encode());
        self.link
    }
}
