//! Equality, order and hashing, without recursion.
//!
//! Source: the reference manual's "Expressions", section "Term Comparisons".

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use num_bigint::BigInt;

use super::{Fun, Pid, Term};

impl PartialEq for Term {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Term {}

impl PartialOrd for Term {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Term {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(self, other, Numbers::Exact)
    }
}

impl Term {
    /// The order of Erlang's `<` and `==`, where `1` and `1.0` are the same.
    #[must_use]
    pub fn cmp_by_value(&self, other: &Self) -> Ordering {
        compare(self, other, Numbers::ByValue)
    }
}

/// Whether an integer may equal a float, or comes before all of them as among the keys of a map.
#[derive(Clone, Copy, PartialEq)]
enum Numbers {
    Exact,
    ByValue,
}

/// What is still to be compared, the next on top.
enum Work<'a> {
    /// The terms of two slices, one by one.
    Terms { a: &'a [Term], b: &'a [Term], numbers: Numbers },
    /// The answer, should everything above have been equal.
    Decided(Ordering),
}

fn compare(a: &Term, b: &Term, numbers: Numbers) -> Ordering {
    // Flat terms never touch the heap here.
    let mut work = Vec::new();
    let mut found = step(a, b, numbers, &mut work);
    while found.is_eq() {
        match work.pop() {
            None => break,
            Some(Work::Decided(order)) => found = order,
            Some(Work::Terms { a, b, numbers }) => {
                if let (Some((first_a, a)), Some((first_b, b))) = (a.split_first(), b.split_first())
                {
                    work.push(Work::Terms { a, b, numbers });
                    found = step(first_a, first_b, numbers, &mut work);
                }
            }
        }
    }
    found
}

/// Compares two terms, leaving what they contain as work.
fn step<'a>(a: &'a Term, b: &'a Term, numbers: Numbers, work: &mut Vec<Work<'a>>) -> Ordering {
    match (a, b) {
        (Term::Atom(a), Term::Atom(b)) => a.cmp(b),
        (Term::Reference(a), Term::Reference(b)) => {
            let node = (&a.node, a.creation).cmp(&(&b.node, b.creation));
            node.then_with(|| a.significant().count().cmp(&b.significant().count()))
                .then_with(|| a.significant().cmp(b.significant()))
        }
        (Term::Fun(a), Term::Fun(b)) => {
            work.push(Work::Terms { a: a.free(), b: b.free(), numbers });
            let key = |fun: &'a Fun| (fun.key(), pid_key(&fun.pid), fun.free().len());
            key(a).cmp(&key(b))
        }
        (Term::Export(a), Term::Export(b)) => a.cmp(b),
        (Term::Fun(_), Term::Export(_)) => Ordering::Less,
        (Term::Export(_), Term::Fun(_)) => Ordering::Greater,
        (Term::Port(a), Term::Port(b)) => {
            (&a.node, a.creation, a.id).cmp(&(&b.node, b.creation, b.id))
        }
        (Term::Pid(a), Term::Pid(b)) => pid_key(a).cmp(&pid_key(b)),
        (Term::Tuple(a), Term::Tuple(b)) => {
            work.push(Work::Terms { a, b, numbers });
            a.len().cmp(&b.len())
        }
        (Term::Record(a), Term::Record(b)) => {
            work.push(Work::Terms { a: a.values.as_slice(), b: b.values.as_slice(), numbers });
            a.definition.key().cmp(&b.definition.key())
        }
        (Term::Map(a), Term::Map(b)) => {
            work.push(Work::Terms { a: a.values(), b: b.values(), numbers });
            if !a.keys.is(&b.keys) {
                // All keys before all values, and told apart exactly whatever the comparison.
                work.push(Work::Terms { a: a.keys(), b: b.keys(), numbers: Numbers::Exact });
            }
            a.len().cmp(&b.len())
        }
        (Term::Binary(_) | Term::BitString(_), Term::Binary(_) | Term::BitString(_)) => {
            bits(a).cmp(&bits(b))
        }
        (Term::Local(a), Term::Local(b)) => a.cmp(b),
        (Term::List(a), Term::List(b)) if a.is(b) => Ordering::Equal,
        _ => match (rank(a), rank(b)) {
            (Rank::Number, Rank::Number) => number_order(a, b, numbers),
            (Rank::List, Rank::List) => {
                list_work(a, b, numbers, work);
                Ordering::Equal
            }
            (a, b) => a.cmp(&b),
        },
    }
}

/// The kinds of terms in their order.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Number,
    Atom,
    Reference,
    Fun,
    Port,
    Pid,
    Tuple,
    Record,
    Map,
    Nil,
    List,
    Bits,
    Local,
}

