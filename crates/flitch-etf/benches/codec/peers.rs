//! Who works in this process: this crate twice (terms and serde), and two other crates.

use flitch_etf::{Term, decode};
use serde::Serialize;

use crate::shapes::{Shape, Typed, Work, repeat};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Op {
    Decode,
    Encode,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Codec {
    /// This crate, to and from its dynamic term.
    Flitch,
    /// This crate, to and from Rust types, with the label of the type.
    Serde(&'static str),
    Eetf,
    Erltf,
    Beam,
}

/// One codec that does one thing to one shape.
pub(crate) struct Peer {
    pub(crate) codec: Codec,
    pub(crate) op: Op,
    /// The work, or why it is not done rightly.
    pub(crate) work: Result<Work, String>,
}

/// To decode and to encode.
type Works = Result<(Work, Work), String>;

/// All that work on a shape, in the order of their turns.
pub(crate) fn all(shape: &mut Shape) -> Vec<Peer> {
    let mut works = vec![
        (Codec::Flitch, Ok((shape.decode(), shape.encode()))),
        (Codec::Eetf, eetf(shape)),
        (Codec::Erltf, erltf(shape)),
    ];
    let typed = shape.typed.drain(..);
    works.extend(
        typed.map(|Typed { label, decode, encode }| (Codec::Serde(label), Ok((decode, encode)))),
    );
    let peers = works.into_iter().flat_map(|(codec, works)| {
        let (decode, encode) = match works {
            Ok((decode, encode)) => (Ok(decode), Ok(encode)),
            Err(reason) => (Err(reason.clone()), Err(reason)),
        };
        [(Op::Decode, decode), (Op::Encode, encode)].map(|(op, work)| Peer { codec, op, work })
    });
    peers.collect()
}

fn eetf(shape: &Shape) -> Works {
    fn encode(term: &eetf::Term) -> Vec<u8> {
        let mut out = Vec::new();
        term.encode(&mut out).unwrap();
        out
    }
    let bytes = shape.bytes;
    let term = eetf::Term::decode(&bytes[..]).map_err(|error| error.to_string())?;
    same(shape, encode(&term))?;
    let decode = repeat(move || eetf::Term::decode(&bytes[..]).unwrap());
    Ok((decode, repeat(move || encode(&term))))
}

fn erltf(shape: &Shape) -> Works {
    let bytes = shape.bytes;
    let term = erltf::decode(bytes).map_err(|error| error.to_string())?;
    same(shape, erltf::encode(&term).map_err(|error| error.to_string())?)?;
    let decode = repeat(move || erltf::decode(bytes).unwrap());
    Ok((decode, repeat(move || erltf::encode(&term).unwrap())))
}

/// Whether a peer that wrote these bytes has understood the shape.
pub(crate) fn same(shape: &Shape, back: Vec<u8>) -> Result<(), String> {
    let back = decode(&back.into()).map_err(|error| format!("writes what is no term: {error}"))?;
    let term = decode(shape.bytes).map_err(|error| error.to_string())?;
    if back == term {
        return Ok(());
    }
    let kind = |term: &Term| format!("a {} of {}", term.kind(), term.children().count());
    Err(format!("reads {} and writes {} that differs", kind(&term), kind(&back)))
}
