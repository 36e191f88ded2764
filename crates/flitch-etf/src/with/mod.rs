//! Modules for `#[serde(with = "…")]`: values that Erlang and Elixir lay out in their own way.

#[cfg(any(feature = "chrono", feature = "jiff"))]
mod calendar;
#[cfg(feature = "chrono")]
mod chrono;
#[cfg(feature = "decimal")]
mod decimals;
mod forms;
mod integer;
#[cfg(feature = "jiff")]
mod jiff;
mod ranges;

use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};

#[cfg(any(feature = "chrono", feature = "jiff"))]
pub use calendar::{
    date, datetime, datetime_usec, naive_datetime, naive_datetime_usec, time, time_usec,
};
#[cfg(feature = "decimal")]
pub use decimals::decimal;
pub use forms::{AtomKeys, Charlist, Keyword, atom_keys, charlist, keyword, mapset, undefined};
pub use integer::bigint;
pub use ranges::{Range, range};

/// A Rust type that the module of `K` writes and reads; an `Option` of one, or a `Vec`, too.
#[diagnostic::on_unimplemented(
    message = "this module of flitch_etf does not write and read `{Self}`",
    note = "its documentation names the types that it does"
)]
pub trait Carried<K>: Sized {
    /// Writes the value.
    ///
    /// # Errors
    /// The value has no form there.
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;

    /// Reads a value.
    ///
    /// # Errors
    /// Something else stands there, or a value that the type cannot hold.
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;
}

/// A module of the two functions that serde looks for.
macro_rules! with_module {
    ($(#[$doc:meta])* $module:ident: $kind:ident) => {
        $(#[$doc])*
        pub mod $module {
            use serde::{Deserializer, Serializer};

            use crate::with::Carried;

            /// For `#[serde(with = "…")]`.
            ///
            /// # Errors
            /// The value has no form in Erlang or Elixir.
            pub fn serialize<T: Carried<super::$kind>, S: Serializer>(
                value: &T,
                serializer: S,
            ) -> Result<S::Ok, S::Error> {
                value.write(serializer)
            }

            /// For `#[serde(with = "…")]`.
            ///
            /// # Errors
            /// Something else stands there, or a value that `T` cannot hold.
            pub fn deserialize<'de, T: Carried<super::$kind>, D: Deserializer<'de>>(
                deserializer: D,
            ) -> Result<T, D::Error> {
                T::read(deserializer)
            }
        }
    };
}
use with_module;

struct Writing<'a, K, T>(&'a T, PhantomData<K>);

impl<K, T: Carried<K>> Serialize for Writing<'_, K, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.write(serializer)
    }
}

struct Reading<K, T>(T, PhantomData<K>);

impl<'de, K, T: Carried<K>> Deserialize<'de> for Reading<K, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(T::read(deserializer)?, PhantomData))
    }
}

impl<K, T: Carried<K>> Carried<K> for Option<T> {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.as_ref().map(|value| Writing(value, PhantomData)).serialize(serializer)
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::<Reading<K, T>>::deserialize(deserializer)?.map(|reading| reading.0))
    }
}

impl<K, T: Carried<K>> Carried<K> for Vec<T> {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(|value| Writing(value, PhantomData)))
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let values = Vec::<Reading<K, T>>::deserialize(deserializer)?;
        Ok(values.into_iter().map(|reading| reading.0).collect())
    }
}
