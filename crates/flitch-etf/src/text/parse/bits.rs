//! Binaries and bit strings, put together segment by segment.

use num_bigint::BigInt;

use crate::{Binary, BitString, Term};

/// Bits in the order of the text.
#[derive(Default)]
pub(super) struct Bits {
    bytes: Vec<u8>,
    /// Bits in use in the last byte, 1 to 8, if there is one.
    last: u8,
}

/// The byte order of a segment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Big,
    Little,
}

impl Bits {
    /// The widest integer of a segment, in bits.
    pub(super) const MAX_SIZE: usize = 1 << 20;

    pub(super) fn push_bytes(&mut self, bytes: &[u8]) {
        if self.last.is_multiple_of(8) {
            self.bytes.extend_from_slice(bytes);
            self.last = 8;
        } else {
            bytes.iter().for_each(|byte| self.push_bits(*byte, 8));
        }
    }

    /// The lowest `count` bits of a byte.
    fn push_bits(&mut self, byte: u8, count: u8) {
        for at in (0..count.min(8)).rev() {
            if self.last.is_multiple_of(8) {
                self.bytes.push(0);
                self.last = 0;
            }
            if let Some(last) = self.bytes.last_mut() {
                *last |= ((byte >> at) & 1) << (7 - self.last);
            }
            self.last += 1;
        }
    }

    /// The lowest `size` bits of an integer.
    pub(super) fn push_integer(&mut self, value: &BigInt, size: usize, order: Order) {
        let fill = if value.sign() == num_bigint::Sign::Minus { 0xff } else { 0 };
        let mut digits = value.to_signed_bytes_le();
        digits.resize(size.div_ceil(8), fill);
        // The part of a byte is the highest one, which a little-endian segment ends with.
        let part = (size % 8) as u8;
        let whole = if part == 0 { digits.len() } else { digits.len() - 1 };
        let (whole, partial) = digits.split_at_checked(whole).unwrap_or((&digits, &[]));
        let partial = partial.first().copied().unwrap_or_default();
        match order {
            Order::Little => {
                self.push_bytes(whole);
                self.push_bits(partial, part);
            }
            Order::Big => {
                self.push_bits(partial, part);
                let reversed: Vec<u8> = whole.iter().rev().copied().collect();
                self.push_bytes(&reversed);
            }
        }
    }

    pub(super) fn push_term(&mut self, term: &Term) -> bool {
        match term {
            Term::Binary(bytes) => self.push_bytes(bytes),
            Term::BitString(bits) => {
                let (last, whole) = bits.bytes().split_last().unwrap_or((&0, &[]));
                self.push_bytes(whole);
                self.push_bits(last >> (8 - bits.last_bits()), bits.last_bits());
            }
            _ => return false,
        }
        true
    }

    pub(super) fn term(self) -> Term {
        let bytes = Binary::from(self.bytes);
        match BitString::new(bytes.clone(), self.last) {
            Some(bits) => bits.into(),
            None => bytes.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bits(parts: &[(i64, usize, Order)]) -> Term {
        let mut bits = Bits::default();
        for (value, size, order) in parts {
            bits.push_integer(&BigInt::from(*value), *size, *order);
        }
        bits.term()
    }

    #[test]
    fn segments_lie_side_by_side_as_the_bit_syntax_has_them() {
        use Order::{Big, Little};
        type Case<'a> = (&'a [(i64, usize, Order)], &'a [u8], u8);
        let cases: &[Case<'_>] = &[
            (&[(1, 8, Big), (258, 16, Big), (258, 16, Little)], &[1, 1, 2, 2, 1], 8),
            (&[(5, 3, Big)], &[0b1010_0000], 3),
            (&[(1, 4, Big), (2, 8, Big)], &[0x10, 0x20], 4),
            (&[(-1, 12, Big)], &[0xff, 0xf0], 4),
            (&[(0x123, 12, Big)], &[0x12, 0x30], 4),
            (&[(0x123, 12, Little)], &[0x23, 0x10], 4),
            (&[(300, 8, Big), (7, 0, Big)], &[44], 8),
        ];
        for (parts, bytes, last) in cases {
            let expected = match BitString::new(Binary::copy_from(bytes), *last) {
                Some(bits) => Term::from(bits),
                None => Binary::copy_from(bytes).into(),
            };
            assert_eq!(bits(parts), expected);
        }
        assert_eq!(bits(&[]), Term::from(""));
    }
}
