//! Our machine against real Erlang nodes, in both directions, over loopback.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod util;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Instant;

use flitch_handshake::{
    Cause, Config, Decision, Established, Event, Flags, Handshake, HandshakeError, LocalNode,
};
use flitch_name::{Creation, NodeName};

use util::otp::{Epmd, Erl};
use util::tcp::drive;
use util::{COOKIE, config};

fn us(alive: &str) -> LocalNode {
    let name = format!("{alive}@127.0.0.1").parse().unwrap();
    LocalNode { name, creation: Creation::new(0x0bad_cafe) }
}

fn node(alive: &str) -> NodeName {
    us(alive).name
}

type Outcome = Result<Established, HandshakeError>;

/// Dials a node on `port`; the stream is the link.
fn dial(port: u16, machine: Handshake, go_on: bool) -> (TcpStream, Outcome, bool) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let mut asked = false;
    let outcome = drive(&mut stream, machine, |machine, _| {
        asked = true;
        machine.answer_alive(go_on).unwrap();
    });
    (stream, outcome, asked)
}

fn initiate(peer: &str, config: Config) -> Handshake {
    Handshake::initiate(us("flitch"), Some(node(peer)), config, Instant::now())
}

/// A node dials us, and we decide.
fn be_dialled(
    listener: &TcpListener,
    config: Config,
    decision: &Decision,
) -> (TcpStream, Outcome, Vec<Event>) {
    let (mut stream, _) = listener.accept().unwrap();
    let mut asked = Vec::new();
    let machine = Handshake::accept(us("flitch"), config, Instant::now());
    let outcome = drive(&mut stream, machine, |machine, event| {
        match event {
            Event::PeerNamed(_) => machine.decide(decision.clone()).unwrap(),
            Event::EndOldConnection => machine.handle_old_connection_gone().unwrap(),
            other => panic!("an acceptor was asked {other:?}"),
        }
        asked.push(event.clone());
    });
    (stream, outcome, asked)
}

/// Something for a node to dial: a listener, known to EPMD as `flitch`.
fn listen(epmd: &Epmd) -> (TcpListener, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let registration = epmd.register("flitch", listener.local_addr().unwrap().port());
    (listener, registration)
}

#[test]
fn a_real_node_takes_us_as_hidden_and_we_know_its_creation_and_flags() {
    let epmd = Epmd::start();
    let (erl, port) = Erl::listening(&epmd, "erl", COOKIE);
    let (stream, outcome, asked) = dial(port, initiate("erl", config(COOKIE, 1)), true);
    let link = outcome.unwrap();
    assert_eq!(erl.line(), "nodeup hidden 'flitch@127.0.0.1'");
    assert_eq!((link.peer, asked), (node("erl"), false));
    assert!(link.peer_creation.value() >= 4);
    assert_eq!(link.flags | Flags::ALTACT_SIG | Flags::NATIVE_RECORDS, Flags::OFFERED);
    drop(stream);
    assert_eq!(erl.line(), "nodedown hidden 'flitch@127.0.0.1'");
}

#[test]
fn a_real_node_takes_us_as_visible_if_we_say_so() {
    let epmd = Epmd::start();
    let (erl, port) = Erl::listening(&epmd, "erl", COOKIE);
    let visible = Config { flags: Flags::OFFERED | Flags::PUBLISHED, ..config(COOKIE, 2) };
    let (_stream, outcome, _) = dial(port, initiate("erl", visible), true);
    assert!(outcome.unwrap().flags.contains(Flags::PUBLISHED));
    assert_eq!(erl.line(), "nodeup visible 'flitch@127.0.0.1'");
}

#[test]
fn a_real_node_closes_on_our_wrong_cookie_and_we_say_that_it_is_the_cookie() {
    let epmd = Epmd::start();
    let (_erl, port) = Erl::listening(&epmd, "erl", COOKIE);
    let (_stream, outcome, _) = dial(port, initiate("erl", config("another", 3)), true);
    assert_eq!(outcome.unwrap_err().cause, Cause::ClosedAfterReply);
}

#[test]
fn after_a_restart_a_real_node_asks_whether_the_old_link_is_dead_and_then_drops_it() {
    let epmd = Epmd::start();
    let (erl, port) = Erl::listening(&epmd, "erl", COOKIE);
    let (_old, outcome, _) = dial(port, initiate("erl", config(COOKIE, 4)), true);
    outcome.unwrap();
    assert_eq!(erl.line(), "nodeup hidden 'flitch@127.0.0.1'");

    let (_lost, outcome, asked) = dial(port, initiate("erl", config(COOKIE, 5)), false);
    assert_eq!((outcome.unwrap_err().cause, asked), (Cause::GivenUp, true));

    let (_new, outcome, asked) = dial(port, initiate("erl", config(COOKIE, 6)), true);
    assert_eq!((outcome.unwrap().peer, asked), (node("erl"), true));
    assert_eq!(erl.line(), "nodedown hidden 'flitch@127.0.0.1'");
    assert_eq!(erl.line(), "nodeup hidden 'flitch@127.0.0.1'");
}

