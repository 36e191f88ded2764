//! Links, the exit signals that go along them, and those that do not.

use flitch_etf::{DecodeError, DecodeErrorKind, Reader, Term, write_pid};

use super::{Control, Fields, Inline, Op, write_op, write_term_field};

pub(super) fn read(op: Op, mut fields: Fields<'_, '_>) -> Result<(Control, Inline), DecodeError> {
    let mut inline = None;
    let control = match op {
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
        Op::EXIT | Op::EXIT_TT | Op::EXIT2 | Op::EXIT2_TT => {
            let (from, to) = (fields.pid()?, fields.pid()?);
            if matches!(op, Op::EXIT_TT | Op::EXIT2_TT) {
                // The token stands before the reason.
                fields.skip()?;
            }
            inline = Some(fields.range()?);
            match op {
                Op::EXIT | Op::EXIT_TT => Control::Exit { from, to },
                _ => Control::Exit2 { from, to },
            }
        }
        Op::PAYLOAD_EXIT | Op::PAYLOAD_EXIT_TT => {
            let from = fields.pid()?;
            Control::Exit { from, to: fields.pid()? }
        }
        Op::PAYLOAD_EXIT2 | Op::PAYLOAD_EXIT2_TT => {
            let from = fields.pid()?;
            Control::Exit2 { from, to: fields.pid()? }
        }
        Op::GROUP_LEADER => {
            let leader = fields.pid()?;
            Control::GroupLeader { leader, to: fields.pid()? }
        }
        other => Control::Unknown(other),
    };
    Ok((fields.end(control)?, inline))
}

pub(super) fn write(control: &Control, out: &mut Vec<u8>) {
    match control {
        Control::UnlinkId { id, from, to } | Control::UnlinkIdAck { id, from, to } => {
            write_op(out, 4, control.op());
            write_term_field(out, &Term::from(*id));
            write_pid(out, from);
            write_pid(out, to);
        }
        Control::Link { from, to }
        | Control::Unlink { from, to }
        | Control::Exit { from, to }
        | Control::Exit2 { from, to }
        | Control::GroupLeader { leader: from, to } => {
            write_op(out, 3, control.op());
            write_pid(out, from);
            write_pid(out, to);
        }
        _ => {}
    }
}

/// An id is any positive 64-bit integer.
fn unlink_id(reader: &mut Reader<'_>) -> Result<u64, DecodeError> {
    let offset = reader.position();
    let kind = DecodeErrorKind::Invalid("an unlink id that is no positive 64-bit integer");
    u64::try_from(&reader.term()?).map_err(|_| DecodeError { offset, kind })
}
