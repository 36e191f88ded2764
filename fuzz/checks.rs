//! What must hold for any bytes. The fuzz targets run these, and `tests/corpus.rs` of the codec
//! runs them over every file of the corpus.

#![allow(dead_code, reason = "each fuzz target runs one of these")]

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use ::serde::de::{DeserializeOwned, IgnoredAny};
use ::serde::{Deserialize, Serialize};
use bytes::Bytes;
use flitch_etf::text::{Syntax, elixir, erlang, parse};
use flitch_etf::{
    Atom, AtomTable, DecodeError, DecodeErrorKind, ImproperList, Limits, Map, Pid, Reader,
    Reference, Tag, Term, decode_with, encode, from_bytes, from_slice, to_vec,
};

/// Small, so that a fuzzer meets them.
const LIMITS: Limits = Limits { depth: 100, terms: 20_000, memory: 2 << 20, inflated: 1 << 16 };

/// The atoms that a distribution header would have named.
struct Header([Atom; 4]);

impl AtomTable for Header {
    fn atom(&self, index: u8) -> Option<&Atom> {
        self.0.get(usize::from(index))
    }
}

fn header() -> Header {
    Header(["a", "b", "ok", "a-node-with-a-long-name@a-long-host"].map(Atom::from_static))
}

/// Every way to read the bytes agrees with the others, and what comes out can be used.
pub fn decode(bytes: &[u8]) {
    let whole = Bytes::copy_from_slice(bytes);
    if let Ok(term) = decode_with(&whole, LIMITS) {
        usable(&term);
    }
    let part = whole.slice(usize::from(bytes.first() == Some(&131))..);
    let header = header();
    let mut copying = Reader::new(&part).with_atoms(&header).with_limits(LIMITS);
    let mut slicing = Reader::of_shared(&part).with_atoms(&header).with_limits(LIMITS);
    let mut skipping = Reader::new(&part).with_atoms(&header).with_limits(LIMITS);
    let (copied, sliced) = (copying.term(), slicing.term());
    match (&copied, &sliced) {
        (Ok(copied), Ok(sliced)) => {
            assert_eq!(copied, sliced, "a copy and a slice differ");
            assert_eq!(copying.position(), slicing.position());
        }
        // Only a copy takes memory for what is in binaries.
        (Err(error), Ok(_)) => {
            let memory = DecodeErrorKind::Limit { what: "bytes of memory", limit: LIMITS.memory };
            assert_eq!(error.kind, memory);
        }
        (Err(copied), Err(sliced)) => {
            assert!(copied.offset <= sliced.offset && copied.offset <= part.len());
        }
        (Ok(_), Err(error)) => panic!("read as a copy, and not as a slice: {error}"),
    }
    if let Ok(term) = &sliced {
        let skipped = skipping.skip().expect("what can be read can be skipped");
        assert_eq!(skipping.position(), slicing.position(), "skipping ends elsewhere");
        assert_eq!(skipped.len(), skipping.position());
        let mut reader = Reader::new(&part).with_atoms(&header).with_limits(LIMITS);
        assert_eq!(slowly(&mut reader).expect("part by part"), *term, "read part by part");
        usable(term);
    }
}

/// A term whose parts are read on their own: nothing is remembered between them.
fn slowly(reader: &mut Reader<'_>) -> Result<Term, DecodeError> {
    match reader.peek()? {
        Tag::SMALL_TUPLE_EXT | Tag::LARGE_TUPLE_EXT => {
            let arity = reader.tuple()?;
            let elements: Result<Vec<_>, _> = (0..arity).map(|_| slowly(reader)).collect();
            Ok(Term::tuple(elements?))
        }
        Tag::LIST_EXT => {
            let mut elements = Vec::new();
            while reader.peek()? == Tag::LIST_EXT {
                for _ in 0..reader.list()? {
                    elements.push(slowly(reader)?);
                }
            }
            Ok(ImproperList::term(elements, slowly(reader)?))
        }
        Tag::MAP_EXT => {
            let pairs = reader.map()?;
            let mut pair = || Ok((slowly(reader)?, slowly(reader)?));
            let pairs: Result<Vec<_>, _> = (0..pairs).map(|_| pair()).collect();
            Ok(pairs?.into_iter().collect::<Map>().into())
        }
        _ => reader.term(),
    }
}

/// A term within the limits, which can be compared, hashed and shown.
fn usable(term: &Term) {
    let hash = |term: &Term| BuildHasherDefault::<DefaultHasher>::default().hash_one(term);
    within_limits(term);
    let copy = term.clone();
    assert!(copy == *term && copy.cmp_by_value(term).is_eq());
    assert_eq!(hash(&copy), hash(term));
    let shown = [elixir(term), erlang(term), elixir(term).limit(20), erlang(term).unicode()];
    for text in shown {
        let text = text.to_string();
        assert!(!text.chars().any(char::is_control), "a control character in {text:?}");
    }
    let _ = (elixir(term).width(40).to_string(), erlang(term).width(40).to_string());
    let mut maps = vec![term];
    while let Some(term) = maps.pop() {
        if let Some(map) = term.as_map() {
            let keys = map.keys();
            assert!(keys.is_sorted_by(|a, b| a < b), "keys out of order: {keys:?}");
            assert_eq!(keys.len(), map.values().len());
        }
        maps.extend(term.children());
    }
}

