//! Both sides of the handshake against each other, in every way that the protocol has.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod util;

use std::time::Instant;

use flitch_handshake::{
    CallerName, Cause, Config, Cookie, Cookies, Decision, Event, Fault, Flags, Handshake, Misuse,
    Stage,
};
use flitch_name::{Creation, NodeName};

use util::{
    A_CHALLENGE, B_CHALLENGE, COOKIE, Pair, a, acceptor, b, config, events, frame, initiator,
    transmits,
};

fn with_flags(flags: Flags, challenge: u32) -> Config {
    Config { flags, ..config(COOKIE, challenge) }
}

fn dial(config: Config) -> Handshake {
    Handshake::initiate(a(), Some(b().name), config, Instant::now())
}

fn answer(config: Config) -> Handshake {
    Handshake::accept(b(), config, Instant::now())
}

#[test]
fn two_ends_meet_whole_and_byte_by_byte() {
    for chunk in [usize::MAX, 1, 2, 3, 7] {
        let mut pair = Pair::new(initiator(), acceptor());
        pair.chunk = chunk;
        pair.run();
        let (at_a, at_b) = (pair.a.link(), pair.b.link());
        assert_eq!((&at_a.peer, at_a.peer_creation), (&b().name, b().creation));
        assert_eq!((&at_b.peer, at_b.peer_creation), (&a().name, a().creation));
        assert_eq!((&at_a.us, &at_b.us), (&a(), &b()));
        assert_eq!((at_a.flags, at_b.flags), (Flags::OFFERED, Flags::OFFERED));
        assert_eq!(pair.a.machine.stage(), Stage::Over);
        assert_eq!(pair.a.machine.poll_timeout(), None);
    }
}

#[test]
fn who_only_wants_to_know_a_name_learns_it_before_a_proof_of_the_cookie_is_written() {
    let (unused, now) = (config("unused", 0), Instant::now());
    let mut us = Handshake::initiate_unnamed("h.x", None, unused, now).unwrap();
    let mut them = acceptor();
    assert_eq!(us.introduction(), None);
    transmits(&mut us).iter().for_each(|message| them.handle_input(message));
    let name = "x1@h.x".parse().unwrap();
    them.decide(Decision::Named { name, creation: Creation::new(5) }).unwrap();
    assert_eq!(us.introduction(), None);
    transmits(&mut them).iter().for_each(|message| us.handle_input(message));
    let there = us.introduction().unwrap();
    assert_eq!((&there.name, there.creation), (&b().name, b().creation));
    assert!(there.flags.contains(Flags::REQUIRED));
}

#[test]
fn the_link_has_the_flags_that_both_offer_and_is_visible_only_if_both_are() {
    let visible = Flags::OFFERED | Flags::PUBLISHED;
    for (ours, theirs, expected) in [
        (visible, visible, visible),
        (visible, Flags::OFFERED, Flags::OFFERED),
        (Flags::OFFERED, visible, Flags::OFFERED),
        (Flags::OFFERED, Flags::REQUIRED, Flags::REQUIRED),
        (visible.without(Flags::SPAWN), visible, visible.without(Flags::SPAWN)),
    ] {
        let mut pair =
            Pair::new(dial(with_flags(ours, A_CHALLENGE)), answer(with_flags(theirs, B_CHALLENGE)));
        pair.run();
        assert_eq!(pair.a.link().flags, expected);
        assert_eq!(pair.b.link().flags, expected);
    }
}

#[test]
fn a_peer_that_states_the_digest_bit_alone_has_all_that_it_stands_for() {
    let short = Flags::MANDATORY_25_DIGEST;
    let mut pair = Pair::new(dial(with_flags(short, A_CHALLENGE)), acceptor());
    pair.run();
    let Some(Event::PeerNamed(caller)) = pair.b.events.first() else { panic!("nobody named") };
    assert!(caller.flags.contains(Flags::MANDATORY_25));
    assert_eq!(pair.b.link().flags, short.expanded());
}

