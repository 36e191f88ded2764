//! Monitors.

use flitch_etf::{DecodeError, write_pid, write_reference};

use super::{Control, Fields, Inline, Op, write_op};

pub(super) fn read(op: Op, mut fields: Fields<'_, '_>) -> Result<(Control, Inline), DecodeError> {
    if matches!(op, Op::MONITOR_P_EXIT | Op::PAYLOAD_MONITOR_P_EXIT) {
        let target = fields.target()?;
        let to = fields.pid()?;
        let reference = fields.reference()?;
        let inline = if op == Op::MONITOR_P_EXIT { Some(fields.range()?) } else { None };
        let control = Control::MonitorExit { target, to, reference };
        return Ok((fields.end(control)?, inline));
    }
    let from = fields.pid()?;
    let target = fields.target()?;
    let reference = fields.reference()?;
    let control = match op {
        Op::MONITOR_P => Control::Monitor { from, target, reference },
        _ => Control::Demonitor { from, target, reference },
    };
    Ok((fields.end(control)?, None))
}

pub(super) fn write(control: &Control, out: &mut Vec<u8>) {
    write_op(out, 4, control.op());
    match control {
        Control::Monitor { from, target, reference }
        | Control::Demonitor { from, target, reference } => {
            write_pid(out, from);
            target.write(out);
            write_reference(out, reference);
        }
        Control::MonitorExit { target, to, reference } => {
            target.write(out);
            write_pid(out, to);
            write_reference(out, reference);
        }
        _ => {}
    }
}
