//! Why a handshake failed: at which stage, with whom, whose fault, and what to do.

use std::fmt;

use flitch_name::NodeName;

use crate::Flags;
pub use crate::message::MessageError;

/// The end of a handshake that did not become a link.
///
/// Its text is one sentence for an operator. It holds nothing secret, and nothing from the peer that
/// could steer a terminal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no link to {}: {}{}", Shown(peer.as_deref()), cause, Hint(self))]
pub struct HandshakeError {
    /// What the handshake was waiting for.
    pub stage: Stage,
    /// The node at the other end: as dialled, or as it called itself; unknown before it did.
    pub peer: Option<String>,
    /// What went wrong.
    pub cause: Cause,
    /// Flags that some release from OTP 25 on insists on and that we did not offer. A peer that
    /// misses one closes without naming it to us.
    pub lacking: Flags,
}

impl HandshakeError {
    /// Whose fault it is.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self.cause {
            Cause::Message(_) | Cause::UnaskedName | Cause::NoName | Cause::ForeignName { .. } => {
                Fault::Peer
            }
            Cause::MissingFlags(_) => Fault::Incompatible,
            Cause::WrongCookie | Cause::ClosedAfterReply => Fault::Cookie,
            Cause::OtherName { .. } => Fault::Address,
            Cause::NotAllowed | Cause::Nok | Cause::Withdrawn | Cause::Refused | Cause::GivenUp => {
                Fault::Decision
            }
            Cause::TimedOut | Cause::Closed => Fault::Carrier,
        }
    }
}

/// Whose fault a failed handshake is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// The peer broke the protocol. It is broken, hostile, or no Erlang node.
    Peer,
    /// Both are right, but too far apart in age.
    Incompatible,
    /// The cookies differ; which of the two is wrong, nobody can know.
    Cookie,
    /// Another node lives where we looked for this one.
    Address,
    /// One side decided against the link, as the protocol lets it.
    Decision,
    /// The network, or a peer that stopped.
    Carrier,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// Bytes that are not the message that was due.
    #[error("it sent {0}")]
    Message(#[from] MessageError),
    /// The peer lacks what our terms are written in.
    #[error("it does not offer {0}, which this node cannot do without: run OTP 25 or later there")]
    MissingFlags(Flags),
    /// The peer's digest does not fit our cookie.
    #[error("its digest was not made with our cookie: give both nodes the same one")]
    WrongCookie,
    /// The peer read our digest and closed. It tells us nothing more.
    #[error(
        "it closed the connection on our challenge reply, which is all that a node says when the \
         cookies differ: give both nodes the same one (its own log has \"Invalid challenge reply\")"
    )]
    ClosedAfterReply,
    /// The node at that address has another name than the one we dialled.
    #[error("the node at that address calls itself {stated}: look up its port and address again")]
    OtherName {
        /// Its name in its own words.
        stated: NodeName,
    },
    /// Status `not_allowed`.
    #[error("it refused us with not_allowed")]
    NotAllowed,
    /// Status `nok`: both dialled at once, and the peer's own attempt is the one that counts.
    #[error("it is dialling us at this moment, and that attempt goes on: accept it")]
    Nok,
    /// We asked whether the old connection is dead (`alive`), and the peer answered `false`.
    #[error("it withdrew, since it takes the connection that we have already for the right one")]
    Withdrawn,
    /// Our own decision: `nok` or `not_allowed`.
    #[error("this node refused it")]
    Refused,
    /// Our own answer `false` to the peer's `alive`.
    #[error("it has a connection to this node already, and this node answered that it stands")]
    GivenUp,
    /// Status `named:` although we have a name.
    #[error("it gave this node a name that nobody asked for")]
    UnaskedName,
    /// We asked for a name and got another status.
    #[error("it gave this node no name, although asked: it is no BEAM of OTP 23 or later")]
    NoName,
    /// The name that we were given is not on our host.
    #[error("it gave this node the name {given}, which is not on its host")]
    ForeignName {
        /// The name given.
        given: NodeName,
    },
    /// The deadline passed.
    #[error("it took too long")]
    TimedOut,
    /// The carrier closed.
    #[error("it closed the connection")]
    Closed,
}

