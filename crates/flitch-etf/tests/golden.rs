//! Recorded bytes: what OTP 25, 27 and 29 wrote (`tests/golden/`), and the forms of older nodes as
//! `erl_ext_dist` lays them out.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod util;

use bytes::Bytes;
use flitch_etf::{
    Atom, Binary, BitString, EncodeError, Export, ImproperList, Map, Pid, Port, Record, Reference,
    Term, decode, encode,
};
use num_bigint::BigInt;
use util::values::{atom, unhex};

fn node() -> Atom {
    Atom::from_static("a@h")
}

fn reference(creation: u32, words: &[u32]) -> Term {
    Reference::new(node(), creation, words).unwrap().into()
}

fn list(elements: impl IntoIterator<Item = i64>) -> Term {
    elements.into_iter().map(Term::from).collect()
}

fn bits(bytes: &[u8], last: u8) -> Term {
    BitString::new(Binary::copy_from(bytes), last).unwrap().into()
}

fn map() -> Term {
    let keys = [atom("a"), Term::from("a"), Term::from(1), Term::from(1.0)];
    keys.into_iter().zip((1..).map(Term::from)).collect::<Map>().into()
}

/// What each line of the file is.
fn expected() -> Vec<(&'static str, Term)> {
    let big = |bits: u32| BigInt::from(2).pow(bits);
    let pid = |id, serial, creation| Term::from(Pid { node: node(), id, serial, creation });
    let port = |id| Term::from(Port { node: node(), id, creation: 6 });
    let map_2 = Export {
        module: "lists".try_into().unwrap(),
        function: "map".try_into().unwrap(),
        arity: 2,
    };
    vec![
        ("zero", 0.into()),
        ("byte", 255.into()),
        ("over-byte", 256.into()),
        ("minus-one", (-1).into()),
        ("i32-max", i32::MAX.into()),
        ("i32-min", i32::MIN.into()),
        ("over-i32", (i64::from(i32::MAX) + 1).into()),
        ("under-i32", (i64::from(i32::MIN) - 1).into()),
        ("i64-max", i64::MAX.into()),
        ("i64-min", i64::MIN.into()),
        ("over-i64", (i128::from(i64::MAX) + 1).into()),
        ("u64-max", u64::MAX.into()),
        ("over-u64", (u128::from(u64::MAX) + 1).into()),
        ("small-big-max", Term::from(big(2040) - 1u32)),
        ("large-big", (-big(2040)).into()),
        ("float", 1.5f64.into()),
        ("minus-zero", (-0.0f64).into()),
        ("float-max", f64::MAX.into()),
        ("float-min", f64::from_bits(1).into()),
        ("atom", Atom::OK.into()),
        ("atom-empty", atom("")),
        ("atom-latin1", atom("ß")),
        ("atom-module", atom("Elixir.Shop.Item")),
        ("atom-255-bytes", atom(&"x".repeat(255))),
        ("atom-256-bytes", atom(&"ß".repeat(128))),
        ("atom-1020-bytes", atom(&"😀".repeat(255))),
        ("nil", Term::empty_list()),
        ("string", list([97, 98, 99])),
        ("string-top", list([0, 255])),
        ("list", list([-1, 2])),
        ("list-256", list([256])),
        ("improper", ImproperList::term(vec![1.into(), 2.into()], 3.into())),
        ("alias-tag", ImproperList::term(vec![atom("alias")], reference(7, &[1, 2, 3]))),
        ("tuple-empty", Term::tuple([])),
        ("tuple", (1, Term::from((2,))).into()),
        ("tuple-256", Term::tuple(vec![Term::empty_list(); 256])),
        ("map-empty", Map::default().into()),
        ("map", map()),
        ("binary-empty", "".into()),
        ("binary", "héllo".into()),
        ("bits-1", bits(&[0x80], 1)),
        ("bits-11", bits(&[255, 0xa0], 3)),
        ("pid", pid(u32::MAX, 5, 6)),
        ("port", port(7)),
        ("port-v4", port(1 << 28)),
        ("reference-1", reference(7, &[1])),
        ("reference-3", reference(7, &[1, 2, 3])),
        ("reference-5", reference(7, &[1, 2, 3, 4, 5])),
        ("export", map_2.into()),
        ("form0-float", 1.5f64.into()),
        ("form0-atom", atom("ß")),
        ("form0-pid", pid(1, 2, 6)),
        ("compressed", vec![Term::from("again"); 20].into()),
    ]
}

