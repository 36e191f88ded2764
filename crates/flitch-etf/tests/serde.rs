//! Rust's types as an Elixir program would lay them out, and what is said when they are not.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod util;

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use flitch_etf::{Atom, Binary, Map, Pid, Reference, Term, encode, from_bytes, from_slice, to_vec};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt::Debug;
use util::values::{atom, hex, is, term, unhex, value};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "Elixir.Shop.Item")]
struct Item {
    sku: String,
    qty: u32,
    note: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Call {
    Stop,
    Contents(),
    Add(Vec<Item>),
    Move(u8, u8),
    Set { key: Atom, value: i64 },
}

fn item() -> Item {
    Item { sku: "a-1".into(), qty: 2, note: None }
}

fn tagged<const N: usize>(tag: &str, fields: [Term; N]) -> Term {
    Term::tuple(std::iter::once(atom(tag)).chain(fields).collect::<Vec<_>>())
}

#[test]
fn elixir_sees_structs_atoms_tuples_and_strings() {
    let note = Some("päck".to_owned());
    let values = [
        to_vec(&item()).unwrap(),
        to_vec(&Item { note, ..item() }).unwrap(),
        to_vec(&[Call::Stop, Call::Contents(), Call::Add(vec![item()]), Call::Move(1, 2)]).unwrap(),
        to_vec(&Call::Set { key: Atom::from_static("k"), value: -1 }).unwrap(),
        to_vec(&(Ok::<(), ()>(()), Err::<u8, _>("no"), Ok::<_, ()>(Some(1.5)), ())).unwrap(),
        to_vec(&(true, 'ß', None::<u8>, vec![1, 2], u64::MAX, i128::MIN, Vec::<u8>::new()))
            .unwrap(),
        to_vec(&BTreeMap::from([("a", [1, 2]), ("b", [3, 4])])).unwrap(),
    ];
    let values: Vec<_> = values.iter().map(|bytes| hex(bytes)).collect();
    let script = r#"
        defmodule Shop.Item do
          defstruct [:sku, :qty, :note]
        end
        System.argv() |> Enum.each(fn hex ->
          hex |> Base.decode16!(case: :lower) |> :erlang.binary_to_term() |> IO.inspect(width: :infinity, custom_options: [sort_maps: true])
        end)
    "#;
    let said = util::elixir(script, &values.iter().map(String::as_str).collect::<Vec<_>>());
    let expected = r#"
%Shop.Item{sku: "a-1", qty: 2, note: nil}
%Shop.Item{sku: "a-1", qty: 2, note: "päck"}
{:stop, {:contents}, {:add, [%Shop.Item{sku: "a-1", qty: 2, note: nil}]}, {:move, 1, 2}}
{:set, %{key: :k, value: -1}}
{:ok, {:error, "no"}, {:ok, 1.5}, :ok}
{true, "ß", nil, [1, 2], 18446744073709551615, -170141183460469231731687303715884105728, []}
%{"a" => {1, 2}, "b" => {3, 4}}
"#;
    assert_eq!(said.trim(), expected.trim());
}

#[test]
fn what_elixir_makes_of_its_own_values_is_read() {
    let script = r#"
        defmodule Shop.Item do
          defstruct [:sku, :qty, :note]
        end
        # The module is not there yet when this is compiled.
        item = struct!(:"Elixir.Shop.Item", sku: "a-1", qty: 2)
        [
          item,
          [:stop, {:contents}, {:add, [item]}, {:set, %{key: :k, value: -1}}],
          %{"list" => 'abc', "floats" => [1, 2.5]},
          {self(), make_ref(), {:ok, nil}}
        ]
        |> Enum.each(&(&1 |> :erlang.term_to_binary() |> Base.encode16() |> IO.puts()))
    "#;
    let said = util::elixir(script, &[]);
    let lines: Vec<Bytes> = said.lines().map(|line| unhex(line).into()).collect();
    assert_eq!(from_bytes(&lines[0]), Ok(item()));
    let set = Call::Set { key: Atom::from_static("k"), value: -1 };
    let calls = vec![Call::Stop, Call::Contents(), Call::Add(vec![item()]), set];
    assert_eq!(from_bytes(&lines[1]), Ok(calls));
    let lists: HashMap<&str, Vec<f32>> = from_slice(&lines[2]).unwrap();
    assert_eq!(
        (&lists["list"][..], &lists["floats"][..]),
        (&[97.0, 98.0, 99.0][..], &[1.0, 2.5][..])
    );
    let (pid, _, third): (Pid, Reference, Result<Option<u8>, ()>) = from_bytes(&lines[3]).unwrap();
    assert_eq!((pid.node.as_str(), third), ("nonode@nohost", Ok(None)));
}

#[test]
fn a_struct_is_a_map_with_atoms_for_keys_and_with_its_name_if_it_is_elixirs() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Plain {
        x: u8,
    }
    is(Plain { x: 1 }, Map::from([(Atom::from_static("x"), 1)]));
    let fields = [("__struct__", atom("Elixir.Shop.Item")), ("sku", "a-1".into())];
    let rest = [("qty", 2.into()), ("note", atom("nil"))];
    let pairs = fields.into_iter().chain(rest).map(|(key, value)| (atom(key), value));
    is(item(), pairs.collect::<Map>());
}

