//! What serde writes elements, pairs and fields to.

use serde::ser::{self, Serialize};

use super::{MAPSET, MAPSET_KEY, STRUCT_KEY, SerError, Serializer};
use crate::encode::{write_atom, write_list_header, write_map_header, write_tuple_header};
use crate::handoff::Form;
use crate::record_head::{RecordName, write_record_head};
use crate::{EncodeError, Tag, write_integer};

/// Bytes that a count alone makes room for.
const MOST_RESERVED: usize = 1 << 20;

/// What is opened with a count.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Kind {
    List,
    Map,
    /// A map with atoms for text keys.
    AtomKeys,
    /// A list of pairs.
    Keyword,
    /// A map inside a struct, with the elements as keys.
    Set,
}

/// A list or map whose count is known only at its end.
pub(super) struct Counted<'a, 'b> {
    serializer: &'a mut Serializer<'b>,
    /// Where the count stands.
    count_at: usize,
    count: usize,
    kind: Kind,
    form: Form,
}

impl<'a, 'b> Counted<'a, 'b> {
    #[inline]
    pub(super) fn open(
        serializer: &'a mut Serializer<'b>,
        kind: Kind,
        len: Option<usize>,
    ) -> Result<Self, SerError> {
        let len = len.unwrap_or_default();
        let out = &mut *serializer.out;
        match kind {
            Kind::List | Kind::Keyword => write_list_header(out, len)?,
            Kind::Map | Kind::AtomKeys => write_map_header(out, len)?,
            Kind::Set => {
                write_map_header(out, 2 + usize::from(serializer.layout.mapset_version))?;
                write_atom(out, STRUCT_KEY);
                write_atom(out, MAPSET);
                write_atom(out, MAPSET_KEY);
                write_map_header(out, len)?;
            }
        }
        let count_at = out.len() - 4;
        // Two bytes hold the smallest integers; whoever counts wrongly does not get it all.
        out.reserve(len.saturating_mul(2).min(MOST_RESERVED));
        let form = std::mem::take(&mut serializer.form);
        Ok(Self { serializer, count_at, count: 0, kind, form })
    }

    #[inline]
    fn finish(self) -> Result<(), SerError> {
        let max = u32::MAX as usize;
        let count = u32::try_from(self.count).map_err(|_| EncodeError::Count {
            what: "sequence",
            count: self.count,
            max,
        })?;
        self.serializer.form = self.form;
        let (out, at) = (&mut *self.serializer.out, self.count_at);
        let is_list = matches!(self.kind, Kind::List | Kind::Keyword);
        if is_list && count == 0 {
            // A LIST_EXT of nothing is written by no BEAM.
            out.truncate(at - 1);
            out.push(Tag::NIL_EXT.0);
            return Ok(());
        }
        if let Some(field) = out.get_mut(at..at + 4) {
            field.copy_from_slice(&count.to_be_bytes());
        }
        if is_list {
            out.push(Tag::NIL_EXT.0);
        }
        if self.kind == Kind::Set && self.serializer.layout.mapset_version {
            write_atom(out, "version");
            write_integer(out, 2);
        }
        Ok(())
    }
}

impl ser::SerializeSeq for Counted<'_, '_> {
    type Ok = ();
    type Error = SerError;

    #[inline]
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerError> {
        self.count += 1;
        value.serialize(&mut *self.serializer)?;
        if self.kind == Kind::Set {
            self.serializer.out.push(Tag::NIL_EXT.0);
        }
        Ok(())
    }

    #[inline]
    fn end(self) -> Result<(), SerError> {
        self.finish()
    }
}

impl ser::SerializeMap for Counted<'_, '_> {
    type Ok = ();
    type Error = SerError;

    #[inline]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), SerError> {
        self.count += 1;
        match self.kind {
            Kind::Keyword => {}
            Kind::AtomKeys => {
                return self.serializer.formed(Form::Atom, |this| key.serialize(this));
            }
            _ => return key.serialize(&mut *self.serializer),
        }
        write_tuple_header(self.serializer.out, 2)?;
        let key_at = self.serializer.out.len();
        self.serializer.formed(Form::Atom, |this| key.serialize(this))?;
        match self.serializer.out.get(key_at).map(|tag| Tag(*tag)) {
            Some(Tag::SMALL_ATOM_UTF8_EXT | Tag::ATOM_UTF8_EXT) => Ok(()),
            _ => Err(ser::Error::custom("a key of a keyword list that is no text and no atom")),
        }
    }

    #[inline]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerError> {
        value.serialize(&mut *self.serializer)
    }

    #[inline]
    fn end(self) -> Result<(), SerError> {
        self.finish()
    }
}

