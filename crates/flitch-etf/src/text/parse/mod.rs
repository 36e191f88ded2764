//! Text into terms: the literals of Elixir and of Erlang, and nothing that would be computed.

mod bits;
mod cursor;
mod elixir;
mod elixir_text;
mod erlang;
mod error;
mod number;

pub use error::ParseError;

use super::Syntax;
use crate::{Atom, Term};
use cursor::Cursor;

/// Containers inside containers that a text may have.
const MAX_DEPTH: usize = 128;

/// Reads one term. An Erlang term may end in a full stop.
///
/// Understood are numbers, atoms and aliases, text with its escapes, charlists, binaries and bit
/// strings, lists, tuples, maps, structs, ranges, `MapSet.new([1, 2])`, Elixir's sigils for text,
/// words and dates, and `&Mod.fun/1` or `fun m:f/1`. A map with a key twice takes the later value.
///
/// `#module:name{field = value}` is a native record of OTP 29 in either language, with Erlang's
/// literals inside, as Elixir prints it. It is read as one that its module exports: the text does
/// not say.
///
/// # Errors
/// Says what is wrong, at which column, and shows the place. Variables, calls, operators and what
/// only a node can make (pids, references, ports, funs) are refused by name. So are more than 128
/// containers inside each other.
pub fn parse(syntax: Syntax, text: &str) -> Result<Term, ParseError> {
    let mut cursor = Cursor::new(text);
    match syntax {
        Syntax::Elixir => elixir::term(&mut cursor),
        Syntax::Erlang => erlang::term(&mut cursor),
    }
}

/// The module that a user means: `Shop.Item` is Elixir's `'Elixir.Shop.Item'`, `lists` and
/// `:lists` are Erlang's, `:"odd-name"` and `'odd-name'` take any characters.
///
/// # Errors
/// Not a name of a module.
pub fn module_name(text: &str) -> Result<Atom, ParseError> {
    let mut cursor = Cursor::new(text);
    let quoted = text.starts_with('\'');
    let bare = text.starts_with(|c: char| c.is_lowercase() || c == '_');
    let term = match text.chars().next() {
        _ if quoted => erlang::term(&mut cursor)?,
        _ if bare => elixir::bare_name(&mut cursor)?,
        _ => elixir::term(&mut cursor)?,
    };
    match term {
        Term::Atom(name) => Ok(name),
        _ => Err(Cursor::new(text).error("a module is a name such as Shop.Item or lists")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_is_named_as_in_either_language() {
        for (text, expected) in [
            ("String", "Elixir.String"),
            ("Shop.Item", "Elixir.Shop.Item"),
            ("Elixir.String", "Elixir.String"),
            ("erlang", "erlang"),
            (":erlang", "erlang"),
            (":\"odd-name\"", "odd-name"),
            ("'odd-name'", "odd-name"),
            ("shop_item@2", "shop_item@2"),
        ] {
            assert_eq!(module_name(text).unwrap(), expected, "{text}");
        }
        for text in ["", "odd-name", "String.upcase(1)", "1", "\"String\"", "lists:map"] {
            assert!(module_name(text).is_err(), "{text}");
        }
    }
}
