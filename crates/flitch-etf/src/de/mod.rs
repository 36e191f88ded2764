//! Bytes straight into Rust's types, without a [`Term`](crate::Term) between.

mod access;
mod error;

use bytes::Bytes;
use serde::de::{self, Deserialize, DeserializeOwned, Visitor};

use access::{Bytewise, Elements, Pairs, Variant};
pub use error::DeError;

use crate::compressed::inflate;
use crate::handoff;
use crate::read::Reader;
use crate::ser::STRUCT_PREFIX;
use crate::{Limits, Tag, Term};

/// Levels of lists, maps and tuples in a typed value. A type that contains itself would else let
/// the sender choose how deep our stack goes.
const MAX_DEPTH: usize = 128;

/// A value from a term that stands alone. Strings and byte slices may be borrowed from `bytes`.
///
/// # Errors
/// The bytes are no term, or not one of this type: says where and what.
pub fn from_slice<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, DeError> {
    alone(Reader::new(bytes))
}

/// A value from a term that stands alone, compressed or not. [`Term`]s inside it share `bytes`.
///
/// # Errors
/// The bytes are no term, or not one of this type: says where and what.
pub fn from_bytes<T: DeserializeOwned>(bytes: &Bytes) -> Result<T, DeError> {
    match inflate(bytes, Limits::DEFAULT)? {
        Some(inflated) => alone(Reader::of_shared(&inflated)),
        None => alone(Reader::of_shared(bytes)),
    }
}

fn alone<'de, T: Deserialize<'de>>(mut reader: Reader<'de>) -> Result<T, DeError> {
    reader.version()?;
    let value = read_value(&mut reader)?;
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
    let start = reader.position();
    let mut deserializer = Deserializer { reader, depth: 0, options: 0 };
    T::deserialize(&mut deserializer).map_err(|error| error.located(start))
}

struct Deserializer<'a, 'de> {
    reader: &'a mut Reader<'de>,
    depth: usize,
    /// Options that have been opened since the last container: a type such as
    /// `struct Chain(Option<Box<Chain>>)` opens them for ever without reading a byte.
    options: usize,
}

