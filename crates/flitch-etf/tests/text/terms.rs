//! Terms of every kind that text can say.

use flitch_etf::{
    Atom, BigInt, Binary, BitString, Export, ImproperList, Map, Record, Term,
    text::{Syntax, parse},
};
use proptest::collection::vec;
use proptest::prelude::*;

/// Which characters texts and atoms are made of.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Chars {
    /// Any.
    All,
    /// Those that every release from Elixir 1.14 and OTP 25 on writes in the same way, and that
    /// are no letters in an alphabet whose rules are not known here.
    #[allow(dead_code, reason = "each test file uses its own")]
    Old,
    /// ASCII.
    #[allow(dead_code, reason = "each test file uses its own")]
    Ascii,
}

pub(crate) fn terms(chars: Chars) -> impl Strategy<Value = Term> {
    leaf(chars).prop_recursive(5, 60, 8, move |inner| {
        let pairs = (leaf(chars), inner.clone());
        let keywords = || (key(chars), inner.clone());
        prop_oneof![
            3 => vec(inner.clone(), 0..8).prop_map(Term::from),
            3 => vec(inner.clone(), 0..6).prop_map(Term::tuple),
            2 => (atom(chars), vec(inner.clone(), 0..5)).prop_map(|(tag, rest)| {
                Term::tuple([vec![tag], rest].concat())
            }),
            2 => vec(keywords(), 0..6).prop_map(|pairs| pairs.into_iter().map(Term::from).collect()),
            2 => vec(keywords(), 0..6).prop_map(|pairs| Term::Map(pairs.into_iter().collect::<Map>())),
            2 => vec(pairs, 0..6).prop_map(|pairs| Term::Map(pairs.into_iter().collect::<Map>())),
            1 => (vec(inner.clone(), 1..4), inner.clone())
                .prop_map(|(elements, tail)| ImproperList::term(elements, tail)),
            1 => (inner.clone(), inner.clone()).prop_map(|(sku, note)| item(sku, note)),
            1 => vec(integer(), 1..40).prop_map(Term::from),
        ]
    })
}

/// The same, and native records among them and inside them.
#[allow(dead_code, reason = "each test file uses its own")]
pub(crate) fn terms_with_records(chars: Chars) -> impl Strategy<Value = Term> {
    let inside = terms(chars);
    let field = || prop_oneof![4 => "[a-z][a-z0-9_]{0,14}", 1 => "[A-Z][a-z ]{0,4}"];
    let fields = prop::collection::btree_map(field(), inside, 0..6);
    let names = (module(), "[a-z_]{1,12}");
    let records = (names, fields).prop_map(|((module, name), fields)| {
        let fields = fields.into_iter().map(|(name, value)| (Atom::new(&name).unwrap(), value));
        let name = Atom::new(&name).unwrap();
        Term::from(Record::new(module, name, fields).unwrap())
    });
    records.prop_recursive(3, 20, 5, move |inner| {
        let point = |values: Vec<Term>| {
            let fields = ["from", "to", "more"].map(Atom::from_static).into_iter().zip(values);
            Term::from(Record::new(Atom::from_static("geo"), Atom::OK, fields).unwrap())
        };
        prop_oneof![
            2 => vec(inner.clone(), 0..4).prop_map(point),
            1 => vec(inner.clone(), 0..4).prop_map(Term::from),
            1 => (atom(chars), inner.clone()).prop_map(Term::from),
            1 => (key(chars), inner.clone())
                .prop_map(|pair| Term::Map([pair].into_iter().collect::<Map>())),
            1 => (inner.clone(), inner).prop_map(|(sku, note)| item(sku, note)),
        ]
    })
}

/// `%Shop.Item{}`
fn item(sku: Term, note: Term) -> Term {
    let fields = [
        ("__struct__", Term::atom("Elixir.Shop.Item")),
        ("note", note),
        ("qty", Term::from(1)),
        ("sku", sku),
    ];
    Term::Map(fields.into_iter().map(|(key, value)| (Term::atom(key), value)).collect::<Map>())
}

fn leaf(chars: Chars) -> impl Strategy<Value = Term> {
    prop_oneof![
        4 => integer(),
        2 => float(),
        4 => atom(chars),
        3 => text(chars).prop_map(|text| Term::from(text.as_str())),
        1 => vec(any::<u8>(), 0..30).prop_map(|bytes| Term::Binary(bytes.into())),
        1 => vec(any::<u8>(), 1..30).prop_flat_map(|bytes| (Just(bytes), 1..8u8)).prop_map(bits),
        1 => text(chars).prop_map(|text| text.chars().map(|c| Term::from(c as u32)).collect()),
        1 => "[ -~\t\n\x1b]{1,20}".prop_map(|text| text.bytes().map(Term::from).collect()),
        1 => (module(), function(), 0..4u8)
            .prop_map(|(module, function, arity)| Export { module, function, arity }.into()),
        1 => (any::<i16>(), any::<i16>(), prop_oneof![Just(1), Just(-3)]).prop_map(|(a, b, step)| {
            parse(Syntax::Elixir, &format!("{a}..{b}//{step}")).unwrap()
        }),
        1 => prop::sample::select(vec![
            "~D[2024-02-29]",
            "~T[12:30:00]",
            "~T[12:30:00.001200]",
            "~N[1999-12-31 23:59:59.9]",
            "~U[2024-01-01 00:00:00Z]",
        ])
        .prop_map(|text| parse(Syntax::Elixir, text).unwrap()),
    ]
}

