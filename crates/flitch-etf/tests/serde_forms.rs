//! `undefined`, keyword lists, charlists and integers of any size, both ways.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod util;

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;

use flitch_etf::{
    Absent, Atom, BigInt, Charlist, Keyword, Layout, Term, decode, encode, from_bytes_with,
    from_slice, from_slice_with, read_value_with, to_vec, to_vec_with, write_value_with,
};
use serde::{Deserialize, Serialize};
use util::values::{atom, hex, is, map, unhex, value};

fn list<const N: usize>(pairs: [(&str, Term); N]) -> Term {
    pairs.into_iter().map(|(key, value)| Term::from((atom(key), value))).collect()
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Peer {
    #[serde(with = "flitch_etf::undefined")]
    port: Option<u16>,
    name: Option<Atom>,
}

#[test]
fn one_field_may_be_undefined_and_its_neighbours_nil() {
    is(Peer::default(), map([("port", atom("undefined")), ("name", atom("nil"))]));
    let peer = Peer { port: Some(1), name: Some(Atom::from_static("undefined")) };
    is(peer, map([("port", 1.into()), ("name", atom("undefined"))]));
    let error = value::<Peer>(map([("port", atom("nil")), ("name", atom("nil"))])).unwrap_err();
    assert!(
        error.starts_with("port: expected an integer, found the atom nil, at byte "),
        "{error}"
    );
}

#[test]
fn undefined_holds_for_the_outer_option_alone() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Outer {
        #[serde(with = "flitch_etf::undefined")]
        field: Option<Option<u8>>,
        #[serde(with = "flitch_etf::undefined")]
        list: Option<Vec<Option<u8>>>,
        #[serde(default, with = "flitch_etf::undefined")]
        missing: Option<u8>,
    }
    let inside = Outer { field: Some(None), list: Some(vec![None, Some(1)]), missing: None };
    let nils = Term::from(vec![atom("nil"), 1.into()]);
    is(inside, map([("field", atom("nil")), ("list", nils), ("missing", atom("undefined"))]));
    let absent = map([("field", atom("undefined")), ("list", atom("undefined"))]);
    assert_eq!(value(absent), Ok(Outer { field: None, list: None, missing: None }));
}

