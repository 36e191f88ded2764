//! What grows: native records that lie, sums of honest counts, memory, and the keys that maps of
//! one message share. Each in a process of its own, as in `hostile.rs`, which lists them all.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod util;

use bytes::Bytes;
use flitch_etf::{
    Atom, AtomTable, DecodeErrorKind as Kind, Limits, Map, Reader, Tag, Term, decode, decode_with,
    encode, from_slice,
};
use util::confined::{MIB, confined, nested, skip, term};

const U32_MAX: [u8; 4] = [255; 4];

fn atom(text: &str) -> Vec<u8> {
    [&[119, text.len() as u8], text.as_bytes()].concat()
}

/// `m:n` up to its values.
fn record(count: [u8; 4], flags: u8, fields: &[&str]) -> Vec<u8> {
    let names: Vec<u8> = ["m", "n"].iter().chain(fields).flat_map(|name| atom(name)).collect();
    [&[67], &count[..], &[flags], &names].concat()
}

/// A map of these atoms, each with the same value.
fn map(keys: &[String], value: &[u8]) -> Vec<u8> {
    let pairs = keys.iter().flat_map(|key| [atom(key), value.to_vec()].concat());
    [116].into_iter().chain((keys.len() as u32).to_be_bytes()).chain(pairs).collect()
}

fn list(elements: &[Vec<u8>]) -> Bytes {
    let head = [&[131, 108], &(elements.len() as u32).to_be_bytes()[..]].concat();
    [head, elements.concat(), vec![106]].concat().into()
}

fn keys(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|at| format!("{prefix}{at}")).collect()
}

#[test]
fn a_record_of_four_billion_fields_in_a_few_bytes() {
    confined(128, || {
        let refused = Err(Kind::Count { count: u32::MAX as usize, left: 6 });
        let bytes = record(U32_MAX, 1, &[]);
        assert_eq!(term(&bytes), refused);
        assert_eq!(skip(&bytes).map(|_| Term::from(0)), refused);
        assert!(from_slice::<Term>(&[&[131], &bytes[..]].concat()).is_err());
    });
}

#[test]
fn a_record_with_fewer_or_more_fields_than_it_says() {
    confined(128, || {
        for (count, sound) in [(0, false), (1, false), (2, true), (3, false), (4, false)] {
            let bytes = [record([0, 0, 0, count], 1, &["x", "y"]), vec![97, 1, 97, 2]].concat();
            assert_eq!(term(&bytes).is_ok(), sound, "{count} fields");
        }
        // A value where the name of a field belongs.
        let bytes = [record([0, 0, 0, 1], 1, &[]), vec![97, 1, 97, 2]].concat();
        let refused = Kind::Unexpected { expected: "an atom", found: Tag::SMALL_INTEGER_EXT };
        assert_eq!(term(&bytes), Err(refused.clone()));
        assert_eq!(skip(&bytes), Err(refused));
    });
}

#[test]
fn a_record_with_a_field_twice_or_with_flags_that_no_node_takes() {
    confined(128, || {
        let twice = [record([0, 0, 0, 3], 1, &["x", "y", "x"]), [106; 3].to_vec()].concat();
        assert_eq!(term(&twice), Err(Kind::Invalid("a record with a field twice")));
        for flags in 0..=255 {
            let bytes = [record([0, 0, 0, 1], flags, &["x"]), vec![106]].concat();
            assert_eq!(term(&bytes).is_ok(), flags < 2, "flags {flags}");
        }
    });
}

#[test]
fn a_record_of_the_same_name_has_its_own_fields_and_flags() {
    // Those of one list share their definition: only if it is the same.
    confined(128, || {
        let one =
            |flags, fields: &[&str]| [record([0, 0, 0, 2], flags, fields), vec![97, 1, 97, 2]];
        let kinds = [one(1, &["x", "y"]), one(1, &["y", "x"]), one(0, &["x", "y"])];
        let kinds = kinds.map(|parts| parts.concat());
        let mixed: Vec<_> = [0, 0, 1, 1, 2, 0, 2, 1].map(|at: usize| kinds[at].clone()).into();
        let read = decode(&list(&mixed)).unwrap();
        for (bytes, read) in mixed.iter().zip(read.as_list().unwrap()) {
            assert_eq!(term(bytes).as_ref(), Ok(read));
        }
        assert_eq!(encode(&read).unwrap(), list(&mixed));
    });
}

