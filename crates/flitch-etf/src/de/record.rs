//! Native records of OTP 29.

use serde::de::{self, DeserializeSeed, Visitor};

use super::map::key_step;
use super::{DeError, Deserializer};
use crate::Tag;
use crate::handoff::Form;
use crate::record_head::RecordName;

impl<'de> Deserializer<'_, 'de> {
    /// The fields of a record; of this one, if one is named.
    pub(super) fn record<V: Visitor<'de>>(
        &mut self,
        wanted: Option<RecordName<'_>>,
        keys: Form,
        visitor: V,
    ) -> Result<V::Value, DeError> {
        if self.tag()? != Tag::RECORD_EXT {
            return Err(self.not_the_record(wanted));
        }
        let start = self.reader.position();
        let head = self.reader.record_head()?;
        if let Some(wanted) = wanted
            && (head.module != *wanted.module || head.name != *wanted.name)
        {
            self.reader.back_to(start);
            return Err(self.not_the_record(Some(wanted)));
        }
        self.nested(|this| {
            let (left, names_at) = (head.fields, head.names_at);
            let mut fields = Fields { de: this, left, keys, names_at, name_at: names_at };
            let value = visitor.visit_map(&mut fields)?;
            match fields.left {
                0 => Ok(value),
                left => Err(this.untaken(left)),
            }
        })
    }

    #[cold]
    fn not_the_record(&self, wanted: Option<RecordName<'_>>) -> DeError {
        match wanted {
            Some(wanted) => self.unexpected(&format!("a record {wanted}")),
            None => self.unexpected("a record"),
        }
    }
}

/// The fields of a record: the cursor is among the values, and goes back for each name.
struct Fields<'x, 'a, 'de> {
    de: &'x mut Deserializer<'a, 'de>,
    left: usize,
    keys: Form,
    /// Where the next name stands.
    names_at: usize,
    /// Where the last one stands.
    name_at: usize,
}

impl<'de> de::MapAccess<'de> for &mut Fields<'_, '_, 'de> {
    type Error = DeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, DeError> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        self.name_at = self.names_at;
        let values_at = self.de.reader.position();
        self.de.reader.back_to(self.names_at);
        let key = self.de.formed(self.keys, |de| seed.deserialize(de));
        self.names_at = self.de.reader.position();
        self.de.reader.back_to(values_at);
        key.map(Some).map_err(|error| error.located(self.name_at))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, DeError> {
        let name_at = self.name_at;
        self.de.inner(|de| key_step(de.reader.fork_at(name_at)), |de| seed.deserialize(de))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}
