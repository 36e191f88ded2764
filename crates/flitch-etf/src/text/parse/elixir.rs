//! Elixir's literals.
//!
//! Authority: Elixir's "Syntax reference" and `elixir_tokenizer.erl`.

use num_bigint::BigInt;

use super::bits::{Bits, Order};
use super::cursor::{Cursor, Parsed, charlist};
use super::{elixir_text as text, erlang, number};
use crate::ser::{MAPSET, MAPSET_KEY, STRUCT_KEY};
use crate::term::ImproperList;
use crate::text::calendar;
use crate::text::print::atom::unquoted_operators;
use crate::{Atom, Export, Map, Term};

/// The whole text as one term.
pub(super) fn term(cursor: &mut Cursor<'_>) -> Parsed<Term> {
    let term = padded_value(cursor)?;
    match cursor.peek() {
        None => Ok(term),
        Some(_) => Err(cursor.unexpected("the end of the text")),
    }
}

/// A text that is a name and nothing else, such as `lists`.
pub(super) fn bare_name(cursor: &mut Cursor<'_>) -> Parsed<Term> {
    let name = text::name(cursor);
    match cursor.peek() {
        None => cursor.atom(0, name).map(Term::from),
        Some(_) => Err(cursor.error("a name with such a character is written in quotes: 'a-b'")),
    }
}

fn blank(cursor: &mut Cursor<'_>) {
    cursor.blank('#');
}

/// A value and the white space around it.
fn padded_value(cursor: &mut Cursor<'_>) -> Parsed<Term> {
    blank(cursor);
    let value = value(cursor)?;
    blank(cursor);
    Ok(value)
}

fn value(cursor: &mut Cursor<'_>) -> Parsed<Term> {
    let start = cursor.at();
    let first = operand(cursor)?;
    blank(cursor);
    if cursor.rest().starts_with("...") || !cursor.eat("..") {
        return Ok(first);
    }
    blank(cursor);
    let last = operand(cursor)?;
    blank(cursor);
    let step = if cursor.eat("//") {
        blank(cursor);
        operand(cursor)?
    } else {
        Term::from(if first <= last { 1 } else { -1 })
    };
    if ![&first, &last, &step].into_iter().all(is_integer) || step.as_integer() == Some(0) {
        return Err(cursor.error_at(start, "a range goes from integer to integer: 1..10//2"));
    }
    let name = Term::atom("Elixir.Range");
    let fields = [("__struct__", name), ("first", first), ("last", last), ("step", step)];
    Ok(fields.into_iter().map(|(key, value)| (Term::atom(key), value)).collect::<Map>().into())
}

fn is_integer(term: &Term) -> bool {
    matches!(term, Term::Integer(_) | Term::BigInt(_))
}

fn operand(cursor: &mut Cursor<'_>) -> Parsed<Term> {
    let start = cursor.at();
    match cursor.peek() {
        Some('0'..='9') => integer_or_float(cursor, false),
        Some('-' | '+') => {
            let negative = cursor.bump() == Some('-');
            match cursor.peek() {
                Some('0'..='9') => integer_or_float(cursor, negative),
                _ => Err(cursor.unexpected("a digit behind the sign")),
            }
        }
        Some('?') => {
            cursor.bump();
            text::character(cursor).map(|char| Term::from(u32::from(char)))
        }
        Some('"') => text::string(cursor).map(|bytes| Term::Binary(bytes.into())),
        Some('\'') => text::quoted_text(cursor).map(|text| charlist(&text)),
        Some('~') => sigil(cursor),
        Some(':') => {
            cursor.bump();
            atom(cursor).map(Term::from)
        }
        Some('[') => cursor.nested(list),
        Some('{') => cursor.nested(tuple),
        Some('%') => cursor.nested(map),
        Some('<') if cursor.rest().starts_with("<<") => cursor.nested(bits),
        Some('&') => capture(cursor),
        Some('A'..='Z') if cursor.eat("MapSet.new(") => cursor.nested(map_set),
        Some('A'..='Z') => alias(cursor).map(Term::from),
        Some('#') if erlang::is_record(cursor.rest()) => cursor.nested(erlang::record),
        Some('#') => Err(cursor.error("only the node that it came from can make this value")),
        Some(char) if char.is_alphabetic() || char == '_' => word(cursor, start),
        _ => Err(cursor.unexpected("a value")),
    }
}

