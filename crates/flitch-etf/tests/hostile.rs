//! What is thrown at a codec, each in a process of its own with little memory and on a thread
//! with little stack: an allocation or a recursion that the sender chooses ends that process.
//!
//! Where each thing that other nodes got wrong, or were brought down by, is tested (a name alone
//! stands in this file):
//!
//! | what | test |
//! |---|---|
//! | a BIT_BINARY of no bytes, sent or taken (CVE-2026-54890) | `bits_without_bytes_or_with_none_or_more_than_eight_in_the_last`, `bits_that_fill_their_bytes_are_sent_as_a_binary`, `pitfalls::bits_with_any_tail_come_back_and_none_without_bits_exist` |
//! | an arity over 2^24-1 (CVE-2026-55737) | `an_arity_that_unpatched_beams_do_not_survive_is_neither_taken_nor_sent` |
//! | funs and other opaque terms, byte for byte | `golden::a_fun_is_read_field_by_field_and_goes_back_as_it_came`, `golden::a_local_term_goes_back_as_it_came_and_never_into_a_message` |
//! | `[-1, 2]` is no STRING_EXT | `pitfalls::a_list_with_an_integer_that_is_no_byte_is_not_sent_as_a_string` |
//! | byte lists over 65,535 | `pitfalls::a_list_of_more_bytes_than_a_string_holds_is_sent_whole` |
//! | integers outside i32, u64, bigs | `pitfalls::integers_keep_their_value_on_both_sides_of_every_size` |
//! | `1` and `1.0` as keys | `pitfalls::one_and_one_point_zero_are_two_keys_of_a_map` |
//! | -0.0 | `pitfalls::minus_zero_keeps_its_sign` |
//! | Latin-1 ATOM_EXT | `pitfalls::atoms_in_latin_1_are_those_in_utf_8` |
//! | bit strings with any tail | `pitfalls::bits_with_any_tail_come_back_and_none_without_bits_exist` |
//! | FLOAT_EXT as text | `golden::the_forms_of_older_nodes_are_read` |
//! | LOCAL_EXT and its hash | `pitfalls::a_local_term_is_opaque_and_is_taken_and_sent_only_alone` |
//! | RECORD_EXT | `golden::what_otp_29_wrote_is_read_as_it_was_meant_and_written_the_same_native_records_too`, `limits::a_record_*` |
//! | NEW_FUN_EXT, EXPORT_EXT | `golden::*`, `a_fun_that_lies_about_its_size_ends_in_one_place_for_all` |
//! | V4_PORT_EXT, references of up to five words | `pitfalls::ports_and_references_of_every_width_come_back`, `references_of_no_or_six_words` |
//! | COMPRESSED that lies, inflates without end, or is nested | `compressed_data_that_lies_about_its_size`, `a_small_bomb_that_inflates_to_more_than_the_limit`, `compressed_data_inside_compressed_data_or_inside_a_term` |
//! | improper and deep lists | `pitfalls::nine_thousand_improper_lists_inside_each_other_come_back`, `a_list_of_a_million_cells_that_are_each_the_tail_of_the_one_before` |
//! | atoms of 255 characters and 1,020 bytes | `pitfalls::atoms_of_255_characters_are_up_to_1020_bytes`, `atoms_that_are_no_atoms` |
//! | a depth of 1,000,000 in 2 MB | `a_million_tuples_inside_each_other` and its like, `limits::half_a_million_records_inside_each_other` |
//! | a count of 2^32-1 in six bytes, a big of as many in seven | `a_count_of_four_billion_in_six_bytes`, `an_integer_of_four_billion_bytes`, `limits::a_record_of_four_billion_fields_in_a_few_bytes`, `limits::a_binary_of_four_billion_bytes_*` |
//! | honest counts whose sum is not | `limits::containers_that_each_announce_as_many_elements_as_bytes_are_left` |
//! | a num_free that asks for 300 GB | `free_variables_for_three_hundred_gigabytes` |
//! | a byte that becomes 32, or 300 | `more_terms_than_the_limit_whatever_they_come_as`, `limits::a_limit_of_terms_*`, `limits::memory_is_bounded_whatever_a_message_becomes`, `allocations::a_message_becomes_no_more_than_its_limit_of_memory` |
//! | maps that are read by the keys of an earlier one | `limits::maps_inside_a_map_do_not_take_the_keys_that_it_is_being_read_by`, `limits::keys_that_are_nearly_those_of_an_earlier_map`, `limits::a_hundred_thousand_maps_that_each_have_other_keys_than_the_one_before` |
//! | control bytes in names and atoms | `an_error_is_short_however_long_what_it_speaks_of`, `corpus::every_reader_agrees_about_what_the_fuzzer_found` |

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod util;

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use flitch_etf::{
    Atom, DecodeErrorKind as Kind, EncodeError, Limits, Reader, Tag, Term, decode, decode_with,
    encode, from_slice, read_value, to_vec, write_tuple_header,
};
use num_bigint::BigInt;
use serde::{Deserialize, Serialize};
use util::confined::{MIB, confined, confined_on, nested, skip, term};
use util::values::unhex;

