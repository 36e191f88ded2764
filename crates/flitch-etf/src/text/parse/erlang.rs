//! Erlang's literals.
//!
//! Authority: the reference manual's "Data Types", and OTP's `erl_scan.erl`.

use num_bigint::BigInt;

use super::bits::{Bits, Order};
use super::cursor::{Cursor, Parsed, charlist};
use super::number;
use crate::term::ImproperList;
use crate::{Atom, Export, Map, Record, Term};

/// The whole text as one term, which may end in a full stop.
pub(super) fn term(cursor: &mut Cursor<'_>) -> Parsed<Term> {
    let term = padded_value(cursor)?;
    if cursor.eat(".") {
        blank(cursor);
    }
    match cursor.peek() {
        None => Ok(term),
        Some(_) => Err(cursor.unexpected("the end of the text")),
    }
}

fn blank(cursor: &mut Cursor<'_>) {
    cursor.blank('%');
}

fn padded_value(cursor: &mut Cursor<'_>) -> Parsed<Term> {
    blank(cursor);
    let value = value(cursor)?;
    blank(cursor);
    Ok(value)
}

fn value(cursor: &mut Cursor<'_>) -> Parsed<Term> {
    let start = cursor.at();
    match cursor.peek() {
        Some('0'..='9') => number(cursor, false),
        Some('-' | '+') => {
            let negative = cursor.bump() == Some('-');
            blank(cursor);
            match cursor.peek() {
                Some('0'..='9') => number(cursor, negative),
                _ => Err(cursor.unexpected("a digit behind the sign")),
            }
        }
        Some('$') => {
            cursor.bump();
            character(cursor).map(|char| Term::from(u32::from(char)))
        }
        Some('"') => strings(cursor).map(|text| charlist(&text)),
        Some('\'') => atom(cursor).map(Term::from),
        Some('[') => cursor.nested(list),
        Some('{') => cursor.nested(|cursor| {
            cursor.bump();
            sequence(cursor, "}").map(Term::tuple)
        }),
        Some('#') if cursor.rest().starts_with("#{") => cursor.nested(map),
        Some('<') if cursor.rest().starts_with("<<") => cursor.nested(bits),
        Some('<') => Err(cursor.error(OPAQUE)),
        Some('#') if OPAQUE_STARTS.iter().any(|start| cursor.rest().starts_with(start)) => {
            Err(cursor.error(OPAQUE))
        }
        Some('#') => cursor.nested(record),
        Some(char) if char.is_lowercase() => name(cursor, start),
        Some(char) if char.is_alphabetic() || char == '_' => {
            let name: String = word(cursor).chars().take(40).collect();
            let message = format!("only literals are understood, not a variable: {name}");
            Err(cursor.error_at(start, message))
        }
        _ => Err(cursor.unexpected("a value")),
    }
}

const OPAQUE_STARTS: [&str; 4] = ["#Ref<", "#Port<", "#Fun<", "#Local<"];
const OPAQUE: &str = "only the node that it came from can make this value";

fn number(cursor: &mut Cursor<'_>, negative: bool) -> Parsed<Term> {
    let start = cursor.at();
    let value = number::decimal(cursor, negative)?;
    let value = if cursor.eat("#") {
        // A base is written without a sign of its own.
        match value.as_integer().map(|base| u32::try_from(base.abs())) {
            Some(Ok(base @ 2..=36)) => number::based(cursor, base, negative)?,
            _ => return Err(cursor.error_at(start, "a base is from 2 to 36")),
        }
    } else {
        value
    };
    match cursor.peek() {
        Some(char) if char.is_alphanumeric() => Err(cursor.unexpected("a digit")),
        _ => Ok(value),
    }
}

fn word<'a>(cursor: &mut Cursor<'a>) -> &'a str {
    cursor.take_while(|char| char.is_alphanumeric() || matches!(char, '_' | '@'))
}

/// An atom without quotes, or what only looks like one.
fn name(cursor: &mut Cursor<'_>, start: usize) -> Parsed<Term> {
    let name = word(cursor);
    if name == "fun" {
        return fun(cursor);
    }
    if cursor.peek().is_some_and(|char| matches!(char, '(' | ':')) {
        let shown: String = name.chars().take(40).collect();
        let message = format!("only literals are understood, not a call of {shown}");
        return Err(cursor.error_at(start, message));
    }
    cursor.atom(start, name).map(Term::from)
}

fn atom(cursor: &mut Cursor<'_>) -> Parsed<Atom> {
    let start = cursor.at();
    if cursor.peek() == Some('\'') {
        let text = quoted(cursor)?;
        return cursor.atom(start, &text);
    }
    match cursor.peek() {
        Some(char) if char.is_lowercase() => {
            let name = word(cursor);
            cursor.atom(start, name)
        }
        _ => Err(cursor.unexpected("an atom")),
    }
}

