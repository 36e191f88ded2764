//! How often this crate allocates for each shape of the bench, exactly. A number that falls is
//! good news and one that rises wants a reason; either way the table below is what changes.
//!
//! Exact, since the counts are those of the thread that runs the test.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

#[path = "../benches/codec/shapes.rs"]
mod shapes;

use allocation_counter::{AllocationInfo, measure};
use shapes::{Shape, Typed, Work};

/// Shape and type, then allocations: to decode, to encode.
const TABLE: &str = "
gen_call                6      1
gen_call serde          2      1
structs              2004      6
structs serde        5001     12
structs serde &str   1001     12
ints                    1      1
ints serde              1     10
bin64k                  1      1
bin64k serde            0      2
bin1m                   1      1
bin1m serde             0      2
charlist                2      1
charlist serde          1     10
nested               5025     10
keyword               101      2
keyword serde           1      5
tuples               1001      3
tuples serde            1      8
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

/// What it takes when it is done for the second time: the first may fill what is kept for ever.
fn counted(work: &Work) -> AllocationInfo {
    work(1);
    measure(|| work(1))
}