fn deep(bytes: &Bytes) {
    assert!(bytes.len() <= 11 * MIB);
    let limit = Limits::DEFAULT.depth;
    let error = decode(bytes).unwrap_err();
    assert_eq!(error.kind, Kind::Limit { what: "levels", limit });
    assert_eq!(skip(&bytes[1..]), Ok(bytes.len() - 1));
    assert!(from_slice::<serde::de::IgnoredAny>(bytes).is_ok());
    let limits = Limits { depth: usize::MAX, ..Limits::DEFAULT };
    let (a, b) = (decode_with(bytes, limits).unwrap(), decode_with(bytes, limits).unwrap());
    assert!(a == b && a.cmp_by_value(&b).is_eq());
    assert_eq!(std::collections::HashSet::from([a.clone(), b]).len(), 1);
    assert_eq!(encode(&a).unwrap().len(), bytes.len());
    assert_eq!(to_vec(&a).unwrap().len(), bytes.len());
}

#[test]
fn a_million_tuples_inside_each_other() {
    confined(1024, || deep(&nested(1_000_000, &[104, 1], &[])));
}

#[test]
fn a_million_lists_inside_each_other() {
    confined(1024, || deep(&nested(1_000_000, &[108, 0, 0, 0, 1], &[106])));
}

#[test]
fn a_million_maps_inside_each_other_as_values_and_as_keys() {
    confined(1024, || {
        deep(&nested(1_000_000, &[116, 0, 0, 0, 1, 97, 1], &[]));
        deep(&nested(1_000_000, &[116, 0, 0, 0, 1], &[106]));
    });
}

#[test]
fn a_hundred_thousand_funs_that_close_over_each_other() {
    confined(1024, || {
        let mut head = [&[112, 0, 0, 0, 0, 0][..], &[7; 16], &[0, 0, 0, 1, 0, 0, 0, 1]].concat();
        head.extend([119, 1, b'm', 97, 1, 97, 2, 88, 119, 1, b'n']);
        head.extend([0; 12]);
        deep(&nested(100_000, &head, &[]));
    });
}

#[test]
fn a_list_of_a_million_cells_that_are_each_the_tail_of_the_one_before() {
    // Level upon level for who does not look; and a copy of the whole rest at each.
    confined(512, || {
        let bytes = nested(1_000_000, &[108, 0, 0, 0, 1, 97, 7], &[]);
        let term = decode(&bytes).unwrap();
        assert_eq!(term.as_list().map(<[_]>::len), Some(1_000_000));
        assert_eq!(from_slice::<Vec<u8>>(&bytes).unwrap().len(), 1_000_000);
        assert_eq!(skip(&bytes[1..]), Ok(bytes.len() - 1));
    });
}