fn integer_or_float(cursor: &mut Cursor<'_>, negative: bool) -> Parsed<Term> {
    for (prefix, base) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if cursor.eat(prefix) {
            return number::based(cursor, base, negative);
        }
    }
    let value = number::decimal(cursor, negative)?;
    match cursor.peek() {
        Some(char) if char.is_alphanumeric() => Err(cursor.unexpected("a digit")),
        _ => Ok(value),
    }
}

fn word(cursor: &mut Cursor<'_>, start: usize) -> Parsed<Term> {
    let name = text::name(cursor);
    match name {
        "nil" | "true" | "false" => return cursor.atom(start, name).map(Term::from),
        _ => {}
    }
    let called = cursor.peek().is_some_and(|char| matches!(char, '(' | '.'));
    let what = if called { "a call of" } else { "a variable:" };
    let shown: String = name.chars().take(40).collect();
    let message = format!("only literals are understood, not {what} {shown}; an atom is :{shown}");
    Err(cursor.error_at(start, message))
}

/// What stands behind the colon.
fn atom(cursor: &mut Cursor<'_>) -> Parsed<Atom> {
    let start = cursor.at();
    if cursor.rest().starts_with(['"', '\'']) {
        let text = text::quoted_text(cursor)?;
        return cursor.atom(start, &text);
    }
    if let Some(operator) = operator(cursor) {
        return cursor.atom(start, operator);
    }
    match text::name(cursor) {
        "" => Err(cursor.unexpected("the name of an atom")),
        name => cursor.atom(start, name),
    }
}

fn operator(cursor: &mut Cursor<'_>) -> Option<&'static str> {
    unquoted_operators().find(|operator| cursor.eat(operator))
}

/// `Foo.Bar` is `'Elixir.Foo.Bar'`.
fn alias(cursor: &mut Cursor<'_>) -> Parsed<Atom> {
    let start = cursor.at();
    loop {
        cursor.take_while(|char| char.is_ascii_alphanumeric() || char == '_');
        let rest = cursor.rest().strip_prefix('.');
        if !rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase())) {
            break;
        }
        cursor.bump();
    }
    let name = cursor.since(start);
    if name == "Elixir" || name.starts_with("Elixir.") {
        return cursor.atom(start, name);
    }
    cursor.atom(start, &format!("Elixir.{name}"))
}

/// `&Mod.fun/2`
fn capture(cursor: &mut Cursor<'_>) -> Parsed<Term> {
    cursor.bump();
    let start = cursor.at();
    let module = match cursor.peek() {
        Some(':') => {
            cursor.bump();
            atom(cursor)?
        }
        Some('A'..='Z') => alias(cursor)?,
        _ => return Err(cursor.error("a capture names a module's function: &String.length/1")),
    };
    cursor.require(".")?;
    let function = if cursor.rest().starts_with('"') {
        let text = text::quoted_text(cursor)?;
        cursor.atom(start, &text)?
    } else if let Some(operator) = function_operator(cursor) {
        cursor.atom(start, operator)?
    } else {
        match text::name(cursor) {
            "" => return Err(cursor.unexpected("the name of a function")),
            name => cursor.atom(start, name)?,
        }
    };
    cursor.require("/")?;
    let arity = number::decimal(cursor, false)?;
    match u8::try_from(&arity) {
        Ok(arity) => Ok(Export { module, function, arity }.into()),
        Err(_) => Err(cursor.error_at(start, "a function has at most 255 arguments")),
    }
}

