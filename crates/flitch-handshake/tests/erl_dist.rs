//! `erl_dist` 0.8, written by others, as the peer: each of its sides against each of ours.
//!
//! Worked around here, as measured on that version:
//! - it never sends its answer to the status `alive` (it is written to a buffer and dropped), so
//!   all that is tested of `alive` is that it is still so;
//! - its `MANDATORY_25_DIGEST` is bit 36 and not 26, so its flags are set without that name, and
//!   the stray bit is expected to survive as an unknown one.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod util;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::Instant;

use erl_dist::DistributionFlags;
use erl_dist::handshake::{ClientSideHandshake, HandshakeStatus, ServerSideHandshake};
use erl_dist::node::{Creation as TheirCreation, LocalNode as TheirNode, PeerNode};
use flitch_handshake::{
    CallerName, Cause, Decision, Established, Event, Flags, Handshake, HandshakeError,
};
use flitch_name::{Creation, NodeName};
use futures::executor::block_on;
use futures::io::AllowStdIo;

use util::{A_CHALLENGE, B_CHALLENGE, COOKIE, a, acceptor, b, config, initiator, tcp::drive};

type Theirs = Result<PeerNode, erl_dist::handshake::HandshakeError>;
type Ours = Result<Established, HandshakeError>;

fn wire() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let dialled = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (dialled, listener.accept().unwrap().0)
}

fn their_node(name: &NodeName, flags: Flags) -> TheirNode {
    let mut node = TheirNode::new(name.as_str().parse().unwrap(), TheirCreation::new(4711));
    node.flags = DistributionFlags::from_bits_truncate(flags.bits());
    node
}

/// Their client, which goes as far as it can.
fn their_client(stream: TcpStream, flags: Flags, cookie: &'static str) -> JoinHandle<Theirs> {
    std::thread::spawn(move || {
        block_on(async {
            let node = their_node(&a().name, flags);
            let mut client = ClientSideHandshake::new(AllowStdIo::new(stream), node, cookie);
            client.execute_send_name(erl_dist::LOWEST_DISTRIBUTION_PROTOCOL_VERSION).await?;
            client.execute_rest(true).await.map(|(_, peer)| peer)
        })
    })
}

/// Their server, which answers with `status`.
fn their_server(
    stream: TcpStream,
    cookie: &'static str,
    status: HandshakeStatus,
) -> JoinHandle<Theirs> {
    std::thread::spawn(move || {
        block_on(async {
            let node = their_node(&b().name, Flags::OFFERED);
            let mut server = ServerSideHandshake::new(AllowStdIo::new(stream), node, cookie);
            server.execute_recv_name().await?;
            server.execute_rest(status).await.map(|(_, peer)| peer)
        })
    })
}

fn accept(mut stream: TcpStream, decision: &Decision) -> Ours {
    drive(&mut stream, acceptor(), |machine, _| machine.decide(decision.clone()).unwrap())
}

fn dial(mut stream: TcpStream, machine: Handshake) -> Ours {
    drive(&mut stream, machine, |_, event| panic!("asked {event:?}"))
}

#[test]
fn their_client_meets_our_acceptor() {
    for decision in [Decision::Ok, Decision::OkSimultaneous] {
        let (theirs, ours) = wire();
        let client = their_client(theirs, Flags::OFFERED, COOKIE);
        let link = accept(ours, &decision).unwrap();
        let peer = client.join().unwrap().unwrap();
        assert_eq!((link.peer, link.peer_creation), (a().name, Creation::new(4711)));
        assert_eq!(link.flags, Flags::OFFERED);
        assert_eq!(peer.name.to_string(), b().name.as_str());
        assert_eq!(peer.creation.map(TheirCreation::get), Some(b().creation.value()));
        assert_eq!(peer.flags.bits(), Flags::OFFERED.bits());
    }
}

#[test]
fn our_initiator_meets_their_server() {
    for status in [HandshakeStatus::Ok, HandshakeStatus::OkSimultaneous] {
        let (ours, theirs) = wire();
        let server = their_server(theirs, COOKIE, status);
        let link = dial(ours, initiator()).unwrap();
        let peer = server.join().unwrap().unwrap();
        assert_eq!((link.peer, link.peer_creation), (b().name, Creation::new(4711)));
        assert_eq!(peer.name.to_string(), a().name.as_str());
        assert_eq!(peer.creation.map(TheirCreation::get), Some(a().creation.value()));
    }
}