/// `fun m:f/1`, of which `fun` has been read.
fn fun(cursor: &mut Cursor<'_>) -> Parsed<Term> {
    let start = cursor.at();
    blank(cursor);
    if !cursor.peek().is_some_and(|char| char.is_lowercase() || char == '\'') {
        return Err(cursor.error("a fun names a module's function: fun lists:map/2"));
    }
    let module = atom(cursor)?;
    cursor.require(":")?;
    let function = atom(cursor)?;
    cursor.require("/")?;
    let arity = number::decimal(cursor, false)?;
    match u8::try_from(&arity) {
        Ok(arity) => Ok(Export { module, function, arity }.into()),
        Err(_) => Err(cursor.error_at(start, "a function has at most 255 arguments")),
    }
}

/// Values with commas between them, up to `close`.
fn sequence(cursor: &mut Cursor<'_>, close: &str) -> Parsed<Vec<Term>> {
    let mut found = Vec::new();
    blank(cursor);
    if cursor.eat(close) {
        return Ok(found);
    }
    loop {
        found.push(padded_value(cursor)?);
        if cursor.eat(close) {
            return Ok(found);
        }
        if !cursor.eat(",") {
            return Err(cursor.unexpected(&format!("\",\" or {close:?}")));
        }
    }
}

fn list(cursor: &mut Cursor<'_>) -> Parsed<Term> {
    cursor.require("[")?;
    blank(cursor);
    let mut found = Vec::new();
    if cursor.eat("]") {
        return Ok(Term::empty_list());
    }
    loop {
        found.push(padded_value(cursor)?);
        if cursor.eat("|") {
            let tail = padded_value(cursor)?;
            cursor.require("]")?;
            return Ok(ImproperList::term(found, tail));
        }
        if cursor.eat("]") {
            return Ok(Term::from(found));
        }
        if !cursor.eat(",") {
            return Err(cursor.unexpected("\",\", \"|\" or \"]\""));
        }
    }
}

/// What stands behind a pair of a map or a field of a record.
const END_OF_PAIR: &str = "\",\" or \"}\"";

fn map(cursor: &mut Cursor<'_>) -> Parsed<Term> {
    cursor.require("#{")?;
    let mut pairs = Vec::new();
    blank(cursor);
    while !cursor.eat("}") {
        if !pairs.is_empty() && !cursor.eat(",") {
            return Err(cursor.unexpected(END_OF_PAIR));
        }
        let key = padded_value(cursor)?;
        cursor.require("=>")?;
        pairs.push((key, padded_value(cursor)?));
    }
    Ok(Term::Map(pairs.into_iter().collect::<Map>()))
}

/// Whether a native record begins here: `#module:name{`.
pub(super) fn is_record(text: &str) -> bool {
    let name = |cursor: &mut Cursor<'_>| atom(cursor).is_ok();
    let cursor = &mut Cursor::new(text);
    cursor.eat("#") && name(cursor) && cursor.eat(":") && name(cursor) && cursor.eat("{")
}

/// A native record, `#module:name{field = value}`. Text does not say whether its module exports
/// it: what is read is exported.
pub(super) fn record(cursor: &mut Cursor<'_>) -> Parsed<Term> {
    let start = cursor.at();
    cursor.require("#")?;
    let module = atom(cursor)?;
    if !cursor.eat(":") {
        let message = "a record of a tuple is not understood: write the tuple that it is; a \
                       native record names its module: #module:name{field = value}";
        return Err(cursor.error_at(start, message));
    }
    let name = atom(cursor)?;
    cursor.require("{")?;
    let mut fields: Vec<(Atom, Term)> = Vec::new();
    blank(cursor);
    while !cursor.eat("}") {
        if !fields.is_empty() && !cursor.eat(",") {
            return Err(cursor.unexpected(END_OF_PAIR));
        }
        blank(cursor);
        let at = cursor.at();
        let field = atom(cursor)?;
        if fields.iter().any(|(name, _)| *name == field) {
            return Err(cursor.error_at(at, "a record has each field once"));
        }
        blank(cursor);
        cursor.require("=")?;
        fields.push((field, padded_value(cursor)?));
    }
    Record::new(module, name, fields)
        .map(Term::from)
        .ok_or_else(|| cursor.error_at(start, "a record has each field once"))
}

fn bits(cursor: &mut Cursor<'_>) -> Parsed<Term> {
    cursor.require("<<")?;
    let mut bits = Bits::default();
    blank(cursor);
    if cursor.eat(">>") {
        return Ok(bits.term());
    }
    loop {
        blank(cursor);
        segment(cursor, &mut bits)?;
        blank(cursor);
        if cursor.eat(">>") {
            return Ok(bits.term());
        }
        cursor.require(",")?;
    }
}

