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

/// What the recorder made of one release.
struct Release {
    visible: &'static str,
    hidden: &'static str,
    wrong_cookie: &'static str,
    dynamic_name: &'static str,
    alive: &'static str,
    lesser: &'static str,
    greater: &'static str,
}

macro_rules! recorded {
    ($($release:literal),*) => {
        [$(Release {
            visible: include_str!(concat!("captures/", $release, "-visible.txt")),
            hidden: include_str!(concat!("captures/", $release, "-hidden.txt")),
            wrong_cookie: include_str!(concat!("captures/", $release, "-wrong-cookie.txt")),
            dynamic_name: include_str!(concat!("captures/", $release, "-dynamic-name.txt")),
            alive: include_str!(concat!("captures/", $release, "-alive.txt")),
            lesser: include_str!(concat!("captures/", $release, "-simultaneous-lesser.txt")),
            greater: include_str!(concat!("captures/", $release, "-simultaneous-greater.txt")),
        }),*]
    };
}

const RELEASES: [Release; 3] = recorded!("otp25", "otp27", "otp29");
const COOKIE: &str = "kanelbulle";
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
fn replay_initiator(recording: &str) -> (Handshake, Vec<Vec<u8>>) {
    let (ours, theirs) = (sent(recording, ">"), sent(recording, "<"));
    let (name, reply) = (ours.first().unwrap(), ours.last().unwrap());
    // A status alone is no challenge: whoever was refused never came to the digest.
    let peer = theirs.iter().find(|message| message[2] == b'N').map(|named| node(named, 15).name);
    let challenge = if reply[2] == b'r' { u32_at(reply, 3) } else { 0 };
    let config = config(COOKIE, flags_of(name), challenge);
    let now = Instant::now();
    let mut machine = if flags_of(name).contains(Flags::NAME_ME) {
        let host = std::str::from_utf8(&name[17..]).unwrap();
        Handshake::initiate_unnamed(host, peer, config, now).unwrap()
    } else {
        Handshake::initiate(node(name, 11), peer, config, now)
    };
    let mut said = transmits(&mut machine);
    for message in &theirs {
        machine.handle_input(message);
        if message[2..] == *b"salive" {
            assert!(matches!(events(&mut machine).as_slice(), [Event::AliveAsked]));
            machine.answer_alive(true).unwrap();
        }
        said.extend(transmits(&mut machine));
    }
    assert_eq!(said, ours);
    (machine, theirs)
}

/// Our acceptor in the place of the recorded one.
fn replay_acceptor(recording: &str, decision: &Decision) -> Handshake {
    let (theirs, ours) = (sent(recording, ">"), sent(recording, "<"));
    let mut machine = match ours.get(1) {
        None => {
            let us = LocalNode {
                name: "never-said@127.0.0.1".parse().unwrap(),
                creation: Creation::new(7),
            };
            Handshake::accept(us, config(COOKIE, Flags::OFFERED, 0), Instant::now())
        }
        Some(challenge) => {
            // What the acceptor makes of NAME_ME, it shall find out by itself.
            let flags = flags_of(challenge).without(Flags::NAME_ME) | Flags::PUBLISHED;
            let config = config(COOKIE, flags, u32_at(challenge, 11));
            Handshake::accept(node(challenge, 15), config, Instant::now())
        }
    };
    let mut said = Vec::new();
    for (at, message) in theirs.iter().enumerate() {
        machine.handle_input(message);
        if at == 0 {
            machine.decide(decision.clone()).unwrap();
        }
        said.extend(transmits(&mut machine));
    }
    assert_eq!(said, ours);
    machine
}

/// Both machines in the places of both nodes, which come to the same link.
fn replay_both(recording: &str, decision: &Decision) -> [Established; 2] {
    let at_a = link(&mut replay_initiator(recording).0);
    let at_b = link(&mut replay_acceptor(recording, decision));
    assert_eq!((&at_a.peer, &at_b.peer), (&at_b.us.name, &at_a.us.name));
    assert_eq!(at_a.us.creation, at_b.peer_creation);
    assert_eq!(at_b.us.creation, at_a.peer_creation);
    assert_eq!(at_a.flags, at_b.flags);
    [at_a, at_b]
}

#[test]
fn in_the_place_of_either_visible_node_we_send_its_very_bytes() {
    for release in RELEASES {
        let [at_a, _] = replay_both(release.visible, &Decision::Ok);
        assert!(at_a.flags.contains(Flags::PUBLISHED | Flags::FRAGMENTS));
    }
}

#[test]
fn a_hidden_node_and_a_visible_one_have_a_hidden_link() {
    for release in RELEASES {
        let [at_a, _] = replay_both(release.hidden, &Decision::Ok);
        assert!(!at_a.flags.contains(Flags::PUBLISHED));
    }
}

