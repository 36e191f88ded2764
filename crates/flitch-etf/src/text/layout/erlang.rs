//! Lines as `~p` breaks them.
//!
//! Plain values fill the line; a container stands on lines of its own, indented by its bracket,
//! or by its tag if it is a tuple that begins with an atom, or by its name if it is a record.
//! Should that lead too far to the right, everything behind a tag, or below a name, is indented
//! by 4 instead, or by 1.
//!
//! Authority: OTP's `io_lib_pretty.erl`. Columns begin at 1, and the last two stay free.

use super::Parts;
use crate::text::print::Shape;

pub(super) fn lines(parts: &Parts, at: usize, width: usize) -> String {
    let total = parts.text(at).chars().count();
    let mut layout = Layout { parts, width, total, tag_indent: None, checking: true, out: None };
    // How the rest of a tagged tuple is indented: behind its tag, or else by these.
    let by_tag = layout.write(at, Place::START).is_ok();
    if !by_tag {
        layout.tag_indent = Some(4);
        if layout.write(at, Place::START).is_err() {
            layout.tag_indent = Some(1);
        }
    }
    layout.checking = false;
    layout.out = Some(String::new());
    // Only a check ends early.
    let _ = layout.write(at, Place::START);
    layout.out.unwrap_or_default()
}

struct Layout<'a> {
    parts: &'a Parts,
    width: usize,
    /// Columns of the whole term on one line.
    total: usize,
    /// Columns by which the rest of a tagged tuple or a record is indented, instead of by its
    /// tag or name.
    tag_indent: Option<usize>,
    /// Whether this is a trial that ends where the indentation leaves too little room.
    checking: bool,
    out: Option<String>,
}

/// Where a part is to be written.
#[derive(Clone, Copy)]
struct Place {
    /// The column, which is also that of the lines that it breaks into.
    column: usize,
    /// Brackets that close behind it.
    closing: usize,
    /// Columns of this line that are taken, without its indentation.
    used: usize,
}

impl Place {
    const START: Self = Self { column: 1, closing: 0, used: 0 };
}

/// The indentation leaves less than half of the width.
struct TooFarRight;

