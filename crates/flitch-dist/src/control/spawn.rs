//! Remote spawns: how `erpc` and `Node.spawn` run a function elsewhere.

use flitch_etf::{
    DecodeError, DecodeErrorKind, Reader, write_integer, write_pid, write_reference,
    write_tuple_header,
};

use super::{Control, Fields, Form, Op, SpawnRequest, write_term_field};

/// In a SPAWN_REPLY: the new process is linked to the one that asked.
pub const SPAWNED_LINK: u32 = 1;
/// In a SPAWN_REPLY: the new process is monitored by the one that asked.
pub const SPAWNED_MONITOR: u32 = 2;

pub(super) fn read(op: Op, fields: &mut Fields<'_, '_>) -> Result<Control, DecodeError> {
    let request = fields.reference()?;
    let control = if matches!(op, Op::SPAWN_REQUEST | Op::SPAWN_REQUEST_TT) {
        let from = fields.pid()?;
        let group_leader = fields.pid()?;
        let (module, function, arity) = fields.next(|reader| {
            if reader.tuple()? != 3 {
                return Err(invalid(reader, "an entry point that is no {Module, Function, Arity}"));
            }
            let arity = "an entry point with more than 255 arguments";
            Ok((reader.atom()?, reader.atom()?, unsigned(reader, arity)?))
        })?;
        let options = fields.next(Reader::term)?;
        let spawn = SpawnRequest { request, from, group_leader, module, function, arity, options };
        Control::SpawnRequest(Box::new(spawn))
    } else {
        let to = fields.pid()?;
        let flags = fields.next(|reader| unsigned(reader, "flags beyond 32 bits"))?;
        Control::SpawnReply { request, to, flags, result: fields.next(Reader::term)? }
    };
    if matches!(op, Op::SPAWN_REQUEST_TT | Op::SPAWN_REPLY_TT) {
        fields.read_token()?;
    }
    Ok(control)
}

fn unsigned<T: TryFrom<i64>>(
    reader: &mut Reader<'_>,
    what: &'static str,
) -> Result<T, DecodeError> {
    let value = reader.integer()?;
    T::try_from(value).map_err(|_| invalid(reader, what))
}

fn invalid(reader: &Reader<'_>, what: &'static str) -> DecodeError {
    DecodeError { offset: reader.position(), kind: DecodeErrorKind::Invalid(what) }
}

pub(super) fn write(control: &Control, out: &mut Vec<u8>, form: &Form<'_>) {
    match control {
        Control::SpawnRequest(spawn) => {
            form.open(out, 5);
            write_reference(out, &spawn.request);
            write_pid(out, &spawn.from);
            write_pid(out, &spawn.group_leader);
            let _ = write_tuple_header(out, 3);
            spawn.module.write_to(out);
            spawn.function.write_to(out);
            write_integer(out, spawn.arity.into());
            write_term_field(out, &spawn.options);
        }
        Control::SpawnReply { request, to, flags, result } => {
            form.open(out, 4);
            write_reference(out, request);
            write_pid(out, to);
            write_integer(out, (*flags).into());
            write_term_field(out, result);
        }
        _ => {}
    }
    form.end(out);
}
