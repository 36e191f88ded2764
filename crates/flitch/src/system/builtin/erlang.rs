//! Of module `erlang`: what it tells of the node.

use flitch_etf::{Atom, Term};

use super::{Builtin, Tell, is_exported, process, system_info};
use crate::functions::Raise;
use crate::process::Process;

pub(super) fn find(function: &str, arity: u8) -> Option<Builtin> {
    let walk: Option<Tell> = match (function, arity) {
        ("processes", 0) => Some(|process, _| Ok(process::all(&process.node))),
        ("registered", 0) => Some(|process, _| Ok(process::registered(&process.node))),
        _ => None,
    };
    if let Some(walk) = walk {
        return Some(Builtin::Walk(walk));
    }
    let found: Tell = match (function, arity) {
        ("process_info", 1) => process::info_all,
        ("process_info", 2) => process::info,
        ("is_process_alive", 1) => process::is_alive,
        ("whereis", 1) => whereis,
        ("node", 0) => |process, _| Ok(Term::from(&process.node.identity().atom)),
        ("nodes", 0) => |process, _| Ok(peers(process, |hidden| !hidden)),
        ("nodes", 1) => nodes,
        ("ports", 0) => |_, _| Ok(Term::empty_list()),
        ("function_exported", 3) => function_exported,
        ("system_info", 1) => system_info::system_info,
        ("memory", 0) => |_, _| Ok(system_info::memory()),
        ("memory", 1) => system_info::memory_of,
        ("statistics", 1) => system_info::statistics,
        _ => return None,
    };
    Some(Builtin::Tell(found))
}

fn whereis(process: &Process, arguments: &[Term]) -> Result<Term, Raise> {
    let [Term::Atom(name)] = arguments else { return Err(Raise::badarg()) };
    let found = process.node.processes().by_name(name);
    Ok(found.map_or(Term::atom("undefined"), |entry| entry.pid.clone().into()))
}

fn nodes(process: &Process, arguments: &[Term]) -> Result<Term, Raise> {
    let [Term::Atom(kind)] = arguments else { return Err(Raise::badarg()) };
    let here = || Term::from(vec![Term::from(&process.node.identity().atom)]);
    match kind.as_str() {
        "visible" => Ok(peers(process, |hidden| !hidden)),
        "hidden" => Ok(peers(process, |hidden| hidden)),
        "connected" => Ok(peers(process, |_| true)),
        "this" => Ok(here()),
        "known" => {
            let mut all = here().as_list().unwrap_or_default().to_vec();
            all.extend_from_slice(peers(process, |_| true).as_list().unwrap_or_default());
            Ok(all.into())
        }
        _ => Err(Raise::badarg()),
    }
}

/// The peers that are connected, as those say that ask whether the connection is a hidden one.
fn peers(process: &Process, wanted: impl Fn(bool) -> bool) -> Term {
    let visible = process.node.settings().visible;
    let links = process.node.peers().links();
    let wanted = links.iter().filter(|link| wanted(!(visible && link.is_visible())));
    Term::from(wanted.map(|link| Term::from(&link.atom)).collect::<Vec<_>>())
}

fn function_exported(process: &Process, arguments: &[Term]) -> Result<Term, Raise> {
    let [Term::Atom(module), Term::Atom(function), arity] = arguments else {
        return Err(Raise::badarg());
    };
    let exported = u8::try_from(arity).is_ok_and(|arity| {
        let mfa: (Atom, Atom, u8) = (module.clone(), function.clone(), arity);
        is_exported(process, &mfa)
    });
    Ok(exported.into())
}
