//! The choices where Erlang and Elixir, or two of their versions, lay out one value differently.

/// How typed values are laid out, where there is a choice. [`Layout::ELIXIR`] is what every
/// function without a layout uses.
///
/// What does not depend on it:
///
/// | Rust | Erlang and Elixir |
/// |---|---|
/// | integers of up to 128 bits, floats, `bool` | integers, floats, `true` and `false`; nothing wraps |
/// | `String`, `&str`, `char` | binaries |
/// | `&[u8]`, `serde_bytes` | binaries; read from lists of bytes too, without a copy up to 65,535 |
/// | `Vec` and other sequences; tuples, arrays | lists; tuples |
/// | maps; structs | maps; maps with atoms for keys |
/// | a struct renamed `Elixir.Shop.Item` | `%Shop.Item{}`, checked when reading |
/// | a struct renamed `#shop:item` | the native record `#shop:item` of OTP 29, checked when reading |
/// | `()`; a unit struct | `:ok`; its name as an atom |
/// | enums | `:stop`, `{:add, item}`, `{:set, %{key: 1}}` |
/// | `Result` | `{:ok, value}`, `{:error, reason}`; `:ok` for `Ok(())` |
///
/// A plain struct reads maps, Elixir structs and records of any name by the names of its fields,
/// and passes over what it does not know. serde tells nobody the name of a struct that has a
/// flattened field, so such a one is a plain map whatever its name:
/// [`AtomKeys`](crate::AtomKeys). Inside untagged and internally tagged enums and flattened fields
/// serde keeps plain data only: an atom is text there, and a pid is refused.
///
/// ```
/// use flitch_etf::{Layout, from_slice_with, to_vec_with};
///
/// let bytes = to_vec_with(&(1, None::<u8>), Layout::ERLANG)?; // {1, undefined}
/// assert_eq!(from_slice_with(&bytes, Layout::ERLANG), Ok((1, None::<u8>)));
/// # Ok::<(), flitch_etf::SerError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub struct Layout {
    pub(crate) absent: Absent,
    pub(crate) mapset_version: bool,
}

/// The atom that an absent value, `None`, is.
///
/// One atom and no other: under [`Absent::Undefined`] an `Option<Atom>` holds `nil` as the atom
/// that it is, and the other way round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Absent {
    /// `nil`, as Elixir has it.
    #[default]
    Nil,
    /// `undefined`, as Erlang's records have it.
    Undefined,
}

impl Absent {
    #[inline]
    pub(crate) fn atom(self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Undefined => "undefined",
        }
    }
}

impl Layout {
    /// `None` is `nil`; sets are those of Elixir 1.18 and 1.20.
    pub const ELIXIR: Self = Self { absent: Absent::Nil, mapset_version: false };
    /// As [`Layout::ELIXIR`], and `None` is `undefined`.
    pub const ERLANG: Self = Self::ELIXIR.absent(Absent::Undefined);

    /// What `None` is written as, and what alone is read as `None`.
    pub const fn absent(mut self, absent: Absent) -> Self {
        self.absent = absent;
        self
    }

    /// Whether a set that is written carries `version: 2`, as the `MapSet` of Elixir 1.14 does and
    /// that of 1.18 does not. Either works everywhere; only with the right one is it `==` to a set
    /// that was made there. Both are read, whatever is chosen.
    pub const fn mapset_version(mut self, carried: bool) -> Self {
        self.mapset_version = carried;
        self
    }
}

impl Default for Layout {
    fn default() -> Self {
        Self::ELIXIR
    }
}
