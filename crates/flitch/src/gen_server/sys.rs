//! System messages: what `GenServer.stop` and the functions of `:sys` send to a server.
//!
//! Source: `sys.erl` (`do_cmd/6`, `do_get_state/2`); `format_status` of `gen_server.erl` and
//! `gen.erl`.

use std::any::type_name;
use std::panic::{AssertUnwindSafe, catch_unwind};

use flitch_dist::Payload;
use flitch_etf::{Atom, Limits, Reader, SerError, Term, write_value};
use serde::Serialize;

use crate::caller::From;
use crate::mailbox::Incoming;
use crate::node::panic_message;
use crate::process::{ExitReason, Process};

/// What a server does after a system message.
pub(super) enum Then {
    GoOn,
    Suspend,
    Resume,
    Stop(ExitReason),
}

/// Whether a suspended server takes it, and one that takes no more work.
pub(crate) fn reaches_suspended(incoming: &Incoming) -> bool {
    match incoming {
        Incoming::Message(payload) => {
            super::envelope(&mut payload.reader()).is_some_and(|name| name == *"system")
        }
        incoming => matches!(incoming, Incoming::Shutdown),
    }
}

/// Handles one, with the cursor behind its first element. Says on which node the answer is read.
pub(super) fn handle<T: Serialize>(
    process: &Process,
    reader: &mut Reader<'_>,
    suspended: bool,
    state: impl FnOnce() -> T,
) -> (Then, Option<Atom>) {
    let (Ok(from), Ok(request)) = (From::read(reader), reader.term()) else {
        return (Then::GoOn, None);
    };
    let then = match request.as_tuple() {
        None if request.is_atom("suspend") => Then::Suspend,
        None if request.is_atom("resume") => Then::Resume,
        Some([terminate, reason]) if terminate.is_atom("terminate") => {
            Then::Stop(ExitReason(reason.clone()))
        }
        _ => Then::GoOn,
    };
    let answer = match &then {
        Then::GoOn => answer(process, &request, suspended, state),
        _ => Term::atom("ok"),
    };
    let sent = from.answer(&process.node, process.pid(), |out| write_value(out, &answer));
    if let Err(error) = sent {
        tracing::error!(%error, "an answer to a system message cannot be encoded");
    }
    (then, Some(from.pid.node))
}

fn answer<T: Serialize>(
    process: &Process,
    request: &Term,
    suspended: bool,
    state: impl FnOnce() -> T,
) -> Term {
    match request.as_tuple() {
        // `{ok, State}` is what newer releases (27 does) insist on. OTP 25 shows it as it is, as it does
        // when it asks a newer BEAM: neither request nor flags tell the two apart.
        None if request.is_atom("get_state") => {
            shown(process, state).map_or_else(failed, |state| Term::from((Term::atom("ok"), state)))
        }
        None if request.is_atom("get_status") => {
            let crashed = |cause| chars(&format!("{}:state crashed: {cause}", process.entry.label));
            let state = shown(process, state).unwrap_or_else(crashed);
            status(process, state, suspended)
        }
        Some([replace, _]) if replace.is_atom("replace_state") => {
            let why = "a fun of a BEAM cannot run on a flitch node";
            let callback = (Term::atom("flitch"), Term::atom("system_replace_state"));
            error((Term::atom("callback_failed"), callback, (Term::atom("error"), why)))
        }
        _ => error((Term::atom("unknown_system_msg"), request.clone())),
    }
}

fn error(reason: impl Into<Term>) -> Term {
    Term::from((Term::atom("error"), reason.into()))
}

fn failed(cause: String) -> Term {
    let callback = (Term::atom("flitch"), Term::atom("system_get_state"));
    error((Term::atom("callback_failed"), callback, (Term::atom("error"), cause)))
}

/// A state as a term. One that has no form, or panics when it is shown, says why: the server is
/// none the worse for that.
fn shown<T: Serialize>(process: &Process, state: impl FnOnce() -> T) -> Result<Term, String> {
    let encoded = || Payload::encode(|out| write_value(out, &state()));
    let payload = catch_unwind(AssertUnwindSafe(encoded))
        .map_err(|panic| panic_message(panic.as_ref()))
        .and_then(|encoded| encoded.map_err(|error: SerError| error.to_string()));
    let shown =
        payload.and_then(|it| it.to_term(Limits::DEFAULT).map_err(|error| error.to_string()));
    shown.inspect_err(|error| {
        tracing::error!(process = %process.pid(), error, "the state cannot be shown");
    })
}

/// `{status, Pid, {module, Mod}, [PDict, SysState, Parent, Debug, Misc]}`.
fn status(process: &Process, state: Term, suspended: bool) -> Term {
    let running = Term::atom(if suspended { "suspended" } else { "running" });
    let pid = Term::from(process.pid().clone());
    let named = process.entry.bonds().name.clone();
    let name = named.map_or_else(|| process.pid().to_string(), |name| name.to_string());
    let header = chars(&format!("Status for generic server {name}"));
    let of = |label: &str, value: Term| Term::from((chars(label), value));
    let data = |entries: Vec<Term>| Term::from((Term::atom("data"), Term::from(entries)));
    let misc = vec![
        Term::from((Term::atom("header"), header)),
        data(vec![
            of("Status", running.clone()),
            of("Parent", pid.clone()),
            of("Logged events", Term::empty_list()),
        ]),
        data(vec![of("State", state)]),
    ];
    let dictionary = Term::empty_list();
    let debug = Term::empty_list();
    let items = Term::from(vec![dictionary, running, pid.clone(), debug, Term::from(misc)]);
    let module = (Term::atom("module"), Term::atom("gen_server"));
    Term::from((Term::atom("status"), pid, module, items))
}

/// A string as Erlang's own tools have it: a list of code points.
fn chars(text: &str) -> Term {
    Term::from(text.chars().map(|char| Term::from(u32::from(char))).collect::<Vec<_>>())
}

/// What is shown of a server that does not show its state: `{opaque, <<"its::Type">>}`.
pub(super) fn opaque<S: ?Sized>() -> impl Serialize {
    Term::from((Term::atom("opaque"), type_name::<S>()))
}
