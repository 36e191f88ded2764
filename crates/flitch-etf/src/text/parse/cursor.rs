//! A place in a text, and the steps that both languages take from it.

use super::{MAX_DEPTH, ParseError, erlang};
use crate::{Atom, Term};

pub(super) type Parsed<T> = Result<T, ParseError>;

/// The next character to read.
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0, depth: 0 }
    }

    pub(super) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn go_to(&mut self, at: usize) {
        self.at = at;
    }

    /// The text from `start` to here.
    pub(super) fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn bump(&mut self) -> Option<char> {
        let char = self.peek()?;
        self.at += char.len_utf8();
        Some(char)
    }

    /// Moves past `token`, if it stands here.
    pub(super) fn eat(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    /// Moves past the characters that `fits`.
    pub(super) fn take_while(&mut self, fits: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let taken = rest.find(|char| !fits(char)).unwrap_or(rest.len());
        self.at += taken;
        rest.get(..taken).unwrap_or_default()
    }

    /// Moves past white space and comments that begin with `comment`.
    pub(super) fn blank(&mut self, comment: char) {
        const NO_COMMENTS: [&str; 7] =
            ["#PID<", "#Port<", "#Reference<", "#Ref<", "#Function<", "#Fun<", "#Local<"];
        loop {
            self.take_while(char::is_whitespace);
            let value = || {
                let rest = self.rest();
                NO_COMMENTS.iter().any(|start| rest.starts_with(start)) || erlang::is_record(rest)
            };
            if self.peek() != Some(comment) || value() {
                return;
            }
            self.take_while(|char| char != '\n');
        }
    }

    pub(super) fn error(&self, message: impl Into<String>) -> ParseError {
        self.error_at(self.at, message)
    }

    pub(super) fn error_at(&self, at: usize, message: impl Into<String>) -> ParseError {
        ParseError::new(self.text, at, message.into())
    }

    /// What stands here is not what the place asks for.
    pub(super) fn unexpected(&self, expected: &str) -> ParseError {
        let rest = self.rest();
        match self.peek() {
            None => self.error(format!("the text ends where {expected} is expected")),
            Some('(') => self.error("a call is not understood: write a value, without functions"),
            Some(_) if rest.starts_with(|c: char| "+-*/<>=&.^!".contains(c)) => {
                self.error("an operator is not understood: write the value that it gives")
            }
            Some(char) => self.error(format!("{char:?} stands where {expected} is expected")),
        }
    }

    pub(super) fn require(&mut self, token: &str) -> Parsed<()> {
        if self.eat(token) { Ok(()) } else { Err(self.unexpected(&format!("{token:?}"))) }
    }

    /// Runs `read` one container deeper.
    pub(super) fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= MAX_DEPTH {
            let message = format!("more than {MAX_DEPTH} containers inside each other");
            return Err(self.error(message));
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        read
    }

    /// The atom with this text, which began at `start`.
    pub(super) fn atom(&self, start: usize, text: &str) -> Parsed<Atom> {
        Atom::new(text).map_err(|error| self.error_at(start, error.to_string()))
    }

    /// One or two, or more, hexadecimal digits as a character's number.
    pub(super) fn hex(&mut self, most: usize) -> Parsed<u32> {
        let rest = self.rest();
        let count = rest.chars().take(most).take_while(char::is_ascii_hexdigit).count();
        let digits = rest.get(..count).unwrap_or_default();
        match u32::from_str_radix(digits, 16) {
            Ok(value) => {
                self.at += count;
                Ok(value)
            }
            Err(_) => Err(self.unexpected("a hexadecimal digit")),
        }
    }

    /// `{1F600}` as a character.
    pub(super) fn braced_char(&mut self) -> Parsed<char> {
        let start = self.at;
        self.require("{")?;
        let value = self.hex(6)?;
        self.require("}")?;
        self.char_of(start, value)
    }

    pub(super) fn char_of(&self, start: usize, value: u32) -> Parsed<char> {
        char::from_u32(value)
            .ok_or_else(|| self.error_at(start, format!("{value:x} is not a Unicode character")))
    }
}

/// A list of the characters' numbers.
pub(super) fn charlist(text: &str) -> Term {
    text.chars().map(|char| Term::from(u32::from(char))).collect()
}
