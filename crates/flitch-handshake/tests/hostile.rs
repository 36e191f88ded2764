//! Peers that break the protocol, stop, or drip: nothing panics, nothing becomes a link by mistake.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod util;

use std::time::{Duration, Instant};

use flitch_handshake::{
    Cause, Config, Decision, Event, Fault, Handshake, HandshakeError, MessageError, Stage,
};
use proptest::prelude::*;

use util::{COOKIE, Pair, a, acceptor, b, config, events, frame, initiator, transmits};

/// Each stage that waits for the peer, by the bytes and answers that lead there.
fn waiting() -> Vec<(Stage, Handshake)> {
    let mut pair = Pair::new(initiator(), acceptor());
    pair.run();
    let (from_a, from_b) = (pair.a.sent, pair.b.sent);
    let name = &from_a[..from_a.len() - 23];
    let old = frame(b"n\0\x05\xff\xff\xff\xffold@127.0.0.1");
    let accepted = |name: &[u8], decision| {
        let mut machine = acceptor();
        machine.handle_input(name);
        machine.decide(decision).unwrap();
        machine
    };
    let dialled = |bytes: &[u8]| {
        let mut machine = initiator();
        machine.handle_input(bytes);
        machine
    };
    vec![
        (Stage::Name, acceptor()),
        (Stage::AliveAnswer, accepted(name, Decision::Alive)),
        (Stage::Complement, accepted(&old, Decision::Ok)),
        (Stage::ChallengeReply, accepted(name, Decision::Ok)),
        (Stage::Status, initiator()),
        (Stage::Challenge, dialled(&from_b[..5])),
        (Stage::ChallengeAck, dialled(&from_b[..from_b.len() - 19])),
    ]
}

/// Each stage that waits for our own side.
fn asking() -> Vec<(Stage, Handshake)> {
    let mut decision = acceptor();
    transmits(&mut initiator()).iter().for_each(|bytes| decision.handle_input(bytes));
    let mut alive = initiator();
    alive.handle_input(&frame(b"salive"));
    let mut pair = Pair::new(initiator(), acceptor());
    pair.decision = Decision::Alive;
    pair.old_connection_ends = false;
    pair.run();
    vec![
        (Stage::Decision, decision),
        (Stage::OurAliveAnswer, alive),
        (Stage::OldConnection, pair.b.machine),
    ]
}

fn failure(machine: &mut Handshake) -> HandshakeError {
    match events(machine).pop() {
        Some(Event::Failed(error)) => error,
        other => panic!("did not fail: {other:?}"),
    }
}

fn problem(machine: &mut Handshake) -> MessageError {
    match failure(machine).cause {
        Cause::Message(problem) => problem,
        other => panic!("not the bytes' fault: {other}"),
    }
}

#[test]
fn the_list_of_stages_above_is_what_it_says() {
    for (stage, machine) in waiting().into_iter().chain(asking()) {
        assert_eq!(machine.stage(), stage);
    }
}

#[test]
fn an_empty_frame_ends_it_in_each_stage() {
    for (stage, mut machine) in waiting() {
        machine.handle_input(&[0, 0]);
        assert_eq!(problem(&mut machine), MessageError::Empty, "{stage}");
    }
}

#[test]
fn a_huge_length_ends_it_in_each_stage_before_its_bytes_are_awaited() {
    for (stage, mut machine) in waiting() {
        machine.handle_input(&[0xff, 0xff]);
        let expected = MessageError::FrameTooLong { len: 65_535, max: 4096 };
        assert_eq!(problem(&mut machine), expected, "{stage}");
    }
}

#[test]
fn a_wrong_tag_ends_it_in_each_stage_and_the_sentence_says_which() {
    for (stage, mut machine) in waiting() {
        machine.handle_input(&frame(b"\x1bgarbage"));
        let error = failure(&mut machine);
        assert_eq!((error.stage, error.fault()), (stage, Fault::Peer));
        let said = error.to_string();
        assert!(said.contains("tag \\x1b") && said.contains("OTP 23 or later"), "{said}");
        assert!(!said.contains('\x1b'));
    }
}

#[test]
fn another_messages_tag_ends_it_in_each_stage() {
    let bodies: [(&[u8], &[Stage]); 4] = [
        (b"c\0\0\0\0\0\0\0\0", &[Stage::Complement]),
        (&[b'r'; 21], &[Stage::ChallengeReply]),
        (&[b'a'; 17], &[Stage::ChallengeAck]),
        (b"strue", &[Stage::AliveAnswer]),
    ];
    for (body, due) in bodies {
        for (stage, mut machine) in waiting() {
            if !due.contains(&stage) {
                machine.handle_input(&frame(body));
                assert_eq!(failure(&mut machine).stage, stage);
            }
        }
    }
}

