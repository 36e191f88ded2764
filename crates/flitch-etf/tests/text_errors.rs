//! What a user has typed wrong is shown at its place, in the words of the language.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

use flitch_etf::text::{Syntax, parse};

/// Each text has `^` before the character that the error must point at.
fn points_at(syntax: Syntax, cases: &[(&str, &str)]) {
    let mut wrong = String::new();
    for (marked, part) in cases {
        let (before, after) = marked.split_once('^').expect(marked);
        let text = format!("{before}{after}");
        let error = parse(syntax, &text).expect_err(&text);
        let picture = format!("{text}\n{}^", " ".repeat(before.chars().count()));
        if error.picture().to_string() != picture || !error.message().contains(part) {
            wrong += &format!("{marked}: {error}\n{}\n", error.picture());
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn an_error_in_elixir_stands_where_the_text_went_wrong() {
    points_at(
        Syntax::Elixir,
        &[
            ("^", "the text ends where a value is expected"),
            ("   ^", "the text ends where a value is expected"),
            ("[1, ^", "the text ends"),
            ("[1, ^, 2]", "',' stands where a value is expected"),
            ("[1 ^2]", "'2' stands where"),
            ("[1^}", "'}' stands where \",\" or \"]\" is expected"),
            ("{1, 2^]", "']' stands where \",\" or \"}\" is expected"),
            ("{:a ^| 1}", "\",\" or \"}\" is expected"),
            ("%{a: 1, ^:b}", "behind a `key: value`"),
            ("%{:a ^1}", "\"=>\" is expected"),
            ("%{a: ^", "the text ends where a value is expected"),
            ("%Shop.Item^", "the text ends where \"{\" is expected"),
            ("%^shop{}", "\"{\" is expected"),
            ("[a: ^b: 1]", "not a variable: b"),
            ("[1 | 2 ^| 3]", "\"]\" is expected"),
            (":ok ^:error", "the end of the text"),
            (":^", "the name of an atom"),
            (":^ ok", "the name of an atom is expected"),
            ("^foo", "not a variable: foo; an atom is :foo"),
            ("^self()", "not a call of self"),
            ("{:pid, ^self()}", "not a call of self"),
            ("Shop^.item", "an operator is not understood"),
            ("1 ^+ 1", "an operator is not understood"),
            ("1 ^== 1", "an operator is not understood"),
            ("\"a\" ^<> \"b\"", "an operator is not understood"),
            ("-^a", "a digit behind the sign"),
            ("1^a", "a digit"),
            ("0x^", "a number needs digits"),
            ("0b1^2", "a digit of base 2"),
            ("^1__0", "_ only between"),
            ("^1.0e400", "too large"),
            ("^\"abc", "has no end"),
            ("{:a, ^\"abc}", "has no end"),
            ("\"a ^#{b}\"", "an interpolation is not understood"),
            ("\"\\u^{110000}\"", "not a Unicode character"),
            ("^~r/a/", "of the sigils"),
            ("[^~D[2024-13-01]]", "ISO 8601"),
            ("^fn x -> x end", "not a variable: fn"),
            ("&^foo", "a capture names"),
            ("^1..\"a\"", "a range goes from integer"),
            ("^1..2//0", "a range goes from integer"),
            ("<<1, ^:a>>", "stand integers and text"),
            ("<<1::^float>>", "stand integers and text"),
            ("[^#PID<0.1.0>]", "only the node that it came from"),
            ("[^#Function<1.2/3 in :a>]", "only the node that it came from"),
        ],
    );
}

#[test]
fn an_error_in_erlang_stands_where_the_text_went_wrong() {
    points_at(
        Syntax::Erlang,
        &[
            ("^", "the text ends where a value is expected"),
            ("[1,^", "the text ends"),
            ("[1 ^2]", "\",\", \"|\" or \"]\" is expected"),
            ("{a,b^", "the text ends where \",\" or \"}\" is expected"),
            ("{a,^}", "a value is expected"),
            ("#{a ^= 1}", "an operator is not understood"),
            ("#{a => ^}", "a value is expected"),
            ("#{a => 1 ^b => 2}", "\",\" or \"}\" is expected"),
            ("^Var", "not a variable: Var"),
            ("{ok,^Var}", "not a variable: Var"),
            ("{ok,^_}", "not a variable: _"),
            ("^self()", "not a call of self"),
            ("^lists:map", "not a call of lists"),
            ("1 ^+ 1", "an operator is not understood"),
            ("1^x", "a digit"),
            ("16#^g", "a digit of base 16"),
            ("2#1^2", "a digit of base 2"),
            ("^1#0", "a base is from 2 to 36"),
            ("^'abc", "has no end"),
            ("{^\"abc}", "has no end"),
            ("<<^\"日\">>", "takes /utf8"),
            ("<<1:^99999999>>", "a size is at most"),
            ("<<1/^float>>", "stand integers and text"),
            ("<<^a>>", "stand integers and text"),
            ("<<1^", "the text ends"),
            ("fun^(X) -> X end", "a fun names"),
            ("fun ^X", "a fun names"),
            ("fun^ lists:map/256", "at most 255 arguments"),
            ("fun lists^.map/2", ""),
            ("[^<0.1.0>]", "only the node that it came from"),
            ("[^#Port<0.1>]", "only the node that it came from"),
            ("^#state{a = 1}", "names its module"),
            ("{^#state{a = 1}, 2}", "names its module"),
            ("#m:p{a = ^B}", "not a variable: B"),
            ("#m:p{a = 1, ^a = 2}", "each field once"),
            ("#m:p^", "the text ends"),
            ("ok. ^ok", "the end of the text"),
            ("^\"\"\"a\"\"\"", "triple-quoted"),
        ],
    );
}

#[test]
fn an_error_in_a_long_line_shows_the_part_around_it() {
    let text = format!("[{}foo]", "1, ".repeat(1000));
    let error = parse(Syntax::Elixir, &text).unwrap_err();
    assert_eq!(error.column(), 3002);
    let picture = error.picture().to_string();
    let (line, caret) = picture.split_once('\n').unwrap();
    assert!(line.len() < 100 && line.ends_with("foo]"), "{picture}");
    assert_eq!(line.get(caret.len() - 1..), Some("foo]"));
}

#[test]
fn a_name_that_is_too_long_is_not_repeated_in_full() {
    let text = "x".repeat(10_000);
    for (syntax, text) in [(Syntax::Elixir, text.clone()), (Syntax::Erlang, text.to_uppercase())] {
        let error = parse(syntax, &text).unwrap_err();
        assert!(error.to_string().len() < 300, "{error}");
    }
    for (syntax, text) in [
        (Syntax::Elixir, format!("[:{text}]")),
        (Syntax::Elixir, format!("[:\"{text}\"]")),
        (Syntax::Elixir, format!("%{{{text}: 1}}")),
        (Syntax::Erlang, format!("[{text}]")),
        (Syntax::Erlang, format!("['{text}']")),
        (Syntax::Erlang, format!("#m:{text}{{}}")),
    ] {
        let error = parse(syntax, &text).unwrap_err();
        assert!(error.message().contains("at most 255 characters, not 10000"), "{error}");
    }
}
