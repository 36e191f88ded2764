//! Atoms, with quotes where the language needs them.

use std::fmt;

use super::escape;

/// What Elixir calls an atom's text (`Macro.classify_atom/1` and its inner classes).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// `Elixir.Foo.Bar`.
    Alias,
    /// `foo`, `foo?`: also the name of a function.
    Identifier,
    /// `+`, `<>`: the same.
    Operator,
    /// `::`: the same, but the atom needs quotes.
    QuotedOperator,
    /// `Foo`, `a@b`, `{}`: an atom without quotes, but not a function's name.
    NotCallable,
    Other,
}

const NOT_CALLABLE: [&str; 9] = ["%", "%{}", "{}", "<<>>", "...", "..", ".", "..//", "->"];
const QUOTED: [&str; 4] = ["::", "^^^", "~~~", "<|>"];
const OPERATORS: [&str; 44] = [
    "&", "!", "^", "not", "+", "-", "@", "<-", "\\\\", "when", "|", "=", "||", "|||", "or", "&&",
    "&&&", "and", "==", "!=", "=~", "===", "!==", "<", "<=", ">=", ">", "|>", "<<<", ">>>", "<~",
    "~>", "<<~", "~>>", "<~>", "in", "++", "--", "<>", "+++", "---", "*", "/", "**",
];

/// Every operator that is an atom behind a colon without quotes, the longer ones first.
pub(in crate::text) fn unquoted_operators() -> impl Iterator<Item = &'static str> {
    let signs = |operator: &&str| !operator.starts_with(|c: char| c.is_ascii_alphabetic());
    (1..=4).rev().flat_map(move |length| {
        let all = NOT_CALLABLE.into_iter().chain(OPERATORS).filter(signs);
        all.filter(move |operator| operator.len() == length)
    })
}

/// Writes an atom as Elixir does: `:ok`, `nil`, `Foo.Bar`, `:"a b"`.
pub(in crate::text) fn elixir(out: &mut impl fmt::Write, text: &str) -> fmt::Result {
    match classify(text) {
        _ if matches!(text, "nil" | "true" | "false") => out.write_str(text),
        Class::Alias => out.write_str(alias(text)),
        Class::Other | Class::QuotedOperator => {
            out.write_str(":")?;
            quoted(out, text)
        }
        _ => write!(out, ":{text}"),
    }
}

/// Writes an atom as the key of a keyword list or a map, with the colon.
pub(super) fn elixir_key(out: &mut impl fmt::Write, text: &str) -> fmt::Result {
    match classify(text) {
        Class::Other | Class::QuotedOperator | Class::Alias => quoted(out, text)?,
        _ => out.write_str(text)?,
    }
    out.write_str(":")
}

/// Writes an atom as the name of a function behind a dot.
pub(super) fn elixir_function(out: &mut impl fmt::Write, text: &str) -> fmt::Result {
    match classify(text) {
        Class::Identifier | Class::Operator | Class::QuotedOperator => out.write_str(text),
        _ => quoted(out, text),
    }
}

/// Writes the name of a struct's module, if `%Module{}` can hold it.
pub(super) fn is_alias(text: &str) -> bool {
    text.starts_with("Elixir.") && classify(text) == Class::Alias
}

/// An alias as Elixir shortens it.
pub(super) fn alias(text: &str) -> &str {
    match text.strip_prefix("Elixir.") {
        Some("Elixir") | None => text,
        Some(rest) if rest.starts_with("Elixir.") => text,
        Some(rest) => rest,
    }
}

fn quoted(out: &mut impl fmt::Write, text: &str) -> fmt::Result {
    out.write_str("\"")?;
    escape::elixir(out, text.chars(), '"')?;
    out.write_str("\"")
}

fn classify(text: &str) -> Class {
    if NOT_CALLABLE.contains(&text) {
        Class::NotCallable
    } else if QUOTED.contains(&text) {
        Class::QuotedOperator
    } else if OPERATORS.contains(&text) {
        Class::Operator
    } else if valid_alias(text) {
        Class::Alias
    } else {
        identifier(text)
    }
}

fn valid_alias(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("Elixir") else { return false };
    let part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_uppercase())
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    rest.is_empty() || rest.strip_prefix('.').is_some_and(|rest| rest.split('.').all(part))
}