#[test]
fn a_count_of_four_billion_in_six_bytes() {
    confined(128, || {
        for tag in [105, 108, 109, 111, 116] {
            let bytes = [tag, 255, 255, 255, 255];
            let refused =
                |kind| matches!(kind, Kind::Count { .. } | Kind::Short { .. } | Kind::Limit { .. });
            assert!(refused(term(&bytes).unwrap_err()), "{}", Tag(tag));
            assert!(refused(skip(&bytes).unwrap_err()), "{}", Tag(tag));
            assert!(from_slice::<Vec<Option<String>>>(&[&[131], &bytes[..]].concat()).is_err());
            assert!(
                from_slice::<std::collections::HashMap<u8, u8>>(&[&[131], &bytes[..]].concat())
                    .is_err()
            );
            assert!(from_slice::<serde_bytes::ByteBuf>(&[&[131], &bytes[..]].concat()).is_err());
        }
        assert!(term(&[77, 255, 255, 255, 255, 1]).is_err());
        assert!(term(&[107, 255, 255]).is_err());
    });
}

#[test]
fn an_integer_of_four_billion_bytes() {
    confined(128, || {
        let limit = 4_194_296;
        let refused = Kind::Limit { what: "bytes in an integer", limit };
        assert_eq!(term(&[111, 255, 255, 255, 255, 0]), Err(refused.clone()));
        assert_eq!(skip(&[111, 255, 255, 255, 255, 0]), Err(refused));
    });
}

#[test]
fn an_integer_that_a_beam_cannot_hold_is_neither_taken_nor_sent() {
    confined(512, || {
        let limit = 4_194_296usize;
        let bytes =
            |len: usize| [&[111], &(len as u32).to_be_bytes()[..], &[0], &vec![255; len]].concat();
        let largest = term(&bytes(limit)).unwrap();
        assert_eq!(encode(&largest).unwrap().len(), limit + 7);
        assert!(term(&bytes(limit + 1)).is_err());
        let what = "integer, in bytes,";
        let refused = EncodeError::Count { what, count: limit + 1, max: limit };
        let over = Term::from(BigInt::from(1) << (8 * limit));
        assert_eq!(encode(&over), Err(refused));
    });
}

#[test]
fn free_variables_for_three_hundred_gigabytes() {
    confined(128, || {
        let mut fun = [&[112, 255, 255, 255, 255, 0][..], &[7; 16], &[0; 4], &[255; 4]].concat();
        fun.extend([119, 1, b'm', 97, 1, 97, 2, 88, 119, 1, b'n']);
        fun.extend([0; 12]);
        fun.extend([106; 100]);
        assert_eq!(term(&fun), Err(Kind::Count { count: u32::MAX as usize, left: 100 }));
        assert_eq!(skip(&fun), Err(Kind::Count { count: u32::MAX as usize, left: 100 }));
    });
}

#[test]
fn a_fun_that_lies_about_its_size_ends_in_one_place_for_all() {
    confined(128, || {
        for size in [0u32, 3, 4, 60, u32::MAX] {
            let mut fun = [&[112], &size.to_be_bytes()[..], &[0], &[7; 16], &[0; 4]].concat();
            fun.extend([0, 0, 0, 1, 119, 1, b'm', 97, 1, 97, 2, 88, 119, 1, b'n']);
            fun.extend([0; 12]);
            fun.push(106);
            let mut reader = Reader::new(&fun);
            assert!(reader.term().is_ok());
            assert_eq!((reader.position(), skip(&fun)), (fun.len(), Ok(fun.len())), "{size}");
        }
    });
}

#[test]
fn bits_without_bytes_or_with_none_or_more_than_eight_in_the_last() {
    confined(128, || {
        for bits in 0..=255 {
            let sound = (1..=8).contains(&bits);
            assert_eq!(term(&[77, 0, 0, 0, 1, bits, 0xff]).is_ok(), sound, "{bits} bits");
            assert!(term(&[77, 0, 0, 0, 0, bits]).is_err(), "no bytes and {bits} bits");
        }
    });
}

#[test]
fn bits_that_fill_their_bytes_are_sent_as_a_binary() {
    confined(128, || {
        let whole = term(&[77, 0, 0, 0, 2, 8, 1, 2]).unwrap();
        assert_eq!(encode(&whole).unwrap(), [131, 109, 0, 0, 0, 2, 1, 2]);
        // What is behind the last bit does not go on.
        let part = term(&[77, 0, 0, 0, 1, 3, 0xff]).unwrap();
        assert_eq!(encode(&part).unwrap(), [131, 77, 0, 0, 0, 1, 3, 0xe0]);
    });
}

