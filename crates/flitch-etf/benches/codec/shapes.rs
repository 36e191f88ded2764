//! What is decoded and encoded: eight shapes that programs send, made here so that every run and
//! every peer gets the same bytes.

use std::hint::black_box;

use bytes::Bytes;
use flitch_etf::{
    Atom, Charlist, ImproperList, Map, Pid, Reference, Term, decode, encode, from_slice, to_vec,
};
use serde::{Deserialize, Serialize};

/// Does one thing so many times; what it makes is let go within.
pub(crate) type Work = Box<dyn Fn(u32)>;

/// [`Work`] of what is done once.
pub(crate) fn repeat<R>(once: impl Fn() -> R + 'static) -> Work {
    Box::new(move |times| {
        for _ in 0..times {
            black_box(once());
        }
    })
}

/// One term, as bytes that live as long as the program, so that values may borrow from them.
pub(crate) struct Shape {
    pub(crate) name: &'static str,
    pub(crate) bytes: &'static Bytes,
    /// The Rust types that a program would use for it.
    pub(crate) typed: Vec<Typed>,
}

/// A shape as a value of a Rust type.
pub(crate) struct Typed {
    /// Tells two types of one shape apart.
    pub(crate) label: &'static str,
    pub(crate) decode: Work,
    pub(crate) encode: Work,
}

impl Shape {
    fn new(name: &'static str, term: impl Into<Term>) -> Self {
        let term = term.into();
        let bytes = encode(&term).unwrap().into();
        assert_eq!(decode(&bytes).unwrap(), term, "{name}");
        Self { name, bytes: Box::leak(Box::new(bytes)), typed: Vec::new() }
    }

    fn typed<T>(self, label: &'static str) -> Self
    where
        T: Serialize + Deserialize<'static> + 'static,
    {
        let value = from_slice::<T>(self.bytes).unwrap();
        self.typed_apart::<T>(label, value)
    }

    /// Reads `T`, and writes a value of another type.
    fn typed_apart<T: Deserialize<'static> + 'static>(
        mut self,
        label: &'static str,
        value: impl Serialize + 'static,
    ) -> Self {
        let bytes = self.bytes;
        let again = to_vec(&value).unwrap().into();
        assert_eq!(decode(&again).unwrap(), decode(bytes).unwrap(), "{}", self.name);
        self.typed.push(Typed {
            label,
            decode: repeat(move || from_slice::<T>(bytes).unwrap()),
            encode: repeat(move || to_vec(&value).unwrap()),
        });
        self
    }

    /// Decodes to a dynamic term.
    pub(crate) fn decode(&self) -> Work {
        let bytes = self.bytes;
        repeat(move || decode(bytes).unwrap())
    }

    /// Encodes from a dynamic term.
    pub(crate) fn encode(&self) -> Work {
        let term = decode(self.bytes).unwrap();
        repeat(move || encode(&term).unwrap())
    }
}

/// All of them, and a binary of 1 MB beside that of 64 kB.
pub(crate) fn all() -> Vec<Shape> {
    let structs: Term = (1..=1000).map(item).collect();
    let ints: Term = (1..=10_000).map(integer).collect();
    let text: String = ('a'..='z').cycle().take(20_000).collect();
    let charlist: Term = text.bytes().map(Term::from).collect();
    let nested = (1..=5000).fold(Term::empty_list(), |inner, i| (i, inner).into());
    let pair = |i| Term::from((atom(&format!("key_{i}")), i));
    let keyword: Term = (1..=100).map(pair).collect();
    let tuples: Term = (1..=1000).map(|i| Term::from((i, Atom::OK, "v"))).collect();
    vec![
        Shape::new("gen_call", gen_call()).typed::<GenCall<'_>>(""),
        Shape::new("structs", structs)
            .typed::<Vec<Item<String>>>("")
            .typed::<Vec<Item<&str>>>("&str"),
        Shape::new("ints", ints).typed::<Vec<i64>>(""),
        Shape::new("bin64k", binary(64 << 10)).typed::<&serde_bytes::Bytes>(""),
        Shape::new("bin1m", binary(1 << 20)).typed::<&serde_bytes::Bytes>(""),
        // Read as borrowed bytes and written from text: a `Vec<u8>` goes through serde byte by byte.
        Shape::new("charlist", charlist).typed_apart::<&serde_bytes::Bytes>("", Charlist(text)),
        // No Rust type: serde recurses, so levels are limited there.
        Shape::new("nested", nested),
        Shape::new("keyword", keyword).typed::<Vec<(Atom, i64)>>(""),
        Shape::new("tuples", tuples).typed::<Vec<(i64, Atom, &str)>>(""),
    ]
}

fn atom(text: &str) -> Atom {
    Atom::new(text).unwrap()
}

/// What `GenServer.call(pid, {:quote, "sku-12345", 3})` sends since OTP 24.
fn gen_call() -> Term {
    let node = || atom("shop@10.0.0.7");
    let creation = 1_700_000_000;
    let pid = Pid { node: node(), id: 1234, serial: 0, creation };
    let reference = Reference::three(node(), creation, [123_456, 987_654_321, 1_234_567_890]);
    let tag = ImproperList::term(vec![Term::atom("alias")], reference.into());
    let request = (Term::atom("quote"), "sku-12345", 3);
    (Term::atom("$gen_call"), (pid, tag), request).into()
}

/// [`gen_call`] to a server's own request type. The tag is improper, which serde does not know.
type GenCall<'a> = (Atom, (Pid, Term), Request<'a>);

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Request<'a> {
    Quote(&'a str, u32),
}

/// `%Shop.Item{}`. Its fields stand in the order that a BEAM up to OTP 25 gives the keys.
#[derive(Serialize, Deserialize)]
#[serde(rename = "Elixir.Shop.Item")]
struct Item<S> {
    active: bool,
    created: i64,
    id: u64,
    name: S,
    note: Option<S>,
    price: f64,
    qty: u32,
    sku: S,
    status: Atom,
    tags: Vec<S>,
}

fn item(i: i64) -> Term {
    let fields = [
        ("__struct__", Term::atom("Elixir.Shop.Item")),
        ("active", true.into()),
        ("created", (1_700_000_000_000 + i).into()),
        ("id", (i * 7919 * 100_003).into()),
        ("name", "Widget of a longer name that is not inline".into()),
        ("note", Atom::NIL.into()),
        ("price", (i as f64 * 1.25).into()),
        ("qty", i.into()),
        ("sku", format!("sku-{i:06}").into()),
        ("status", Term::atom("in_stock")),
        ("tags", vec![Term::from("red"), "big".into()].into()),
    ];
    fields.into_iter().map(|(key, value)| (atom(key).into(), value)).collect::<Map>().into()
}

/// Integers of one, four and seven bytes by turns.
fn integer(i: i64) -> Term {
    match i % 3 {
        0 => i.into(),
        1 => (i * 100_003).into(),
        _ => (i * 100_003 * 1_000_003).into(),
    }
}

fn binary(len: usize) -> Bytes {
    vec![b'x'; len].into()
}