#[test]
fn an_elixir_struct_is_checked_for_its_name() {
    let named = |name: Option<Term>| {
        let name = name.map(|name| (atom("__struct__"), name));
        let fields =
            [(atom("sku"), "a".into()), (atom("qty"), 1.into()), (atom("note"), atom("nil"))];
        value::<Item>(fields.into_iter().chain(name).collect::<Map>())
    };
    assert!(named(Some(atom("Elixir.Shop.Item"))).is_ok());
    let without = "expected a %Shop.Item{}, found a map without __struct__, at byte 1";
    assert_eq!(named(None).unwrap_err(), without);
    let other = named(Some(atom("Elixir.Shop.Order"))).unwrap_err();
    let expected = "__struct__: expected a %Shop.Item{}, found the atom Shop.Order, at byte ";
    assert!(other.starts_with(expected), "{other}");
    assert!(named(Some("Elixir.Shop.Item".into())).unwrap_err().contains("found a binary"));
}

#[test]
fn an_elixir_struct_is_read_wherever_its_name_stands_and_plain_structs_do_not_mind_one() {
    let mut last = vec![131, 116, 0, 0, 0, 2];
    last.extend([119, 1, b'a', 97, 7, 119, 10]);
    last.extend(b"__struct__");
    last.extend([119, 8]);
    last.extend(b"Elixir.T");
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename = "Elixir.T")]
    struct T {
        a: u8,
    }
    #[derive(Debug, PartialEq, Deserialize)]
    struct Plain {
        a: u8,
    }
    assert_eq!(from_slice(&last), Ok(T { a: 7 }));
    assert_eq!(from_slice(&last), Ok(Plain { a: 7 }));
}

#[test]
fn keys_that_are_strings_and_fields_that_nobody_asked_for() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Plain {
        x: u8,
        #[serde(default)]
        y: u8,
    }
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Strict {
        x: u8,
    }
    let keyed = |keys: [Term; 2]| keys.into_iter().zip((1..).map(Term::from)).collect::<Map>();
    assert_eq!(value(keyed(["x".into(), atom("unknown")])), Ok(Plain { x: 1, y: 0 }));
    assert_eq!(value(keyed([5.into(), atom("x")])), Ok(Plain { x: 2, y: 0 }));
    let error = value::<Strict>(keyed([atom("a"), atom("x")])).unwrap_err();
    assert_eq!(error, "unknown field `a`, expected `x`, at byte 6");
    let error = value::<Plain>(keyed([atom("a"), atom("b")])).unwrap_err();
    assert_eq!(error, "missing field `x`, at byte 1");
    let key = [131, 116, 0, 0, 0, 2, 119, 1, b'x', 97, 1, 119, 1, b'x', 97, 2];
    assert!(from_slice::<Strict>(&key).unwrap_err().message().contains("duplicate field `x`"));
}

