//! Any bytes on a link: frames, headers, fragments.
#![no_main]

#[path = "../link_checks.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checks::link(bytes));
