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
        Some('x' | 'u') if cursor.peek() == Some('{') => cursor.braced_char()?,
        Some('x') => return Ok(Escape::Byte(cursor.hex(2)? as u8)),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Parsed<Vec<u8>> {
        string(&mut Cursor::new(text))
    }

    #[test]
    fn escapes_mean_what_they_mean_in_elixir() {
        for (text, expected) in [
            (r#""\0\a\b\d\e\f\n\r\s\t\v""#, &b"\0\x07\x08\x7f\x1b\x0c\n\r \t\x0b"[..]),
            (r#""\xff\x4""#, &b"\xff\x04"[..]),
            (r#""\u00e9\u{e9}\x{e9}""#, "ééé".as_bytes()),
            (r#""\q\"\\\#{}""#, &b"q\"\\#{}"[..]),
            ("\"a\\\nb\"", &b"ab"[..]),
            (r##""#""##, &b"#"[..]),
        ] {
            assert_eq!(read(text).unwrap(), expected, "{text}");
        }
        for text in [r#""\xg""#, r#""\u12""#, r#""\u{}""#, r#""\u{110000}""#, r#""\"#, r#"""#] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_sigil_ends_at_the_sign_that_its_first_one_calls_for() {
        for (text, raw, expected) in [
            ("(a)", false, "a"),
            ("[(a)]", false, "(a)"),
            ("{a}b}", false, "a"),
            ("<a>", false, "a"),
            ("/a\\/b/", true, "a/b"),
            ("|a\\nb|", true, "a\\nb"),
            ("\"a\\nb\"", false, "a\nb"),
        ] {
            let body = sigil_body(&mut Cursor::new(text), raw).unwrap();
            assert_eq!(body, expected.as_bytes(), "{text}");
        }
        for text in ["", "a", "(a", "*a*"] {
            assert!(sigil_body(&mut Cursor::new(text), false).is_err(), "{text}");
        }
    }

    #[test]
    fn a_name_takes_one_mark_at_its_end() {
        for (text, expected) in
            [("a?b", "a?"), ("a!!", "a!"), ("Foo.Bar", "Foo"), ("é_1@x y", "é_1@x"), ("1a", "")]
        {
            assert_eq!(name(&mut Cursor::new(text)), expected);
        }
    }
}