#[test]
fn bytes_behind_the_last_message_belong_to_the_link_on_both_sides() {
    let mut pair = Pair::new(initiator(), acceptor());
    pair.run();
    let from_b: Vec<u8> = pair.b.sent.clone();
    let from_a = pair.a.sent.clone();
    for chunk in [usize::MAX, 1, 5] {
        let mut machine = initiator();
        [from_b.as_slice(), b"\0\0\0\0link"].concat().chunks(chunk).for_each(|piece| {
            machine.handle_input(piece);
        });
        let Some(Event::Established(link)) = machine.poll_event() else { panic!("no link") };
        assert_eq!(link.leftover, b"\0\0\0\0link".as_slice());
    }
    let mut machine = acceptor();
    let (name, reply) = from_a.split_at(from_a.len() - 23);
    machine.handle_input(name);
    machine.decide(Decision::Ok).unwrap();
    machine.handle_input(&[reply, b"first"].concat());
    machine.handle_input(b" second");
    let link = events(&mut machine).pop().unwrap();
    let Event::Established(link) = link else { panic!("no link: {link:?}") };
    assert_eq!(link.leftover, b"first second".as_slice());
}

#[test]
fn status_ok_simultaneous_goes_on() {
    let mut pair = Pair::new(initiator(), acceptor());
    pair.decision = Decision::OkSimultaneous;
    pair.run();
    assert_eq!(pair.a.link().peer, b().name);
    assert_eq!(pair.b.link().peer, a().name);
}

#[test]
fn status_nok_tells_the_initiator_that_the_peers_own_attempt_goes_on() {
    let mut pair = Pair::new(initiator(), acceptor());
    pair.decision = Decision::Nok;
    pair.run();
    assert_eq!(pair.a.cause(), &Cause::Nok);
    assert_eq!(pair.b.cause(), &Cause::Refused);
    assert_eq!(pair.a.error().fault(), Fault::Decision);
}

#[test]
fn status_not_allowed_ends_both() {
    let mut pair = Pair::new(initiator(), acceptor());
    pair.decision = Decision::NotAllowed;
    pair.run();
    assert_eq!(pair.a.cause(), &Cause::NotAllowed);
    assert_eq!(pair.b.cause(), &Cause::Refused);
    assert!(pair.a.error().to_string().contains("b@127.0.0.1"));
}

#[test]
fn a_restarted_node_takes_over_once_its_old_connection_has_ended_and_not_before() {
    for chunk in [usize::MAX, 1] {
        let mut pair = Pair::new(initiator(), acceptor());
        pair.chunk = chunk;
        pair.decision = Decision::Alive;
        pair.old_connection_ends = false;
        pair.run();
        assert!(matches!(pair.a.events.as_slice(), [Event::AliveAsked]));
        assert!(matches!(pair.b.events.last(), Some(Event::EndOldConnection)));
        assert_eq!(pair.a.machine.stage(), Stage::ChallengeAck);
        assert_eq!(pair.b.machine.stage(), Stage::OldConnection);
        pair.b.machine.handle_old_connection_gone().unwrap();
        pair.run();
        assert_eq!(pair.a.link().peer, b().name);
        assert_eq!(pair.b.link().peer, a().name);
    }
}

#[test]
fn a_peer_with_a_wrong_cookie_cannot_end_an_old_connection_by_its_name() {
    let mut pair = Pair::new(dial(config("wrong", A_CHALLENGE)), acceptor());
    pair.decision = Decision::Alive;
    pair.run();
    assert!(!pair.b.events.iter().any(|event| matches!(event, Event::EndOldConnection)));
    assert_eq!(pair.b.cause(), &Cause::WrongCookie);
}

