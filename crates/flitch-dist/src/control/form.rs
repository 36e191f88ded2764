//! In which of its forms a control message goes: what the peer has agreed to decides.

use flitch_etf::{Term, write_tuple_header};
use flitch_handshake::Flags;

use super::{Op, write_term_field};
use crate::Control;

/// The form of one control message.
pub(crate) struct Form<'a> {
    pub(crate) op: Op,
    /// The sequential trace token, if it goes with one.
    pub(crate) token: Option<&'a Term>,
    /// The payload is the last element of the tuple and not a term of its own.
    pub(crate) inline: bool,
}

impl<'a> Form<'a> {
    /// The form for a peer with these flags. `None` if it does not know the operation, or the
    /// operation has no place for a token.
    pub(crate) fn of(control: &Control, flags: Flags, token: Option<&'a Term>) -> Option<Self> {
        let can = |flag| flags.contains(flag);
        let (op, traced) = match control {
            Control::Send { from: Some(_), .. } if can(Flags::SEND_SENDER) => {
                (Op::SEND_SENDER, Op::SEND_SENDER_TT)
            }
            Control::Send { .. } => (Op::SEND, Op::SEND_TT),
            Control::RegSend { .. } => (Op::REG_SEND, Op::REG_SEND_TT),
            Control::AliasSend { .. } | Control::Altact { .. } if can(Flags::ALTACT_SIG) => {
                (Op::ALTACT_SIG_SEND, Op::ALTACT_SIG_SEND)
            }
            Control::AliasSend { .. } if can(Flags::ALIAS) => (Op::ALIAS_SEND, Op::ALIAS_SEND_TT),
            Control::Exit { .. } if can(Flags::EXIT_PAYLOAD) => {
                (Op::PAYLOAD_EXIT, Op::PAYLOAD_EXIT_TT)
            }
            Control::Exit { .. } => (Op::EXIT, Op::EXIT_TT),
            Control::Exit2 { .. } if can(Flags::EXIT_PAYLOAD) => {
                (Op::PAYLOAD_EXIT2, Op::PAYLOAD_EXIT2_TT)
            }
            Control::Exit2 { .. } => (Op::EXIT2, Op::EXIT2_TT),
            Control::SpawnRequest(_) if can(Flags::SPAWN) => {
                (Op::SPAWN_REQUEST, Op::SPAWN_REQUEST_TT)
            }
            Control::SpawnReply { .. } if can(Flags::SPAWN) => {
                (Op::SPAWN_REPLY, Op::SPAWN_REPLY_TT)
            }
            untraced if token.is_none() => {
                let op = Self::untraced(untraced, flags)?;
                (op, op)
            }
            _ => return None,
        };
        let op = if token.is_some() { traced } else { op };
        let inline =
            matches!(op, Op::EXIT | Op::EXIT_TT | Op::EXIT2 | Op::EXIT2_TT | Op::MONITOR_P_EXIT);
        Some(Self { op, token, inline })
    }

    /// The operations that carry no token.
    fn untraced(control: &Control, flags: Flags) -> Option<Op> {
        let can = |flag| flags.contains(flag);
        Some(match control {
            Control::Link { .. } => Op::LINK,
            Control::UnlinkId { .. } if can(Flags::UNLINK_ID) => Op::UNLINK_ID,
            Control::UnlinkId { .. } | Control::Unlink { .. } => Op::UNLINK,
            Control::UnlinkIdAck { .. } if can(Flags::UNLINK_ID) => Op::UNLINK_ID_ACK,
            Control::GroupLeader { .. } => Op::GROUP_LEADER,
            Control::Monitor { .. } => Op::MONITOR_P,
            Control::Demonitor { .. } => Op::DEMONITOR_P,
            Control::MonitorExit { .. } if can(Flags::EXIT_PAYLOAD) => Op::PAYLOAD_MONITOR_P_EXIT,
            Control::MonitorExit { .. } => Op::MONITOR_P_EXIT,
            _ => return None,
        })
    }

    /// Opens the tuple, whose own fields are so many.
    pub(super) fn open(&self, out: &mut Vec<u8>, fields: usize) {
        let arity = 1 + fields + usize::from(self.token.is_some()) + usize::from(self.inline);
        // A tuple of so few elements always has a header.
        let _ = write_tuple_header(out, arity);
        flitch_etf::write_integer(out, self.op.0.into());
    }

    /// Writes what stands behind the fields of its own.
    pub(super) fn end(&self, out: &mut Vec<u8>) {
        if let Some(token) = self.token {
            write_term_field(out, token);
        }
    }
}
