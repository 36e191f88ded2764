//! Rust's types into bytes, laid out as an Elixir program would.

mod compound;
mod typed;

use serde::ser::{self, Serialize};

use crate::encode::{write_atom, write_magnitude};
use crate::handoff::Form;
use crate::layout::Absent;
use crate::{Atom, AtomError, EncodeError, Layout, VERSION_MAGIC, write_integer};

/// How the name of an Elixir module starts: a Rust struct that is renamed so is an Elixir struct.
pub(crate) const STRUCT_PREFIX: &str = "Elixir.";
/// The key that holds the name of an Elixir struct.
pub(crate) const STRUCT_KEY: &str = "__struct__";
/// The struct that a set is.
pub(crate) const MAPSET: &str = "Elixir.MapSet";
/// The key that holds the elements of a set.
pub(crate) const MAPSET_KEY: &str = "map";

/// Room for a usual message, which then never moves as it grows.
const ROOM: usize = 128;

/// Why a value has no form on the wire.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SerError {
    /// A value that Erlang cannot hold.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// A field's or variant's name that is too long for an atom.
    #[error(transparent)]
    Atom(#[from] AtomError),
    /// What a `Serialize` of the caller's said.
    #[error("{0}")]
    Custom(String),
}

impl ser::Error for SerError {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self::Custom(message.to_string())
    }
}

/// A value as a term that stands alone, as `binary_to_term` takes it.
///
/// # Errors
/// The value, or a part of it, has no form on the wire.
pub fn to_vec<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, SerError> {
    to_vec_with(value, Layout::ELIXIR)
}

/// [`to_vec`] of a value laid out so.
///
/// # Errors
/// As [`to_vec`].
pub fn to_vec_with<T: Serialize + ?Sized>(value: &T, layout: Layout) -> Result<Vec<u8>, SerError> {
    let mut out = Vec::with_capacity(ROOM);
    out.push(VERSION_MAGIC);
    write_value_with(&mut out, value, layout)?;
    Ok(out)
}

/// Writes a value as a term without the version byte.
///
/// # Errors
/// The value has no form on the wire; `out` then ends in a part of it.
pub fn write_value<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) -> Result<(), SerError> {
    write_value_with(out, value, Layout::ELIXIR)
}

/// [`write_value`] of a value laid out so.
///
/// # Errors
/// As [`write_value`].
pub fn write_value_with<T: Serialize + ?Sized>(
    out: &mut Vec<u8>,
    value: &T,
    layout: Layout,
) -> Result<(), SerError> {
    value.serialize(&mut Serializer { out, unit_at: None, form: Form::Plain, layout })
}

struct Serializer<'a> {
    out: &'a mut Vec<u8>,
    /// Where the last `()` was written, if nothing was written since.
    unit_at: Option<usize>,
    /// How the next value is laid out. Ends where a container opens.
    form: Form,
    layout: Layout,
}

impl Serializer<'_> {
    #[inline]
    fn atom(&mut self, text: &str) -> Result<(), SerError> {
        if text.len() > Atom::MAX_CHARS {
            Atom::new(text)?;
        }
        write_atom(self.out, text);
        Ok(())
    }

    #[inline]
    fn absent(&mut self) {
        let absent = match self.form {
            Form::Undefined => Absent::Undefined,
            _ => self.layout.absent,
        };
        write_atom(self.out, absent.atom());
    }

    fn wide(&mut self, negative: bool, magnitude: u128) {
        let small = if negative {
            0i64.checked_sub_unsigned(u64::try_from(magnitude).unwrap_or(u64::MAX))
        } else {
            i64::try_from(magnitude).ok()
        };
        match small.filter(|_| magnitude <= u128::from(u64::MAX)) {
            Some(value) => write_integer(self.out, value),
            None => write_magnitude(self.out, negative, magnitude),
        }
    }

    /// Runs `write` with the next value in that form.
    #[inline]
    fn formed<R>(&mut self, form: Form, write: impl FnOnce(&mut Self) -> R) -> R {
        let before = std::mem::replace(&mut self.form, form);
        let result = write(self);
        self.form = before;
        result
    }
}
