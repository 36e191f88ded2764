//! How options are read: texts that are names, times in milliseconds, and no secret in an error.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;
use std::time::Duration;

use flitch_name::{NodePattern, PatternError};
use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// How often a source is asked unless told otherwise: libcluster's `polling_interval`.
pub(crate) const POLLING_INTERVAL: Duration = Duration::from_secs(5);

/// [`POLLING_INTERVAL`], for serde.
pub(crate) const fn polling_interval() -> Duration {
    POLLING_INTERVAL
}

/// Milliseconds, as libcluster counts.
pub(crate) fn millis<'de, D: Deserializer<'de>>(input: D) -> Result<Duration, D::Error> {
    match u64::deserialize(input)? {
        0 => Err(D::Error::custom("0 would ask without a pause: give milliseconds, such as 5000")),
        millis => Ok(Duration::from_millis(millis)),
    }
}

/// Milliseconds, or `infinity`.
pub(crate) fn millis_or_infinity<'de, D: Deserializer<'de>>(
    input: D,
) -> Result<Option<Duration>, D::Error> {
    struct Timeout;

    impl Visitor<'_> for Timeout {
        type Value = Option<Duration>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("milliseconds, such as 30000, or \"infinity\"")
        }

        fn visit_u64<E: Error>(self, millis: u64) -> Result<Self::Value, E> {
            Ok(Some(Duration::from_millis(millis.max(1))))
        }

        fn visit_i64<E: Error>(self, millis: i64) -> Result<Self::Value, E> {
            match u64::try_from(millis) {
                Ok(millis) => self.visit_u64(millis),
                Err(_) => Err(E::invalid_value(serde::de::Unexpected::Signed(millis), &self)),
            }
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
            match text {
                "infinity" | ":infinity" => Ok(None),
                _ => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
            }
        }
    }

    input.deserialize_any(Timeout)
}

/// Values that are written as texts; an error says which one is wrong.
pub(crate) fn texts<'de, T, D>(input: D) -> Result<Vec<T>, D::Error>
where
    T: FromStr<Err: fmt::Display>,
    D: Deserializer<'de>,
{
    Ok(Vec::<Text<T>>::deserialize(input)?.into_iter().map(|text| text.0).collect())
}

/// A pattern of node names. Without an `@` it is about the part before it: nobody knows the
/// addresses before they are found.
pub(crate) fn pattern<'de, D>(input: D) -> Result<Option<NodePattern>, D::Error>
where
    D: Deserializer<'de>,
{
    let text = String::deserialize(input)?;
    alive_pattern(&text).map(Some).map_err(D::Error::custom)
}

/// The pattern that `node_pattern` means by a text.
pub(crate) fn alive_pattern(text: &str) -> Result<NodePattern, PatternError> {
    if text.contains('@') { text.parse() } else { format!("{text}@*").parse() }
}

struct Text<T>(T);

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct Parse<T>(PhantomData<T>);

        impl<T: FromStr<Err: fmt::Display>> Visitor<'_> for Parse<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text in quotes")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
                text.parse().map_err(E::custom)
            }
        }

        input.deserialize_str(Parse(PhantomData)).map(Self)
    }
}

/// The setters that several strategies share, each described once.
macro_rules! setters {
    ($($setter:ident),+) => {
        $(setters!(@$setter);)+
    };
    (@node_basename) => {
        /// The part before the `@` that all nodes share; EPMD is not asked then.
        #[must_use]
        pub fn node_basename(mut self, basename: impl Into<String>) -> Self {
            self.node_basename = Some(basename.into());
            self
        }
    };
    (@node_pattern) => {
        /// Only the nodes that fit, of those that EPMD lists.
        #[must_use]
        pub fn node_pattern(mut self, pattern: flitch_name::NodePattern) -> Self {
            self.node_pattern = Some(pattern);
            self
        }
    };
    (@polling_interval) => {
        /// How often to ask: 5 seconds unless given.
        #[must_use]
        pub fn polling_interval(mut self, interval: std::time::Duration) -> Self {
            self.polling_interval = interval;
            self
        }
    };
    (@nameservers) => {
        /// The servers to ask in the place of the system's.
        #[must_use]
        pub fn nameservers(mut self, servers: impl IntoIterator<Item = $crate::Nameserver>) -> Self {
            self.nameservers = servers.into_iter().collect();
            self
        }
    };
}

pub(crate) use setters;
