//! Any control tuple and payload in a frame that is right.
#![no_main]

#[path = "../link_checks.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checks::control(bytes));
