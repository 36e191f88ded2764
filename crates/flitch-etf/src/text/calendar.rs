//! Elixir's dates and times: `~D[2024-02-29]` and the structs that it stands for.
//!
//! Only the ISO calendar, and of the times with a zone only UTC: what sigils can say.

use crate::{Map, Term};

/// The sigil of a `Date`, `Time`, `NaiveDateTime` or `DateTime`, if that is what the map is.
pub(super) fn print(map: &Map) -> Option<String> {
    if !map.get_atom("calendar")?.is_atom("Elixir.Calendar.ISO") {
        return None;
    }
    let (letter, size) = match map.struct_name()? {
        "Date" => ('D', 5),
        "Time" => ('T', 6),
        "NaiveDateTime" => ('N', 9),
        "DateTime" if is_utc(map) => ('U', 13),
        _ => return None,
    };
    if map.len() != size {
        return None;
    }
    let date = || {
        let (year, month, day) = (field(map, "year")?, field(map, "month")?, field(map, "day")?);
        let sign = if year < 0 { "-" } else { "" };
        is_date(year, month, day).then(|| format!("{sign}{:04}-{month:02}-{day:02}", year.abs()))
    };
    Some(match letter {
        'D' => format!("~D[{}]", date()?),
        'T' => format!("~T[{}]", time(map)?),
        'N' => format!("~N[{} {}]", date()?, time(map)?),
        _ => format!("~U[{} {}Z]", date()?, time(map)?),
    })
}

/// The struct of a date or time sigil with this letter, if the text is one.
pub(super) fn parse(letter: char, text: &str) -> Option<Term> {
    let (name, mut fields) = match letter {
        'D' => ("Elixir.Date", parse_date(text)?),
        'T' => ("Elixir.Time", parse_time(text)?),
        'N' => ("Elixir.NaiveDateTime", parse_both(text)?),
        'U' => {
            let mut fields = parse_both(text.strip_suffix('Z')?)?;
            fields.push(("std_offset", 0.into()));
            fields.push(("time_zone", "Etc/UTC".into()));
            fields.push(("utc_offset", 0.into()));
            fields.push(("zone_abbr", "UTC".into()));
            ("Elixir.DateTime", fields)
        }
        _ => return None,
    };
    fields.push(("__struct__", Term::atom(name)));
    fields.push(("calendar", Term::atom("Elixir.Calendar.ISO")));
    let pairs = fields.into_iter().map(|(key, value)| (Term::atom(key), value));
    Some(Term::Map(pairs.collect::<Map>()))
}

fn is_utc(map: &Map) -> bool {
    field(map, "utc_offset") == Some(0)
        && field(map, "std_offset") == Some(0)
        && map.get_atom("time_zone").and_then(Term::as_str) == Some("Etc/UTC")
        && map.get_atom("zone_abbr").and_then(Term::as_str) == Some("UTC")
}

fn field(map: &Map, name: &str) -> Option<i64> {
    map.get_atom(name)?.as_integer()
}

fn is_date(year: i64, month: i64, day: i64) -> bool {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    (-9999..=9999).contains(&year) && (1..=12).contains(&month) && (1..=days).contains(&day)
}

fn is_time(hour: i64, minute: i64, second: i64) -> bool {
    (0..24).contains(&hour) && (0..60).contains(&minute) && (0..60).contains(&second)
}

fn time(map: &Map) -> Option<String> {
    let (hour, minute) = (field(map, "hour")?, field(map, "minute")?);
    let second = field(map, "second")?;
    let [Term::Integer(micro), Term::Integer(precision)] =
        map.get_atom("microsecond")?.as_tuple()?
    else {
        return None;
    };
    if !is_time(hour, minute, second) || !(0..1_000_000).contains(micro) {
        return None;
    }
    let digits = format!("{micro:06}");
    let (shown, cut) = digits.split_at_checked(usize::try_from(*precision).ok()?)?;
    // Digits beyond the precision would be lost.
    if cut.bytes().any(|digit| digit != b'0') {
        return None;
    }
    let point = if shown.is_empty() { "" } else { "." };
    Some(format!("{hour:02}:{minute:02}:{second:02}{point}{shown}"))
}

