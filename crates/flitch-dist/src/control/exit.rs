//! Links, the exit signals that go along them, and those that do not.

use flitch_etf::{DecodeError, DecodeErrorKind, Reader, Term, write_pid};

use super::{Control, Fields, Form, Op, write_term_field};

pub(super) fn read(op: Op, fields: &mut Fields<'_, '_>) -> Result<Control, DecodeError> {
    Ok(match op {
        Op::LINK => {
            let from = fields.pid()?;
            Control::Link { from, to: fields.pid()? }
        }
        Op::UNLINK => {
            let from = fields.pid()?;
            Control::Unlink { from, to: fields.pid()? }
        }
        Op::UNLINK_ID => {
            let id = fields.next(unlink_id)?;
            let from = fields.pid()?;
            Control::UnlinkId { id, from, to: fields.pid()? }
        }
        Op::UNLINK_ID_ACK => {
            let id = fields.next(unlink_id)?;
            let from = fields.pid()?;
            Control::UnlinkIdAck { id, from, to: fields.pid()? }
        }
        Op::EXIT
        | Op::EXIT_TT
        | Op::EXIT2
        | Op::EXIT2_TT
        | Op::PAYLOAD_EXIT
        | Op::PAYLOAD_EXIT_TT
        | Op::PAYLOAD_EXIT2
        | Op::PAYLOAD_EXIT2_TT => {
            let (from, to) = (fields.pid()?, fields.pid()?);
            read_token_and_reason(op, fields)?;
            match op {
                Op::EXIT | Op::EXIT_TT | Op::PAYLOAD_EXIT | Op::PAYLOAD_EXIT_TT => {
                    Control::Exit { from, to }
                }
                _ => Control::Exit2 { from, to },
            }
        }
        Op::GROUP_LEADER => {
            let leader = fields.pid()?;
            Control::GroupLeader { leader, to: fields.pid()? }
        }
        other => Control::Unknown(other),
    })
}

/// The token stands before the reason.
fn read_token_and_reason(op: Op, fields: &mut Fields<'_, '_>) -> Result<(), DecodeError> {
    if matches!(op, Op::EXIT_TT | Op::EXIT2_TT | Op::PAYLOAD_EXIT_TT | Op::PAYLOAD_EXIT2_TT) {
        fields.read_token()?;
    }
    if matches!(op, Op::EXIT | Op::EXIT_TT | Op::EXIT2 | Op::EXIT2_TT) {
        fields.read_reason()?;
    }
    Ok(())
}

pub(super) fn write(control: &Control, out: &mut Vec<u8>, form: &Form<'_>) {
    match control {
        Control::UnlinkId { id, from, to } | Control::UnlinkIdAck { id, from, to }
            if form.op != Op::UNLINK =>
        {
            form.open(out, 3);
            write_term_field(out, &Term::from(*id));
            write_pid(out, from);
            write_pid(out, to);
        }
        Control::Link { from, to }
        | Control::Unlink { from, to }
        | Control::UnlinkId { from, to, .. }
        | Control::Exit { from, to }
        | Control::Exit2 { from, to }
        | Control::GroupLeader { leader: from, to } => {
            form.open(out, 2);
            write_pid(out, from);
            write_pid(out, to);
        }
        _ => {}
    }
    form.end(out);
}

/// An id is any positive 64-bit integer.
fn unlink_id(reader: &mut Reader<'_>) -> Result<u64, DecodeError> {
    let offset = reader.position();
    let kind = DecodeErrorKind::Invalid("an unlink id that is no positive 64-bit integer");
    match u64::try_from(&reader.term()?) {
        Ok(id) if id > 0 => Ok(id),
        _ => Err(DecodeError { offset, kind }),
    }
}
