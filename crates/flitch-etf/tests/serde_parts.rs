//! Pids, references and the other parts of terms as fields, and what they cost.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod util;

use bytes::Bytes;
use flitch_etf::{
    Atom, Binary, BitString, Export, ImproperList, List, Map, Pid, Port, Reference, Term, Tuple,
    decode, encode, from_bytes, from_slice, to_vec, write_value,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt::Debug;
use util::values::unhex;

/// What `work` gives, and how often it allocated.
fn counted<T>(work: impl FnOnce() -> T) -> (T, u64) {
    let mut value = None;
    let info = allocation_counter::measure(|| value = Some(work()));
    (value.unwrap(), info.count_total)
}

fn node() -> Atom {
    Atom::from_static("worker-00001@10.0.0.100")
}

fn pid() -> Pid {
    Pid { node: node(), id: 1, serial: 2, creation: 3 }
}

fn reference() -> Reference {
    Reference::three(node(), 3, [1, 2, 3])
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Message {
    Quote(u32, Option<Atom>),
}

#[test]
fn a_call_with_a_pid_and_a_reference_is_read_and_written_without_allocating() {
    type Call = (Atom, (Pid, Reference), Message);
    let call: Call =
        (Atom::from_static("$gen_call"), (pid(), reference()), Message::Quote(7, Some(Atom::OK)));
    let bytes = to_vec(&call).unwrap();
    // Names that are too long to be held inline are kept by the thread that met them.
    let met = from_slice::<Call>(&bytes).is_ok();
    let (read, allocations) = counted(|| from_slice::<Call>(&bytes));
    assert!(met);
    assert_eq!((read.as_ref(), allocations), (Ok(&call), 0));
    let mut out = Vec::with_capacity(bytes.len());
    let (written, allocations) = counted(|| write_value(&mut out, &call));
    assert_eq!((written, allocations, &out[..]), (Ok(()), 0, &bytes[1..]));
}

#[test]
fn ports_short_binaries_and_borrowed_text_cost_no_allocation_either() {
    type Value<'a> = (Port, Binary, &'a str, Option<u64>, f64);
    let port = Port { node: node(), id: 1 << 40, creation: 1 };
    let value: Value<'_> = (port, Binary::copy_from(b"short"), "text", Some(u64::MAX), 1.5);
    let bytes = to_vec(&value).unwrap();
    // The one integer beyond 64 bits with a sign is read through a big one.
    let met = from_slice::<Value<'_>>(&bytes).is_ok();
    let (read, allocations) = counted(|| from_slice::<Value<'_>>(&bytes));
    assert!(met);
    assert_eq!(read, Ok(value));
    assert!(allocations <= 2, "{allocations}");
}

#[test]
fn a_field_of_an_elixir_struct_costs_what_it_holds() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename = "Elixir.Shop.Item")]
    struct Item {
        sku: String,
        qty: u32,
        tags: Vec<Atom>,
        note: Option<String>,
    }
    let item = Item { sku: "a".into(), qty: 1, tags: vec![Atom::OK], note: None };
    let bytes = to_vec(&item).unwrap();
    // The first atom that a thread meets makes room for those that it remembers.
    let met = from_slice::<Item>(&bytes).is_ok();
    let (read, allocations) = counted(|| from_slice::<Item>(&bytes));
    assert!(met);
    assert_eq!((read, allocations), (Ok(item), 2));
}

fn is<T: Serialize + DeserializeOwned + Clone + PartialEq + Debug>(part: T, term: impl Into<Term>) {
    let term = term.into();
    let bytes = Bytes::from(encode(&term).unwrap());
    assert_eq!(to_vec(&part).unwrap(), bytes);
    assert_eq!(from_bytes(&bytes), Ok(part.clone()));
    let both = (part.clone(), Some(vec![part]), 7u8);
    assert_eq!(from_slice(&to_vec(&both).unwrap()), Ok(both));
}

