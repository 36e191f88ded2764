//! Bytes straight into Rust's types, without a [`Term`](crate::Term) between.

mod error;
mod implied;
mod keyword;
mod map;
mod record;
mod scalar;
mod seq;
mod set;
mod token;
mod typed;
mod variant;

use bytes::Bytes;
use serde::de::{Deserialize, DeserializeOwned};

pub use error::DeError;

use crate::compressed::inflate;
use crate::handoff::Form;
use crate::layout::Absent;
use crate::read::Reader;
use crate::{Layout, Limits};

/// Levels of lists, maps and tuples in a typed value. A type that contains itself would else let
/// the sender choose how deep our stack goes.
const MAX_DEPTH: u8 = 128;

/// A value from a term that stands alone. Strings and byte slices may be borrowed from `bytes`.
///
/// # Errors
/// The bytes are no term, or not one of this type: says where and what. Compressed ones have
/// nothing to borrow from: [`from_bytes`] takes them.
pub fn from_slice<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, DeError> {
    from_slice_with(bytes, Layout::ELIXIR)
}

/// [`from_slice`] of a value laid out so.
///
/// # Errors
/// As [`from_slice`].
pub fn from_slice_with<'de, T: Deserialize<'de>>(
    bytes: &'de [u8],
    layout: Layout,
) -> Result<T, DeError> {
    alone(Reader::new(bytes), layout)
}

/// A value from a term that stands alone, compressed or not. [`Term`](crate::Term)s inside it
/// share `bytes`.
///
/// # Errors
/// The bytes are no term, or not one of this type: says where and what.
pub fn from_bytes<T: DeserializeOwned>(bytes: &Bytes) -> Result<T, DeError> {
    from_bytes_with(bytes, Layout::ELIXIR)
}

/// [`from_bytes`] of a value laid out so.
///
/// # Errors
/// As [`from_bytes`].
pub fn from_bytes_with<T: DeserializeOwned>(bytes: &Bytes, layout: Layout) -> Result<T, DeError> {
    match inflate(bytes, Limits::DEFAULT)? {
        Some(inflated) => alone(Reader::of_shared(&inflated), layout),
        None => alone(Reader::of_shared(bytes), layout),
    }
}

fn alone<'de, T: Deserialize<'de>>(mut reader: Reader<'de>, layout: Layout) -> Result<T, DeError> {
    reader.version()?;
    let value = read_value_with(&mut reader, layout)?;
    match reader.rest().len() {
        0 => Ok(value),
        trailing => {
            Err(DeError::at(reader.position(), format!("{trailing} bytes follow the term")))
        }
    }
}

/// The value at the cursor, which moves past it.
///
/// # Errors
/// The bytes are no term, or not one of this type: says where and what.
pub fn read_value<'de, T: Deserialize<'de>>(reader: &mut Reader<'de>) -> Result<T, DeError> {
    read_value_with(reader, Layout::ELIXIR)
}

/// [`read_value`] of a value laid out so.
///
/// # Errors
/// As [`read_value`].
pub fn read_value_with<'de, T: Deserialize<'de>>(
    reader: &mut Reader<'de>,
    layout: Layout,
) -> Result<T, DeError> {
    let start = reader.position();
    let (pending, names) = (Pending::default(), Names::default());
    let mut deserializer = Deserializer { reader, depth: 0, pending, names, layout };
    T::deserialize(&mut deserializer).map_err(|error| error.located(start))
}

struct Deserializer<'a, 'de> {
    reader: &'a mut Reader<'de>,
    depth: u8,
    pending: Pending,
    names: Names,
    layout: Layout,
}

/// What has been said about the next value, and ends where a container opens.
#[derive(Clone, Copy, Default)]
struct Pending {
    form: Form,
    /// Options that have been opened since the last container: a type such as
    /// `struct Chain(Option<Box<Chain>>)` opens them for ever without reading a byte.
    options: u8,
}

/// The names that a struct's keys should have: a key that is one of them needs no check.
#[derive(Clone, Copy, Default)]
struct Names {
    all: &'static [&'static str],
    /// The one behind the last key's: keys mostly come in one order.
    next: usize,
}

impl Deserializer<'_, '_> {
    /// Runs `read` one level deeper. What it gives is given on as it is: a value that is taken
    /// apart and put together again costs more than reading it.
    #[inline(always)]
    fn nested<R>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<R, DeError>,
    ) -> Result<R, DeError> {
        if self.depth >= MAX_DEPTH {
            return Err(self.too_deep("levels"));
        }
        self.depth += 1;
        let pending = std::mem::take(&mut self.pending);
        let result = read(self);
        self.pending = pending;
        self.depth -= 1;
        result
    }

    /// Runs `read` with the next value in that form.
    #[inline]
    fn formed<R>(&mut self, form: Form, read: impl FnOnce(&mut Self) -> R) -> R {
        let before = std::mem::replace(&mut self.pending.form, form);
        let result = read(self);
        self.pending.form = before;
        result
    }

    /// Runs `read` where these are the names of keys.
    #[inline]
    fn named<R>(&mut self, names: &'static [&'static str], read: impl FnOnce(&mut Self) -> R) -> R {
        let before = std::mem::replace(&mut self.names, Names { all: names, next: 0 });
        let result = read(self);
        self.names = before;
        result
    }

    /// Runs `read` for a value inside this one: what goes wrong there is told with its place and the
    /// step that leads to it.
    #[inline]
    fn inner<R>(
        &mut self,
        step: impl FnOnce(&Self) -> String,
        read: impl FnOnce(&mut Self) -> Result<R, DeError>,
    ) -> Result<R, DeError> {
        let start = self.reader.position();
        match read(self) {
            Ok(value) => Ok(value),
            Err(error) => Err(error.located(start).inside(step(self))),
        }
    }

    #[cold]
    fn too_deep(&self, what: &str) -> DeError {
        let message = format!("more {what} than the limit of {MAX_DEPTH}");
        DeError::at(self.reader.position(), message)
    }

    /// The atom that the next value is, should it be absent.
    #[inline]
    fn absence(&self) -> &'static str {
        match self.pending.form {
            Form::Undefined => Absent::Undefined.atom(),
            _ => self.layout.absent.atom(),
        }
    }
}
