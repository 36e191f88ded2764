//! RECORD_EXT: the native records of OTP 29.
//!
//! tag 67, u32 count of fields, u8 flags (bit 0: exported), module, name, the names of the fields,
//! and then their values in the same order.

use std::fmt;

use crate::encode::write_counted;
use crate::error::DecodeErrorKind as Kind;
use crate::{Atom, DecodeError, EncodeError, Reader, SerError, Tag, Term, text};

/// The only bit that the flags have.
const EXPORTED: u8 = 1;

/// What stands before the values of a record.
pub(crate) struct RecordHead {
    /// The module that defines it.
    pub(crate) module: Atom,
    /// Its name there.
    pub(crate) name: Atom,
    /// How many fields it has.
    pub(crate) fields: usize,
    /// Where the names of the fields start: atoms, one behind the other.
    pub(crate) names_at: usize,
}

impl Reader<'_> {
    /// Opens a record: the cursor then stands before the value of the first field. The names are
    /// read again, where they are wanted, by a cursor at [`RecordHead::names_at`].
    ///
    /// # Errors
    /// Another term, fewer bytes than names and values, flags that OTP refuses too, or a name that
    /// is no atom.
    pub(crate) fn record_head(&mut self) -> Result<RecordHead, DecodeError> {
        self.expect("a record", |tag| tag == Tag::RECORD_EXT)?;
        let (fields, _) = self.record_start()?;
        let (module, name) = (self.atom()?, self.atom()?);
        let names_at = self.position();
        for _ in 0..fields {
            self.atom_text()?;
        }
        self.fits(fields, 1)?;
        Ok(RecordHead { module, name, fields, names_at })
    }

    /// The count of fields behind the tag, and whether the record is exported.
    pub(crate) fn record_start(&mut self) -> Result<(usize, bool), DecodeError> {
        let count = self.u32("fields of a record")? as usize;
        let offset = self.position();
        let flags = self.u8("flags of a record")?;
        if flags & !EXPORTED != 0 {
            let kind = Kind::Invalid("a record with unknown flags");
            return Err(DecodeError { offset, kind });
        }
        // Each field has a name, of two bytes at least, and a value.
        Ok((self.fits(count, 3)?, flags == EXPORTED))
    }
}

/// The name of a Rust struct that is a record: `#shop:item`, `#'Elixir.Shop':item`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct RecordName<'a> {
    pub(crate) module: &'a str,
    pub(crate) name: &'a str,
}

impl<'a> RecordName<'a> {
    /// The module and name in `text`, if it is written as Erlang writes them. Quotes may stand
    /// around either and are needed around none.
    #[inline]
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let text = text.strip_prefix('#')?;
        let (module, name) = match text.strip_prefix('\'') {
            Some(quoted) => quoted.split_once("':")?,
            None => text.split_once(':')?,
        };
        let name = name.strip_prefix('\'').and_then(|name| name.strip_suffix('\'')).unwrap_or(name);
        Some(Self { module, name })
    }
}

/// Writes the head of an exported record up to the names of its fields.
///
/// # Errors
/// A module or name that is no atom, or more fields than the format can count.
pub(crate) fn write_record_head(
    out: &mut Vec<u8>,
    record: RecordName<'_>,
    fields: usize,
) -> Result<(), SerError> {
    let (module, name) = (Atom::new(record.module)?, Atom::new(record.name)?);
    Ok(write_record_start(out, fields, true, [&module, &name])?)
}

/// Writes a record up to the names of its fields.
///
/// # Errors
/// More fields than the format can count.
pub(crate) fn write_record_start(
    out: &mut Vec<u8>,
    fields: usize,
    exported: bool,
    names: [&Atom; 2],
) -> Result<(), EncodeError> {
    write_counted(out, Tag::RECORD_EXT, "record", fields)?;
    out.push(if exported { EXPORTED } else { 0 });
    names.into_iter().for_each(|name| name.write_to(out));
    Ok(())
}

/// As Erlang writes it, for messages.
impl fmt::Display for RecordName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = |text: &str| match Atom::new(text) {
            Ok(atom) => text::erlang(&Term::Atom(atom)).to_string(),
            Err(_) => text.to_owned(),
        };
        write!(f, "#{}:{}", quoted(self.module), quoted(self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ITEM: &[u8] = &[
        67, 0, 0, 0, 2, 1, 119, 4, b's', b'h', b'o', b'p', 119, 4, b'i', b't', b'e', b'm', 119, 1,
        b'a', 119, 1, b'b', 97, 1, 97, 2,
    ];

    #[test]
    fn the_cursor_stops_before_the_first_value_and_finds_the_names_again() {
        let mut reader = Reader::new(ITEM);
        let head = reader.record_head().unwrap();
        let named = (head.module.as_str(), head.name.as_str(), head.fields);
        assert_eq!(named, ("shop", "item", 2));
        let mut names = reader.fork_at(head.names_at);
        assert_eq!([names.atom().unwrap(), names.atom().unwrap()], ["a", "b"]);
        assert_eq!(names.position(), reader.position());
        assert_eq!([reader.integer().unwrap(), reader.integer().unwrap()], [1, 2]);
    }

    #[test]
    fn a_count_that_the_bytes_cannot_hold_and_flags_that_otp_refuses_are_errors() {
        let with = |at: usize, byte: u8| {
            let mut bytes = ITEM.to_vec();
            bytes[at] = byte;
            Reader::new(&bytes).record_head().map(|head| head.fields).map_err(|error| error.kind)
        };
        assert_eq!(with(1, 255), Err(Kind::Count { count: 0xff00_0002, left: 22 }));
        let name = Kind::Unexpected { expected: "an atom", found: Tag::SMALL_INTEGER_EXT };
        assert_eq!(with(4, 4), Err(name), "a value where a name should stand");
        assert_eq!(with(5, 2), Err(Kind::Invalid("a record with unknown flags")));
        assert_eq!(with(5, 0), Ok(2));
        for end in 0..ITEM.len() - 3 {
            assert!(Reader::new(&ITEM[..end]).record_head().is_err(), "{end}");
        }
    }

    #[test]
    fn a_record_is_named_as_erlang_names_it() {
        let parse = |text| RecordName::parse(text).map(|found| (found.module, found.name));
        assert_eq!(parse("#shop:item"), Some(("shop", "item")));
        assert_eq!(parse("#'Elixir.Shop':'the item'"), Some(("Elixir.Shop", "the item")));
        assert_eq!(parse("#Elixir.Shop:item"), Some(("Elixir.Shop", "item")));
        assert_eq!(parse("#'a:b':c"), Some(("a:b", "c")));
        assert_eq!(parse("Item"), None);
        assert_eq!(parse("#item"), None, "a record has a module");
    }
}