fn identifier(text: &str) -> Class {
    let name = text.strip_suffix(['?', '!']).unwrap_or(text);
    let Some(first) = name.chars().next() else { return Class::Other };
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '@') || latin(c);
    let starts = first.is_ascii_alphabetic() || first == '_' || latin(first);
    if !starts || !name.chars().all(fits) {
        Class::Other
    } else if first.is_uppercase() || name.contains('@') {
        Class::NotCallable
    } else {
        Class::Identifier
    }
}

/// The letters beyond ASCII that go without quotes here: those of Latin-1 and Latin Extended-A
/// that Elixir takes, from the first releases to 1.20, which takes fewer. It takes more elsewhere
/// (UTS 39); with quotes, they read back as the same atoms.
fn latin(char: char) -> bool {
    matches!(
        char as u32,
        0xc0..=0xd6 | 0xd8..=0xf6 | 0xf8..=0x113 | 0x116..=0x12b | 0x12e..=0x131 | 0x134..=0x137
            | 0x139..=0x13e | 0x141..=0x148 | 0x14a..=0x14d | 0x150..=0x155 | 0x158..=0x161
            | 0x164..=0x17e
    )
}

/// The words that Erlang reserves, and those that OTP 27 does.
const RESERVED: [&str; 29] = [
    "after", "and", "andalso", "band", "begin", "bnot", "bor", "bsl", "bsr", "bxor", "case",
    "catch", "cond", "div", "else", "end", "fun", "if", "let", "maybe", "not", "of", "or",
    "orelse", "receive", "rem", "try", "when", "xor",
];

/// Writes an atom as Erlang does: `ok`, `'a b'`.
pub(in crate::text) fn erlang(out: &mut impl fmt::Write, text: &str) -> fmt::Result {
    let lower = |c: char| c.is_ascii_lowercase() || matches!(c, 'ß'..='ÿ') && c != '÷';
    let upper = |c: char| c.is_ascii_uppercase() || matches!(c, 'À'..='Þ') && c != '×';
    let fits = |c: char| lower(c) || upper(c) || c.is_ascii_digit() || matches!(c, '_' | '@');
    if text.starts_with(lower) && text.chars().all(fits) && !RESERVED.contains(&text) {
        return out.write_str(text);
    }
    out.write_str("'")?;
    escape::erlang(out, text.chars(), '\'')?;
    out.write_str("'")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> [String; 4] {
        let mut out = [const { String::new() }; 4];
        let [literal, key, function, erl] = &mut out;
        elixir(literal, text).unwrap();
        elixir_key(key, text).unwrap();
        elixir_function(function, text).unwrap();
        erlang(erl, text).unwrap();
        out
    }

    #[test]
    fn an_atom_is_quoted_where_each_place_needs_it() {
        let cases = [
            ("ok", [":ok", "ok:", "ok", "ok"]),
            ("ok?", [":ok?", "ok?:", "ok?", "'ok?'"]),
            ("a b", [":\"a b\"", "\"a b\":", "\"a b\"", "'a b'"]),
            ("", [":\"\"", "\"\":", "\"\"", "''"]),
            ("Foo", [":Foo", "Foo:", "\"Foo\"", "'Foo'"]),
            ("a@b", [":a@b", "a@b:", "\"a@b\"", "a@b"]),
            ("nil", ["nil", "nil:", "nil", "nil"]),
            (
                "Elixir.Shop.Item",
                [
                    "Shop.Item",
                    "\"Elixir.Shop.Item\":",
                    "\"Elixir.Shop.Item\"",
                    "'Elixir.Shop.Item'",
                ],
            ),
            (
                "Elixir.shop",
                [":\"Elixir.shop\"", "\"Elixir.shop\":", "\"Elixir.shop\"", "'Elixir.shop'"],
            ),
            ("<>", [":<>", "<>:", "<>", "'<>'"]),
            ("::", [":\"::\"", "\"::\":", "::", "'::'"]),
            ("%{}", [":%{}", "%{}:", "\"%{}\"", "'%{}'"]),
            ("fun", [":fun", "fun:", "fun", "'fun'"]),
            ("é", [":é", "é:", "é", "é"]),
            ("日", [":\"日\"", "\"日\":", "\"日\"", "'日'"]),
        ];
        for (text, expected) in cases {
            assert_eq!(written(text), expected, "{text:?}");
        }
    }

    #[test]
    fn an_atom_that_would_clear_the_screen_is_shown_as_its_escapes() {
        let [literal, _, _, erl] = written("\x1b[2J");
        assert_eq!((literal.as_str(), erl.as_str()), (":\"\\e[2J\"", "'\\e[2J'"));
    }
}
