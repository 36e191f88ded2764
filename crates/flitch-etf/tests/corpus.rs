//! What the fuzzer found, kept: every file of `fuzz/corpus/` goes through the checks of its target.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub,
    reason = "a test may panic, and shares its checks with the fuzz targets"
)]

#[path = "../../../fuzz/checks.rs"]
mod checks;

#[path = "../../../fuzz/kept.rs"]
mod kept;

use kept::run;

#[test]
fn every_reader_agrees_about_what_the_fuzzer_found() {
    run("decode", checks::decode);
}

#[test]
fn what_the_fuzzer_found_comes_back_as_it_went() {
    run("reencode", checks::reencode);
}

#[test]
fn values_that_the_fuzzer_found_come_back_as_they_went() {
    run("serde", checks::serde);
}

#[test]
fn text_that_the_fuzzer_found_prints_and_parses_again() {
    run("text", checks::text);
}