impl Layout<'_> {
    fn write(&mut self, at: usize, place: Place) -> Result<(), TooFarRight> {
        let shape = self.parts.part(at).shape;
        if self.fits(at, place.column + place.closing) {
            self.push_part(at);
            return Ok(());
        }
        let Place { column, closing, used } = place;
        let inside = |indent| Place { column: column + indent, closing, used: used + 1 };
        match shape {
            Shape::Tuple if self.is_tagged(at) => self.tagged_tuple(at, place)?,
            Shape::Tuple | Shape::List => {
                self.push_start(at);
                self.items(at, 0, None, inside(1))?;
            }
            Shape::Map => {
                self.push_start(at);
                self.items(at, 0, None, inside(2))?;
            }
            Shape::Record if self.parts.items(at).next().is_some() => {
                let place = self.behind(self.parts.head(at), place)?;
                self.items(at, 0, None, place)?;
            }
            Shape::Bits => {
                self.bits(at, Place { column: column + 2, ..place });
                return Ok(());
            }
            _ => {
                self.push_part(at);
                return Ok(());
            }
        }
        self.push(match shape {
            Shape::List => "]",
            _ => "}",
        });
        Ok(())
    }

    fn push(&mut self, text: &str) {
        if let Some(out) = &mut self.out {
            out.push_str(text);
        }
    }

    fn push_part(&mut self, at: usize) {
        if self.out.is_some() {
            self.push(self.parts.text(at));
        }
    }

    /// The opening bracket of a container.
    fn push_start(&mut self, at: usize) {
        self.push(self.parts.head(at));
    }

    /// Writes what stands before the fields of a record or before the value of a field, and says
    /// where they go: behind it, or below it where that would lead too far to the right.
    fn behind(&mut self, head: &str, place: Place) -> Result<Place, TooFarRight> {
        let columns = head.chars().count();
        let below = self.tag_indent.filter(|indent| columns > *indent);
        let column = place.column + below.unwrap_or(columns);
        self.check(column <= self.width / 2)?;
        if below.is_some() {
            self.push(head.trim_end());
            self.new_line(column);
            return Ok(Place { column, used: 0, ..place });
        }
        self.push(head);
        Ok(Place { column, used: place.used + columns, ..place })
    }

    fn new_line(&mut self, column: usize) {
        if let Some(out) = &mut self.out {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', column - 1));
        }
    }

    fn columns(&self, at: usize) -> usize {
        self.parts.text(at).chars().count()
    }

    fn fits(&self, at: usize, taken: usize) -> bool {
        self.columns(at) + taken < self.width
    }

    /// Whether a part holds no container, so that others may stand beside it.
    fn is_plain(&self, at: usize) -> bool {
        match self.parts.part(at).shape {
            Shape::Text | Shape::Atom => true,
            Shape::Join => self.parts.items(at).all(|item| self.is_plain(item)),
            _ => false,
        }
    }

    fn is_tagged(&self, at: usize) -> bool {
        let mut items = self.parts.items(at).map(|item| self.parts.part(item).shape);
        items.next() == Some(Shape::Atom) && items.next().is_some()
    }

    fn tagged_tuple(&mut self, at: usize, place: Place) -> Result<(), TooFarRight> {
        let tag = at + 1;
        let length = self.columns(tag);
        let behind = place.column + length + 2;
        self.push("{");
        self.push_part(tag);
        match self.tag_indent {
            Some(indent) if length + 2 > indent => {
                let column = place.column + indent;
                self.check(column <= self.width / 2)?;
                let used = place.used + 1 + length;
                self.items(at, 1, Some(behind), Place { column, used, ..place })
            }
            _ => {
                self.check(behind < self.width / 2)?;
                self.push(",");
                let used = place.used + length + 2;
                self.items(at, 1, None, Place { column: behind, used, ..place })
            }
        }
    }

    fn check(&self, fine: bool) -> Result<(), TooFarRight> {
        if self.checking && !fine { Err(TooFarRight) } else { Ok(()) }
    }

    /// Writes the elements of a container from the `skip`th on. If `follows` is given, something
    /// stands on the line already, up to that column.
    fn items(
        &mut self,
        at: usize,
        skip: usize,
        follows: Option<usize>,
        place: Place,
    ) -> Result<(), TooFarRight> {
        let parts = self.parts;
        let is_tail = |item: usize| {
            let before = parts.part(item).start.saturating_sub(1);
            item > at + 1 && parts.slice(before..before + 1) == "|"
        };
        let mut column = follows;
        let mut items = parts.items(at).skip(skip).peekable();
        while let Some(item) = items.next() {
            let closing = match items.peek() {
                Some(next) if !is_tail(*next) => 0,
                _ => place.closing + 1,
            };
            let Some(here) = column else {
                column = Some(place.column + self.element(item, Place { closing, ..place })?);
                continue;
            };
            let beside = self.is_plain(item) && self.fits(item, here + 1 + closing.max(1));
            if is_tail(item) {
                self.tail(item, here, place)?;
            } else if beside {
                self.push(",");
                self.push_part(item);
                column = Some(here + 1 + self.columns(item));
            } else {
                self.push(",");
                self.new_line(place.column);
                let place = Place { closing, used: 0, ..place };
                column = Some(place.column + self.element(item, place)?);
            }
        }
        Ok(())
    }

    /// Writes what stands behind the bar of an improper list.
    fn tail(&mut self, at: usize, here: usize, place: Place) -> Result<(), TooFarRight> {
        let closing = place.closing + 1;
        self.push("|");
        if self.is_plain(at) && self.fits(at, here + 1 + closing) {
            self.push_part(at);
            return Ok(());
        }
        self.new_line(place.column);
        // The check of `io_lib_pretty` goes on from the column before the line ended.
        let column = if self.checking { here } else { place.column };
        self.write(at, Place { column, closing, used: 0 })
    }

    /// Writes an element and gives the columns it took; behind a container, the line is full.
    fn element(&mut self, at: usize, place: Place) -> Result<usize, TooFarRight> {
        let fits = self.fits(at, place.column + place.closing);
        if fits && self.is_plain(at) {
            self.push_part(at);
            return Ok(self.columns(at));
        }
        if fits || self.parts.part(at).shape != Shape::Join {
            self.write(at, place)?;
            return Ok(self.width);
        }
        let mut items = self.parts.items(at);
        match (items.next(), items.next()) {
            (Some(key), Some(value)) => {
                let column = place.column + self.tag_indent.unwrap_or(4);
                self.write(key, place)?;
                self.push(" =>");
                self.new_line(column);
                self.write(value, Place { column, used: 0, ..place })?;
            }
            // The field of a record: its name is no part of its own.
            (Some(value), None) => {
                let place = self.behind(self.parts.head(at), place)?;
                self.write(value, place)?;
            }
            _ => {}
        }
        Ok(self.width)
    }

    fn bits(&mut self, at: usize, place: Place) {
        let room = self.width.saturating_sub(place.column);
        let rest = self.total.saturating_sub(4 + place.used);
        let room = room.min(rest).saturating_sub(place.closing).max(8);
        let text = self.parts.text(at);
        let text = text.strip_prefix("<<").and_then(|text| text.strip_suffix(">>")).unwrap_or(text);
        let mut left = room;
        self.push("<<");
        for number in text.split_inclusive(',') {
            if number.len() > left {
                self.new_line(place.column);
                left = room;
            }
            left = left.saturating_sub(number.len());
            self.push(number);
        }
        self.push(">>");
    }
}

#[cfg(test)]
mod tests {
    use crate::text::{Syntax, erlang, parse};

    fn lines(text: &str, width: usize) -> String {
        erlang(&parse(Syntax::Erlang, text).unwrap()).width(width).to_string()
    }

    #[test]
    fn a_tuple_with_a_tag_is_indented_behind_the_tag_while_there_is_room() {
        assert_eq!(lines("{tag,{1000,2000},{3000}}", 20), "{tag,{1000,2000},\n     {3000}}");
        assert_eq!(
            lines("{long_tag,{1000,2000},{3000}}", 20),
            "{long_tag,\n    {1000,2000},\n    {3000}}"
        );
        assert_eq!(
            lines("{long_tag,{long_tag,{long_tag,{1},{2}}}}", 16),
            "{long_tag,\n {long_tag,\n  {long_tag,\n   {1},\n   {2}}}}"
        );
    }

    #[test]
    fn a_value_that_does_not_fit_beside_its_key_goes_below_it() {
        assert_eq!(
            lines("#{key => {1000,2000,3000}}", 20),
            "#{key =>\n      {1000,2000,\n       3000}}"
        );
    }

    #[test]
    fn bytes_fill_the_line() {
        assert_eq!(
            lines("<<0,1,2,3,4,5,6,7,8,9,10,11,12>>", 20),
            "<<0,1,2,3,4,5,6,7,\n  8,9,10,11,12>>"
        );
    }

    #[test]
    fn a_tail_that_is_a_container_has_its_own_line() {
        assert_eq!(lines("[1000,2000,3000|{4000}]", 20), "[1000,2000,3000|\n {4000}]");
    }
}
