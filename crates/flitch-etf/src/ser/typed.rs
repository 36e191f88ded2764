//! What each of serde's types is on the wire.

use serde::ser::{self, Serialize};

use super::compound::{Counted, Fields, Kind, Struct};
use super::{STRUCT_KEY, STRUCT_PREFIX, SerError, Serializer};
use crate::encode::{
    write_atom, write_binary, write_float, write_list_header, write_map_header, write_port,
    write_tuple_header,
};
use crate::handoff::{self, Form, Handed};
use crate::record_head::RecordName;
use crate::{Tag, write_integer, write_pid, write_reference, write_term};

/// `Result` speaks of `:ok` and `:error`; other enums keep their names.
#[inline]
fn variant_tag(name: &str, variant: &'static str) -> &'static str {
    match (name, variant) {
        ("Result", "Ok") => "ok",
        ("Result", "Err") => "error",
        _ => variant,
    }
}

impl Serializer<'_> {
    /// `{:tag, …}` with `len` elements behind the tag.
    #[inline]
    fn tagged(&mut self, tag: &str, len: usize) -> Result<(), SerError> {
        write_tuple_header(self.out, len + 1)?;
        self.atom(tag)
    }

    fn handed(&mut self, handed: Handed) -> Result<(), SerError> {
        match handed {
            Handed::Term(term) => write_term(self.out, &term)?,
            Handed::Atom(atom) => atom.write_to(self.out),
            Handed::Pid(pid) => write_pid(self.out, &pid),
            Handed::Reference(reference) => write_reference(self.out, &reference),
            Handed::Port(port) => write_port(self.out, &port),
            Handed::Binary(bytes) => write_binary(self.out, &bytes)?,
        }
        Ok(())
    }

    /// What a reserved newtype announces.
    #[inline]
    fn announced<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), SerError> {
        let form = match name {
            handoff::ATOM => Form::Atom,
            name => match Form::announced(name) {
                Some(form) => form,
                None => {
                    return match handoff::take() {
                        Some(handed) => self.handed(handed),
                        None => value.serialize(self),
                    };
                }
            },
        };
        self.formed(form, |this| value.serialize(this))
    }

    /// Text that was announced as something else than a binary.
    #[inline(never)]
    fn charlist(&mut self, text: &str) -> Result<(), SerError> {
        let ascii = text.is_ascii();
        let chars = if ascii { text.len() } else { text.chars().count() };
        let latin1 = || text.chars().all(|char| u8::try_from(char).is_ok());
        match u16::try_from(chars) {
            Ok(0) => self.out.push(Tag::NIL_EXT.0),
            Ok(len) if ascii => {
                self.out.reserve(chars + 3);
                self.out.push(Tag::STRING_EXT.0);
                self.out.extend_from_slice(&len.to_be_bytes());
                self.out.extend_from_slice(text.as_bytes());
            }
            Ok(len) if latin1() => {
                self.out.push(Tag::STRING_EXT.0);
                self.out.extend_from_slice(&len.to_be_bytes());
                self.out.extend(text.chars().filter_map(|char| u8::try_from(char).ok()));
            }
            _ => {
                write_list_header(self.out, chars)?;
                for char in text.chars() {
                    write_integer(self.out, u32::from(char).into());
                }
                self.out.push(Tag::NIL_EXT.0);
            }
        }
        Ok(())
    }
}

macro_rules! small_integers {
    ($($method:ident $int:ty,)*) => {$(
        #[inline]
        fn $method(self, value: $int) -> Result<(), SerError> {
            write_integer(self.out, value.into());
            Ok(())
        }
    )*};
}

impl<'a, 'b> ser::Serializer for &'a mut Serializer<'b> {
    type Ok = ();
    type Error = SerError;
    type SerializeSeq = Counted<'a, 'b>;
    type SerializeTuple = Fields<'a, 'b>;
    type SerializeTupleStruct = Fields<'a, 'b>;
    type SerializeTupleVariant = Fields<'a, 'b>;
    type SerializeMap = Counted<'a, 'b>;
    type SerializeStruct = Struct<'a, 'b>;
    type SerializeStructVariant = Struct<'a, 'b>;

    fn is_human_readable(&self) -> bool {
        false
    }

    #[inline]
    fn serialize_bool(self, value: bool) -> Result<(), SerError> {
        write_atom(self.out, if value { "true" } else { "false" });
        Ok(())
    }

    small_integers! {
        serialize_i8 i8,
        serialize_i16 i16,
        serialize_i32 i32,
        serialize_i64 i64,
        serialize_u8 u8,
        serialize_u16 u16,
        serialize_u32 u32,
    }

