//! What each of serde's types is on the wire.

use std::borrow::Cow;

use serde::de::{self, Visitor};

use super::token::atom_named;
use super::{DeError, Deserializer, MAX_DEPTH};
use crate::handoff::{self, Form, Handed};
use crate::record_head::RecordName;
use crate::ser::STRUCT_PREFIX;
use crate::{Atom, Tag};

impl<'de> Deserializer<'_, 'de> {
    #[inline]
    fn visit_atom<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, DeError> {
        match self.atom_text()? {
            Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
            Cow::Owned(text) => visitor.visit_str(&text),
        }
    }

    /// An atom as such. Its visitor checks the text, unless it knows the atom.
    #[inline(always)]
    fn handed_atom<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, DeError> {
        match self.token_atom() {
            Some((text, rest)) => {
                self.reader.advance_to(rest);
                visitor.visit_bytes(text)
            }
            None => self.other_atom(visitor),
        }
    }

    #[inline(never)]
    fn other_atom<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, DeError> {
        match self.tag()? {
            // A long one of the header's is shared with it.
            Tag::ATOM_CACHE_REF => {
                handoff::put(Handed::Atom(self.reader.atom()?));
                visitor.visit_unit()
            }
            tag if tag.is_atom() => self.visit_atom(visitor),
            _ => Err(self.unexpected("an atom")),
        }
    }

    /// What a reserved newtype announces, if it is no atom.
    #[inline(never)]
    fn announced<V: Visitor<'de>>(
        &mut self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DeError> {
        let tag = self.tag()?;
        let handed = match name {
            handoff::PID => match tag {
                Tag::NEW_PID_EXT | Tag::PID_EXT => Handed::Pid(self.reader.pid()?),
                _ => return Err(self.unexpected("a pid")),
            },
            handoff::REFERENCE => match tag {
                Tag::NEWER_REFERENCE_EXT | Tag::NEW_REFERENCE_EXT | Tag::REFERENCE_EXT => {
                    Handed::Reference(self.reader.reference()?)
                }
                _ => return Err(self.unexpected("a reference")),
            },
            handoff::PORT => match tag {
                Tag::V4_PORT_EXT | Tag::NEW_PORT_EXT | Tag::PORT_EXT => {
                    Handed::Port(self.reader.port()?)
                }
                _ => return Err(self.unexpected("a port")),
            },
            handoff::BINARY if tag == Tag::BINARY_EXT => {
                self.reader.tag()?;
                let len = self.reader.u32("length of a binary")?;
                Handed::Binary(self.reader.binary(len as usize)?)
            }
            handoff::BINARY => return Err(self.unexpected("a binary")),
            handoff::INTEGER if tag.is_integer() => Handed::Term(self.reader.number()?),
            handoff::INTEGER => return Err(self.unexpected("an integer")),
            handoff::TERM => Handed::Term(self.reader.term()?),
            _ => {
                let form = Form::announced(name).unwrap_or_default();
                return self.formed(form, |this| visitor.visit_newtype_struct(this));
            }
        };
        handoff::put(handed);
        visitor.visit_unit()
    }

    /// Text that was announced as something else than a binary.
    #[inline(never)]
    fn formed_text<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, DeError> {
        match self.pending.form {
            Form::Charlist => match self.charlist()? {
                Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
                Cow::Owned(text) => visitor.visit_string(text),
            },
            Form::Atom if self.tag()?.is_atom() => self.visit_atom(visitor),
            _ => visitor.visit_borrowed_str(self.text()?),
        }
    }
}

macro_rules! integers {
    ($($method:ident $signed:literal,)*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
            self.integer::<$signed, V>(visitor)
        }
    )*};
}