#[test]
fn a_whole_value_may_have_undefined_for_every_absence() {
    let value = vec![(None, Some(Atom::NIL)), (Some(1u8), None::<Atom>)];
    let bytes = to_vec_with(&value, Layout::ERLANG).unwrap();
    let pair = |a: Term, b: Term| Term::from((a, b));
    let expected = vec![pair(atom("undefined"), atom("nil")), pair(1.into(), atom("undefined"))];
    assert_eq!(decode(&bytes.clone().into()).unwrap(), Term::from(expected));
    assert_eq!(from_slice_with(&bytes, Layout::ERLANG), Ok(value.clone()));
    assert_eq!(from_bytes_with(&bytes.clone().into(), Layout::ERLANG), Ok(value.clone()));
    assert!(from_slice::<Vec<(Option<u8>, Option<Atom>)>>(&bytes).is_err());
    // A field that asks for it has it under either layout.
    for layout in [Layout::ELIXIR, Layout::ERLANG, Layout::default().absent(Absent::Nil)] {
        let mut out = Vec::new();
        write_value_with(&mut out, &Peer::default(), layout).unwrap();
        let mut reader = flitch_etf::Reader::new(&out);
        assert_eq!(read_value_with(&mut reader, layout), Ok(Peer::default()));
    }
    // Values of unknown type follow the layout too.
    let undefined = to_vec(&Atom::from_static("undefined")).unwrap();
    let json = |layout| from_slice_with::<serde_json::Value>(&undefined, layout).unwrap();
    assert_eq!(json(Layout::ERLANG), serde_json::Value::Null);
    assert_eq!(json(Layout::ELIXIR), "undefined");
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Options {
    timeout: u32,
    #[serde(default)]
    restart: bool,
    note: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Start {
    #[serde(with = "flitch_etf::keyword")]
    options: Options,
    #[serde(default, with = "flitch_etf::keyword")]
    more: Option<BTreeMap<String, Vec<Options>>>,
}

#[test]
fn a_struct_is_a_keyword_list_in_the_order_of_its_fields() {
    let options = Options { timeout: 5, restart: true, note: None };
    let pairs = [("timeout", 5.into()), ("restart", true.into()), ("note", atom("nil"))];
    is(Keyword(options.clone()), list(pairs.clone()));
    let start = Start { options: options.clone(), more: None };
    is(start, map([("options", list(pairs.clone())), ("more", atom("nil"))]));
    // Structs inside it are maps.
    let more = BTreeMap::from([("b".to_owned(), vec![options.clone()]), ("c".to_owned(), vec![])]);
    let inner = list([("b", vec![map(pairs.clone())].into()), ("c", Term::empty_list())]);
    is(Start { options, more: Some(more) }, map([("options", list(pairs)), ("more", inner)]));
}

#[test]
fn the_first_of_a_key_counts_and_a_bare_atom_is_true() {
    let pair = |key: &str, value: i64| Term::from((atom(key), value));
    let elements = vec![pair("timeout", 1), atom("restart"), pair("timeout", 2), atom("unknown")];
    let read = value::<Keyword<Options>>(elements.clone()).map(|options| options.0);
    assert_eq!(read, Ok(Options { timeout: 1, restart: true, note: None }));
    let twice = vec![pair("a", 1), atom("b"), pair("a", 3), pair("c", 2), atom("a"), pair("c", 9)];
    let map: Keyword<HashMap<Atom, Term>> = value(twice.clone()).unwrap();
    let expected = [("a", Term::from(1)), ("b", true.into()), ("c", 2.into())];
    assert_eq!(map.0, expected.map(|(key, value)| (Atom::new(key).unwrap(), value)).into());
    let pairs: Keyword<Vec<(Atom, Term)>> = value(twice).unwrap();
    let keys: String = pairs.0.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!((keys.as_str(), &pairs.0[1].1), ("abacac", &Term::from(true)));
    let optional: Keyword<BTreeMap<String, Option<bool>>> = value(vec![atom("x")]).unwrap();
    assert_eq!(optional.0["x"], Some(true));
}

#[test]
fn an_empty_keyword_list_is_nil_and_cells_are_one_list() {
    is(Keyword(BTreeMap::<Atom, u8>::new()), Term::empty_list());
    is(Keyword(Vec::<(Atom, u8)>::new()), Term::empty_list());
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Nothing {}
    is(Keyword(Nothing {}), Term::empty_list());
    // As C nodes write lists: each cell the tail of the one before.
    let cells =
        [131, 108, 0, 0, 0, 1, 119, 1, b'a', 108, 0, 0, 0, 1, 104, 2, 119, 1, b'b', 97, 7, 106];
    let map: Keyword<BTreeMap<String, Term>> = from_slice(&cells).unwrap();
    assert_eq!(map.0["b"], Term::from(7));
    assert_eq!(map.0.len(), 2);
    // An empty one is not continued by the list behind it.
    let two = [131, 104, 2, 106, 108, 0, 0, 0, 1, 119, 1, b'a', 106];
    type Flags = Keyword<BTreeMap<String, bool>>;
    let (first, second): (Flags, Flags) = from_slice(&two).unwrap();
    assert_eq!((first.0.len(), second.0.len()), (0, 1));
}

#[test]
fn what_is_no_keyword_list_is_refused_with_the_place() {
    let refused = |term: Term| value::<Keyword<Options>>(term).unwrap_err();
    assert_eq!(refused(map([])), "expected a keyword list, found a map, at byte 1");
    let element = "expected a pair of an atom and a value, or an atom, found";
    let text = vec![Term::from(("timeout", 1))];
    assert_eq!(refused(text.into()), format!("[0]: {element} a tuple, at byte 6"));
    assert_eq!(
        refused(vec![Term::from(1), Term::from(1000)].into()),
        format!("[0]: {element} an integer, at byte 6")
    );
    let triple = Term::tuple([atom("timeout"), 1.into(), 2.into()]);
    assert_eq!(refused(vec![triple].into()), format!("[0]: {element} a tuple, at byte 6"));
    let improper = flitch_etf::ImproperList::term(vec![(atom("timeout"), 1).into()], atom("x"));
    assert!(refused(improper).starts_with("expected the end of a proper list, found the atom :x"));
    let wrong = list([("timeout", 1.into()), ("note", 7.into())]);
    let error = refused(wrong);
    assert!(error.starts_with("note: expected a string, found an integer, at byte "), "{error}");
    let error = refused(list([("restart", true.into())]));
    assert_eq!(error, "missing field `timeout`, at byte 1");
    let error = value::<Keyword<Vec<(Atom, u8)>>>(list([("a", 1.into()), ("b", 256.into())]));
    let expected = "[1].1: invalid value: integer `256`, expected u8, at byte ";
    assert!(error.unwrap_err().starts_with(expected));
    let error = to_vec(&Keyword(BTreeMap::from([(1, 2)]))).unwrap_err();
    assert_eq!(error.to_string(), "a key of a keyword list that is no text and no atom");
}

#[test]
fn hostile_keyword_lists_are_errors() {
    let refused = |bytes: &[u8]| {
        assert!(from_slice::<Keyword<Options>>(bytes).is_err(), "{bytes:?}");
        assert!(from_slice::<Keyword<HashMap<Atom, Term>>>(bytes).is_err(), "{bytes:?}");
    };
    refused(&[131, 108, 255, 255, 255, 255, 119, 1, b'a']);
    refused(&[131, 107, 0, 1, 97]);
    let options = Keyword(Options { timeout: 5, restart: true, note: None });
    let whole = to_vec(&options).unwrap();
    (0..whole.len()).for_each(|end| refused(&whole[..end]));
    refused(&[&whole[..], &[106]].concat());
    // Keyword lists inside keyword lists go no deeper than other containers.
    #[derive(Debug, Deserialize)]
    #[allow(dead_code, reason = "only ever refused")]
    struct Deep {
        #[serde(with = "flitch_etf::keyword")]
        a: Box<Deep>,
    }
    let step = [108, 0, 0, 0, 1, 104, 2, 119, 1, b'a'];
    let bytes = [&[131][..], &step.repeat(10_000), &[106]].concat();
    let stack = std::thread::Builder::new().stack_size(2 << 20);
    let error = stack.spawn(move || from_slice::<Keyword<Deep>>(&bytes).unwrap_err());
    let error = error.unwrap().join().unwrap();
    assert_eq!(error.message(), "more levels than the limit of 128");
}

#[test]
fn text_is_a_charlist_in_the_form_that_term_to_binary_chooses() {
    let long = "é".repeat(65_535);
    for text in ["", "abc", "é", "ab😀", &long, &format!("{long}x")] {
        let list: Term = text.chars().map(|char| Term::from(u32::from(char))).collect();
        let charlist = Charlist(text.to_owned());
        assert_eq!(to_vec(&charlist).unwrap(), encode(&list).unwrap());
        assert_eq!(value(list), Ok(charlist));
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Host {
        #[serde(with = "flitch_etf::charlist")]
        name: String,
        #[serde(with = "flitch_etf::charlist")]
        alias: Option<String>,
        text: String,
    }
    let host = Host { name: "h".into(), alias: None, text: "t".into() };
    let name = Term::from(vec![Term::from(104)]);
    is(host, map([("name", name), ("alias", atom("nil")), ("text", "t".into())]));
}

#[test]
fn what_is_no_charlist_is_refused_with_the_place() {
    let refused = |term: Term| value::<Charlist>(term).unwrap_err();
    assert_eq!(refused("abc".into()), "expected a charlist, found a binary, at byte 1");
    let no_point = "[1]: an integer that is no code point, at byte 8";
    for number in [0xd800, 0x11_0000, -1] {
        assert_eq!(refused(vec![Term::from(97), Term::from(number)].into()), no_point);
    }
    let error = refused(vec![Term::from(1000), atom("x")].into());
    assert_eq!(error, "[1]: expected a code point, found the atom :x, at byte 11");
    let improper = flitch_etf::ImproperList::term(vec![1000.into()], 7.into());
    assert!(refused(improper).contains("expected the end of a proper list, found an integer"));
    assert!(from_slice::<Charlist>(&[131, 108, 255, 255, 255, 255, 97]).is_err());
    let cells = [131, 108, 0, 0, 0, 1, 97, 97, 108, 0, 0, 0, 1, 97, 98, 106];
    assert_eq!(from_slice(&cells), Ok(Charlist("ab".into())));
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Numbers {
    #[serde(with = "flitch_etf::bigint")]
    one: BigInt,
    #[serde(with = "flitch_etf::bigint")]
    maybe: Option<BigInt>,
    #[serde(with = "flitch_etf::bigint")]
    many: Vec<BigInt>,
}

#[test]
fn integers_of_any_size_pass_without_loss() {
    let edges = [0, 1, -1, 255, 256, i64::MAX.into(), i64::MIN.into(), i128::MAX, i128::MIN];
    let large = [BigInt::from(-7) << 5000, (BigInt::from(1) << 2040) - 1, BigInt::from(1) << 2040];
    let many: Vec<BigInt> = edges.map(BigInt::from).into_iter().chain(large.clone()).collect();
    let terms: Term = many.iter().map(|number| Term::from(number.clone())).collect();
    let one = large[0].clone();
    let expected = map([("one", one.clone().into()), ("maybe", atom("nil")), ("many", terms)]);
    is(Numbers { one, maybe: None, many }, expected);
    let wrong = map([("one", 1.into()), ("maybe", 1.5.into()), ("many", Term::empty_list())]);
    let error = value::<Numbers>(wrong).unwrap_err();
    assert!(error.starts_with("maybe: expected an integer, found a float, at byte "), "{error}");
    let bytes = vec![Term::from(1), Term::from(2)];
    let expected = map([("one", 1.into()), ("maybe", 2.into()), ("many", bytes.into())]);
    let many = [1, 2].map(BigInt::from).to_vec();
    is(Numbers { one: 1.into(), maybe: Some(2.into()), many }, expected);
}

#[test]
fn other_formats_see_the_plain_values() {
    let start = Start { options: Options { timeout: 1, restart: false, note: None }, more: None };
    let json = r#"{"options":{"timeout":1,"restart":false,"note":null},"more":null}"#;
    assert_eq!(serde_json::to_string(&start).unwrap(), json);
    assert_eq!(serde_json::from_str::<Start>(json).unwrap(), start);
    assert_eq!(serde_json::to_string(&Charlist("é".into())).unwrap(), r#""é""#);
    assert_eq!(serde_json::from_str::<Charlist>(r#""é""#).unwrap(), Charlist("é".into()));
    assert_eq!(serde_json::to_string(&Peer::default()).unwrap(), r#"{"port":null,"name":null}"#);
    let numbers = Numbers { one: BigInt::from(1) << 200, maybe: None, many: vec![7.into()] };
    let json = serde_json::to_string(&numbers).unwrap();
    assert_eq!(serde_json::from_str::<Numbers>(&json).unwrap(), numbers);
    // Nothing that was announced is left for the next value.
    assert_eq!(
        value::<(Charlist, String)>((Term::empty_list(), "x")),
        Ok((Charlist::default(), "x".into()))
    );
}

#[test]
fn elixir_takes_our_keyword_lists_and_charlists_for_its_own() {
    let options = Keyword(Options { timeout: 5, restart: true, note: Some("é".into()) });
    let values = [
        to_vec(&options).unwrap(),
        to_vec(&(Charlist("häß".into()), Charlist("→".into()), Charlist(String::new()))).unwrap(),
        to_vec_with(&(None::<u8>, Some(1)), Layout::ERLANG).unwrap(),
    ];
    let values: Vec<_> = values.iter().map(|bytes| hex(bytes)).collect();
    let script = r#"
        [options, charlists, undefined] =
          Enum.map(System.argv(), &(&1 |> Base.decode16!(case: :lower) |> :erlang.binary_to_term()))
        true = Keyword.keyword?(options)
        true = options == [timeout: 5, restart: true, note: "é"]
        true = charlists == {String.to_charlist("häß"), String.to_charlist("→"), []}
        true = undefined == {:undefined, 1}
        # Elixir's own way back.
        [[restart: true, timeout: 9, timeout: 1], [:restart, {:timeout, 4}], String.to_charlist("häß→")]
        |> Enum.each(&(&1 |> :erlang.term_to_binary() |> Base.encode16() |> IO.puts()))
    "#;
    let said = util::elixir(script, &values.iter().map(String::as_str).collect::<Vec<_>>());
    let lines: Vec<_> = said.lines().map(unhex).collect();
    let timeout = |line: &[u8]| {
        let Keyword(options) = from_slice::<Keyword<Options>>(line).unwrap();
        (options.timeout, options.restart)
    };
    assert_eq!((timeout(&lines[0]), timeout(&lines[1])), ((9, true), (4, true)));
    assert_eq!(from_slice(&lines[2]), Ok(Charlist("häß→".into())));
}

#[test]
fn bytes_that_were_sent_as_a_list_are_read_without_a_copy() {
    #[derive(Deserialize, PartialEq, Debug)]
    struct Held(#[serde(with = "serde_bytes")] Vec<u8>);
    let bytes = encode(&Term::from(vec![104, 105])).unwrap();
    let read: &[u8] = from_slice(&bytes).unwrap();
    assert_eq!(read, b"hi");
    assert!(bytes.as_ptr_range().contains(&read.as_ptr()));
    assert_eq!(from_slice::<Held>(&bytes), Ok(Held(b"hi".to_vec())));
    assert_eq!(from_slice::<&[u8]>(&[131, 106]), Ok(&[][..]));
    // A STRING_EXT has no room for more than 65,535.
    let long = vec![7; 70_000];
    let bytes = to_vec(&long).unwrap();
    assert_eq!(from_slice::<Held>(&bytes), Ok(Held(long)));
    assert!(from_slice::<Held>(&to_vec(&vec![1, 256]).unwrap()).is_err());
    assert!(from_slice::<&str>(&[131, 107, 0, 1, b'a']).is_err(), "a list is no text");
    let short = from_slice::<&[u8]>(&[131, 107, 0, 3, b'a']).unwrap_err().to_string();
    assert_eq!(short, "the bytes end in the bytes of a string: 3 needed, 1 left, at byte 4");
}
