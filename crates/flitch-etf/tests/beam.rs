//! The codec beside a running BEAM: `tests/beam/terms.escript` makes random terms and judges what
//! became of them.
//!
//! `FLITCH_SEED` repeats a run, `FLITCH_TERMS` makes it longer.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod util;

use std::cmp::Ordering;

use bytes::Bytes;
use flitch_etf::{Reader, Term, decode, encode};
use util::{Beam, split};

#[test]
fn a_beam_finds_its_terms_again_byte_for_byte() {
    run("codec", 20_000, |bytes| {
        let bytes = Bytes::copy_from_slice(bytes);
        let term = decode(&bytes).map_err(|error| error.to_string())?;
        if bytes[1] != 80 {
            let mut reader = Reader::new(&bytes);
            reader.version().and_then(|()| reader.skip().map(|_| ())).map_err(|e| e.to_string())?;
            if !reader.rest().is_empty() {
                return Err(format!("skip ends at {} of {}", reader.position(), bytes.len()));
            }
        }
        encode(&term).map_err(|error| error.to_string())
    });
}

#[test]
fn terms_stand_in_the_order_that_a_beam_puts_them_in() {
    run("order", 100_000, |bytes| {
        let term = decode(&Bytes::copy_from_slice(bytes)).map_err(|error| error.to_string())?;
        let Some([a, b, by_value, exact]) = term.as_tuple() else { return Err("no pair".into()) };
        let ours = [
            ("by value", sign(a.cmp_by_value(b)), by_value),
            ("by value, reversed", -sign(b.cmp_by_value(a)), by_value),
            ("exactly", sign(a.cmp(b)), exact),
            ("exactly, reversed", -sign(b.cmp(a)), exact),
        ];
        for (how, ours, theirs) in ours {
            // A BEAM promises no more than the sign.
            if ours != theirs.as_integer().unwrap().signum() {
                return Err(format!("{ours} {how}"));
            }
        }
        if a == b && hash(a) != hash(b) {
            return Err("equal, with different hashes".into());
        }
        Ok(b"ok".to_vec())
    });
}

fn sign(order: Ordering) -> i64 {
    order as i64
}

fn hash(term: &Term) -> u64 {
    use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
    BuildHasherDefault::<DefaultHasher>::default().hash_one(term)
}

/// Answers batch after batch until the script gives its verdict.
fn run(mode: &str, count: u64, mut answer: impl FnMut(&[u8]) -> Result<Vec<u8>, String>) {
    let setting = |name: &str| std::env::var(name).ok().and_then(|value| value.parse().ok());
    let clock = || std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64 >> 8;
    let seed: u64 = setting("FLITCH_SEED").unwrap_or_else(clock);
    let count = setting("FLITCH_TERMS").unwrap_or(count);
    let mut beam = Beam::start("terms.escript", &[mode, &seed.to_string(), &count.to_string()]);
    loop {
        let packet = beam.receive();
        if let Some(verdict) = packet.strip_prefix(b"verdict") {
            let verdict = String::from_utf8_lossy(verdict);
            assert_eq!(verdict, "ok", "repeat this run with FLITCH_SEED={seed}");
            return;
        }
        let batch = packet.strip_prefix(b"terms").expect("a batch of terms");
        let mut out = b"terms".to_vec();
        for bytes in split(batch) {
            let back = answer(bytes).unwrap_or_else(String::into_bytes);
            out.extend_from_slice(&(back.len() as u32).to_be_bytes());
            out.extend_from_slice(&back);
        }
        beam.send(&out);
    }
}
