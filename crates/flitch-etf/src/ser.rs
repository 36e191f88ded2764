//! Rust's types into bytes, laid out as an Elixir program would.

use serde::ser::{self, Serialize};

use crate::encode::{
    write_atom, write_binary, write_float, write_integer, write_list_header, write_magnitude,
    write_map_header, write_tuple_header,
};
use crate::handoff;
use crate::{Atom, EncodeError, Tag, VERSION_MAGIC, write_term};

/// Why a value has no form on the wire.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SerError {
    /// A value that Erlang cannot hold.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// A field's or variant's name that is too long for an atom.
    #[error(transparent)]
    Atom(#[from] crate::AtomError),
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
    let mut out = vec![VERSION_MAGIC];
    write_value(&mut out, value)?;
    Ok(out)
}

/// Writes a value as a term without the version byte.
///
/// # Errors
/// The value has no form on the wire; `out` then ends in a part of it.
pub fn write_value<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) -> Result<(), SerError> {
    value.serialize(&mut Serializer { out, unit_at: None })
}

struct Serializer<'a> {
    out: &'a mut Vec<u8>,
    /// Where the last `()` was written, if nothing was written since.
    unit_at: Option<usize>,
}

impl Serializer<'_> {
    fn atom(&mut self, text: &str) -> Result<(), SerError> {
        write_atom(self.out, Atom::new(text)?.as_str());
        Ok(())
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

    /// `{:tag, …}` with `len` elements behind the tag.
    fn tagged(&mut self, tag: &str, len: usize) -> Result<(), SerError> {
        write_tuple_header(self.out, len + 1)?;
        self.atom(tag)
    }

    fn map(&mut self, pairs: usize) -> Result<(), SerError> {
        Ok(write_map_header(self.out, pairs)?)
    }
}

