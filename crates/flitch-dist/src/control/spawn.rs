//! Remote spawns: how `erpc` and `Node.spawn` run a function elsewhere.

use flitch_etf::{
    DecodeError, DecodeErrorKind, Reader, write_integer, write_pid, write_reference, write_term,
    write_tuple_header,
};

use super::{Control, Fields, Op, SpawnRequest, write_op};

/// In a SPAWN_REPLY: the new process is linked to the one that asked.
pub const SPAWNED_LINK: u32 = 1;
/// In a SPAWN_REPLY: the new process is monitored by the one that asked.
pub const SPAWNED_MONITOR: u32 = 2;

pub(super) fn read(op: Op, mut fields: Fields<'_, '_>) -> Result<Control, DecodeError> {
    let request = fields.reference()?;
    let control = if matches!(op, Op::SPAWN_REQUEST | Op::SPAWN_REQUEST_TT) {
        let from = fields.pid()?;
        let group_leader = fields.pid()?;
        let (module, function, arity) = fields.next(|reader| {
            if reader.tuple()? != 3 {
                return Err(invalid(reader, "an entry point that is no {Module, Function, Arity}"));
            }
            Ok((reader.atom()?, reader.atom()?, small(reader)?))
        })?;
        let options = fields.next(Reader::term)?;
        let spawn = SpawnRequest { request, from, group_leader, module, function, arity, options };
        Control::SpawnRequest(Box::new(spawn))
    } else {
        let to = fields.pid()?;
        let flags = fields.next(small)?.into();
        Control::SpawnReply { request, to, flags, result: fields.next(Reader::term)? }
    };
    fields.end(control)
}

fn small(reader: &mut Reader<'_>) -> Result<u8, DecodeError> {
    let value = reader.integer()?;
    u8::try_from(value).map_err(|_| invalid(reader, "an arity or flags over 255"))
}

fn invalid(reader: &Reader<'_>, what: &'static str) -> DecodeError {
    DecodeError { offset: reader.position(), kind: DecodeErrorKind::Invalid(what) }
}

pub(super) fn write(control: &Control, out: &mut Vec<u8>) {
    // Options and results are atoms, pids and lists of them: all have a form.
    match control {
        Control::SpawnRequest(spawn) => {
            write_op(out, 6, Op::SPAWN_REQUEST);
            write_reference(out, &spawn.request);
            write_pid(out, &spawn.from);
            write_pid(out, &spawn.group_leader);
            let _ = write_tuple_header(out, 3);
            spawn.module.write_to(out);
            spawn.function.write_to(out);
            write_integer(out, spawn.arity.into());
            let _ = write_term(out, &spawn.options);
        }
        Control::SpawnReply { request, to, flags, result } => {
            write_op(out, 5, Op::SPAWN_REPLY);
            write_reference(out, request);
            write_pid(out, to);
            write_integer(out, (*flags).into());
            let _ = write_term(out, result);
        }
        _ => {}
    }
}