/// The operator that names a function: what stands before the slash of its arity.
fn function_operator(cursor: &mut Cursor<'_>) -> Option<&'static str> {
    let quoted = ["::", "^^^", "~~~", "<|>"];
    quoted.into_iter().chain(unquoted_operators()).find(|operator| {
        let behind = cursor.rest().strip_prefix(operator).and_then(|rest| rest.strip_prefix('/'));
        behind.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
            && cursor.eat(operator)
    })
}

/// The key before a colon, if one stands here.
fn keyword(cursor: &mut Cursor<'_>) -> Parsed<Option<Term>> {
    let start = cursor.at();
    let ends = |cursor: &Cursor<'_>| {
        let rest = cursor.rest().strip_prefix(':');
        rest.is_some_and(|rest| rest.starts_with(char::is_whitespace))
    };
    let name = match cursor.peek() {
        Some('"' | '\'') => {
            let text = text::quoted(cursor)?;
            let Some(text) = ends(cursor).then(|| String::from_utf8(text).ok()).flatten() else {
                cursor.go_to(start);
                return Ok(None);
            };
            text
        }
        _ => {
            let name = text::name(cursor);
            if !name.is_empty() && ends(cursor) {
                name.to_owned()
            } else {
                cursor.go_to(start);
                let operator = unquoted_operators().find(|operator| {
                    let found = cursor.eat(operator) && ends(cursor);
                    if !found {
                        cursor.go_to(start);
                    }
                    found
                });
                let Some(operator) = operator else { return Ok(None) };
                operator.to_owned()
            }
        }
    };
    cursor.require(":")?;
    cursor.atom(start, &name).map(|atom| Some(atom.into()))
}

/// The elements up to `close`: first those that stand alone, then the pairs `key: value`.
struct Elements {
    plain: Vec<Term>,
    keywords: Vec<(Term, Term)>,
    /// Behind a bar.
    tail: Option<Term>,
}

fn elements(cursor: &mut Cursor<'_>, close: &str) -> Parsed<Elements> {
    let mut found = Elements { plain: Vec::new(), keywords: Vec::new(), tail: None };
    loop {
        blank(cursor);
        if cursor.eat(close) {
            return Ok(found);
        }
        if let Some(key) = keyword(cursor)? {
            found.keywords.push((key, padded_value(cursor)?));
        } else if found.keywords.is_empty() {
            found.plain.push(padded_value(cursor)?);
        } else {
            return Err(cursor.error("behind a `key: value`, only more of them may stand"));
        }
        if close == "]" && found.keywords.is_empty() && cursor.eat("|") {
            found.tail = Some(padded_value(cursor)?);
            cursor.require(close)?;
            return Ok(found);
        }
        if !cursor.eat(",") {
            if cursor.eat(close) {
                return Ok(found);
            }
            return Err(cursor.unexpected(&format!("\",\" or {close:?}")));
        }
    }
}

fn pair((key, value): (Term, Term)) -> Term {
    Term::from((key, value))
}

fn list(cursor: &mut Cursor<'_>) -> Parsed<Term> {
    cursor.require("[")?;
    let Elements { mut plain, keywords, tail } = elements(cursor, "]")?;
    plain.extend(keywords.into_iter().map(pair));
    Ok(match tail {
        Some(tail) => ImproperList::term(plain, tail),
        None => Term::from(plain),
    })
}

fn tuple(cursor: &mut Cursor<'_>) -> Parsed<Term> {
    cursor.require("{")?;
    let Elements { mut plain, keywords, .. } = elements(cursor, "}")?;
    if !keywords.is_empty() {
        plain.push(keywords.into_iter().map(pair).collect());
    }
    Ok(Term::tuple(plain))
}

fn map(cursor: &mut Cursor<'_>) -> Parsed<Term> {
    cursor.require("%")?;
    let mut pairs = Vec::new();
    if cursor.rest().starts_with(|c: char| c.is_ascii_uppercase()) {
        pairs.push((Term::atom("__struct__"), alias(cursor)?.into()));
    }
    cursor.require("{")?;
    let mut only_keywords = false;
    loop {
        blank(cursor);
        if cursor.eat("}") {
            break;
        }
        if let Some(key) = keyword(cursor)? {
            only_keywords = true;
            pairs.push((key, padded_value(cursor)?));
        } else if only_keywords {
            return Err(cursor.error("behind a `key: value`, only more of them may stand"));
        } else {
            let key = padded_value(cursor)?;
            cursor.require("=>")?;
            pairs.push((key, padded_value(cursor)?));
        }
        if !cursor.eat(",") {
            if cursor.eat("}") {
                break;
            }
            return Err(cursor.unexpected("\",\" or \"}\""));
        }
    }
    Ok(Term::Map(pairs.into_iter().collect::<Map>()))
}