#[test]
fn a_message_with_bytes_behind_its_end_is_refused_where_the_protocol_has_no_room() {
    for (stage, tag, len) in [
        (Stage::ChallengeReply, b'r', 21),
        (Stage::ChallengeAck, b'a', 17),
        (Stage::Complement, b'c', 9),
    ] {
        let (_, mut machine) = waiting().into_iter().find(|(found, _)| *found == stage).unwrap();
        machine.handle_input(&frame(&[&[tag][..], &vec![0; len]].concat()));
        assert!(matches!(problem(&mut machine), MessageError::Long { extra: 1, .. }), "{stage}");
    }
}

#[test]
fn an_impossible_name_never_reaches_the_table_of_peers() {
    let long = "a".repeat(300) + "@h.x";
    for name in ["", "no-at", "@h.x", "a@", "two@at@h.x", "nul\0@h.x", "esc\x1b[2J@h.x", &long] {
        let len = u16::try_from(name.len()).unwrap().to_be_bytes();
        let mut machine = acceptor();
        let body = [&b"N\0\0\0\x05\x07\xff\xff\xff\0\0\0\x09"[..], &len, name.as_bytes()].concat();
        machine.handle_input(&frame(&body));
        let told = events(&mut machine);
        assert!(matches!(told.as_slice(), [Event::Failed(_)]), "{name:?}");
        let said = format!("{told:?}");
        assert!(said.is_ascii() && !said.contains('\0') && said.len() < 400, "{said}");
    }
}

#[test]
fn a_peer_that_talks_while_we_decide_is_kept_to_one_frame() {
    for (stage, mut machine) in asking() {
        let kept = if stage == Stage::OldConnection { 64 * 1024 } else { 4096 };
        machine.handle_input(&vec![0; kept]);
        assert_eq!(machine.stage(), stage);
        machine.handle_input(&[0]);
        assert_eq!(problem(&mut machine), MessageError::OutOfTurn { len: kept + 1 });
    }
}

#[test]
fn what_came_while_we_decided_is_read_after_the_decision() {
    let mut machine = acceptor();
    transmits(&mut initiator()).iter().for_each(|bytes| machine.handle_input(bytes));
    machine.handle_input(&frame(&[b'r'; 21]));
    machine.decide(Decision::Ok).unwrap();
    assert_eq!(failure(&mut machine).cause, Cause::WrongCookie);
}

#[test]
fn a_close_in_each_stage_is_told_with_that_stage() {
    for (stage, mut machine) in waiting().into_iter().chain(asking()) {
        machine.handle_close();
        let error = failure(&mut machine);
        assert_eq!(error.stage, stage);
        let expected =
            if stage == Stage::ChallengeAck { Cause::ClosedAfterReply } else { Cause::Closed };
        assert_eq!(error.cause, expected);
    }
}

#[test]
fn a_close_at_any_byte_ends_it_and_gives_no_link() {
    let mut pair = Pair::new(initiator(), acceptor());
    pair.run();
    let (from_a, from_b) = (pair.a.sent, pair.b.sent);
    for len in 0..from_b.len() {
        let mut machine = initiator();
        machine.handle_input(&from_b[..len]);
        machine.handle_close();
        assert!(matches!(failure(&mut machine).cause, Cause::Closed | Cause::ClosedAfterReply));
    }
    for len in 0..from_a.len() {
        let mut machine = acceptor();
        machine.handle_input(&from_a[..len]);
        let _ = machine.decide(Decision::Ok);
        machine.handle_close();
        assert_eq!(failure(&mut machine).cause, Cause::Closed);
    }
}

#[test]
fn the_deadline_holds_in_each_stage_and_a_dripping_peer_does_not_move_it() {
    let slack = Duration::from_secs(60);
    for (stage, mut machine) in waiting().into_iter().chain(asking()) {
        let deadline = machine.poll_timeout().unwrap();
        machine.handle_timeout(deadline - Duration::from_millis(1));
        assert_eq!(machine.stage(), stage);
        if !matches!(stage, Stage::Decision | Stage::OurAliveAnswer | Stage::OldConnection) {
            machine.handle_input(&[0]);
        }
        assert_eq!(machine.poll_timeout(), Some(deadline));
        machine.handle_timeout(deadline);
        let error = failure(&mut machine);
        assert_eq!((error.stage, error.cause), (stage, Cause::TimedOut));
        machine.handle_timeout(deadline + slack);
        assert!(events(&mut machine).is_empty());
        assert_eq!(machine.poll_timeout(), None);
    }
}