fn within_limits(term: &Term) {
    let (mut terms, mut deepest) = (0, 0);
    let mut left = vec![(term, 0)];
    while let Some((term, depth)) = left.pop() {
        terms += 1;
        deepest = deepest.max(depth);
        left.extend(term.children().map(|child| (child, depth + 1)));
    }
    // A list of bytes may be read through a slice: a level that was not one of containers.
    assert!(terms <= LIMITS.terms && deepest <= LIMITS.depth + 1, "{terms} terms, {deepest} deep");
}

/// What is read can be sent, is the same when it comes back, and is the same bytes from then on.
pub fn reencode(bytes: &[u8]) {
    let Ok(term) = decode_with(&Bytes::copy_from_slice(bytes), LIMITS) else { return };
    let sent = Bytes::from(encode(&term).expect("what is read can be sent"));
    let back = flitch_etf::decode(&sent).expect("what is sent can be read");
    assert_eq!(back, term);
    assert_eq!(encode(&back).expect("a second time"), sent, "in other bytes");
    if !matches!(term, Term::Local(_)) {
        assert_eq!(to_vec(&term).expect("through serde"), sent, "in other bytes through serde");
        assert_eq!(from_slice::<Term>(&sent).expect("through serde"), term);
        assert!(from_slice::<IgnoredAny>(&sent).is_ok());
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "Elixir.Item", rename_all = "snake_case")]
struct Item {
    sku: String,
    #[serde(default)]
    count: u64,
    price: Option<f64>,
    #[serde(default, with = "serde_bytes")]
    data: Vec<u8>,
    #[serde(default)]
    children: Vec<Item>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Shape {
    Nothing,
    Empty(),
    Line(f32),
    Corner(i32, i128),
    Nested(Box<Shape>),
    Named { x: u8, y: Vec<Shape> },
    Many(BTreeMap<String, Shape>),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Loose {
    Number(i64),
    Text(String),
    List(Vec<Loose>),
    Pair(bool, char),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Borrowed<'a> {
    #[serde(borrow)]
    text: &'a str,
    #[serde(borrow)]
    bytes: &'a serde_bytes::Bytes,
    #[serde(borrow)]
    cow: std::borrow::Cow<'a, str>,
}

/// Values of many types: none panics, and what is read comes back as it went.
pub fn serde(bytes: &[u8]) {
    there_and_back::<Item>(bytes);
    there_and_back::<Shape>(bytes);
    there_and_back::<Loose>(bytes);
    there_and_back::<Vec<Result<Option<String>, Atom>>>(bytes);
    there_and_back::<HashMap<Atom, Term>>(bytes);
    there_and_back::<BTreeMap<(u8, bool), Vec<char>>>(bytes);
    there_and_back::<(Pid, Reference)>(bytes);
    there_and_back::<(u64, i8, u128, f64, ())>(bytes);
    there_and_back::<[Option<Box<Shape>>; 2]>(bytes);
    if let Ok(value) = from_slice::<Borrowed<'_>>(bytes) {
        let sent = to_vec(&value).expect("what is read can be sent");
        assert_eq!(from_slice::<Borrowed<'_>>(&sent).expect("what is sent can be read"), value);
    }
    let _ = from_slice::<(&str, &[u8])>(bytes);
    let _ = from_slice::<serde_json::Value>(bytes);
    if from_slice::<Term>(bytes).is_ok() {
        assert!(from_slice::<IgnoredAny>(bytes).is_ok(), "a term that cannot be ignored");
    }
}

fn there_and_back<T: DeserializeOwned + Serialize + PartialEq + Debug>(bytes: &[u8]) {
    let shared = from_bytes::<T>(&Bytes::copy_from_slice(bytes));
    let Ok(value) = from_slice::<T>(bytes) else {
        assert!(shared.is_err(), "read from shared bytes alone");
        return;
    };
    assert_eq!(shared.as_ref().ok(), Some(&value), "read otherwise from shared bytes");
    let sent = to_vec(&value).expect("what is read can be sent");
    assert_eq!(from_slice::<T>(&sent).expect("what is sent can be read"), value);
}

/// What parses prints, on one line and on several, and parses as the same term.
pub fn text(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for syntax in [Syntax::Elixir, Syntax::Erlang] {
        let Ok(term) = parse(syntax, text) else { continue };
        for (syntax, printed) in [(Syntax::Elixir, elixir(&term)), (Syntax::Erlang, erlang(&term))]
        {
            for printed in [printed.to_string(), printed.width(30).to_string()] {
                let again = parse(syntax, &printed);
                // A set does not show whether it carries a version, and is read as without.
                if let Ok(again) = &again
                    && printed.contains("MapSet.new(")
                {
                    assert_eq!(elixir(again).to_string(), elixir(&term).to_string());
                    continue;
                }
                assert_eq!(again.as_ref().ok(), Some(&term), "{again:?} of {printed}");
            }
        }
    }
}
