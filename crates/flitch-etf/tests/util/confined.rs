//! A test in a process of its own with little memory, on a thread with little stack.

use std::process::Command;

use bytes::Bytes;
use flitch_etf::{DecodeErrorKind, Reader, Term, decode};

pub(crate) const MIB: usize = 1 << 20;
const SMALL_STACK: usize = 128 * 1024;

/// Runs `work` in this test alone, with so many MiB of address space and a small stack.
pub(crate) fn confined(mib: usize, work: fn()) {
    confined_on(SMALL_STACK, mib, work);
}

pub(crate) fn confined_on(stack: usize, mib: usize, work: fn()) {
    let name = std::thread::current().name().unwrap().to_owned();
    if std::env::var_os("FLITCH_CONFINED").is_some() {
        let thread = std::thread::Builder::new().stack_size(stack);
        return thread.spawn(work).unwrap().join().unwrap();
    }
    let script = format!("ulimit -v {} && exec \"$0\" --exact {name} --nocapture", mib * 1024);
    let output = Command::new("sh")
        .args(["-c", &script])
        .arg(std::env::current_exe().unwrap())
        .env("FLITCH_CONFINED", "1")
        .env("MALLOC_ARENA_MAX", "1")
        .env("RUST_TEST_THREADS", "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{}\n{said}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
}

pub(crate) fn term(bytes: &[u8]) -> Result<Term, DecodeErrorKind> {
    let bytes = [&[131], bytes].concat();
    decode(&bytes.into()).map_err(|error| error.kind)
}

pub(crate) fn skip(bytes: &[u8]) -> Result<usize, DecodeErrorKind> {
    let mut reader = Reader::new(bytes);
    reader.skip().map_err(|error| error.kind)?;
    Ok(reader.position())
}

/// `levels` times `head`, `[]` inside, `levels` times `tail`.
pub(crate) fn nested(levels: usize, head: &[u8], tail: &[u8]) -> Bytes {
    [&[131], head.repeat(levels).as_slice(), &[106], tail.repeat(levels).as_slice()].concat().into()
}
