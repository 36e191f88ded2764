//! Recorded frames (`tests/captures`) read as the node meant them, whatever came since.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod util;

use flitch_dist::{Control, Outbound, Packet, Signal};
use flitch_handshake::Flags;
use util::scenario::{MODERN, OLD, Step};
use util::{PLAIN, line, read};

/// The recorded steps and frames.
fn recorded(text: &str) -> impl Iterator<Item = (&str, Vec<u8>)> {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    text.lines().map(move |line| {
        let (step, hex) = line.split_once(' ').unwrap();
        (step, hex.as_bytes().chunks(2).map(byte).collect())
    })
}

fn matches(text: &str, steps: &[Step]) {
    let expected =
        steps.iter().flat_map(|(step, lines)| lines.iter().map(move |line| (*step, *line)));
    let seen: Vec<_> = recorded(text).collect();
    assert_eq!(seen.len(), expected.clone().count());
    for ((step, frame), expected) in seen.into_iter().zip(expected) {
        let (op, signal) = read(&frame);
        assert_eq!((step, line(op, &signal).as_str()), expected);
    }
}

const OTP_25: &str = include_str!("captures/otp25.txt");
const OTP_25_TO_OLDER: &str = include_str!("captures/otp25-to-older.txt");

#[test]
fn what_otp_25_sent_is_understood() {
    matches(OTP_25, MODERN);
}

#[test]
fn what_otp_25_sent_to_an_older_node_is_understood() {
    matches(OTP_25_TO_OLDER, OLD);
}

#[test]
fn we_send_the_same_bytes_for_the_same_message() {
    let newer = Flags::SEND_SENDER.with(Flags::EXIT_PAYLOAD).with(Flags::UNLINK_ID);
    for (flags, text) in [(PLAIN, OTP_25), (PLAIN.without(newer), OTP_25_TO_OLDER)] {
        for (step, frame) in recorded(text) {
            let (_, Signal { control, payload, token }) = read(&frame);
            let mut packet = Packet::new();
            let reason = payload.reader().rest();
            let encoded = packet.encode_traced(flags, &control, token.as_ref(), |bytes| {
                bytes.extend_from_slice(reason);
                Ok::<_, ()>(())
            });
            encoded.unwrap();
            let mut out = Outbound::new(flags);
            out.push(&mut packet);
            assert_eq!(out.take(Vec::new()), frame, "{step}");
        }
    }
}

#[test]
fn every_beginning_of_a_frame_and_every_byte_of_it_turned_round_is_no_panic() {
    for (step, frame) in recorded(OTP_25).chain(recorded(OTP_25_TO_OLDER)) {
        let body = &frame[4..];
        let (_, whole) = read(&frame);
        for end in 1..body.len() {
            let signal = util::signal_of(&body[..end]);
            if let Ok(signal) = signal {
                // Only a payload can be cut short unseen; it is seen when it is decoded.
                assert!(whole.control.has_payload(), "{step} up to {end}");
                assert!(signal.payload.to_term(flitch_etf::Limits::DEFAULT).is_err());
            }
        }
        for at in 0..body.len() {
            let mut turned = body.to_vec();
            turned[at] ^= 0xff;
            if let Ok(signal) = util::signal_of(&turned) {
                let _ = signal.payload.to_term(flitch_etf::Limits::DEFAULT);
                assert!(!matches!(signal.control, Control::Unknown(op) if op.name().is_some()));
            }
        }
    }
}