#[test]
fn link_bytes_that_a_node_sent_behind_its_ack_are_kept() {
    for Release { visible, .. } in RELEASES {
        let (recorded, behind) = (sent(visible, "<").concat(), sent(visible, "<<").concat());
        assert!(!behind.is_empty());
        let all = [recorded, behind.clone()].concat();
        for chunk in [1, 3, all.len()] {
            let ours = sent(visible, ">");
            let config = config(COOKIE, flags_of(&ours[0]), u32_at(&ours[1], 3));
            let mut machine = Handshake::initiate(node(&ours[0], 11), None, config, Instant::now());
            all.chunks(chunk).for_each(|piece| machine.handle_input(piece));
            assert_eq!(link(&mut machine).leftover, behind);
        }
    }
}

#[test]
fn the_digest_of_a_node_with_another_cookie_is_refused_as_its_peer_refused_it() {
    for Release { wrong_cookie, .. } in RELEASES {
        let mut machine = replay_acceptor(wrong_cookie, &Decision::Ok);
        let Some(Event::Failed(error)) = events(&mut machine).pop() else { panic!("a link") };
        assert_eq!(error.cause, Cause::WrongCookie);
        // The same bytes with the cookie that was used: the digest is right, an ack follows.
        let recorded = sent(wrong_cookie, "<");
        let config = config("wrong", flags_of(&recorded[1]), u32_at(&recorded[1], 11));
        let mut machine = Handshake::accept(node(&recorded[1], 15), config, Instant::now());
        let theirs = sent(wrong_cookie, ">");
        machine.handle_input(&theirs[0]);
        machine.decide(Decision::Ok).unwrap();
        machine.handle_input(&theirs[1]);
        assert_eq!(link(&mut machine).peer, node(&theirs[0], 11).name);
    }
}

#[test]
fn a_node_without_a_name_gets_one_from_us_as_from_its_like() {
    for Release { dynamic_name, .. } in RELEASES {
        let (mut machine, theirs) = replay_initiator(dynamic_name);
        let at_a = link(&mut machine);
        let status = &theirs[0];
        let name: NodeName =
            std::str::from_utf8(&status[11..status.len() - 4]).unwrap().parse().unwrap();
        let creation = Creation::new(u32_at(status, status.len() - 4));
        assert_eq!(at_a.us, LocalNode { name: name.clone(), creation });

        let decision = Decision::Named { name: name.clone(), creation };
        let mut machine = replay_acceptor(dynamic_name, &decision);
        let told = events(&mut machine);
        let [Event::PeerNamed(caller), Event::Established(at_b)] = told.as_slice() else {
            panic!("{told:?}")
        };
        assert_eq!(caller.name, CallerName::Unnamed { host: "127.0.0.1".into() });
        assert_eq!((&at_b.peer, at_b.peer_creation), (&name, creation));
        assert_eq!(at_a.flags, at_b.flags);
    }
}

#[test]
fn a_node_that_was_restarted_is_asked_whether_the_old_link_is_dead() {
    for Release { alive, .. } in RELEASES {
        link(&mut replay_initiator(alive).0);
        let (theirs, ours) = (sent(alive, ">"), sent(alive, "<"));
        let [name, answer, reply] = theirs.as_slice() else { panic!("three messages") };
        let config = config(COOKIE, flags_of(&ours[1]) | Flags::PUBLISHED, u32_at(&ours[1], 11));
        let mut machine = Handshake::accept(node(&ours[1], 15), config, Instant::now());
        machine.handle_input(name);
        machine.decide(Decision::Alive).unwrap();
        assert_eq!(transmits(&mut machine), ours[..1]);
        machine.handle_input(answer);
        assert_eq!(transmits(&mut machine), ours[1..2]);
        machine.handle_input(reply);
        assert!(transmits(&mut machine).is_empty(), "the old link first");
        machine.handle_old_connection_gone().unwrap();
        assert_eq!(transmits(&mut machine), ours[2..]);
        assert_eq!(link(&mut machine).peer, node(name, 11).name);
    }
}

#[test]
fn of_two_that_dialled_at_once_the_greater_goes_on_and_the_lesser_is_told_no() {
    for Release { lesser, greater, .. } in RELEASES {
        let [at_greater, at_lesser] = replay_both(greater, &Decision::OkSimultaneous);
        assert!(at_greater.us.name.as_str() > at_lesser.us.name.as_str());
        let Some(Event::Failed(error)) = events(&mut replay_initiator(lesser).0).pop() else {
            panic!("a link")
        };
        assert_eq!(error.cause, Cause::Nok);
        let mut acceptor = replay_acceptor(lesser, &Decision::Nok);
        let Some(Event::Failed(error)) = events(&mut acceptor).pop() else { panic!("a link") };
        assert_eq!(error.cause, Cause::Refused);
    }
}

#[test]
fn an_otp_23_node_that_began_with_the_old_form_is_met_as_its_like_meets_it() {
    let mut machine = replay_acceptor(OLD_FORM, &Decision::Ok);
    let told = events(&mut machine);
    let [Event::PeerNamed(caller), Event::Established(link)] = told.as_slice() else {
        panic!("{told:?}")
    };
    assert_eq!((caller.creation, &caller.name), (None, &CallerName::Node(link.peer.clone())));
    assert_eq!((link.peer.as_str(), link.peer_creation.value()), ("a@127.0.0.2", 0x0df4_fe84));
    assert!(link.flags.contains(Flags::SPAWN | Flags::HANDSHAKE_23));
}
