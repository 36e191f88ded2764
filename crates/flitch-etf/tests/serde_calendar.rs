//! Elixir's dates and times as chrono's and jiff's, with Elixir as the judge.

#![cfg(all(feature = "chrono", feature = "jiff"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod util;

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use flitch_etf::{Map, Term, decode, encode, from_bytes, from_slice, to_vec};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use util::values::{atom, hex, unhex};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Chrono {
    #[serde(with = "flitch_etf::date")]
    day: NaiveDate,
    #[serde(with = "flitch_etf::date")]
    days: Vec<Option<NaiveDate>>,
    #[serde(with = "flitch_etf::time")]
    time: NaiveTime,
    #[serde(with = "flitch_etf::time_usec")]
    exact: NaiveTime,
    #[serde(with = "flitch_etf::naive_datetime")]
    naive: Option<NaiveDateTime>,
    #[serde(with = "flitch_etf::naive_datetime_usec")]
    naive_exact: NaiveDateTime,
    #[serde(with = "flitch_etf::datetime")]
    utc: DateTime<Utc>,
    #[serde(with = "flitch_etf::datetime_usec")]
    utc_exact: DateTime<Utc>,
    #[serde(with = "flitch_etf::datetime")]
    east: DateTime<FixedOffset>,
    #[serde(with = "flitch_etf::datetime")]
    half: DateTime<FixedOffset>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Jiff {
    #[serde(with = "flitch_etf::date")]
    day: jiff::civil::Date,
    #[serde(with = "flitch_etf::date")]
    days: Vec<Option<jiff::civil::Date>>,
    #[serde(with = "flitch_etf::time")]
    time: jiff::civil::Time,
    #[serde(with = "flitch_etf::time_usec")]
    exact: jiff::civil::Time,
    #[serde(with = "flitch_etf::naive_datetime")]
    naive: Option<jiff::civil::DateTime>,
    #[serde(with = "flitch_etf::naive_datetime_usec")]
    naive_exact: jiff::civil::DateTime,
    #[serde(with = "flitch_etf::datetime")]
    utc: jiff::Timestamp,
    #[serde(with = "flitch_etf::datetime_usec")]
    utc_exact: jiff::Timestamp,
}

fn chrono_values() -> Chrono {
    Chrono {
        day: "2024-02-29".parse().unwrap(),
        days: vec![Some("-0044-03-15".parse().unwrap()), None],
        time: "12:00:00".parse().unwrap(),
        exact: "12:00:00".parse().unwrap(),
        naive: Some("2024-01-01T12:00:00.123456".parse().unwrap()),
        naive_exact: "1999-12-31T23:59:59.5".parse().unwrap(),
        utc: "2024-01-01T12:00:00Z".parse().unwrap(),
        utc_exact: "2024-01-01T12:00:00.000001Z".parse().unwrap(),
        east: "2024-01-01T01:30:00+02:00".parse().unwrap(),
        half: "2024-01-01T01:30:00.25-05:30".parse().unwrap(),
    }
}

fn jiff_values() -> Jiff {
    Jiff {
        day: "2024-02-29".parse().unwrap(),
        days: vec![Some("-000044-03-15".parse().unwrap()), None],
        time: "12:00:00".parse().unwrap(),
        exact: "12:00:00".parse().unwrap(),
        naive: Some("2024-01-01T12:00:00.123456".parse().unwrap()),
        naive_exact: "1999-12-31T23:59:59.5".parse().unwrap(),
        utc: "2024-01-01T12:00:00Z".parse().unwrap(),
        utc_exact: "2024-01-01T12:00:00.000001Z".parse().unwrap(),
    }
}

#[test]
fn dates_and_times_are_what_elixir_builds() {
    let written = [to_vec(&chrono_values()).unwrap(), to_vec(&jiff_values()).unwrap()];
    let script = r#"
        [chrono, jiff] =
          Enum.map(System.argv(), &(&1 |> Base.decode16!(case: :lower) |> :erlang.binary_to_term()))
        for ours <- [chrono, jiff] do
          true = ours.day == ~D[2024-02-29]
          true = ours.days == [~D[-0044-03-15], nil]
          true = ours.time == ~T[12:00:00]
          true = ours.exact == ~T[12:00:00.000000]
          true = ours.naive == ~N[2024-01-01 12:00:00.123456]
          true = ours.naive_exact == ~N[1999-12-31 23:59:59.500000]
          true = ours.utc == ~U[2024-01-01 12:00:00Z]
          true = ours.utc_exact == ~U[2024-01-01 12:00:00.000001Z]
          :lt = Date.compare(ours.day, ~D[2024-03-01])
          ~D[2024-03-01] = Date.add(ours.day, 1)
          "2024-01-01T12:00:00.000001Z" = DateTime.to_iso8601(ours.utc_exact)
          ~U[2024-01-02 12:00:00Z] = DateTime.add(ours.utc, 86400)
        end
        "2024-01-01T01:30:00+02:00" = DateTime.to_iso8601(chrono.east)
        "2024-01-01T01:30:00.250000-05:30" = DateTime.to_iso8601(chrono.half)
        {"Etc/GMT-2", "-05:30"} = {chrono.east.time_zone, chrono.half.time_zone}
        :eq = DateTime.compare(chrono.east, ~U[2023-12-31 23:30:00Z])
        {:ok, ~U[2024-01-01 07:00:00.250000Z]} = DateTime.shift_zone(chrono.half, "Etc/UTC")
        summer = %{~U[2024-07-01 12:00:00.5Z] | std_offset: 3600, utc_offset: 3600,
                   time_zone: "Europe/Berlin", zone_abbr: "CEST"}
        [chrono, jiff, summer, ~T[01:02:03.004]]
        |> Enum.each(&(&1 |> :erlang.term_to_binary() |> Base.encode16() |> IO.puts()))
    "#;
    let said =
        util::elixir(script, &written.map(|bytes| hex(&bytes)).each_ref().map(String::as_str));
    let lines: Vec<_> = said.lines().map(unhex).collect();
    assert_eq!(from_slice(&lines[0]), Ok(chrono_values()));
    assert_eq!(from_slice(&lines[1]), Ok(jiff_values()));
    #[derive(Deserialize)]
    struct Kept(#[serde(with = "flitch_etf::datetime")] DateTime<FixedOffset>);
    #[derive(Deserialize)]
    struct Point(#[serde(with = "flitch_etf::datetime")] jiff::Timestamp);
    let Kept(kept) = from_slice(&lines[2]).unwrap();
    assert_eq!(kept.to_rfc3339(), "2024-07-01T12:00:00.500+02:00");
    let Point(point) = from_slice(&lines[2]).unwrap();
    assert_eq!(point.to_string(), "2024-07-01T10:00:00.5Z");
    #[derive(Deserialize)]
    struct Clock(#[serde(with = "flitch_etf::time")] NaiveTime);
    let Clock(clock) = from_slice(&lines[3]).unwrap();
    assert_eq!(clock.to_string(), "01:02:03.004");
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct Day<T: either::Date>(#[serde(with = "either")] T);

/// The bounds that a generic field needs, spelled for the two crates.
mod either {
    use serde::{Deserializer, Serializer};

    pub(crate) trait Date: Sized {
        fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;
        fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;
    }
    macro_rules! dates {
        ($($date:ty: $module:ident),*) => {$(
            impl Date for $date {
                fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    flitch_etf::$module::serialize(self, serializer)
                }
                fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    flitch_etf::$module::deserialize(deserializer)
                }
            }
        )*};
    }
    dates!(
        chrono::NaiveDate: date,
        jiff::civil::Date: date,
        chrono::NaiveTime: time,
        jiff::civil::Time: time,
        chrono::DateTime<chrono::FixedOffset>: datetime,
        jiff::Timestamp: datetime
    );

    pub(crate) fn serialize<T: Date, S: Serializer>(value: &T, s: S) -> Result<S::Ok, S::Error> {
        value.write(s)
    }
    pub(crate) fn deserialize<'de, T: Date, D: Deserializer<'de>>(d: D) -> Result<T, D::Error> {
        T::read(d)
    }
}

fn structure<const N: usize>(name: &str, fields: [(&str, Term); N]) -> Term {
    let fixed = [
        ("__struct__", atom(&format!("Elixir.{name}"))),
        ("calendar", atom("Elixir.Calendar.ISO")),
    ];
    let fields = fixed.into_iter().chain(fields);
    fields.map(|(key, value)| (atom(key), value)).collect::<Map>().into()
}

fn with(term: &Term, key: &str, value: Term) -> Term {
    let pairs = term.as_map().unwrap().iter().map(|(key, value)| (key.clone(), value.clone()));
    pairs.chain([(atom(key), value)]).collect::<Map>().into()
}

fn date() -> Term {
    structure("Date", [("year", 2024.into()), ("month", 2.into()), ("day", 29.into())])
}

fn time() -> Term {
    let microsecond = ("microsecond", Term::from((0, 0)));
    let fields = [("hour", 1.into()), ("minute", 2.into()), ("second", 3.into()), microsecond];
    structure("Time", fields)
}

fn refused<T: either::Date + std::fmt::Debug>(term: &Term) -> String
where
    Day<T>: DeserializeOwned,
{
    from_bytes::<Day<T>>(&encode(term).unwrap().into()).unwrap_err().to_string()
}

#[test]
fn another_calendar_is_refused_by_its_name() {
    let julian = with(&date(), "calendar", atom("Elixir.Calendar.Julian"));
    let error = refused::<NaiveDate>(&julian);
    let expected = "calendar: expected the calendar Calendar.ISO, found Calendar.Julian, at byte ";
    assert!(error.starts_with(expected), "{error}");
    assert!(refused::<jiff::civil::Date>(&julian).starts_with(expected));
    let other = with(&date(), "__struct__", atom("Elixir.Time"));
    assert!(refused::<NaiveDate>(&other).starts_with("__struct__: expected a %Date{}, found"));
    assert_eq!(refused::<NaiveDate>(&1.into()), "expected a %Date{}, found an integer, at byte 1");
}

#[test]
fn days_and_times_that_do_not_exist_are_refused_and_never_wrap() {
    let no_day = with(&date(), "day", 30.into());
    assert_eq!(refused::<NaiveDate>(&no_day), "there is no day 2024-02-30, at byte 1");
    assert_eq!(refused::<jiff::civil::Date>(&no_day), "there is no day 2024-02-30, at byte 1");
    for (key, value) in [("month", 13), ("month", 0), ("day", 0), ("day", 200), ("month", 255)] {
        refused::<NaiveDate>(&with(&date(), key, value.into()));
        refused::<jiff::civil::Date>(&with(&date(), key, value.into()));
    }
    for value in [256, -1, 1i64 << 40] {
        assert!(refused::<NaiveDate>(&with(&date(), "day", value.into())).starts_with("day: "));
    }
    assert!(refused::<NaiveDate>(&with(&date(), "year", 40_000.into())).starts_with("year: "));
    assert!(refused::<jiff::civil::Date>(&with(&date(), "year", 12_000.into())).contains("12000"));
    let late = with(&time(), "hour", 24.into());
    assert_eq!(refused::<NaiveTime>(&late), "there is no time 24:02:03.000000, at byte 1");
    assert_eq!(refused::<jiff::civil::Time>(&late), "there is no time 24:02:03.000000, at byte 1");
    refused::<NaiveTime>(&with(&time(), "second", 60.into()));
    refused::<jiff::civil::Time>(&with(&time(), "second", 60.into()));
    for micro in [(1_000_000, 6), (0, 7)] {
        let error = refused::<NaiveTime>(&with(&time(), "microsecond", micro.into()));
        assert_eq!(error, format!("{{{}, {}}} are no microseconds, at byte 1", micro.0, micro.1));
    }
}

#[test]
fn hostile_offsets_are_refused() {
    let fields = [
        ("year", 2024.into()),
        ("month", 1.into()),
        ("day", 1.into()),
        ("hour", 0.into()),
        ("minute", 0.into()),
        ("second", 0.into()),
        ("microsecond", (0, 0).into()),
        ("time_zone", "X".into()),
        ("zone_abbr", "X".into()),
        ("utc_offset", 0.into()),
        ("std_offset", 0.into()),
    ];
    let point = structure("DateTime", fields);
    let error = "an offset of a day or more from UTC, at byte 1";
    for (utc, std) in [(i32::MAX, 1), (i32::MIN, -1), (86_400, 0), (-86_399, -1), (i32::MIN, 0)] {
        let bad = with(&with(&point, "utc_offset", utc.into()), "std_offset", std.into());
        assert_eq!(refused::<DateTime<FixedOffset>>(&bad), error);
        assert_eq!(refused::<jiff::Timestamp>(&bad), error);
    }
    let first = with(&with(&point, "year", (-9999).into()), "utc_offset", 86_399.into());
    assert_eq!(refused::<jiff::Timestamp>(&first), "there is no such point in time, at byte 1");
}

#[test]
fn what_elixir_has_not_is_not_written() {
    let far = Day(NaiveDate::from_ymd_opt(10_000, 1, 1).unwrap());
    let error = to_vec(&far).unwrap_err().to_string();
    assert_eq!(error, "Elixir has no year 10000: -9999 to 9999");
    let leap = Day(NaiveTime::from_hms_milli_opt(23, 59, 59, 1_500).unwrap());
    assert_eq!(to_vec(&leap).unwrap_err().to_string(), "a leap second: Elixir has none");
    // Finer than a microsecond is cut off, not rounded up.
    let fine = Day(NaiveTime::from_hms_nano_opt(1, 2, 3, 999_999_999).unwrap());
    let term = decode(&to_vec(&fine).unwrap().into()).unwrap();
    let micro = term.as_map().unwrap().get_atom("microsecond").cloned();
    assert_eq!(micro, Some((999_999, 6).into()));
}

#[test]
fn every_offset_has_a_zone_that_says_it() {
    let zone = |offset: &str| {
        let text = format!("2024-01-01T00:00:00{offset}");
        let point = Day(text.parse::<DateTime<FixedOffset>>().unwrap());
        let term = decode(&to_vec(&point).unwrap().into()).unwrap();
        let text = |key: &str| {
            term.as_map().unwrap().get_atom(key).and_then(Term::as_str).unwrap().to_owned()
        };
        (text("time_zone"), text("zone_abbr"))
    };
    let pair = |zone: &str, abbr: &str| (zone.to_owned(), abbr.to_owned());
    assert_eq!(zone("+00:00"), pair("Etc/UTC", "UTC"));
    assert_eq!(zone("+14:00"), pair("Etc/GMT-14", "+14"));
    assert_eq!(zone("-12:00"), pair("Etc/GMT+12", "-12"));
    assert_eq!(zone("+15:00"), pair("+15:00", "+15:00"));
    assert_eq!(zone("-03:30"), pair("-03:30", "-03:30"));
}