#[test]
fn half_a_million_records_inside_each_other() {
    confined(1024, || {
        let bytes = nested(500_000, &record([0, 0, 0, 1], 1, &["x"]), &[]);
        let limit = Limits::DEFAULT.depth;
        let refused = Kind::Limit { what: "levels", limit };
        assert_eq!(decode(&bytes).unwrap_err().kind, refused);
        assert_eq!(skip(&bytes[1..]), Ok(bytes.len() - 1));
        assert!(from_slice::<serde::de::IgnoredAny>(&bytes).is_ok());
        let limits = Limits { depth: usize::MAX, ..Limits::DEFAULT };
        let read = || decode_with(&bytes, limits).unwrap();
        let (a, b) = (read(), read());
        assert!(a == b && a.cmp_by_value(&b).is_eq());
        assert_eq!(std::collections::HashSet::from([a.clone(), b]).len(), 1);
        assert_eq!(encode(&a).unwrap(), bytes);
    });
}

#[test]
fn containers_that_each_announce_as_many_elements_as_bytes_are_left() {
    // Each count alone is honest. Memory taken for each would be the square of the message.
    confined(128, || {
        let elements = 1 << 20;
        for (tag, each) in [(105, 1), (108, 1), (116, 2)] {
            let mut bytes = vec![131];
            for level in 0..5_000u32 {
                bytes.push(tag);
                bytes.extend(((elements - level * 32) / each).to_be_bytes());
            }
            bytes.resize(elements as usize, 106);
            let refused = decode(&bytes.clone().into()).unwrap_err();
            let counted = matches!(refused.kind, Kind::Count { .. });
            assert!(counted && refused.offset < 16, "{}: {refused}", Tag(tag));
            assert!(skip(&bytes[1..]).is_err(), "{}", Tag(tag));
        }
    });
}

#[test]
fn memory_is_bounded_whatever_a_message_becomes() {
    confined(128, || {
        let small = Limits { memory: 1 << 16, ..Limits::DEFAULT };
        let refused = Kind::Limit { what: "bytes of memory", limit: small.memory };
        let copied = |bytes: &[u8]| {
            let mut reader = Reader::new(bytes).with_limits(small);
            reader.version().unwrap();
            reader.term().map_err(|error| error.kind)
        };
        let some = |count: usize, element: &[u8]| list(&vec![element.to_vec(); count]);
        let long = atom(&"x".repeat(200));
        let pid = [&[88][..], &atom("a@h"), &[0; 12]].concat();
        let string = [&[107, 4, 0][..], &[7; 1024]].concat();
        let big = [&[110, 200, 0][..], &[7; 200]].concat();
        for (what, bytes, sound) in [
            ("empty tuples", some(1_900, &[104, 0]), true),
            ("empty tuples", some(2_100, &[104, 0]), false),
            ("long atoms", some(200, &long), true),
            ("long atoms", some(400, &long), false),
            ("pids", some(500, &pid), true),
            ("pids", some(700, &pid), false),
            ("charlists, which may be asked for as terms", some(1, &string), true),
            ("charlists, which may be asked for as terms", some(2, &string), false),
            ("integers", some(200, &big), true),
            ("integers", some(300, &big), false),
        ] {
            let read = decode_with(&bytes, small).map_err(|error| error.kind);
            assert_eq!(read.is_ok(), sound, "{what}");
            assert!(sound || read == Err(refused.clone()), "{what}: {read:?}");
            assert_eq!(copied(&bytes).is_ok(), sound, "{what}");
        }
        // A slice of the message takes no memory, and a copy of it does.
        let binary = [&[131, 109, 0, 2, 0, 0][..], &[7; 1 << 17]].concat();
        assert!(decode_with(&binary.clone().into(), small).is_ok());
        assert_eq!(copied(&binary), Err(refused));
    });
}

#[test]
fn a_limit_of_terms_is_met_at_the_same_term_however_deep_the_message_is() {
    confined(128, || {
        // Lists in lists, one of them with a tail: each element and that tail is a term.
        let inner = [108, 0, 0, 0, 2, 106, 108, 0, 0, 0, 1, 106, 106, 108, 0, 0, 0, 1, 106, 104, 0];
        for levels in [0, 1, 7, 8, 9, 20] {
            let bytes: Bytes = [&[131], &[104, 1].repeat(levels)[..], &inner].concat().into();
            let with = |terms| decode_with(&bytes, Limits { terms, ..Limits::DEFAULT });
            assert!(with(levels + 6).is_ok(), "{levels} levels");
            let refused = Kind::Limit { what: "terms", limit: levels + 5 };
            assert_eq!(with(levels + 5).unwrap_err().kind, refused, "{levels} levels");
        }
    });
}

#[test]
fn a_binary_of_four_billion_bytes_in_a_few_is_short_wherever_it_is_read_from() {
    confined(128, || {
        let bytes = [&[131, 109][..], &U32_MAX, &[7; 100]].concat();
        let mut reader = Reader::new(&bytes);
        reader.version().unwrap();
        let refused = reader.term().unwrap_err();
        assert!(matches!(refused.kind, Kind::Short { left: 100, .. }), "{refused}");
        assert_eq!(decode(&bytes.into()), Err(refused));
    });
}

