//! Messages: to a pid, a registered name, an alias.

use flitch_etf::{Atom, DecodeError, write_pid, write_reference};

use super::{Control, Fields, Form, Op};

/// The unused field of some tuples: an empty atom.
const UNUSED: Atom = Atom::from_static("");

pub(super) fn read(op: Op, fields: &mut Fields<'_, '_>) -> Result<Control, DecodeError> {
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
        _ => {
            let from = fields.pid()?;
            Control::AliasSend { from, alias: fields.reference()? }
        }
    };
    if matches!(op, Op::SEND_TT | Op::SEND_SENDER_TT | Op::REG_SEND_TT | Op::ALIAS_SEND_TT) {
        fields.read_token()?;
    }
    Ok(control)
}

pub(super) fn write(control: &Control, out: &mut Vec<u8>, form: &Form<'_>) {
    match control {
        Control::Send { from, to } => {
            form.open(out, 2);
            match from.as_ref().filter(|_| !matches!(form.op, Op::SEND | Op::SEND_TT)) {
                Some(from) => write_pid(out, from),
                None => UNUSED.write_to(out),
            }
            write_pid(out, to);
        }
        Control::RegSend { from, to } => {
            form.open(out, 3);
            write_pid(out, from);
            UNUSED.write_to(out);
            to.write_to(out);
        }
        Control::AliasSend { from, alias } => {
            form.open(out, 2);
            write_pid(out, from);
            write_reference(out, alias);
        }
        _ => {}
    }
    form.end(out);
}
