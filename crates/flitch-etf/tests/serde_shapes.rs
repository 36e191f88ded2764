//! serde's other representations (flattened, tagged, untagged) and what an error says of them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod util;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use flitch_etf::{
    Atom, AtomKeys, AtomTable, Map, Pid, Reader, Term, encode, from_slice, read_value, to_vec,
};
use serde::{Deserialize, Serialize};
use util::values::{atom, map, term, value};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Inner {
    qty: u8,
    note: Option<String>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "Elixir.Shop.Item")]
struct Flat {
    sku: String,
    #[serde(flatten)]
    inner: Inner,
}

/// serde tells nobody the name of a struct that has a flattened field.
#[test]
fn a_struct_with_a_flattened_field_is_a_plain_map_whatever_its_name() {
    let flat = || Flat { sku: "a".into(), inner: Inner { qty: 1, note: None } };
    let fields = [("sku", "a".into()), ("qty", 1.into()), ("note", atom("nil"))];
    // Nor that its keys are names of fields: they are text, unless atoms are asked for.
    let texts = fields.clone().into_iter().map(|(key, value)| (Term::from(key), value));
    assert_eq!(term(&flat()), texts.collect::<Map>().into());
    assert_eq!(from_slice(&to_vec(&flat()).unwrap()), Ok(flat()));
    assert_eq!(term(&AtomKeys(flat())), map(fields.clone()));
    assert_eq!(value(map(fields.clone())), Ok(flat()));
    // An Elixir struct is read too; its name is a key like any other that nobody asks for.
    let named = |name: &str| {
        let fields = fields.clone().into_iter().chain([("__struct__", atom(name))]);
        fields.map(|(key, value)| (atom(key), value)).collect::<Map>()
    };
    assert_eq!(value(named("Elixir.Shop.Item")), Ok(flat()));
    assert_eq!(value(named("Elixir.Other")), Ok(flat()));
    // A field of that name is the way to write and to check it.
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Name {
        #[serde(rename = "Elixir.Shop.Item")]
        Item,
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Named {
        #[serde(rename = "__struct__")]
        name: Name,
        sku: String,
        #[serde(flatten)]
        rest: BTreeMap<String, Option<u8>>,
    }
    let read = value::<AtomKeys<Flat>>(map(fields.clone())).map(|read| read.0);
    assert_eq!(read, Ok(flat()));
    let rest = [("qty".into(), Some(1)), ("note".into(), None)];
    let item = Named { name: Name::Item, sku: "a".into(), rest: rest.into() };
    assert_eq!(term(&AtomKeys(&item)), Term::from(named("Elixir.Shop.Item")));
    assert_eq!(value(named("Elixir.Shop.Item")), Ok(item));
    let error = value::<Named>(named("Elixir.Other")).unwrap_err();
    let expected =
        "__struct__: unknown variant `Elixir.Other`, expected `Elixir.Shop.Item`, at byte ";
    assert!(error.starts_with(expected), "{error}");
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Internal {
    Add { sku: String, qty: u8 },
    Note(Inner),
    Stop,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "value", rename_all = "snake_case")]
enum Adjacent {
    Add(String, u8),
    Stop,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(i64),
    Pair(u8, String),
    Inner(Inner),
    Text(String),
}

#[test]
fn enums_with_a_tag_of_their_own_are_maps() {
    for internal in [
        Internal::Add { sku: "a".into(), qty: 1 },
        Internal::Note(Inner { qty: 2, note: Some("n".into()) }),
        Internal::Stop,
    ] {
        assert_eq!(from_slice(&to_vec(&internal).unwrap()), Ok(internal));
    }
    assert_eq!(term(&Internal::Stop), map([("type", "stop".into())]));
    assert_eq!(value(map([("type", atom("stop"))])), Ok(Internal::Stop));
    let fields = [("type", "add".into()), ("sku", "a".into()), ("qty", 300.into())];
    let error = value::<Internal>(map(fields)).unwrap_err();
    assert_eq!(error, "invalid value: integer `300`, expected u8, at byte 1");
    for adjacent in [Adjacent::Add("a".into(), 1), Adjacent::Stop] {
        assert_eq!(from_slice(&to_vec(&adjacent).unwrap()), Ok(adjacent));
    }
    let add = [("type", atom("add")), ("value", ("a", 1).into())];
    assert_eq!(term(&Adjacent::Add("a".into(), 1)), map(add));
    let error = value::<Adjacent>(map([("type", atom("go"))])).unwrap_err();
    assert!(error.starts_with("type: unknown variant `go`, expected `add` or `stop`, at byte "));
}

#[test]
fn an_untagged_enum_takes_the_first_that_fits() {
    assert_eq!(value(-5), Ok(Untagged::Number(-5)));
    assert_eq!(value((1, "x")), Ok(Untagged::Pair(1, "x".into())));
    let inner = Inner { qty: 1, note: None };
    assert_eq!(value(map([("qty", 1.into()), ("note", atom("nil"))])), Ok(Untagged::Inner(inner)));
    assert_eq!(value("text"), Ok(Untagged::Text("text".into())));
    // serde keeps what it has not placed yet as plain data, where an atom is text.
    assert_eq!(value(atom("text")), Ok(Untagged::Text("text".into())));
    let error = value::<Untagged>(1.5).unwrap_err();
    assert_eq!(error, "data did not match any variant of untagged enum Untagged, at byte 1");
}

#[test]
fn what_serde_cannot_keep_in_plain_data_is_refused_in_words() {
    let pid = Pid { node: Atom::from_static("a@h"), id: 1, serial: 0, creation: 1 };
    let error = value::<Untagged>(pid.clone()).unwrap_err();
    assert_eq!(error, "expected a value of Rust's, found a pid, at byte 1");
    #[derive(Debug, Deserialize)]
    #[allow(dead_code, reason = "only ever refused")]
    struct Flat {
        #[serde(flatten)]
        rest: HashMap<String, Term>,
    }
    let error = value::<Flat>(map([("owner", pid.into())])).unwrap_err();
    assert!(error.starts_with("owner: expected a value of Rust's, found a pid, at byte "));
    #[derive(Debug, Deserialize)]
    #[serde(tag = "type")]
    #[allow(dead_code, reason = "only ever refused")]
    enum Tagged {
        A { outcome: Result<u8, u8> },
    }
    let tuple = map([("type", "A".into()), ("outcome", (atom("ok"), 1).into())]);
    let error = value::<Tagged>(tuple).unwrap_err();
    assert!(error.contains("invalid type: sequence, expected"), "{error}");
}

#[test]
fn any_value_may_be_json_as_long_as_json_has_it() {
    let inner = map([("a", 1.into()), ("b", vec![atom("x"), (-1).into()].into())]);
    let json: serde_json::Value = value(map([("k", inner), ("n", atom("nil"))])).unwrap();
    assert_eq!(json, serde_json::json!({"k": {"a": 1, "b": ["x", -1]}, "n": null}));
    let numbered = Map::from_iter([(Term::from(1), Term::from(2))]);
    let error = value::<serde_json::Value>(numbered).unwrap_err();
    assert_eq!(error, "expected a string, found an integer, at byte 6");
    assert!(value::<serde_json::Value>(flitch_etf::BigInt::from(1) << 300u32).is_err());
    // A map that asks for strings as keys gets atoms only where it says so.
    let typed = value::<HashMap<String, u8>>(map([("a", 1.into())])).unwrap_err();
    assert_eq!(typed, "expected a string, found the atom :a, at byte 6");
    let keyed = value::<AtomKeys<HashMap<String, u8>>>(map([("a", 1.into())]));
    assert_eq!(keyed, Ok(AtomKeys(HashMap::from([("a".into(), 1)]))));
}

#[test]
fn every_error_says_where_and_at_which_byte() {
    #[derive(Debug, Deserialize)]
    #[allow(dead_code, reason = "only ever refused")]
    struct Item {
        qty: u32,
    }
    #[derive(Debug, Deserialize)]
    #[allow(dead_code, reason = "only ever refused")]
    struct Order {
        items: Vec<Item>,
    }
    let item = |qty: Term| map([("qty", qty)]);
    let items = [1.into(), 2.into(), 3.into(), atom("many")].map(item);
    let bytes = encode(&map([("items", items.to_vec().into())])).unwrap();
    let error = from_slice::<Order>(&bytes).unwrap_err();
    assert_eq!(
        error.to_string(),
        "items[3].qty: expected an integer, found the atom :many, at byte 64"
    );
    assert_eq!(bytes[64], 119);
    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    #[allow(dead_code, reason = "only ever refused")]
    enum Call {
        Set { value: u8 },
        Pair(u8, u8),
    }
    let set = Term::from((atom("set"), map([("value", 256.into())])));
    let error = value::<Call>(set).unwrap_err();
    assert_eq!(error, "1.value: invalid value: integer `256`, expected u8, at byte 20");
    let error = value::<Call>((atom("pair"), 1, atom("x"))).unwrap_err();
    assert_eq!(error, "2: expected an integer, found the atom :x, at byte 11");
    let error = value::<Vec<u8>>(vec![Term::from(1), Term::from(-1)]).unwrap_err();
    assert_eq!(error, "[1]: invalid value: integer `-1`, expected u8, at byte 8");
    let error = value::<Atom>(7).unwrap_err();
    assert_eq!(error, "expected an atom, found an integer, at byte 1");
    let error = value::<(u8, Pid)>((1, "x")).unwrap_err();
    assert_eq!(error, "1: expected a pid, found a binary, at byte 5");
    let compressed = [131, 80, 0, 0, 0, 9, 1, 2, 3];
    let error = from_slice::<u8>(&compressed).unwrap_err().to_string();
    let words = "expected an integer, found compressed data, which only `from_bytes` reads";
    assert_eq!(error, format!("{words}, at byte 1"));
}

#[test]
fn a_message_is_short_however_long_what_it_quotes() {
    let huge = "é".repeat(1 << 20);
    let error = value::<Untagged2>(Term::from(&*huge)).unwrap_err();
    assert!(error.len() < 1200 && error.contains('…'), "{}", error.len());
    let error = from_slice::<NoText>(&to_vec(&huge).unwrap()).unwrap_err();
    assert!(error.to_string().len() < 1200, "{}", error.to_string().len());
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", tag = "t")]
#[allow(dead_code, reason = "only ever refused")]
enum Untagged2 {
    A,
}

/// Asks for anything, and knows nothing but numbers.
#[derive(Debug)]
struct NoText;

impl<'de> Deserialize<'de> for NoText {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = NoText;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a number")
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[test]
fn text_is_borrowed_where_the_bytes_allow_and_copied_where_not() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Borrowing<'a> {
        #[serde(borrow)]
        text: Cow<'a, str>,
        #[serde(borrow, with = "serde_bytes")]
        bytes: Cow<'a, [u8]>,
        #[serde(borrow)]
        flat: Flattened<'a>,
    }
    #[derive(Debug, PartialEq, Deserialize)]
    struct Flattened<'a> {
        #[serde(flatten, borrow)]
        map: HashMap<&'a str, &'a str>,
    }
    let bytes = encode(&map([
        ("text", "héllo".into()),
        ("bytes", "raw".into()),
        ("flat", map([("key", "value".into()), ("other", atom("atom"))])),
    ]))
    .unwrap();
    let value: Borrowing<'_> = from_slice(&bytes).unwrap();
    assert!(matches!(value.text, Cow::Borrowed("héllo")));
    assert!(matches!(value.bytes, Cow::Borrowed(b"raw")));
    assert_eq!(value.flat.map, HashMap::from([("key", "value"), ("other", "atom")]));
}

