//! What the fuzzer found, kept: every file of `fuzz/corpus/gossip` goes through the checks of its
//! target.
#![cfg(feature = "gossip")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub,
    reason = "a test may panic, and shares its checks with the fuzz target"
)]

#[path = "../../../fuzz/gossip_checks.rs"]
mod checks;

#[path = "../../../fuzz/kept.rs"]
mod kept;

#[test]
fn what_the_fuzzer_sent_as_gossip_is_borne() {
    kept::run("gossip", checks::gossip);
}