#[test]
fn an_arity_that_unpatched_beams_do_not_survive_is_neither_taken_nor_sent() {
    confined(256, || {
        let bytes = [&[131, 105, 1, 0, 0, 0][..], &vec![106; 1 << 24]].concat().into();
        let limits = Limits { depth: usize::MAX, terms: usize::MAX, ..Limits::DEFAULT };
        let limit = (1 << 24) - 1;
        let refused = Kind::Limit { what: "elements in a tuple", limit };
        assert_eq!(decode_with(&bytes, limits).unwrap_err().kind, refused);
        assert_eq!(skip(&bytes[1..]), Err(refused));
        let mut out = Vec::new();
        let refused = EncodeError::Count { what: "tuple", count: 1 << 24, max: limit };
        assert_eq!(write_tuple_header(&mut out, 1 << 24), Err(refused));
        assert_eq!(write_tuple_header(&mut out, limit), Ok(()));
    });
}

#[test]
fn more_terms_than_the_limit_whatever_they_come_as() {
    // A byte on the wire is 32 in memory: without the limit these 13 MB would take 420.
    confined(320, || {
        let string = [&[107, 255, 255][..], &[7; 65_535]].concat();
        let strings = [&[131, 104, 200], string.repeat(200).as_slice()].concat().into();
        let limit = Limits::DEFAULT.terms;
        let refused = Kind::Limit { what: "terms", limit };
        assert_eq!(decode(&strings).unwrap_err().kind, refused);
        let ten = Limits { terms: 10, ..Limits::DEFAULT };
        let nine = [131, 104, 8, 106, 106, 106, 106, 106, 106, 106, 106];
        assert!(decode_with(&Bytes::copy_from_slice(&nine), ten).is_ok());
        let eleven = [131, 104, 1, 107, 0, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8];
        assert_eq!(
            decode_with(&Bytes::copy_from_slice(&eleven), ten).unwrap_err().kind,
            Kind::Limit { what: "terms", limit: 10 }
        );
    });
}

/// Compressing takes more stack than what is under test.
fn compressed(announced: u32, inner: &[u8]) -> Bytes {
    let deflate = || {
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
        zlib.write_all(inner).unwrap();
        zlib.finish().unwrap()
    };
    let data = std::thread::scope(|scope| scope.spawn(deflate).join().unwrap());
    [&[131, 80], &announced.to_be_bytes()[..], &data].concat().into()
}

#[test]
fn compressed_data_that_lies_about_its_size() {
    confined(256, || {
        let inner = [109, 0, 0, 0, 3, 1, 2, 3];
        assert_eq!(decode(&compressed(8, &inner)), Ok(Bytes::from_static(&[1, 2, 3]).into()));
        for announced in [0, 1, 7, 9, 60_000_000, u32::MAX] {
            assert!(decode(&compressed(announced, &inner)).is_err(), "{announced}");
        }
        let cut = compressed(8, &inner);
        assert!(decode(&cut.slice(..cut.len() - 1)).is_err());
        let more = [&cut[..], &[0]].concat();
        let behind = Kind::Invalid("bytes behind compressed data");
        assert_eq!(decode(&more.into()).unwrap_err().kind, behind);
        assert!(decode(&Bytes::from_static(&[131, 80, 0, 0, 0, 8, 1, 2, 3])).is_err());
        assert!(decode(&Bytes::from_static(&[131, 80, 0, 0])).is_err());
    });
}

#[test]
fn a_small_bomb_that_inflates_to_more_than_the_limit() {
    confined(128, || {
        let bomb = |announced, inflated| {
            let data = compressed(announced, &vec![0; inflated]);
            assert!(data.len() < MIB);
            data
        };
        let what = "bytes in compressed data";
        let limit = Limits::DEFAULT.inflated;
        let honest = bomb(1 << 30, 16 * MIB);
        assert_eq!(decode(&honest).unwrap_err().kind, Kind::Limit { what, limit });
        let lying = Kind::Invalid("compressed data of another size than announced");
        assert_eq!(decode(&bomb(100, 16 * MIB)).unwrap_err().kind, lying);
        let limits = Limits { inflated: 99, ..Limits::DEFAULT };
        assert!(decode_with(&bomb(100, 0), limits).is_err());
    });
}

