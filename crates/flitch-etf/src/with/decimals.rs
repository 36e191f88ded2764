//! `%Decimal{}` of Elixir's library of that name: `sign * coef * 10 ^ exp`.

use num_bigint::BigInt;
use rust_decimal::Decimal;
use serde::de::{self, Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};

use super::{Carried, with_module};
use crate::Term;

/// The kind of [`decimal`].
pub struct Exact;

with_module! {
    /// A `rust_decimal::Decimal` as Elixir's `%Decimal{sign, coef, exp}`, or an `Option` or `Vec`
    /// of them.
    ///
    /// Written with the digits that it has: `2.50` is `coef: 250, exp: -2`. Read: what 96 bits and
    /// 28 places hold, without rounding; more, and `NaN` and the infinities, are refused.
    ///
    /// ```
    /// #[derive(serde::Serialize, serde::Deserialize)]
    /// struct Price {
    ///     #[serde(with = "flitch_etf::decimal")]
    ///     net: rust_decimal::Decimal,
    /// }
    ///
    /// let bytes = flitch_etf::to_vec(&Price { net: rust_decimal::Decimal::new(250, 2) })?;
    /// assert_eq!(flitch_etf::from_slice::<Price>(&bytes)?.net.to_string(), "2.50");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    decimal: Exact
}

#[derive(serde::Serialize)]
#[serde(rename = "Elixir.Decimal")]
struct Writing {
    coef: u128,
    exp: i64,
    sign: i8,
}

#[derive(serde::Deserialize)]
#[serde(rename = "Elixir.Decimal")]
struct Reading {
    coef: Coef,
    exp: i64,
    sign: i8,
}

/// The digits; they may be more than we hold.
struct Coef(u128);

impl<'de> Deserialize<'de> for Coef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let term = Term::deserialize(deserializer)?;
        match &term {
            Term::Integer(value) if *value >= 0 => Ok(Self(value.unsigned_abs().into())),
            Term::BigInt(value) if **value > BigInt::ZERO => {
                u128::try_from(&**value).map(Self).map_err(|_| too_large())
            }
            Term::Atom(atom) if *atom == *"NaN" => Err(no_decimal("not a number, NaN")),
            Term::Atom(atom) if *atom == *"inf" => Err(no_decimal("an infinity")),
            _ => Err(de::Error::custom(format_args!(
                "expected the digits of a decimal, found {}",
                term.kind()
            ))),
        }
    }
}

impl Carried<Exact> for Decimal {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let sign = if self.is_sign_negative() { -1 } else { 1 };
        let coef = self.mantissa().unsigned_abs();
        Writing { coef, exp: -i64::from(self.scale()), sign }.serialize(serializer)
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Reading { coef: Coef(coef), exp, sign } = Reading::deserialize(deserializer)?;
        let (coef, places) = fit(coef, exp).ok_or_else(too_large)?;
        let coef = i128::try_from(coef).map_err(|_| too_large::<D::Error>())?;
        let value = Decimal::try_from_i128_with_scale(coef, places).map_err(|_| too_large())?;
        match sign {
            1 => Ok(value),
            -1 => Ok(-value),
            _ => Err(no_decimal("of another sign than 1 and -1")),
        }
    }
}

/// The same number with 0 to 28 places, if that can be said without rounding.
fn fit(mut coef: u128, mut exp: i64) -> Option<(u128, u32)> {
    if coef == 0 {
        return Some((0, u32::try_from(exp.clamp(-28, 0).unsigned_abs()).ok()?));
    }
    if exp > 0 {
        let zeros = u32::try_from(exp).ok()?;
        return Some((coef.checked_mul(10u128.checked_pow(zeros)?)?, 0));
    }
    // At most 38 times: there are no more digits.
    while exp < -28 {
        if !coef.is_multiple_of(10) {
            return None;
        }
        coef /= 10;
        exp += 1;
    }
    Some((coef, u32::try_from(exp.unsigned_abs()).ok()?))
}

fn too_large<E: de::Error>() -> E {
    no_decimal("of more digits than 96 bits and 28 places hold")
}

fn no_decimal<E: de::Error>(what: &str) -> E {
    E::custom(format_args!("a decimal that is {what}"))
}
