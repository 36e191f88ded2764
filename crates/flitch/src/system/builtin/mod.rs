//! The functions that every node has: they tell of the node and change nothing, so that
//! `:observer`, Phoenix LiveDashboard and whoever asks `Process.info` of another node have an
//! answer that they can show.

mod dashboard;
mod erlang;
mod observer;
mod process;
mod system_info;

use flitch_etf::Term;

use crate::functions::{Mfa, Raise};
use crate::global::resolve_it;
use crate::process::Process;

/// One of them: it runs in a process of its own, and ends at once.
pub(crate) type Builtin = fn(&Process, &[Term]) -> Result<Term, Raise>;

/// The modules whose functions are here: for `code:ensure_loaded` they are there.
const MODULES: [&str; 4] = ["erlang", "code", "observer_backend", dashboard::MODULE];

/// The function with this name, if every node has it.
pub(crate) fn find((module, function, arity): &Mfa) -> Option<Builtin> {
    let (function, arity) = (function.as_str(), *arity);
    match module.as_str() {
        "erlang" => erlang::find(function, arity),
        "code" => code(function, arity),
        "application" => application(function, arity),
        "global" => global(function, arity),
        "proc_lib" => process::find(function, arity),
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

fn code(function: &str, arity: u8) -> Option<Builtin> {
    let found: Builtin = match (function, arity) {
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
fn global(function: &str, arity: u8) -> Option<Builtin> {
    let found: Builtin = match (function, arity) {
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
fn application(function: &str, arity: u8) -> Option<Builtin> {
    let found: Builtin = match (function, arity) {
        ("which_applications" | "loaded_applications", 0) | ("which_applications", 1) => {
            |_, _| Ok(Term::empty_list())
        }
        ("get_env", 2) => |_, _| Ok(Term::atom("undefined")),
        _ => return None,
    };
    Some(found)
}
