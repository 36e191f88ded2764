//! Characters that need an escape, in each place that has its own rules.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

use flitch_etf::text::{Syntax, elixir, elixir_atom, erlang, erlang_atom, parse};
use flitch_etf::{Atom, Term};

fn charlist(text: &str) -> Term {
    text.chars().map(|char| Term::from(u32::from(char))).collect()
}

#[test]
fn every_kind_of_text_is_escaped_by_the_rules_of_its_place() {
    // The text; in Elixir as a binary, a charlist and an atom; in Erlang as the same.
    for (text, elixir_texts, erlang_texts) in [
        (
            "a\"b",
            [r#""a\"b""#, r#"~c"a\"b""#, r#":"a\"b""#],
            [r#"<<"a\"b">>"#, r#""a\"b""#, r#"'a"b'"#],
        ),
        ("a'b", [r#""a'b""#, r#"~c"a'b""#, r#":"a'b""#], [r#"<<"a'b">>"#, r#""a'b""#, r"'a\'b'"]),
        (
            r"a\b",
            [r#""a\\b""#, r#"~c"a\\b""#, r#":"a\\b""#],
            [r#"<<"a\\b">>"#, r#""a\\b""#, r"'a\\b'"],
        ),
        (
            "a\nb",
            [r#""a\nb""#, r#"~c"a\nb""#, r#":"a\nb""#],
            [r#"<<"a\nb">>"#, r#""a\nb""#, r"'a\nb'"],
        ),
        (
            "a\tb",
            [r#""a\tb""#, r#"~c"a\tb""#, r#":"a\tb""#],
            [r#"<<"a\tb">>"#, r#""a\tb""#, r"'a\tb'"],
        ),
        (
            "a\x1bb",
            [r#""a\eb""#, r#"~c"a\eb""#, r#":"a\eb""#],
            [r#"<<"a\eb">>"#, r#""a\eb""#, r"'a\eb'"],
        ),
        (
            "#{a}",
            [r##""\#{a}""##, r##"~c"\#{a}""##, r##":"\#{a}""##],
            [r##"<<"#{a}">>"##, r##""#{a}""##, r"'#{a}'"],
        ),
        (
            "# {a}",
            [r##""# {a}""##, r##"~c"# {a}""##, r##":"# {a}""##],
            [r##"<<"# {a}">>"##, r##""# {a}""##, r"'# {a}'"],
        ),
    ] {
        let terms = [Term::from(text), charlist(text), Atom::new(text).unwrap().into()];
        for (term, (elixir_text, erlang_text)) in
            terms.iter().zip(elixir_texts.iter().zip(erlang_texts))
        {
            assert_eq!(elixir(term).to_string(), *elixir_text, "{text:?}");
            assert_eq!(erlang(term).to_string(), erlang_text, "{text:?}");
            assert_eq!(parse(Syntax::Elixir, elixir_text).as_ref(), Ok(term), "{elixir_text}");
            assert_eq!(parse(Syntax::Erlang, erlang_text).as_ref(), Ok(term), "{erlang_text}");
        }
    }
}

#[test]
fn an_atom_of_any_character_reads_back_in_each_place_where_it_may_stand() {
    let chars = (0..0x300u32).chain(0x1e00..0x1e20).chain(0x2000..0x2070).chain(0xfeff..0xff02);
    for char in chars.filter_map(char::from_u32) {
        for text in [char.to_string(), format!("a{char}"), format!("Elixir.A{char}")] {
            let atom = Atom::new(&text).unwrap();
            let pair = Term::tuple([Term::from(&atom), 1.into()]);
            let map = Term::Map([(Term::from(&atom), Term::from(1))].into_iter().collect());
            for term in [Term::from(atom), Term::from(vec![pair]), map] {
                for syntax in [Syntax::Elixir, Syntax::Erlang] {
                    let printed = flitch_etf::text::Text::new(syntax, &term).to_string();
                    assert_eq!(parse(syntax, &printed).as_ref(), Ok(&term), "{printed}");
                    assert!(!printed.contains(char::is_control), "{printed:?}");
                }
            }
        }
    }
}

#[test]
fn a_character_that_nobody_sees_is_shown_by_its_number() {
    for (char, elixir_text, erlang_text) in [
        ('\0', "<<0>>", "<<0>>"),
        ('\x7f', r#""\d""#, "<<127>>"),
        ('\u{80}', "<<194, 128>>", "<<194,128>>"),
        ('\u{a0}', r#""\u00A0""#, r#"<<"\x{A0}"/utf8>>"#),
        ('\u{200b}', r#""\u200B""#, "<<226,128,139>>"),
        ('\u{202e}', r#""\u202E""#, "<<226,128,174>>"),
        ('\u{feff}', r#""\uFEFF""#, "<<239,187,191>>"),
    ] {
        let term = Term::from(char.to_string());
        let shown = elixir(&term).to_string();
        assert_eq!(parse(Syntax::Elixir, &shown).as_ref(), Ok(&term), "{shown}");
        assert!(shown.is_ascii(), "{char:?} is {shown}");
        assert_eq!(
            (shown.as_str(), erlang(&term).to_string().as_str()),
            (elixir_text, erlang_text)
        );
        let unicode = erlang(&term).unicode().to_string();
        assert_eq!(parse(Syntax::Erlang, &unicode).as_ref(), Ok(&term), "{unicode}");
        assert!(unicode.is_ascii(), "{char:?} is {unicode}");
    }
}

#[test]
fn a_word_that_a_language_reserves_is_an_atom_all_the_same() {
    for (word, elixir_text, erlang_text) in [
        ("do", ":do", "do"),
        ("end", ":end", "'end'"),
        ("fn", ":fn", "fn"),
        ("case", ":case", "'case'"),
        ("maybe", ":maybe", "'maybe'"),
        ("else", ":else", "'else'"),
        ("receive", ":receive", "'receive'"),
        ("and", ":and", "'and'"),
        ("nil", "nil", "nil"),
        ("undefined", ":undefined", "undefined"),
        ("__struct__", ":__struct__", "'__struct__'"),
        ("Elixir", "Elixir", "'Elixir'"),
    ] {
        let atom = Atom::new(word).unwrap();
        assert_eq!(elixir_atom(&atom).to_string(), elixir_text);
        assert_eq!(erlang_atom(&atom).to_string(), erlang_text);
        assert_eq!(parse(Syntax::Elixir, elixir_text), Ok(Term::from(&atom)));
        assert_eq!(parse(Syntax::Erlang, erlang_text), Ok(Term::from(&atom)));
    }
}

#[test]
fn every_escape_of_either_language_is_read() {
    for (elixir_text, erlang_text, chars) in [
        (r#""\a""#, r#""\x07""#, "\x07"),
        (r#""\b\d\e\f""#, r#""\b\d\e\f""#, "\x08\x7f\x1b\x0c"),
        (r#""\n\r\s\t\v""#, r#""\n\r\s\t\v""#, "\n\r \t\x0b"),
        (r#""\0""#, r#""\0""#, "\0"),
        (r#""\x41\x{42}""#, r#""\x41\x{42}""#, "AB"),
        (r#""\u00e9\u{1F600}""#, r#""\x{e9}\x{1F600}""#, "é😀"),
        (r#""\q\"\\""#, r#""\q\"\\""#, "q\"\\"),
        (r#""\x1""#, r#""\^a""#, "\x01"),
        (r#""S""#, r#""\123""#, "S"),
    ] {
        assert_eq!(parse(Syntax::Elixir, elixir_text), Ok(Term::from(chars)), "{elixir_text}");
        assert_eq!(parse(Syntax::Erlang, erlang_text), Ok(charlist(chars)), "{erlang_text}");
    }
}
