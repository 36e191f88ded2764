//! Control messages: what a node tells another beside the messages themselves.
//!
//! Source: `erl_dist_protocol`, "Protocol between Connected Nodes"; one file a family.

mod altact;
mod exit;
mod form;
mod monitor;
mod op;
mod send;
mod signal;
mod spawn;

use flitch_etf::{Atom, DecodeError, Pid, Reader, Reference, Tag, Term, write_term};

pub use altact::{Altact, Recipient};
pub(crate) use form::Form;
pub use op::Op;
use signal::Fields;
pub use signal::Signal;
pub use spawn::{SPAWNED_LINK, SPAWNED_MONITOR};

/// A control message. Forms with a trace token, or with the payload inside the tuple, are the
/// same message here: see [`Signal`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Control {
    /// SEND, SEND_SENDER: a message to a process. The payload is the message.
    Send {
        /// Who sent it, if the peer says so.
        from: Option<Pid>,
        /// Who is to have it.
        to: Pid,
    },
    /// REG_SEND: a message to a registered name. The payload is the message.
    RegSend {
        /// Who sent it.
        from: Pid,
        /// The name.
        to: Atom,
    },
    /// ALIAS_SEND, ALTACT_SIG_SEND: a message to an alias, which answers to a `gen_server:call`
    /// come through. The payload is the message.
    AliasSend {
        /// Who sent it.
        from: Pid,
        /// The alias.
        alias: Reference,
    },
    /// ALTACT_SIG_SEND, for all that no other message says. The payload is the message or the
    /// reason.
    Altact(Altact),
    /// LINK.
    Link {
        /// The process that links.
        from: Pid,
        /// The process to be linked to.
        to: Pid,
    },
    /// UNLINK: as UNLINK_ID, from and to a peer that did not agree on UNLINK_ID (OTP 23). Nobody
    /// acknowledges it.
    Unlink {
        /// The process that unlinks.
        from: Pid,
        /// The other.
        to: Pid,
    },
    /// UNLINK_ID: both processes forget the link, and the receiver acknowledges.
    UnlinkId {
        /// To be repeated in the acknowledgement.
        id: u64,
        /// The process that unlinks.
        from: Pid,
        /// The other.
        to: Pid,
    },
    /// UNLINK_ID_ACK.
    UnlinkIdAck {
        /// That of the request.
        id: u64,
        /// The process that was unlinked from.
        from: Pid,
        /// The process that unlinked.
        to: Pid,
    },
    /// EXIT, PAYLOAD_EXIT: a linked process is gone. The payload is the reason.
    Exit {
        /// Who is gone.
        from: Pid,
        /// Who was linked to it.
        to: Pid,
    },
    /// EXIT2, PAYLOAD_EXIT2: `exit(Pid, Reason)`. The payload is the reason.
    Exit2 {
        /// Who asks.
        from: Pid,
        /// Who is to exit.
        to: Pid,
    },
    /// GROUP_LEADER.
    GroupLeader {
        /// The new group leader.
        leader: Pid,
        /// Whose.
        to: Pid,
    },
    /// MONITOR_P.
    Monitor {
        /// Who wants to know.
        from: Pid,
        /// About whom.
        target: Target,
        /// What the answer names.
        reference: Reference,
    },
    /// DEMONITOR_P.
    Demonitor {
        /// Who no longer wants to know.
        from: Pid,
        /// About whom.
        target: Target,
        /// The monitor.
        reference: Reference,
    },
    /// MONITOR_P_EXIT, PAYLOAD_MONITOR_P_EXIT: a monitored process is gone. The payload is the
    /// reason.
    MonitorExit {
        /// Who is gone, as the monitor named it.
        target: Target,
        /// Who wanted to know.
        to: Pid,
        /// The monitor.
        reference: Reference,
    },
    /// SPAWN_REQUEST. The payload is the list of arguments.
    SpawnRequest(Box<SpawnRequest>),
    /// SPAWN_REPLY.
    SpawnReply {
        /// That of the request.
        request: Reference,
        /// Who asked.
        to: Pid,
        /// [`SPAWNED_LINK`] and [`SPAWNED_MONITOR`].
        flags: u32,
        /// The pid, or the name of an error.
        result: Term,
    },
    /// A control message that this program does not know, to be logged and survived. It is not
    /// sent on: what it said beside its number is not kept.
    Unknown(Op),
}

/// SPAWN_REQUEST's fields.
#[derive(Clone, Debug, PartialEq)]
pub struct SpawnRequest {
    /// To be repeated in the reply; also the monitor, if one is asked for.
    pub request: Reference,
    /// Who asks.
    pub from: Pid,
    /// The group leader of the new process.
    pub group_leader: Pid,
    /// The module of the function to run.
    pub module: Atom,
    /// The function.
    pub function: Atom,
    /// How many arguments there are.
    pub arity: u8,
    /// Options of `spawn_opt`, such as `link` and `monitor`.
    pub options: Term,
}

/// Whom a monitor is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// A process.
    Pid(Pid),
    /// Whoever has the name.
    Name(Atom),
}

impl Target {
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match reader.peek()? {
            Tag::NEW_PID_EXT | Tag::PID_EXT => reader.pid().map(Self::Pid),
            _ => reader.atom().map(Self::Name),
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Pid(pid) => flitch_etf::write_pid(out, pid),
            Self::Name(name) => name.write_to(out),
        }
    }
}

