//! Terms as `~0tp` writes them.
//!
//! Authority: OTP's `io_lib_pretty.erl` and `io_lib.erl`.

use std::fmt;

use super::{Brackets, Items, Printer, Shape, Sink, atom, escape, ident, number, pairs};
use crate::text::Syntax;
use crate::{Record, Term};

const fn brackets(
    shape: Shape,
    open: &'static str,
    cut: &'static str,
    close: &'static str,
) -> Brackets {
    Brackets { shape, open, separator: ",", tail: "|", cut, close }
}

const LIST: &Brackets = &brackets(Shape::List, "[", "|", "]");
const TUPLE: &Brackets = &brackets(Shape::Tuple, "{", ",", "}");
/// The name is written when the part is opened.
const RECORD: &Brackets = &brackets(Shape::Record, "", ",", "}");
const MAP: &Brackets = &brackets(Shape::Map, "#{", ",", "}");

impl<'a, S: Sink> Printer<'a, '_, S> {
    pub(super) fn erlang(&mut self, term: &'a Term) -> fmt::Result {
        match term {
            Term::Integer(value) => self.text(|out| write!(out, "{value}")),
            Term::BigInt(value) => self.text(|out| number::big(out, Syntax::Erlang, value)),
            Term::Float(value) => self.text(|out| number::short_float(out, *value)),
            Term::Atom(name) => self.part(Shape::Atom, |out| atom::erlang(out, name.as_str())),
            Term::Tuple(elements) if elements.is_empty() => self.text(|out| out.write_str("{}")),
            Term::Tuple(elements) => self.open(TUPLE, Items::terms(elements)),
            Term::List(elements) => self.erlang_list(elements),
            Term::ImproperList(list) => {
                self.open_with_tail(LIST, Items::terms(list.elements()), Some(list.tail()))
            }
            Term::Map(map) if map.is_empty() => self.text(|out| out.write_str("#{}")),
            Term::Record(record) => self.record(record),
            Term::Local(_) => self.text(|out| out.write_str("#Local<>")),
            Term::Map(map) => self.open(MAP, Items::Pairs(pairs(map))),
            Term::Binary(bytes) => self.erlang_binary(bytes),
            Term::BitString(bits) => self.bits(bits.bytes(), bits.last_bits(), ",", (":", "")),
            Term::Pid(pid) => self.text(|out| ident::pid(out, "<", pid)),
            Term::Port(port) => self.text(|out| ident::port(out, port)),
            Term::Reference(reference) => {
                self.text(|out| ident::reference(out, "#Ref<", reference))
            }
            Term::Fun(fun) => self.text(|out| {
                out.write_str("#Fun<")?;
                atom::erlang(out, fun.module.as_str())?;
                write!(out, ".{}.{}>", fun.index, fun.old_uniq)
            }),
            Term::Export(export) => self.text(|out| {
                out.write_str("fun ")?;
                atom::erlang(out, export.module.as_str())?;
                out.write_str(":")?;
                atom::erlang(out, export.function.as_str())?;
                write!(out, "/{}", export.arity)
            }),
        }
    }

    /// `#module:name{field = value}`, in Elixir too.
    pub(super) fn record(&mut self, record: &'a Record) -> fmt::Result {
        let fields = record.definition.fields().iter().zip(record.values.as_slice());
        self.open(RECORD, Items::Record(fields))?;
        if let Some(frame) = self.stack.last_mut() {
            frame.syntax = Syntax::Erlang;
        }
        self.out.write_str("#")?;
        atom::erlang(self.out, record.module().as_str())?;
        self.out.write_str(":")?;
        atom::erlang(self.out, record.name().as_str())?;
        self.out.write_str("{")
    }

    fn erlang_list(&mut self, elements: &'a [Term]) -> fmt::Result {
        let (limit, unicode) = (self.text_limit(), self.style.unicode);
        let printable = |term: &Term| character(term, unicode).is_some();
        if elements.is_empty() {
            return self.text(|out| out.write_str("[]"));
        }
        if !elements.iter().take(limit).all(printable) {
            return self.open(LIST, Items::terms(elements));
        }
        self.text(|out| {
            let shown = elements.iter().take(limit).filter_map(|term| character(term, unicode));
            out.write_str("\"")?;
            escape::erlang(out, shown, '"')?;
            out.write_str(if elements.len() > limit { "\"..." } else { "\"" })
        })
    }

    fn erlang_binary(&mut self, bytes: &[u8]) -> fmt::Result {
        let (limit, unicode) = (self.text_limit(), self.style.unicode);
        let text = std::str::from_utf8(bytes).ok();
        // What is not UTF-8 may still be Latin-1 text, as it was before Unicode.
        let latin = text.is_none().then(|| bytes.iter().map(|byte| char::from(*byte)));
        let chars =
            || text.into_iter().flat_map(str::chars).chain(latin.clone().into_iter().flatten());
        if bytes.is_empty() {
            return self.text(|out| out.write_str("<<>>"));
        }
        if !chars().all(|char| escape::erlang_printable(char, unicode)) {
            return self.bits(bytes, 8, ",", ("", ""));
        }
        let suffix = if text.is_some() && !bytes.is_ascii() { "/utf8" } else { "" };
        let dots = if chars().nth(limit).is_some() { "..." } else { "" };
        self.text(|out| {
            out.write_str("<<\"")?;
            escape::erlang(out, chars().take(limit), '"')?;
            write!(out, "\"{suffix}{dots}>>")
        })
    }
}

fn character(term: &Term, unicode: bool) -> Option<char> {
    let char = char::from_u32(u32::try_from(term.as_integer()?).ok()?)?;
    escape::erlang_printable(char, unicode).then_some(char)
}
