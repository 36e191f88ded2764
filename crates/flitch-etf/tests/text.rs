//! What is printed reads back, and nothing that is read or printed brings us down.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

use flitch_etf::text::{Syntax, Text, elixir, erlang, parse};
use flitch_etf::{Atom, Map, Pid, Reference, Term};
use proptest::prelude::*;

#[path = "text/terms.rs"]
mod terms;

use terms::{Chars, terms, terms_with_records};

const BOTH: [Syntax; 2] = [Syntax::Elixir, Syntax::Erlang];

/// Text does not say whether a record is exported, and one that is not reads as one that is.
fn any_terms() -> impl Strategy<Value = Term> {
    prop_oneof![3 => terms(Chars::Old), 3 => terms(Chars::All), 2 => terms_with_records(Chars::All)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_is_printed_reads_back_as_the_same_term(term in any_terms(), width in 0..100usize) {
        for syntax in BOTH {
            let text = Text::new(syntax, &term);
            for text in [text, text.unicode(), text.quoted_charlists(), text.width(width)] {
                let text = text.to_string();
                match parse(syntax, &text) {
                    Ok(read) => prop_assert_eq!(&read, &term, "{}", text),
                    Err(error) => prop_assert!(false, "{}: {}\n{}", error, text, error.picture()),
                }
            }
        }
    }

    #[test]
    fn no_text_brings_the_parser_down(text in ".{0,60}") {
        for syntax in BOTH {
            if let Err(error) = parse(syntax, &text) {
                prop_assert!(error.column() >= 1 && !error.message().is_empty());
                let _ = error.picture().to_string();
            }
        }
    }

    #[test]
    fn no_text_made_of_signs_brings_the_parser_down(
        text in "([\\[\\]{}%#<>\"'\\\\:.,|~&?$/ -]|a|1|u|x|nil|fun|Foo|=>|~w|0x|\\.\\.|//|é){0,30}"
    ) {
        for syntax in BOTH {
            let _ = parse(syntax, &text).map(|term| Text::new(syntax, &term).to_string());
        }
    }

    #[test]
    fn a_term_that_is_cut_off_anywhere_is_an_error_or_a_term(term in terms(Chars::Old), at in 0..200usize) {
        for syntax in BOTH {
            let text: String = Text::new(syntax, &term).to_string().chars().take(at).collect();
            let _ = parse(syntax, &text);
        }
    }

    #[test]
    fn nothing_printed_holds_a_control_character(term in any_terms()) {
        for syntax in BOTH {
            let text = Text::new(syntax, &term).unicode();
            prop_assert!(!text.to_string().contains(char::is_control));
            prop_assert!(!text.width(30).to_string().contains(|c: char| c.is_control() && c != '\n'));
        }
    }

    #[test]
    fn lines_differ_from_one_line_in_white_space_only(term in any_terms(), width in 0..100usize) {
        for syntax in BOTH {
            let text = Text::new(syntax, &term);
            let squeezed = |text: String| text.split_whitespace().collect::<String>();
            prop_assert_eq!(squeezed(text.to_string()), squeezed(text.width(width).to_string()));
        }
    }
}

/// Lists in lists, tuples in tuples, maps in maps, by turns.
fn deep(levels: usize) -> Term {
    let mut term = Term::atom("end");
    for level in 0..levels {
        term = match level % 3 {
            0 => Term::from(vec![term, Term::from(1)]),
            1 => Term::tuple([Term::atom("t"), term]),
            _ => Term::Map([(Term::atom("k"), term)].into_iter().collect::<Map>()),
        };
    }
    term
}

#[test]
fn a_million_levels_print_on_a_small_stack() {
    let print = || {
        let term = deep(1_000_000);
        for text in [elixir(&term), erlang(&term)] {
            assert!(text.to_string().len() > 5_000_000);
            assert!(text.width(80).to_string().len() > 5_000_000);
            assert!(text.limit(10).to_string().len() < 200);
        }
        assert!(format!("{term:?}").len() > 5_000_000);
    };
    std::thread::Builder::new().stack_size(128 << 10).spawn(print).unwrap().join().unwrap();
}

#[test]
fn text_that_nests_without_end_is_refused_and_does_not_overflow() {
    for open in ["[", "{", "%{a: ", "#{a => ", "<<", "[1|", "{a,", "%A{b: "] {
        for syntax in BOTH {
            assert!(parse(syntax, &open.repeat(100_000)).is_err());
        }
    }
    let error = parse(Syntax::Elixir, &"[".repeat(129)).unwrap_err();
    assert_eq!(error.to_string(), "column 129: more than 128 containers inside each other");
    // Half of the stack that a thread has where nobody says otherwise.
    let deepest = || {
        for (syntax, open, close) in [
            (Syntax::Elixir, "[", "]"),
            (Syntax::Elixir, "{", "}"),
            (Syntax::Elixir, "%{a: ", "}"),
            (Syntax::Erlang, "[", "]"),
            (Syntax::Erlang, "#{a => ", "}"),
        ] {
            let text = format!("{}1{}", open.repeat(128), close.repeat(128));
            assert!(parse(syntax, &text).is_ok(), "{open}");
        }
    };
    std::thread::Builder::new().stack_size(1 << 20).spawn(deepest).unwrap().join().unwrap();
}

#[test]
fn a_peer_cannot_reach_the_terminal_through_any_name_it_chooses() {
    let evil = Atom::from_static("a\x1b[2J\u{202e}\n@h");
    let pid = Pid { node: evil.clone(), id: 1, serial: 2, creation: 3 };
    let terms = [
        Term::from(pid),
        Term::from(Reference::new(evil.clone(), 1, &[1, 2, 3]).unwrap()),
        Term::from(evil.clone()),
        Term::from(evil.as_str()),
        Term::from((evil.clone(), vec![Term::from((evil.clone(), 1))])),
        Term::Map([(Term::from(evil), Term::from(1))].into_iter().collect::<Map>()),
    ];
    for term in terms {
        for text in [elixir(&term), erlang(&term).unicode()] {
            let text = text.to_string();
            assert!(!text.contains(['\x1b', '\n', '\u{202e}']), "{text:?}");
        }
    }
}

#[test]
fn what_belongs_to_a_node_is_shown_with_its_name() {
    let node = Atom::from_static("a@h");
    let pid = Term::from(Pid { node: node.clone(), id: 123, serial: 4, creation: 5 });
    let reference = Term::from(Reference::new(node, 5, &[1, 2, 3]).unwrap());
    assert_eq!(elixir(&pid).to_string(), "#PID<a@h.123.4>");
    assert_eq!(erlang(&pid).to_string(), "<a@h.123.4>");
    assert_eq!(elixir(&reference).to_string(), "#Reference<a@h.3.2.1>");
    assert_eq!(erlang(&reference).to_string(), "#Ref<a@h.3.2.1>");
}