#[test]
fn an_attempt_that_lost_answers_alive_with_false_and_ends() {
    let mut pair = Pair::new(initiator(), acceptor());
    pair.decision = Decision::Alive;
    pair.alive = false;
    pair.run();
    assert_eq!(pair.a.cause(), &Cause::GivenUp);
    assert_eq!(pair.b.cause(), &Cause::Withdrawn);
    assert!(pair.a.sent.ends_with(b"\0\x06sfalse"));
}

#[test]
fn a_wrong_cookie_is_named_on_both_sides_in_the_words_that_each_can_know() {
    let mut pair = Pair::new(dial(config("wrong", A_CHALLENGE)), acceptor());
    pair.run();
    assert_eq!(pair.b.cause(), &Cause::WrongCookie);
    assert_eq!(pair.a.cause(), &Cause::ClosedAfterReply);
    for end in [&pair.a, &pair.b] {
        assert_eq!(end.error().fault(), Fault::Cookie);
        let said = format!("{} {:?} {:?}", end.error(), end.error(), end.machine);
        assert!(said.contains("cookie"), "{said}");
        assert!(!said.contains("kanelbulle") && !said.contains("wrong\""), "{said}");
    }
}

#[test]
fn an_acceptor_that_only_pretends_to_know_the_cookie_is_not_believed() {
    let mut machine = initiator();
    transmits(&mut machine);
    let challenge =
        [&b"N"[..], &Flags::OFFERED.bits().to_be_bytes(), &[0; 8], b"\0\x0bb@127.0.0.1"].concat();
    for body in [&b"sok"[..], &challenge, &[&b"a"[..], &[0; 16]].concat()] {
        machine.handle_input(&frame(body));
    }
    let Some(Event::Failed(error)) = machine.poll_event() else { panic!("believed") };
    assert_eq!((error.stage, error.cause), (Stage::ChallengeAck, Cause::WrongCookie));
}

#[test]
fn each_peer_is_met_with_its_own_cookie() {
    let cookies = Cookies::new(Cookie::new("other").unwrap())
        .with_peer((&b().name).into(), Cookie::new(COOKIE).unwrap());
    let mut pair = Pair::new(dial(Config::new(cookies, A_CHALLENGE)), acceptor());
    pair.run();
    assert_eq!(pair.a.link().peer, b().name);
    let cookies = Cookies::new(Cookie::new("other").unwrap())
        .with_peer((&a().name).into(), Cookie::new(COOKIE).unwrap());
    let mut pair = Pair::new(initiator(), answer(Config::new(cookies, B_CHALLENGE)));
    pair.run();
    assert_eq!(pair.b.link().peer, a().name);
}

#[test]
fn missing_flags_are_listed_by_name_on_the_side_that_misses_them() {
    let poor = Flags::OFFERED.without(Flags::MANDATORY_25_DIGEST | Flags::MAP_TAG);
    let mut pair = Pair::new(dial(with_flags(poor, A_CHALLENGE)), acceptor());
    pair.run();
    assert_eq!(pair.b.cause(), &Cause::MissingFlags(Flags::MAP_TAG));
    assert_eq!(pair.a.cause(), &Cause::NotAllowed);
    assert!(pair.b.error().to_string().contains("MAP_TAG"));

    let poor = poor.without(Flags::BIG_CREATION);
    let mut pair = Pair::new(initiator(), answer(with_flags(poor, B_CHALLENGE)));
    pair.run();
    assert_eq!(pair.a.cause(), &Cause::MissingFlags(Flags::MAP_TAG | Flags::BIG_CREATION));
    assert_eq!(pair.a.error().fault(), Fault::Incompatible);
    assert_eq!(pair.b.cause(), &Cause::Closed);
}

