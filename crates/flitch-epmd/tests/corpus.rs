//! What the fuzzer found, kept: every file of `fuzz/corpus/epmd` goes through the checks of its
//! target.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub,
    reason = "a test may panic, and shares its checks with the fuzz target"
)]

#[path = "../../../fuzz/epmd_checks.rs"]
mod checks;

#[path = "../../../fuzz/kept.rs"]
mod kept;

#[test]
fn what_the_fuzzer_said_to_an_epmd_and_for_one_is_borne() {
    kept::run("epmd", |bytes| {
        // Whoever talks to whom.
        for how in 0..9 {
            checks::epmd(&[&[how], bytes.get(1..).unwrap_or_default()].concat());
        }
    });
}
