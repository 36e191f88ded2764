//! The messages of the handshake, one a file, each with `decode` and `encode`.
//!
//! A message travels in a frame: its length in 16 bits, then a tag, then the fields, all numbers
//! big-endian. (`erl_dist_protocol`, "Distribution Handshake".) `decode` takes a frame's body and
//! `encode` makes a whole frame.

mod alive_answer;
mod challenge;
mod challenge_ack;
mod challenge_reply;
mod complement;
mod frame;
mod send_name;
mod status;

pub(crate) use alive_answer::AliveAnswer;
pub(crate) use challenge::Challenge;
pub(crate) use challenge_ack::ChallengeAck;
pub(crate) use challenge_reply::ChallengeReply;
pub(crate) use complement::Complement;
pub(crate) use frame::{Inbox, MAX_FRAME};
pub(crate) use send_name::{SendName, Stated};
pub(crate) use status::Status;

use flitch_name::NameError;

/// What is wrong with the bytes that a peer sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// A frame of length 0: there is not even a tag.
    #[error("an empty frame")]
    Empty,
    /// A frame longer than any handshake message.
    #[error("a frame of {len} bytes, where none is longer than {max}")]
    FrameTooLong {
        /// Bytes announced.
        len: usize,
        /// Bytes that we take.
        max: usize,
    },
    /// Another message than the one that is due.
    #[error("a message with tag {} where {expected} is due", found.escape_ascii())]
    Tag {
        /// The message that is due.
        expected: &'static str,
        /// The tag that came.
        found: u8,
    },
    /// The frame ends inside a field.
    #[error("a {message} that ends inside its {field}")]
    Short {
        /// Which message.
        message: &'static str,
        /// The field that is cut.
        field: &'static str,
    },
    /// Bytes behind the last field of a message that has no room for more.
    #[error("a {message} with {extra} bytes too many")]
    Long {
        /// Which message.
        message: &'static str,
        /// Bytes behind its end.
        extra: usize,
    },
    /// A name that no node can have.
    #[error("a {message} with an impossible name: {problem}")]
    Name {
        /// Which message.
        message: &'static str,
        /// What is wrong with the name.
        problem: NameError,
    },
    /// A name with bytes outside ASCII.
    #[error("a {message} with a name that is not ASCII")]
    NameNotAscii {
        /// Which message.
        message: &'static str,
    },
    /// A handshake that neither OTP 22 nor any later release speaks.
    #[error("a {message} of protocol version {found}, where 5 is the oldest")]
    Version {
        /// Which message.
        message: &'static str,
        /// The version stated.
        found: u16,
    },
    /// A status that the protocol does not know.
    #[error("the unknown status \"{found}\"")]
    Status {
        /// The first bytes of it, escaped.
        found: String,
    },
    /// Bytes while it was our turn to speak, and too many to keep for later.
    #[error("{len} bytes out of turn")]
    OutOfTurn {
        /// Bytes that came.
        len: usize,
    },
}

impl MessageError {
    /// Escaped and cut, so that a peer can neither steer a terminal nor fill a log.
    fn unknown_status(found: &[u8]) -> Self {
        let shown = found.get(..32).unwrap_or(found);
        Self::Status { found: shown.escape_ascii().to_string() }
    }
}
