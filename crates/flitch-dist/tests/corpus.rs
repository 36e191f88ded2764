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

#[path = "../../../fuzz/link_checks.rs"]
mod checks;

#[path = "../../../fuzz/kept.rs"]
mod kept;

use kept::run;

#[test]
fn links_that_the_fuzzer_found_give_the_same_signals_however_they_are_cut() {
    run("link", checks::link);
}

#[test]
fn control_messages_that_the_fuzzer_found_are_read_or_refused() {
    run("control", checks::control);
}
