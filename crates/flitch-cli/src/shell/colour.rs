//! Colours for what is typed, in the terminal's own sixteen. A word at a time is looked at: whether
//! it all makes sense is for the node to say.

use flitch::etf::text::Syntax;

const COMMENT: &str = "90";
const TEXT: &str = "32";
const NUMBER: &str = "33";
const KEYWORD: &str = "35";
const ATOM: &str = "36";
const MODULE: &str = "94";

const ELIXIR: &[&str] = &[
    "after",
    "alias",
    "and",
    "case",
    "catch",
    "cond",
    "def",
    "defmacro",
    "defmodule",
    "defp",
    "do",
    "else",
    "end",
    "false",
    "fn",
    "for",
    "if",
    "import",
    "in",
    "nil",
    "not",
    "or",
    "quote",
    "receive",
    "require",
    "rescue",
    "true",
    "try",
    "unless",
    "unquote",
    "use",
    "when",
    "with",
];
const ERLANG: &[&str] = &[
    "after", "and", "andalso", "band", "begin", "bor", "bsl", "bsr", "bxor", "case", "catch",
    "div", "else", "end", "fun", "if", "maybe", "not", "of", "or", "orelse", "receive", "rem",
    "try", "when", "xor",
];

/// The line with its colours, and not a character more or less to be seen.
pub(crate) fn coloured(line: &str, syntax: Syntax) -> String {
    let mut shown = String::with_capacity(2 * line.len());
    let mut rest = line;
    while !rest.is_empty() {
        let (len, colour) = token(rest, syntax);
        let (word, after) = rest.split_at(len);
        match colour {
            Some(colour) => shown.extend(["\u{1b}[", colour, "m", word, "\u{1b}[0m"]),
            None => shown.push_str(word),
        }
        rest = after;
    }
    shown
}

/// The length of what the text begins with, and its colour.
fn token(text: &str, syntax: Syntax) -> (usize, Option<&'static str>) {
    let is_elixir = syntax == Syntax::Elixir;
    let mut chars = text.chars();
    let (first, second) = (chars.next().unwrap_or_default(), chars.next());
    let one = first.len_utf8();
    match (first, second) {
        ('#', _) if is_elixir => (text.len(), Some(COMMENT)),
        ('%', _) if !is_elixir => (text.len(), Some(COMMENT)),
        ('"', _) => (quoted(text, '"'), Some(TEXT)),
        ('\'', _) => (quoted(text, '\''), Some(if is_elixir { TEXT } else { ATOM })),
        (':', Some(':')) => (2, None),
        (':', Some('"')) if is_elixir => (1 + quoted(after(text, 1), '"'), Some(ATOM)),
        (':', Some(next)) if is_elixir && begins_word(next) => {
            (1 + word(after(text, 1)), Some(ATOM))
        }
        ('?', Some(next)) if is_elixir => (1 + character(text, next), Some(NUMBER)),
        ('$', Some(next)) if !is_elixir => (1 + character(text, next), Some(NUMBER)),
        ('0'..='9', _) => (number(text), Some(NUMBER)),
        _ if begins_word(first) => named(text, word(text), is_elixir),
        _ => (one, None),
    }
}

/// The length and the colour of a word.
fn named(text: &str, len: usize, is_elixir: bool) -> (usize, Option<&'static str>) {
    let name = text.get(..len).unwrap_or_default();
    let rest = after(text, len);
    if is_elixir && rest.starts_with(':') && !rest.starts_with("::") {
        return (len + 1, Some(ATOM));
    }
    let keywords = if is_elixir { ELIXIR } else { ERLANG };
    let colour = match name {
        _ if keywords.contains(&name) => Some(KEYWORD),
        _ if is_elixir && name.starts_with(char::is_uppercase) => Some(MODULE),
        _ if !is_elixir && rest.starts_with(':') => Some(MODULE),
        _ => None,
    };
    (len, colour)
}

fn after(text: &str, len: usize) -> &str {
    text.get(len..).unwrap_or_default()
}

