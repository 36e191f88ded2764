//! The functions that every node has: they tell of the node and change nothing, so that
//! `:observer`, Phoenix LiveDashboard and whoever asks `Process.info` of another node have an
//! answer that they can show.

mod dashboard;
mod erlang;
mod observer;
mod process;
mod room;
mod system_info;

use flitch_etf::{Atom, Term};
use futures_util::future::BoxFuture;

use crate::functions::{Mfa, Raise};
use crate::global::resolve_it;
use crate::process::Process;

pub(crate) use room::Room;

/// One of them. It runs in a process of its own.
#[derive(Clone, Copy)]
pub(crate) enum Builtin {
    /// Tells what it knows, at once.
    Tell(Tell),
    /// Goes over all processes for what it tells.
    Walk(Tell),
    /// Sends what it tells, as fast as that is read.
    Report(Report),
}

pub(crate) type Tell = fn(&Process, &[Term]) -> Result<Term, Raise>;
pub(crate) type Report = fn(Process, Vec<Term>) -> BoxFuture<'static, Result<Term, Raise>>;

impl Builtin {
    /// Runs it, and does `then` with what came of it. Where that may take long, both are done
    /// away from the threads that everything else runs on.
    pub(crate) async fn run(
        self,
        process: Process,
        asker: &Atom,
        arguments: Vec<Term>,
        then: impl FnOnce(Result<Term, Raise>) + Send + 'static,
    ) {
        match self {
            Self::Tell(tell) => then(tell(&process, &arguments)),
            Self::Report(report) => then(report(process, arguments).await),
            Self::Walk(walk) => {
                let node = process.node.clone();
                let permit = node.function_table().builtins().walk(&node, asker).await;
                away(move || {
                    then(walk(&process, &arguments));
                    // With the answer on its way: the next to begin sees what waits.
                    drop(permit);
                })
                .await;
            }
        }
    }
}

/// Does what takes long, away from the threads that everything else runs on. `None` if the program
/// is about to end.
async fn away<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> Option<R> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Some(done),
        Err(error) => error.try_into_panic().ok().map(|panic| std::panic::resume_unwind(panic)),
    }
}

/// The modules whose functions are here: for `code:ensure_loaded` they are there.
const MODULES: [&str; 4] = ["erlang", "code", "observer_backend", dashboard::MODULE];

/// The function with this name, if every node has it.
pub(crate) fn find((module, function, arity): &Mfa) -> Option<Builtin> {
    let (function, arity) = (function.as_str(), *arity);
    match module.as_str() {
        "erlang" => erlang::find(function, arity),
        "code" => code(function, arity).map(Builtin::Tell),
        "application" => application(function, arity).map(Builtin::Tell),
        "global" => global(function, arity).map(Builtin::Tell),
        "proc_lib" => process::find(function, arity).map(Builtin::Tell),
        "observer_backend" => observer::find(function, arity),
        dashboard::MODULE => dashboard::find(function, arity),
        _ => None,
    }
}

/// Whether there is such a function here, offered or of every node.
fn is_exported(process: &Process, mfa: &Mfa) -> bool {
    find(mfa).is_some() || process.node.function_table().find(mfa).is_some()
}

fn is_loaded(process: &Process, module: &str) -> bool {
    MODULES.contains(&module)
        || process.node.functions().offered().iter().any(|(offered, ..)| *offered == *module)
}

fn code(function: &str, arity: u8) -> Option<Tell> {
    let found: Tell = match (function, arity) {
        ("is_loaded", 1) => |process, arguments| match arguments {
            [Term::Atom(module)] if is_loaded(process, module.as_str()) => {
                Ok(Term::from((Term::atom("file"), Term::atom("preloaded"))))
            }
            _ => Ok(Term::from(false)),
        },
        ("ensure_loaded", 1) => |process, arguments| match arguments {
            [Term::Atom(module)] if is_loaded(process, module.as_str()) => {
                Ok(Term::from((Term::atom("module"), module)))
            }
            _ => Ok(Term::from((Term::atom("error"), Term::atom("nofile")))),
        },
        ("which", 1) => |process, arguments| match arguments {
            [Term::Atom(module)] if is_loaded(process, module.as_str()) => {
                Ok(Term::atom("preloaded"))
            }
            _ => Ok(Term::atom("non_existing")),
        },
        _ => return None,
    };
    Some(found)
}

/// What the rest of a partition asks of the node where a process runs whose name both have. It is the
/// one that does something: a visible node has a part in `global`, and a hidden one has none.
fn global(function: &str, arity: u8) -> Option<Tell> {
    let found: Tell = match (function, arity) {
        ("resolve_it", 4) => |process, arguments| {
            let visible = process.node.settings().visible;
            let decided = visible.then(|| resolve_it(&process.node, arguments)).flatten();
            decided.ok_or_else(Raise::undef)
        },
        _ => return None,
    };
    Some(found)
}

/// There are none of OTP's applications.
fn application(function: &str, arity: u8) -> Option<Tell> {
    let found: Tell = match (function, arity) {
        ("which_applications" | "loaded_applications", 0) | ("which_applications", 1) => {
            |_, _| Ok(Term::empty_list())
        }
        ("get_env", 2) => |_, _| Ok(Term::atom("undefined")),
        _ => return None,
    };
    Some(found)
}
