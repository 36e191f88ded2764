//! A term on one line, without recursion: containers that are still open wait on a stack.

pub(super) mod atom;
mod elixir;
mod erlang;
pub(super) mod escape;
mod ident;
mod number;

use std::fmt;
use std::iter::Zip;
use std::slice;

use super::{Style, Syntax};
use crate::{Atom, Map, Term};

/// Takes the text, and hears where each part of it begins and ends.
pub(super) trait Sink: fmt::Write {
    /// A part begins here. Parts nest.
    fn open(&mut self, shape: Shape);
    /// The innermost open part ends here.
    fn close(&mut self);
}

/// What a part of the text is, for those who break lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Shape {
    /// A number, a string: nothing inside it breaks.
    #[default]
    Text,
    /// An atom: a tuple that begins with one is laid out by it in Erlang.
    Atom,
    /// Bytes and bits as numbers: breaks behind each comma, without parts of its own.
    Bits,
    /// Parts that stay together: `key: value`, `key => value`, `MapSet.new([…])`.
    Join,
    /// A list.
    List,
    /// A list in keyword syntax.
    Keywords,
    /// A tuple.
    Tuple,
    /// A map or a struct.
    Map,
    /// A native record.
    Record,
}

/// The text as it comes.
pub(super) struct OneLine<W>(pub(super) W);

impl<W: fmt::Write> fmt::Write for OneLine<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write_str(text)
    }
}

impl<W: fmt::Write> Sink for OneLine<W> {
    fn open(&mut self, _: Shape) {}

    fn close(&mut self) {}
}

/// Writes a term on one line.
pub(super) fn print<S: Sink>(out: &mut S, style: Style, term: &Term) -> fmt::Result {
    let left = style.limit.unwrap_or(usize::MAX);
    let mut printer = Printer { out, style, left, stack: Vec::new() };
    printer.term(term)?;
    while let Some(frame) = printer.stack.last_mut() {
        let brackets = frame.brackets;
        let first = std::mem::replace(&mut frame.first, false);
        let step = frame.step();
        let counted = brackets.shape != Shape::Join;
        match step {
            Step::Done => {
                printer.stack.pop();
                printer.out.write_str(brackets.close)?;
                printer.out.close();
            }
            Step::Tail(tail) => {
                printer.out.write_str(brackets.tail)?;
                printer.term(tail)?;
            }
            Step::Item(_) if counted && printer.left == 0 => {
                frame.items = Items::None;
                frame.tail = None;
                let separator = if first { "" } else { brackets.cut };
                printer.out.write_str(separator)?;
                printer.text(|out| out.write_str("..."))?;
            }
            Step::Item(item) => {
                printer.left = printer.left.saturating_sub(usize::from(counted));
                printer.out.write_str(if first { "" } else { brackets.separator })?;
                printer.item(item)?;
            }
        }
    }
    Ok(())
}

/// The signs around and between the elements of a container.
struct Brackets {
    shape: Shape,
    open: &'static str,
    separator: &'static str,
    /// Before the tail of an improper list.
    tail: &'static str,
    /// Before the dots that stand for what is left out.
    cut: &'static str,
    close: &'static str,
}

/// `key: value`: the key is written when the part is opened.
const VALUE: &Brackets =
    &Brackets { shape: Shape::Join, open: "", separator: "", tail: "", cut: "", close: "" };
const PAIR: &Brackets =
    &Brackets { shape: Shape::Join, open: "", separator: " => ", tail: "", cut: "", close: "" };

/// A container that is being written.
struct Frame<'a> {
    brackets: &'static Brackets,
    items: Items<'a>,
    tail: Option<&'a Term>,
    first: bool,
    /// Lists in here are never shown as text.
    no_charlists: bool,
    /// What is in here is written in this language: Elixir writes records as Erlang does.
    syntax: Syntax,
}

