//! Numbers in a text.

use num_bigint::BigInt;

use super::cursor::{Cursor, Parsed};
use crate::Term;

/// A number without its sign, in base 10 or with a fraction. Erlang's `16#ff` is left to the
/// caller.
pub(super) fn decimal(cursor: &mut Cursor<'_>, negative: bool) -> Parsed<Term> {
    let start = cursor.at();
    let whole = cursor.take_while(is_digit);
    let fraction = fraction(cursor.rest());
    if fraction == 0 {
        return integer(cursor, start, whole, 10, negative);
    }
    cursor.go_to(cursor.at() + fraction);
    let text = cursor.since(start).replace('_', "");
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(Term::from(if negative { -value } else { value })),
        _ => Err(cursor.error_at(start, format!("the float {text} is too large"))),
    }
}

/// The length of `.5` or `.5e-10` at the start of a text, 0 if there is none.
fn fraction(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits = |from: usize| {
        let rest = bytes.get(from..).unwrap_or_default();
        match rest.first() {
            Some(first) if first.is_ascii_digit() => {
                rest.iter().take_while(|byte| is_digit(char::from(**byte))).count()
            }
            _ => 0,
        }
    };
    let behind_point = match bytes.first() {
        Some(b'.') => digits(1),
        _ => 0,
    };
    if behind_point == 0 {
        return 0;
    }
    let mantissa = 1 + behind_point;
    let sign = match (bytes.get(mantissa), bytes.get(mantissa + 1)) {
        (Some(b'e' | b'E'), Some(b'+' | b'-')) => 1,
        (Some(b'e' | b'E'), _) => 0,
        _ => return mantissa,
    };
    match digits(mantissa + 1 + sign) {
        0 => mantissa,
        exponent => mantissa + 1 + sign + exponent,
    }
}

fn is_digit(char: char) -> bool {
    char.is_ascii_digit() || char == '_'
}

/// The digits behind a base, such as `0x` or `16#`.
pub(super) fn based(cursor: &mut Cursor<'_>, base: u32, negative: bool) -> Parsed<Term> {
    let start = cursor.at();
    let digits = cursor.take_while(|char| char.is_digit(base) || char == '_');
    if cursor.peek().is_some_and(char::is_alphanumeric) {
        return Err(cursor.unexpected(&format!("a digit of base {base}")));
    }
    integer(cursor, start, digits, base, negative)
}

fn integer(
    cursor: &Cursor<'_>,
    start: usize,
    digits: &str,
    base: u32,
    negative: bool,
) -> Parsed<Term> {
    let misplaced = digits.starts_with('_') || digits.ends_with('_') || digits.contains("__");
    let digits = digits.replace('_', "");
    match BigInt::parse_bytes(digits.as_bytes(), base) {
        Some(value) if !misplaced => Ok(Term::from(if negative { -value } else { value })),
        _ => Err(cursor.error_at(start, "a number needs digits, and _ only between them")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Parsed<(Term, String)> {
        let mut cursor = Cursor::new(text);
        decimal(&mut cursor, false).map(|term| (term, cursor.rest().to_owned()))
    }

    #[test]
    fn a_float_ends_where_its_last_digit_stands() {
        for (text, value, rest) in [
            ("1.5", Term::from(1.5), ""),
            ("1.5e3", Term::from(1500.0), ""),
            ("1.5E-3x", Term::from(0.0015), "x"),
            ("1.5e", Term::from(1.5), "e"),
            ("1.5e+", Term::from(1.5), "e+"),
            ("1..5", Term::from(1), "..5"),
            ("1.", Term::from(1), "."),
            ("1.e5", Term::from(1), ".e5"),
            ("1e5", Term::from(1), "e5"),
            ("1_000.000_1,", Term::from(1000.0001), ","),
            ("123456789012345678901", Term::from(123_456_789_012_345_678_901_i128), ""),
        ] {
            assert_eq!(read(text).unwrap(), (value, rest.to_owned()), "{text}");
        }
        for text in ["", "_1", "1_", "1__0", "1.0e999"] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_digit_that_the_base_has_not_is_refused_and_not_the_end() {
        for (text, base) in [("12", 2), ("fg", 16), ("", 16), ("_f", 16), ("8", 8)] {
            assert!(based(&mut Cursor::new(text), base, false).is_err(), "{text}");
        }
        assert_eq!(based(&mut Cursor::new("zZ"), 36, true).unwrap(), Term::from(-1295));
    }
}