/// What stands behind `MapSet.new(`: a list, or the pairs of one.
fn map_set(cursor: &mut Cursor<'_>) -> Parsed<Term> {
    let start = cursor.at();
    let Elements { mut plain, keywords, .. } = elements(cursor, ")")?;
    let members: Vec<Term> = match plain.pop() {
        None => keywords.into_iter().map(pair).collect(),
        Some(Term::List(members)) if plain.is_empty() && keywords.is_empty() => members.to_vec(),
        Some(_) => {
            return Err(cursor.error_at(start, "a set is made of a list: MapSet.new([1, 2])"));
        }
    };
    let members = members.into_iter().map(|member| (member, Term::empty_list()));
    let set = [(STRUCT_KEY, Term::atom(MAPSET)), (MAPSET_KEY, members.collect::<Map>().into())];
    Ok(set.into_iter().map(|(key, value)| (Term::atom(key), value)).collect::<Map>().into())
}

fn bits(cursor: &mut Cursor<'_>) -> Parsed<Term> {
    cursor.require("<<")?;
    let mut bits = Bits::default();
    loop {
        blank(cursor);
        if cursor.eat(">>") {
            break;
        }
        segment(cursor, &mut bits)?;
        blank(cursor);
        if !cursor.eat(",") {
            cursor.require(">>")?;
            break;
        }
    }
    Ok(bits.term())
}

fn segment(cursor: &mut Cursor<'_>, bits: &mut Bits) -> Parsed<()> {
    let start = cursor.at();
    let value = operand(cursor)?;
    blank(cursor);
    let (mut size, mut order) = (8, Order::Big);
    if cursor.eat("::") {
        loop {
            blank(cursor);
            let at = cursor.at();
            match text::name(cursor) {
                "little" => order = Order::Little,
                "big" | "integer" | "signed" | "unsigned" => {}
                "binary" | "bytes" | "bitstring" | "bits" if !is_integer(&value) => {}
                "utf8" if value.as_str().is_some() => {}
                "size" => {
                    cursor.require("(")?;
                    size = segment_size(cursor)?;
                    cursor.require(")")?;
                }
                "" => size = segment_size(cursor)?,
                _ => return Err(cursor.error_at(at, SEGMENTS)),
            }
            if !cursor.eat("-") {
                break;
            }
        }
    }
    let integer = match value {
        Term::Integer(value) => BigInt::from(value),
        Term::BigInt(value) => value.as_ref().clone(),
        value if bits.push_term(&value) => return Ok(()),
        _ => return Err(cursor.error_at(start, SEGMENTS)),
    };
    bits.push_integer(&integer, size, order);
    Ok(())
}

const SEGMENTS: &str = "between << and >> stand integers and text, with a size such as 1::4 or \
                        1::size(4), little or big, and binary or utf8 for text";

fn segment_size(cursor: &mut Cursor<'_>) -> Parsed<usize> {
    let start = cursor.at();
    let size = number::decimal(cursor, false)?;
    match size.as_integer().and_then(|size| usize::try_from(size).ok()) {
        Some(size) if size <= Bits::MAX_SIZE => Ok(size),
        _ => Err(cursor.error_at(start, format!("a size is at most {} bits", Bits::MAX_SIZE))),
    }
}

fn sigil(cursor: &mut Cursor<'_>) -> Parsed<Term> {
    let start = cursor.at();
    cursor.bump();
    let letter = cursor.bump().unwrap_or_default();
    if !matches!(letter, 'c' | 'C' | 's' | 'S' | 'w' | 'W' | 'D' | 'T' | 'N' | 'U') {
        return Err(cursor.error_at(start, "of the sigils, ~c ~s ~w ~D ~T ~N ~U are understood"));
    }
    let body = text::sigil_body(cursor, letter.is_ascii_uppercase())?;
    if matches!(letter, 's' | 'S') {
        return Ok(Term::Binary(body.into()));
    }
    let body = text::utf8(cursor, start, body)?;
    match letter {
        'c' | 'C' => Ok(charlist(&body)),
        'w' | 'W' => {
            let kind = cursor.take_while(|c| c.is_ascii_alphabetic());
            let words = body.split_whitespace().map(|word| match kind {
                "a" => cursor.atom(start, word).map(Term::from),
                "c" => Ok(charlist(word)),
                "" | "s" => Ok(Term::from(word)),
                _ => Err(cursor.error("behind ~w stands a, c, s or nothing")),
            });
            words.collect()
        }
        letter => calendar::parse(letter, &body).ok_or_else(|| {
            cursor
                .error_at(start, format!("~{letter} takes a date or time of ISO 8601 that exists"))
        }),
    }
}
