//! What other nodes got wrong about terms, one test an item. What is only ever hostile stands in
//! `hostile.rs`, with a table of it all.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod util;

use flitch_etf::{
    Atom, Binary, BitString, DecodeErrorKind as Kind, ImproperList, Map, Port, Reference, Term,
    decode, encode, from_slice, to_vec,
};
use num_bigint::BigInt;
use util::confined::{confined, nested, term};

/// The bytes of a term behind the version, after it came back as it went.
fn sent(value: impl Into<Term>) -> Vec<u8> {
    let value = value.into();
    let bytes = encode(&value).unwrap();
    assert_eq!(to_vec(&value).unwrap(), bytes);
    assert_eq!(from_slice::<Term>(&bytes).as_ref(), Ok(&value));
    assert_eq!(decode(&bytes.clone().into()), Ok(value));
    bytes[1..].to_vec()
}

fn list(elements: impl IntoIterator<Item = i64>) -> Term {
    elements.into_iter().map(Term::from).collect()
}

#[test]
fn a_list_with_an_integer_that_is_no_byte_is_not_sent_as_a_string() {
    confined(128, || {
        assert_eq!(sent(list([0, 255])), [107, 0, 2, 0, 255]);
        let head = [108, 0, 0, 0, 2];
        assert_eq!(
            sent(list([-1, 2])),
            [&head[..], &[98, 255, 255, 255, 255, 97, 2, 106]].concat()
        );
        assert_eq!(sent(list([2, 256])), [&head[..], &[97, 2, 98, 0, 0, 1, 0, 106]].concat());
        let mixed = Term::from(vec![Term::from(1), Term::from(1.0)]);
        assert_eq!(sent(mixed)[..7], [108, 0, 0, 0, 2, 97, 1]);
        let improper = ImproperList::term(vec![1.into(), 2.into()], 3.into());
        assert_eq!(sent(improper), [&head[..], &[97, 1, 97, 2, 97, 3]].concat());
    });
}

#[test]
fn a_list_of_more_bytes_than_a_string_holds_is_sent_whole() {
    confined(128, || {
        for len in [1, 15, 16, 17, 65_534, 65_535] {
            let bytes = sent(list(vec![7; len]));
            assert_eq!((bytes[0], bytes.len()), (107, len + 3), "{len} bytes");
            // Held as the bytes that it came as, it is still that list, and a part of a longer one.
            let held = term(&bytes).unwrap();
            assert_eq!(held, list(vec![7; len]));
            let longer = [&[108, 0, 0, 0, 1, 97, 8][..], &bytes].concat();
            let expected = list([vec![8], vec![7; len]].concat());
            assert_eq!(term(&longer).as_ref(), Ok(&expected));
            assert_eq!(sent(expected)[0], if len < 65_535 { 107 } else { 108 });
        }
        for len in [65_536, 70_000] {
            let bytes = sent(list(vec![7; len]));
            assert_eq!((bytes[0], bytes.len()), (108, 2 * len + 6), "{len} bytes");
        }
    });
}

#[test]
fn integers_keep_their_value_on_both_sides_of_every_size() {
    confined(128, || {
        let big = |bits: u32| BigInt::from(1) << bits;
        for bits in [7, 8, 15, 16, 27, 28, 31, 32, 59, 60, 63, 64, 127, 128, 2039, 2040, 2048] {
            for near in [-2, -1, 0, 1] {
                let value: BigInt = big(bits) + near;
                for value in [value.clone(), -value] {
                    let bytes = sent(value.clone());
                    let tag = match value.bits() {
                        _ if (0..=255).any(|byte| value == byte.into()) => 97,
                        _ if i32::try_from(&value).is_ok() => 98,
                        0..=2040 => 110,
                        _ => 111,
                    };
                    assert_eq!(bytes[0], tag, "{value}");
                }
            }
        }
        assert_eq!(from_slice::<u64>(&to_vec(&u64::MAX).unwrap()), Ok(u64::MAX));
        assert_eq!(sent(u64::MAX), [110, 8, 0, 255, 255, 255, 255, 255, 255, 255, 255]);
        assert_eq!(sent(i64::MIN), [110, 8, 1, 0, 0, 0, 0, 0, 0, 0, 128]);
    });
}

#[test]
fn one_and_one_point_zero_are_two_keys_of_a_map() {
    confined(128, || {
        let one = [97, 1];
        let float = [&[70][..], &1.0f64.to_be_bytes()].concat();
        let both = |a: &[u8], b: &[u8]| {
            term(&[&[116, 0, 0, 0, 2], a, &[97, 10], b, &[97, 20]].concat()).unwrap()
        };
        let map = both(&one, &float);
        let find = |map: &Term, key: Term| map.as_map().unwrap().get(&key).cloned();
        assert_eq!(find(&map, 1.into()), Some(10.into()));
        assert_eq!(find(&map, 1.0.into()), Some(20.into()));
        assert_ne!(map, both(&float, &one));
        // As do 0.0 and -0.0 since OTP 27; before, the two were one key, and no node sends both.
        let zeros = Map::from_iter([(Term::from(0.0), 1.into()), (Term::from(-0.0), 2.into())]);
        assert_eq!(zeros.len(), 2);
        sent(zeros);
        sent(map);
    });
}

#[test]
fn minus_zero_keeps_its_sign() {
    confined(128, || {
        assert_eq!(sent(-0.0), [70, 128, 0, 0, 0, 0, 0, 0, 0]);
        let text = [&b"-0.00000000000000000000e+00"[..], &[0; 4]].concat();
        let Ok(Term::Float(zero)) = term(&[&[99], &text[..]].concat()) else { panic!("no float") };
        assert!(zero == 0.0 && zero.is_sign_negative());
    });
}