impl<'de> Deserializer<'_, 'de> {
    /// Runs `read` one level deeper.
    fn nested<R>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<R, DeError>,
    ) -> Result<R, DeError> {
        if self.depth >= MAX_DEPTH {
            let message = format!("more levels than the limit of {MAX_DEPTH}");
            return Err(DeError::at(self.reader.position(), message));
        }
        self.depth += 1;
        let options = std::mem::take(&mut self.options);
        let result = read(self);
        self.options = options;
        self.depth -= 1;
        result
    }

    /// "expected an integer, found the atom :many", at the cursor.
    fn unexpected(&self, expected: &str) -> DeError {
        DeError::at(self.reader.position(), format!("expected {expected}, found {}", self.found()))
    }

    fn found(&self) -> String {
        let mut ahead = self.reader.fork();
        match ahead.peek() {
            Ok(tag) if is_atom(tag) => match ahead.atom() {
                Ok(atom) => format!("the atom {atom:?}"),
                Err(_) => "a broken atom".into(),
            },
            Ok(tag) => kind_of(tag).into(),
            Err(_) => "nothing".into(),
        }
    }

    fn atom_is(&mut self, text: &str) -> bool {
        let start = self.reader.position();
        let found = self.reader.atom_text().is_ok_and(|found| &*found == text);
        if !found {
            self.reader.back_to(start);
        }
        found
    }

    fn binary(&mut self, expected: &str) -> Result<&'de [u8], DeError> {
        if self.reader.peek()? != Tag::BINARY_EXT {
            return Err(self.unexpected(expected));
        }
        Ok(self.reader.binary_slice()?)
    }

    fn integer<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, DeError> {
        if !is_integer(self.reader.peek()?) {
            return Err(self.unexpected("an integer"));
        }
        let start = self.reader.position();
        let number = self.reader.number()?;
        let value = match &number {
            Term::Integer(value) => visitor.visit_i64(*value),
            Term::BigInt(big) => {
                match (u64::try_from(big.as_ref()), i128::try_from(big.as_ref())) {
                    (Ok(value), _) => visitor.visit_u64(value),
                    (_, Ok(value)) => visitor.visit_i128(value),
                    _ => match u128::try_from(big.as_ref()) {
                        Ok(value) => visitor.visit_u128(value),
                        Err(_) => Err(DeError::at(start, "an integer over 128 bits".into())),
                    },
                }
            }
            _ => Err(DeError::at(start, "expected an integer".into())),
        };
        value.map_err(|error| error.located(start))
    }

    fn float(&mut self) -> Result<f64, DeError> {
        let start = self.reader.position();
        match self.reader.peek()? {
            Tag::NEW_FLOAT_EXT | Tag::FLOAT_EXT => Ok(self.reader.float()?),
            // Elixir programs write 1 for 1.0; an integer that a float would round is refused.
            tag if is_integer(tag) => match self.reader.number()? {
                Term::Integer(value) if value.unsigned_abs() <= 1 << f64::MANTISSA_DIGITS => {
                    Ok(value as f64)
                }
                _ => Err(DeError::at(start, "an integer that no float holds exactly".into())),
            },
            _ => Err(self.unexpected("a float")),
        }
    }

    fn seq<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, DeError> {
        match self.reader.peek()? {
            Tag::NIL_EXT => {
                self.reader.tag()?;
                visitor.visit_seq(&mut Bytewise { bytes: &[], read: 0 })
            }
            Tag::STRING_EXT => {
                let start = self.reader.position();
                let mut bytes = Bytewise { bytes: self.reader.string_slice()?, read: 0 };
                let value = visitor.visit_seq(&mut bytes).map_err(|error| error.located(start))?;
                self.all_taken(bytes.bytes.len() - bytes.read, value)
            }
            Tag::LIST_EXT => {
                let len = self.reader.list()?;
                let value = self.elements(len, false, visitor)?;
                // C nodes write lists cell by cell; of an empty rest nothing has been read yet.
                while self.reader.peek()? == Tag::LIST_EXT && self.reader.fork().list()? == 0 {
                    self.reader.list()?;
                }
                if self.reader.peek()? != Tag::NIL_EXT {
                    return Err(self.unexpected("the end of a proper list"));
                }
                self.reader.tag()?;
                Ok(value)
            }
            _ => Err(self.unexpected("a list")),
        }
    }

    fn tuple<V: Visitor<'de>>(
        &mut self,
        len: Option<usize>,
        visitor: V,
    ) -> Result<V::Value, DeError> {
        let start = self.reader.position();
        if !is_tuple(self.reader.peek()?) {
            return Err(self.unexpected("a tuple"));
        }
        let arity = self.reader.tuple()?;
        match len {
            Some(len) if len != arity => {
                let message = format!("expected a tuple of {len}, found one of {arity}");
                Err(DeError::at(start, message))
            }
            _ => self.elements(arity, true, visitor),
        }
    }

    fn elements<V: Visitor<'de>>(
        &mut self,
        len: usize,
        tuple: bool,
        visitor: V,
    ) -> Result<V::Value, DeError> {
        self.nested(|this| {
            let mut elements = Elements { de: this, left: len, read: 0, tuple };
            let value = visitor.visit_seq(&mut elements)?;
            let left = elements.left;
            this.all_taken(left, value)
        })
    }

    fn all_taken<T>(&self, left: usize, value: T) -> Result<T, DeError> {
        if left > 0 {
            let message = format!("{left} more elements than expected");
            return Err(DeError::at(self.reader.position(), message));
        }
        Ok(value)
    }

    fn map<V: Visitor<'de>>(
        &mut self,
        struct_name: Option<&'static str>,
        visitor: V,
    ) -> Result<V::Value, DeError> {
        let start = self.reader.position();
        if self.reader.peek()? != Tag::MAP_EXT {
            return Err(self.unexpected("a map"));
        }
        let left = self.reader.map()?;
        self.nested(|this| {
            let mut pairs = Pairs { de: this, left, struct_name, found: false, key_at: start };
            let value = visitor.visit_map(&mut pairs)?;
            match (struct_name, pairs.found, pairs.left) {
                (Some(name), false, _) => Err(DeError::at(start, no_struct(name))),
                (_, _, 0) => Ok(value),
                (_, _, left) => {
                    let at = this.reader.position();
                    Err(DeError::at(at, format!("{left} more pairs than expected")))
                }
            }
        })
    }
}

fn no_struct(name: &str) -> String {
    format!("expected a %{}{{}}, found a map without __struct__", elixir_name(name))
}

fn elixir_name(name: &str) -> &str {
    name.strip_prefix(STRUCT_PREFIX).unwrap_or(name)
}

impl<'de> de::Deserializer<'de> for &mut Deserializer<'_, 'de> {
    type Error = DeError;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        match self.reader.peek()? {
            tag if is_integer(tag) => self.integer(visitor),
            Tag::NEW_FLOAT_EXT | Tag::FLOAT_EXT => visitor.visit_f64(self.float()?),
            tag if is_atom(tag) => match &*self.reader.atom_text()? {
                "true" => visitor.visit_bool(true),
                "false" => visitor.visit_bool(false),
                "nil" => visitor.visit_none(),
                text => visitor.visit_str(text),
            },
            Tag::BINARY_EXT => {
                let bytes = self.reader.binary_slice()?;
                match std::str::from_utf8(bytes) {
                    Ok(text) => visitor.visit_borrowed_str(text),
                    Err(_) => visitor.visit_borrowed_bytes(bytes),
                }
            }
            tag if is_tuple(tag) => self.tuple(None, visitor),
            Tag::MAP_EXT => self.map(None, visitor),
            Tag::NIL_EXT | Tag::STRING_EXT | Tag::LIST_EXT => self.seq(visitor),
            _ => Err(self.unexpected("a value of Rust's")),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        if self.atom_is("true") {
            visitor.visit_bool(true)
        } else if self.atom_is("false") {
            visitor.visit_bool(false)
        } else {
            Err(self.unexpected("a boolean"))
        }
    }