struct Named(Vec<Atom>);

impl AtomTable for Named {
    fn atom(&self, index: u8) -> Option<&Atom> {
        self.0.get(usize::from(index))
    }
}

#[test]
fn atoms_that_the_header_names_are_keys_tags_and_values() {
    let names = ["__struct__", "Elixir.Shop.Item", "qty", "nil", "note", "add"];
    let table = Named(names.map(|name| Atom::new(name).unwrap()).to_vec());
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename = "Elixir.Shop.Item")]
    struct Item {
        qty: u8,
        note: Option<String>,
    }
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Call {
        Add(Item, Atom, bool),
    }
    let bytes = [
        104, 4, 82, 5, 116, 0, 0, 0, 3, 82, 0, 82, 1, 82, 2, 97, 9, 82, 4, 82, 3, 82, 3, 119, 4,
        b't', b'r', b'u', b'e',
    ];
    let mut reader = Reader::new(&bytes).with_atoms(&table);
    let call = Call::Add(Item { qty: 9, note: None }, Atom::NIL, true);
    assert_eq!(read_value(&mut reader), Ok(call));
    let mut reader = Reader::new(&[82, 9]).with_atoms(&table);
    let error = read_value::<Atom>(&mut reader).unwrap_err();
    assert_eq!(error.to_string(), "the header names no atom 9, at byte 0");
    // A record's names too.
    let record = [67, 0, 0, 0, 1, 1, 82, 5, 82, 4, 82, 2, 97, 3];
    let mut reader = Reader::new(&record).with_atoms(&table);
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename = "#add:note")]
    struct Record {
        qty: u8,
    }
    assert_eq!(read_value(&mut reader), Ok(Record { qty: 3 }));
}