/// `Result` speaks of `:ok` and `:error`; other enums keep their names.
fn variant_tag(name: &str, variant: &'static str) -> &'static str {
    match (name, variant) {
        ("Result", "Ok") => "ok",
        ("Result", "Err") => "error",
        _ => variant,
    }
}

impl<'a, 'b> ser::Serializer for &'a mut Serializer<'b> {
    type Ok = ();
    type Error = SerError;
    type SerializeSeq = Counted<'a, 'b>;
    type SerializeTuple = Fields<'a, 'b>;
    type SerializeTupleStruct = Fields<'a, 'b>;
    type SerializeTupleVariant = Fields<'a, 'b>;
    type SerializeMap = Counted<'a, 'b>;
    type SerializeStruct = Fields<'a, 'b>;
    type SerializeStructVariant = Fields<'a, 'b>;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn serialize_bool(self, value: bool) -> Result<(), SerError> {
        write_atom(self.out, if value { "true" } else { "false" });
        Ok(())
    }

    fn serialize_i8(self, value: i8) -> Result<(), SerError> {
        self.serialize_i64(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<(), SerError> {
        self.serialize_i64(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<(), SerError> {
        self.serialize_i64(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result<(), SerError> {
        write_integer(self.out, value);
        Ok(())
    }

    fn serialize_i128(self, value: i128) -> Result<(), SerError> {
        self.wide(value < 0, value.unsigned_abs());
        Ok(())
    }

    fn serialize_u8(self, value: u8) -> Result<(), SerError> {
        self.serialize_i64(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<(), SerError> {
        self.serialize_i64(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<(), SerError> {
        self.serialize_i64(value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<(), SerError> {
        self.serialize_u128(value.into())
    }

    fn serialize_u128(self, value: u128) -> Result<(), SerError> {
        self.wide(false, value);
        Ok(())
    }

    fn serialize_f32(self, value: f32) -> Result<(), SerError> {
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> Result<(), SerError> {
        Ok(write_float(self.out, value)?)
    }

    fn serialize_char(self, value: char) -> Result<(), SerError> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, text: &str) -> Result<(), SerError> {
        self.serialize_bytes(text.as_bytes())
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), SerError> {
        Ok(write_binary(self.out, bytes)?)
    }

    fn serialize_none(self) -> Result<(), SerError> {
        write_atom(self.out, "nil");
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), SerError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), SerError> {
        self.unit_at = Some(self.out.len());
        write_atom(self.out, "ok");
        Ok(())
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<(), SerError> {
        self.atom(name)
    }

    fn serialize_unit_variant(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), SerError> {
        self.atom(variant_tag(name, variant))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), SerError> {
        match handoff::take_if(name) {
            Some(term) => Ok(write_term(self.out, &term)?),
            None => value.serialize(self),
        }
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), SerError> {
        let start = self.out.len();
        let tag = variant_tag(name, variant);
        self.tagged(tag, 1)?;
        let value_at = self.out.len();
        self.unit_at = None;
        value.serialize(&mut *self)?;
        if name == "Result" && self.unit_at == Some(value_at) {
            // `Ok(())` is plain `:ok`.
            self.out.truncate(start);
            self.atom(tag)?;
        }
        Ok(())
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Counted<'a, 'b>, SerError> {
        if len == Some(0) {
            self.out.push(Tag::NIL_EXT.0);
            return Ok(Counted { serializer: self, count_at: None, count: 0, list: false });
        }
        write_list_header(self.out, len.unwrap_or_default())?;
        Ok(Counted::opened(self, true))
    }

    fn serialize_tuple(self, len: usize) -> Result<Fields<'a, 'b>, SerError> {
        write_tuple_header(self.out, len)?;
        Ok(Fields(self))
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        len: usize,
    ) -> Result<Fields<'a, 'b>, SerError> {
        self.serialize_tuple(len)
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Fields<'a, 'b>, SerError> {
        self.tagged(variant_tag(name, variant), len)?;
        Ok(Fields(self))
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Counted<'a, 'b>, SerError> {
        self.map(len.unwrap_or_default())?;
        Ok(Counted::opened(self, false))
    }

    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Fields<'a, 'b>, SerError> {
        if name.starts_with(STRUCT_PREFIX) {
            self.map(len + 1)?;
            write_atom(self.out, STRUCT_KEY);
            self.atom(name)?;
        } else {
            self.map(len)?;
        }
        Ok(Fields(self))
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Fields<'a, 'b>, SerError> {
        self.tagged(variant_tag(name, variant), 1)?;
        self.map(len)?;
        Ok(Fields(self))
    }
}

/// How the name of an Elixir module starts: a Rust struct that is renamed so is an Elixir struct.
pub(crate) const STRUCT_PREFIX: &str = "Elixir.";
/// The key that holds the name of an Elixir struct.
pub(crate) const STRUCT_KEY: &str = "__struct__";

/// A list or map whose count is known only at its end.
struct Counted<'a, 'b> {
    serializer: &'a mut Serializer<'b>,
    /// Where the count stands; nowhere for an empty list.
    count_at: Option<usize>,
    count: usize,
    list: bool,
}

impl<'a, 'b> Counted<'a, 'b> {
    fn opened(serializer: &'a mut Serializer<'b>, list: bool) -> Self {
        let count_at = serializer.out.len().checked_sub(4);
        Self { serializer, count_at, count: 0, list }
    }

    fn finish(self) -> Result<(), SerError> {
        let Some(at) = self.count_at else { return Ok(()) };
        let max = u32::MAX as usize;
        let count = u32::try_from(self.count).map_err(|_| EncodeError::Count {
            what: "sequence",
            count: self.count,
            max,
        })?;
        let out = &mut *self.serializer.out;
        if self.list && count == 0 {
            // A LIST_EXT of nothing is written by no BEAM.
            out.truncate(at - 1);
            out.push(Tag::NIL_EXT.0);
            return Ok(());
        }
        if let Some(field) = out.get_mut(at..at + 4) {
            field.copy_from_slice(&count.to_be_bytes());
        }
        if self.list {
            out.push(Tag::NIL_EXT.0);
        }
        Ok(())
    }
}

impl ser::SerializeSeq for Counted<'_, '_> {
    type Ok = ();
    type Error = SerError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerError> {
        self.count += 1;
        value.serialize(&mut *self.serializer)
    }

    fn end(self) -> Result<(), SerError> {
        self.finish()
    }
}

impl ser::SerializeMap for Counted<'_, '_> {
    type Ok = ();
    type Error = SerError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), SerError> {
        self.count += 1;
        key.serialize(&mut *self.serializer)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerError> {
        value.serialize(&mut *self.serializer)
    }

    fn end(self) -> Result<(), SerError> {
        self.finish()
    }
}

/// A tuple or struct whose count is already written.
struct Fields<'a, 'b>(&'a mut Serializer<'b>);

macro_rules! elements {
    ($($kind:ident::$method:ident),*) => {$(
        impl ser::$kind for Fields<'_, '_> {
            type Ok = ();
            type Error = SerError;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerError> {
                value.serialize(&mut *self.0)
            }

            fn end(self) -> Result<(), SerError> {
                Ok(())
            }
        }
    )*};
}
elements!(
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field
);

macro_rules! fields {
    ($($kind:ident),*) => {$(
        impl ser::$kind for Fields<'_, '_> {
            type Ok = ();
            type Error = SerError;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<(), SerError> {
                self.0.atom(key)?;
                value.serialize(&mut *self.0)
            }

            fn end(self) -> Result<(), SerError> {
                Ok(())
            }
        }
    )*};
}
fields!(SerializeStruct, SerializeStructVariant);