#[test]
fn an_enum_is_an_atom_or_a_tuple_that_starts_with_one() {
    is(Call::Stop, atom("stop"));
    is(Call::Contents(), tagged("contents", []));
    is(Call::Move(1, 2), tagged("move", [1.into(), 2.into()]));
    is(Call::Add(vec![]), tagged("add", [Term::empty_list()]));
    let fields = [(atom("key"), atom("k")), (atom("value"), 3.into())];
    let set = Call::Set { key: Atom::from_static("k"), value: 3 };
    is(set, tagged("set", [fields.into_iter().collect::<Map>().into()]));
}

#[test]
fn a_variant_of_another_shape_or_name_is_refused_with_both_named() {
    let call = |term| value::<Call>(term).unwrap_err();
    let variants = "expected one of `stop`, `contents`, `add`, `move`, `set`";
    assert_eq!(call(atom("go")), format!("unknown variant `go`, {variants}, at byte 1"));
    assert_eq!(call(tagged("go", [])), format!("unknown variant `go`, {variants}, at byte 3"));
    assert_eq!(call(atom("contents")), "expected a tuple of 1, found the atom alone, at byte 1");
    assert_eq!(call(tagged("stop", [])), "expected an atom alone, found a tuple of 1, at byte 1");
    let three = call(tagged("move", [1.into()]));
    assert_eq!(three, "expected a tuple of 3, found a tuple of 2, at byte 1");
    let shape = "expected an atom, or a tuple that starts with one, found";
    assert_eq!(call(7.into()), format!("{shape} an integer, at byte 1"));
    assert_eq!(call(Term::tuple([])), format!("{shape} a tuple, at byte 1"));
    let first = "expected an atom as the first element, found a binary, at byte 3";
    assert_eq!(call(("add", 1).into()), first);
}

#[test]
fn absence_is_nil_and_unit_is_ok() {
    is(None::<u8>, atom("nil"));
    is(Some(3u8), 3);
    is((), atom("ok"));
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename = "Elixir.Shop")]
    struct Module;
    is(Module, atom("Elixir.Shop"));
    assert_eq!(
        value::<()>(atom("no")).unwrap_err(),
        "expected the atom :ok, found the atom :no, at byte 1"
    );
    assert!(value::<Module>(atom("Elixir.Shops")).is_err());
    assert!(value::<Option<u8>>(atom("undefined")).is_err());
}

#[test]
fn a_result_is_ok_or_error() {
    type Outcome = Result<u8, String>;
    is(Outcome::Ok(1), tagged("ok", [1.into()]));
    is(Outcome::Err("no".into()), tagged("error", ["no".into()]));
    is(Ok::<(), ()>(()), atom("ok"));
    is(Err::<(), ()>(()), atom("error"));
    is(Ok::<Option<u8>, ()>(None), tagged("ok", [atom("nil")]));
    is(Ok::<((),), ()>(((),)), tagged("ok", [Term::tuple([atom("ok")])]));
    is(Ok::<Result<(), ()>, ()>(Ok(())), tagged("ok", [atom("ok")]));
    // `:ok` says no more than that it went well.
    assert_eq!(value::<Result<Term, Term>>(atom("ok")), Ok(Ok(atom("ok"))));
    assert_eq!(value::<Result<(), Term>>(tagged("ok", [atom("ok")])), Ok(Ok(())));
    assert!(value::<Outcome>(atom("ok")).is_err());
    assert!(value::<Outcome>(atom("fine")).is_err());
}

#[test]
fn text_and_bytes_are_borrowed_from_the_message() {
    let bytes = to_vec(&("héllo", serde_bytes::Bytes::new(&[0, 255]))).unwrap();
    let (text, raw): (&str, &[u8]) = from_slice(&bytes).unwrap();
    assert_eq!((text, raw), ("héllo", &[0, 255][..]));
    assert!(bytes.as_ptr_range().contains(&text.as_ptr()));
    assert!(bytes.as_ptr_range().contains(&raw.as_ptr()));
    let error = from_slice::<&str>(&to_vec(serde_bytes::Bytes::new(&[255])).unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "expected a string, found bytes not in UTF-8, at byte 1");
}

