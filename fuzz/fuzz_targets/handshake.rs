//! Any bytes in a handshake: it ends, and how does not hang on how they are cut.
#![no_main]

#[path = "../handshake_checks.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checks::handshake(bytes));