fn rank(term: &Term) -> Rank {
    match term {
        Term::Integer(_) | Term::BigInt(_) | Term::Float(_) => Rank::Number,
        Term::Atom(_) => Rank::Atom,
        Term::Reference(_) => Rank::Reference,
        Term::Fun(_) | Term::Export(_) => Rank::Fun,
        Term::Port(_) => Rank::Port,
        Term::Pid(_) => Rank::Pid,
        Term::Tuple(_) => Rank::Tuple,
        Term::Record(_) => Rank::Record,
        Term::Map(_) => Rank::Map,
        Term::List(list) if list.is_empty() => Rank::Nil,
        Term::List(_) | Term::ImproperList(_) => Rank::List,
        Term::Binary(_) | Term::BitString(_) => Rank::Bits,
        Term::Local(_) => Rank::Local,
    }
}

/// Leaves the work for two lists: element by element, then what stands behind the shorter one
/// against the rest of the longer one.
fn list_work<'a>(a: &'a Term, b: &'a Term, numbers: Numbers, work: &mut Vec<Work<'a>>) {
    let ((a, tail_a), (b, tail_b)) = (cells(a), cells(b));
    let behind = |tail: Option<&Term>| tail.map_or(Rank::Nil, rank);
    match (a.len().cmp(&b.len()), tail_a, tail_b) {
        (Ordering::Equal, Some(a), Some(b)) => {
            let (a, b) = (std::slice::from_ref(a), std::slice::from_ref(b));
            work.push(Work::Terms { a, b, numbers });
        }
        (Ordering::Equal, a, b) => work.push(Work::Decided(behind(a).cmp(&behind(b)))),
        (Ordering::Less, a, _) => work.push(Work::Decided(behind(a).cmp(&Rank::List))),
        (Ordering::Greater, _, b) => work.push(Work::Decided(Rank::List.cmp(&behind(b)))),
    }
    work.push(Work::Terms { a, b, numbers });
}

fn cells(list: &Term) -> (&[Term], Option<&Term>) {
    match list {
        Term::ImproperList(list) => (list.elements(), Some(list.tail())),
        list => (list.as_list().unwrap_or_default(), None),
    }
}

fn pid_key(pid: &Pid) -> (u32, u32, &str, u32) {
    (pid.serial, pid.id, pid.node.as_str(), pid.creation)
}

/// Bytes, then the bits in use in the last one: the shorter of two equal starts is the lesser.
fn bits(term: &Term) -> (&[u8], u8) {
    match term {
        Term::Binary(binary) => (binary, 8),
        Term::BitString(bits) => (bits.bytes(), bits.last_bits()),
        _ => (&[], 0),
    }
}

fn number_order(a: &Term, b: &Term, numbers: Numbers) -> Ordering {
    match (a, b) {
        (Term::Integer(a), Term::Integer(b)) => a.cmp(b),
        (Term::BigInt(a), Term::BigInt(b)) => a.cmp(b),
        (Term::Integer(_), Term::BigInt(b)) => BigInt::ZERO.cmp(b),
        (Term::BigInt(a), Term::Integer(_)) => a.as_ref().cmp(&BigInt::ZERO),
        (Term::Float(a), Term::Float(b)) => match numbers {
            Numbers::Exact => a.total_cmp(b),
            Numbers::ByValue => a.partial_cmp(b).unwrap_or(Ordering::Equal),
        },
        // Among keys, every integer comes before every float.
        (_, Term::Float(_)) if numbers == Numbers::Exact => Ordering::Less,
        (Term::Float(_), _) if numbers == Numbers::Exact => Ordering::Greater,
        (integer, Term::Float(b)) => integer_to_float(integer, *b),
        (Term::Float(a), integer) => integer_to_float(integer, *a).reverse(),
        _ => Ordering::Equal,
    }
}

/// An integer beside a float, without rounding either.
fn integer_to_float(integer: &Term, float: f64) -> Ordering {
    let Some((whole, fraction)) = whole_part(float) else {
        return if float > 0.0 { Ordering::Less } else { Ordering::Greater };
    };
    let order = match integer {
        Term::Integer(value) => BigInt::from(*value).cmp(&whole),
        Term::BigInt(value) => value.as_ref().cmp(&whole),
        _ => Ordering::Equal,
    };
    order.then(0.0.partial_cmp(&fraction).unwrap_or(Ordering::Equal))
}

/// A float as an integer and what is left of it. `None` where it is not finite.
fn whole_part(float: f64) -> Option<(BigInt, f64)> {
    if !float.is_finite() {
        return None;
    }
    let bits = float.abs().to_bits();
    let exponent = i32::try_from(bits >> 52).ok()? - 1075;
    let mantissa = (bits & ((1 << 52) - 1)) | (1 << 52);
    let whole = match exponent {
        0.. => BigInt::from(mantissa) << exponent,
        -52..0 => BigInt::from(mantissa >> -exponent),
        _ => BigInt::ZERO,
    };
    Some((if float < 0.0 { -whole } else { whole }, float.fract()))
}

