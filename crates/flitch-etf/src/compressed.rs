//! COMPRESSED: zlib data that holds one term, as `term_to_binary(T, [compressed])` makes it.
//!
//! It stands directly behind the version byte or nowhere; no node sends it over a link.
//!
//! Source: `erl_ext_dist`, "Introduction".

use std::io::Read;

use bytes::Bytes;
use flate2::read::ZlibDecoder;

use crate::error::DecodeErrorKind as Kind;
use crate::{DecodeError, Limits, Reader, Tag, VERSION_MAGIC};

/// What is inside `bytes`, with a version byte before it; `None` if they are not compressed.
///
/// # Errors
/// The announced size is over the limit or not what comes out, or the data is broken.
#[inline]
pub(crate) fn inflate(bytes: &Bytes, limits: Limits) -> Result<Option<Bytes>, DecodeError> {
    match **bytes {
        [VERSION_MAGIC, tag, ..] if Tag(tag) == Tag::COMPRESSED => unzip(bytes, limits).map(Some),
        _ => Ok(None),
    }
}

fn unzip(bytes: &Bytes, limits: Limits) -> Result<Bytes, DecodeError> {
    let mut reader = Reader::new(bytes);
    reader.version()?;
    reader.tag()?;
    let announced = reader.u32("size of compressed data")? as usize;
    if announced > limits.inflated {
        let what = "bytes in compressed data";
        return Err(reader.error(Kind::Limit { what, limit: limits.inflated }));
    }
    let mut out = vec![VERSION_MAGIC];
    let mut zlib = ZlibDecoder::new(reader.rest());
    // Memory is taken as data comes out, and one byte too many is enough to know of the lie.
    let read = zlib.by_ref().take(announced as u64 + 1).read_to_end(&mut out);
    let consumed = usize::try_from(zlib.total_in()).unwrap_or(usize::MAX);
    let invalid = match read {
        Err(_) => "compressed data that is no zlib data",
        Ok(inflated) if inflated != announced => "compressed data of another size than announced",
        Ok(_) if consumed != reader.rest().len() => "bytes behind compressed data",
        Ok(_) => return Ok(out.into()),
    };
    Err(reader.error(Kind::Invalid(invalid)))
}