#[test]
fn compressed_data_inside_compressed_data_or_inside_a_term() {
    confined(128, || {
        let inner = compressed(1, &[106]);
        assert_eq!(decode(&inner), Ok(Term::empty_list()));
        let twice = compressed(inner.len() as u32 - 1, &inner[1..]);
        assert_eq!(decode(&twice).unwrap_err().kind, Kind::Unsupported(Tag::COMPRESSED));
        let tuple = [&[104, 1], &inner[1..]].concat();
        assert_eq!(term(&tuple), Err(Kind::Unsupported(Tag::COMPRESSED)));
    });
}

#[test]
fn terms_that_only_their_maker_can_read_are_refused_by_name() {
    confined(128, || {
        for tag in [Tag::LOCAL_EXT, Tag::FUN_EXT, Tag::COMPRESSED, Tag(0), Tag(131), Tag(255)] {
            let bytes = [&[tag.0][..], &[0; 64]].concat();
            let inside = [&[104, 1][..], &bytes].concat();
            assert_eq!(term(&inside), Err(Kind::Unsupported(tag)));
            assert_eq!(skip(&bytes), Err(Kind::Unsupported(tag)));
        }
    });
}

#[test]
fn atoms_that_are_no_atoms() {
    confined(128, || {
        let atom = |tag: u8, text: &[u8]| {
            term(&[&[tag], &(text.len() as u16).to_be_bytes()[..], text].concat())
        };
        assert!(atom(118, "😀".repeat(255).as_bytes()).is_ok());
        assert_eq!(atom(118, "😀".repeat(256).as_bytes()), Err(Kind::Atom));
        assert_eq!(atom(118, &[b'x'; 65_535]), Err(Kind::Atom));
        assert_eq!(atom(118, &[0xc3]), Err(Kind::Atom), "half a character");
        assert_eq!(atom(118, &[0xed, 0xa0, 0x80]), Err(Kind::Atom), "a surrogate");
        assert!(atom(100, &[0xdf; 255]).is_ok());
        assert_eq!(atom(100, &[0xdf; 256]), Err(Kind::Atom));
        assert_eq!(term(&[82, 0]), Err(Kind::AtomRef(0)), "no header named it");
    });
}

#[test]
fn floats_that_are_no_numbers_are_neither_taken_nor_sent() {
    confined(128, || {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(term(&[&[70], &value.to_be_bytes()[..]].concat()), Err(Kind::Float));
            assert!(encode(&Term::from(value)).is_err() && to_vec(&value).is_err());
        }
    });
}

#[test]
fn references_of_no_or_six_words() {
    confined(128, || {
        for words in [0u16, 6, 0xffff] {
            let mut bytes = [&[90], &words.to_be_bytes()[..], &[119, 1, b'n', 0, 0, 0, 1]].concat();
            bytes.extend([0; 64]);
            assert!(term(&bytes).is_err() && skip(&bytes).is_err(), "{words} words");
        }
    });
}

#[test]
fn a_map_with_a_key_twice_and_one_of_a_million_keys_in_the_worst_order() {
    confined(512, || {
        let twice = Kind::Invalid("a map with a key twice");
        assert_eq!(term(&[116, 0, 0, 0, 2, 97, 1, 97, 1, 97, 1, 97, 2]), Err(twice));
        let mut bytes = [&[116], &1_000_000u32.to_be_bytes()[..]].concat();
        for key in (0..1_000_000i32).rev() {
            bytes.push(98);
            bytes.extend(key.to_be_bytes());
            bytes.push(106);
        }
        assert_eq!(term(&bytes).unwrap().as_map().map(flitch_etf::Map::len), Some(1_000_000));
    });
}