#[test]
fn bits_with_any_tail_come_back_and_none_without_bits_exist() {
    confined(128, || {
        for last in 1..=7u8 {
            let bits = BitString::new(Binary::copy_from(&[0xab, 0xff]), last).unwrap();
            assert_eq!(bits.bit_len(), 8 + u64::from(last));
            let mask = 0xff << (8 - last);
            assert_eq!(sent(bits), [77, 0, 0, 0, 2, last, 0xab, mask]);
        }
        assert!(BitString::new(Binary::copy_from(&[]), 1).is_none(), "what broke unpatched nodes");
        assert!(BitString::new(Binary::copy_from(&[]), 0).is_none());
        assert_eq!(sent(Binary::copy_from(&[])), [109, 0, 0, 0, 0], "no bits are a binary");
    });
}

#[test]
fn atoms_of_255_characters_are_up_to_1020_bytes() {
    confined(128, || {
        for (char, tag, len) in
            [("x", 119, 255), ("ß", 118, 510), ("日", 118, 765), ("😀", 118, 1020)]
        {
            let bytes = sent(Atom::new(&char.repeat(255)).unwrap());
            let head = if tag == 119 { 2 } else { 3 };
            assert_eq!((bytes[0], bytes.len()), (tag, head + len), "{char}");
            assert!(Atom::new(&char.repeat(256)).is_err(), "{char}");
        }
        // 127 and 128 of two bytes each: one fits the short form.
        assert_eq!(sent(Atom::new(&"ß".repeat(127)).unwrap())[..2], [119, 254]);
        assert_eq!(sent(Atom::new(&"ß".repeat(128)).unwrap())[..3], [118, 1, 0]);
    });
}

#[test]
fn atoms_in_latin_1_are_those_in_utf_8() {
    confined(128, || {
        let all: Vec<u8> = (1..=255).collect();
        let text: String = all.iter().copied().map(char::from).collect();
        let atom = Term::from(Atom::new(&text).unwrap());
        assert_eq!(term(&[&[115, 255], &all[..]].concat()), Ok(atom.clone()));
        assert_eq!(term(&[&[100, 0, 255], &all[..]].concat()), Ok(atom.clone()));
        assert_eq!(sent(atom)[0], 118);
    });
}

#[test]
fn ports_and_references_of_every_width_come_back() {
    confined(128, || {
        let node = Atom::from_static("a@h");
        for (id, tag) in [(0, 89), ((1 << 28) - 1, 89), (1 << 28, 120), (u64::MAX, 120)] {
            let port = Port { node: node.clone(), id, creation: u32::MAX };
            assert_eq!(sent(port)[0], tag, "{id}");
        }
        for words in 1..=5 {
            let reference = Reference::new(node.clone(), 7, &vec![u32::MAX; words]).unwrap();
            let bytes = sent(reference);
            assert_eq!((bytes[0], bytes.len()), (90, 12 + 4 * words), "{words} words");
        }
        assert!(Reference::new(node.clone(), 7, &[]).is_none());
        assert!(Reference::new(node, 7, &[1; 6]).is_none());
    });
}

#[test]
fn a_long_list_is_the_same_list_wherever_a_container_or_a_tail_stands_in_it() {
    // From 32 elements on a list is read in one go as long as its elements hold no others.
    confined(256, || {
        for len in [30, 31, 32, 33, 100] {
            for at in 0..=len {
                let elements: Vec<Term> = (0..len as i64).map(|n| (n * 100).into()).collect();
                let mut holding = elements.clone();
                holding.insert(at, Term::tuple([Term::from(elements.clone()), "x".into()]));
                sent(holding.clone());
                sent(ImproperList::term(holding, Atom::OK.into()));
                sent(Term::tuple([ImproperList::term(elements, 1.into()), 2.into()]));
            }
        }
    });
}

#[test]
fn nine_thousand_improper_lists_inside_each_other_come_back() {
    confined(256, || {
        let bytes = nested(9_000, &[108, 0, 0, 0, 1], &[97, 7]);
        let deep = decode(&bytes).unwrap();
        assert_eq!(encode(&deep).unwrap(), bytes);
        assert_eq!(decode(&bytes).as_ref(), Ok(&deep));
    });
}

#[test]
fn a_local_term_is_opaque_and_is_taken_and_sent_only_alone() {
    confined(128, || {
        for behind in [&[][..], &[1, 2, 3], &[1, 2, 3, 4, 97, 1], &[0; 1 << 16]] {
            let bytes = [&[131, 121], behind].concat();
            let local = decode(&bytes.clone().into()).unwrap();
            let Term::Local(opaque) = &local else { panic!("{local:?} is not local") };
            assert_eq!(opaque.bytes(), behind);
            assert_eq!(encode(&local).unwrap(), bytes);
            assert!(encode(&Term::from(vec![local.clone()])).is_err());
            assert!(to_vec(&(1, local)).is_err());
        }
        let refused = Err(Kind::Unsupported(flitch_etf::Tag::LOCAL_EXT));
        for head in [&[104, 1][..], &[108, 0, 0, 0, 1], &[116, 0, 0, 0, 1], &[104, 2, 106]] {
            assert_eq!(term(&[head, &[121, 1, 2, 3, 4, 106, 106]].concat()), refused);
        }
    });
}
