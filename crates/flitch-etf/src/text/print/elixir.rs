//! Terms as `inspect` writes them.
//!
//! Authority: Elixir's `lib/inspect.ex`.

use std::fmt;

use super::{
    Brackets, Frame, Items, Printer, Shape, Sink, atom, escape, ident, keyword, number, pairs,
};
use crate::text::{Syntax, calendar};
use crate::{Atom, Export, Fun, Map, Term};

const fn brackets(shape: Shape, open: &'static str, close: &'static str) -> Brackets {
    Brackets { shape, open, separator: ", ", tail: " | ", cut: ", ", close }
}

const LIST: &Brackets = &brackets(Shape::List, "[", "]");
const KEYWORDS: &Brackets = &brackets(Shape::Keywords, "[", "]");
const TUPLE: &Brackets = &brackets(Shape::Tuple, "{", "}");
const MAP: &Brackets = &brackets(Shape::Map, "%{", "}");
/// The name is written when the part is opened.
const STRUCT: &Brackets = &brackets(Shape::Map, "%", "}");
const MAP_SET: &Brackets = &brackets(Shape::Join, "MapSet.new(", ")");

impl<'a, S: Sink> Printer<'a, '_, S> {
    pub(super) fn elixir(&mut self, term: &'a Term) -> fmt::Result {
        match term {
            Term::Integer(value) => self.text(|out| write!(out, "{value}")),
            Term::BigInt(value) => self.text(|out| number::big(out, Syntax::Elixir, value)),
            Term::Float(value) => self.text(|out| number::elixir_float(out, *value)),
            Term::Atom(name) => self.part(Shape::Atom, |out| atom::elixir(out, name.as_str())),
            Term::Tuple(elements) if elements.is_empty() => self.text(|out| out.write_str("{}")),
            Term::Tuple(elements) => self.open(TUPLE, Items::terms(elements)),
            Term::List(elements) => self.elixir_list(elements),
            Term::ImproperList(list) => {
                self.open_with_tail(LIST, Items::terms(list.elements()), Some(list.tail()))
            }
            Term::Record(record) => self.record(record),
            Term::Local(_) => self.text(|out| out.write_str("#Local<>")),
            Term::Map(map) => self.elixir_map(map),
            Term::Binary(bytes) => self.elixir_binary(bytes),
            Term::BitString(bits) => {
                self.bits(bits.bytes(), bits.last_bits(), ", ", ("::size(", ")"))
            }
            Term::Pid(pid) => self.text(|out| ident::pid(out, "#PID<", pid)),
            Term::Port(port) => self.text(|out| ident::port(out, port)),
            Term::Reference(reference) => {
                self.text(|out| ident::reference(out, "#Reference<", reference))
            }
            Term::Fun(fun) => self.text(|out| function(out, fun)),
            Term::Export(export) => self.text(|out| capture(out, export)),
        }
    }

    fn elixir_list(&mut self, elements: &'a [Term]) -> fmt::Result {
        let limit = self.text_limit();
        let charlist = || elements.iter().take(limit).all(|term| ascii(term).is_some());
        if elements.is_empty() {
            self.text(|out| out.write_str("[]"))
        } else if !self.no_charlists() && charlist() {
            let quoted = self.style.quoted_charlists;
            let (open, quote) = if quoted { ("'", '\'') } else { ("~c\"", '"') };
            self.text(|out| {
                out.write_str(open)?;
                escape::elixir(out, elements.iter().take(limit).filter_map(ascii), quote)?;
                out.write_char(quote)?;
                out.write_str(if elements.len() > limit { " ++ ..." } else { "" })
            })
        } else if elements.iter().all(is_keyword) {
            self.open(KEYWORDS, Items::Keywords(elements.iter()))
        } else {
            self.open(LIST, Items::terms(elements))
        }
    }

    fn elixir_binary(&mut self, bytes: &[u8]) -> fmt::Result {
        let limit = self.text_limit();
        let printable = |char: Option<char>| char.is_some_and(escape::elixir_printable);
        if !chars(bytes).take(limit).all(printable) {
            return self.bits(bytes, 8, ", ", ("", ""));
        }
        self.text(|out| {
            out.write_str("\"")?;
            escape::elixir(out, chars(bytes).take(limit).flatten(), '"')?;
            out.write_str("\"")?;
            out.write_str(if chars(bytes).nth(limit).is_some() { " <> ..." } else { "" })
        })
    }

    fn elixir_map(&mut self, map: &'a Map) -> fmt::Result {
        if map.is_empty() {
            self.text(|out| out.write_str("%{}"))
        } else if !map.iter().all(|(key, _)| key.as_atom().is_some_and(is_key)) {
            self.open(MAP, Items::Pairs(pairs(map)))
        } else if map.struct_name().is_some() {
            self.elixir_struct(map)
        } else {
            self.open(MAP, Items::Fields(pairs(map), false))
        }
    }

    fn elixir_struct(&mut self, map: &'a Map) -> fmt::Result {
        let name = map.get_atom("__struct__").and_then(Term::as_atom).map_or("", Atom::as_str);
        if let Some(text) = calendar::print(map) {
            return self.text(|out| out.write_str(&text));
        }
        if let Some((first, last, step)) = range(map) {
            return self.text(|out| write_range(out, first, last, step));
        }
        match (name, map.get_atom("map")) {
            ("Elixir.MapSet", Some(Term::Map(members))) => self.map_set(members.keys()),
            _ if atom::is_alias(name) => {
                self.open(STRUCT, Items::Fields(pairs(map), true))?;
                write!(self.out, "{}{{", atom::alias(name))
            }
            _ => self.open(MAP, Items::Fields(pairs(map), false)),
        }
    }

    /// The members are the keys of a map.
    fn map_set(&mut self, members: &'a [Term]) -> fmt::Result {
        self.open(MAP_SET, Items::None)?;
        if let Some(Frame { no_charlists, .. }) = self.stack.last_mut() {
            *no_charlists = true;
        }
        if members.is_empty() {
            self.text(|out| out.write_str("[]"))
        } else if members.iter().all(is_keyword) {
            self.open(KEYWORDS, Items::Keywords(members.iter()))
        } else {
            self.open(LIST, Items::terms(members))
        }
    }
}

