//! The codec beside a running BEAM: `tests/beam/terms.escript` makes random terms and judges what
//! became of them.
//!
//! `FLITCH_SEED` repeats a run, `FLITCH_TERMS` makes it longer or shorter. `make matrix` runs this
//! against later releases, whose terms have native records among them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod util;

use std::cmp::Ordering;

use bytes::Bytes;
use flitch_etf::text::erlang;
use flitch_etf::{Atom, AtomTable, Reader, Term, decode, encode};
use util::{Beam, split};

/// The first byte of a term that refers to atoms by number, in place of the version.
const CACHED: u8 = 68;

/// The atoms that such terms refer to.
struct Atoms(Vec<Atom>);

impl AtomTable for Atoms {
    fn atom(&self, index: u8) -> Option<&Atom> {
        self.0.get(usize::from(index))
    }
}

#[test]
fn a_beam_finds_its_terms_again_byte_for_byte_and_reads_them_as_it_prints_them() {
    let mut printed = 0;
    run("codec", 100_000, |atoms, bytes, text| {
        let bytes = Bytes::copy_from_slice(bytes);
        let term = match bytes[0] {
            CACHED => cached(atoms, &bytes)?,
            _ => decode(&bytes).map_err(|error| error.to_string())?,
        };
        if bytes[1] != 80 {
            let mut reader = Reader::new(&bytes[1..]).with_atoms(atoms);
            reader.skip().map_err(|error| error.to_string())?;
            if !reader.rest().is_empty() {
                return Err(format!("skip ends at {} of {}", reader.position(), bytes.len()));
            }
        }
        if !text.is_empty() {
            let ours = erlang(&term).to_string();
            if ours.as_bytes() != text {
                return Err(format!("prints {ours} for {}", String::from_utf8_lossy(text)));
            }
            printed += 1;
        }
        encode(&term).map_err(|error| error.to_string())
    });
    assert!(printed > 0, "no term was compared with its text");
}

fn cached(atoms: &Atoms, bytes: &Bytes) -> Result<Term, String> {
    let bytes = bytes.slice(1..);
    let mut reader = Reader::of_shared(&bytes).with_atoms(atoms);
    let term = reader.term().map_err(|error| error.to_string())?;
    if reader.rest().is_empty() { Ok(term) } else { Err("bytes are left".into()) }
}

#[test]
fn terms_stand_in_the_order_that_a_beam_puts_them_in() {
    run("order", 100_000, |_, bytes, _| {
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
fn run(
    mode: &str,
    count: u64,
    mut answer: impl FnMut(&Atoms, &[u8], &[u8]) -> Result<Vec<u8>, String>,
) {
    let setting = |name: &str| std::env::var(name).ok().and_then(|value| value.parse().ok());
    let clock = || std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64 >> 8;
    let seed: u64 = setting("FLITCH_SEED").unwrap_or_else(clock);
    let count = setting("FLITCH_TERMS").unwrap_or(count);
    let mut beam = Beam::start("terms.escript", &[mode, &seed.to_string(), &count.to_string()]);
    let packet = beam.receive();
    let atoms = split(packet.strip_prefix(b"atoms").expect("the atoms of the header"));
    let atoms = atoms.into_iter().map(|atom| decode(&Bytes::copy_from_slice(atom)).unwrap());
    let atoms = Atoms(atoms.map(|term| term.as_atom().unwrap().clone()).collect());
    loop {
        let packet = beam.receive();
        if let Some(verdict) = packet.strip_prefix(b"verdict") {
            let verdict = String::from_utf8_lossy(verdict);
            assert!(verdict == "ok", "FLITCH_SEED={seed} repeats this run: {verdict}");
            return;
        }
        let batch = packet.strip_prefix(b"terms").expect("a batch of terms");
        let mut out = b"terms".to_vec();
        for pair in split(batch).chunks(2) {
            let back = answer(&atoms, pair[0], pair[1]).unwrap_or_else(String::into_bytes);
            out.extend_from_slice(&(back.len() as u32).to_be_bytes());
            out.extend_from_slice(&back);
        }
        beam.send(&out);
    }
}
