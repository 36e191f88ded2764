//! Lines as `inspect(term, pretty: true)` breaks them.
//!
//! A container that does not fit breaks in one of two ways: at every comma (maps, keyword lists,
//! lists of containers), or only at the commas where the next element would not fit (tuples,
//! lists of plain values). Columns are counted in bytes, as Elixir does.
//!
//! Authority: `container_doc` and `format` of Elixir's `lib/inspect/algebra.ex`, as of Elixir
//! 1.19: earlier ones also ask whether the brackets and the comma behind a container still fit.

use super::{Part, Parts};
use crate::text::print::Shape;

pub(super) fn lines(parts: &Parts, width: usize) -> String {
    let mut layout = Layout { parts, width, out: String::new(), column: 0 };
    layout.write(0, 0);
    layout.out
}

struct Layout<'a> {
    parts: &'a Parts,
    width: usize,
    out: String,
    column: usize,
}

impl Layout<'_> {
    /// Writes a part with `nest` spaces before its new lines. What follows it is not asked.
    fn write(&mut self, at: usize, nest: usize) {
        if self.fits(at) {
            return self.push(self.parts.text(at));
        }
        match self.parts.part(at).shape {
            Shape::Join => self.join(at, nest),
            Shape::Bits => self.bits(at, nest + 2),
            _ => self.container(at, nest),
        }
    }

    fn push(&mut self, text: &str) {
        self.out.push_str(text);
        self.column += text.len();
    }

    fn new_line(&mut self, nest: usize) {
        self.out.push('\n');
        self.out.extend(std::iter::repeat_n(' ', nest));
        self.column = nest;
    }

    /// Whether a part goes on this line. What follows it is not asked.
    fn fits(&self, at: usize) -> bool {
        let start = self.parts.part(at).start;
        self.reach(at).is_none_or(|end| self.column + (end - start) <= self.width)
    }

    /// How far a part's text must fit for the part to stay on one line. `None` where it has no
    /// place to break at, so that its length does not matter.
    fn reach(&self, at: usize) -> Option<usize> {
        let part = self.parts.part(at);
        let inner = || self.parts.items(at).filter_map(|item| self.reach(item)).max();
        match part.shape {
            Shape::Text | Shape::Atom | Shape::Record => None,
            Shape::Bits => self.parts.text(at).contains(',').then_some(part.end),
            Shape::Join => inner(),
            Shape::Map | Shape::Keywords => Some(part.end),
            Shape::Tuple | Shape::List if !self.is_flexible(at) => Some(part.end),
            Shape::Tuple | Shape::List => match self.parts.items(at).nth(1) {
                Some(_) => Some(part.end),
                None => inner(),
            },
        }
    }

    /// Whether a container puts as many elements on a line as there is room for.
    fn is_flexible(&self, at: usize) -> bool {
        match self.parts.part(at).shape {
            Shape::Tuple => true,
            Shape::List => self.parts.items(at).all(|item| self.is_simple(item)),
            _ => false,
        }
    }

    fn is_simple(&self, at: usize) -> bool {
        match self.parts.part(at).shape {
            Shape::Text | Shape::Atom => true,
            Shape::Join => self.parts.items(at).all(|item| self.is_simple(item)),
            _ => false,
        }
    }

    fn container(&mut self, at: usize, nest: usize) {
        let parts = self.parts;
        let part = parts.part(at);
        let flexible = self.is_flexible(at);
        let inner = nest + if flexible { 1 } else { 2 };
        let mut written = part.start;
        let mut items = parts.items(at).peekable();
        while let Some(item) = items.next() {
            let Part { start, end, .. } = parts.part(item);
            self.push(parts.slice(written..start).trim_end());
            let following = match items.peek() {
                Some(next) => parts.slice(end..parts.part(*next).start).trim_end().len(),
                None => part.end - end,
            };
            if !flexible {
                self.new_line(inner);
            } else if written > part.start {
                self.break_or_space(end - start + following, inner);
            }
            self.write(item, inner);
            written = end;
        }
        if !flexible {
            self.new_line(nest);
        }
        self.push(parts.slice(written..part.end));
    }

    /// Goes to a new line, unless a space and `columns` still fit on this one.
    fn break_or_space(&mut self, columns: usize, nest: usize) {
        if self.column + 1 + columns <= self.width {
            self.push(" ");
        } else {
            self.new_line(nest);
        }
    }

    /// Parts that stay together: only inside them a line may end.
    fn join(&mut self, at: usize, nest: usize) {
        let parts = self.parts;
        let part = parts.part(at);
        let mut written = part.start;
        for item in parts.items(at) {
            let Part { start, end, .. } = parts.part(item);
            self.push(parts.slice(written..start));
            self.write(item, nest);
            written = end;
        }
        self.push(parts.slice(written..part.end));
    }

    fn bits(&mut self, at: usize, nest: usize) {
        for (at, number) in self.parts.text(at).split(' ').enumerate() {
            if at > 0 {
                self.break_or_space(number.len(), nest);
            }
            self.push(number);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::text::{Syntax, elixir, parse};

    fn lines(text: &str, width: usize) -> String {
        elixir(&parse(Syntax::Elixir, text).unwrap()).width(width).to_string()
    }

    #[test]
    fn plain_values_fill_the_line_and_containers_take_one_each() {
        assert_eq!(lines("[100, 200, 300]", 10), "[100, 200,\n 300]");
        assert_eq!(lines("[100, {2}, 300]", 10), "[\n  100,\n  {2},\n  300\n]");
        assert_eq!(lines("{100, {2}, 300}", 10), "{100, {2},\n 300}");
        assert_eq!(lines("[aa: 100, bb: 2]", 10), "[\n  aa: 100,\n  bb: 2\n]");
        assert_eq!(lines("%{aa: 100, b: 2}", 10), "%{\n  aa: 100,\n  b: 2\n}");
        assert_eq!(lines("<<100, 200, 250>>", 10), "<<100,\n  200,\n  250>>");
    }

    #[test]
    fn what_has_no_place_to_break_at_stays_on_its_line() {
        assert_eq!(lines("{\"a long text that has no break\"}", 10).lines().count(), 1);
        assert_eq!(lines("[a: \"a long text\"]", 10), "[\n  a: \"a long text\"\n]");
    }

    #[test]
    fn the_bar_of_an_improper_list_stays_behind_its_element() {
        assert_eq!(lines("[1000, 2000 | 3000]", 10), "[1000,\n 2000 |\n 3000]");
    }

    #[test]
    fn columns_are_bytes_as_in_elixir() {
        assert_eq!(lines("[:éé, :éé]", 12), "[:éé,\n :éé]");
        assert_eq!(lines("[:eeee, :e]", 12), "[:eeee, :e]");
    }
}