/// Fields of a struct that `inspect` does not show.
pub(super) fn hidden(key: &Atom, value: &Term) -> bool {
    *key == *"__struct__" || *key == *"__exception__" && value.is_atom("true")
}

fn is_keyword(term: &Term) -> bool {
    keyword(term).is_some_and(|(key, _)| is_key(key))
}

/// Whether `inspect` writes an atom as a key before a colon.
fn is_key(atom: &Atom) -> bool {
    !atom.as_str().starts_with("Elixir.")
}

/// The character, if a charlist may hold it: `List.ascii_printable?/1`.
fn ascii(term: &Term) -> Option<char> {
    let byte = u8::try_from(term.as_integer()?).ok()?;
    matches!(byte, 7..=13 | 0x1b | 0x20..=0x7e).then(|| char::from(byte))
}

/// The characters of a binary, with `None` where it is not UTF-8.
fn chars(bytes: &[u8]) -> impl Iterator<Item = Option<char>> {
    bytes.utf8_chunks().flat_map(|chunk| {
        let broken = (!chunk.invalid().is_empty()).then_some(None);
        chunk.valid().chars().map(Some).chain(broken)
    })
}

/// First, last and step of a `Range`, the step only where it is written.
fn range(map: &Map) -> Option<(&Term, &Term, Option<&Term>)> {
    let [first, last, step] = ["first", "last", "step"].map(|key| map.get_atom(key));
    let (first, last, step) = (first?, last?, step?);
    let whole = |term: &Term| matches!(term, Term::Integer(_) | Term::BigInt(_));
    let fits = map.struct_name() == Some("Range")
        && map.len() == 4
        && [first, last, step].into_iter().all(whole);
    let implied = step.as_integer() == Some(1) && first <= last;
    fits.then_some((first, last, (!implied).then_some(step)))
}

fn write_range(
    out: &mut impl fmt::Write,
    first: &Term,
    last: &Term,
    step: Option<&Term>,
) -> fmt::Result {
    integer(out, first)?;
    out.write_str("..")?;
    integer(out, last)?;
    let Some(step) = step else { return Ok(()) };
    out.write_str("//")?;
    integer(out, step)
}

fn integer(out: &mut impl fmt::Write, term: &Term) -> fmt::Result {
    match term {
        Term::Integer(value) => write!(out, "{value}"),
        Term::BigInt(value) => number::big(out, Syntax::Elixir, value),
        _ => Ok(()),
    }
}

fn function(out: &mut impl fmt::Write, fun: &Fun) -> fmt::Result {
    write!(out, "#Function<{}.{}/{} in ", fun.index, fun.old_uniq, fun.arity)?;
    atom::elixir(out, fun.module.as_str())?;
    out.write_str(">")
}

fn capture(out: &mut impl fmt::Write, export: &Export) -> fmt::Result {
    out.write_str("&")?;
    atom::elixir(out, export.module.as_str())?;
    out.write_str(".")?;
    atom::elixir_function(out, export.function.as_str())?;
    write!(out, "/{}", export.arity)
}
