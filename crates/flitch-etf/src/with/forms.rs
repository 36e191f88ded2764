//! Values of serde's own kinds in another layout: absence, keyword lists, charlists, sets.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::handoff;

/// A module that announces its value by a reserved newtype, which other formats look through.
macro_rules! form {
    ($(#[$doc:meta])* $module:ident: $name:ident) => {
        $(#[$doc])*
        pub mod $module {
            use serde::{Deserialize, Deserializer, Serialize, Serializer};

            use super::Announced;
            use crate::handoff;

            /// For `#[serde(with = "…")]`.
            ///
            /// # Errors
            /// The value has no form on the wire.
            pub fn serialize<T: Serialize + ?Sized, S: Serializer>(
                value: &T,
                serializer: S,
            ) -> Result<S::Ok, S::Error> {
                serializer.serialize_newtype_struct(handoff::$name, value)
            }

            /// For `#[serde(with = "…")]`.
            ///
            /// # Errors
            /// Something else stands there.
            pub fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
                deserializer: D,
            ) -> Result<T, D::Error> {
                let visitor = Announced(std::marker::PhantomData);
                deserializer.deserialize_newtype_struct(handoff::$name, visitor)
            }
        }
    };
}

form! {
    /// An `Option` whose `None` is `undefined` in place of `nil`, as in Erlang's records.
    ///
    /// Written: `None` as `undefined`, `Some(value)` as the value. Read: `undefined` as `None`, and
    /// whatever else stands there, `nil` too, as a value, which must be of the option's type. It
    /// holds for this one `Option`, not for options inside it; for all of a value there is
    /// [`Layout::ERLANG`](crate::Layout::ERLANG).
    ///
    /// As with every `with`, serde takes a field that is missing for an error; `#[serde(default)]`
    /// beside it makes it `None`.
    ///
    /// ```
    /// #[derive(serde::Serialize, serde::Deserialize)]
    /// struct Peer {
    ///     #[serde(with = "flitch_etf::undefined")]
    ///     port: Option<u16>,
    /// }
    ///
    /// let bytes = flitch_etf::to_vec(&Peer { port: None })?; // #{port => undefined}
    /// assert_eq!(flitch_etf::from_slice::<Peer>(&bytes)?.port, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    undefined: UNDEFINED
}

form! {
    /// A struct or map as a keyword list, `[a: 1, b: 2]`.
    ///
    /// Written: a list of pairs of an atom and a value, in the order of the struct's fields or of
    /// the map's iteration. A map's keys are text or atoms; a `Vec` of pairs, with atoms for keys,
    /// is one already, and is written as it is.
    ///
    /// Read: a proper list of such pairs in any order, and of bare atoms, each of which stands for
    /// `{atom, true}` as in a proplist. Of a key that stands there twice the first counts, as for
    /// `Keyword.get`. What a struct does not know is passed over. A `Vec` of pairs gets all of
    /// them. Nothing else is read: a map is refused.
    ///
    /// It holds for the field's own value, through an `Option`, and not for structs inside it.
    ///
    /// ```
    /// #[derive(serde::Serialize, serde::Deserialize, Debug, PartialEq)]
    /// struct Start {
    ///     #[serde(with = "flitch_etf::keyword")]
    ///     options: Options,
    /// }
    /// #[derive(serde::Serialize, serde::Deserialize, Debug, PartialEq)]
    /// struct Options { timeout: u32, restart: bool }
    ///
    /// let start = Start { options: Options { timeout: 5000, restart: true } };
    /// let term = flitch_etf::decode(&flitch_etf::to_vec(&start)?.into())?;
    /// let shown = flitch_etf::text::elixir(&term).to_string();
    /// assert_eq!(shown, "%{options: [timeout: 5000, restart: true]}");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    keyword: KEYWORD
}

form! {
    /// A map with text for keys as one with atoms for keys: `%{a: 1}` in place of `%{"a" => 1}`.
    ///
    /// For a `HashMap<String, T>`, and for a struct with a `#[serde(flatten)]`, which serde takes
    /// for such a map and whose name it tells nobody: `__struct__` must be a field of it.
    /// Written: every key that is text as an atom, so the keys should be few and known, as a BEAM
    /// never forgets an atom. Read: atoms and text. It holds for the field's own value, through an
    /// `Option`.
    ///
    /// ```
    /// use std::collections::BTreeMap;
    ///
    /// let map = BTreeMap::from([("a", 1)]);
    /// let term = flitch_etf::decode(&flitch_etf::to_vec(&flitch_etf::AtomKeys(map))?.into())?;
    /// assert_eq!(flitch_etf::text::elixir(&term).to_string(), "%{a: 1}");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    atom_keys: ATOM_KEYS
}

form! {
    /// Text as a charlist, `~c"abc"`: what Erlang calls a string.
    ///
    /// Written as `term_to_binary` writes the list of the text's code points: up to 65,535 of them
    /// that are all below 256 as STRING_EXT, others as LIST_EXT, none as `[]`. Read: any of these;
    /// a binary is refused, and so is a number that is no code point.
    ///
    /// For `String`, and an `Option` of it; not for the elements of a list.
    charlist: CHARLIST
}

form! {
    /// A `HashSet` or `BTreeSet` as Elixir's `MapSet`.
    ///
    /// Written as Elixir 1.18 and 1.20 lay it out, or as 1.14 does under
    /// [`Layout::mapset_version`](crate::Layout::mapset_version); both are read. The elements must
    /// differ on the wire too: a `Vec` with one of them twice makes a term that no BEAM takes.
    mapset: MAPSET
}

struct Announced<T>(std::marker::PhantomData<T>);

impl<'de, T: Deserialize<'de>> serde::de::Visitor<'de> for Announced<T> {
    type Value = T;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<T, D::Error> {
        T::deserialize(inner)
    }
}

/// A whole value as a keyword list: what [`keyword`] is for a field.
///
/// ```
/// use flitch_etf::{Keyword, from_slice, to_vec};
/// use std::collections::BTreeMap;
///
/// let bytes = to_vec(&Keyword(BTreeMap::from([("depth", 3)])))?; // [depth: 3]
/// let Keyword(map) = from_slice::<Keyword<BTreeMap<String, u8>>>(&bytes)?;
/// assert_eq!(map["depth"], 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Keyword<T>(pub T);

impl<T: Serialize> Serialize for Keyword<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        keyword::serialize(&self.0, serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Keyword<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        keyword::deserialize(deserializer).map(Self)
    }
}

/// A whole value as a map with atoms for keys: what [`atom_keys`] is for a field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct AtomKeys<T>(pub T);

impl<T: Serialize> Serialize for AtomKeys<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        atom_keys::serialize(&self.0, serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for AtomKeys<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        atom_keys::deserialize(deserializer).map(Self)
    }
}

/// Text that is a charlist as a whole: what [`charlist`] is for a field.
///
/// ```
/// use flitch_etf::{Charlist, from_slice, to_vec};
///
/// assert_eq!(to_vec(&Charlist("hi".into()))?, [131, 107, 0, 2, b'h', b'i']);
/// assert_eq!(from_slice(&[131, 106]), Ok(Charlist(String::new())));
/// # Ok::<(), flitch_etf::SerError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Charlist(pub String);

impl Serialize for Charlist {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(handoff::CHARLIST, &self.0)
    }
}

impl<'de> Deserialize<'de> for Charlist {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        charlist::deserialize(deserializer).map(Self)
    }
}
