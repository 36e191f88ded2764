//! Control messages: what a node tells another beside the messages themselves.
//!
//! Source: `erl_dist_protocol`, "Protocol between Connected Nodes"; one file a family.

mod exit;
mod monitor;
mod op;
mod send;
mod spawn;

use bytes::Bytes;
use flitch_etf::{
    Atom, DecodeError, Pid, Reader, Reference, Tag, Term, write_term, write_tuple_header,
};

pub use op::Op;
pub use spawn::{SPAWNED_LINK, SPAWNED_MONITOR};

use crate::payload::{strip_version, write_version};
use crate::{LinkError, Payload};

/// A control message. Forms with a trace token are the same message here: the token is dropped.
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
    /// ALIAS_SEND: a message to an alias, which answers to a `gen_server:call` come through. The
    /// payload is the message.
    AliasSend {
        /// Who sent it.
        from: Pid,
        /// The alias.
        alias: Reference,
    },
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
                | Self::Exit { .. }
                | Self::Exit2 { .. }
                | Self::MonitorExit { .. }
                | Self::SpawnRequest(_)
        )
    }

    /// Writes the control tuple without the version byte.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Send { .. } | Self::RegSend { .. } | Self::AliasSend { .. } => {
                send::write(self, out);
            }
            Self::Monitor { .. } | Self::Demonitor { .. } | Self::MonitorExit { .. } => {
                monitor::write(self, out);
            }
            Self::SpawnRequest(_) | Self::SpawnReply { .. } => spawn::write(self, out),
            _ => exit::write(self, out),
        }
    }
}

/// Opens a control tuple: its arity and operation.
fn write_op(out: &mut Vec<u8>, arity: u8, op: Op) {
    // A tuple of so few elements always has a header.
    let _ = write_tuple_header(out, arity.into());
    flitch_etf::write_integer(out, op.0.into());
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

/// A control message and what it carries. The payload is there exactly if
/// [`Control::has_payload`].
#[derive(Clone, Debug, PartialEq)]
pub struct Signal {
    /// The control message.
    pub control: Control,
    /// The message, reason or arguments; empty for the others.
    pub payload: Payload,
}

impl Signal {
    /// Reads a pass-through message behind its type byte: a control tuple and perhaps a payload,
    /// each with a version byte.
    pub(crate) fn read(mut bytes: Bytes) -> Result<Self, LinkError> {
        strip_version(&mut bytes)?;
        let mut reader = Reader::of_shared(&bytes);
        let (control, inline) = read_control(&mut reader)?;
        let end = reader.position();
        let payload = match inline {
            // EXIT and the like carry their reason inside the tuple.
            Some(reason) => bytes.slice(reason),
            None if control.has_payload() => {
                let mut rest = bytes.slice(end..);
                if rest.is_empty() {
                    return Err(LinkError::NoPayload(control.op().0));
                }
                strip_version(&mut rest)?;
                rest
            }
            None => Bytes::new(),
        };
        Ok(Self { control, payload: Payload::of_frame(payload) })
    }
}

/// Where a reason stands that is part of the control tuple.
type Inline = Option<std::ops::Range<usize>>;

fn read_control(reader: &mut Reader<'_>) -> Result<(Control, Inline), DecodeError> {
    let arity = reader.tuple()?;
    let mut fields = Fields { reader, left: arity };
    let op = fields.next(Reader::integer)?;
    // No operation beyond a byte is known.
    let op = Op(u8::try_from(op).unwrap_or(u8::MAX));
    match op {
        Op::SEND
        | Op::SEND_SENDER
        | Op::REG_SEND
        | Op::ALIAS_SEND
        | Op::SEND_TT
        | Op::SEND_SENDER_TT
        | Op::REG_SEND_TT
        | Op::ALIAS_SEND_TT => send::read(op, fields).map(|control| (control, None)),
        Op::MONITOR_P | Op::DEMONITOR_P | Op::MONITOR_P_EXIT | Op::PAYLOAD_MONITOR_P_EXIT => {
            monitor::read(op, fields)
        }
        Op::SPAWN_REQUEST | Op::SPAWN_REQUEST_TT | Op::SPAWN_REPLY | Op::SPAWN_REPLY_TT => {
            spawn::read(op, fields).map(|control| (control, None))
        }
        _ => exit::read(op, fields),
    }
}

/// The fields of a control tuple that are still to be read. What is left at the end, such as a
/// trace token, is moved past.
struct Fields<'a, 'b> {
    reader: &'a mut Reader<'b>,
    left: usize,
}

impl<'b> Fields<'_, 'b> {
    fn next<T>(
        &mut self,
        read: impl FnOnce(&mut Reader<'b>) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                read(self.reader)
            }
            None => Err(DecodeError {
                offset: self.reader.position(),
                kind: flitch_etf::DecodeErrorKind::Invalid("a control tuple with too few fields"),
            }),
        }
    }

    fn pid(&mut self) -> Result<Pid, DecodeError> {
        self.next(Reader::pid)
    }

    fn atom(&mut self) -> Result<Atom, DecodeError> {
        self.next(Reader::atom)
    }

    fn reference(&mut self) -> Result<Reference, DecodeError> {
        self.next(Reader::reference)
    }

    fn target(&mut self) -> Result<Target, DecodeError> {
        self.next(Target::read)
    }

    fn skip(&mut self) -> Result<(), DecodeError> {
        self.next(|reader| reader.skip().map(|_| ()))
    }

    /// A field that is carried on: where it stands.
    fn range(&mut self) -> Result<std::ops::Range<usize>, DecodeError> {
        self.next(|reader| {
            let start = reader.position();
            reader.skip()?;
            Ok(start..reader.position())
        })
    }

    fn end(mut self, control: Control) -> Result<Control, DecodeError> {
        while self.left > 0 {
            self.skip()?;
        }
        Ok(control)
    }
}

/// Writes a pass-through message behind its type byte.
pub(crate) fn write_signal<E>(
    out: &mut Vec<u8>,
    control: &Control,
    write_payload: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    write_version(out);
    control.write(out);
    if control.has_payload() {
        write_version(out);
        write_payload(out)?;
    }
    Ok(())
}
