//! What is wrong with a text, and where.

use std::fmt;

use crate::text::print::escape::visible;

/// Why a text is not a term. Displayed, it is one line; [`ParseError::picture`] shows the place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}column {}: {}", Line(.0.line), .0.column, .0.message)]
pub struct ParseError(Box<Details>);

/// Apart, so that what returns an error needs little stack.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Details {
    line: usize,
    column: usize,
    message: String,
    /// The part of the line that is shown, and the characters of it before the place.
    excerpt: String,
    before: usize,
}

/// Characters of the line that are shown to the left of the place, and from it on.
const SHOWN: (usize, usize) = (50, 30);

impl ParseError {
    /// The place `offset` bytes into `text`.
    pub(super) fn new(text: &str, offset: usize, message: String) -> Self {
        let (head, tail) = text.split_at_checked(offset).unwrap_or((text, ""));
        let line = head.matches('\n').count() + 1;
        let head = head.rsplit('\n').next().unwrap_or_default();
        let column = head.chars().count() + 1;
        let before = (column - 1).min(SHOWN.0);
        let left = head.chars().skip(column - 1 - before);
        let right = tail.chars().take_while(|char| *char != '\n').take(SHOWN.1);
        let shown =
            |char: char| if char.is_control() || !visible(char) { '\u{fffd}' } else { char };
        let excerpt = left.chain(right).map(shown).collect();
        Self(Box::new(Details { line, column, message, excerpt, before }))
    }

    /// The line, counted from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.0.line
    }

    /// The column in characters, counted from 1.
    #[must_use]
    pub fn column(&self) -> usize {
        self.0.column
    }

    /// What is wrong, in a sentence without the place.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Two lines: the text around the place, and a caret under it.
    pub fn picture(&self) -> impl fmt::Display + '_ {
        Picture(&self.0)
    }
}

struct Picture<'a>(&'a Details);

impl fmt::Display for Picture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.0.excerpt)?;
        write!(f, "{:1$}^", "", self.0.before)
    }
}

/// The line, where there is more than one.
struct Line(usize);

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 1 { Ok(()) } else { write!(f, "line {}, ", self.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_stands_under_the_place_in_characters_and_not_bytes() {
        let error = ParseError::new("[é, x]", 5, "no".to_owned());
        assert_eq!((error.line(), error.column()), (1, 5));
        assert_eq!(error.picture().to_string(), "[é, x]\n    ^");
        assert_eq!(error.to_string(), "column 5: no");
    }

    #[test]
    fn a_long_line_is_shown_around_the_place_only() {
        let text = format!("1\n{}x{}\n2", "a".repeat(1000), "b".repeat(1000));
        let error = ParseError::new(&text, 1002, "no".to_owned());
        assert_eq!((error.line(), error.column()), (2, 1001));
        let picture = error.picture().to_string();
        let (line, caret) = picture.split_once('\n').unwrap();
        assert_eq!(line.chars().nth(caret.chars().count() - 1), Some('x'));
        assert_eq!(line.len(), 80);
    }

    #[test]
    fn a_control_character_in_the_text_is_not_shown_raw() {
        let error = ParseError::new("\x1b[2J\u{202e}", 0, "no".to_owned());
        assert_eq!(error.picture().to_string(), "\u{fffd}[2J\u{fffd}\n^");
    }
}
