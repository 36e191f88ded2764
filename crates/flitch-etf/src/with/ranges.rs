//! `%Range{}`: `1..10`, `10..1//-3`.

use std::marker::PhantomData;
use std::ops::RangeInclusive;

use serde::de::{self, Deserialize, Deserializer};
use serde::ser::{self, Serialize, Serializer};

use super::{Carried, with_module};

/// The kind of [`range`].
pub struct Inclusive(PhantomData<()>);

with_module! {
    /// A `RangeInclusive<i64>` as Elixir's range with a step of 1, or an `Option` or `Vec` of them.
    ///
    /// Written: `2..=5` as `2..5`, and one without elements as `5..2//1`, which has none either.
    /// Read: a range whose step is 1. Any other is refused; [`Range`](crate::Range) holds it.
    ///
    /// ```
    /// use std::ops::RangeInclusive;
    ///
    /// #[derive(serde::Serialize, serde::Deserialize)]
    /// struct Page {
    ///     #[serde(with = "flitch_etf::range")]
    ///     rows: RangeInclusive<i64>,
    /// }
    ///
    /// let bytes = flitch_etf::to_vec(&Page { rows: 1..=50 })?; // %{rows: 1..50}
    /// assert_eq!(flitch_etf::from_slice::<Page>(&bytes)?.rows, 1..=50);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    range: Inclusive
}

/// Elixir's range, whatever its step: `%Range{first: 10, last: 1, step: -3}`.
///
/// ```
/// use flitch_etf::Range;
///
/// let range = Range { first: 10, last: 1, step: -3 };
/// assert_eq!(range.iter().collect::<Vec<_>>(), [10, 7, 4, 1]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename = "Elixir.Range")]
pub struct Range {
    /// The first element, if there is one.
    pub first: i64,
    /// The bound, which is an element where the steps meet it.
    pub last: i64,
    /// What is added to reach the next one: Elixir makes no range with a step of 0.
    pub step: i64,
}

impl Range {
    /// The elements. None where the step leads away from `last`, or is 0.
    pub fn iter(self) -> impl Iterator<Item = i64> {
        let reaches = move |at: &i64| match self.step {
            0 => false,
            1.. => *at <= self.last,
            _ => *at >= self.last,
        };
        let next = move |at: &i64| at.checked_add(self.step).filter(reaches);
        std::iter::successors(Some(self.first).filter(reaches), next)
    }
}

impl Carried<Inclusive> for RangeInclusive<i64> {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (first, last) = (*self.start(), *self.end());
        if self.is_empty() && first <= last {
            return Err(ser::Error::custom("a range that was iterated to its end"));
        }
        Range { first, last, step: 1 }.serialize(serializer)
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Range { first, last, step } = Range::deserialize(deserializer)?;
        match step {
            1 => Ok(first..=last),
            _ => Err(de::Error::custom(format_args!("expected a range with step 1, found {step}"))),
        }
    }
}