#[test]
fn a_real_node_gives_us_a_name_when_we_have_none() {
    let epmd = Epmd::start();
    let (erl, port) = Erl::listening(&epmd, "erl", COOKIE);
    let machine = Handshake::initiate_unnamed(
        "127.0.0.1",
        Some(node("erl")),
        config(COOKIE, 7),
        Instant::now(),
    );
    let (_stream, outcome, _) = dial(port, machine.unwrap(), true);
    let link = outcome.unwrap();
    assert_eq!(erl.line(), format!("nodeup hidden '{}'", link.us.name));
    assert!(link.us.creation.value() >= 4);
}

/// OTP 25 does; OTP 27 and 29 take it again (`dist_util:recv_name/1`).
#[test]
fn a_real_node_of_otp_25_closes_on_a_legacy_n_and_so_v6_n_comes_first() {
    let epmd = Epmd::start();
    let report = "io:format(\"~s~n\", [erlang:system_info(otp_release)])";
    let release = Erl::start(&epmd, "probe@127.0.0.1", COOKIE, report).line();
    let (erl, port) = Erl::listening(&epmd, "erl", COOKIE);
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let flags = u32::try_from(Flags::OFFERED.bits() & 0xffff_ffff).unwrap();
    let legacy = [b"n\0\x05".as_slice(), &flags.to_be_bytes(), b"old@127.0.0.1"].concat();
    stream.write_all(&util::frame(&legacy)).unwrap();
    let answer = stream.read(&mut [0; 1]);
    let closed = matches!(answer, Ok(0) | Err(_));
    assert_eq!(closed, release.trim() == "25", "OTP {release}: {answer:?}");
    drop(stream);
    let (_stream, outcome, _) = dial(port, initiate("erl", config(COOKIE, 18)), true);
    outcome.unwrap();
    assert_eq!(erl.line(), "nodeup hidden 'flitch@127.0.0.1'");
}

#[test]
fn a_real_node_refuses_us_without_a_mandatory_flag() {
    let epmd = Epmd::start();
    let (_erl, port) = Erl::listening(&epmd, "erl", COOKIE);
    let flags = Flags::OFFERED.without(Flags::MANDATORY_25_DIGEST | Flags::MAP_TAG);
    assert_eq!(flags.missing_for(25), Flags::MAP_TAG);
    let poor = Config { flags, ..config(COOKIE, 8) };
    let (_stream, outcome, _) = dial(port, initiate("erl", poor), true);
    let error = outcome.unwrap_err();
    assert_eq!((&error.cause, error.lacking), (&Cause::NotAllowed, Flags::MAP_TAG));
    assert!(error.to_string().contains("MAP_TAG"), "{error}");
}

#[test]
fn a_real_node_that_dials_us_closes_on_a_missing_flag_and_we_can_name_it() {
    let epmd = Epmd::start();
    let (listener, _registration) = listen(&epmd);
    let erl = Erl::dialling(&epmd, "erl@127.0.0.1", COOKIE, "flitch@127.0.0.1");
    let flags = Flags::OFFERED.without(Flags::MANDATORY_25_DIGEST | Flags::MAP_TAG);
    let poor = Config { flags, ..config(COOKIE, 16) };
    let (_stream, outcome, _) = be_dialled(&listener, poor, &Decision::Ok);
    let error = outcome.unwrap_err();
    assert_eq!(error.cause, Cause::Closed);
    assert!(error.to_string().contains("MAP_TAG, which OTP 25"), "{error}");
    assert_eq!(erl.line(), "false 'erl@127.0.0.1'");
}

#[test]
fn the_mandatory_flags_of_our_table_are_those_that_the_running_release_reports() {
    let epmd = Epmd::start();
    let report = "io:format(\"~s ~w~n\", [erlang:system_info(otp_release), \
                  element(3, erts_internal:get_dflags())])";
    let erl = Erl::start(&epmd, "erl@127.0.0.1", COOKIE, report);
    let line = erl.line();
    let (release, mandatory) = line.split_once(' ').unwrap();
    let mandatory = Flags::from_bits(mandatory.parse().unwrap());
    assert_eq!(mandatory, Flags::mandatory_in(release.parse().unwrap()), "OTP {release}");
}