impl Hash for Term {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let mut work: Vec<&[Term]> = Vec::new();
        hash_flat(self, state);
        work.extend(self.runs());
        while let Some(terms) = work.pop() {
            let Some((first, rest)) = terms.split_first() else { continue };
            work.push(rest);
            hash_flat(first, state);
            work.extend(first.runs().into_iter().filter(|terms| !terms.is_empty()));
        }
    }
}

/// Hashes what a term is, without its children.
fn hash_flat<H: Hasher>(term: &Term, state: &mut H) {
    std::mem::discriminant(term).hash(state);
    match term {
        Term::Integer(value) => value.hash(state),
        Term::BigInt(value) => value.hash(state),
        Term::Float(value) => value.to_bits().hash(state),
        Term::Atom(atom) => atom.hash(state),
        Term::Reference(reference) => reference.hash(state),
        Term::Fun(fun) => (fun.key(), &fun.pid).hash(state),
        Term::Export(export) => export.hash(state),
        Term::Port(port) => port.hash(state),
        Term::Pid(pid) => pid.hash(state),
        Term::Binary(_) | Term::BitString(_) => bits(term).hash(state),
        Term::Record(record) => record.definition.key().hash(state),
        Term::Local(local) => local.hash(state),
        Term::Tuple(_) | Term::Map(_) | Term::List(_) | Term::ImproperList(_) => {
            term.runs().map(<[Term]>::len).hash(state);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Atom, Binary, BitString, ImproperList, Map};

    #[test]
    fn one_equals_one_point_zero_by_value_and_not_exactly() {
        let (int, float) = (Term::from(1), Term::from(1.0));
        assert!(int != float && int < float);
        assert!(int.cmp_by_value(&float).is_eq());
        let wrapped = |term: Term| Term::tuple([Term::from(vec![term])]);
        assert!(wrapped(int.clone()).cmp_by_value(&wrapped(float.clone())).is_eq());
        let key = |term: Term| Term::from(Map::from_iter([(term, Term::from(0))]));
        assert!(key(int).cmp_by_value(&key(float)).is_lt(), "keys are told apart exactly");
    }

    #[test]
    fn integers_beyond_a_floats_precision_are_not_rounded() {
        let odd = (1i64 << 53) + 1;
        assert!(Term::from(odd).cmp_by_value(&Term::from((1i64 << 53) as f64)).is_gt());
        assert!(Term::from(i64::MAX).cmp_by_value(&Term::from(9.3e18)).is_lt());
        assert!(Term::from(u64::MAX).cmp_by_value(&Term::from(18446744073709551616.0)).is_lt());
        assert!(Term::from(-1).cmp_by_value(&Term::from(-0.5)).is_lt());
        assert!(Term::from(0).cmp_by_value(&Term::from(1e-300)).is_lt());
        assert!(Term::from(0).cmp_by_value(&Term::from(-0.0)).is_eq());
    }

    #[test]
    fn the_kinds_stand_in_erlangs_order() {
        let bits = BitString::new(Binary::copy_from(&[0x80]), 1).unwrap();
        let pid = Pid { node: Atom::OK, id: 1, serial: 0, creation: 1 };
        let ordered = [
            Term::from(i128::MIN),
            Term::from(-1),
            Term::from(u64::MAX),
            Term::from(-0.5),
            Term::from(2.5),
            Term::atom("a"),
            Term::atom("b"),
            Term::from(pid),
            Term::tuple([Term::from(9)]),
            Term::tuple([Term::from(1), Term::from(1)]),
            Term::from(Map::default()),
            Term::empty_list(),
            ImproperList::term(vec![1.into()], 2.into()),
            Term::from(vec![Term::from(1)]),
            Term::from(vec![Term::from(1), Term::from(0)]),
            Term::from(vec![Term::from(2)]),
            Term::from(""),
            Term::from(bits),
            Term::from(&*String::from_utf8(vec![0x7f; 2]).unwrap()),
        ];
        for (at, pair) in ordered.windows(2).enumerate() {
            // The last pair is in bit order: 0x80 is more than 0x7f.
            let expected = if at == ordered.len() - 2 { Ordering::Greater } else { Ordering::Less };
            assert_eq!(pair[0].cmp(&pair[1]), expected, "{at}");
        }
    }

    #[test]
    fn minus_zero_is_another_key_than_zero() {
        assert_ne!(Term::from(-0.0), Term::from(0.0));
        assert!(Term::from(-0.0).cmp_by_value(&Term::from(0.0)).is_eq());
    }
}
