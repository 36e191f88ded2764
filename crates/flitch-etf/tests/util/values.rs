//! Rust's values beside the terms that they should be, and bytes beside their digits.

use std::fmt::Debug;

use flitch_etf::{Atom, Map, Term, decode, encode, from_bytes, to_vec};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of these digits; whatever else stands between them is passed over.
pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits.chunks_exact(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect()
}

pub(crate) fn atom(text: &str) -> Term {
    Atom::new(text).unwrap().into()
}

/// A map with these atoms as its keys.
pub(crate) fn map<const N: usize>(pairs: [(&str, Term); N]) -> Term {
    pairs.into_iter().map(|(key, value)| (atom(key), value)).collect::<Map>().into()
}

/// The term that a value is written as.
pub(crate) fn term(value: &(impl Serialize + ?Sized)) -> Term {
    decode(&to_vec(value).unwrap().into()).unwrap()
}

/// What a term is read as.
pub(crate) fn value<T: DeserializeOwned>(term: impl Into<Term>) -> Result<T, String> {
    from_bytes(&encode(&term.into()).unwrap().into()).map_err(|error| error.to_string())
}

/// The value is this term, and the term this value.
pub(crate) fn is<T: Serialize + DeserializeOwned + PartialEq + Debug>(
    rust: T,
    erlang: impl Into<Term>,
) {
    let erlang = erlang.into();
    assert_eq!(term(&rust), erlang, "{rust:?}");
    assert_eq!(value::<T>(erlang), Ok(rust));
}
