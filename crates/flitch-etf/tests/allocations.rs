//! How often this crate allocates for each shape of the bench, exactly. A number that falls is
//! good news and one that rises wants a reason; either way the table below is what changes.
//!
//! Exact, since the counts are those of the thread that runs the test.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

#[path = "../benches/codec/shapes.rs"]
mod shapes;

use allocation_counter::{AllocationInfo, measure};
use flitch_etf::{Limits, decode, decode_with};
use shapes::{Shape, Typed, Work};

/// Shape and type, then allocations: to decode, to encode.
const TABLE: &str = "
gen_call                6      1
gen_call serde          2      1
structs              2004      6
structs serde        5001      9
structs serde &str   1001      9
ints                    1      1
ints serde              1      4
bin64k                  1      1
bin64k serde            0      2
bin1m                   1      1
bin1m serde             0      2
charlist                2      1
charlist serde          0      2
nested               5025     10
keyword               101      2
keyword serde           1      5
tuples               1001      3
tuples serde            1      6
";

#[test]
fn nothing_allocates_more_or_less_often_than_it_is_known_to() {
    let mut table = String::from("\n");
    let mut add = |name: &str, decode: &Work, encode: &Work| {
        let (decode, encode) = (counted(decode).count_total, counted(encode).count_total);
        table += &format!("{name:<18} {decode:>6} {encode:>6}\n");
    };
    for shape in shapes::all() {
        add(shape.name, &shape.decode(), &shape.encode());
        for Typed { label, decode, encode } in &shape.typed {
            let name = format!("{} serde {label}", shape.name);
            add(name.trim_end(), decode, encode);
        }
    }
    assert_eq!(table, TABLE, "if this is meant, TABLE is now:\n{table}");
}

#[test]
fn a_long_binary_is_never_copied_when_it_is_decoded() {
    let shapes = shapes::all();
    let find = |name: &str| -> &Shape { shapes.iter().find(|shape| shape.name == name).unwrap() };
    let (short, long) = (find("bin64k"), find("bin1m"));
    assert!(long.bytes.len() > 15 * short.bytes.len());
    assert_eq!(counted(&short.decode()), counted(&long.decode()));
    assert!(counted(&long.decode()).bytes_total < 100);
    for typed in &long.typed {
        assert_eq!(counted(&typed.decode).count_total, 0);
    }
}

#[test]
fn a_message_becomes_no_more_than_its_limit_of_memory() {
    let record = |exported| [67, 0, 0, 0, 0, exported, 119, 0, 119, 0];
    let fun = [&[112, 0, 0, 0, 0, 0][..], &[0; 24], &[119, 0, 97, 0, 97, 0, 103, 119, 0], &[0; 9]];
    for element in [
        &[106][..],
        &[104, 1, 106],
        &[104, 1, 104, 1, 104, 1, 104, 1, 106],
        &[116, 0, 0, 0, 1, 106, 106],
        &[108, 0, 0, 0, 1, 106, 104, 0],
        &[104, 2, 108, 0, 0, 0, 1, 106, 104, 0, 106],
        &[&[104, 2], &record(0)[..], &record(1)].concat(),
        &fun.concat(),
    ] {
        for depth in [0, 9] {
            let head = [&[131], &[104, 1].repeat(depth)[..], &[108, 0, 0, 16, 0]].concat();
            let bytes = [head, element.repeat(4096), vec![106]].concat().into();
            decode(&bytes).unwrap();
            let mut read = None;
            let kept = measure(|| read = Some(decode(&bytes))).bytes_current as usize;
            let limits = Limits { memory: kept - 1, ..Limits::DEFAULT };
            assert!(decode_with(&bytes, limits).is_err(), "{kept} bytes of {element:?}");
        }
    }
}

/// What it takes when it is done for the second time: the first may fill what is kept for ever.
fn counted(work: &Work) -> AllocationInfo {
    work(1);
    measure(|| work(1))
}