#[test]
fn their_default_flags_with_a_bit_in_the_wrong_place_are_enough_for_us() {
    let (theirs, ours) = wire();
    let stray = Flags::from_bits(DistributionFlags::default().bits());
    assert!(!stray.contains(Flags::MANDATORY_25_DIGEST) && stray.to_string().contains("1<<36"));
    let client = their_client(theirs, stray, COOKIE);
    let mut stream = ours;
    let mut stated = Flags::NONE;
    let link = drive(&mut stream, acceptor(), |machine, event| {
        if let Event::PeerNamed(caller) = event {
            assert_eq!(caller.name, CallerName::Node(a().name));
            stated = caller.flags;
        }
        machine.decide(Decision::Ok).unwrap();
    });
    assert_eq!(link.unwrap().flags, Flags::MANDATORY_26);
    assert_eq!(stated, stray);
    client.join().unwrap().unwrap();
}

#[test]
fn refusals_reach_either_side() {
    use erl_dist::handshake::HandshakeError as TheirError;
    let (theirs, ours) = wire();
    let client = their_client(theirs, Flags::OFFERED, COOKIE);
    assert_eq!(accept(ours, &Decision::Nok).unwrap_err().cause, Cause::Refused);
    assert!(matches!(client.join().unwrap(), Err(TheirError::OngoingHandshake)));

    let (theirs, ours) = wire();
    let client = their_client(theirs, Flags::OFFERED, COOKIE);
    assert_eq!(accept(ours, &Decision::NotAllowed).unwrap_err().cause, Cause::Refused);
    assert!(matches!(client.join().unwrap(), Err(TheirError::NotAllowed)));

    for (status, cause) in
        [(HandshakeStatus::Nok, Cause::Nok), (HandshakeStatus::NotAllowed, Cause::NotAllowed)]
    {
        let (ours, theirs) = wire();
        let server = their_server(theirs, COOKIE, status);
        assert_eq!(dial(ours, initiator()).unwrap_err().cause, cause);
        assert!(server.join().unwrap().is_err());
    }
}

#[test]
fn a_wrong_cookie_is_noticed_by_whoever_checks_first() {
    let (theirs, ours) = wire();
    let client = their_client(theirs, Flags::OFFERED, "another");
    assert_eq!(accept(ours, &Decision::Ok).unwrap_err().cause, Cause::WrongCookie);
    assert!(client.join().unwrap().is_err());

    let (ours, theirs) = wire();
    let server = their_server(theirs, "another", HandshakeStatus::Ok);
    assert_eq!(dial(ours, initiator()).unwrap_err().cause, Cause::ClosedAfterReply);
    assert!(server.join().unwrap().is_err());
}

#[test]
fn a_name_is_given_in_both_directions() {
    let (theirs, ours) = wire();
    let client = their_client(theirs, Flags::OFFERED | Flags::NAME_ME, COOKIE);
    let given: NodeName = "given@127.0.0.1".parse().unwrap();
    let decision = Decision::Named { name: given.clone(), creation: Creation::new(99) };
    let link = accept(ours, &decision).unwrap();
    assert_eq!((link.peer, link.peer_creation), (given, Creation::new(99)));
    client.join().unwrap().unwrap();

    let (ours, theirs) = wire();
    let creation = TheirCreation::new(98);
    let server =
        their_server(theirs, COOKIE, HandshakeStatus::Named { name: "x".into(), creation });
    let unnamed = Handshake::initiate_unnamed(
        "127.0.0.1",
        Some(b().name),
        config(COOKIE, A_CHALLENGE ^ B_CHALLENGE),
        Instant::now(),
    );
    let link = dial(ours, unnamed.unwrap()).unwrap();
    assert_eq!((link.us.name.as_str(), link.us.creation.value()), ("x@127.0.0.1", 98));
    assert!(link.flags.contains(Flags::NAME_ME));
    server.join().unwrap().unwrap();
}

#[test]
fn their_client_still_does_not_answer_whether_the_old_link_is_dead() {
    let (theirs, mut ours) = wire();
    let client = their_client(theirs, Flags::OFFERED, COOKIE);
    ours.write_all(&util::frame(b"salive")).unwrap();
    // Nothing more comes: whoever asked waits for the answer first.
    ours.shutdown(Shutdown::Write).unwrap();
    let mut said = Vec::new();
    ours.read_to_end(&mut said).unwrap();
    assert!(client.join().unwrap().is_err());
    assert!(!said.ends_with(b"strue"), "mended; ARCHITECTURE.md says otherwise");
}
