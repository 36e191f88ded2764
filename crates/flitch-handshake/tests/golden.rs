//! Handshakes recorded from real nodes (`captures/README.md`), replayed with our machine in the
//! place of either node: it has to answer with the very bytes that the node sent.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod util;

use std::time::Instant;

use flitch_handshake::{
    CallerName, Cause, Config, Cookie, Decision, Established, Event, Flags, Handshake, LocalNode,
};
use flitch_name::{Creation, NodeName};

use util::{events, transmits};

const VISIBLE: &str = include_str!("captures/otp25-visible.txt");
const HIDDEN: &str = include_str!("captures/otp25-hidden.txt");
const WRONG_COOKIE: &str = include_str!("captures/otp25-wrong-cookie.txt");
const DYNAMIC_NAME: &str = include_str!("captures/otp25-dynamic-name.txt");
const OLD_FORM: &str = include_str!("captures/otp23-old-form.txt");

/// What one side of a recording sent, a message an element.
fn sent(recording: &str, side: &str) -> Vec<Vec<u8>> {
    let lines = recording.lines().filter_map(|line| line.split_once(' '));
    lines.filter(|(mark, _)| *mark == side).map(|(_, hex)| bytes(hex)).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(byte).collect()
}

fn u32_at(message: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(message[at..at + 4].try_into().unwrap())
}

fn flags_of(message: &[u8]) -> Flags {
    Flags::from_bits(u64::from_be_bytes(message[3..11].try_into().unwrap()))
}

/// Creation and name, which end a `send_name` and a challenge.
fn node(message: &[u8], creation_at: usize) -> LocalNode {
    let name = std::str::from_utf8(&message[creation_at + 6..]).unwrap();
    LocalNode { name: name.parse().unwrap(), creation: Creation::new(u32_at(message, creation_at)) }
}

fn config(cookie: &str, flags: Flags, challenge: u32) -> Config {
    Config { flags, ..Config::new(Cookie::new(cookie).unwrap(), challenge) }
}

fn link(machine: &mut Handshake) -> Established {
    match events(machine).pop() {
        Some(Event::Established(link)) => link,
        other => panic!("no link: {other:?}"),
    }
}

/// Our initiator in the place of the recorded one.
fn replay_initiator(recording: &str, cookie: &str) -> (Handshake, Vec<Vec<u8>>) {
    let (ours, theirs) = (sent(recording, ">"), sent(recording, "<"));
    let [name, reply] = ours.as_slice() else { panic!("two messages from the initiator") };
    let config = config(cookie, flags_of(name), u32_at(reply, 3));
    let peer = Some(node(&theirs[1], 15).name);
    let now = Instant::now();
    let mut machine = if flags_of(name).contains(Flags::NAME_ME) {
        let host = std::str::from_utf8(&name[17..]).unwrap();
        Handshake::initiate_unnamed(host, peer, config, now).unwrap()
    } else {
        Handshake::initiate(node(name, 11), peer, config, now)
    };
    theirs.iter().for_each(|message| machine.handle_input(message));
    assert_eq!(transmits(&mut machine), ours);
    (machine, theirs)
}

/// Our acceptor in the place of the recorded one.
fn replay_acceptor(recording: &str, cookie: &str, decision: Decision) -> Handshake {
    let (theirs, ours) = (sent(recording, ">"), sent(recording, "<"));
    let challenge = &ours[1];
    // What the acceptor makes of NAME_ME, it shall find out by itself.
    let flags = flags_of(challenge).without(Flags::NAME_ME) | Flags::PUBLISHED;
    let config = config(cookie, flags, u32_at(challenge, 11));
    let mut machine = Handshake::accept(node(challenge, 15), config, Instant::now());
    machine.handle_input(&theirs[0]);
    machine.decide(decision).unwrap();
    theirs[1..].iter().for_each(|message| machine.handle_input(message));
    assert_eq!(transmits(&mut machine), ours);
    machine
}

#[test]
fn in_the_place_of_either_visible_otp_25_node_we_send_its_very_bytes() {
    let (mut machine, _) = replay_initiator(VISIBLE, "kanelbulle");
    let at_a = link(&mut machine);
    assert_eq!(at_a.peer.as_str(), "b@127.0.0.1");
    assert!(at_a.flags.contains(Flags::PUBLISHED | Flags::FRAGMENTS));
    let at_b = link(&mut replay_acceptor(VISIBLE, "kanelbulle", Decision::Ok));
    assert_eq!(at_b.peer.as_str(), "a@127.0.0.1");
    assert_eq!((at_a.us.creation, at_a.peer_creation), (at_b.peer_creation, at_b.us.creation));
    assert_eq!(at_a.flags, at_b.flags);
}

