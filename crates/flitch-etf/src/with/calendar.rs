//! `Date`, `Time`, `NaiveDateTime` and `DateTime`, as Elixir lays them out.
//!
//! Source: `lib/elixir/lib/calendar/*.ex` of Elixir; the tests compare with it, running.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

use super::with_module;
use crate::Atom;

/// The kind of [`date`].
pub struct Day;
/// The kind of the times: with `USEC`, the microseconds always have six digits.
pub struct TimeOfDay<const USEC: bool>;
/// The kind of the times on a day without a zone.
pub struct Naive<const USEC: bool>;
/// The kind of the points in time.
pub struct Zoned<const USEC: bool>;

type TimeSeconds = TimeOfDay<false>;
type TimeUsec = TimeOfDay<true>;
type NaiveSeconds = Naive<false>;
type NaiveUsec = Naive<true>;
type ZonedSeconds = Zoned<false>;
type ZonedUsec = Zoned<true>;

with_module! {
    /// A day as Elixir's `Date`: `chrono::NaiveDate` or `jiff::civil::Date`, or an `Option` or
    /// `Vec` of either.
    ///
    /// Years from -9999 to 9999 and no other calendar than `Calendar.ISO`, both ways.
    date: Day
}
with_module! {
    /// A time of day as Elixir's `Time`: `chrono::NaiveTime` or `jiff::civil::Time`, or an
    /// `Option` or `Vec` of either.
    ///
    /// Written with six digits of microseconds, or with none where there is no fraction of a
    /// second: `~T[12:00:00.500000]`, `~T[12:00:00]`. What is finer is cut off, and a leap second
    /// is refused: Elixir has none. How many digits there were is not kept when reading.
    time: TimeSeconds
}
with_module! {
    /// As [`time`](crate::time), always with six digits, as Ecto's `:time_usec` wants.
    time_usec: TimeUsec
}
with_module! {
    /// A day and time without a zone as Elixir's `NaiveDateTime`: `chrono::NaiveDateTime` or
    /// `jiff::civil::DateTime`, or an `Option` or `Vec` of either. Digits as in
    /// [`time`](crate::time).
    naive_datetime: NaiveSeconds
}
with_module! {
    /// As [`naive_datetime`](crate::naive_datetime), always with six digits, as Ecto's
    /// `:naive_datetime_usec` wants.
    naive_datetime_usec: NaiveUsec
}
with_module! {
    /// A point in time as Elixir's `DateTime`: `chrono::DateTime` of `Utc` or `FixedOffset`, or
    /// `jiff::Timestamp`, or an `Option` or `Vec` of one. Digits as in [`time`](crate::time).
    ///
    /// Written: in UTC as `~U[…]`. A `FixedOffset` of whole hours is the zone that IANA has for it
    /// (`Etc/GMT-2` is two hours east), any other one is a zone named as the offset, `+05:30`,
    /// which no database of zones knows: comparing, printing and turning to UTC work, adding days
    /// does not.
    ///
    /// Read: any zone. A `FixedOffset` keeps the offset, daylight saving included, and loses the
    /// zone's name; `Utc` and `Timestamp` keep the point in time.
    datetime: ZonedSeconds
}
with_module! {
    /// As [`datetime`](crate::datetime), always with six digits, as Ecto's `:utc_datetime_usec`
    /// wants.
    datetime_usec: ZonedUsec
}

/// The only calendar that is understood here.
pub(super) struct Iso;

const ISO: Atom = Atom::from_static("Elixir.Calendar.ISO");

impl Serialize for Iso {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ISO.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Iso {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let calendar = Atom::deserialize(deserializer)?;
        if calendar == ISO {
            return Ok(Self);
        }
        let name = crate::text::elixir(&calendar.into()).to_string();
        Err(de::Error::custom(format_args!("expected the calendar Calendar.ISO, found {name}")))
    }
}

/// The year, month and day of a calendar that are written and read.
#[derive(Clone, Copy)]
pub(super) struct Ymd {
    pub(super) year: i16,
    pub(super) month: u8,
    pub(super) day: u8,
}

/// The hour, minute, second and microsecond.
#[derive(Clone, Copy)]
pub(super) struct Hmsu {
    pub(super) hour: u8,
    pub(super) minute: u8,
    pub(super) second: u8,
    pub(super) micro: u32,
}

/// The years that Elixir's calendar has.
pub(super) fn year<E: ser::Error>(year: i32) -> Result<i16, E> {
    let fits = i16::try_from(year).ok().filter(|year| (-9999..=9999).contains(year));
    fits.ok_or_else(|| E::custom(format_args!("Elixir has no year {year}: -9999 to 9999")))
}

/// What stands there is no day, time or point in time of the type that is wanted.
pub(super) fn no_such<E: de::Error>(what: impl fmt::Display) -> E {
    E::custom(format_args!("there is no {what}"))
}

impl fmt::Display for Ymd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "day {}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl fmt::Display for Hmsu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "time {:02}:{:02}:{:02}.{:06}", self.hour, self.minute, self.second, self.micro)
    }
}

