//! ALTACT_SIG_SEND, new in OTP 28: signals to aliases, and signals with priority.
//!
//! `{37, Flags, Sender, To}` or `{37, Flags, Sender, To, Token}`; the payload is the message, or
//! the reason of an exit. (`erts/emulator/beam/dist.c`, `DOP_ALTACT_SIG_SEND`.)

use flitch_etf::{
    Atom, DecodeError, DecodeErrorKind, Pid, Reader, Reference, Tag, write_integer, write_pid,
    write_reference,
};

use super::{Control, Fields, Form};

/// A signal with priority, or to an alias.
#[derive(Clone, Debug, PartialEq)]
pub struct Altact {
    /// Who sent it.
    pub from: Pid,
    /// Who is to have it.
    pub to: Recipient,
    /// Whether it passes what waits in the mailbox, if the receiver has allowed that by a
    /// priority alias.
    pub priority: bool,
    /// Whether it is an exit signal, as `exit(To, Reason)` sends it, and no message.
    pub exit: bool,
}

/// Whom a signal is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Recipient {
    /// A process.
    Pid(Pid),
    /// Whoever has the name.
    Name(Atom),
    /// Whoever made the alias.
    Alias(Reference),
}

const PRIORITY: u8 = 1;
const TOKEN: u8 = 2;
const ALIAS: u8 = 4;
const NAME: u8 = 8;
const EXIT: u8 = 16;

pub(super) fn read(fields: &mut Fields<'_, '_>) -> Result<Control, DecodeError> {
    let flags = fields.next(flags)?;
    let has = |flag| flags & flag != 0;
    let from = fields.pid()?;
    let to = match (has(ALIAS), has(NAME)) {
        (true, true) => return Err(fields.invalid("both an alias and a name to send to")),
        (true, false) => Recipient::Alias(fields.reference()?),
        (false, true) => Recipient::Name(fields.atom()?),
        (false, false) => Recipient::Pid(fields.pid()?),
    };
    if has(TOKEN) {
        fields.read_token()?;
    }
    Ok(match to {
        // What ALIAS_SEND was before.
        Recipient::Alias(alias) if !has(PRIORITY) && !has(EXIT) => {
            Control::AliasSend { from, alias }
        }
        to => Control::Altact(Altact { from, to, priority: has(PRIORITY), exit: has(EXIT) }),
    })
}

/// Flags are an integer of any size, of which only those of the lowest byte are known.
fn flags(reader: &mut Reader<'_>) -> Result<u8, DecodeError> {
    let offset = reader.position();
    let (tag, body) = reader.skip()?.split_first().unwrap_or((&0, &[]));
    match (Tag(*tag), body) {
        (Tag::SMALL_INTEGER_EXT, [flags])
        | (Tag::INTEGER_EXT, [0..=0x7f, _, _, flags])
        | (Tag::SMALL_BIG_EXT, [_, 0, flags, ..])
        | (Tag::LARGE_BIG_EXT, [_, _, _, _, 0, flags, ..]) => Ok(*flags),
        _ => {
            let kind = DecodeErrorKind::Invalid("flags that are no positive integer");
            Err(DecodeError { offset, kind })
        }
    }
}

pub(super) fn write(control: &Control, out: &mut Vec<u8>, form: &Form<'_>) {
    let token = if form.token.is_some() { TOKEN } else { 0 };
    form.open(out, 3);
    match control {
        Control::AliasSend { from, alias } => {
            write_integer(out, (ALIAS | token).into());
            write_pid(out, from);
            write_reference(out, alias);
        }
        Control::Altact(Altact { from, to, priority, exit }) => {
            let kind = match to {
                Recipient::Pid(_) => 0,
                Recipient::Name(_) => NAME,
                Recipient::Alias(_) => ALIAS,
            };
            let priority = if *priority { PRIORITY } else { 0 };
            let exit = if *exit { EXIT } else { 0 };
            write_integer(out, (kind | priority | exit | token).into());
            write_pid(out, from);
            match to {
                Recipient::Pid(pid) => write_pid(out, pid),
                Recipient::Name(name) => name.write_to(out),
                Recipient::Alias(alias) => write_reference(out, alias),
            }
        }
        _ => {}
    }
    form.end(out);
}