impl<'de> de::Deserializer<'de> for &mut Deserializer<'_, 'de> {
    type Error = DeError;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        match self.pending.form {
            Form::Keyword => return self.keyword(None, visitor),
            Form::Set => return self.set(visitor),
            Form::Charlist => return self.formed_text(visitor),
            Form::Plain | Form::Undefined | Form::Atom | Form::AtomKeys => {}
        }
        match self.tag()? {
            tag if tag.is_integer() => self.integer::<false, V>(visitor),
            Tag::NEW_FLOAT_EXT | Tag::FLOAT_EXT => visitor.visit_f64(self.float()?),
            tag if tag.is_atom() => match self.atom_text()? {
                text if text == "true" => visitor.visit_bool(true),
                text if text == "false" => visitor.visit_bool(false),
                text if text == self.absence() => visitor.visit_none(),
                Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
                Cow::Owned(text) => visitor.visit_str(&text),
            },
            Tag::BINARY_EXT => {
                let bytes = self.binary("a binary")?;
                match std::str::from_utf8(bytes) {
                    Ok(text) => visitor.visit_borrowed_str(text),
                    Err(_) => visitor.visit_borrowed_bytes(bytes),
                }
            }
            tag if tag.is_tuple() => self.tuple(None, visitor),
            // Whoever asks for anything takes keys as text: serde_json's objects have no others.
            Tag::MAP_EXT | Tag::RECORD_EXT => self.map(Form::Atom, visitor),
            Tag::NIL_EXT | Tag::STRING_EXT | Tag::LIST_EXT => self.seq(visitor),
            _ => Err(self.unexpected("a value of Rust's")),
        }
    }

    #[inline]
    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        if self.atom_is("true") {
            visitor.visit_bool(true)
        } else if self.atom_is("false") {
            visitor.visit_bool(false)
        } else {
            Err(self.unexpected("a boolean"))
        }
    }

    integers! {
        deserialize_i8 true,
        deserialize_i16 true,
        deserialize_i32 true,
        deserialize_i64 true,
        deserialize_i128 true,
        deserialize_u8 false,
        deserialize_u16 false,
        deserialize_u32 false,
        deserialize_u64 false,
        deserialize_u128 false,
    }

    #[inline]
    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        let start = self.reader.position();
        let value = self.float()?;
        // serde would make an infinity of it.
        if (value as f32).is_infinite() {
            return Err(DeError::at(start, format!("{value:e} is no 32-bit float")));
        }
        visitor.visit_f64(value)
    }

    #[inline]
    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        visitor.visit_f64(self.float()?)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        self.deserialize_str(visitor)
    }

    #[inline]
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        if self.pending.form != Form::Plain {
            return self.formed_text(visitor);
        }
        visitor.visit_borrowed_str(self.text()?)
    }

    #[inline]
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        self.deserialize_str(visitor)
    }

    #[inline]
    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        visitor.visit_borrowed_bytes(self.bytes()?)
    }

    #[inline]
    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        match self.tag()? {
            // A list of more bytes than a STRING_EXT has.
            Tag::LIST_EXT => self.seq(visitor),
            _ => visitor.visit_borrowed_bytes(self.bytes()?),
        }
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        if self.atom_is(self.absence()) {
            return visitor.visit_none();
        }
        if self.pending.options >= MAX_DEPTH {
            return Err(self.too_deep("options inside options"));
        }
        let before = self.pending;
        self.pending.options += 1;
        if before.form == Form::Undefined {
            self.pending.form = Form::Plain;
        }
        let value = visitor.visit_some(&mut *self);
        self.pending = before;
        value
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        if self.atom_is("ok") { visitor.visit_unit() } else { Err(self.unexpected("the atom :ok")) }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DeError> {
        if self.atom_is(name) {
            return visitor.visit_unit();
        }
        match Atom::new(name) {
            Ok(name) => Err(self.unexpected(&atom_named(&name))),
            Err(_) => Err(self.unexpected("an atom longer than any")),
        }
    }

    /// The name is known where this is called, so that one way is left there.
    #[inline(always)]
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DeError> {
        match name {
            handoff::ATOM => self.handed_atom(visitor),
            name if handoff::is_reserved(name) => self.announced(name, visitor),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    #[inline]
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        match self.pending.form {
            Form::Keyword => self.keyword_seq(visitor),
            Form::Set => self.set(visitor),
            _ => self.seq(visitor),
        }
    }

    #[inline]
    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, DeError> {
        self.tuple(Some(len), visitor)
    }

    #[inline]
    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, DeError> {
        self.tuple(Some(len), visitor)
    }

    #[inline]
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        match self.pending.form {
            Form::Keyword => self.keyword(None, visitor),
            Form::AtomKeys => self.map(Form::Atom, visitor),
            _ => self.map(Form::Plain, visitor),
        }
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeError> {
        if self.pending.form == Form::Keyword {
            self.keyword(Some(fields), visitor)
        } else if name.starts_with(STRUCT_PREFIX) {
            self.named(fields, |this| this.elixir_struct(name, visitor))
        } else if let Some(record) = RecordName::parse(name) {
            self.named(fields, |this| this.record(Some(record), Form::Plain, visitor))
        } else {
            self.named(fields, |this| this.map(Form::Plain, visitor))
        }
    }

    #[inline]
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeError> {
        self.variant(name, variants, visitor)
    }

    #[inline]
    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        if let Some((index, name)) = self.token_name(self.names.all, self.names.next) {
            self.names.next = index + 1;
            return visitor.visit_borrowed_str(name);
        }
        match self.tag()? {
            tag if tag.is_atom() => self.visit_atom(visitor),
            Tag::BINARY_EXT => visitor.visit_borrowed_str(self.text()?),
            // A key that can be no field: whoever asks does not know it.
            _ => {
                self.reader.skip()?;
                visitor.visit_borrowed_bytes(&[])
            }
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        self.reader.skip()?;
        visitor.visit_unit()
    }
}