type Fields = Vec<(&'static str, Term)>;

fn parse_both(text: &str) -> Option<Fields> {
    let (date, time) = text.split_once([' ', 'T'])?;
    let mut fields = parse_date(date)?;
    fields.extend(parse_time(time)?);
    Some(fields)
}

fn parse_date(text: &str) -> Option<Fields> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let mut parts = digits.split('-');
    let year = sign * digits_of(parts.next()?, 4)?;
    let (month, day) = (digits_of(parts.next()?, 2)?, digits_of(parts.next()?, 2)?);
    let fits = parts.next().is_none() && is_date(year, month, day);
    fits.then(|| vec![("year", year.into()), ("month", month.into()), ("day", day.into())])
}

fn parse_time(text: &str) -> Option<Fields> {
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(w, f)| (w, Some(f)));
    let mut parts = whole.split(':');
    let (hour, minute) = (digits_of(parts.next()?, 2)?, digits_of(parts.next()?, 2)?);
    let second = digits_of(parts.next()?, 2)?;
    if parts.next().is_some() || !is_time(hour, minute, second) {
        return None;
    }
    let precision = fraction.map_or(0, str::len);
    let micro = match fraction {
        None => 0,
        Some(fraction) if (1..=6).contains(&precision) => {
            digits_of(fraction, precision)? * 10i64.pow(6 - u32::try_from(precision).ok()?)
        }
        Some(_) => return None,
    };
    Some(vec![
        ("hour", hour.into()),
        ("minute", minute.into()),
        ("second", second.into()),
        ("microsecond", (micro, precision as i64).into()),
    ])
}

fn digits_of(text: &str, count: usize) -> Option<i64> {
    let fits = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(letter: char, text: &str) -> Option<String> {
        let Term::Map(map) = parse(letter, text)? else { return None };
        print(&map)
    }

    #[test]
    fn a_date_and_a_time_read_back_as_they_were_written() {
        for (letter, text) in [
            ('D', "2024-02-29"),
            ('D', "-0044-03-15"),
            ('T', "23:59:59"),
            ('T', "00:00:00.000"),
            ('T', "12:30:00.123456"),
            ('N', "2024-01-01 12:00:00.5"),
            ('U', "2024-01-01 12:00:00Z"),
        ] {
            assert_eq!(round(letter, text), Some(format!("~{letter}[{text}]")));
        }
        assert_eq!(round('N', "2024-01-01T00:00:00").as_deref(), Some("~N[2024-01-01 00:00:00]"));
    }

    #[test]
    fn what_no_calendar_has_is_no_date() {
        for (letter, text) in [
            ('D', "2023-02-29"),
            ('D', "2023-13-01"),
            ('D', "23-1-1"),
            ('T', "24:00:00"),
            ('T', "00:00:00."),
            ('T', "00:00:00.1234567"),
            ('U', "2024-01-01 12:00:00"),
            ('U', "2024-01-01 12:00:00+02:00"),
            ('X', "2024-01-01"),
        ] {
            assert_eq!(parse(letter, text), None, "{text}");
        }
    }

    #[test]
    fn a_struct_that_only_looks_like_a_date_is_shown_as_it_is() {
        let Some(Term::Map(date)) = parse('D', "2024-02-29") else { panic!("a date") };
        let changed = |key: &'static str, value: Term| {
            let pairs = date.iter().map(|(k, v)| (k.clone(), v.clone()));
            print(&pairs.chain([(Term::atom(key), value)]).collect::<Map>())
        };
        assert_eq!(changed("day", 28.into()).as_deref(), Some("~D[2024-02-28]"));
        assert_eq!(changed("day", 31.into()), None);
        assert_eq!(changed("day", "29".into()), None);
        assert_eq!(changed("more", 1.into()), None);
        assert_eq!(changed("calendar", Term::atom("Elixir.Calendar.Julian")), None);
    }
}