    fn deserialize_i8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        self.integer(visitor)
    }

    fn deserialize_i16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        self.integer(visitor)
    }

    fn deserialize_i32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        self.integer(visitor)
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        self.integer(visitor)
    }

    fn deserialize_i128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        self.integer(visitor)
    }

    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        self.integer(visitor)
    }

    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        self.integer(visitor)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        self.integer(visitor)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        self.integer(visitor)
    }

    fn deserialize_u128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        self.integer(visitor)
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        let start = self.reader.position();
        let value = self.float()?;
        // serde would make an infinity of it.
        if (value as f32).is_infinite() {
            return Err(DeError::at(start, format!("{value:e} is no 32-bit float")));
        }
        visitor.visit_f64(value)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        visitor.visit_f64(self.float()?)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        let start = self.reader.position();
        let bytes = self.binary("a string")?;
        match std::str::from_utf8(bytes) {
            Ok(text) => visitor.visit_borrowed_str(text),
            Err(_) => Err(DeError::at(start, "expected a string, found bytes not in UTF-8".into())),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        visitor.visit_borrowed_bytes(self.binary("a binary")?)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        if self.atom_is("nil") {
            return visitor.visit_none();
        }
        if self.options >= MAX_DEPTH {
            let message = format!("more options inside options than the limit of {MAX_DEPTH}");
            return Err(DeError::at(self.reader.position(), message));
        }
        self.options += 1;
        let value = visitor.visit_some(&mut *self);
        self.options -= 1;
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
            visitor.visit_unit()
        } else {
            Err(self.unexpected(&format!("the atom :{name:?}")))
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DeError> {
        if name != handoff::NAME {
            return visitor.visit_newtype_struct(self);
        }
        handoff::put(self.reader.term()?);
        visitor.visit_unit()
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        self.seq(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, DeError> {
        self.tuple(Some(len), visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, DeError> {
        self.tuple(Some(len), visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        self.map(None, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeError> {
        self.map(name.starts_with(STRUCT_PREFIX).then_some(name), visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeError> {
        let start = self.reader.position();
        let found = self.reader.peek()?;
        let fields = if is_atom(found) {
            None
        } else if is_tuple(found) && self.reader.fork().tuple()? > 0 {
            Some(self.reader.tuple()? - 1)
        } else {
            return Err(self.unexpected("an atom, or a tuple that starts with one"));
        };
        self.nested(|this| {
            let result = name == RESULT.0 && RESULT.1.iter().all(|name| variants.contains(name));
            visitor.visit_enum(Variant { de: this, fields, result, start })
        })
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        match self.reader.peek()? {
            tag if is_atom(tag) => visitor.visit_str(&self.reader.atom_text()?),
            Tag::BINARY_EXT => self.deserialize_str(visitor),
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

/// Rust's `Result` and its variants.
const RESULT: (&str, &[&str]) = ("Result", &["Ok", "Err"]);

fn is_integer(tag: Tag) -> bool {
    matches!(
        tag,
        Tag::SMALL_INTEGER_EXT | Tag::INTEGER_EXT | Tag::SMALL_BIG_EXT | Tag::LARGE_BIG_EXT
    )
}

fn is_tuple(tag: Tag) -> bool {
    matches!(tag, Tag::SMALL_TUPLE_EXT | Tag::LARGE_TUPLE_EXT)
}

fn is_atom(tag: Tag) -> bool {
    matches!(
        tag,
        Tag::SMALL_ATOM_UTF8_EXT
            | Tag::ATOM_UTF8_EXT
            | Tag::SMALL_ATOM_EXT
            | Tag::ATOM_EXT
            | Tag::ATOM_CACHE_REF
    )
}

fn kind_of(tag: Tag) -> &'static str {
    match tag {
        tag if is_integer(tag) => "an integer",
        tag if is_tuple(tag) => "a tuple",
        Tag::NEW_FLOAT_EXT | Tag::FLOAT_EXT => "a float",
        Tag::BINARY_EXT => "a binary",
        Tag::BIT_BINARY_EXT => "a bit string",
        Tag::NIL_EXT | Tag::STRING_EXT | Tag::LIST_EXT => "a list",
        Tag::MAP_EXT => "a map",
        Tag::NEW_PID_EXT | Tag::PID_EXT => "a pid",
        Tag::V4_PORT_EXT | Tag::NEW_PORT_EXT | Tag::PORT_EXT => "a port",
        Tag::NEWER_REFERENCE_EXT | Tag::NEW_REFERENCE_EXT | Tag::REFERENCE_EXT => "a reference",
        Tag::NEW_FUN_EXT | Tag::EXPORT_EXT => "a function",
        _ => "an unknown term",
    }
}