    fn serialize_i128(self, value: i128) -> Result<(), SerError> {
        self.wide(value < 0, value.unsigned_abs());
        Ok(())
    }

    #[inline]
    fn serialize_u64(self, value: u64) -> Result<(), SerError> {
        match i64::try_from(value) {
            Ok(value) => write_integer(self.out, value),
            Err(_) => self.wide(false, value.into()),
        }
        Ok(())
    }

    fn serialize_u128(self, value: u128) -> Result<(), SerError> {
        self.wide(false, value);
        Ok(())
    }

    fn serialize_f32(self, value: f32) -> Result<(), SerError> {
        self.serialize_f64(value.into())
    }

    #[inline]
    fn serialize_f64(self, value: f64) -> Result<(), SerError> {
        Ok(write_float(self.out, value)?)
    }

    fn serialize_char(self, value: char) -> Result<(), SerError> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    #[inline]
    fn serialize_str(self, text: &str) -> Result<(), SerError> {
        match self.form {
            Form::Atom => self.atom(text),
            Form::Charlist => self.charlist(text),
            _ => Ok(write_binary(self.out, text.as_bytes())?),
        }
    }

    #[inline]
    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), SerError> {
        Ok(write_binary(self.out, bytes)?)
    }

    #[inline]
    fn serialize_none(self) -> Result<(), SerError> {
        self.absent();
        Ok(())
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), SerError> {
        match self.form {
            Form::Undefined => self.formed(Form::Plain, |this| value.serialize(this)),
            _ => value.serialize(self),
        }
    }

    fn serialize_unit(self) -> Result<(), SerError> {
        self.unit_at = Some(self.out.len());
        write_atom(self.out, "ok");
        Ok(())
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<(), SerError> {
        self.atom(name)
    }

    #[inline]
    fn serialize_unit_variant(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), SerError> {
        self.atom(variant_tag(name, variant))
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), SerError> {
        if handoff::is_reserved(name) {
            return self.announced(name, value);
        }
        value.serialize(self)
    }

    #[inline]
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
        self.formed(Form::Plain, |this| value.serialize(this))?;
        if name == "Result" && self.unit_at == Some(value_at) {
            // `Ok(())` is plain `:ok`.
            self.out.truncate(start);
            self.atom(tag)?;
        }
        Ok(())
    }

    #[inline]
    fn serialize_seq(self, len: Option<usize>) -> Result<Counted<'a, 'b>, SerError> {
        match self.form {
            Form::Set => Counted::open(self, Kind::Set, len),
            _ => Counted::open(self, Kind::List, len),
        }
    }

    #[inline]
    fn serialize_tuple(self, len: usize) -> Result<Fields<'a, 'b>, SerError> {
        write_tuple_header(self.out, len)?;
        Ok(Fields::new(self))
    }

    #[inline]
    fn serialize_tuple_struct(
        self,
        _: &'static str,
        len: usize,
    ) -> Result<Fields<'a, 'b>, SerError> {
        self.serialize_tuple(len)
    }

    #[inline]
    fn serialize_tuple_variant(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Fields<'a, 'b>, SerError> {
        self.tagged(variant_tag(name, variant), len)?;
        Ok(Fields::new(self))
    }

    #[inline]
    fn serialize_map(self, len: Option<usize>) -> Result<Counted<'a, 'b>, SerError> {
        match self.form {
            Form::Keyword => Counted::open(self, Kind::Keyword, len),
            Form::AtomKeys => Counted::open(self, Kind::AtomKeys, len),
            _ => Counted::open(self, Kind::Map, len),
        }
    }

    #[inline]
    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Struct<'a, 'b>, SerError> {
        if self.form == Form::Keyword {
            return Struct::keyword(self, len);
        }
        if name.starts_with(STRUCT_PREFIX) {
            write_map_header(self.out, len + 1)?;
            write_atom(self.out, STRUCT_KEY);
            self.atom(name)?;
            return Ok(Struct::map(self));
        }
        match RecordName::parse(name) {
            Some(record) => Struct::record(self, record, len),
            None => {
                write_map_header(self.out, len)?;
                Ok(Struct::map(self))
            }
        }
    }

    #[inline]
    fn serialize_struct_variant(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Struct<'a, 'b>, SerError> {
        self.tagged(variant_tag(name, variant), 1)?;
        write_map_header(self.out, len)?;
        Ok(Struct::map(self))
    }
}
