//! Elixir's sets, ranges and decimals, with Elixir as the judge.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod util;

use std::collections::{BTreeSet, HashSet};
use std::ops::RangeInclusive;

use flitch_etf::{Atom, Layout, Range, Term, encode, from_bytes, from_slice, to_vec, to_vec_with};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use util::values::{atom, hex, map, unhex};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Sets {
    #[serde(with = "flitch_etf::mapset")]
    numbers: HashSet<i64>,
    #[serde(with = "flitch_etf::mapset")]
    atoms: Option<BTreeSet<Atom>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Ranges {
    #[serde(with = "flitch_etf::range")]
    one: RangeInclusive<i64>,
    #[serde(with = "flitch_etf::range")]
    maybe: Option<RangeInclusive<i64>>,
    #[serde(with = "flitch_etf::range")]
    many: Vec<RangeInclusive<i64>>,
    stepped: Range,
}

fn sets() -> Sets {
    let atoms = [Atom::OK, Atom::NIL].into();
    Sets { numbers: (1..=40).chain([-1, i64::MIN]).collect(), atoms: Some(atoms) }
}

fn ranges() -> Ranges {
    let stepped = Range { first: 10, last: 1, step: -3 };
    let empty = RangeInclusive::new(5, 1);
    Ranges { one: 1..=3, maybe: None, many: vec![-5..=-5, empty], stepped }
}

fn refused<T: DeserializeOwned + std::fmt::Debug>(term: impl Into<Term>) -> String {
    from_bytes::<T>(&encode(&term.into()).unwrap().into()).unwrap_err().to_string()
}

/// Writes both for Elixir, which compares them with its own, and reads its own.
#[test]
fn sets_and_ranges_are_what_elixir_builds() {
    let version = util::output("elixir", &["--short-version"], "elixir");
    let version = String::from_utf8(version.stdout).unwrap();
    let minor: u32 = version.split('.').nth(1).unwrap().trim().parse().unwrap();
    let layout = Layout::ELIXIR.mapset_version(minor < 15);
    let written = [
        to_vec_with(&sets(), layout).unwrap(),
        to_vec(&sets()).unwrap(),
        to_vec(&ranges()).unwrap(),
    ];
    let script = r#"
        [sets, any, ranges] =
          Enum.map(System.argv(), &(&1 |> Base.decode16!(case: :lower) |> :erlang.binary_to_term()))
        numbers = MapSet.new(Enum.concat(1..40, [-1, -0x8000000000000000]))
        true = sets == %{numbers: numbers, atoms: MapSet.new([:ok, nil])}
        for %{numbers: numbers} <- [sets, any] do
          true = MapSet.member?(numbers, 40)
          false = MapSet.member?(numbers, 41)
          43 = numbers |> MapSet.put(41) |> MapSet.size()
          true = MapSet.equal?(MapSet.union(numbers, MapSet.new([1])), numbers)
          true = Enum.sum(MapSet.intersection(numbers, MapSet.new([1, 2, 99]))) == 3
        end
        true = ranges == %{one: 1..3, maybe: nil, many: [-5..-5//1, 5..1//1], stepped: 10..1//-3}
        [1, 2, 3] = Enum.to_list(ranges.one)
        [[-5], []] = Enum.map(ranges.many, &Enum.to_list/1)
        [10, 7, 4, 1] = Enum.to_list(ranges.stepped)
        [%{sets | numbers: MapSet.new()}, sets, ranges]
        |> Enum.each(&(&1 |> :erlang.term_to_binary() |> Base.encode16() |> IO.puts()))
    "#;
    let written = written.map(|bytes| hex(&bytes));
    let said = util::elixir(script, &written.each_ref().map(String::as_str));
    let lines: Vec<_> = said.lines().map(unhex).collect();
    assert_eq!(from_slice(&lines[0]), Ok(Sets { numbers: HashSet::new(), ..sets() }));
    assert_eq!(from_slice(&lines[1]), Ok(sets()));
    assert_eq!(from_slice(&lines[2]), Ok(ranges()));
}

#[test]
fn both_layouts_of_a_set_are_read_in_any_order() {
    let elements = || map([("a", Term::empty_list()), ("b", Term::empty_list())]);
    let name = || atom("Elixir.MapSet");
    let new = map([("__struct__", name()), ("map", elements())]);
    let old = map([("__struct__", name()), ("map", elements()), ("version", 2.into())]);
    #[derive(Debug, PartialEq, Deserialize)]
    struct Wrapped(#[serde(with = "flitch_etf::mapset")] BTreeSet<Atom>);
    for set in [&new, &old] {
        let Wrapped(read) = from_bytes(&encode(set).unwrap().into()).unwrap();
        assert_eq!(read, ["a", "b"].map(|name| Atom::new(name).unwrap()).into());
    }
    // OTP 26 and later write the keys in no order.
    let body = encode(&elements()).unwrap();
    let mut last = vec![131, 116, 0, 0, 0, 2, 119, 3, b'm', b'a', b'p'];
    last.extend(&body[1..]);
    last.extend(b"w\x0a__struct__w\x0dElixir.MapSet");
    assert_eq!(from_slice::<Wrapped>(&last).unwrap().0.len(), 2);
    // What stands behind the set is found.
    let pair = Term::from((new, 7));
    let (_, after): (Wrapped, u8) = from_bytes(&encode(&pair).unwrap().into()).unwrap();
    assert_eq!(after, 7);
}

#[test]
fn what_is_no_set_is_refused_with_the_place() {
    let refused = |set: Term| refused::<Sets>(map([("numbers", set), ("atoms", atom("nil"))]));
    let error = refused(vec![Term::from(1)].into());
    assert!(error.starts_with("numbers: expected a %MapSet{}, found a list, at byte "), "{error}");
    let error = refused(map([("map", map([]))]));
    assert!(error.starts_with("numbers: expected a %MapSet{}, found another map, at byte "));
    let other = map([("__struct__", atom("Elixir.Other")), ("map", map([]))]);
    let error = refused(other);
    assert!(error.starts_with("numbers.__struct__: expected a %MapSet{}, found the atom Other"));
    let set = |elements| map([("__struct__", atom("Elixir.MapSet")), ("map", elements)]);
    let error = refused(set(map([("x", Term::empty_list())])));
    assert!(error.starts_with("numbers[0]: expected an integer, found the atom :x, at byte "));
    assert!(refused(set(1.into())).starts_with("numbers.map: expected a map, found an integer"));
    // A list is a list where no set is asked for.
    assert_eq!(to_vec(&HashSet::from([300])).unwrap()[1], 108);
}

#[test]
fn a_step_that_a_rust_range_has_not_is_refused_and_held_by_ours() {
    let range = |first: i64, last: i64, step: Term| {
        let name = ("__struct__", atom("Elixir.Range"));
        map([name, ("first", first.into()), ("last", last.into()), ("step", step)])
    };
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Rows(#[serde(with = "flitch_etf::range")] RangeInclusive<i64>);
    let error = refused::<Rows>(range(1, 9, 2.into()));
    assert_eq!(error, "expected a range with step 1, found 2, at byte 1");
    assert!(refused::<Rows>(range(1, 9, atom("x"))).starts_with("step: expected an integer"));
    let held = Range { first: 1, last: 9, step: 2 };
    assert_eq!(from_bytes(&encode(&range(1, 9, 2.into())).unwrap().into()), Ok(held));
    assert_eq!(held.iter().collect::<Vec<_>>(), [1, 3, 5, 7, 9]);
    let counts = |first, last, step| Range { first, last, step }.iter().take(9).count();
    assert_eq!((counts(1, 2, 0), counts(2, 1, 1), counts(1, 2, -1)), (0, 0, 0));
    assert_eq!(counts(i64::MAX - 1, i64::MAX, 1), 2, "the end of the numbers is an end");
    assert_eq!(counts(i64::MIN, i64::MIN, -1), 1);
    let mut spent = 1..=2i64;
    while spent.next().is_some() {}
    assert!(to_vec(&Rows(spent)).unwrap_err().to_string().contains("iterated to its end"));
}

#[cfg(feature = "decimal")]
mod decimals {
    use flitch_etf::decode;
    use rust_decimal::Decimal;

    use super::*;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Price {
        #[serde(with = "flitch_etf::decimal")]
        net: Decimal,
        #[serde(with = "flitch_etf::decimal")]
        tax: Option<Decimal>,
    }

    fn decimal(sign: i64, coef: impl Into<Term>, exp: i64) -> Term {
        let name = ("__struct__", atom("Elixir.Decimal"));
        map([name, ("sign", sign.into()), ("coef", coef.into()), ("exp", exp.into())])
    }

    fn read(decimal: Term) -> Result<String, String> {
        let price = map([("net", decimal), ("tax", atom("nil"))]);
        let price = from_bytes::<Price>(&encode(&price).unwrap().into());
        price.map(|price| price.net.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_decimal_keeps_its_digits_and_places_both_ways() {
        let cases = [
            ("2.50", 1, 250, -2),
            ("-0.001", -1, 1, -3),
            ("0", 1, 0, 0),
            ("0.00", 1, 0, -2),
            ("79228162514264337593543950335", 1, (1i128 << 96) - 1, 0),
        ];
        for (text, sign, coef, exp) in cases {
            let price = Price { net: text.parse().unwrap(), tax: Some(text.parse().unwrap()) };
            let expected = decimal(sign, Term::from(coef), exp);
            let bytes = to_vec(&price).unwrap();
            let whole = map([("net", expected.clone()), ("tax", expected.clone())]);
            assert_eq!(decode(&bytes.clone().into()).unwrap(), whole);
            assert_eq!(from_slice(&bytes), Ok(price));
            assert_eq!(read(expected).as_deref(), Ok(text));
        }
    }

    #[test]
    fn what_another_form_says_is_read_without_rounding() {
        assert_eq!(read(decimal(1, 25, 1)).as_deref(), Ok("250"));
        assert_eq!(read(decimal(1, 1, 28)).as_deref(), Ok("10000000000000000000000000000"));
        assert_eq!(read(decimal(-1, 0, 0)).as_deref(), Ok("-0"));
        assert_eq!(read(decimal(1, 0, 99)).as_deref(), Ok("0"));
        let trailing = decimal(1, 5_000i64, -31);
        assert_eq!(read(trailing).as_deref(), Ok("0.0000000000000000000000000005"));
    }

    #[test]
    fn what_no_decimal_of_ours_holds_is_refused_in_words() {
        let more =
            "net: a decimal that is of more digits than 96 bits and 28 places hold, at byte ";
        let huge: flitch_etf::BigInt = flitch_etf::BigInt::from(1) << 4000;
        for decimal in [
            decimal(1, Term::from(1i128 << 96), 0),
            decimal(1, 1, 29),
            decimal(1, 1, i64::MAX),
            decimal(1, 1, -29),
            decimal(1, 1, i64::MIN),
        ] {
            let error = read(decimal).unwrap_err();
            assert!(error.starts_with(more), "{error}");
        }
        let coef = |coef: Term| read(decimal(1, coef, 0)).unwrap_err();
        assert!(coef(huge.into()).starts_with("net.coef: a decimal that is of more digits"));
        assert!(coef(atom("NaN")).starts_with("net.coef: a decimal that is not a number, NaN, at"));
        assert!(coef(atom("inf")).starts_with("net.coef: a decimal that is an infinity, at byte "));
        let negative = coef((-1).into());
        assert!(negative.starts_with("net.coef: expected the digits of a decimal, found integer"));
        let sign = read(decimal(0, 1, 0)).unwrap_err();
        assert!(sign.starts_with("net: a decimal that is of another sign than 1 and -1, at byte "));
    }
}
