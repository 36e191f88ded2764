//! A term on as many lines as a width asks for.
//!
//! The term is written on one line first, noting where each part begins and ends. The two
//! languages' rules then decide at which of those places a line ends.

mod elixir;
mod erlang;

use std::fmt;
use std::ops::Range;

use super::print::{self, Shape, Sink};
use super::{Style, Syntax};
use crate::Term;

/// Parts inside parts that lines are broken in. Those inside them stay on their line, so that the
/// work below may recurse, and so that indentation stays in proportion to the text.
const MAX_DEPTH: usize = 100;

/// The text of a term, broken at `width`.
pub(super) fn lines(style: Style, width: usize, term: &Term) -> String {
    let mut parts = Parts { settle_records: style.syntax == Syntax::Elixir, ..Parts::default() };
    // Writing to a string does not fail.
    let _ = print::print(&mut parts, style, term);
    match style.syntax {
        Syntax::Elixir => elixir::lines(&parts, width),
        Syntax::Erlang => erlang::lines(&parts, 0, width),
    }
}

/// The text on one line, and its parts in the order in which they begin.
#[derive(Default)]
struct Parts {
    text: String,
    parts: Vec<Part>,
    open: Vec<usize>,
    /// Open parts that are not noted, because of their depth.
    deeper: usize,
    /// Whether the language takes a native record for one piece of text, lines and all.
    settle_records: bool,
}

/// Where a part lies in the text.
#[derive(Clone, Copy, Default)]
struct Part {
    shape: Shape,
    start: usize,
    end: usize,
    /// The first part that is not inside this one.
    next: usize,
}

impl Parts {
    fn part(&self, at: usize) -> Part {
        self.parts.get(at).copied().unwrap_or_default()
    }

    /// The parts directly inside a part.
    fn items(&self, at: usize) -> impl Iterator<Item = usize> {
        let end = self.part(at).next;
        std::iter::successors(Some(at + 1), |item| Some(self.part(*item).next))
            .take_while(move |item| *item < end)
    }

    /// What stands before the first part inside a part: its opening bracket or its name.
    fn head(&self, at: usize) -> &str {
        let part = self.part(at);
        let end = self.items(at).next().map(|item| self.part(item).start);
        self.slice(part.start..end.unwrap_or(part.end.saturating_sub(1)))
    }

    /// Makes one piece of text of a record, laid out as Elixir's `inspect` has it done by `~p`:
    /// 80 columns wide, wherever on the line it stands.
    fn settle(&mut self, at: usize) {
        const WIDTH: usize = 80;
        let lines = erlang::lines(self, at, WIDTH);
        self.parts.truncate(at + 1);
        let Some(part) = self.parts.get_mut(at) else { return };
        self.text.truncate(part.start);
        self.text.push_str(&lines);
        *part = Part { shape: Shape::Text, end: self.text.len(), next: at + 1, ..*part };
    }

    fn slice(&self, range: Range<usize>) -> &str {
        self.text.get(range).unwrap_or_default()
    }

    fn text(&self, at: usize) -> &str {
        let part = self.part(at);
        self.slice(part.start..part.end)
    }
}

impl fmt::Write for Parts {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.text.push_str(text);
        Ok(())
    }
}

impl Sink for Parts {
    fn open(&mut self, shape: Shape) {
        if self.open.len() > MAX_DEPTH {
            self.deeper += 1;
            return;
        }
        let shape = if self.open.len() == MAX_DEPTH { Shape::Text } else { shape };
        self.open.push(self.parts.len());
        let start = self.text.len();
        self.parts.push(Part { shape, start, end: start, next: usize::MAX });
    }

    fn close(&mut self) {
        if self.deeper > 0 {
            self.deeper -= 1;
            return;
        }
        let (end, next) = (self.text.len(), self.parts.len());
        let Some(at) = self.open.pop() else { return };
        let Some(part) = self.parts.get_mut(at) else { return };
        part.end = end;
        part.next = next;
        let record = |part: Part| part.shape == Shape::Record;
        let settled = self.settle_records && record(*part);
        if settled && !self.open.iter().any(|open| record(self.part(*open))) {
            self.settle(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{Syntax, parse};

    fn parts(term: &Term) -> Parts {
        let mut parts = Parts::default();
        let style = crate::text::elixir(term).style;
        print::print(&mut parts, style, term).unwrap();
        parts
    }

    #[test]
    fn every_part_of_the_line_is_where_it_is_said_to_be() {
        let parts = parts(&parse(Syntax::Elixir, "%{a: [1, {2}], b: <<0>>}").unwrap());
        let found = (0..parts.parts.len()).map(|at| (parts.part(at).shape, parts.text(at)));
        let expected = [
            (Shape::Map, "%{a: [1, {2}], b: <<0>>}"),
            (Shape::Join, "a: [1, {2}]"),
            (Shape::List, "[1, {2}]"),
            (Shape::Text, "1"),
            (Shape::Tuple, "{2}"),
            (Shape::Text, "2"),
            (Shape::Join, "b: <<0>>"),
            (Shape::Bits, "<<0>>"),
        ];
        assert!(found.eq(expected));
        assert!(parts.items(0).eq([1, 6]));
        assert!(parts.items(2).eq([3, 4]));
        assert_eq!(parts.items(3).count(), 0);
    }

    #[test]
    fn what_lies_deeper_than_the_limit_is_one_part() {
        let term = (0..200).fold(Term::from(1), |term, _| Term::from(vec![term, Term::from(2)]));
        let parts = parts(&term);
        assert!(parts.parts.len() < 2 * (MAX_DEPTH + 2));
        assert!(parts.open.is_empty() && parts.deeper == 0);
        let lines = lines(crate::text::elixir(&term).style, 80, &term);
        let indent = lines.lines().map(|line| line.len() - line.trim_start().len()).max();
        assert!(indent.is_some_and(|indent| indent <= 2 * MAX_DEPTH));
    }
}