#[test]
fn a_real_node_takes_the_digest_bit_for_all_the_flags_that_it_stands_for() {
    let epmd = Epmd::start();
    let (erl, port) = Erl::listening(&epmd, "erl", COOKIE);
    // What OTP 26 made mandatory, the bit does not stand for.
    let flags = Flags::MANDATORY_25_DIGEST | Flags::V4_NC | Flags::UNLINK_ID;
    let short = Config { flags, ..config(COOKIE, 9) };
    let (_stream, outcome, _) = dial(port, initiate("erl", short), true);
    outcome.unwrap();
    assert_eq!(erl.line(), "nodeup hidden 'flitch@127.0.0.1'");
}

#[test]
fn a_real_node_under_another_name_than_the_one_dialled_is_not_taken() {
    let epmd = Epmd::start();
    let (_erl, port) = Erl::listening(&epmd, "erl", COOKIE);
    let (_stream, outcome, _) = dial(port, initiate("other", config(COOKIE, 10)), true);
    assert_eq!(outcome.unwrap_err().cause, Cause::OtherName { stated: node("erl") });
}

#[test]
fn a_real_node_dials_us_and_its_connect_succeeds() {
    let epmd = Epmd::start();
    let (listener, _registration) = listen(&epmd);
    for decision in [Decision::Ok, Decision::OkSimultaneous] {
        let erl = Erl::dialling(&epmd, "erl@127.0.0.1", COOKIE, "flitch@127.0.0.1");
        let (_stream, outcome, _) = be_dialled(&listener, config(COOKIE, 11), &decision);
        let link = outcome.unwrap();
        assert_eq!((link.peer, link.us), (node("erl"), us("flitch")));
        assert_eq!(link.flags | Flags::ALTACT_SIG | Flags::NATIVE_RECORDS, Flags::OFFERED);
        assert_eq!(erl.line(), "true 'erl@127.0.0.1'");
    }
}

#[test]
fn a_real_node_with_a_wrong_cookie_is_kept_out() {
    let epmd = Epmd::start();
    let (listener, _registration) = listen(&epmd);
    let erl = Erl::dialling(&epmd, "erl@127.0.0.1", "another", "flitch@127.0.0.1");
    let (stream, outcome, _) = be_dialled(&listener, config(COOKIE, 12), &Decision::Ok);
    assert_eq!(outcome.unwrap_err().cause, Cause::WrongCookie);
    drop(stream);
    assert_eq!(erl.line(), "false 'erl@127.0.0.1'");
}

#[test]
fn a_real_node_that_is_not_allowed_learns_it() {
    let epmd = Epmd::start();
    let (listener, _registration) = listen(&epmd);
    let erl = Erl::dialling(&epmd, "erl@127.0.0.1", COOKIE, "flitch@127.0.0.1");
    let (_stream, outcome, _) = be_dialled(&listener, config(COOKIE, 13), &Decision::NotAllowed);
    assert_eq!(outcome.unwrap_err().cause, Cause::Refused);
    assert_eq!(erl.line(), "false 'erl@127.0.0.1'");
}

#[test]
fn a_real_node_that_we_ask_whether_its_old_link_is_dead_says_so_and_is_let_in() {
    let epmd = Epmd::start();
    let (listener, _registration) = listen(&epmd);
    let erl = Erl::dialling(&epmd, "erl@127.0.0.1", COOKIE, "flitch@127.0.0.1");
    let (_stream, outcome, asked) = be_dialled(&listener, config(COOKIE, 14), &Decision::Alive);
    assert_eq!(outcome.unwrap().peer, node("erl"));
    assert!(matches!(asked.as_slice(), [Event::PeerNamed(_), Event::EndOldConnection]));
    assert_eq!(erl.line(), "true 'erl@127.0.0.1'");
}

#[test]
fn a_real_node_without_a_name_takes_the_one_that_we_give() {
    let epmd = Epmd::start();
    let (listener, _registration) = listen(&epmd);
    let erl = Erl::dialling(&epmd, "undefined@127.0.0.1", COOKIE, "flitch@127.0.0.1");
    let decision = Decision::Named { name: node("given"), creation: Creation::new(99) };
    let (_stream, outcome, _) = be_dialled(&listener, config(COOKIE, 15), &decision);
    let link = outcome.unwrap();
    assert_eq!((link.peer, link.peer_creation), (node("given"), Creation::new(99)));
    assert_eq!(erl.line(), "true 'given@127.0.0.1'");
}