#[test]
fn every_part_of_a_term_is_a_field() {
    is(Atom::OK, Atom::OK);
    is(pid(), pid());
    is(reference(), reference());
    let port = Port { node: node(), id: 7, creation: 1 };
    is(port.clone(), port);
    is(Binary::copy_from(&[0; 100]), Binary::copy_from(&[0; 100]));
    let map = Map::from([(Atom::OK, 1)]);
    is(map.clone(), map);
    let bits = BitString::new(Binary::copy_from(&[0xe0]), 3).unwrap();
    is(bits.clone(), bits);
    let export = Export { module: Atom::OK, function: Atom::NIL, arity: 2 };
    is(export.clone(), export);
}

#[test]
fn lists_and_tuples_of_anything_are_fields_too() {
    let list = vec![Term::from(1), Term::from("x")];
    let improper = ImproperList::term(list.clone(), Atom::OK.into());
    let terms = [Term::from(list.clone()), Term::tuple(list), improper];
    let bytes = to_vec(&(&terms[0], &terms[1], &terms[2])).unwrap();
    let (list, tuple, improper): (List, Tuple, ImproperList) = from_slice(&bytes).unwrap();
    assert_eq!((list.len(), tuple.len(), improper.tail()), (2, 2, &Atom::OK.into()));
    assert_eq!(to_vec(&(list, tuple, improper)).unwrap(), bytes);
}

#[test]
fn a_fun_goes_back_as_it_came() {
    let golden = include_str!("golden/otp25.txt").lines();
    let mut funs = 0;
    for line in golden {
        let (_, hex) = line.split_once(' ').unwrap();
        let bytes = Bytes::from(unhex(hex));
        if let Ok(Term::Fun(_)) = decode(&bytes) {
            let fun: flitch_etf::Fun = from_bytes(&bytes).unwrap();
            assert_eq!(to_vec(&fun).unwrap(), encode(&decode(&bytes).unwrap()).unwrap());
            funs += 1;
        }
    }
    assert!(funs > 0, "the recorded terms have funs among them");
}

#[test]
fn another_term_than_the_part_is_named() {
    fn refused<T: DeserializeOwned>(term: impl Into<Term>) -> String {
        from_bytes::<T>(&encode(&term.into()).unwrap().into()).err().unwrap().to_string()
    }
    assert_eq!(refused::<Pid>(1), "expected a pid, found an integer, at byte 1");
    assert_eq!(refused::<Reference>(pid()), "expected a reference, found a pid, at byte 1");
    assert_eq!(refused::<Port>(Atom::OK), "expected a port, found the atom :ok, at byte 1");
    assert_eq!(refused::<Binary>(reference()), "expected a binary, found a reference, at byte 1");
    assert_eq!(refused::<Map>("x"), "expected a map, found a binary, at byte 1");
    let list = vec![Term::from(1)];
    let error = refused::<Tuple>(list.clone());
    assert_eq!(error, "expected a tuple, found a list, at byte 1");
    let error = refused::<ImproperList>(list);
    assert_eq!(error, "expected an improper list, found a list, at byte 1");
    let error = refused::<(u8, BitString)>((1, "x"));
    assert_eq!(error, "1: expected a bit string, found a binary, at byte 5");
    let long = [131, 118, 4, 0].into_iter().chain([b'x'; 1024]).collect::<Vec<u8>>();
    let error = from_slice::<Atom>(&long).unwrap_err().to_string();
    assert_eq!(error, "an atom has at most 255 characters, not 1024, at byte 1");
}

#[test]
fn other_formats_get_text_and_give_back_what_text_can() {
    assert_eq!(serde_json::to_string(&Atom::OK).unwrap(), r#""ok""#);
    assert_eq!(serde_json::from_str::<Atom>(r#""ok""#).unwrap(), Atom::OK);
    assert_eq!(serde_json::from_str::<Atom>("null").unwrap(), Atom::NIL);
    assert!(serde_json::from_str::<Atom>("7").is_err());
    let shown = serde_json::to_string(&pid()).unwrap();
    assert!(shown.starts_with("\"#PID<"), "{shown}");
    let error = serde_json::from_str::<Pid>(&shown).unwrap_err().to_string();
    assert!(error.starts_with("expected a pid, found a binary"), "{error}");
    assert_eq!(serde_json::from_str::<Map>(r#"{"a": 1}"#).unwrap().len(), 1);
    // What was put down for another format is gone.
    assert_eq!(from_slice::<Term>(&[131, 97, 1]), Ok(Term::from(1)));
}