/// The elements of a tuple, whose count is already written.
pub(super) struct Fields<'a, 'b> {
    serializer: &'a mut Serializer<'b>,
    form: Form,
}

impl<'a, 'b> Fields<'a, 'b> {
    #[inline]
    pub(super) fn new(serializer: &'a mut Serializer<'b>) -> Self {
        let form = std::mem::take(&mut serializer.form);
        Self { serializer, form }
    }
}

macro_rules! elements {
    ($($kind:ident::$method:ident),*) => {$(
        impl ser::$kind for Fields<'_, '_> {
            type Ok = ();
            type Error = SerError;

            #[inline]
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerError> {
                value.serialize(&mut *self.serializer)
            }

            #[inline]
            fn end(self) -> Result<(), SerError> {
                self.serializer.form = self.form;
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

/// The fields of a struct, whose count is already written.
pub(super) struct Struct<'a, 'b> {
    serializer: &'a mut Serializer<'b>,
    form: Form,
    shape: Shape,
}

enum Shape {
    Map,
    Keyword,
    /// Names come before all values: they are put there at the end.
    Record {
        values_at: usize,
        names: Vec<&'static str>,
    },
}

impl<'a, 'b> Struct<'a, 'b> {
    #[inline]
    fn new(serializer: &'a mut Serializer<'b>, shape: Shape) -> Self {
        let form = std::mem::take(&mut serializer.form);
        Self { serializer, form, shape }
    }

    #[inline]
    pub(super) fn map(serializer: &'a mut Serializer<'b>) -> Self {
        Self::new(serializer, Shape::Map)
    }

    pub(super) fn keyword(
        serializer: &'a mut Serializer<'b>,
        len: usize,
    ) -> Result<Self, SerError> {
        if len > 0 {
            write_list_header(serializer.out, len)?;
        }
        Ok(Self::new(serializer, Shape::Keyword))
    }

    pub(super) fn record(
        serializer: &'a mut Serializer<'b>,
        name: RecordName<'_>,
        len: usize,
    ) -> Result<Self, SerError> {
        write_record_head(serializer.out, name, len)?;
        let values_at = serializer.out.len();
        Ok(Self::new(serializer, Shape::Record { values_at, names: Vec::with_capacity(len) }))
    }

    #[inline]
    fn field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), SerError> {
        match &mut self.shape {
            Shape::Map => self.serializer.atom(key)?,
            Shape::Keyword => {
                write_tuple_header(self.serializer.out, 2)?;
                self.serializer.atom(key)?;
            }
            Shape::Record { names, .. } => names.push(key),
        }
        value.serialize(&mut *self.serializer)
    }

    #[inline]
    fn finish(self) -> Result<(), SerError> {
        self.serializer.form = self.form;
        match self.shape {
            Shape::Map => {}
            Shape::Keyword => self.serializer.out.push(Tag::NIL_EXT.0),
            Shape::Record { values_at, names } => {
                let names_at = self.serializer.out.len();
                for name in names {
                    self.serializer.atom(name)?;
                }
                let out = &mut *self.serializer.out;
                let names = out.len() - names_at;
                if let Some(fields) = out.get_mut(values_at..) {
                    fields.rotate_right(names);
                }
                // Values have moved: none stands where a `()` was written.
                self.serializer.unit_at = None;
            }
        }
        Ok(())
    }
}

macro_rules! fields {
    ($($kind:ident),*) => {$(
        impl ser::$kind for Struct<'_, '_> {
            type Ok = ();
            type Error = SerError;

            #[inline]
            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<(), SerError> {
                self.field(key, value)
            }

            #[inline]
            fn end(self) -> Result<(), SerError> {
                self.finish()
            }
        }
    )*};
}
fields!(SerializeStruct, SerializeStructVariant);