const SEGMENTS: &str = "between << and >> stand integers and text, with a size such as 1:4 and a \
                        type: integer, little, big, utf8 or binary";

fn segment(cursor: &mut Cursor<'_>, bits: &mut Bits) -> Parsed<()> {
    let start = cursor.at();
    let text = match cursor.peek() {
        Some('"') => Some(strings(cursor)?),
        _ => None,
    };
    let value = if text.is_some() { None } else { Some(value(cursor)?) };
    let mut size = 8;
    if cursor.eat(":") {
        let at = cursor.at();
        let given = number::decimal(cursor, false)?;
        let fits = |size: &usize| *size <= Bits::MAX_SIZE;
        let given = given.as_integer().and_then(|size| usize::try_from(size).ok()).filter(fits);
        let message = || format!("a size is at most {} bits", Bits::MAX_SIZE);
        size = given.ok_or_else(|| cursor.error_at(at, message()))?;
    }
    let (mut order, mut utf8) = (Order::Big, false);
    if cursor.eat("/") {
        loop {
            let at = cursor.at();
            match word(cursor) {
                "little" => order = Order::Little,
                "big" | "integer" | "signed" | "unsigned" => {}
                "utf8" => utf8 = true,
                "binary" | "bytes" | "bitstring" | "bits" if text.is_none() => {}
                _ => return Err(cursor.error_at(at, SEGMENTS)),
            }
            if !cursor.eat("-") {
                break;
            }
        }
    }
    match (text, value) {
        (Some(text), _) if utf8 => bits.push_bytes(text.as_bytes()),
        (Some(text), _) => {
            for char in text.chars() {
                if u32::from(char) > 255 {
                    let message = "a character over 255 in a binary takes /utf8 behind the text";
                    return Err(cursor.error_at(start, message));
                }
                bits.push_integer(&BigInt::from(u32::from(char)), size, order);
            }
        }
        (None, Some(Term::Integer(value))) if !utf8 => {
            bits.push_integer(&BigInt::from(value), size, order);
        }
        (None, Some(Term::BigInt(value))) if !utf8 => bits.push_integer(&value, size, order),
        (None, Some(value)) if !utf8 && bits.push_term(&value) => {}
        _ => return Err(cursor.error_at(start, SEGMENTS)),
    }
    Ok(())
}

/// `"…"`, and more of them behind it.
fn strings(cursor: &mut Cursor<'_>) -> Parsed<String> {
    if cursor.rest().starts_with("\"\"\"") {
        return Err(cursor.error("a triple-quoted string is not understood: write \"…\""));
    }
    let mut text = quoted(cursor)?;
    loop {
        let end = cursor.at();
        blank(cursor);
        if cursor.peek() != Some('"') {
            cursor.go_to(end);
            return Ok(text);
        }
        text.push_str(&quoted(cursor)?);
    }
}

/// Text up to the quote that it begins with.
fn quoted(cursor: &mut Cursor<'_>) -> Parsed<String> {
    let start = cursor.at();
    let quote = cursor.bump();
    let mut text = String::new();
    loop {
        if cursor.peek().is_none() {
            return Err(cursor.error_at(start, "the text that begins here has no end"));
        }
        if cursor.peek() == quote {
            cursor.bump();
            return Ok(text);
        }
        if cursor.eat("\\\n") {
            continue;
        }
        text.push(character(cursor)?);
    }
}

/// One character, which may be escaped.
fn character(cursor: &mut Cursor<'_>) -> Parsed<char> {
    let start = cursor.at();
    match cursor.bump() {
        None => return Err(cursor.unexpected("a character")),
        Some('\\') => {}
        Some(char) => return Ok(char),
    }
    Ok(match cursor.bump() {
        None => return Err(cursor.unexpected("an escape")),
        Some('b') => '\x08',
        Some('d') => '\x7f',
        Some('e') => '\x1b',
        Some('f') => '\x0c',
        Some('n') => '\n',
        Some('r') => '\r',
        Some('s') => ' ',
        Some('t') => '\t',
        Some('v') => '\x0b',
        Some('x') if cursor.peek() == Some('{') => cursor.braced_char()?,
        Some('x') => {
            let value = cursor.hex(2)?;
            cursor.char_of(start, value)?
        }
        Some('^') => match cursor.bump() {
            Some(char @ ('@'..='_' | 'a'..='z')) => char::from(char as u8 & 31),
            _ => return Err(cursor.error_at(start, "behind \\^ stands a letter")),
        },
        Some(first @ '0'..='7') => {
            let mut value = first.to_digit(8).unwrap_or_default();
            for _ in 0..2 {
                let Some(digit) = cursor.peek().and_then(|char| char.to_digit(8)) else { break };
                cursor.bump();
                value = value * 8 + digit;
            }
            cursor.char_of(start, value)?
        }
        Some(char) => char,
    })
}