#[test]
fn the_default_limits_hold_memory_for_the_worst_message_of_16_mib() {
    // Terms of one byte each, and what takes most for its bytes: pids that name a cached node.
    confined(1024, || {
        for element in [&[106][..], &[104, 0], &[107, 0, 1, 7]] {
            let count = 16 * MIB / element.len();
            let head = [&[131, 108], &(count as u32).to_be_bytes()[..]].concat();
            let bytes = [head, element.repeat(count), vec![106]].concat();
            let read = decode(&bytes.into());
            assert!(read.is_ok() || matches!(read.unwrap_err().kind, Kind::Limit { .. }));
        }
        struct Node(Atom);
        impl AtomTable for Node {
            fn atom(&self, _: u8) -> Option<&Atom> {
                Some(&self.0)
            }
        }
        let node = Node(Atom::new(&"n".repeat(255)).unwrap());
        let pid = [&[88, 82, 0][..], &[0; 12]].concat();
        let count = MIB;
        let head = [&[108], &(count as u32).to_be_bytes()[..]].concat();
        let bytes = Bytes::from([head, pid.repeat(count), vec![106]].concat());
        let read = Reader::of_shared(&bytes).with_atoms(&node).term();
        assert_eq!(read.unwrap().as_list().map(<[_]>::len), Some(count));
    });
}

#[test]
fn maps_inside_a_map_do_not_take_the_keys_that_it_is_being_read_by() {
    confined(128, || {
        // More sets of keys inside than are remembered, between two keys of a map that has those
        // of an earlier one. The last key is the same, or another.
        for last in ["outer9", "other"] {
            for sets in 0..12 {
                let mut outer = keys("outer", 10);
                let one = [97, 1];
                let first = map(&outer, &one);
                outer[9] = last.into();
                let mut second = map(&outer[..5], &one);
                second[4] = 10;
                second.truncate(second.len() - 2);
                let inner: Vec<_> = (0..sets).map(|set| map(&keys("k", set + 1), &one)).collect();
                second.extend(&list(&inner)[1..]);
                outer[5..].iter().for_each(|key| second.extend([atom(key), one.to_vec()].concat()));
                let bytes = list(&[first, second.clone(), second.clone()]);
                let read = decode(&bytes).unwrap();
                let alone = term(&second).unwrap();
                assert_eq!(read.as_list().unwrap()[1..], [alone.clone(), alone], "{sets} sets");
                let names: Vec<_> = read.as_list().unwrap()[2].as_map().unwrap().keys().to_vec();
                let mut expected: Vec<_> =
                    outer.iter().map(|key| Term::from(Atom::new(key).unwrap())).collect();
                expected.sort();
                assert_eq!(names, expected, "{sets} sets");
                assert_eq!(decode(&encode(&read).unwrap().into()), Ok(read));
            }
        }
    });
}

#[test]
fn keys_that_are_nearly_those_of_an_earlier_map() {
    confined(128, || {
        let one = [97, 1];
        let base = keys("k", 8);
        let mut sets = vec![base.clone(), base.iter().rev().cloned().collect()];
        for at in 0..8 {
            let mut other = base.clone();
            other[at] = "z".into();
            sets.push(other);
            let mut swapped = base.clone();
            swapped.swap(at, (at + 3) % 8);
            sets.push(swapped);
            sets.push(base[..at].to_vec());
        }
        let maps: Vec<_> = (0..2_000).map(|at| map(&sets[at * at % sets.len()], &one)).collect();
        let read = decode(&list(&maps)).unwrap();
        for (bytes, read) in maps.iter().zip(read.as_list().unwrap()) {
            assert_eq!(term(bytes).as_ref(), Ok(read));
        }
        // A key twice, the second time where an earlier map has another.
        for at in 1..8 {
            let mut twice = base.clone();
            twice[at] = "k0".into();
            let error = decode(&list(&[map(&base, &one), map(&twice, &one)])).unwrap_err();
            assert_eq!(error.kind, Kind::Invalid("a map with a key twice"));
        }
    });
}

#[test]
fn a_hundred_thousand_maps_that_each_have_other_keys_than_the_one_before() {
    // Alike but for the last key: each is compared with all that is remembered, and given up late.
    confined(1024, || {
        let sets: Vec<_> = (0..7)
            .map(|set| [keys("a-key-of-many-", 30), vec![format!("last{set}")]].concat())
            .map(|keys| map(&keys, &[106]))
            .collect();
        let maps: Vec<_> = (0..100_000).map(|at| sets[at % sets.len()].clone()).collect();
        let limits = Limits { terms: 1 << 23, ..Limits::DEFAULT };
        let read = decode_with(&list(&maps), limits).unwrap();
        let last = read.as_list().unwrap()[99_999].as_map().map(Map::len);
        assert_eq!(last, Some(31));
    });
}