#[test]
fn every_beginning_of_a_term_is_refused_and_so_is_more_than_a_term() {
    confined(128, || {
        let files =
            [include_str!("golden/otp25.txt"), include_str!("golden/otp29.txt")].map(str::lines);
        for line in files.into_iter().flatten() {
            let (name, hex) = line.split_once(' ').unwrap();
            // Whatever it is, it is its node's.
            if name == "local" {
                continue;
            }
            let bytes = Bytes::from(unhex(hex));
            for end in 0..bytes.len() {
                let part = bytes.slice(..end);
                assert!(decode(&part).is_err(), "{name} up to {end}");
                assert!(
                    skip(part.get(1..).unwrap_or_default()).is_err() || part.get(1) == Some(&80)
                );
                assert!(from_slice::<Option<Term>>(&part).is_err(), "{name} up to {end}");
            }
            let longer = [&bytes[..], &[106]].concat();
            let error = decode(&longer.clone().into()).unwrap_err();
            let compressed = Kind::Invalid("bytes behind compressed data");
            assert!(error.kind == Kind::Trailing(1) || error.kind == compressed, "{name}");
            assert!(from_slice::<Term>(&longer).is_err(), "{name}");
        }
    });
}

#[derive(Debug, Serialize, Deserialize)]
struct Tree {
    under: Vec<Tree>,
}

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "only ever refused")]
struct Chain(Option<Box<Chain>>);

#[test]
fn a_type_that_contains_itself_does_not_let_the_sender_choose_the_stack() {
    // serde recurses: 128 levels of a small type fit, unoptimized, into half of a usual stack.
    confined_on(MIB, 128, || {
        let step = [&[116, 0, 0, 0, 1, 119, 5][..], b"under", &[108, 0, 0, 0, 1]].concat();
        let bytes = nested(100_000, &step, &[106]);
        let error = from_slice::<Tree>(&bytes).unwrap_err();
        assert_eq!(error.message(), "more levels than the limit of 128");
        let error = from_slice::<Chain>(&[131, 97, 1]).unwrap_err();
        assert_eq!(error.message(), "more options inside options than the limit of 128");
    });
}

#[test]
fn an_error_is_short_however_long_what_it_speaks_of() {
    confined(256, || {
        let huge = Term::from("x".repeat(MIB));
        let bytes = to_vec(&huge).unwrap();
        assert!(from_slice::<Atom>(&bytes).unwrap_err().to_string().len() < 200);
        let deep = nested(9_000, &[104, 1], &[]);
        assert!(from_slice::<Atom>(&deep).unwrap_err().to_string().len() < 200);
        let key =
            |key: Term| to_vec(&flitch_etf::Map::from_iter([(key, Term::from("no"))])).unwrap();
        let numbers = |bytes: &[u8]| from_slice::<std::collections::BTreeMap<Term, u8>>(bytes);
        for key in
            [key(huge), key(decode(&deep).unwrap()), key(Term::from(BigInt::from(1) << 100_000))]
        {
            assert!(numbers(&key).unwrap_err().to_string().len() < 200);
        }
        let wide = Atom::new(&"😀".repeat(255)).unwrap();
        assert!(numbers(&key(wide.into())).unwrap_err().to_string().len() < 300);
        let mut reader = Reader::new(&[119, 1, b'\n']);
        let error = read_value::<u8>(&mut reader).unwrap_err().to_string();
        assert!(!error.contains('\n'), "a line break in an atom must not reach a log");
    });
}

#[test]
fn a_thread_that_ends_still_reads() {
    /// What a thread lets go of last, behind what reading keeps for the thread.
    struct Last;
    impl Drop for Last {
        fn drop(&mut self) {
            assert_eq!(term(&[104, 1, 119, 2, b'o', b'k']), Ok(Term::tuple([Term::atom("ok")])));
        }
    }
    thread_local! {
        static LAST: Last = const { Last };
    }
    // A panic at that place would end the process.
    confined(128, || {
        LAST.with(|_| ());
        assert_eq!(term(&[119, 2, b'o', b'k']), Ok(Term::atom("ok")));
    });
}
