//! Enums: an atom, or a tuple that starts with one.

use serde::de::{self, DeserializeSeed, IntoDeserializer, Visitor};

use super::implied::Implied;
use super::seq::Elements;
use super::{DeError, Deserializer};
use crate::handoff::Form;

/// Rust's `Result` and its variants.
const RESULT: (&str, &[&str]) = ("Result", &["Ok", "Err"]);

impl<'de> Deserializer<'_, 'de> {
    #[inline]
    pub(super) fn variant<V: Visitor<'de>>(
        &mut self,
        name: &str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeError> {
        let start = self.reader.position();
        let found = self.tag()?;
        let fields = if found.is_atom() {
            None
        } else if found.is_tuple()
            && let Some(fields) = self.arity("a tuple")?.checked_sub(1)
        {
            Some(fields)
        } else {
            self.reader.back_to(start);
            return Err(self.unexpected("an atom, or a tuple that starts with one"));
        };
        self.nested(|this| {
            let result = name == RESULT.0 && RESULT.1.iter().all(|name| variants.contains(name));
            visitor.visit_enum(Variant { de: this, fields, variants, result, start })
        })
    }
}

/// An enum's variant.
struct Variant<'x, 'a, 'de> {
    de: &'x mut Deserializer<'a, 'de>,
    /// Elements behind the atom; `None` where it stands alone.
    fields: Option<usize>,
    variants: &'static [&'static str],
    /// Whether the enum is Rust's `Result`, of `:ok` and `:error`.
    result: bool,
    start: usize,
}

impl Variant<'_, '_, '_> {
    #[cold]
    fn shape_error(&self, expected: &str) -> DeError {
        let found = match self.fields {
            None => "the atom alone".to_owned(),
            Some(fields) => format!("a tuple of {}", fields + 1),
        };
        DeError::at(self.start, format!("expected {expected}, found {found}"))
    }
}

impl<'de> de::EnumAccess<'de> for Variant<'_, '_, 'de> {
    type Error = DeError;
    type Variant = Self;

    #[inline]
    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), DeError> {
        let at = self.de.reader.position();
        if let Some((_, name)) = self.de.token_name(self.variants, 0) {
            let variant = seed.deserialize(name.into_deserializer());
            return Ok((variant.map_err(|error: DeError| error.located(at))?, self));
        }
        if !self.de.tag()?.is_atom() {
            return Err(self.de.unexpected("an atom as the first element"));
        }
        let tag = self.de.atom_text()?;
        let name = match &*tag {
            "ok" if self.result => "Ok",
            "error" if self.result => "Err",
            name => name,
        };
        let variant = seed.deserialize(name.into_deserializer());
        Ok((variant.map_err(|error: DeError| error.located(at))?, self))
    }
}

impl<'de> de::VariantAccess<'de> for Variant<'_, '_, 'de> {
    type Error = DeError;

    #[inline]
    fn unit_variant(self) -> Result<(), DeError> {
        match self.fields {
            None => Ok(()),
            Some(_) => Err(self.shape_error("an atom alone")),
        }
    }

    #[inline]
    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, DeError> {
        match self.fields {
            Some(1) => self.de.inner(|_| ".1".into(), |de| seed.deserialize(de)),
            // `:ok` is `Ok(())`.
            None if self.result => seed.deserialize(Implied::Unit),
            _ => Err(self.shape_error("a tuple of 2")),
        }
    }

    #[inline]
    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, DeError> {
        if self.fields != Some(len) {
            return Err(self.shape_error(&format!("a tuple of {}", len + 1)));
        }
        visitor.visit_seq(&mut Elements { de: self.de, left: len, read: 1, tuple: true })
    }

    #[inline]
    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeError> {
        match self.fields {
            Some(1) => {
                let map = |de: &mut Deserializer<'_, 'de>| de.map(Form::Plain, visitor);
                self.de.inner(|_| ".1".into(), |de| de.named(fields, map))
            }
            _ => Err(self.shape_error("a tuple of the atom and a map")),
        }
    }
}