/// `{microsecond, precision}`.
#[derive(Serialize, Deserialize)]
pub(super) struct Micro(u32, u8);

impl Micro {
    fn new(micro: u32, usec: bool) -> Self {
        Self(micro, if usec || micro > 0 { 6 } else { 0 })
    }

    fn checked<E: de::Error>(self) -> Result<u32, E> {
        if self.0 > 999_999 || self.1 > 6 {
            let Self(micro, precision) = self;
            return Err(E::custom(format_args!("{{{micro}, {precision}}} are no microseconds")));
        }
        Ok(self.0)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename = "Elixir.Date")]
pub(super) struct Date {
    calendar: Iso,
    day: u8,
    month: u8,
    year: i16,
}

impl Date {
    pub(super) fn new(Ymd { year, month, day }: Ymd) -> Self {
        Self { calendar: Iso, day, month, year }
    }

    pub(super) fn ymd(&self) -> Ymd {
        Ymd { year: self.year, month: self.month, day: self.day }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename = "Elixir.Time")]
pub(super) struct Time {
    calendar: Iso,
    hour: u8,
    microsecond: Micro,
    minute: u8,
    second: u8,
}

impl Time {
    pub(super) fn new(time: Hmsu, usec: bool) -> Self {
        let Hmsu { hour, minute, second, micro } = time;
        Self { calendar: Iso, hour, microsecond: Micro::new(micro, usec), minute, second }
    }

    pub(super) fn hmsu<E: de::Error>(self) -> Result<Hmsu, E> {
        let Self { hour, minute, second, microsecond, .. } = self;
        Ok(Hmsu { hour, minute, second, micro: microsecond.checked()? })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename = "Elixir.NaiveDateTime")]
pub(super) struct NaiveDateTime {
    calendar: Iso,
    day: u8,
    hour: u8,
    microsecond: Micro,
    minute: u8,
    month: u8,
    second: u8,
    year: i16,
}

impl NaiveDateTime {
    pub(super) fn new(date: Ymd, time: Hmsu, usec: bool) -> Self {
        let (Ymd { year, month, day }, Hmsu { hour, minute, second, micro }) = (date, time);
        let microsecond = Micro::new(micro, usec);
        Self { calendar: Iso, day, hour, microsecond, minute, month, second, year }
    }

    pub(super) fn parts<E: de::Error>(self) -> Result<(Ymd, Hmsu), E> {
        let Self { year, month, day, hour, minute, second, microsecond, .. } = self;
        let micro = microsecond.checked()?;
        Ok((Ymd { year, month, day }, Hmsu { hour, minute, second, micro }))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename = "Elixir.DateTime")]
pub(super) struct DateTime {
    calendar: Iso,
    day: u8,
    hour: u8,
    microsecond: Micro,
    minute: u8,
    month: u8,
    second: u8,
    std_offset: i32,
    time_zone: String,
    utc_offset: i32,
    year: i16,
    zone_abbr: String,
}

impl DateTime {
    /// A local time, so many seconds east of UTC.
    pub(super) fn new(date: Ymd, time: Hmsu, offset: i32, usec: bool) -> Self {
        let NaiveDateTime { calendar, day, hour, microsecond, minute, month, second, year } =
            NaiveDateTime::new(date, time, usec);
        let (time_zone, zone_abbr) = zone(offset);
        Self {
            calendar,
            day,
            hour,
            microsecond,
            minute,
            month,
            second,
            std_offset: 0,
            time_zone,
            utc_offset: offset,
            year,
            zone_abbr,
        }
    }

    /// The local time, and the seconds that it is east of UTC.
    pub(super) fn parts<E: de::Error>(self) -> Result<(Ymd, Hmsu, i32), E> {
        let offset = self.utc_offset.checked_add(self.std_offset);
        let offset = offset.filter(|offset| offset.unsigned_abs() < 24 * 3600);
        let offset = offset.ok_or_else(|| E::custom("an offset of a day or more from UTC"))?;
        let Self { calendar, day, hour, microsecond, minute, month, second, year, .. } = self;
        let local = NaiveDateTime { calendar, day, hour, microsecond, minute, month, second, year };
        let (date, time) = local.parts()?;
        Ok((date, time, offset))
    }
}

/// The name and abbreviation of a zone that is always so many seconds east of UTC.
fn zone(offset: i32) -> (String, String) {
    let (sign, other, east) = if offset < 0 { ('-', '+', -offset) } else { ('+', '-', offset) };
    let (hours, minutes, seconds) = (east / 3600, east / 60 % 60, east % 60);
    match (offset, minutes, seconds) {
        (0, ..) => ("Etc/UTC".into(), "UTC".into()),
        // As POSIX has it, the sign says what leads back to UTC.
        (-43_200..=50_400, 0, 0) => (format!("Etc/GMT{other}{hours}"), format!("{sign}{hours:02}")),
        (_, _, 0) => {
            let name = format!("{sign}{hours:02}:{minutes:02}");
            (name.clone(), name)
        }
        _ => {
            let name = format!("{sign}{hours:02}:{minutes:02}:{seconds:02}");
            (name.clone(), name)
        }
    }
}
