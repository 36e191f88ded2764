//! Any bytes as requests to an EPMD and as answers of one.
#![no_main]

#[path = "../epmd_checks.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checks::epmd(bytes));