#[test]
fn a_node_under_another_name_than_the_one_dialled_is_not_taken() {
    let wanted: NodeName = "c@127.0.0.1".parse().unwrap();
    let dial = |peer| Handshake::initiate(a(), peer, config(COOKIE, A_CHALLENGE), Instant::now());
    let mut pair = Pair::new(dial(Some(wanted)), acceptor());
    pair.run();
    assert_eq!(pair.a.cause(), &Cause::OtherName { stated: b().name });
    assert_eq!(pair.a.error().fault(), Fault::Address);
    // Our digest was not given away.
    assert!(!pair.a.sent.contains(&b'r'));

    let mut pair = Pair::new(dial(None), acceptor());
    pair.run();
    assert_eq!(pair.a.link().peer, b().name);
}

fn unnamed() -> Handshake {
    let visible = with_flags(Flags::OFFERED | Flags::PUBLISHED, A_CHALLENGE);
    Handshake::initiate_unnamed("127.0.0.1", Some(b().name), visible, Instant::now()).unwrap()
}

fn given(name: &str) -> Decision {
    Decision::Named { name: name.parse().unwrap(), creation: Creation::new(77) }
}

#[test]
fn a_node_without_a_name_is_given_one_with_a_creation() {
    for chunk in [usize::MAX, 1] {
        let mut pair = Pair::new(unnamed(), acceptor());
        pair.chunk = chunk;
        pair.decision = given("X1@127.0.0.1");
        pair.run();
        let Some(Event::PeerNamed(caller)) = pair.b.events.first() else { panic!("nobody named") };
        assert_eq!(caller.name, CallerName::Unnamed { host: "127.0.0.1".into() });
        assert_eq!(caller.creation, None);
        let us = &pair.a.link().us;
        assert_eq!((us.name.as_str(), us.creation.value()), ("X1@127.0.0.1", 77));
        let link = pair.b.link();
        assert_eq!((link.peer.as_str(), link.peer_creation.value()), ("X1@127.0.0.1", 77));
        // A BEAM that asks for a name insists on seeing NAME_ME in the answer.
        assert_eq!(link.flags, Flags::OFFERED | Flags::NAME_ME);
        assert_eq!(pair.a.link().flags, link.flags);
    }
}

#[test]
fn a_decision_that_does_not_fit_the_caller_changes_nothing() {
    let mut pair = Pair::new(unnamed(), acceptor());
    transmits(&mut pair.a.machine).iter().for_each(|bytes| pair.b.machine.handle_input(bytes));
    let machine = &mut pair.b.machine;
    assert_eq!(machine.decide(Decision::Ok), Err(Misuse::NameWanted));
    assert_eq!(machine.decide(Decision::Alive), Err(Misuse::NameWanted));
    assert_eq!(machine.decide(given("x@elsewhere")), Err(Misuse::ForeignName));
    assert_eq!(machine.stage(), Stage::Decision);
    assert_eq!(machine.decide(given("x@127.0.0.1")), Ok(()));
    assert_eq!(machine.decide(Decision::Ok), Err(Misuse::NotAsked(Stage::ChallengeReply)));

    let mut machine = acceptor();
    assert_eq!(machine.decide(Decision::Ok), Err(Misuse::NotAsked(Stage::Name)));
    transmits(&mut initiator()).iter().for_each(|bytes| machine.handle_input(bytes));
    assert_eq!(machine.decide(given("x@127.0.0.1")), Err(Misuse::NameUnwanted));
    assert!(machine.answer_alive(true).is_err());
    assert!(machine.handle_old_connection_gone().is_err());
    assert!(transmits(&mut machine).is_empty());
}

#[test]
fn a_name_is_taken_only_if_asked_for_and_only_on_our_host() {
    let cause = |machine: &mut Handshake, status: &[u8]| {
        machine.handle_input(&frame(status));
        match machine.poll_event() {
            Some(Event::Failed(error)) => error.cause,
            other => panic!("went on: {other:?}"),
        }
    };
    let named = b"snamed:\0\x0bX@127.0.0.1\0\0\0\x09";
    assert_eq!(cause(&mut initiator(), named), Cause::UnaskedName);
    assert_eq!(cause(&mut unnamed(), b"sok"), Cause::NoName);
    assert_eq!(cause(&mut unnamed(), b"salive"), Cause::NoName);
    let foreign = b"snamed:\0\x05X@h.x\0\0\0\x09";
    let expected = Cause::ForeignName { given: "X@h.x".parse().unwrap() };
    assert_eq!(cause(&mut unnamed(), foreign), expected);
    assert!(Handshake::initiate_unnamed("a@b", None, config(COOKIE, 1), Instant::now()).is_err());
}

