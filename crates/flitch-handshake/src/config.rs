//! What a handshake starts from, and what it ends in.

use std::time::{Duration, Instant};

use bytes::Bytes;
use flitch_name::{Creation, NodeName};

use crate::{Cookies, Flags, HandshakeError};

/// What our side brings to a handshake. The name is apart: a node may not have one yet.
#[derive(Clone, Debug)]
pub struct Config {
    /// What we offer. [`Flags::OFFERED`] unless set; a visible node adds [`Flags::PUBLISHED`].
    pub flags: Flags,
    /// What the peer must offer. [`Flags::REQUIRED`] unless set.
    pub required: Flags,
    /// Which cookie is for which peer.
    pub cookies: Cookies,
    /// The number that the peer has to answer. Fresh for each handshake, from a source that nobody
    /// can guess: who knows it beforehand can replay an answer.
    pub challenge: u32,
    /// Time for the whole handshake, however often the peer sends a byte.
    /// [`Config::NET_SETUPTIME`] unless set, and in place of a time that the clock cannot express.
    pub timeout: Duration,
}

impl Config {
    /// The kernel application's `net_setuptime`, 7 seconds unless configured otherwise.
    ///
    /// `dist_util` starts it anew with each message; here it covers all of them.
    pub const NET_SETUPTIME: Duration = Duration::from_secs(7);

    /// The usual values, for one handshake.
    #[must_use]
    pub fn new(cookies: impl Into<Cookies>, challenge: u32) -> Self {
        Self {
            flags: Flags::OFFERED,
            required: Flags::REQUIRED,
            cookies: cookies.into(),
            challenge,
            timeout: Self::NET_SETUPTIME,
        }
    }

    /// When a handshake that begins `now` has to be over.
    pub(crate) fn deadline(&self, now: Instant) -> Instant {
        now.checked_add(self.timeout).unwrap_or_else(|| now + Self::NET_SETUPTIME)
    }
}

/// A node that has a name: ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalNode {
    /// Our name.
    pub name: NodeName,
    /// Which life of that name this is.
    pub creation: Creation,
}

/// What a handshake tells, or asks of, the one who drives it.
#[derive(Clone, Debug)]
pub enum Event {
    /// Acceptor: a peer has named itself. It has proved nothing yet. Look it up in the table of
    /// peers and answer with [`Handshake::decide`](crate::Handshake::decide).
    PeerNamed(Caller),
    /// Initiator: the peer believes that it has a connection to us already. Answer with
    /// [`Handshake::answer_alive`](crate::Handshake::answer_alive).
    AliveAsked,
    /// Acceptor, after [`Decision::Alive`]: the peer has proved that it knows the cookie. End its
    /// old connection, and when everyone has learned of that end, call
    /// [`Handshake::handle_old_connection_gone`](crate::Handshake::handle_old_connection_gone).
    EndOldConnection,
    /// The link is up, once everything from `poll_transmit` is written. The last event.
    Established(Established),
    /// There will be no link. Write what `poll_transmit` still has, then close. The last event.
    Failed(HandshakeError),
}

/// A peer that knocks, in its own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Its name, or the host on which it wants to be given one.
    pub name: CallerName,
    /// Which life of its name this is. Unknown (`None`) with a peer that began with version 5 of
    /// the handshake, and with one that has no name.
    pub creation: Option<Creation>,
    /// What it offers, with [`Flags::MANDATORY_25_DIGEST`] written out. It is visible if it offers
    /// [`Flags::PUBLISHED`].
    pub flags: Flags,
}

/// How a peer that knocks is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallerName {
    /// It has a name.
    Node(NodeName),
    /// It asks for a name on this host (`erl -sname undefined`).
    Unnamed {
        /// The host, without `@`.
        host: String,
    },
}

/// What the table of peers says to a [`Caller`]. (`net_kernel`, `accept_pending`.)
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing is known of it: go on.
    Ok,
    /// We are dialling it ourselves, and its name is the greater: go on, and our attempt ends.
    OkSimultaneous,
    /// We are dialling it ourselves, and our name is the greater: our attempt goes on, this one ends.
    Nok,
    /// It may not connect.
    NotAllowed,
    /// There is a connection to it already: ask it whether that one is dead.
    Alive,
    /// It asked for a name: this is it, on the host that it stated.
    Named {
        /// Its name from now on.
        name: NodeName,
        /// Its creation from now on.
        creation: Creation,
    },
}

/// What a node says of itself before anybody has proved anything: any of it may be a lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Introduction {
    /// Its name.
    pub name: NodeName,
    /// Which life of that name this is; 0 with an OTP 22 node, which tells none.
    pub creation: Creation,
    /// What it offers, with [`Flags::MANDATORY_25_DIGEST`] written out.
    pub flags: Flags,
}

/// A link: what both sides agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Established {
    /// The peer, which has proved that it knows the cookie.
    pub peer: NodeName,
    /// Which life of the peer this is; 0 with an OTP 22 node, which tells none.
    pub peer_creation: Creation,
    /// What both offer, as OTP computes it. The link is visible if both are
    /// ([`Flags::PUBLISHED`]).
    pub flags: Flags,
    /// Who we are on this link: what we were all along, or the name that the peer gave us.
    pub us: LocalNode,
    /// Bytes that came behind the handshake's last message: the first ones of the link.
    pub leftover: Bytes,
}