#[test]
fn a_list_of_bytes_is_a_list_in_all_its_forms() {
    is(Vec::<u8>::new(), Term::empty_list());
    is(vec![1u8, 255], vec![Term::from(1), Term::from(255)]);
    assert_eq!(to_vec(&vec![1u8, 255]).unwrap()[1], 108, "as elements are written one by one");
    // A BEAM sends it as STRING_EXT, which is no text.
    assert_eq!(from_slice(&[131, 107, 0, 2, 1, 255]), Ok(vec![1u8, 255]));
    assert_eq!(from_slice(&[131, 107, 0, 2, 1, 255]), Ok(vec![Some(1.0f64), Some(255.0)]));
    assert_eq!(from_slice(&[131, 107, 0, 1, 7]), Ok(vec![Term::from(7)]));
    let error = from_slice::<Vec<String>>(&[131, 107, 0, 1, 7]).unwrap_err();
    assert_eq!(error.to_string(), "[0]: invalid type: integer `7`, expected a string, at byte 1");
    assert!(from_slice::<Vec<i8>>(&[131, 107, 0, 1, 200]).is_err());
    assert!(from_slice::<String>(&[131, 107, 0, 1, 97]).is_err());
    let long: Vec<u32> = (0..70_000).collect();
    is(long.clone(), long.into_iter().map(Term::from).collect::<Term>());
}

#[test]
fn sequences_of_unknown_length_and_iterators_are_counted() {
    struct Evens;
    impl Serialize for Evens {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_seq((0..9).filter(|number| number % 2 == 0))
        }
    }
    struct Nothing;
    impl Serialize for Nothing {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_seq((0..9).filter(|_| false))
        }
    }
    assert_eq!(term(&Evens), [0, 2, 4, 6, 8].map(Term::from).to_vec().into());
    assert_eq!(
        to_vec(&Nothing).unwrap(),
        [131, 106],
        "a LIST_EXT of nothing is written by no BEAM"
    );
    assert_eq!(to_vec(&HashMap::<u8, u8>::new()).unwrap(), [131, 116, 0, 0, 0, 0]);
}

#[test]
fn maps_have_keys_of_any_type() {
    is(BTreeMap::from([(1u8, true), (2, false)]), {
        let pair = |key: i64, value: bool| (Term::from(key), Term::from(value));
        Map::from_iter([pair(1, true), pair(2, false)])
    });
    is(
        HashMap::from([("a".to_owned(), 1.5)]),
        Map::from_iter([(Term::from("a"), Term::from(1.5))]),
    );
    is(HashMap::from([(Atom::OK, ())]), Map::from([(Atom::OK, Atom::OK)]));
    is(HashMap::from([((1u8, None::<u8>), vec![Some(1u8)])]), {
        let key = Term::from((1, Atom::NIL));
        Map::from_iter([(key, Term::from(vec![Term::from(1)]))])
    });
}

#[test]
fn integers_reach_their_edges_and_never_wrap() {
    is(i64::MIN, i64::MIN);
    is(u64::MAX, u64::MAX);
    is(i128::MAX, i128::MAX);
    is(i128::MIN, i128::MIN);
    is(u128::MAX, u128::MAX);
    is(-(1i128 << 64), -(1i128 << 64));
    is(-i128::from(u64::MAX), -i128::from(u64::MAX));
    is(i128::from(i64::MIN) - 1, i128::from(i64::MIN) - 1);
    fn refused<T: DeserializeOwned + Debug>(value: impl Into<Term>) {
        let error = self::value::<T>(value).unwrap_err();
        assert!(error.contains("integer") || error.contains("expected i128"), "{error}");
    }
    refused::<u8>(256);
    refused::<u8>(-1);
    refused::<i8>(128);
    refused::<u16>(65_536);
    refused::<i32>(1i64 << 31);
    refused::<u32>(-1);
    refused::<i64>(u64::MAX);
    refused::<u64>(-1);
    refused::<u64>(u128::from(u64::MAX) + 1);
    refused::<i128>(u128::MAX);
    refused::<u128>(-1);
    refused::<u128>(flitch_etf::BigInt::from(1) << 128);
    refused::<u8>(1.0);
    let error = value::<u8>(300).unwrap_err();
    assert_eq!(error, "invalid value: integer `300`, expected u8, at byte 1");
}

