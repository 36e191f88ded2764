//! Values that programs send, as Elixir 1.20 and OTP 29 print them: recorded by
//! `text/record.exs`, so that every line break holds without those releases at hand.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

use flitch_etf::Term;
use flitch_etf::text::{Syntax, elixir, erlang, parse};

const RECORDED: &str = include_str!("text/recorded/elixir-1.20-otp-29.txt");

/// The literal of each case, with the name and the text of each of its prints.
fn cases() -> impl Iterator<Item = (&'static str, Vec<(&'static str, &'static str)>)> {
    RECORDED.split("==== ").skip(1).map(|case| {
        let (literal, prints) = case.split_once('\n').unwrap();
        let prints = prints.trim_end_matches('\n').trim_start_matches("-- ").split("\n-- ");
        (literal, prints.map(|print| print.split_once('\n').unwrap()).collect())
    })
}

/// The value of a case. Erlang's print hides nothing of it.
fn value(prints: &[(&str, &str)]) -> Term {
    let print = prints.iter().find(|(name, _)| *name == "~0tp").unwrap();
    read(print.0, print.1)
}

fn read(name: &str, text: &str) -> Term {
    let syntax = if name.starts_with('~') { Syntax::Erlang } else { Syntax::Elixir };
    parse(syntax, text).unwrap_or_else(|error| panic!("{error}\n{}", error.picture()))
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect()
}

#[test]
fn every_print_is_that_of_elixir_and_of_erlang() {
    let mut seen = 0;
    for (literal, prints) in cases() {
        let term = value(&prints);
        for (name, theirs) in prints {
            let width = name.trim_matches(|char: char| !char.is_ascii_digit()).parse().ok();
            let text = if name.starts_with('~') { erlang(&term) } else { elixir(&term) };
            let ours = match width.filter(|width| *width > 0) {
                Some(width) => text.width(width).to_string(),
                None => text.to_string(),
            };
            // Elixir breaks a long native record into lines even where nobody asks.
            let as_one_line = name == "inspect" && theirs.contains('\n');
            let theirs = if as_one_line { squeezed(theirs) } else { theirs.to_owned() };
            let ours = if as_one_line { squeezed(&ours) } else { ours };
            assert_eq!(ours, theirs, "{name} of {literal}");
            seen += 1;
        }
    }
    assert!(seen > 250, "{seen} prints");
}

#[test]
fn every_print_reads_back_as_the_value() {
    for (literal, prints) in cases() {
        let term = value(&prints);
        // Elixir prints a call for a set, and does not show that an exception is one.
        let hides = |print: &str| print.contains("MapSet.new(") || literal.contains("Error{");
        for (name, theirs) in prints {
            if name.starts_with('~') || !hides(theirs) {
                assert_eq!(read(name, theirs), term, "{name} of {literal}");
            }
        }
    }
}

#[test]
fn every_literal_is_read_as_elixir_reads_it() {
    for (literal, prints) in cases() {
        // Struct defaults and calls are made by the modules of the one who evaluates.
        if !literal.contains("%Shop.") && !literal.contains("MapSet.new(") {
            assert_eq!(read("inspect", literal), value(&prints), "{literal}");
        }
    }
}
