//! Erlang's External Term Format.
//!
//! [`Term`] is any Erlang value; [`decode`] and [`encode`] turn it from and into the bytes that
//! `term_to_binary` makes. [`from_slice`] and [`to_vec`] go straight between those bytes and
//! Rust's own types through serde, in the way an Elixir program would lay the values out.
//!
//! Bytes are taken to be hostile: every length is checked before memory is taken, [`Limits`]
//! bound what is left, and nothing recurses on what a peer sent.
//!
//! Source of the format: `erl_ext_dist` of the Erlang documentation.
//!
//! ```
//! use flitch_etf::{Term, decode, encode};
//!
//! let term = Term::from((Term::atom("ok"), vec![Term::from(1), Term::from(2.5)]));
//! let bytes = encode(&term)?.into();
//! assert_eq!(decode(&bytes)?, term);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod atoms;
mod compressed;
mod de;
mod decode;
#[cfg(feature = "eetf")]
pub mod eetf;
mod encode;
mod error;
mod handoff;
mod impls;
mod limits;
mod read;
mod ser;
mod tag;
mod term;
pub mod text;

pub use atoms::{AtomTable, NoAtoms};
pub use de::{DeError, from_bytes, from_slice, read_value};
pub use decode::{decode, decode_with};
pub use encode::{
    encode, write_integer, write_pid, write_reference, write_term, write_tuple_header,
};
pub use error::{AtomError, DecodeError, DecodeErrorKind, EncodeError};
pub use limits::Limits;
pub use num_bigint::BigInt;
pub use read::Reader;
pub use ser::{SerError, to_vec, write_value};
pub use tag::{Tag, VERSION_MAGIC};
pub use term::{
    Atom, Binary, BitString, Export, Fun, ImproperList, List, Local, Map, Pid, Port, Record,
    Reference, Term, TermError, Tuple,
};
