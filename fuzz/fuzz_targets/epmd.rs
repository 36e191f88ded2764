//! Any bytes as requests to an EPMD and as answers of one.
#![no_main]

#[path = "../checks_epmd.rs"]
mod checks_epmd;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checks_epmd::epmd(bytes));
