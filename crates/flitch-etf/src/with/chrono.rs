//! Elixir's dates and times as chrono's.

use ::chrono::{
    self as chrono, Datelike, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Offset, Timelike,
    Utc,
};
use serde::de::{Deserialize, Deserializer};
use serde::ser::{self, Serialize, Serializer};

use super::Carried;
use super::calendar::{self, Day, Hmsu, Naive, TimeOfDay, Ymd, Zoned, no_such};

impl Carried<Day> for NaiveDate {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        calendar::Date::new(ymd(*self)?).serialize(serializer)
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let ymd = calendar::Date::deserialize(deserializer)?.ymd();
        date(ymd).ok_or_else(|| no_such(ymd))
    }
}

impl<const USEC: bool> Carried<TimeOfDay<USEC>> for NaiveTime {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        calendar::Time::new(hmsu(*self)?, USEC).serialize(serializer)
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let hmsu = calendar::Time::deserialize(deserializer)?.hmsu()?;
        time(hmsu).ok_or_else(|| no_such(hmsu))
    }
}

impl<const USEC: bool> Carried<Naive<USEC>> for NaiveDateTime {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (date, time) = (ymd(self.date())?, hmsu(self.time())?);
        calendar::NaiveDateTime::new(date, time, USEC).serialize(serializer)
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (ymd, hmsu) = calendar::NaiveDateTime::deserialize(deserializer)?.parts()?;
        let date = date(ymd).ok_or_else(|| no_such(ymd))?;
        Ok(date.and_time(time(hmsu).ok_or_else(|| no_such(hmsu))?))
    }
}

impl<const USEC: bool> Carried<Zoned<USEC>> for chrono::DateTime<FixedOffset> {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let local = self.naive_local();
        let (date, time) = (ymd(local.date())?, hmsu(local.time())?);
        let offset = self.offset().local_minus_utc();
        calendar::DateTime::new(date, time, offset, USEC).serialize(serializer)
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (ymd, hmsu, offset) = calendar::DateTime::deserialize(deserializer)?.parts()?;
        let date = date(ymd).ok_or_else(|| no_such(ymd))?;
        let local = date.and_time(time(hmsu).ok_or_else(|| no_such(hmsu))?);
        let offset = FixedOffset::east_opt(offset);
        let point = offset.and_then(|offset| local.and_local_timezone(offset).single());
        point.ok_or_else(|| no_such("such point in time"))
    }
}

impl<const USEC: bool> Carried<Zoned<USEC>> for chrono::DateTime<Utc> {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        <chrono::DateTime<FixedOffset> as Carried<Zoned<USEC>>>::write(
            &self.with_timezone(&Utc.fix()),
            serializer,
        )
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let point = <chrono::DateTime<FixedOffset> as Carried<Zoned<USEC>>>::read(deserializer)?;
        Ok(point.with_timezone(&Utc))
    }
}

fn ymd<E: ser::Error>(date: NaiveDate) -> Result<Ymd, E> {
    let year = calendar::year(date.year())?;
    // Months and days are small.
    Ok(Ymd { year, month: date.month() as u8, day: date.day() as u8 })
}

fn hmsu<E: ser::Error>(time: NaiveTime) -> Result<Hmsu, E> {
    let micro = time.nanosecond() / 1000;
    if micro > 999_999 {
        return Err(E::custom("a leap second: Elixir has none"));
    }
    let (hour, minute, second) = (time.hour() as u8, time.minute() as u8, time.second() as u8);
    Ok(Hmsu { hour, minute, second, micro })
}

fn date(Ymd { year, month, day }: Ymd) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(year.into(), month.into(), day.into())
}

fn time(Hmsu { hour, minute, second, micro }: Hmsu) -> Option<NaiveTime> {
    NaiveTime::from_hms_micro_opt(hour.into(), minute.into(), second.into(), micro)
}