fn bits((bytes, last): (Vec<u8>, u8)) -> Term {
    BitString::new(Binary::from(bytes), last).unwrap().into()
}

fn integer() -> impl Strategy<Value = Term> {
    prop_oneof![
        4 => (-5i64..300).prop_map(Term::from),
        1 => any::<i64>().prop_map(Term::from),
        1 => vec(any::<u8>(), 9..40)
            .prop_map(|bytes| Term::from(BigInt::from_signed_bytes_le(&bytes))),
    ]
}

pub(crate) fn float() -> impl Strategy<Value = Term> {
    prop_oneof![
        any::<f64>().prop_filter("finite", |value| value.is_finite()),
        (-10_000i32..10_000, -25i32..25).prop_map(|(m, e)| f64::from(m) * 10f64.powi(e)),
        (any::<i32>(), 0i32..12).prop_map(|(m, e)| f64::from(m) / 10f64.powi(e)),
    ]
    .prop_map(Term::from)
}

fn atom(chars: Chars) -> impl Strategy<Value = Term> {
    atom_text(chars).prop_map(Term::from)
}

/// An atom that is no alias: those are never keys of keyword lists.
fn key(chars: Chars) -> impl Strategy<Value = Term> {
    atom_text(chars)
        .prop_map(|atom| if atom.as_str().starts_with("Elixir") { Atom::OK } else { atom })
        .prop_map(Term::from)
}

fn module() -> impl Strategy<Value = Atom> {
    prop_oneof!["[a-z][a-z0-9_]{0,8}", "Elixir(\\.[A-Z][a-z]{0,6}){1,3}", "[a-z -]{1,8}"]
        .prop_map(|text| Atom::new(&text).unwrap())
}

/// Elixir 1.14 reads escapes in a quoted function name twice, so there are none.
fn function() -> impl Strategy<Value = Atom> {
    let odd = prop::sample::select(vec!["+", "<>", "::", "..", "@", "a b", "Foo", "nil", "|", "/"]);
    prop_oneof!["[a-z_][a-z0-9_]{0,8}[?!]?", odd.prop_map(str::to_owned)]
        .prop_map(|text| Atom::new(&text).unwrap())
}

fn atom_text(chars: Chars) -> impl Strategy<Value = Atom> {
    let operators = vec![
        "+", "-", "<>", "::", "..", "...", "%{}", "{}", "<<>>", "%", "&&&", "|", "|>", "^^^",
        "~~~", "->", ".", "//", "..//", "&", "@", "!", "\\\\", "<-", "=", "==", "<|>", "**", ";",
        ",", ":",
    ];
    let words: Vec<&str> = vec![
        "nil",
        "true",
        "false",
        "fun",
        "case",
        "and",
        "not",
        "in",
        "when",
        "do",
        "end",
        "after",
        "Elixir",
        "Elixir.Elixir",
        "Elixir.Elixir.A",
        "Elixir.a",
        "Elixirs",
        "",
        "a b",
        "é",
        "Éa",
        "aé",
        "a@b",
        "@a",
        "a?",
        "a!",
        "a?b",
        "?a",
        "A?",
        "_",
        "_a",
        "1a",
        "ª",
        "undefined",
        "begin",
        "fn",
    ];
    let any_text = match chars {
        Chars::All => text(chars),
        Chars::Ascii => "[ -~\n\t\x1b]{0,12}".boxed(),
        Chars::Old => {
            prop_oneof!["[ -~\n\t\x1b]{0,12}", "[a-z\u{c0}-\u{113}\u{164}-\u{17f}]{0,8}"].boxed()
        }
    };
    prop_oneof![
        5 => "[a-z][a-z0-9_]{0,12}",
        1 => "[a-zA-Z_@][a-zA-Z0-9_@]{0,6}[?!]?",
        2 => "Elixir(\\.[A-Z][a-zA-Z0-9_]{0,6}){1,3}",
        1 => prop::sample::select(operators).prop_map(str::to_owned),
        1 => prop::sample::select(words)
            .prop_filter("within", move |word| chars != Chars::Ascii || word.is_ascii())
            .prop_map(str::to_owned),
        1 => any_text,
    ]
    .prop_map(|text| Atom::new(&text).unwrap())
}

fn text(chars: Chars) -> BoxedStrategy<String> {
    match chars {
        Chars::All => {
            prop_oneof![".{0,20}", "[\\x00-\\x9f\u{2000}-\u{2070}\u{fff0}-\u{fffd}]{0,10}"].boxed()
        }
        Chars::Ascii => prop_oneof!["[ -~]{0,60}", "[a-z#{}\"'\\\\\n\t\x1b]{0,12}"].boxed(),
        Chars::Old => prop_oneof![
            "[ -~]{0,60}",
            "[a-z#{}\"'\\\\\n\t\x07\x1b\x7f]{0,12}",
            "[ -~\u{a1}-\u{2ff}]{0,12}",
            "[\u{4e00}-\u{4eff} a-c]{0,12}",
        ]
        .boxed(),
    }
}
