//! Any bytes and any terms.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod util;

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use flitch_etf::{
    Atom, Pid, Reader, Reference, Term, decode, encode, from_bytes, from_slice, to_vec,
};
use proptest::collection::{btree_map, hash_map, vec};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use util::terms::{close, terms_and_records};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "Elixir.Value")]
struct Value {
    flag: bool,
    small: i8,
    wide: u128,
    narrow: i128,
    ratio: f64,
    single: f32,
    letter: char,
    text: String,
    #[serde(with = "serde_bytes")]
    bytes: Vec<u8>,
    numbers: Vec<u8>,
    maybe: Option<Box<Value>>,
    named: BTreeMap<String, (i16, Option<u64>)>,
    hashed: HashMap<u32, Shape>,
    outcome: Result<(), Shape>,
    unit: (),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Shape {
    Nothing,
    Empty(),
    Line(f64),
    Corner(i32, i32),
    Named { x: u8, y: Vec<()> },
}

fn shapes() -> impl Strategy<Value = Shape> {
    prop_oneof![
        Just(Shape::Nothing),
        Just(Shape::Empty()),
        (-1e9..1e9).prop_map(Shape::Line),
        any::<(i32, i32)>().prop_map(|(x, y)| Shape::Corner(x, y)),
        (any::<u8>(), 0usize..4).prop_map(|(x, n)| Shape::Named { x, y: vec![(); n] }),
    ]
}

fn values() -> impl Strategy<Value = Value> {
    let scalars = any::<(bool, i8, u128, i128, char, String, Vec<u8>, Vec<u8>)>();
    let maps = (
        btree_map(any::<String>(), any::<(i16, Option<u64>)>(), 0..4),
        hash_map(any::<u32>(), shapes(), 0..4),
        prop_oneof![Just(Ok(())), shapes().prop_map(Err)],
    );
    let flat = (scalars, maps, -1e300..1e300, -1e30f32..1e30).prop_map(
        |(scalars, (named, hashed, outcome), ratio, single)| {
            let (flag, small, wide, narrow, letter, text, bytes, numbers) = scalars;
            let (maybe, unit) = (None, ());
            Value {
                flag,
                small,
                wide,
                narrow,
                ratio,
                single,
                letter,
                text,
                bytes,
                numbers,
                maybe,
                named,
                hashed,
                outcome,
                unit,
            }
        },
    );
    let flat = flat.boxed();
    (flat.clone(), proptest::option::of(flat)).prop_map(|(mut outer, inner)| {
        outer.maybe = inner.map(Box::new);
        outer
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_a_term_or_an_error(bytes in vec(any::<u8>(), 0..300)) {
        never_panics(&bytes);
        never_panics(&[&[131], &bytes[..]].concat());
    }

    #[test]
    fn a_term_with_wrong_bytes_in_it_is_a_term_or_an_error(
        term in terms_and_records(),
        wrong in vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
    ) {
        let mut bytes = encode(&term).unwrap();
        for (at, byte) in wrong {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        never_panics(&bytes);
    }

    #[test]
    fn a_term_comes_back_as_it_went(term in terms_and_records()) {
        let bytes = Bytes::from(encode(&term).unwrap());
        let back = decode(&bytes).unwrap();
        prop_assert_eq!(&back, &term);
        prop_assert_eq!(encode(&back).unwrap(), bytes.as_ref());
        prop_assert_eq!(to_vec(&term).unwrap(), bytes.as_ref());
        prop_assert_eq!(from_slice::<Term>(&bytes).unwrap(), term);
    }

    #[test]
    fn skipping_ends_where_reading_ends(term in terms_and_records(), behind in vec(any::<u8>(), 0..9)) {
        let bytes = [encode(&term).unwrap(), behind].concat();
        let (mut reading, mut skipping) = (Reader::new(&bytes), Reader::new(&bytes));
        reading.version().unwrap();
        skipping.version().unwrap();
        reading.term().unwrap();
        let skipped = skipping.skip().unwrap().to_vec();
        prop_assert_eq!(reading.position(), skipping.position());
        prop_assert_eq!(&skipped, &bytes[1..reading.position()]);
    }

    #[test]
    fn every_beginning_of_a_term_is_refused(term in terms_and_records()) {
        let bytes = Bytes::from(encode(&term).unwrap());
        // Long ones not at every byte, which would be the square of their length.
        for end in (0..bytes.len()).step_by(1 + bytes.len() / 400) {
            prop_assert!(decode(&bytes.slice(..end)).is_err());
        }
    }

    #[test]
    fn terms_have_one_order_whether_or_not_they_share_what_they_hold(
        terms in vec(close(), 1..5),
    ) {
        let read = |term: &Term| decode(&encode(term).unwrap().into()).unwrap();
        // Made here, read each alone, and read together, when maps share their keys.
        let alone: Vec<_> = terms.iter().map(read).collect();
        let shared = read(&Term::tuple(terms.clone()));
        keeps_the_laws(&[&terms[..], &alone, shared.as_tuple().unwrap()].concat())?;
        prop_assert_eq!(&alone, &terms);
        prop_assert_eq!(shared.as_tuple().unwrap(), &terms[..]);
    }

    #[test]
    fn a_value_comes_back_as_it_went(value in values()) {
        let bytes = Bytes::from(to_vec(&value).unwrap());
        prop_assert_eq!(&from_slice::<Value>(&bytes).unwrap(), &value);
        prop_assert_eq!(&from_bytes::<Value>(&bytes).unwrap(), &value);
        // And through a term, whose maps are in an order of their own.
        let term = decode(&bytes).unwrap();
        prop_assert_eq!(&from_slice::<Value>(&encode(&term).unwrap()).unwrap(), &value);
    }
}

/// `<` and its like are one order, and equal terms have one hash.
fn keeps_the_laws(terms: &[Term]) -> Result<(), TestCaseError> {
    for a in terms {
        for b in terms {
            prop_assert_eq!(a.cmp(b), b.cmp(a).reverse());
            prop_assert_eq!(a.cmp_by_value(b), b.cmp_by_value(a).reverse());
            prop_assert_eq!(a == b, a.cmp(b).is_eq());
            if a == b {
                prop_assert_eq!(hash(a), hash(b));
                prop_assert!(a.cmp_by_value(b).is_eq());
            }
            for c in terms {
                if a <= b && b <= c {
                    prop_assert!(a <= c, "{:?}, {:?}, {:?}", a, b, c);
                }
                if a.cmp_by_value(b).is_le() && b.cmp_by_value(c).is_le() {
                    prop_assert!(a.cmp_by_value(c).is_le(), "{:?}, {:?}, {:?}", a, b, c);
                }
            }
        }
    }
    Ok(())
}

fn hash(term: &Term) -> u64 {
    use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
    BuildHasherDefault::<DefaultHasher>::default().hash_one(term)
}

fn never_panics(bytes: &[u8]) {
    let shared = Bytes::copy_from_slice(bytes);
    if let Ok(term) = decode(&shared) {
        assert_eq!(decode(&encode(&term).unwrap().into()), Ok(term), "what is read can be sent");
    }
    let (mut reading, mut skipping) = (Reader::new(bytes), Reader::new(bytes));
    if reading.term().is_ok() {
        skipping.skip().unwrap();
        assert_eq!(reading.position(), skipping.position());
    }
    let _ = from_slice::<Value>(bytes);
    let _ = from_slice::<Shape>(bytes);
    let _ = from_slice::<Vec<Result<Option<&str>, Atom>>>(bytes);
    let _ = from_slice::<HashMap<Atom, Term>>(bytes);
    let _ = from_slice::<(Pid, Reference, &serde_bytes::Bytes)>(bytes);
    let _ = from_bytes::<serde_json::Value>(&shared);
}
