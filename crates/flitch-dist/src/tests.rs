//! What BEAMs of three releases said to each other (`tests/captures`), read, counted, and written
//! again to the same bytes.

use std::collections::BTreeMap;

use bytes::{Buf, Bytes};
use flitch_etf::{AtomTable, Limits, text, write_term};
use flitch_handshake::Flags;

use crate::atom_cache::Placed;
use crate::control::Form;
use crate::header::{self, Headers};
use crate::inbound::{FIRST_FRAGMENT, FRAGMENT, HEADER};
use crate::names::Names;
use crate::{Inbound, InboundLimits, Packet, Signal};

const RECORDED: [[&str; 3]; 3] = [
    [
        include_str!("../tests/captures/otp25-a.txt"),
        include_str!("../tests/captures/otp25-b.txt"),
        include_str!("../tests/captures/otp25-counts.txt"),
    ],
    [
        include_str!("../tests/captures/otp27-a.txt"),
        include_str!("../tests/captures/otp27-b.txt"),
        include_str!("../tests/captures/otp27-counts.txt"),
    ],
    [
        include_str!("../tests/captures/otp29-a.txt"),
        include_str!("../tests/captures/otp29-b.txt"),
        include_str!("../tests/captures/otp29-counts.txt"),
    ],
];

/// What the release that is recorded offers its like.
fn flags(release: usize) -> Flags {
    match release {
        0 | 1 => Flags::OFFERED.without(Flags::ALTACT_SIG | Flags::NATIVE_RECORDS),
        _ => Flags::OFFERED,
    }
}

/// The steps and their frames, each with its length.
fn frames(recorded: &str) -> impl Iterator<Item = (&str, Vec<u8>)> {
    let lines = recorded.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| {
        let (step, pieces) = line.split_once(' ').unwrap();
        (step, pieces.split(' ').flat_map(piece).collect())
    })
}

fn piece(text: &str) -> Vec<u8> {
    let (digits, times) =
        text.split_once('*').map_or((text, 1), |(digits, times)| (digits, times.parse().unwrap()));
    let (pairs, []) = digits.as_bytes().as_chunks::<2>() else { panic!("half a byte: {text}") };
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    pairs.iter().map(byte).collect::<Vec<u8>>().repeat(times)
}

/// A header as it was sent: its bytes, and where each atom stands.
struct Header {
    bytes: Bytes,
    names: Names,
    places: Vec<Placed>,
}

impl Header {
    fn read(headers: &mut Headers, bytes: &mut Bytes) -> Self {
        let start = bytes.clone();
        let atoms = headers.read(bytes).unwrap();
        let whole = start.slice(..start.len() - bytes.len());
        let count = usize::from(whole[0]);
        let (mut names, mut places) = (Names::new(), Vec::new());
        let mut rest = whole.slice(1..);
        let flags = if count == 0 { Bytes::new() } else { rest.split_to(count / 2 + 1) };
        let four_bits = |index: usize| flags[index / 2] >> (4 * (index % 2)) & 0xf;
        for index in 0..count {
            let text = atoms.atom(index as u8).unwrap().as_str().as_bytes();
            assert_eq!(names.number(text).map(usize::from), Some(index), "an atom named twice");
            let place = u16::from_be_bytes([four_bits(index) & 7, rest.get_u8()]);
            let new = four_bits(index) & 8 != 0;
            if new {
                let long = usize::from(four_bits(count) & 1);
                rest.advance(1 + long + text.len());
            }
            places.push(Placed { place, new });
        }
        Self { bytes: whole, names, places }
    }

    fn written(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut places = self.places.iter();
        header::write_placed(&mut out, &self.names, |_, _| *places.next().unwrap());
        out
    }
}

/// Control message and payload as we write them under the names of that header.
fn body(header: &Header, signal: &Signal, flags: Flags) -> Vec<u8> {
    let mut packet = Packet::new();
    for (text, _) in header.names.iter() {
        packet.names.number(text).unwrap();
    }
    // No atom but these has a number: a BEAM leaves those as text whose places are taken.
    for other in packet.names.len()..255 {
        packet.names.number(format!("\0{other}").as_bytes()).unwrap();
    }
    let term = signal.payload.to_term(Limits::DEFAULT);
    let token = signal.token.as_ref();
    packet.fill(flags, &signal.control, token, |out| write_term(out, &term.unwrap())).unwrap();
    packet.body(0..packet.len()).to_vec()
}