#[test]
fn atoms_in_latin1_are_the_names_that_they_spell() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Size {
        größe: bool,
        ascii: Atom,
    }
    // ATOM_EXT and SMALL_ATOM_EXT, as nodes before OTP 26 write them.
    let bytes = [
        &[131, 116, 0, 0, 0, 2, 100, 0, 5][..],
        &[b'g', b'r', 0xf6, 0xdf, b'e', 100, 0, 4],
        b"true",
        &[100, 0, 5],
        b"ascii",
        // Valid UTF-8 of another letter, were it not Latin-1.
        &[115, 2, 0xc3, 0xa9],
    ]
    .concat();
    let ascii = Atom::new("Ã©").unwrap();
    assert_eq!(from_slice(&bytes), Ok(Size { größe: true, ascii: ascii.clone() }));
    let long = [131, 100, 0, 2, 0xc3, 0xa9];
    assert_eq!(from_slice(&long), Ok(ascii));
}

#[test]
fn integers_in_any_form_of_the_wire_are_the_same_numbers() {
    let big = |sign: u8, digits: &[u8]| [&[131, 110, digits.len() as u8, sign], digits].concat();
    assert_eq!(from_slice(&big(0, &[])), Ok(0u8));
    assert_eq!(from_slice(&big(1, &[1])), Ok(-1i8));
    assert_eq!(from_slice(&big(0, &[255, 0, 0])), Ok(255u8));
    assert_eq!(from_slice(&big(0, &[0, 0, 0, 0, 0, 0, 0, 128])), Ok(1u64 << 63));
    assert_eq!(from_slice(&big(1, &[0, 0, 0, 0, 0, 0, 0, 128])), Ok(i64::MIN));
    assert!(from_slice::<i64>(&big(0, &[0, 0, 0, 0, 0, 0, 0, 128])).is_err());
    assert!(from_slice::<i64>(&big(1, &[1, 0, 0, 0, 0, 0, 0, 128])).is_err());
    assert_eq!(from_slice(&big(0, &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0])), Ok(1i64));
    assert_eq!(from_slice(&[131, 111, 0, 0, 0, 2, 0, 1, 1]), Ok(257i32));
    for end in 1..11 {
        assert!(from_slice::<u64>(&big(0, &[1; 8])[..end]).is_err(), "{end}");
    }
}