/// What an initiator of version 5 sends first.
fn old_name(flags: Flags) -> Vec<u8> {
    let flags = u32::try_from(flags.bits() & 0xffff_ffff).unwrap();
    frame(&[&b"n\0\x05"[..], &flags.to_be_bytes(), b"old@127.0.0.1"].concat())
}

/// The digest that a peer with `COOKIE` sends us, with its own challenge before it.
fn reply() -> Vec<u8> {
    // Our initiator makes it: it is asked with the challenge that our acceptor sends.
    let mut pair = Pair::new(initiator(), acceptor());
    pair.run();
    pair.a.sent.split_off(pair.a.sent.len() - 23)
}

#[test]
fn an_otp_22_node_is_met_in_its_own_dialect() {
    let mut machine = acceptor();
    machine.handle_input(&old_name(Flags::REQUIRED));
    let Some(Event::PeerNamed(caller)) = machine.poll_event() else { panic!("refused") };
    assert_eq!((caller.creation, caller.flags), (None, Flags::REQUIRED));
    machine.decide(Decision::Ok).unwrap();
    let sent = transmits(&mut machine);
    assert_eq!(sent[0], frame(b"sok"));
    assert_eq!(sent[1][2..5], *b"n\0\x05");
    assert!(sent[1].ends_with(b"b@127.0.0.1"));
    machine.handle_input(&reply());
    let Some(Event::Established(link)) = machine.poll_event() else { panic!("no link") };
    assert_eq!((link.peer_creation.value(), link.flags), (0, Flags::REQUIRED));
}

#[test]
fn an_otp_23_node_that_began_with_the_old_form_adds_flags_and_creation() {
    let mut machine = acceptor();
    machine.handle_input(&old_name(Flags::OFFERED));
    machine.decide(Decision::Ok).unwrap();
    assert_eq!(transmits(&mut machine)[1][2], b'N');
    assert_eq!(machine.stage(), Stage::Complement);
    machine.handle_input(&frame(b"c\0\0\0\x01\0\0\0\x09"));
    machine.handle_input(&reply());
    let link = events(&mut machine).pop();
    let Some(Event::Established(link)) = link else { panic!("no link: {link:?}") };
    assert_eq!(link.peer_creation, Creation::new(9));
    assert!(link.flags.contains(Flags::SPAWN) && !link.flags.contains(Flags::ALIAS));
}

#[test]
fn flags_that_only_a_complement_can_carry_are_judged_when_it_is_there() {
    let required = Flags::REQUIRED | Flags::V4_NC;
    let strict = Config { required, ..config(COOKIE, B_CHALLENGE) };
    let mut machine = answer(strict.clone());
    machine.handle_input(&old_name(Flags::OFFERED));
    machine.decide(Decision::Ok).unwrap();
    machine.handle_input(&frame(b"c\0\0\0\x01\0\0\0\x09"));
    let Some(Event::Failed(error)) = events(&mut machine).pop() else { panic!("taken") };
    assert_eq!(error.cause, Cause::MissingFlags(Flags::V4_NC));

    let mut machine = answer(strict);
    machine.handle_input(&old_name(Flags::REQUIRED));
    let Some(Event::Failed(error)) = events(&mut machine).pop() else { panic!("taken") };
    assert_eq!(error.cause, Cause::MissingFlags(Flags::V4_NC));
    assert_eq!(transmits(&mut machine), [frame(b"snot_allowed")]);
}