/// What OTP 29 writes besides.
fn records() -> Vec<(&'static str, Term)> {
    let record = |module, name, exported, fields: &[(&str, Term)]| -> Term {
        let fields = fields.iter().map(|(field, value)| (Atom::new(field).unwrap(), value.clone()));
        let (module, name) = (Atom::from_static(module), Atom::from_static(name));
        Record::with_export(module, name, exported, fields).unwrap().into()
    };
    let inner = record("geo", "box", false, &[("at", Term::empty_list())]);
    vec![
        ("record", record("geo", "point", true, &[("y", 1.into()), ("x", 2.5.into())])),
        ("record-hidden", record("Elixir.Shop.Item", "item", false, &[("sku", "a".into())])),
        ("record-empty", record("geo", "origin", true, &[])),
        ("record-nested", record("geo", "box", true, &[("at", inner)])),
    ]
}

const OTP_25: &str = include_str!("golden/otp25.txt");
const OTP_27: &str = include_str!("golden/otp27.txt");
const OTP_29: &str = include_str!("golden/otp29.txt");

fn recorded(file: &'static str) -> Vec<(&'static str, Bytes)> {
    let line = |line: &'static str| {
        let (name, hex) = line.split_once(' ').unwrap();
        (name, unhex(hex).into())
    };
    file.lines().map(line).collect()
}

fn find(file: &'static str, wanted: &str) -> Bytes {
    recorded(file).into_iter().find(|(name, _)| *name == wanted).unwrap().1
}

/// Forms that we read and write in another way: those of `minor_version` 0, compressed data, and
/// since OTP 26 the wide form of ports that do not need it.
fn is_written_otherwise(name: &str, bytes: &[u8]) -> bool {
    name.starts_with("form0") || name == "compressed" || (name == "port" && bytes[1] == 120)
}

