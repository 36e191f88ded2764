//! Elixir's names, quotes and escapes.

use super::cursor::{Cursor, Parsed};

/// A name such as `foo?`, `Foo` or `foo@bar`; empty if none stands here.
pub(super) fn name<'a>(cursor: &mut Cursor<'a>) -> &'a str {
    let start = cursor.at();
    if !cursor.peek().is_some_and(|char| char.is_alphabetic() || char == '_') {
        return "";
    }
    cursor.take_while(|char| char.is_alphanumeric() || matches!(char, '_' | '@'));
    if cursor.rest().starts_with(['?', '!']) {
        cursor.bump();
    }
    cursor.since(start)
}

/// `"…"` as the bytes of a binary.
pub(super) fn string(cursor: &mut Cursor<'_>) -> Parsed<Vec<u8>> {
    if cursor.rest().starts_with("\"\"\"") {
        return Err(cursor.error("a heredoc is not understood: write \"…\" with \\n inside"));
    }
    quoted(cursor)
}

/// `"…"` or `'…'` as characters.
pub(super) fn quoted_text(cursor: &mut Cursor<'_>) -> Parsed<String> {
    let start = cursor.at();
    let bytes = quoted(cursor)?;
    utf8(cursor, start, bytes)
}

pub(super) fn utf8(cursor: &Cursor<'_>, start: usize, bytes: Vec<u8>) -> Parsed<String> {
    String::from_utf8(bytes).map_err(|_| cursor.error_at(start, "this text is not UTF-8"))
}

/// Text up to the quote that it begins with.
pub(super) fn quoted(cursor: &mut Cursor<'_>) -> Parsed<Vec<u8>> {
    let start = cursor.at();
    let quote = cursor.bump().unwrap_or_default();
    body(cursor, start, quote, false)
}

/// The text of a sigil, between whatever signs it has chosen. In a `raw` one, only the closing
/// sign can be escaped.
pub(super) fn sigil_body(cursor: &mut Cursor<'_>, raw: bool) -> Parsed<Vec<u8>> {
    let start = cursor.at();
    let close = match cursor.peek() {
        Some('(') => ')',
        Some('[') => ']',
        Some('{') => '}',
        Some('<') => '>',
        Some(same @ ('/' | '|' | '"' | '\'')) => same,
        _ => return Err(cursor.unexpected("one of / | \" ' ( [ { <")),
    };
    cursor.bump();
    body(cursor, start, close, raw)
}

fn body(cursor: &mut Cursor<'_>, start: usize, close: char, raw: bool) -> Parsed<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        let at = cursor.at();
        match cursor.bump() {
            None => return Err(cursor.error_at(start, "the text that begins here has no end")),
            Some(char) if char == close => return Ok(bytes),
            Some('\\') if !raw || cursor.peek() == Some(close) => match escape(cursor)? {
                Escape::Nothing => {}
                Escape::Byte(byte) => bytes.push(byte),
                Escape::Char(char) => push(&mut bytes, char),
            },
            Some('#') if !raw && cursor.peek() == Some('{') => {
                let message = "an interpolation is not understood: write \\#{ for the characters";
                return Err(cursor.error_at(at, message));
            }
            Some(char) => push(&mut bytes, char),
        }
    }
}

fn push(bytes: &mut Vec<u8>, char: char) {
    bytes.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
}

/// What stands behind `?`.
pub(super) fn character(cursor: &mut Cursor<'_>) -> Parsed<char> {
    match cursor.bump() {
        None => Err(cursor.unexpected("a character")),
        Some('\\') => match escape(cursor)? {
            Escape::Char(char) => Ok(char),
            Escape::Byte(byte) => Ok(char::from(byte)),
            Escape::Nothing => Ok('\n'),
        },
        Some(char) => Ok(char),
    }
}

enum Escape {
    /// A line that goes on behind its end.
    Nothing,
    Byte(u8),
    Char(char),
}

/// What stands behind a backslash.
fn escape(cursor: &mut Cursor<'_>) -> Parsed<Escape> {
    let start = cursor.at();
    Ok(Escape::Char(match cursor.bump() {
        None => return Err(cursor.unexpected("an escape")),
        Some('\n') => return Ok(Escape::Nothing),
        Some('x') if cursor.peek() == Some('{') => cursor.braced_char()?,
        Some('x') => return Ok(Escape::Byte(cursor.hex(2)? as u8)),
        Some('u') if cursor.peek() == Some('{') => cursor.braced_char()?,
        Some('u') => {
            let value = cursor.hex(4)?;
            if cursor.since(start).len() != 5 {
                return Err(cursor.unexpected("four hexadecimal digits behind \\u"));
            }
            cursor.char_of(start, value)?
        }
        Some('0') => '\0',
        Some('a') => '\x07',
        Some('b') => '\x08',
        Some('d') => '\x7f',
        Some('e') => '\x1b',
        Some('f') => '\x0c',
        Some('n') => '\n',
        Some('r') => '\r',
        Some('s') => ' ',
        Some('t') => '\t',
        Some('v') => '\x0b',
        Some(char) => char,
    }))
}