/// What a handshake is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Acceptor: the peer's `send_name`.
    Name,
    /// Acceptor: the caller's [`Decision`](crate::Decision).
    Decision,
    /// Acceptor: the peer's answer to `alive`.
    AliveAnswer,
    /// Acceptor: the rest of the flags of a peer that began with version 5.
    Complement,
    /// Acceptor: the peer's `challenge_reply`.
    ChallengeReply,
    /// Acceptor: the end of the peer's old connection, which the caller reports.
    OldConnection,
    /// Initiator: the peer's status.
    Status,
    /// Initiator: the caller's answer to `alive`.
    OurAliveAnswer,
    /// Initiator: the peer's challenge.
    Challenge,
    /// Initiator: the peer's `challenge_ack`.
    ChallengeAck,
    /// Nothing more: it is over, well or badly.
    Over,
}

impl Stage {
    /// Whether a peer that closes here may have missed a flag of ours.
    fn flags_are_judged(self) -> bool {
        matches!(self, Self::Status | Self::Challenge | Self::ChallengeReply)
    }

    /// What usually is the matter with a peer that closes here. A BEAM closes without a word.
    fn hint_when_closed(self) -> &'static str {
        match self {
            Self::Name => ": something that is no Erlang node may have knocked",
            Self::Status => {
                ": is it an Erlang node of OTP 23 or later, without TLS on this port, and is our \
                 own name one that it can accept?"
            }
            Self::Challenge | Self::ChallengeReply => {
                ": its log may say why, such as another name that it expected"
            }
            _ => "",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "its name",
            Self::Decision => "our decision whether to accept it",
            Self::AliveAnswer => "its answer to alive",
            Self::Complement => "its complement",
            Self::ChallengeReply => "its challenge_reply",
            Self::OldConnection => "the end of its old connection",
            Self::Status => "its status",
            Self::OurAliveAnswer => "our answer to alive",
            Self::Challenge => "its challenge",
            Self::ChallengeAck => "its challenge_ack",
            Self::Over => "nothing",
        })
    }
}

/// The call does not fit what the handshake is waiting for: an error of the caller. Nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Misuse {
    /// Nobody asked for this answer, or not any more.
    #[error("the handshake did not ask for this: it waits for {0}")]
    NotAsked(Stage),
    /// The peer asked for a name, and the decision lets it in without one.
    #[error("the peer has no name: decide Named, Nok or NotAllowed")]
    NameWanted,
    /// The peer has a name, and the decision gives it another.
    #[error("the peer has a name of its own: only one that asks for a name can be given one")]
    NameUnwanted,
    /// The name given is not on the peer's host, so the peer would refuse it.
    #[error("the name given has to be on the host that the peer stated")]
    ForeignName,
}

struct Shown<'a>(Option<&'a str>);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.unwrap_or("a peer that has not told its name"))
    }
}

/// What the cause alone does not say.
struct Hint<'a>(&'a HandshakeError);

impl fmt::Display for Hint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let HandshakeError { stage, cause, lacking, .. } = self.0;
        match cause {
            Cause::Message(_) => write!(
                f,
                " while we waited for {stage}: check that an Erlang node of OTP 23 or later, \
                 without TLS, is at the other end"
            ),
            Cause::TimedOut => write!(f, ": the deadline passed while we waited for {stage}"),
            Cause::NotAllowed if lacking.is_empty() => f.write_str(
                ": its list of allowed nodes is without our name, for this node offers every flag \
                 that OTP 25 to 29 insist on (its log says which it was)",
            ),
            Cause::NotAllowed => write!(
                f,
                ": {}, or it keeps a list of allowed nodes without our name (its log says which \
                 it was)",
                Lacking(*lacking)
            ),
            Cause::Closed if !lacking.is_empty() && stage.flags_are_judged() => {
                write!(f, " while we waited for {stage}: {}", Lacking(*lacking))
            }
            Cause::Closed => write!(f, " while we waited for {stage}{}", stage.hint_when_closed()),
            _ => Ok(()),
        }
    }
}

