//! Native records of OTP 29 as Rust's structs, and what else meets a record.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod util;

use std::collections::{BTreeMap, HashMap};

use flitch_etf::{Atom, from_slice, to_vec};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use util::values::{hex, unhex};

/// What OTP 29.1 wrote of `-record #item{sku, qty = 1, note = nil}` and others in the module
/// `recs`: `#item{sku = <<"a-1">>, qty = 2}`.
const ITEM: &str = "8343000000030177047265637377046974656D7703736B75770371747977046E6F7465\
                    6D00000003612D31610277036E696C";
/// `#empty{}`.
const EMPTY: &str = "834300000000017704726563737705656D707479";
/// `#'Big thing'{'field a' = ok, b = [1, 2]}`, which is not exported.
const BIG_THING: &str = "834300000002007704726563737709426967207468696E6777076669656C64206177\
                         016277026F6B6B00020102";
/// `{1, #item{sku = #item{sku = 1}}, [2]}`.
const NESTED: &str = "836803610143000000030177047265637377046974656D7703736B75770371747977046E\
                      6F746543000000030177047265637377046974656D7703736B75770371747977046E6F74\
                      65610161017703\
                      6E696C610177036E696C6B000102";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "#recs:item")]
struct Item<Sku = String> {
    sku: Sku,
    qty: u32,
    note: Option<String>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "#recs:empty")]
struct Empty {}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename = "#recs:'Big thing'")]
struct BigThing {
    #[serde(rename = "field a")]
    field: Atom,
    b: Vec<u8>,
}

fn item() -> Item {
    Item { sku: "a-1".into(), qty: 2, note: None }
}

#[test]
fn a_record_is_written_as_otp_29_writes_it() {
    assert_eq!(to_vec(&item()).unwrap(), unhex(ITEM));
    assert_eq!(to_vec(&Empty {}).unwrap(), unhex(EMPTY));
    let inner = Item { sku: 1, qty: 1, note: None };
    let outer = Item { sku: inner, qty: 1, note: None };
    assert_eq!(to_vec(&(1, outer, [2u8; 1])).unwrap()[..7], unhex(NESTED)[..7]);
}

#[test]
fn what_otp_29_wrote_is_read() {
    assert_eq!(from_slice(&unhex(ITEM)), Ok(item()));
    assert_eq!(from_slice(&unhex(EMPTY)), Ok(Empty {}));
    let big = BigThing { field: Atom::OK, b: vec![1, 2] };
    assert_eq!(from_slice(&unhex(BIG_THING)), Ok(big));
    let (_, outer, after): (u8, Item<Item<u8>>, Vec<u8>) = from_slice(&unhex(NESTED)).unwrap();
    assert_eq!((outer.sku.sku, outer.qty, after), (1, 1, vec![2]));
}

#[test]
fn records_inside_records_keep_their_names_and_values_apart() {
    let inner = Item { sku: vec![item(), item()], qty: 7, note: Some("x".into()) };
    let outer = Item { sku: inner, qty: 8, note: None };
    assert_eq!(from_slice(&to_vec(&outer).unwrap()), Ok(outer));
    // `()` inside a record must not make a plain `:ok` of what stands around it.
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename = "#a:b")]
    struct Unit {
        field: (),
    }
    let value = Ok::<_, ()>(Unit { field: () });
    assert_eq!(from_slice(&to_vec(&value).unwrap()), Ok(value));
}

#[test]
fn a_record_of_another_name_is_refused_with_both_named() {
    #[derive(Debug, Deserialize)]
    #[serde(rename = "#shop:item")]
    #[allow(dead_code, reason = "only ever refused")]
    struct Other {
        sku: String,
    }
    let refused = |hex| from_slice::<Other>(&unhex(hex)).unwrap_err().to_string();
    assert_eq!(refused(ITEM), "expected a record #shop:item, found #recs:item, at byte 1");
    assert_eq!(
        refused(BIG_THING),
        "expected a record #shop:item, found #recs:'Big thing', at byte 1"
    );
    let map = from_slice::<Other>(&to_vec(&BTreeMap::<Atom, u8>::new()).unwrap()).unwrap_err();
    assert_eq!(map.to_string(), "expected a record #shop:item, found a map, at byte 1");
    let error = from_slice::<BigThing>(&unhex(ITEM)).unwrap_err();
    assert_eq!(error.message(), "expected a record #recs:'Big thing', found #recs:item");
    #[derive(Debug, Deserialize)]
    #[serde(rename = "Elixir.Item")]
    #[allow(dead_code, reason = "only ever refused")]
    struct Elixirs {
        sku: String,
    }
    let error = from_slice::<Elixirs>(&unhex(ITEM)).unwrap_err();
    assert_eq!(error.message(), "expected a %Item{}, found #recs:item");
    let error = from_slice::<u8>(&unhex(ITEM)).unwrap_err();
    assert_eq!(error.message(), "expected an integer, found #recs:item");
}

#[test]
fn a_plain_struct_and_a_map_read_a_record_of_any_name() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Plain {
        qty: u8,
    }
    assert_eq!(from_slice(&unhex(ITEM)), Ok(Plain { qty: 2 }));
    let map: HashMap<Atom, flitch_etf::Term> = from_slice(&unhex(BIG_THING)).unwrap();
    assert_eq!(map[&Atom::from_static("field a")], Atom::OK.into());
    assert_eq!(map.len(), 2);
    let error = from_slice::<Plain>(&unhex(EMPTY)).unwrap_err();
    assert_eq!(error.to_string(), "missing field `qty`, at byte 1");
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Strict {
        qty: u8,
    }
    let error = from_slice::<Strict>(&unhex(ITEM)).unwrap_err().to_string();
    assert!(error.starts_with("unknown field `sku`, expected `qty`, at byte "), "{error}");
}

