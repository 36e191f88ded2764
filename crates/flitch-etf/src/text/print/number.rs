//! Numbers, as both languages write them.

use std::fmt;

use num_bigint::BigInt;

use crate::text::Syntax;

/// Bits from which on an integer is written in base 16. Decimal digits take time by the square
/// of their number, and a peer chooses the number.
const HEX_FROM: u64 = 1 << 16;

/// Writes a big integer.
pub(super) fn big(out: &mut impl fmt::Write, syntax: Syntax, value: &BigInt) -> fmt::Result {
    if value.bits() < HEX_FROM {
        return write!(out, "{value}");
    }
    let sign = if value.sign() == num_bigint::Sign::Minus { "-" } else { "" };
    let prefix = match syntax {
        Syntax::Elixir => "0x",
        Syntax::Erlang => "16#",
    };
    write!(out, "{sign}{prefix}{:X}", value.magnitude())
}

/// Writes a float as Elixir does: whole ones below 10^16 in full.
pub(super) fn elixir_float(out: &mut impl fmt::Write, value: f64) -> fmt::Result {
    if (1.0..1.0e16).contains(&value.abs()) && value.fract() == 0.0 {
        return write!(out, "{value:.1}");
    }
    short_float(out, value)
}

/// Writes a float as `float_to_list(F, [short])`: the fewest digits that read back as the same
/// float, with an exponent where that is shorter or the float is beyond 2^53.
pub(super) fn short_float(out: &mut impl fmt::Write, value: f64) -> fmt::Result {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if !value.is_finite() || value == 0.0 {
        return write!(out, "{value:?}");
    }
    let (digits, exponent) = shortest(value.abs());
    let count = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    if value < 0.0 {
        out.write_str("-")?;
    }
    // A single digit gets a ".0" in front of its exponent.
    let with_exponent = count + 1 + i32::from(count == 1) + exponent.to_string().len() as i32 + 1;
    let plain = match exponent {
        0.. => (exponent + 1).max(count) + 1 + i32::from(exponent + 1 >= count),
        _ => 1 - exponent + count,
    };
    if value.abs() < EXACT && plain <= with_exponent {
        return without_exponent(out, &digits, exponent);
    }
    let (first, rest) = digits.split_at_checked(1).unwrap_or((&digits, ""));
    let rest = if rest.is_empty() { "0" } else { rest };
    write!(out, "{first}.{rest}e{exponent}")
}

/// The digits with a point among them, before them or behind them.
fn without_exponent(out: &mut impl fmt::Write, digits: &str, exponent: i32) -> fmt::Result {
    let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or_default());
    let Ok(whole) = usize::try_from(exponent + 1) else {
        return write!(out, "0.{}{digits}", zeros(-exponent - 1));
    };
    match digits.split_at_checked(whole) {
        Some(("", fraction)) => write!(out, "0.{fraction}"),
        Some((whole, fraction)) if !fraction.is_empty() => write!(out, "{whole}.{fraction}"),
        _ => write!(out, "{digits}{}.0", zeros(exponent + 1 - digits.len() as i32)),
    }
}

/// The fewest digits that read back as the same positive float, and the exponent of the first.
fn shortest(value: f64) -> (String, i32) {
    let text = format!("{value:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent = exponent.parse().unwrap_or_default();
    let mut digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    // Where two are at the same distance, Rust takes the greater one and Erlang the even one.
    let last = digits.bytes().next_back().unwrap_or_default();
    if last % 2 == 1 {
        let mut even = digits.clone();
        even.pop();
        even.push(char::from(last - 1));
        let exact = format!("{value:.60e}").replace('.', "");
        let behind = exact.strip_prefix(&even).and_then(|rest| rest.split('e').next());
        let halfway = behind.is_some_and(|rest| rest.trim_end_matches('0') == "5");
        let places = exponent + 1 - digits.len() as i32;
        if halfway && format!("{even}e{places}").parse() == Ok(value) {
            digits = even;
        }
    }
    (digits, exponent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn short(value: f64) -> String {
        let mut out = String::new();
        short_float(&mut out, value).unwrap();
        out
    }

    #[test]
    fn floats_are_as_short_as_erlang_makes_them() {
        let cases = [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (-1.5, "-1.5"),
            (0.1, "0.1"),
            (0.001, "0.001"),
            (0.0001, "0.0001"),
            (0.00001, "1.0e-5"),
            (0.00012, "1.2e-4"),
            (100.0, "100.0"),
            (1000.0, "1.0e3"),
            (123_456.0, "123456.0"),
            (1.0e22, "1.0e22"),
            (123_456_789_012_345_680.0, "1.2345678901234568e17"),
            (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
            (5e-324, "5.0e-324"),
            (30_362_879_802_333.063, "30362879802333.062"),
            (0.1 + 0.2, "0.30000000000000004"),
            (f64::MAX, "1.7976931348623157e308"),
        ];
        for (value, expected) in cases {
            assert_eq!(short(value), expected);
        }
    }

    #[test]
    fn elixir_writes_whole_floats_in_full_up_to_ten_to_the_sixteenth() {
        for (value, expected) in
            [(1.0e15, "1000000000000000.0"), (1.0e16, "1.0e16"), (-1.0e5, "-100000.0")]
        {
            let mut out = String::new();
            elixir_float(&mut out, value).unwrap();
            assert_eq!(out, expected);
        }
    }

    #[test]
    fn a_huge_integer_prints_in_time_that_grows_with_its_length_only() {
        let huge = -(BigInt::from(1) << 8_000_000u32);
        let (mut elixir, mut erlang) = (String::new(), String::new());
        big(&mut elixir, Syntax::Elixir, &huge).unwrap();
        big(&mut erlang, Syntax::Erlang, &huge).unwrap();
        assert!(elixir.starts_with("-0x1000") && erlang.starts_with("-16#1000"));
        assert_eq!(elixir.len(), 8_000_000 / 4 + 4);
    }
}