/// Flags that we do not offer, with the release that began to insist on each.
struct Lacking(Flags);

impl fmt::Display for Lacking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let old = self.0 & Flags::MANDATORY_25;
        f.write_str("this node does not offer")?;
        if !old.is_empty() {
            write!(f, " {old}, which OTP 25 and later insist on")?;
        }
        let new = self.0.without(old);
        if !new.is_empty() {
            let and = if old.is_empty() { "" } else { "; nor" };
            write!(f, "{and} {new}, which OTP 26 and later insist on")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(stage: Stage, cause: Cause) -> String {
        lacking(stage, cause, Flags::NONE)
    }

    fn lacking(stage: Stage, cause: Cause, lacking: Flags) -> String {
        HandshakeError { stage, peer: Some("b@h.x".into()), cause, lacking }.to_string()
    }

    #[test]
    fn an_operator_reads_who_what_and_what_to_do() {
        let missing = Cause::MissingFlags(Flags::MAP_TAG | Flags::UTF8_ATOMS);
        assert_eq!(
            said(Stage::Challenge, missing),
            "no link to b@h.x: it does not offer UTF8_ATOMS MAP_TAG, which this node cannot do \
             without: run OTP 25 or later there"
        );
        assert_eq!(
            said(Stage::ChallengeAck, Cause::TimedOut),
            "no link to b@h.x: it took too long: the deadline passed while we waited for its \
             challenge_ack"
        );
        assert!(said(Stage::Status, Cause::Closed).contains("OTP 23 or later"));
        let empty = said(Stage::Name, MessageError::Empty.into());
        assert!(empty.contains("an empty frame while we waited for its name"), "{empty}");
        let (cause, lacking) = (Cause::Closed, Flags::NONE);
        let unknown = HandshakeError { stage: Stage::Name, peer: None, cause, lacking };
        assert!(unknown.to_string().contains("a peer that has not told its name"));
    }

    #[test]
    fn a_peer_that_closes_without_a_word_may_have_missed_these_flags() {
        let ours = Flags::OFFERED.without(Flags::MANDATORY_25_DIGEST | Flags::MAP_TAG);
        let missing = ours.without(Flags::V4_NC).missing_for(29);
        let said = lacking(Stage::Status, Cause::NotAllowed, missing);
        assert!(
            said.contains(
                "does not offer MAP_TAG, which OTP 25 and later insist on; nor V4_NC, which OTP 26 \
                 and later insist on"
            ),
            "{said}"
        );
        let said = lacking(Stage::ChallengeReply, Cause::Closed, Flags::UNLINK_ID);
        assert!(said.contains("UNLINK_ID, which OTP 26 and later insist on"), "{said}");
        let said = lacking(Stage::ChallengeReply, Cause::Closed, Flags::NONE);
        assert!(!said.contains("insist"), "{said}");
        let said = lacking(Stage::Status, Cause::NotAllowed, Flags::NONE);
        assert!(said.contains("every flag") && said.contains("allowed nodes"), "{said}");
    }

    #[test]
    fn every_failure_has_one_guilty_party() {
        let fault = |cause| {
            let (stage, lacking) = (Stage::Status, Flags::NONE);
            HandshakeError { stage, peer: None, cause, lacking }.fault()
        };
        assert_eq!(fault(Cause::WrongCookie), Fault::Cookie);
        assert_eq!(fault(Cause::ClosedAfterReply), Fault::Cookie);
        assert_eq!(fault(MessageError::Empty.into()), Fault::Peer);
        assert_eq!(fault(Cause::MissingFlags(Flags::MAP_TAG)), Fault::Incompatible);
        assert_eq!(fault(Cause::OtherName { stated: "c@h.x".parse().unwrap() }), Fault::Address);
        assert_eq!(fault(Cause::Nok), Fault::Decision);
        assert_eq!(fault(Cause::Closed), Fault::Carrier);
    }
}