#[test]
fn floats_take_integers_that_they_can_hold_and_nothing_else() {
    is(1.5f64, 1.5);
    is(-0.0f64, -0.0);
    is(1.5f32, 1.5);
    assert_eq!(value::<f64>(3), Ok(3.0));
    assert_eq!(value::<f64>(1i64 << 53), Ok((1i64 << 53) as f64));
    let rounded = "an integer that no float holds exactly, at byte 1";
    assert_eq!(value::<f64>((1i64 << 53) + 1).unwrap_err(), rounded);
    assert_eq!(value::<f64>(u128::MAX).unwrap_err(), rounded);
    assert_eq!(value::<f32>(1e300).unwrap_err(), "1e300 is no 32-bit float, at byte 1");
    assert_eq!(
        value::<f64>(atom("a")).unwrap_err(),
        "expected a float, found the atom :a, at byte 1"
    );
    let error = to_vec(&[f64::NAN]).unwrap_err().to_string();
    assert_eq!(error, "NaN is not an Erlang float");
}

#[test]
fn an_error_says_where_it_is() {
    #[derive(Debug, Deserialize)]
    #[allow(dead_code, reason = "only ever refused")]
    struct Order {
        items: Vec<(Atom, HashMap<String, Option<u8>>)>,
    }
    let bad = |value: Term| {
        let inner = Map::from_iter([(Term::from("a b"), value)]);
        let one = Term::from((atom("x"), Map::default()));
        let two = Term::from((atom("y"), inner));
        let order = Map::from([(Atom::from_static("items"), Term::from(vec![one, two]))]);
        from_bytes::<Order>(&encode(&order.into()).unwrap().into()).unwrap_err()
    };
    let error = bad(Term::from(1.5));
    assert_eq!((error.path().as_str(), error.offset()), ("items[1].1[\"a b\"]", Some(46)));
    assert_eq!(error.message(), "expected an integer, found a float");
    let whole = "items[1].1[\"a b\"]: expected an integer, found a float, at byte 46";
    assert_eq!(error.to_string(), whole);
    assert_eq!(format!("{error:?}"), whole);
    assert_eq!(bad(atom("a\nb")).message(), "expected an integer, found the atom :\"a\\nb\"");
    let tuple = from_slice::<(u8, u8)>(&[131, 104, 3, 97, 1, 97, 2, 97, 3]).unwrap_err();
    assert_eq!(tuple.to_string(), "expected a tuple of 2, found one of 3, at byte 1");
    let end = from_slice::<u8>(&[131, 97, 1, 0]).unwrap_err();
    assert_eq!(end.to_string(), "1 bytes follow the term, at byte 3");
    let version = from_slice::<u8>(&[130, 97, 1]).unwrap_err();
    assert_eq!(version.to_string(), "the version byte is 130, not 131, at byte 0");
    let tail = from_slice::<Vec<u8>>(&[131, 108, 0, 0, 0, 1, 97, 1, 97, 2]).unwrap_err();
    assert_eq!(tail.to_string(), "expected the end of a proper list, found an integer, at byte 8");
}

#[test]
fn a_reader_that_stops_early_does_not_leave_the_rest_to_its_neighbour() {
    struct First;
    impl<'de> Deserialize<'de> for First {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Visitor;
            impl<'de> serde::de::Visitor<'de> for Visitor {
                type Value = First;
                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("a list")
                }
                fn visit_seq<A: serde::de::SeqAccess<'de>>(
                    self,
                    mut seq: A,
                ) -> Result<First, A::Error> {
                    seq.next_element::<u32>().map(|_| First)
                }
            }
            deserializer.deserialize_seq(Visitor)
        }
    }
    let error = from_slice::<(First, u8)>(&to_vec(&(vec![1000, 2000, 3000], 7)).unwrap()).err();
    assert_eq!(error.unwrap().message(), "2 more elements than expected");
    let string = [131, 104, 2, 107, 0, 3, 1, 2, 3, 97, 7];
    assert_eq!(
        from_slice::<(First, u8)>(&string).err().unwrap().message(),
        "2 more elements than expected"
    );
}