impl From<Pid> for Target {
    fn from(pid: Pid) -> Self {
        Self::Pid(pid)
    }
}

impl From<Atom> for Target {
    fn from(name: Atom) -> Self {
        Self::Name(name)
    }
}

impl Control {
    /// Which operation this is when it carries no trace token and its payload apart.
    #[must_use]
    pub fn op(&self) -> Op {
        match self {
            Self::Send { from: None, .. } => Op::SEND,
            Self::Send { .. } => Op::SEND_SENDER,
            Self::RegSend { .. } => Op::REG_SEND,
            Self::AliasSend { .. } => Op::ALIAS_SEND,
            Self::Altact(_) => Op::ALTACT_SIG_SEND,
            Self::Link { .. } => Op::LINK,
            Self::Unlink { .. } => Op::UNLINK,
            Self::UnlinkId { .. } => Op::UNLINK_ID,
            Self::UnlinkIdAck { .. } => Op::UNLINK_ID_ACK,
            Self::Exit { .. } => Op::PAYLOAD_EXIT,
            Self::Exit2 { .. } => Op::PAYLOAD_EXIT2,
            Self::GroupLeader { .. } => Op::GROUP_LEADER,
            Self::Monitor { .. } => Op::MONITOR_P,
            Self::Demonitor { .. } => Op::DEMONITOR_P,
            Self::MonitorExit { .. } => Op::PAYLOAD_MONITOR_P_EXIT,
            Self::SpawnRequest(_) => Op::SPAWN_REQUEST,
            Self::SpawnReply { .. } => Op::SPAWN_REPLY,
            Self::Unknown(op) => *op,
        }
    }

    /// Whether a payload belongs to it.
    #[must_use]
    pub fn has_payload(&self) -> bool {
        matches!(
            self,
            Self::Send { .. }
                | Self::RegSend { .. }
                | Self::AliasSend { .. }
                | Self::Altact(_)
                | Self::Exit { .. }
                | Self::Exit2 { .. }
                | Self::MonitorExit { .. }
                | Self::SpawnRequest(_)
        )
    }

    /// The process that sends it, if the message names it.
    #[must_use]
    pub fn sender(&self) -> Option<&Pid> {
        match self {
            Self::Send { from, .. } => from.as_ref(),
            Self::RegSend { from, .. }
            | Self::AliasSend { from, .. }
            | Self::Altact(Altact { from, .. })
            | Self::Link { from, .. }
            | Self::Unlink { from, .. }
            | Self::UnlinkId { from, .. }
            | Self::UnlinkIdAck { from, .. }
            | Self::Exit { from, .. }
            | Self::Exit2 { from, .. }
            | Self::Monitor { from, .. }
            | Self::Demonitor { from, .. }
            | Self::MonitorExit { target: Target::Pid(from), .. } => Some(from),
            Self::SpawnRequest(request) => Some(&request.from),
            Self::GroupLeader { .. }
            | Self::MonitorExit { .. }
            | Self::SpawnReply { .. }
            | Self::Unknown(_) => None,
        }
    }

    /// Writes the control tuple in this form, without the version byte and, if the payload is to
    /// be its last element, without that.
    pub(crate) fn write(&self, out: &mut Vec<u8>, form: &Form<'_>) {
        match self {
            _ if form.op == Op::ALTACT_SIG_SEND => altact::write(self, out, form),
            Self::Send { .. } | Self::RegSend { .. } | Self::AliasSend { .. } => {
                send::write(self, out, form);
            }
            Self::Monitor { .. } | Self::Demonitor { .. } | Self::MonitorExit { .. } => {
                monitor::write(self, out, form);
            }
            Self::SpawnRequest(_) | Self::SpawnReply { .. } => spawn::write(self, out, form),
            _ => exit::write(self, out, form),
        }
    }
}

/// Reads a control tuple; what else it holds is then in `fields`.
fn read(fields: &mut Fields<'_, '_>) -> Result<Control, DecodeError> {
    let op = fields.next(Reader::integer)?;
    // No operation beyond a byte is known.
    let op = Op(u8::try_from(op).unwrap_or(u8::MAX));
    let control = match op {
        Op::SEND
        | Op::SEND_SENDER
        | Op::REG_SEND
        | Op::ALIAS_SEND
        | Op::SEND_TT
        | Op::SEND_SENDER_TT
        | Op::REG_SEND_TT
        | Op::ALIAS_SEND_TT => send::read(op, fields)?,
        Op::ALTACT_SIG_SEND => altact::read(fields)?,
        Op::MONITOR_P | Op::DEMONITOR_P | Op::MONITOR_P_EXIT | Op::PAYLOAD_MONITOR_P_EXIT => {
            monitor::read(op, fields)?
        }
        Op::SPAWN_REQUEST | Op::SPAWN_REQUEST_TT | Op::SPAWN_REPLY | Op::SPAWN_REPLY_TT => {
            spawn::read(op, fields)?
        }
        _ => exit::read(op, fields)?,
    };
    fields.end()?;
    Ok(control)
}

/// Writes a term that stands in a control tuple. One that has no form gives way to the atom
/// `badarg`: the tuple must stay whole.
fn write_term_field(out: &mut Vec<u8>, term: &Term) {
    let start = out.len();
    if write_term(out, term).is_err() {
        out.truncate(start);
        Atom::from_static("badarg").write_to(out);
    }
}
