//! For people.

use std::time::Duration;

use flitch::Term;
use flitch::epmd::message::NamedPort;
use flitch::etf::text::{Syntax, Text};

use crate::failure::Failure;

/// A term with a line end: broken at `width` columns, or all on one line.
pub(crate) fn term(syntax: Syntax, term: &Term, width: Option<usize>) -> String {
    let text = Text::new(syntax, term).unicode();
    match width {
        Some(width) => format!("{}\n", text.width(width)),
        None => format!("{text}\n"),
    }
}

/// What `epmd -names` prints.
pub(crate) fn names(port: u16, names: &[NamedPort]) -> String {
    let mut text = format!("epmd: up and running on port {port} with data:\n");
    for NamedPort { name, port } in names {
        text.push_str(&format!("name {name} at port {port}\n"));
    }
    text
}

/// `0.83 ms`
pub(crate) fn milliseconds(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1000.0)
}

/// Prints a failure: the sentence first, what belongs to it below.
pub(crate) fn failure(failure: &Failure) {
    super::stderr(&failure_lines(failure));
}

fn failure_lines(failure: &Failure) -> String {
    let mut text = format!("flitch: {}\n", failure.headline());
    let exception = failure.exception.iter();
    let raised = exception.flat_map(|exception| {
        let frames = exception.stack.iter().map(|frame| format!("    {frame}"));
        std::iter::once(exception.banner.clone()).chain(frames)
    });
    for line in failure.detail.iter().cloned().chain(raised) {
        text.push_str(&line);
        text.push('\n');
    }
    text
}

/// Text from a peer, without the characters that would steer a terminal. Line ends and tabs stay.
pub(crate) fn harmless(text: &str) -> String {
    let mut harmless = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '\n' | '\t' => harmless.push(char),
            // The second group turns the direction of writing.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                harmless.extend(char.escape_unicode());
            }
            char if char.is_control() => harmless.extend(char.escape_unicode()),
            char => harmless.push(char),
        }
    }
    harmless
}

#[cfg(test)]
mod tests {
    use flitch::etf::text::parse;

    use super::*;
    use crate::out::exception::Exception;

    #[test]
    fn a_term_is_one_line_for_a_pipe_and_broken_for_a_terminal() {
        let list = parse(Syntax::Elixir, "%{first: [1, 2, 3], second: \"text\"}").unwrap();
        let piped = term(Syntax::Elixir, &list, None);
        assert_eq!(piped, "%{first: [1, 2, 3], second: \"text\"}\n");
        assert!(term(Syntax::Elixir, &list, Some(20)).lines().count() > 1);
        assert_eq!(term(Syntax::Erlang, &Term::atom("a b"), None), "'a b'\n");
    }

    #[test]
    fn names_are_listed_as_epmd_lists_them() {
        let name = NamedPort { name: "a".parse().unwrap(), port: 1234 };
        assert_eq!(
            names(4369, &[name]),
            "epmd: up and running on port 4369 with data:\nname a at port 1234\n"
        );
    }

    #[test]
    fn a_short_time_still_shows_digits() {
        assert_eq!(milliseconds(Duration::from_micros(834)), "0.83 ms");
        assert_eq!(milliseconds(Duration::from_secs(2)), "2000.00 ms");
    }

    #[test]
    fn a_failure_says_who_and_where_first_and_shows_the_rest_below() {
        let usage = Failure::usage("argument 1 is no Elixir term").with_detail("    [1\n      ^");
        assert_eq!(
            failure_lines(&usage),
            "flitch: usage: argument 1 is no Elixir term\n    [1\n      ^\n"
        );
        let raised = Exception::throw(Term::atom("ball"), Syntax::Elixir);
        let raised = Failure::raised("M.f/0 failed on a@b.c", raised);
        assert_eq!(
            failure_lines(&raised),
            "flitch: call: M.f/0 failed on a@b.c\n** (throw) :ball\n"
        );
    }

    #[test]
    fn what_a_peer_says_cannot_steer_a_terminal() {
        assert_eq!(harmless("a\u{1b}[2Jb\n\tc"), "a\\u{1b}[2Jb\n\tc");
        assert_eq!(harmless("\u{202e}abc\u{9b}"), "\\u{202e}abc\\u{9b}");
        assert_eq!(harmless("é€"), "é€");
    }
}
