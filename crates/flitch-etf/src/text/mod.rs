//! Terms as people write them: printed as `inspect` and `~p` print them, and parsed back.
//!
//! [`elixir`] and [`erlang`] give something to display: on one line, or broken at a width as the
//! two languages break it. [`parse`] reads the literals of both. Whatever a peer sent, what is
//! printed holds no control character: text and atoms, node names among them, are escaped.
//!
//! Authorities: Elixir's `Inspect` and `Inspect.Algebra`, OTP's `io_lib` and `io_lib_pretty`; the
//! tests compare with both, running.
//!
//! ```
//! use flitch_etf::text::{Syntax, elixir, erlang, parse};
//!
//! let term = parse(Syntax::Elixir, r#"%{name: "Ada", tags: [:a, Shop.Item]}"#)?;
//! assert_eq!(elixir(&term).to_string(), r#"%{name: "Ada", tags: [:a, Shop.Item]}"#);
//! assert_eq!(erlang(&term).to_string(), r#"#{name => <<"Ada">>,tags => [a,'Elixir.Shop.Item']}"#);
//! # Ok::<(), flitch_etf::text::ParseError>(())
//! ```

mod calendar;
mod layout;
mod parse;
mod print;

use std::fmt;

pub use parse::{ParseError, module_name, parse};

use crate::{Atom, Term};

/// The language that a term is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Syntax {
    /// `%{name: "Ada"}`
    Elixir,
    /// `#{name => <<"Ada">>}`
    Erlang,
}

/// A term in Elixir's syntax, as `inspect(term, limit: :infinity)` prints it.
///
/// Two things differ, because the answer is not on this node: structs print their fields in the
/// order of their names (whatever their own `Inspect` would do), and pids, ports and references
/// carry the name of their node where a BEAM shows a number that means something only there.
/// Characters that nobody sees, or that turn the direction of writing, are escaped as Elixir 1.18
/// does. Maps and sets print in the order of their keys.
///
/// Native records are written as in Erlang, with all that is inside them, because Elixir does so.
/// Elixir 1.20 breaks a long one into lines even where nobody asked, and shows what is beyond
/// ASCII as if it were Latin-1; here, it is one line of text unless there is a [`Text::width`].
pub fn elixir(term: &Term) -> Text<'_> {
    Text::new(Syntax::Elixir, term)
}

/// A term in Erlang's syntax, as `io:format("~0tp", [Term])` prints it.
///
/// Pids, ports and references carry the name of their node. Maps print in the order of their
/// keys, as `~0ktp` has them; `~0tp` shows their order in memory since OTP 26, which is none.
pub fn erlang(term: &Term) -> Text<'_> {
    Text::new(Syntax::Erlang, term)
}

/// A term to be displayed. Without further ado: all of it, on one line.
#[derive(Clone, Copy)]
#[must_use = "nothing is printed until it is displayed"]
pub struct Text<'a> {
    term: &'a Term,
    style: Style,
}

/// How a term is to be written.
#[derive(Clone, Copy)]
struct Style {
    syntax: Syntax,
    width: Option<usize>,
    limit: Option<usize>,
    quoted_charlists: bool,
    unicode: bool,
}

impl<'a> Text<'a> {
    /// A term in this syntax.
    pub fn new(syntax: Syntax, term: &'a Term) -> Self {
        let (quoted_charlists, unicode) = (false, false);
        Self { term, style: Style { syntax, width: None, limit: None, quoted_charlists, unicode } }
    }

    /// Breaks lines where `columns` are not enough, as `inspect(term, pretty: true, width: 80)`
    /// and `~80tp` do: those of Elixir 1.19 and OTP 29, and of the earlier ones but for a few
    /// brackets. What is nested deeper than 100 containers stays on its line. In Elixir's syntax,
    /// a native record has lines of 80 columns of its own, as Elixir 1.20 prints it.
    pub fn width(mut self, columns: usize) -> Self {
        self.style.width = Some(columns);
        self
    }

    /// At most `items` elements of all containers together and 4,096 characters of each text, as
    /// `inspect(term, limit: items)` of Elixir 1.19; `...` stands for the rest. Elixir writes the
    /// whole of a native record whatever the limit; here, its fields count too.
    pub fn limit(mut self, items: usize) -> Self {
        self.style.limit = Some(items);
        self
    }

    /// Elixir before 1.15 wrote charlists as `'abc'`; later ones, and we, write `~c"abc"`.
    pub fn quoted_charlists(mut self) -> Self {
        self.style.quoted_charlists = true;
        self
    }

    /// In Erlang's syntax, text beyond Latin-1 is shown as text too: what `erl +pc unicode` does.
    pub fn unicode(mut self) -> Self {
        self.style.unicode = true;
        self
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.style.width {
            None => print::print(&mut print::OneLine(f), self.style, self.term),
            Some(width) => f.write_str(&layout::lines(self.style, width, self.term)),
        }
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The term in Elixir's syntax, on one line; `{:#?}` breaks it at 80 columns.
impl fmt::Debug for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = elixir(self);
        fmt::Display::fmt(&if f.alternate() { text.width(80) } else { text }, f)
    }
}

/// An atom in Elixir's syntax: `:ok`, `nil`, `Shop.Item`, `:"a b"`.
pub fn elixir_atom(atom: &Atom) -> impl fmt::Display + '_ {
    AtomText(Syntax::Elixir, atom)
}

/// An atom in Erlang's syntax: `ok`, `'Elixir.Shop.Item'`, `'a b'`.
pub fn erlang_atom(atom: &Atom) -> impl fmt::Display + '_ {
    AtomText(Syntax::Erlang, atom)
}

struct AtomText<'a>(Syntax, &'a Atom);

impl fmt::Display for AtomText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Syntax::Elixir => print::atom::elixir(f, self.1.as_str()),
            Syntax::Erlang => print::atom::erlang(f, self.1.as_str()),
        }
    }
}