#[test]
fn values_of_unknown_type_may_be_records_and_ignored_ones_are_passed() {
    let json: serde_json::Value = from_slice(&unhex(NESTED)).unwrap();
    let inner = serde_json::json!({"sku": 1, "qty": 1, "note": null});
    let outer = serde_json::json!({"sku": inner, "qty": 1, "note": null});
    assert_eq!(json, serde_json::json!([1, outer, [2]]));
    let (_, _, after): (u8, IgnoredAny, Vec<u8>) = from_slice(&unhex(NESTED)).unwrap();
    assert_eq!(after, [2]);
    let deep: Vec<u8> = [&[131, 108, 0, 0, 0, 1][..], &unhex(NESTED)[1..], &[106]].concat();
    assert!(from_slice::<Vec<IgnoredAny>>(&deep).is_ok());
}

#[test]
fn an_error_inside_a_record_says_which_field_and_where() {
    #[derive(Debug, Deserialize)]
    #[serde(rename = "#recs:item")]
    #[allow(dead_code, reason = "only ever refused")]
    struct Strange {
        qty: String,
    }
    let error = from_slice::<Vec<Strange>>(
        &[&[131, 108, 0, 0, 0, 1][..], &unhex(ITEM)[1..], &[106]].concat(),
    );
    let expected = "[0].qty: expected a string, found an integer, at byte 48";
    assert_eq!(error.unwrap_err().to_string(), expected);
}

#[test]
fn a_field_that_stands_there_twice_is_refused() {
    let twice = [
        131, 67, 0, 0, 0, 2, 1, 119, 1, b'm', 119, 1, b'n', 119, 1, b'a', 119, 1, b'a', 97, 1, 97,
        2,
    ];
    #[derive(Debug, Deserialize)]
    #[allow(dead_code, reason = "only ever refused")]
    struct A {
        a: u8,
    }
    let error = from_slice::<A>(&twice).unwrap_err();
    assert!(error.to_string().starts_with("duplicate field `a`, at byte "), "{error}");
}

#[test]
fn hostile_records_are_errors_and_take_no_memory() {
    fn refused<T: DeserializeOwned>(bytes: &[u8]) {
        assert!(from_slice::<T>(bytes).is_err(), "{bytes:?}");
    }
    for hex in [ITEM, EMPTY, BIG_THING, NESTED] {
        let whole = unhex(hex);
        for end in 0..whole.len() {
            refused::<Item>(&whole[..end]);
            refused::<IgnoredAny>(&whole[..end]);
            refused::<serde_json::Value>(&whole[..end]);
        }
    }
    let mut huge = unhex(ITEM);
    huge[2..6].copy_from_slice(&[255; 4]);
    refused::<Item>(&huge);
    refused::<HashMap<Atom, IgnoredAny>>(&huge);
    refused::<IgnoredAny>(&huge);
    let mut flags = unhex(ITEM);
    flags[6] = 2;
    let error = from_slice::<Item>(&flags).unwrap_err().to_string();
    assert_eq!(error, "a record with unknown flags at byte 6".replace(" at", ", at"));
    // A name that is no atom.
    let mut name = unhex(ITEM);
    name[7] = 109;
    refused::<Item>(&name);
}

#[test]
fn a_million_records_inside_each_other_are_passed_without_a_deep_stack() {
    let head = [67, 0, 0, 0, 1, 1, 119, 1, b'm', 119, 1, b'n', 119, 1, b'a'];
    let bytes = [&[131][..], &head.repeat(1_000_000), &[106]].concat();
    assert!(from_slice::<IgnoredAny>(&bytes).is_ok());
    #[derive(Debug, Deserialize)]
    #[allow(dead_code, reason = "only ever refused")]
    struct Nested {
        a: Option<Box<Nested>>,
    }
    let refused = std::thread::Builder::new().stack_size(1 << 20).spawn(move || {
        let typed = from_slice::<Nested>(&bytes).unwrap_err();
        let any = from_slice::<serde_json::Value>(&bytes).unwrap_err();
        (typed.message().to_owned(), any.message().to_owned())
    });
    let refused = refused.unwrap().join().unwrap();
    let limit = "more levels than the limit of 128".to_owned();
    assert_eq!(refused, (limit.clone(), limit));
}

#[test]
fn a_name_too_long_for_an_atom_is_an_error_and_no_panic() {
    #[derive(Serialize)]
    #[serde(
        rename = "#a:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\
bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\
bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
    )]
    struct Long {}
    assert!(to_vec(&Long {}).unwrap_err().to_string().contains("an atom has at most 255"));
}

#[test]
fn otp_29_and_this_crate_read_each_others_records() {
    let release = util::output(
        "erl",
        &["-noshell", "-eval", "io:put_chars(erlang:system_info(otp_release)), halt()."],
        "erlang-base",
    );
    let release: u32 = String::from_utf8(release.stdout).unwrap().parse().unwrap();
    if release < 29 {
        // Records are read by no older one: the bytes above stand for it.
        return;
    }
    let script = r#"
        [Ours] = init:get_plain_arguments(),
        Bytes = binary:decode_hex(list_to_binary(Ours)),
        Record = binary_to_term(Bytes),
        true = is_record(Record, recs, item),
        io:put_chars(binary:encode_hex(term_to_binary({back, Record, [Record]}))),
        halt().
    "#;
    let hex: String = hex(&to_vec(&item()).unwrap());
    let said = util::output("erl", &["-noshell", "-eval", script, "-extra", &hex], "erlang-base");
    let said = String::from_utf8(said.stdout).unwrap();
    let back: (Atom, Item, Vec<Item>) = from_slice(&unhex(&said)).unwrap();
    assert_eq!((back.1, back.2), (item(), vec![item()]));
}
