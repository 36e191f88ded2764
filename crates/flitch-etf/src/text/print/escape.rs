//! Characters, so that none of them does anything to the terminal that shows them.

use std::fmt;

/// Writes text between Elixir's quotes, without the quotes.
pub(super) fn elixir(
    out: &mut impl fmt::Write,
    chars: impl Iterator<Item = char>,
    quote: char,
) -> fmt::Result {
    let mut chars = chars.peekable();
    while let Some(char) = chars.next() {
        match char {
            '#' if chars.peek() == Some(&'{') => out.write_str("\\#")?,
            '\\' => out.write_str("\\\\")?,
            char if char == quote => write!(out, "\\{char}")?,
            '\0' => out.write_str("\\0")?,
            '\x07' => out.write_str("\\a")?,
            '\x7f' => out.write_str("\\d")?,
            char => match common(char) {
                Some(letter) => write!(out, "\\{letter}")?,
                None if !char.is_ascii_control() && visible(char) => out.write_char(char)?,
                None if char.is_ascii() => write!(out, "\\x{:02X}", char as u32)?,
                None => write!(out, "\\u{:04X}", char as u32)?,
            },
        }
    }
    Ok(())
}

/// Writes text between Erlang's quotes, without the quotes.
pub(super) fn erlang(
    out: &mut impl fmt::Write,
    chars: impl Iterator<Item = char>,
    quote: char,
) -> fmt::Result {
    for char in chars {
        match char {
            '\\' => out.write_str("\\\\")?,
            char if char == quote => write!(out, "\\{char}")?,
            '\x7f' => out.write_str("\\d")?,
            char => match common(char) {
                Some(letter) => write!(out, "\\{letter}")?,
                None if !char.is_control() && visible(char) => out.write_char(char)?,
                None if (char as u32) < 0xa0 => write!(out, "\\{:03o}", char as u32)?,
                None => write!(out, "\\x{{{:X}}}", char as u32)?,
            },
        }
    }
    Ok(())
}

/// Writes the name of a node, or another text that stands without quotes.
pub(super) fn bare(out: &mut impl fmt::Write, text: &str) -> fmt::Result {
    elixir(out, text.chars(), '"')
}

/// The letter that stands for a control character in both languages.
fn common(char: char) -> Option<char> {
    Some(match char {
        '\x08' => 'b',
        '\x1b' => 'e',
        '\x0c' => 'f',
        '\n' => 'n',
        '\r' => 'r',
        '\t' => 't',
        '\x0b' => 'v',
        _ => return None,
    })
}

/// Whether a character beyond ASCII shows as what it is: those that have no width, look like a
/// plain space or turn the direction of the text do not (the list of Elixir 1.18).
pub(in crate::text) fn visible(char: char) -> bool {
    !matches!(
        char as u32,
        0x80..=0xa0
            | 0x34f
            | 0x61c
            | 0x2000..=0x200f
            | 0x2028..=0x202e
            | 0x205f..=0x2064
            | 0x2066..=0x2069
            | 0xfeff
            | 0xfff9..=0xfffc
            | 0xfffe..=0xffff
    )
}

/// Whether Elixir takes a character for text, rather than for a byte of data.
pub(super) fn elixir_printable(char: char) -> bool {
    !matches!(
        char as u32,
        0x00..=0x06 | 0x0e..=0x1a | 0x1c..=0x1f | 0x80..=0x9f | 0xfffe | 0xffff
    )
}

/// Whether Erlang takes a character for text: `io_lib:printable_list/1`, within Latin-1 unless
/// `unicode`.
pub(super) fn erlang_printable(char: char, unicode: bool) -> bool {
    match char as u32 {
        0x08..=0x0d | 0x1b | 0x20..=0x7e | 0xa0..=0xff => true,
        0xfffe | 0xffff => false,
        0x100.. => unicode,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(text: &str) -> (String, String) {
        let (mut a, mut b) = (String::new(), String::new());
        elixir(&mut a, text.chars(), '"').unwrap();
        erlang(&mut b, text.chars(), '"').unwrap();
        (a, b)
    }

    #[test]
    fn nothing_that_is_written_moves_the_cursor_or_turns_the_text() {
        for char in (0..=0x10ffff).filter_map(char::from_u32) {
            let (a, b) = both(&char.to_string());
            for text in [a, b] {
                let fine = |c: char| !c.is_control() && !('\u{202a}'..='\u{202e}').contains(&c);
                assert!(text.chars().all(fine), "{:x} is written as {text:?}", char as u32);
            }
        }
    }

    #[test]
    fn each_language_has_its_own_names_for_control_characters() {
        let (a, b) = both("\0\x07\x08\t\n\x0b\x0c\r\x1b\x7f\x01\u{85}\"\\#{}é日\u{202e}");
        assert_eq!(a, "\\0\\a\\b\\t\\n\\v\\f\\r\\e\\d\\x01\\u0085\\\"\\\\\\#{}é日\\u202E");
        assert_eq!(b, "\\000\\007\\b\\t\\n\\v\\f\\r\\e\\d\\001\\205\\\"\\\\#{}é日\\x{202E}");
    }
}
