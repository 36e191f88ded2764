//! How the things of a node are written where its own shell would write them.

use flitch::etf::text::{Syntax, Text};
use flitch::{Pid, Term};

use super::exception::callee;
use super::text::harmless;

/// `<0.123.0>`, as the node that the process runs on writes it.
pub(crate) fn pid(pid: &Pid) -> String {
    format!("<0.{}.{}>", pid.id, pid.serial)
}

/// `{lists, map, 2}` as `:lists.map/2`; anything else is no function.
pub(crate) fn function(syntax: Syntax, term: &Term) -> Option<String> {
    let [module, function, arity] = term.as_tuple()? else { return None };
    let arity = arity.as_integer()?;
    Some(harmless(&format!("{}/{arity}", callee(syntax, module.as_atom()?, function.as_atom()?))))
}

/// A term in one line, of bounded length, and harmless to a terminal.
pub(crate) fn term(syntax: Syntax, term: &Term) -> String {
    /// Of elements, in every list and map.
    const SHOWN: usize = 50;
    match term {
        Term::Pid(of) => pid(of),
        Term::Port(port) => format!("#Port<0.{}>", port.id),
        term => harmless(&Text::new(syntax, term).limit(SHOWN).unicode().to_string()),
    }
}

#[cfg(test)]
mod tests {
    use flitch::Atom;

    use super::*;

    #[test]
    fn a_pid_is_written_so_that_it_can_be_pasted_into_the_nodes_own_shell() {
        let node = Atom::new("a@b.c").unwrap();
        let of = Pid { node, id: 123, serial: 4, creation: 7 };
        assert_eq!(pid(&of), "<0.123.4>");
    }

    #[test]
    fn a_function_is_named_in_either_language_and_nothing_else_is_one() {
        let call = Term::from((Term::atom("Elixir.Shop.Desk"), Term::atom("init"), 1));
        assert_eq!(function(Syntax::Elixir, &call).unwrap(), "Shop.Desk.init/1");
        assert_eq!(function(Syntax::Erlang, &call).unwrap(), "'Elixir.Shop.Desk':init/1");
        assert_eq!(function(Syntax::Elixir, &Term::atom("undefined")), None);
    }
}
