//! Printed and parsed text beside that of a running Elixir.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use flitch_etf::text::{Text, elixir, erlang};
use flitch_etf::{Map, Term, decode, encode};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

#[path = "text/terms.rs"]
mod terms;
mod util;

use terms::{Chars, terms, terms_with_records};
use util::values::{hex, unhex};

/// A BEAM that answers as `text/answer.exs` says.
struct Beam {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    otp: u32,
    /// The second part of Elixir's version: 14 of 1.14.0.
    elixir: u32,
}

impl Beam {
    fn start(options: &str) -> Self {
        let mut child = Command::new("elixir")
            .args(["-e", include_str!("text/answer.exs")])
            .env("ELIXIR_ERL_OPTIONS", options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("this test compares with a real Elixir: install the Debian package `elixir`");
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut beam = Self { child, input, output, otp: 0, elixir: 0 };
        let version = beam.ask("version");
        beam.otp = version[0].parse().unwrap();
        beam.elixir = version[1].split('.').nth(1).unwrap().parse().unwrap();
        beam
    }

    /// Our text of a term as this Elixir writes it.
    fn elixir<'a>(&self, term: &'a Term) -> Text<'a> {
        let text = elixir(term);
        if self.elixir < 15 { text.quoted_charlists() } else { text }
    }

    fn ask(&mut self, question: &str) -> Vec<String> {
        writeln!(self.input, "{question}").unwrap();
        self.input.flush().unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "no answer to {question}");
        line.trim_end_matches('\n').split(' ').map(text_of).collect()
    }

    /// The value of an expression.
    fn make(&mut self, text: &str) -> Term {
        let answer = self.ask(&format!("make {}", hex(text.as_bytes())));
        decode(&unhex(&answer[0]).into()).unwrap()
    }

    fn print(&mut self, width: usize, term: &Term) -> [String; 4] {
        let answer = self.ask(&format!("print {width} {}", hex(&encode(term).unwrap())));
        answer.try_into().unwrap()
    }
}

