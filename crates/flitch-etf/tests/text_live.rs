//! Printed and parsed text beside that of a running Elixir.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use flitch_etf::text::{Text, elixir, erlang};
use flitch_etf::{Term, encode};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

#[path = "text/terms.rs"]
mod terms;

use terms::{Chars, terms};

/// A BEAM that answers as `text/answer.exs` says.
struct Beam {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
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
        Self { child, input, output }
    }

    fn ask(&mut self, question: &str) -> Vec<String> {
        writeln!(self.input, "{question}").unwrap();
        self.input.flush().unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "no answer to {question}");
        line.trim_end_matches('\n').split(' ').map(unhex).collect()
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

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> String {
    let digits: Vec<u32> = text.chars().map(|digit| digit.to_digit(16).unwrap()).collect();
    let bytes = digits.chunks(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect();
    String::from_utf8(bytes).unwrap()
}

fn samples<T>(count: usize, strategy: impl Strategy<Value = T>) -> Vec<T> {
    let mut runner = TestRunner::deterministic();
    (0..count).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

/// Compares one line and lines of `width` in both languages.
fn compare(beam: &mut Beam, width: usize, term: &Term, style: fn(Text<'_>) -> Text<'_>) {
    let theirs = beam.print(width, term);
    // Erlang shows the no-break space raw, and we do not: it looks like another one.
    if theirs[1].contains('\u{a0}') {
        return;
    }
    let (elixir, erlang) = (style(elixir(term)).quoted_charlists(), style(erlang(term)));
    let ours = [elixir, erlang, elixir.width(width), erlang.width(width)];
    let names = ["inspect", "~0tp", "inspect pretty", "~tp"];
    for ((name, theirs), ours) in names.iter().zip(theirs).zip(ours) {
        let ours = ours.to_string();
        assert!(theirs == ours, "{name} at {width}: theirs\n{theirs}\nours\n{ours}");
    }
}

#[test]
fn every_term_prints_as_elixir_and_erlang_print_it() {
    let mut beam = Beam::start("");
    for (at, term) in samples(600, terms(Chars::Old)).iter().enumerate() {
        compare(&mut beam, [80, 40, 20, 120][at % 4], term, |text| text);
    }
}

#[test]
fn every_float_prints_as_elixir_and_erlang_print_it() {
    let mut beam = Beam::start("");
    for floats in samples(2000, terms::float()).chunks(50) {
        compare(&mut beam, 80, &Term::from(floats.to_vec()), |text| text);
    }
}

#[test]
fn text_beyond_latin_1_prints_as_a_node_with_unicode_prints_it() {
    let mut beam = Beam::start("+pc unicode");
    for term in samples(200, terms(Chars::Old)) {
        compare(&mut beam, 60, &term, |text| text.unicode());
    }
}

#[test]
fn what_we_print_reads_back_there_as_the_same_term() {
    let mut beam = Beam::start("");
    for chars in [Chars::Old, Chars::All] {
        for (at, term) in samples(300, terms(chars)).iter().enumerate() {
            let width = [20, 40, 80, 1000][at % 4];
            let (ours, theirs) = (elixir(term).quoted_charlists(), erlang(term));
            let texts = if at % 2 == 0 { [ours, theirs] } else { [ours, theirs].map(|t| t.width(width)) };
            let [ours, theirs] = texts.map(|text| text.to_string());
            let bytes = hex(&encode(term).unwrap());
            let answer =
                beam.ask(&format!("read {bytes} {} {}", hex(ours.as_bytes()), hex(theirs.as_bytes())));
            assert_eq!(answer, ["same", "same"], "{ours}\n{theirs}");
        }
    }
}
