//! Where in a value something was not as expected, and what stood there.

use std::fmt::{self, Write as _};

use serde::de;

use crate::DecodeError;

/// Why bytes are not the value that was asked for: a path, a reason and a place.
///
/// ```
/// use flitch_etf::{from_slice, to_vec};
///
/// #[derive(serde::Deserialize, Debug)]
/// struct Item { qty: u32 }
///
/// let bytes = to_vec(&vec![("items", "many")])?;
/// let error = from_slice::<Vec<(String, u32)>>(&bytes).unwrap_err();
/// assert_eq!(error.to_string(), "[0].1: expected an integer, found a binary, at byte 18");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct DeError(Box<Inner>);

#[derive(Clone, PartialEq, Eq)]
struct Inner {
    /// From the innermost outwards.
    path: Vec<String>,
    offset: Option<usize>,
    message: String,
}

impl DeError {
    pub(crate) fn at(offset: usize, message: String) -> Self {
        Self(Box::new(Inner { path: Vec::new(), offset: Some(offset), message }))
    }

    /// An error of a reader's own, at that byte.
    #[must_use]
    pub fn custom_at(offset: usize, message: &str) -> Self {
        Self::at(offset, message.to_owned())
    }

    /// Says where, if that is not known yet.
    pub(crate) fn located(mut self, offset: usize) -> Self {
        self.0.offset.get_or_insert(offset);
        self
    }

    /// Adds the step that led here: `.qty` or `[3]`.
    pub(crate) fn inside(mut self, step: String) -> Self {
        self.0.path.push(step);
        self
    }

    /// The way to the value, such as `items[3].qty`; empty for the whole.
    #[must_use]
    pub fn path(&self) -> String {
        let path: String = self.0.path.iter().rev().map(String::as_str).collect();
        path.strip_prefix('.').map(str::to_owned).unwrap_or(path)
    }

    /// Bytes before the value.
    #[must_use]
    pub fn offset(&self) -> Option<usize> {
        self.0.offset
    }

    /// What was wrong, without the place.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }
}

impl From<DecodeError> for DeError {
    fn from(error: DecodeError) -> Self {
        Self::at(error.offset, error.kind.to_string())
    }
}

impl de::Error for DeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        let mut kept = Start(String::new());
        // Only too much of it stops the writing.
        let _ = write!(kept, "{message}");
        Self(Box::new(Inner { path: Vec::new(), offset: None, message: kept.0 }))
    }
}

/// The start of a message: serde quotes what it did not expect, whose size the sender chooses.
struct Start(String);

impl Start {
    const BYTES: usize = 1024;
}

impl fmt::Write for Start {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = Self::BYTES.saturating_sub(self.0.len());
        if text.len() <= room {
            self.0.push_str(text);
            return Ok(());
        }
        let fits = |(at, char): (usize, char)| at + char.len_utf8() <= room;
        self.0.extend(text.char_indices().take_while(|next| fits(*next)).map(|(_, char)| char));
        self.0.push('…');
        Err(fmt::Error)
    }
}

impl fmt::Display for DeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path();
        if !path.is_empty() {
            write!(f, "{path}: ")?;
        }
        f.write_str(&self.0.message)?;
        match self.0.offset {
            Some(offset) => write!(f, ", at byte {offset}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for DeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for DeError {}
