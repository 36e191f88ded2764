//! What must hold for any bytes on a link. The fuzz targets run these, and `tests/corpus.rs` of
//! `flitch-dist` runs them over every file of the corpus.

#![allow(dead_code, reason = "each fuzz target runs one of these")]

use flitch_dist::{Inbound, InboundLimits, LinkError, Signal};
use flitch_etf::Limits;

/// Small, so that a fuzzer meets them.
const LIMITS: Limits = Limits { depth: 100, terms: 20_000, memory: 2 << 20, inflated: 1 << 16 };
const INBOUND: InboundLimits =
    InboundLimits { frame: 1 << 16, message: 1 << 18, unfinished: 1 << 19 };

/// The type byte of a message without a distribution header.
const PASS_THROUGH: u8 = 112;

/// Frames, headers and fragments: the same signals in one piece, in bytes and in pieces of some.
pub fn link(bytes: &[u8]) {
    let whole = drive(bytes, bytes.len().max(1));
    for size in [1, 13] {
        assert_eq!(format!("{whole:?}"), format!("{:?}", drive(bytes, size)), "pieces of {size}");
    }
}

/// One control tuple, and behind the byte 0 the term that goes with it. The byte is where the
/// payload starts in the input: the first byte says.
pub fn control(bytes: &[u8]) {
    let Some((at, rest)) = bytes.split_first() else { return };
    let (tuple, payload) = rest.split_at(usize::from(*at).min(rest.len()));
    let version: &[u8] = if payload.is_empty() { &[] } else { &[131] };
    let body = [&[PASS_THROUGH, 131], tuple, version, payload].concat();
    let length = (body.len() as u32).to_be_bytes();
    let (signals, _) = drive(&[&length[..], &body].concat(), usize::MAX);
    assert!(signals.len() <= 1, "one frame, one signal");
}

/// The signals that come out, and what ended the link.
fn drive(bytes: &[u8], size: usize) -> (Vec<Signal>, Option<LinkError>) {
    let mut inbound = Inbound::new(INBOUND);
    let mut signals = Vec::new();
    for piece in bytes.chunks(size) {
        inbound.buffer().extend_from_slice(piece);
        loop {
            match inbound.poll_signal() {
                Ok(Some(signal)) => {
                    usable(&signal);
                    signals.push(signal);
                }
                Ok(None) => break,
                Err(error) => {
                    assert!(!error.to_string().chars().any(char::is_control), "{error}");
                    return (signals, Some(error));
                }
            }
        }
    }
    assert_eq!(inbound.signals(), signals.len() as u64);
    (signals, None)
}

/// Whatever the payload is, it can be decoded or refused.
fn usable(signal: &Signal) {
    assert!(signal.control.has_payload() || signal.payload.is_empty());
    if let Ok(term) = signal.payload.to_term(LIMITS) {
        let _ = format!("{term:?}");
    }
}