fn compare(file: &'static str, mut expected: Vec<(&'static str, Term)>) {
    let apart = ["fun", "local"];
    for (name, bytes) in recorded(file).into_iter().filter(|(name, _)| !apart.contains(name)) {
        let at = expected.iter().position(|(expected, _)| *expected == name);
        let (_, expected) = expected.remove(at.unwrap_or_else(|| panic!("{name} is not expected")));
        let term = decode(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(term, expected, "{name}");
        let written = encode(&expected).unwrap();
        assert_eq!(written == bytes, !is_written_otherwise(name, &bytes), "{name}");
        assert_eq!(decode(&written.into()), Ok(term), "{name}");
    }
    assert!(expected.is_empty(), "not in the file: {expected:?}");
}

#[test]
fn what_otp_25_wrote_is_read_as_it_was_meant_and_written_the_same() {
    compare(OTP_25, expected());
}

#[test]
fn what_otp_27_wrote_is_read_as_it_was_meant_and_written_the_same() {
    compare(OTP_27, expected());
}

#[test]
fn what_otp_29_wrote_is_read_as_it_was_meant_and_written_the_same_native_records_too() {
    compare(OTP_29, [expected(), records()].concat());
}

#[test]
fn a_fun_is_read_field_by_field_and_goes_back_as_it_came() {
    // Later releases forget who made a fun of another node, and name a process 0 of their own.
    let made = Pid { node: node(), id: 1, serial: 2, creation: 3 };
    let node = Atom::from_static("nonode@nohost");
    let own = Pid { node, id: 0, serial: 0, creation: 0 };
    for (file, pid) in [(OTP_25, &made), (OTP_27, &own), (OTP_29, &own)] {
        let bytes = find(file, "fun");
        let term = decode(&bytes).unwrap();
        let Term::Fun(fun) = &term else { panic!("{term:?} is no fun") };
        assert_eq!((fun.arity, fun.uniq, fun.index), (1, [9; 16], 2));
        assert_eq!((fun.module.as_str(), fun.old_index, fun.old_uniq), ("m", 3, 123_456));
        assert_eq!(fun.pid, *pid);
        assert_eq!(fun.free(), [Term::from(42), Term::from("closure")]);
        assert_eq!(encode(&term).unwrap(), bytes.as_ref());
    }
}

#[test]
fn a_local_term_goes_back_as_it_came_and_never_into_a_message() {
    for file in [OTP_27, OTP_29] {
        let bytes = find(file, "local");
        let term = decode(&bytes).unwrap();
        let Term::Local(local) = &term else { panic!("{term:?} is not local") };
        assert_eq!(local.bytes(), &bytes[2..], "the node's hash, then what it alone reads");
        assert_eq!(encode(&term).unwrap(), bytes);
        assert_eq!(encode(&Term::tuple([term])), Err(EncodeError::Local));
    }
}

/// Forms that OTP 25 reads and no longer writes.
#[test]
fn the_forms_of_older_nodes_are_read() {
    let a_at_h = [115, 3, b'a', b'@', b'h'];
    let read = |parts: &[&[u8]]| decode(&[&[131], parts.concat().as_slice()].concat().into());
    let creation = 3;
    let pid = Pid { node: node(), id: 1, serial: 2, creation };
    assert_eq!(read(&[&[103], &a_at_h, &[0, 0, 0, 1, 0, 0, 0, 2, 3]]), Ok(pid.into()), "PID_EXT");
    let port = Port { node: node(), id: 9, creation };
    assert_eq!(read(&[&[102], &a_at_h, &[0, 0, 0, 9, 3]]), Ok(port.into()), "PORT_EXT");
    let one = reference(3, &[9]);
    assert_eq!(read(&[&[101], &a_at_h, &[0, 0, 0, 9, 3]]), Ok(one), "REFERENCE_EXT");
    let two = read(&[&[114, 0, 2], &a_at_h, &[3, 0, 0, 0, 1, 0, 0, 0, 2]]);
    assert_eq!(two, Ok(reference(3, &[1, 2])), "NEW_REFERENCE_EXT");
    assert_eq!(read(&[&[115, 1, 0xdf]]), Ok(atom("ß")), "SMALL_ATOM_EXT");
    assert_eq!(read(&[&[100, 0, 1, 0xdf]]), Ok(atom("ß")), "ATOM_EXT");
    assert_eq!(read(&[&[118, 0, 2, 0xc3, 0x9f]]), Ok(atom("ß")), "ATOM_UTF8_EXT");
    let float = |text: &str| {
        let mut bytes = vec![99];
        bytes.extend(text.bytes().chain(std::iter::repeat(0)).take(31));
        read(&[&bytes])
    };
    assert_eq!(float("-2.50000000000000000000e+00"), Ok(Term::from(-2.5)), "FLOAT_EXT");
    assert!(float("inf").is_err() && float("nan").is_err() && float("1,5").is_err());
    assert!(float("1e999").is_err(), "no infinity comes in through text");
}

/// A list of C nodes' (`ei`), which open a new list for each tail.
#[test]
fn a_list_that_was_written_cell_by_cell_is_one_list() {
    let cell = |element: u8| [108, 0, 0, 0, 1, 97, element];
    let read =
        |tail: &[u8]| decode(&[&[131][..], &cell(1), &cell(2), &cell(3), tail].concat().into());
    assert_eq!(read(&[106]), Ok(list([1, 2, 3])));
    assert_eq!(read(&[107, 0, 2, 4, 5]), Ok(list([1, 2, 3, 4, 5])));
    assert_eq!(
        read(&[97, 4]),
        Ok(ImproperList::term(vec![1.into(), 2.into(), 3.into()], 4.into()))
    );
    assert_eq!(read(&[108, 0, 0, 0, 0, 106]), Ok(list([1, 2, 3])));
    assert_eq!(decode(&Bytes::from_static(&[131, 108, 0, 0, 0, 0, 97, 7])), Ok(7.into()));
    assert_eq!(encode(&read(&[106]).unwrap()).unwrap(), [131, 107, 0, 3, 1, 2, 3]);
}

#[test]
fn integers_that_waste_bytes_are_the_integers_that_they_are() {
    let read = |bytes: &[u8]| decode(&[&[131], bytes].concat().into()).unwrap();
    assert_eq!(read(&[98, 0, 0, 0, 7]), Term::from(7));
    assert_eq!(read(&[110, 0, 0]), Term::from(0));
    assert_eq!(read(&[110, 1, 1, 0]), Term::from(0), "there is no minus zero here");
    assert_eq!(read(&[110, 9, 1, 7, 0, 0, 0, 0, 0, 0, 0, 0]), Term::from(-7));
    assert_eq!(read(&[111, 0, 0, 0, 1, 9, 7]), Term::from(-7), "any sign but 0 is minus");
}