#[test]
fn terms_pass_through_typed_values_unharmed() {
    let pid = Pid { node: Atom::from_static("a@h"), id: 1, serial: 2, creation: 3 };
    let reference = Reference::new(Atom::from_static("a@h"), 1, &[1, 2, 3]).unwrap();
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Call {
        from: (Pid, Reference),
        request: Term,
        tags: Vec<Atom>,
        raw: Binary,
        options: Map,
        maybe: Option<Term>,
    }
    let call = Call {
        from: (pid.clone(), reference.clone()),
        request: tagged("add", [atom("nil"), Term::from((1, 2)), Term::empty_list()]),
        tags: vec![Atom::OK, Atom::NIL],
        raw: Binary::copy_from(&[0, 255]),
        options: Map::from([(Atom::OK, 1.5)]),
        maybe: Some(atom("x")),
    };
    let seen = term(&call);
    let seen = seen.as_map().unwrap();
    assert_eq!(seen.get_atom("from"), Some(&Term::from((pid, reference))));
    assert_eq!(seen.get_atom("request"), Some(&call.request));
    assert_eq!(seen.get_atom("raw"), Some(&call.raw.clone().into()));
    assert_eq!(value(seen.clone()), Ok(call));
    let error = value::<Vec<Pid>>(vec![atom("a")]).unwrap_err();
    assert_eq!(error, "[0]: expected a pid, found the atom :a, at byte 6");
    // One that failed in between leaves nothing behind for the next.
    assert_eq!(value::<(Option<Term>, Term)>((atom("nil"), 5)), Ok((None, 5.into())));
}

#[test]
fn a_term_shares_the_message_that_it_came_in() {
    let bytes = Bytes::from(to_vec(&vec![Term::from("x".repeat(100))]).unwrap());
    let terms: Vec<Term> = from_bytes(&bytes).unwrap();
    let held = terms[0].as_binary().unwrap().as_slice().as_ptr();
    assert!(bytes.as_ptr_range().contains(&held));
}

#[test]
fn json_gets_the_nearest_form_of_a_term() {
    let json = |term: &Term| serde_json::to_string(term).unwrap();
    let map = Map::from([(Atom::from_static("a"), Term::from(vec![Term::from(1), atom("nil")]))]);
    assert_eq!(json(&map.into()), r#"{"a":[1,null]}"#);
    assert_eq!(json(&(atom("ok"), "text", 1.5, true).into()), r#"["ok","text",1.5,true]"#);
    assert_eq!(json(&u64::MAX.into()), "18446744073709551615");
    assert_eq!(json(&(-1).into()), "-1");
    assert_eq!(serde_json::to_string(&Atom::OK).unwrap(), r#""ok""#);
    let keys = Map::from_iter([(Term::from("b"), Term::from(1)), (Term::from(2), Term::from(2))]);
    assert_eq!(json(&keys.into()), r#"{"2":2,"b":1}"#);
    let mut deep = Term::empty_list();
    (0..100_000).for_each(|_| deep = Term::from(vec![std::mem::take(&mut deep)]));
    let error = serde_json::to_string(&deep).unwrap_err();
    assert_eq!(error.to_string(), "the term is too deep");
}

#[test]
fn a_term_is_made_of_json() {
    let term: Term = serde_json::from_str(r#"{"a": [1, -1, 1.5, null, true, "x"]}"#).unwrap();
    let elements = [1.into(), (-1).into(), 1.5.into(), atom("nil"), true.into(), "x".into()];
    assert_eq!(term, Map::from_iter([(Term::from("a"), Term::from(elements.to_vec()))]).into());
    assert_eq!(serde_json::from_str::<Term>("18446744073709551615").unwrap(), u64::MAX.into());
}

#[test]
fn values_of_unknown_type_are_read_as_their_tags_say() {
    let bytes =
        to_vec(&(1, -2.5, "x", true, None::<u8>, vec![1], BTreeMap::from([("k", u64::MAX)])));
    let json: serde_json::Value = from_slice(&bytes.unwrap()).unwrap();
    assert_eq!(json, serde_json::json!([1, -2.5, "x", true, null, [1], {"k": u64::MAX}]));
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(i64),
        Text(String),
    }
    assert_eq!(value(5), Ok(Either::Number(5)));
    assert_eq!(value("five"), Ok(Either::Text("five".into())));
}
