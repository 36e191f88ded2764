//! Monitors.

use flitch_etf::{DecodeError, write_pid, write_reference};

use super::{Control, Fields, Form, Op};

pub(super) fn read(op: Op, fields: &mut Fields<'_, '_>) -> Result<Control, DecodeError> {
    if matches!(op, Op::MONITOR_P_EXIT | Op::PAYLOAD_MONITOR_P_EXIT) {
        let target = fields.target()?;
        let to = fields.pid()?;
        let reference = fields.reference()?;
        if op == Op::MONITOR_P_EXIT {
            fields.read_reason()?;
        }
        return Ok(Control::MonitorExit { target, to, reference });
    }
    let from = fields.pid()?;
    let target = fields.target()?;
    let reference = fields.reference()?;
    Ok(match op {
        Op::MONITOR_P => Control::Monitor { from, target, reference },
        _ => Control::Demonitor { from, target, reference },
    })
}

pub(super) fn write(control: &Control, out: &mut Vec<u8>, form: &Form<'_>) {
    form.open(out, 3);
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
    form.end(out);
}