/// What is still to be written of a container.
enum Items<'a> {
    None,
    One(&'a Term),
    Two(&'a Term, &'a Term),
    /// Each by itself.
    Terms(slice::Iter<'a, Term>),
    /// Two-tuples with an atom first.
    Keywords(slice::Iter<'a, Term>),
    /// Keys and their values.
    Pairs(Pairs<'a>),
    /// The same, all keys atoms. Those that `elixir::hidden` names are left out.
    Fields(Pairs<'a>, bool),
    /// Names of fields and their values.
    Record(Zip<slice::Iter<'a, Atom>, slice::Iter<'a, Term>>),
}

type Pairs<'a> = Zip<slice::Iter<'a, Term>, slice::Iter<'a, Term>>;

fn pairs(map: &Map) -> Pairs<'_> {
    map.keys().iter().zip(map.values())
}

#[derive(Clone, Copy)]
enum Item<'a> {
    Term(&'a Term),
    Keyword(&'a Atom, &'a Term),
    Pair(&'a Term, &'a Term),
    Field(&'a Atom, &'a Term),
}

enum Step<'a> {
    Item(Item<'a>),
    Tail(&'a Term),
    Done,
}

impl<'a> Frame<'a> {
    fn step(&mut self) -> Step<'a> {
        match self.items.next() {
            Some(item) => Step::Item(item),
            None => self.tail.take().map_or(Step::Done, Step::Tail),
        }
    }
}

impl<'a> Items<'a> {
    fn terms(terms: &'a [Term]) -> Self {
        Self::Terms(terms.iter())
    }

    fn next(&mut self) -> Option<Item<'a>> {
        match self {
            Self::None => None,
            Self::One(term) => {
                let item = Item::Term(term);
                *self = Self::None;
                Some(item)
            }
            Self::Two(first, second) => {
                let item = Item::Term(first);
                *self = Self::One(second);
                Some(item)
            }
            Self::Terms(terms) => terms.next().map(Item::Term),
            Self::Keywords(terms) => {
                terms.next().and_then(keyword).map(|(key, value)| Item::Keyword(key, value))
            }
            Self::Pairs(pairs) => pairs.next().map(|(key, value)| Item::Pair(key, value)),
            Self::Record(fields) => fields.next().map(|(name, value)| Item::Field(name, value)),
            Self::Fields(pairs, of_struct) => loop {
                let (key, value) = pairs.next()?;
                let Some(name) = key.as_atom() else { continue };
                if !(*of_struct && elixir::hidden(name, value)) {
                    return Some(Item::Keyword(name, value));
                }
            },
        }
    }
}

/// The key and the value of a keyword list's element.
fn keyword(term: &Term) -> Option<(&Atom, &Term)> {
    match term.as_tuple()? {
        [Term::Atom(key), value] => Some((key, value)),
        _ => None,
    }
}

struct Printer<'a, 'o, S> {
    out: &'o mut S,
    style: Style,
    stack: Vec<Frame<'a>>,
    /// Elements that may still be written.
    left: usize,
}

impl<'a, S: Sink> Printer<'a, '_, S> {
    /// Writes a term, or its opening bracket, leaving its elements to the stack.
    fn term(&mut self, term: &'a Term) -> fmt::Result {
        match self.syntax() {
            Syntax::Elixir => self.elixir(term),
            Syntax::Erlang => self.erlang(term),
        }
    }

    /// The language of this place.
    fn syntax(&self) -> Syntax {
        self.stack.last().map_or(self.style.syntax, |frame| frame.syntax)
    }

    fn item(&mut self, item: Item<'a>) -> fmt::Result {
        match item {
            Item::Term(term) => self.term(term),
            Item::Keyword(key, value) => {
                self.open(VALUE, Items::One(value))?;
                atom::elixir_key(self.out, key.as_str())?;
                self.out.write_str(" ")
            }
            Item::Field(name, value) => {
                self.open(VALUE, Items::One(value))?;
                atom::erlang(self.out, name.as_str())?;
                self.out.write_str(" = ")
            }
            Item::Pair(key, value) => self.open(PAIR, Items::Two(key, value)),
        }
    }

    fn open(&mut self, brackets: &'static Brackets, items: Items<'a>) -> fmt::Result {
        self.open_with_tail(brackets, items, None)
    }

    fn open_with_tail(
        &mut self,
        brackets: &'static Brackets,
        items: Items<'a>,
        tail: Option<&'a Term>,
    ) -> fmt::Result {
        let (no_charlists, syntax) = (self.no_charlists(), self.syntax());
        self.stack.push(Frame { brackets, items, tail, first: true, no_charlists, syntax });
        self.out.open(brackets.shape);
        self.out.write_str(brackets.open)
    }

    fn no_charlists(&self) -> bool {
        self.stack.last().is_some_and(|frame| frame.no_charlists)
    }

    /// Writes a part that has no parts.
    fn text(&mut self, write: impl FnOnce(&mut S) -> fmt::Result) -> fmt::Result {
        self.part(Shape::Text, write)
    }

    fn part(&mut self, shape: Shape, write: impl FnOnce(&mut S) -> fmt::Result) -> fmt::Result {
        self.out.open(shape);
        write(self.out)?;
        self.out.close();
        Ok(())
    }

    /// The most characters of a text that are written.
    fn text_limit(&self) -> usize {
        const PRINTABLE_LIMIT: usize = 4096;
        self.style.limit.map_or(usize::MAX, |_| PRINTABLE_LIMIT)
    }

    /// Bytes as numbers, `last_bits` of the last one in use, with `size` around its count.
    fn bits(
        &mut self,
        bytes: &[u8],
        last_bits: u8,
        separator: &str,
        size: (&str, &str),
    ) -> fmt::Result {
        let left = self.left;
        self.left = left.saturating_sub(bytes.len());
        self.part(Shape::Bits, |out| {
            out.write_str("<<")?;
            for (at, byte) in bytes.iter().enumerate() {
                out.write_str(if at == 0 { "" } else { separator })?;
                if at == left {
                    out.write_str("...")?;
                    break;
                }
                if at + 1 == bytes.len() && last_bits < 8 {
                    let (before, after) = size;
                    write!(out, "{}{before}{last_bits}{after}", byte >> (8 - last_bits))?;
                } else {
                    write!(out, "{byte}")?;
                }
            }
            out.write_str(">>")
        })
    }
}
