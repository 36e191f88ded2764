//! Any bytes as datagrams of a network that gossips.
#![no_main]

#[path = "../gossip_checks.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checks::gossip(bytes));