#[test]
fn the_deadline_is_the_configured_time_after_the_start() {
    let now = Instant::now();
    let machine = Handshake::accept(b(), config(COOKIE, 1), now);
    assert_eq!(machine.poll_timeout(), Some(now + Config::NET_SETUPTIME));
    let timeout = Duration::from_millis(250);
    let short = Config { timeout, ..config(COOKIE, 1) };
    let machine = Handshake::initiate(a(), None, short, now);
    assert_eq!(machine.poll_timeout(), Some(now + timeout));
    let endless = Config { timeout: Duration::MAX, ..config(COOKIE, 1) };
    let machine = Handshake::accept(b(), endless, now);
    assert_eq!(machine.poll_timeout(), Some(now + Config::NET_SETUPTIME));
}

#[test]
fn after_the_end_nothing_more_happens() {
    let mut pair = Pair::new(initiator(), acceptor());
    pair.run();
    let mut failed = acceptor();
    failed.handle_input(&[0, 0]);
    failure(&mut failed);
    for machine in [&mut pair.a.machine, &mut pair.b.machine, &mut failed] {
        machine.handle_input(b"\0\x03sok");
        machine.handle_close();
        machine.handle_timeout(Instant::now() + Duration::from_secs(3600));
        assert!(machine.decide(Decision::Ok).is_err());
        assert!(machine.poll_event().is_none() && machine.poll_transmit().is_none());
    }
}

#[test]
fn neither_cookie_nor_digest_is_printed_at_any_stage() {
    let mut pair = Pair::new(initiator(), acceptor());
    pair.run();
    let proof = &pair.a.sent[pair.a.sent.len() - 16..];
    for (_, mut machine) in waiting().into_iter().chain(asking()) {
        let said = format!("{machine:?} {:?}", events(&mut machine));
        assert!(!said.contains("kanel") && !said.contains(&proof.escape_ascii().to_string()));
    }
}

/// Input in pieces, with each question answered in the way that goes furthest.
fn feed(machine: &mut Handshake, pieces: &[Vec<u8>]) -> bool {
    let mut established = false;
    for piece in pieces {
        machine.handle_input(piece);
        while let Some(event) = machine.poll_event() {
            match event {
                Event::PeerNamed(_) => {
                    let _ = machine.decide(Decision::Ok);
                }
                Event::AliveAsked => machine.answer_alive(true).unwrap(),
                Event::Established(_) => established = true,
                _ => {}
            }
        }
        while machine.poll_transmit().is_some() {}
    }
    established
}

/// Frames that are nearly right, so that the later stages see some of them.
fn nearly_right() -> impl Strategy<Value = Vec<u8>> {
    let body = prop_oneof![
        Just(b"sok".to_vec()),
        Just(b"salive".to_vec()),
        Just(b"strue".to_vec()),
        Just(b"N\0\0\0\x0d\x07\xff\xff\xff\x01\x02\x03\x04\0\0\0\x09\0\x0bb@127.0.0.1".to_vec()),
        Just(b"N\0\0\0\x0d\x07\xff\xff\xff\0\0\0\x09\0\x0ba@127.0.0.1".to_vec()),
        Just(b"n\0\x05\xff\xff\xff\xffold@127.0.0.1".to_vec()),
        Just(b"c\0\0\0\x01\0\0\0\x09".to_vec()),
        prop::collection::vec(any::<u8>(), 20).prop_map(|rest| [&b"r"[..], &rest].concat()),
        prop::collection::vec(any::<u8>(), 16).prop_map(|rest| [&b"a"[..], &rest].concat()),
        prop::collection::vec(any::<u8>(), 1..40),
    ];
    body.prop_map(|body| frame(&body))
}

proptest! {
    #[test]
    fn no_bytes_in_any_pieces_panic_or_make_a_link(
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..8),
    ) {
        prop_assert!(!feed(&mut acceptor(), &pieces));
        prop_assert!(!feed(&mut initiator(), &pieces));
    }

    #[test]
    fn no_frames_without_the_cookie_make_a_link(
        frames in prop::collection::vec(nearly_right(), 0..8),
        chunk in 1..40_usize,
    ) {
        let pieces: Vec<Vec<u8>> = frames.concat().chunks(chunk).map(<[u8]>::to_vec).collect();
        prop_assert!(!feed(&mut acceptor(), &pieces));
        prop_assert!(!feed(&mut initiator(), &pieces));
    }

    #[test]
    fn one_flipped_bit_in_the_proof_is_always_noticed(bit in 0..128_usize) {
        let mut pair = Pair::new(initiator(), acceptor());
        pair.run();
        let mut bytes = pair.b.sent;
        let at = bytes.len() - 16 + bit / 8;
        bytes[at] ^= 1 << (bit % 8);
        prop_assert!(!feed(&mut initiator(), &[bytes]));
    }
}
