//! Erlang's External Term Format: what BEAM nodes send each other, as Rust values and back.
//!
//! There are three ways in, and they mix:
//! - [`from_slice`] and [`to_vec`] go between bytes and Rust's own types through serde, laid out
//!   as an Elixir program would lay them out. Most programs want these.
//! - [`decode`] and [`encode`] go between bytes and [`Term`], which is any Erlang value.
//! - [`Reader`] walks over the bytes, for those who want one field of a large message.
//!
//! Bytes are taken to be hostile: every length is checked before memory is taken, [`Limits`]
//! bound what is left, and nothing recurses on what a peer sent. There is no table of atoms that a
//! peer could fill.
//!
//! Source of the format: `erl_ext_dist` of the Erlang documentation.
//!
//! # Which value is which
//!
//! | Elixir | Erlang | [`Term`] | Rust, through serde |
//! |---|---|---|---|
//! | `42` | `42` | [`Integer`](Term::Integer), [`BigInt`](Term::BigInt) beyond 64 bits | the integers, which never wrap; [`BigInt`] with [`bigint`] |
//! | `2.5` | `2.5` | [`Float`](Term::Float) | `f64`, `f32` |
//! | `:ok`, `true`, `Shop.Item` | `ok`, `true`, `'Elixir.Shop.Item'` | [`Atom`](Term::Atom) | [`Atom`], `bool`, a unit variant |
//! | `nil` | `nil`, often `undefined` | [`Atom::NIL`] | `None`; [`undefined`] or [`Layout::ERLANG`] for the latter |
//! | `:ok` | `ok` | [`Atom::OK`] | `()` |
//! | `"text"`, `<<1, 2>>` | `<<"text">>`, `<<1,2>>` | [`Binary`](Term::Binary) | `String`, `&str`; [`Binary`], [`Bytes`](bytes::Bytes) for any bytes |
//! | `<<1, 2::3>>` | `<<1,2:3>>` | [`BitString`](Term::BitString) | [`Term`] |
//! | `~c"text"` | `"text"` | [`List`](Term::List) of characters, [`Term::to_charlist`] | [`Charlist`], a `String` [`with`](mod@charlist) it; `Vec<u8>` |
//! | `[1, 2]` | `[1,2]` | [`List`](Term::List) | `Vec` and other sequences |
//! | `[1 \| 2]` | `[1\|2]` | [`ImproperList`](Term::ImproperList) | [`Term`] |
//! | `[a: 1]` | `[{a,1}]` | [`List`](Term::List), [`Term::as_keyword`] | [`Keyword`] of a struct or map, or [`with`](mod@keyword) it; `Vec<(Atom, T)>` |
//! | `{1, "a"}` | `{1,<<"a">>}` | [`Tuple`](Term::Tuple) | tuples, arrays |
//! | `{:add, 1}` | `{add,1}` | [`Tuple`](Term::Tuple), [`Term::as_tagged`] | a variant with fields: `Add(1)` |
//! | `{:ok, 1}`, `{:error, "no"}` | `{ok,1}`, `{error,<<"no">>}` | [`Tuple`](Term::Tuple) | `Result` |
//! | `%{"k" => 1}` | `#{<<"k">> => 1}` | [`Map`](Term::Map) | `HashMap`, `BTreeMap` |
//! | `%Shop.Item{qty: 2}` | `#{'__struct__' => …, qty => 2}` | [`Map`](Term::Map), [`Map::struct_name`] | a struct, renamed `Elixir.Shop.Item` |
//! | `#geo:point{x = 1}` | `#geo:point{x = 1}` | [`Record`](Term::Record) | a struct, renamed `#geo:point` |
//! | `MapSet.new([1])`, `1..9//2` | – | [`Map`](Term::Map) | a set with [`mapset`]; [`Range`] |
//! | `~D[2024-02-29]`, `~U[…]`, `%Decimal{}` | – | [`Map`](Term::Map) | types of `chrono`, `jiff` and `rust_decimal`, with features of these names (`decimal` for the last) |
//! | `self()`, `make_ref()`, a port | the same | [`Pid`](Term::Pid), [`Reference`](Term::Reference), [`Port`](Term::Port) | [`Pid`], [`Reference`], [`Port`] |
//! | `&String.length/1` | `fun 'Elixir.String':length/1` | [`Export`](Term::Export) | [`Term`] |
//! | `fn x -> x end` | `fun(X) -> X end` | [`Fun`](Term::Fun), which goes back as it came | [`Term`] |
//!
//! # Ten things to do with it
//!
//! **Terms as an Elixir program writes them**, to bytes and back. [`term!`] takes Rust values
//! wherever Elixir has a variable.
//!
//! ```
//! use flitch_etf::{decode, encode, term};
//!
//! let (sku, qty) = ("a-1", 2);
//! let term = term!({:add, [%Shop.Item{sku: sku, qty: qty, note: nil}]});
//! let bytes = encode(&term)?.into();
//! assert_eq!(decode(&bytes)?, term);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **Picking things out of a term** that somebody else made: by name with [`Term::field`] and
//! [`Term::try_field`], by shape with the `as_…` methods and slice patterns.
//!
//! ```
//! use flitch_etf::{TermError, term};
//!
//! let reply = term!({:ok, %{name: "Ada", roles: [:admin, :ops], quota: 5}});
//! let Some(("ok", [user])) = reply.as_tagged() else { panic!("not {reply:?}") };
//! let name: &str = user.try_field("name")?;
//! let quota: u8 = user.try_field("quota")?;
//! let admin = user.field("roles").and_then(|roles| roles.as_list()?.first()?.as_atom());
//! assert_eq!((name, quota, admin.unwrap().as_str()), ("Ada", 5, "admin"));
//! # Ok::<(), TermError>(())
//! ```
//!
//! **An Elixir struct as a Rust struct.** The name says which module's it is; without one, it is a
//! plain map with atoms as keys. `None` is `nil`.
//!
//! ```
//! use flitch_etf::{decode, from_slice, term, to_vec};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize, Debug, PartialEq)]
//! #[serde(rename = "Elixir.Shop.Item")]
//! struct Item {
//!     sku: String,
//!     qty: u32,
//!     note: Option<String>,
//! }
//!
//! let item = Item { sku: "a-1".into(), qty: 2, note: None };
//! let bytes = to_vec(&item)?;
//! assert_eq!(decode(&bytes.clone().into())?, term!(%Shop.Item{sku: "a-1", qty: 2, note: nil}));
//! assert_eq!(from_slice::<Item>(&bytes)?, item);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **Messages as an enum.** A bare variant is an atom, one with fields a tuple that begins with it.
//!
//! ```
//! use flitch_etf::{encode, from_slice, term};
//!
//! #[derive(serde::Deserialize, Debug, PartialEq)]
//! #[serde(rename_all = "snake_case")]
//! enum Call {
//!     Stop,
//!     Contents(),
//!     Move(u8, u8),
//!     Set { key: String },
//! }
//!
//! for (sent, call) in [
//!     (term!(:stop), Call::Stop),
//!     (term!({:contents}), Call::Contents()),
//!     (term!({:move, 1, 2}), Call::Move(1, 2)),
//!     (term!({:set, %{key: "k"}}), Call::Set { key: "k".into() }),
//! ] {
//!     assert_eq!(from_slice::<Call>(&encode(&sent)?)?, call);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **What may be absent, and what may fail.**
//!
//! ```
//! use flitch_etf::{encode, from_slice, term};
//!
//! type Reply = Result<Option<u32>, String>;
//! assert_eq!(from_slice::<Reply>(&encode(&term!({:ok, 7}))?)?, Ok(Some(7)));
//! assert_eq!(from_slice::<Reply>(&encode(&term!({:ok, nil}))?)?, Ok(None));
//! assert_eq!(from_slice::<Reply>(&encode(&term!({:error, "gone"}))?)?, Err("gone".into()));
//! assert_eq!(from_slice::<Result<(), ()>>(&encode(&term!(:ok))?)?, Ok(()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **An error that says where.** A value of another shape is named by its path, with what was
//! expected, what was there and at which byte.
//!
//! ```
//! use flitch_etf::{encode, from_slice, term};
//!
//! #[derive(serde::Deserialize, Debug)]
//! struct Order { items: Vec<Item> }
//! #[derive(serde::Deserialize, Debug)]
//! struct Item { qty: u32 }
//!
//! let bytes = encode(&term!(%{items: [%{qty: 2}, %{qty: "two"}]}))?;
//! let error = from_slice::<Order>(&bytes).unwrap_err();
//! assert_eq!(error.path(), "items[1].qty");
//! assert_eq!(error.message(), "expected an integer, found a binary");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **Options as a keyword list**, into a struct or one by one.
//!
//! ```
//! use flitch_etf::{Atom, Keyword, encode, from_slice, term};
//!
//! #[derive(serde::Deserialize)]
//! struct Options { timeout: u32, mode: Atom }
//!
//! let options = term!([timeout: 5000, mode: :strict, timeout: 1]);
//! let Keyword(read) = from_slice::<Keyword<Options>>(&encode(&options)?)?;
//! assert_eq!(read.timeout, 5000, "the first counts, as in Elixir");
//! assert_eq!(read.mode, "strict");
//! assert_eq!(options.try_field::<u32>("timeout"), Ok(5000));
//! let retries: Vec<(Atom, u8)> = from_slice(&encode(&term!([fast: 3, slow: 1]))?)?;
//! assert_eq!(retries[0], (Atom::from_static("fast"), 3));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **One field of a large message**, without building the rest of it.
//!
//! ```
//! use flitch_etf::{Reader, encode, read_value, term};
//!
//! let rows: Vec<_> = (0..10_000).map(|row| term!({:row, row})).collect();
//! let bytes = encode(&term!({:result, rows, %{total: 10_000}}))?;
//!
//! let mut reader = Reader::new(&bytes);
//! reader.version()?;
//! assert_eq!(reader.tuple()?, 3);
//! assert_eq!(reader.atom()?, "result");
//! reader.skip()?; // the rows
//! for _ in 0..reader.map()? {
//!     match reader.atom()?.as_str() {
//!         "total" => assert_eq!(read_value::<u64>(&mut reader)?, 10_000),
//!         _ => drop(reader.skip()?),
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **Text**, as the shells of both languages print and read it: [`text`].
//!
//! ```
//! use flitch_etf::{term, text::{Syntax, elixir, erlang, parse}};
//!
//! let term = parse(Syntax::Elixir, r#"%{name: "Ada", at: ~D[2024-02-29]}"#)?;
//! assert_eq!(elixir(&term).to_string(), r#"%{at: ~D[2024-02-29], name: "Ada"}"#);
//! assert_eq!(erlang(&term!([:a, "b"])).to_string(), r#"[a,<<"b">>]"#);
//! let error = parse(Syntax::Elixir, "[1, two]").unwrap_err();
//! assert_eq!(error.picture().to_string(), "[1, two]\n    ^");
//! # Ok::<(), flitch_etf::text::ParseError>(())
//! ```
//!
//! **Bytes from somebody you do not trust**, and native records of OTP 29.
//!
//! ```
//! use flitch_etf::{Atom, Limits, Record, Term, decode, decode_with, encode, term};
//!
//! // Six bytes that announce a list of four billion elements.
//! let error = decode(&[131, 108, 255, 255, 255, 255].as_slice().into()).unwrap_err();
//! assert_eq!(error.to_string(), "4294967295 elements are announced and 0 bytes are left at byte 6");
//! let limits = Limits { depth: 2, ..Limits::DEFAULT };
//! assert!(decode_with(&encode(&term!([[[:a]]]))?.into(), limits).is_err());
//!
//! let [module, name, x] = ["geo", "point", "x"].map(Atom::from_static);
//! let point = Record::new(module, name, [(x, 1.into())]).expect("each field stands there once");
//! let point = Term::from(point);
//! assert_eq!(decode(&encode(&point)?.into())?.try_field::<i64>("x")?, 1);
//! assert_eq!(format!("{point:?}"), "#geo:point{x = 1}");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod atoms;
mod compressed;
mod de;
mod decode;
#[cfg(feature = "eetf")]
pub mod eetf;
mod encode;
mod error;
mod handoff;
mod impls;
mod layout;
mod limits;
mod macros;
mod read;
mod record_head;
mod ser;
mod tag;
mod term;
pub mod text;
mod with;