/// What goes by in one direction.
#[derive(Default)]
struct Seen {
    counts: BTreeMap<String, u64>,
    exact: usize,
    /// Where the BEAM has a way of its own: the order of a map, atoms in a fun, the form of a port.
    alike: usize,
}

fn replay(recorded: &str, side: &str, flags: Flags) -> Seen {
    let mut inbound = Inbound::new(InboundLimits::DEFAULT);
    let mut headers = Headers::default();
    let mut seen = Seen::default();
    // Messages in fragments: header, bytes so far.
    let mut begun: BTreeMap<u64, (Header, Vec<u8>)> = BTreeMap::new();
    for (step, frame) in frames(recorded) {
        let mut count = |what: &str| *seen.counts.entry(format!("{side} {what}")).or_default() += 1;
        inbound.buffer().extend_from_slice(&frame);
        let signal = inbound.poll_signal().unwrap_or_else(|error| panic!("{step}: {error}"));
        let mut bytes = Bytes::from(frame);
        bytes.advance(4);
        if bytes.is_empty() {
            count("ticks");
            continue;
        }
        assert_eq!(bytes.get_u8(), 131, "{step}");
        let whole = match bytes.get_u8() {
            HEADER => {
                let header = Header::read(&mut headers, &mut bytes);
                Some((header, bytes.to_vec()))
            }
            FIRST_FRAGMENT => {
                count("first_fragments");
                let (sequence, fragment) = (bytes.get_u64(), bytes.get_u64());
                let header = Header::read(&mut headers, &mut bytes);
                let first = (header, bytes.to_vec());
                if fragment == 1 {
                    Some(first)
                } else {
                    assert!(begun.insert(sequence, first).is_none(), "{step}");
                    None
                }
            }
            FRAGMENT => {
                count("other_fragments");
                let (sequence, fragment) = (bytes.get_u64(), bytes.get_u64());
                begun.get_mut(&sequence).unwrap().1.extend_from_slice(&bytes);
                if fragment == 1 { begun.remove(&sequence) } else { None }
            }
            other => panic!("{step}: a message of type {other}"),
        };
        assert_eq!(whole.is_some(), signal.is_some(), "{step}");
        let Some(((header, sent), signal)) = whole.zip(signal) else { continue };
        let form = Form::of(&signal.control, flags, signal.token.as_ref()).unwrap();
        count(&format!("op {}", form.op.0));
        assert_eq!(header.written(), header.bytes, "{step}");
        let written = body(&header, &signal, flags);
        if written == sent {
            seen.exact += 1;
        } else {
            let term = text::erlang(&signal.payload.to_term(Limits::DEFAULT).unwrap()).to_string();
            let own = ["#{", "#Fun", "#Port"].into_iter().any(|it| term.contains(it));
            assert!(own, "{step}: {term}");
            seen.alike += 1;
        }
    }
    assert!(begun.is_empty() && !inbound.is_unfinished());
    seen
}

#[test]
fn what_beams_of_three_releases_sent_is_read_and_written_to_the_same_bytes() {
    for (release, [a, b, _]) in RECORDED.into_iter().enumerate() {
        for (recorded, side) in [(a, "a"), (b, "b")] {
            let seen = replay(recorded, side, flags(release));
            assert!(seen.exact > 400 && seen.alike < 10, "{} and {}", seen.exact, seen.alike);
        }
    }
}

#[test]
fn we_count_what_tshark_counts() {
    for (release, [a, b, counts]) in RECORDED.into_iter().enumerate() {
        let mut counted = replay(a, "a", flags(release)).counts;
        counted.extend(replay(b, "b", flags(release)).counts);
        let expected: BTreeMap<String, u64> = counts
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| line.rsplit_once(' ').unwrap())
            .map(|(what, count)| (what.to_owned(), count.parse().unwrap()))
            .collect();
        assert_eq!(counted, expected);
    }
}
