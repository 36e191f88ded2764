//! The heads of rarer terms: floats, bit strings, funs and native records.

use super::build::Build;
use super::meter::Meter;
use crate::error::DecodeErrorKind as Kind;
use crate::term::{Definition, Seq};
use crate::{BitString, DecodeError, Fun, Reader, Tag, Term};

impl Reader<'_> {
    /// A float, as eight bytes or as text.
    ///
    /// # Errors
    /// Another term, or no finite number.
    #[inline]
    pub fn float(&mut self) -> Result<f64, DecodeError> {
        let offset = self.position();
        let value = match self.expect("a float", Tag::is_float)? {
            Tag::NEW_FLOAT_EXT => Some(f64::from_bits(self.u64("float")?)),
            _ => {
                // 31 bytes of text, filled up with NUL.
                let text = self.take(31, "text of a float")?;
                let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
                std::str::from_utf8(text).ok().and_then(|text| text.trim().parse().ok())
            }
        };
        let value = value.filter(|value| value.is_finite());
        value.ok_or(DecodeError { offset, kind: Kind::Float })
    }

    pub(super) fn bit_string(&mut self, meter: &mut Meter) -> Result<Term, DecodeError> {
        let offset = self.position();
        self.tag()?;
        let len = self.u32("length of a bit string")? as usize;
        let bits = self.u8("bits of the last byte")?;
        meter.take_copy(self, len)?;
        let bytes = self.binary(len)?;
        if bits == 8 && len > 0 {
            return Ok(Term::Binary(bytes));
        }
        // Unpatched BEAMs write outside the heap here (CVE-2026-54890).
        let invalid = Kind::Invalid("a bit string of no bytes, or without 1 to 8 bits in the last");
        let bits = BitString::new(bytes, bits);
        bits.map(Term::from).ok_or(DecodeError { offset, kind: invalid })
    }

    /// A fun behind its tag, up to its free variables, and how many of these follow.
    pub(super) fn fun(&mut self, build: &mut Build) -> Result<(Box<Fun>, usize), DecodeError> {
        build.meter.take_memory(self, 16 + size_of::<Fun>())?;
        // The fields say it too, and a BEAM does not look at it either: a size that lies must not
        // make one reader end elsewhere than another.
        self.u32("size of a fun")?;
        let arity = self.u8("arity of a fun")?;
        let uniq = self.array("uniq of a fun")?;
        let index = self.u32("index of a fun")?;
        let free = self.u32("free variables of a fun")? as usize;
        let module = self.atom()?;
        let old_index = self.old("old index of a fun")?;
        let old_uniq = self.old("old uniq of a fun")?;
        let pid = self.pid()?;
        let fun =
            Fun { arity, uniq, index, module, old_index, old_uniq, pid, free: Seq::default() };
        Ok((Box::new(fun), free))
    }

    fn old(&mut self, what: &'static str) -> Result<i32, DecodeError> {
        let value = self.integer()?;
        i32::try_from(value).map_err(|_| self.error(Kind::Invalid(what)))
    }

    /// A native record behind its tag, up to its values. The records of one list share their
    /// definition.
    pub(super) fn definition(&mut self, build: &mut Build) -> Result<Definition, DecodeError> {
        let offset = self.position() - 1;
        let (count, exported) = self.record_start()?;
        let behind_flags = self.position();
        if let Some(known) = &build.definition {
            let same = known.fields().len() == count
                && known.exported() == exported
                && self.skip_if(known.module())
                && self.skip_if(known.name())
                && known.fields().iter().all(|field| self.skip_if(field));
            if same {
                return Ok(known.clone());
            }
            self.back_to(behind_flags);
        }
        let (module, name) = (self.atom()?, self.atom()?);
        build.meter.take_memory(self, (count + 3) * size_of::<crate::Atom>())?;
        let fields = (0..count).map(|_| self.atom()).collect::<Result<Vec<_>, _>>()?;
        let definition = Definition::new(module, name, exported, fields);
        let twice = Kind::Invalid("a record with a field twice");
        let definition = definition.ok_or(DecodeError { offset, kind: twice })?;
        build.definition = Some(definition.clone());
        Ok(definition)
    }
}
