//! Elixir's dates and times as jiff's.

use ::jiff::Timestamp;
use ::jiff::civil::{Date, DateTime, Time};
use ::jiff::tz::{Offset, TimeZone};
use serde::de::{Deserialize, Deserializer};
use serde::ser::{self, Serialize, Serializer};

use super::Carried;
use super::calendar::{self, Day, Hmsu, Naive, TimeOfDay, Ymd, Zoned, no_such};

impl Carried<Day> for Date {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        calendar::Date::new(ymd(*self)?).serialize(serializer)
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let ymd = calendar::Date::deserialize(deserializer)?.ymd();
        date(ymd).ok_or_else(|| no_such(ymd))
    }
}

impl<const USEC: bool> Carried<TimeOfDay<USEC>> for Time {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        calendar::Time::new(hmsu(*self)?, USEC).serialize(serializer)
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let hmsu = calendar::Time::deserialize(deserializer)?.hmsu()?;
        time(hmsu).ok_or_else(|| no_such(hmsu))
    }
}

impl<const USEC: bool> Carried<Naive<USEC>> for DateTime {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (date, time) = (ymd(self.date())?, hmsu(self.time())?);
        calendar::NaiveDateTime::new(date, time, USEC).serialize(serializer)
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (ymd, hmsu) = calendar::NaiveDateTime::deserialize(deserializer)?.parts()?;
        local(ymd, hmsu)
    }
}

impl<const USEC: bool> Carried<Zoned<USEC>> for Timestamp {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let utc = self.to_zoned(TimeZone::UTC).datetime();
        let (date, time) = (ymd(utc.date())?, hmsu(utc.time())?);
        calendar::DateTime::new(date, time, 0, USEC).serialize(serializer)
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (ymd, hmsu, offset) = calendar::DateTime::deserialize(deserializer)?.parts()?;
        let local = local::<D::Error>(ymd, hmsu)?;
        let offset = Offset::from_seconds(offset);
        let point = offset.and_then(|offset| offset.to_timestamp(local));
        point.map_err(|_| no_such("such point in time"))
    }
}

fn ymd<E: ser::Error>(date: Date) -> Result<Ymd, E> {
    let year = calendar::year(date.year().into())?;
    // jiff's months and days are signed and never negative.
    Ok(Ymd { year, month: date.month().unsigned_abs(), day: date.day().unsigned_abs() })
}

fn hmsu<E: ser::Error>(time: Time) -> Result<Hmsu, E> {
    let micro = time.subsec_nanosecond().unsigned_abs() / 1000;
    let (hour, minute) = (time.hour().unsigned_abs(), time.minute().unsigned_abs());
    Ok(Hmsu { hour, minute, second: time.second().unsigned_abs(), micro })
}

fn date(Ymd { year, month, day }: Ymd) -> Option<Date> {
    Date::new(year, month.try_into().ok()?, day.try_into().ok()?).ok()
}

fn time(Hmsu { hour, minute, second, micro }: Hmsu) -> Option<Time> {
    let small = |part: u8| i8::try_from(part).ok();
    let nanos = i32::try_from(micro).ok()?.checked_mul(1000)?;
    Time::new(small(hour)?, small(minute)?, small(second)?, nanos).ok()
}

fn local<E: serde::de::Error>(ymd: Ymd, hmsu: Hmsu) -> Result<DateTime, E> {
    let date = date(ymd).ok_or_else(|| no_such(ymd))?;
    Ok(date.to_datetime(time(hmsu).ok_or_else(|| no_such(hmsu))?))
}
