//! The side that dials. One waiting state is one struct, which a message turns into the next.
//!
//! `send_name` -> [`AwaitStatus`] (-> [`AwaitAnswer`]) -> [`AwaitChallenge`] -> [`AwaitAck`] -> link.
//! (`dist_util:handshake_we_started/1`.)

use flitch_name::{Creation, NodeName};

use crate::config::{Config, Event, Introduction, LocalNode};
use crate::machine::{Link, Output, Step};
use crate::message::{
    AliveAnswer, Challenge, ChallengeAck, ChallengeReply, SendName, Stated, Status,
};
use crate::{Cause, Digest, Flags, Stage};

/// Who dials.
pub(crate) enum Us {
    Named(LocalNode),
    /// Asks the peer for a name on this host.
    Unnamed {
        host: String,
    },
}

/// Where the initiator is.
pub(crate) enum Initiator {
    Status(AwaitStatus),
    Answer(AwaitAnswer),
    Challenge(AwaitChallenge),
    Ack(AwaitAck),
}

impl Initiator {
    /// Sends our name.
    pub(crate) fn start(us: Us, peer: Option<NodeName>, config: Config, out: &mut Output) -> Self {
        let (offered, creation, name) = match &us {
            Us::Named(LocalNode { name, creation }) => {
                let offered = config.flags.without(Flags::NAME_ME);
                (offered, *creation, Stated::Node(name.clone()))
            }
            // `publish_flag/3`: whoever asks for a name is not published.
            Us::Unnamed { host } => {
                let offered = config.flags.without(Flags::PUBLISHED).with(Flags::NAME_ME);
                (offered, Creation::default(), Stated::Host(host.clone()))
            }
        };
        out.send(SendName { flags: offered, creation: Some(creation), name }.encode());
        Self::Status(AwaitStatus { us, dial: Dial { peer, config, offered } })
    }

    pub(crate) fn handle(self, body: &[u8], out: &mut Output) -> Result<Step<Self>, Cause> {
        match self {
            Self::Status(state) => state.handle(body, out).map(Step::Next),
            Self::Answer(_) => Ok(Step::Next(self)),
            Self::Challenge(state) => state.handle(body, out).map(Step::Next),
            Self::Ack(state) => state.handle(body).map(Step::Done),
        }
    }

    pub(crate) fn stage(&self) -> Stage {
        match self {
            Self::Status(_) => Stage::Status,
            Self::Answer(_) => Stage::OurAliveAnswer,
            Self::Challenge(_) => Stage::Challenge,
            Self::Ack(_) => Stage::ChallengeAck,
        }
    }

    pub(crate) fn peer(&self) -> Option<&str> {
        let dial = match self {
            Self::Status(state) => &state.dial,
            Self::Answer(state) => &state.dial,
            Self::Challenge(state) => &state.dial,
            Self::Ack(state) => return Some(state.theirs.name.as_str()),
        };
        dial.peer.as_ref().map(NodeName::as_str)
    }

    pub(crate) fn introduction(&self) -> Option<&Introduction> {
        match self {
            Self::Ack(state) => Some(&state.theirs),
            _ => None,
        }
    }
}

/// What stays the same until the peer has named itself.
struct Dial {
    peer: Option<NodeName>,
    config: Config,
    offered: Flags,
}

/// Our name is sent.
pub(crate) struct AwaitStatus {
    us: Us,
    dial: Dial,
}

impl AwaitStatus {
    /// `dist_util:recv_status/1`.
    fn handle(self, body: &[u8], out: &mut Output) -> Result<Initiator, Cause> {
        let Self { us, dial } = self;
        match (Status::decode(body)?, us) {
            (Status::NotAllowed, _) => Err(Cause::NotAllowed),
            (Status::Nok, _) => Err(Cause::Nok),
            (Status::Named { name, creation }, Us::Unnamed { host }) if name.host() == host => {
                let us = LocalNode { name, creation };
                Ok(Initiator::Challenge(AwaitChallenge { us, dial }))
            }
            (Status::Named { name, .. }, Us::Unnamed { .. }) => {
                Err(Cause::ForeignName { given: name })
            }
            (Status::Named { .. }, Us::Named(_)) => Err(Cause::UnaskedName),
            (_, Us::Unnamed { .. }) => Err(Cause::NoName),
            (Status::Alive, Us::Named(us)) => {
                out.tell(Event::AliveAsked);
                Ok(Initiator::Answer(AwaitAnswer { us, dial }))
            }
            (Status::Ok | Status::OkSimultaneous, Us::Named(us)) => {
                Ok(Initiator::Challenge(AwaitChallenge { us, dial }))
            }
        }
    }
}

/// The peer asked whether its connection to us is dead, and the caller has to say.
pub(crate) struct AwaitAnswer {
    us: LocalNode,
    dial: Dial,
}

impl AwaitAnswer {
    pub(crate) fn answer(self, go_on: bool, out: &mut Output) -> Result<Initiator, Cause> {
        out.send(AliveAnswer(go_on).encode());
        if !go_on {
            return Err(Cause::GivenUp);
        }
        Ok(Initiator::Challenge(AwaitChallenge { us: self.us, dial: self.dial }))
    }
}

/// The peer lets us go on.
pub(crate) struct AwaitChallenge {
    us: LocalNode,
    dial: Dial,
}

impl AwaitChallenge {
    fn handle(self, body: &[u8], out: &mut Output) -> Result<Initiator, Cause> {
        let Self { us, dial: Dial { peer, config, offered } } = self;
        let theirs = Challenge::decode(body)?;
        if peer.is_some_and(|dialled| dialled != theirs.name) {
            return Err(Cause::OtherName { stated: theirs.name });
        }
        let flags = theirs.flags.expanded();
        let missing = config.required.without(flags);
        if !missing.is_empty() {
            return Err(Cause::MissingFlags(missing));
        }
        let cookie = config.cookies.for_peer(&theirs.name);
        let digest = Digest::new(cookie, theirs.challenge);
        out.send(ChallengeReply { challenge: config.challenge, digest }.encode());
        Ok(Initiator::Ack(AwaitAck {
            proof: Digest::new(cookie, config.challenge),
            theirs: Introduction { name: theirs.name, creation: theirs.creation, flags },
            offered,
            us,
        }))
    }
}

/// Our digest is sent; the peer closes if it does not fit.
pub(crate) struct AwaitAck {
    proof: Digest,
    theirs: Introduction,
    offered: Flags,
    us: LocalNode,
}

impl AwaitAck {
    fn handle(self, body: &[u8]) -> Result<Link, Cause> {
        if !ChallengeAck::decode(body)?.digest.matches(&self.proof) {
            return Err(Cause::WrongCookie);
        }
        let Self { theirs, offered, us, .. } = self;
        let flags = offered & theirs.flags;
        Ok(Link { peer: theirs.name, peer_creation: theirs.creation, flags, us })
    }
}