pub use atoms::{AtomTable, NoAtoms};
pub use de::{
    DeError, from_bytes, from_bytes_with, from_slice, from_slice_with, read_value, read_value_with,
};
pub use decode::{AtomSpan, AtomWalk, decode, decode_with};
pub use encode::{
    encode, write_integer, write_pid, write_reference, write_term, write_tuple_header,
};
pub use error::{AtomError, DecodeError, DecodeErrorKind, EncodeError};
pub use layout::{Absent, Layout};
pub use limits::Limits;
#[doc(hidden)]
pub use macros::__charlist;
pub use num_bigint::BigInt;
pub use read::Reader;
pub use ser::{SerError, to_vec, to_vec_with, write_value, write_value_with};
pub use tag::{Tag, VERSION_MAGIC};
pub use term::{
    Atom, Binary, BitString, Export, Fun, ImproperList, List, Local, Map, Pid, Port, Record,
    Reference, Term, TermError, Tuple,
};
#[cfg(feature = "decimal")]
pub use with::decimal;
pub use with::{
    AtomKeys, Charlist, Keyword, Range, atom_keys, bigint, charlist, keyword, mapset, range,
    undefined,
};
#[cfg(any(feature = "chrono", feature = "jiff"))]
pub use with::{
    date, datetime, datetime_usec, naive_datetime, naive_datetime_usec, time, time_usec,
};