#[test]
fn a_hidden_otp_25_node_and_a_visible_one_have_a_hidden_link() {
    let (mut machine, _) = replay_initiator(HIDDEN, "kanelbulle");
    assert!(!link(&mut machine).flags.contains(Flags::PUBLISHED));
    let at_b = link(&mut replay_acceptor(HIDDEN, "kanelbulle", Decision::Ok));
    assert!(!at_b.flags.contains(Flags::PUBLISHED));
}

#[test]
fn link_bytes_that_an_otp_25_node_sent_behind_its_ack_are_kept() {
    let (recorded, behind) = (sent(VISIBLE, "<").concat(), sent(VISIBLE, "<<").concat());
    assert!(!behind.is_empty());
    let all = [recorded, behind.clone()].concat();
    for chunk in [1, 3, all.len()] {
        let ours = sent(VISIBLE, ">");
        let config = config("kanelbulle", flags_of(&ours[0]), u32_at(&ours[1], 3));
        let mut machine = Handshake::initiate(node(&ours[0], 11), None, config, Instant::now());
        all.chunks(chunk).for_each(|piece| machine.handle_input(piece));
        assert_eq!(link(&mut machine).leftover, behind);
    }
}

#[test]
fn the_digest_of_an_otp_25_node_with_another_cookie_is_refused_as_that_node_refused_it() {
    let mut machine = replay_acceptor(WRONG_COOKIE, "kanelbulle", Decision::Ok);
    let Some(Event::Failed(error)) = events(&mut machine).pop() else { panic!("a link") };
    assert_eq!(error.cause, Cause::WrongCookie);
    // The same bytes with the cookie that was used: the digest is right, an ack follows.
    let recorded = sent(WRONG_COOKIE, "<");
    let config = config("wrong", flags_of(&recorded[1]), u32_at(&recorded[1], 11));
    let mut machine = Handshake::accept(node(&recorded[1], 15), config, Instant::now());
    let theirs = sent(WRONG_COOKIE, ">");
    machine.handle_input(&theirs[0]);
    machine.decide(Decision::Ok).unwrap();
    machine.handle_input(&theirs[1]);
    assert_eq!(link(&mut machine).peer.as_str(), "w@127.0.0.1");
}

#[test]
fn an_otp_25_node_without_a_name_gets_one_from_us_as_from_its_like() {
    let (mut machine, theirs) = replay_initiator(DYNAMIC_NAME, "kanelbulle");
    let at_a = link(&mut machine);
    let status = &theirs[0];
    let name: NodeName =
        std::str::from_utf8(&status[11..status.len() - 4]).unwrap().parse().unwrap();
    let creation = Creation::new(u32_at(status, status.len() - 4));
    assert_eq!(at_a.us, LocalNode { name: name.clone(), creation });

    let decision = Decision::Named { name: name.clone(), creation };
    let mut machine = replay_acceptor(DYNAMIC_NAME, "kanelbulle", decision);
    let told = events(&mut machine);
    let [Event::PeerNamed(caller), Event::Established(at_b)] = told.as_slice() else {
        panic!("{told:?}")
    };
    assert_eq!(caller.name, CallerName::Unnamed { host: "127.0.0.1".into() });
    assert_eq!((&at_b.peer, at_b.peer_creation), (&name, creation));
    assert_eq!(at_a.flags, at_b.flags);
}

#[test]
fn an_otp_23_node_that_began_with_the_old_form_is_met_as_its_like_meets_it() {
    let mut machine = replay_acceptor(OLD_FORM, "kanelbulle", Decision::Ok);
    let told = events(&mut machine);
    let [Event::PeerNamed(caller), Event::Established(link)] = told.as_slice() else {
        panic!("{told:?}")
    };
    assert_eq!((caller.creation, &caller.name), (None, &CallerName::Node(link.peer.clone())));
    assert_eq!((link.peer.as_str(), link.peer_creation.value()), ("a@127.0.0.2", 0x0df4_fe84));
    assert!(link.flags.contains(Flags::SPAWN | Flags::HANDSHAKE_23));
}
