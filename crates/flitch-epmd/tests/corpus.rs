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

#[path = "../../../fuzz/checks_epmd.rs"]
mod checks_epmd;

use std::path::Path;

#[test]
fn what_the_fuzzer_said_to_an_epmd_and_for_one_is_borne() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/epmd");
    let mut files = 0;
    for file in std::fs::read_dir(&folder).unwrap() {
        let path = file.unwrap().path();
        // A failure names the file: libtest shows what a failed test printed.
        println!("{}", path.display());
        let bytes = std::fs::read(&path).unwrap();
        // Whoever talks to whom.
        for how in 0..9 {
            checks_epmd::epmd(&[&[how], bytes.get(1..).unwrap_or_default()].concat());
        }
        files += 1;
    }
    assert!(files > 0, "{} is empty", folder.display());
}