fn begins_word(char: char) -> bool {
    char.is_alphabetic() || char == '_'
}

fn word(text: &str) -> usize {
    let end = |char: char| !(char.is_alphanumeric() || matches!(char, '_' | '@'));
    let len = text.find(end).unwrap_or(text.len());
    // `valid?` and `fetch!` are names; `x!=1` is none.
    let rest = after(text, len);
    let mark = rest.starts_with(['?', '!']) && !rest.starts_with("!=");
    len + usize::from(mark)
}

/// Digits, with what may stand among them: `1_000`, `16#ff`, `0xFF`, `1.5e3`.
fn number(text: &str) -> usize {
    let mut chars = text.char_indices().peekable();
    while let Some((at, char)) = chars.next() {
        let is_point = char == '.' && chars.peek().is_some_and(|(_, next)| next.is_ascii_digit());
        if !(char.is_alphanumeric() || matches!(char, '_' | '#') || is_point) {
            return at;
        }
    }
    text.len()
}

/// The length of a character that `?` or `$` stands before.
fn character(text: &str, next: char) -> usize {
    let escaped = text.chars().nth(2).filter(|_| next == '\\');
    next.len_utf8() + escaped.map_or(0, char::len_utf8)
}

/// The length of what stands between two quotes, or goes on to the end of the line.
fn quoted(text: &str, quote: char) -> usize {
    let mut chars = text.char_indices().skip(1);
    while let Some((at, char)) = chars.next() {
        match char {
            '\\' => drop(chars.next()),
            _ if char == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words that have a colour.
    fn seen(line: &str, syntax: Syntax) -> Vec<(String, String)> {
        let shown = coloured(line, syntax);
        let parts = shown.split("\u{1b}[").skip(1).filter_map(|part| part.split_once('m'));
        let of = |(colour, text): (&str, &str)| (text.to_owned(), colour.to_owned());
        parts.map(of).filter(|(_, colour)| colour != "0").collect()
    }

    fn pairs<'a>(pairs: &[(&'a str, &'a str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(text, colour)| ((*text).to_owned(), (*colour).to_owned())).collect()
    }

    #[test]
    fn elixir_is_seen_by_its_words() {
        let line = "if x!=1.5, do: Enum.any?([:a, \"b\\\"c\", ?d]) # so";
        let expected = [
            ("if", KEYWORD),
            ("1.5", NUMBER),
            ("do:", ATOM),
            ("Enum", MODULE),
            (":a", ATOM),
            ("\"b\\\"c\"", TEXT),
            ("?d", NUMBER),
            ("# so", COMMENT),
        ];
        assert_eq!(seen(line, Syntax::Elixir), pairs(&expected));
    }

    #[test]
    fn erlang_is_seen_by_its_words() {
        let line = "case lists:max([16#ff, $\\n]) of 'a b' -> \"x\" end. % so";
        let expected = [
            ("case", KEYWORD),
            ("lists", MODULE),
            ("16#ff", NUMBER),
            ("$\\n", NUMBER),
            ("of", KEYWORD),
            ("'a b'", ATOM),
            ("\"x\"", TEXT),
            ("end", KEYWORD),
            ("% so", COMMENT),
        ];
        assert_eq!(seen(line, Syntax::Erlang), pairs(&expected));
    }

    #[test]
    fn a_line_is_the_same_to_the_eye_however_broken_it_is() {
        for line in
            ["", ":", "?", "$", "\"", "'é\\", "::x", ":\"ä", "?\\", "ü€😀?!", "1.", "x:", "%{"]
        {
            for syntax in [Syntax::Elixir, Syntax::Erlang] {
                let shown = coloured(line, syntax);
                let mut bare = String::new();
                for (number, part) in shown.split("\u{1b}[").enumerate() {
                    bare += if number == 0 { part } else { part.split_once('m').unwrap().1 };
                }
                assert_eq!(bare, line);
            }
        }
    }
}