impl Drop for Beam {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn text_of(text: &str) -> String {
    String::from_utf8(unhex(text)).unwrap()
}

fn samples<T>(count: usize, strategy: impl Strategy<Value = T>) -> Vec<T> {
    let mut runner = TestRunner::deterministic();
    (0..count).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

/// Compares one line and lines of `width` in both languages, with a node that shows all of Unicode or only Latin-1.
fn compare(beam: &mut Beam, width: usize, term: &Term, unicode: bool) {
    let theirs = beam.print(width, term);
    // Erlang shows the no-break space raw, and we do not: it looks like another one.
    if theirs[1].contains('\u{a0}') {
        return;
    }
    let (elixir, mut erlang) = (beam.elixir(term), erlang(term));
    if unicode {
        erlang = erlang.unicode();
    }
    let ours = [elixir, erlang, elixir.width(width), erlang.width(width)];
    let names = ["inspect", "~0tp", "inspect pretty", "~tp"];
    for ((name, theirs), ours) in names.iter().zip(theirs).zip(ours) {
        let ours = ours.to_string();
        let excused = match *name {
            "inspect" | "inspect pretty" if beam.elixir >= 15 && mixes_numbers(term) => true,
            "inspect pretty" if beam.elixir < 19 => is_of_1_19(&ours, &theirs, width),
            _ => false,
        };
        assert!(theirs == ours || excused, "{name} at {width}: theirs\n{theirs}\nours\n{ours}");
    }
}

/// Elixir sorts the keys of a map by value, and we, as maps do, integers before floats.
fn mixes_numbers(term: &Term) -> bool {
    let keys = term.as_map().map_or(&[][..], Map::keys);
    let has = |kind: &str| keys.iter().any(|key| key.kind() == kind);
    has("integer") && has("float") || term.children().any(mixes_numbers)
}

/// Before 1.19, Elixir broke a line that has no room for what follows the container that ends it.
fn is_of_1_19(ours: &str, theirs: &str, width: usize) -> bool {
    let squeezed = |text: &str| text.split_whitespace().collect::<String>();
    squeezed(ours) == squeezed(theirs) && ours.lines().any(|line| line.len() > width)
}

#[test]
fn every_term_prints_as_elixir_and_erlang_print_it() {
    let mut beam = Beam::start("");
    for (at, term) in samples(600, terms(Chars::Old)).iter().enumerate() {
        compare(&mut beam, [80, 40, 20, 120][at % 4], term, false);
    }
}

#[test]
fn native_records_print_as_otp_29_and_elixir_1_20_print_them() {
    let mut beam = Beam::start("");
    if beam.otp < 29 {
        return; // What they print is recorded in `text_records.rs`.
    }
    for (at, term) in samples(500, terms_with_records(Chars::Ascii)).iter().enumerate() {
        compare_records(&mut beam, [80, 40, 20, 120][at % 4], term);
    }
}

/// Where Elixir does not sort the keys of maps, whatever it is asked for.
fn has_map_in_record(term: &Term, inside: bool) -> bool {
    let inside = inside || term.as_record().is_some();
    let mut children = term.children();
    inside && term.as_map().is_some() || children.any(|child| has_map_in_record(child, inside))
}

/// Elixir gives a record lines of its own even where all else is asked for on one, and prints it
/// for a terminal without Unicode.
fn compare_records(beam: &mut Beam, width: usize, term: &Term) {
    let theirs = beam.print(width, term);
    let squeezed = |text: String| text.split_whitespace().collect::<String>();
    let [one_line, erlang_line, lines, erlang_lines] = theirs;
    if erlang_line.contains('\u{a0}') {
        return; // We escape it: it looks like another space.
    }
    assert_eq!(erlang(term).to_string(), erlang_line);
    assert_eq!(erlang(term).width(width).to_string(), erlang_lines, "at {width}");
    if lines.is_ascii() && !mixes_numbers(term) && !has_map_in_record(term, false) {
        assert_eq!(squeezed(elixir(term).to_string()), squeezed(one_line));
        assert_eq!(elixir(term).width(width).to_string(), lines, "at {width}");
    }
}

#[test]
fn every_float_prints_as_elixir_and_erlang_print_it() {
    let mut beam = Beam::start("");
    for floats in samples(2000, terms::float()).chunks(50) {
        compare(&mut beam, 80, &Term::from(floats.to_vec()), false);
    }
}

#[test]
fn text_beyond_latin_1_prints_as_a_node_with_unicode_prints_it() {
    let mut beam = Beam::start("+pc unicode");
    for term in samples(200, terms(Chars::Old)) {
        compare(&mut beam, 60, &term, true);
    }
}

#[test]
fn what_we_print_reads_back_there_as_the_same_term() {
    let mut beam = Beam::start("");
    for chars in [Chars::Old, Chars::All] {
        for (at, term) in samples(300, terms(chars)).iter().enumerate() {
            let width = [20, 40, 80, 1000][at % 4];
            let (ours, theirs) = (beam.elixir(term), erlang(term));
            let texts =
                if at % 2 == 0 { [ours, theirs] } else { [ours, theirs].map(|t| t.width(width)) };
            let [ours, theirs] = texts.map(|text| text.to_string());
            let bytes = hex(&encode(term).unwrap());
            let answer = beam.ask(&format!(
                "read {bytes} {} {}",
                hex(ours.as_bytes()),
                hex(theirs.as_bytes())
            ));
            assert_eq!(answer, ["same", "same"], "{ours}\n{theirs}");
        }
    }
}

#[test]
fn what_elixir_makes_prints_as_elixir_prints_it() {
    let mut beam = Beam::start("");
    for text in [
        "%Shop.Item{sku: \"a-1\", qty: 2}",
        "%Shop.Error{message: \"oops\"}",
        "MapSet.new(1..40//2)",
        "MapSet.new([:a, b: 1])",
        "[MapSet.new([]), MapSet.new(a: 1), MapSet.new('abc')]",
        "{MapSet.new(100..125), 'abc', MapSet.new(['abc'])}",
        "[~D[2024-02-29], ~T[00:00:00.000001], ~N[-0001-01-01 00:00:00], ~U[2024-01-01 00:00:00Z]]",
        "{1..3, 3..1, 5..10//2, 1..0//1, -3..-1}",
        "[&String.length/1, &:lists.map/2, &Kernel.+/2]",
        "Enum.to_list(1..200)",
        "Enum.map(1..30, &{&1, Integer.to_string(&1)})",
        "Enum.map(1..30, &{:a_rather_long_tag, &1, %{x: &1, y: [&1, &1 + 1000]}})",
        "for i <- 1..30, into: %{}, do: {\"key #{i}\", Enum.to_list(i..(i * 2))}",
        "String.duplicate(<<0, 200>>, 100)",
        "[String.duplicate(<<0, 200>>, 12), {:tag, String.duplicate(<<255>>, 19)}]",
        "Enum.reduce(1..30, nil, &%{&1 => &2})",
        "Enum.reduce(1..40, nil, &{:level, &1, &2})",
        "Enum.reduce(1..40, [], &[&2, &1])",
        "Process.info(self()) |> Keyword.take([:status, :priority, :trap_exit])",
        ":sys.module_info(:exports)",
    ] {
        let term = beam.make(text);
        for width in [80, 50, 20, 200] {
            compare(&mut beam, width, &term, false);
        }
    }
}

#[test]
fn a_fun_prints_with_the_numbers_that_its_node_gives_it() {
    let mut beam = Beam::start("");
    let fun = beam.make("fn x -> x end");
    let [inspected, printed, ..] = beam.print(80, &fun);
    assert_eq!(erlang(&fun).to_string(), printed);
    // Only the node knows the name of the function that the fun stands in.
    let ours = elixir(&fun).to_string();
    assert!(inspected.starts_with(ours.trim_end_matches('>')), "{inspected} and {ours}");
}

#[test]
fn a_limit_cuts_where_elixir_cuts() {
    let mut beam = Beam::start("");
    for text in [
        "Enum.to_list(300..400)",
        "%{a: 1, b: 2, c: 3}",
        "{1, 2, 3}",
        "[a: 1, b: 2, c: 3]",
        "<<0, 1, 2, 3>>",
        "String.duplicate(\"x\", 5000)",
        "[1 | 2]",
    ] {
        let term = beam.make(text);
        for limit in 0..6 {
            let theirs = beam.ask(&format!("limit {limit} {}", hex(&encode(&term).unwrap())));
            assert_eq!(elixir(&term).limit(limit).to_string(), theirs[0], "{text} to {limit}");
        }
    }
}
