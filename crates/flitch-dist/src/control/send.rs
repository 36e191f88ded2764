//! Messages: to a pid, a registered name, an alias.

use flitch_etf::{Atom, DecodeError, write_pid, write_reference};

use super::{Control, Fields, Op, write_op};

/// The unused field of some tuples: an empty atom.
const UNUSED: Atom = Atom::from_static("");

pub(super) fn read(op: Op, mut fields: Fields<'_, '_>) -> Result<Control, DecodeError> {
    let control = match op {
        Op::SEND | Op::SEND_TT => {
            fields.skip()?;
            Control::Send { from: None, to: fields.pid()? }
        }
        Op::SEND_SENDER | Op::SEND_SENDER_TT => {
            let from = Some(fields.pid()?);
            Control::Send { from, to: fields.pid()? }
        }
        Op::REG_SEND | Op::REG_SEND_TT => {
            let from = fields.pid()?;
            fields.skip()?;
            Control::RegSend { from, to: fields.atom()? }
        }
        Op::ALIAS_SEND | Op::ALIAS_SEND_TT => {
            let from = fields.pid()?;
            Control::AliasSend { from, alias: fields.reference()? }
        }
        other => Control::Unknown(other),
    };
    fields.end(control)
}

pub(super) fn write(control: &Control, out: &mut Vec<u8>) {
    match control {
        Control::Send { from: None, to } => {
            write_op(out, 3, Op::SEND);
            UNUSED.write_to(out);
            write_pid(out, to);
        }
        Control::Send { from: Some(from), to } => {
            write_op(out, 3, Op::SEND_SENDER);
            write_pid(out, from);
            write_pid(out, to);
        }
        Control::RegSend { from, to } => {
            write_op(out, 4, Op::REG_SEND);
            write_pid(out, from);
            UNUSED.write_to(out);
            to.write_to(out);
        }
        Control::AliasSend { from, alias } => {
            write_op(out, 3, Op::ALIAS_SEND);
            write_pid(out, from);
            write_reference(out, alias);
        }
        _ => {}
    }
}
