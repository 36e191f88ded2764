//! What must hold for any bytes in a handshake. The fuzz target runs this, and `tests/corpus.rs` of
//! the handshake runs it over every file of the corpus.

use std::time::{Duration, Instant};

use flitch_handshake::{
    CallerName, Config, Cookie, Decision, Established, Event, Handshake, HandshakeError, LocalNode,
    Stage,
};
use flitch_name::Creation;

/// Both ends of the corpus have it.
pub const COOKIE: &str = "kanelbulle";
/// Ours, so that digests in the corpus are right.
pub const CHALLENGE: u32 = 17;
/// Our name, whichever side we are.
pub const OURS: &str = "b@127.0.0.1";
/// Whom we dial.
pub const THEIRS: &str = "a@127.0.0.1";

type Outcome = Result<Established, HandshakeError>;

/// The first byte says who we are and what the table of peers says, the rest comes from the peer:
/// the same in one piece, in bytes and in pieces of some, and over by its deadline.
pub fn handshake(bytes: &[u8]) {
    let Some((kind, input)) = bytes.split_first() else { return };
    // More could be too much at once, which is an end that pieces do not have.
    let input = input.get(..4000).unwrap_or(input);
    let (whole, said) = drive(*kind, input, input.len().max(1));
    for size in [1, 7] {
        let (other, also) = drive(*kind, input, size);
        assert_eq!(format!("{whole:?}"), format!("{other:?}"), "in pieces of {size}");
        assert_eq!(said, also, "in pieces of {size}");
    }
}

/// Who we are, and when the time is over.
fn start(kind: u8) -> (Handshake, Instant) {
    let now = Instant::now();
    let us =
        LocalNode { name: OURS.parse().expect("a name"), creation: Creation::new(0x2222_2222) };
    let config = Config::new(Cookie::new(COOKIE).expect("a cookie"), CHALLENGE);
    let end = now + config.timeout;
    let peer = Some(THEIRS.parse().expect("a name"));
    let machine = match kind % 4 {
        0 => Handshake::initiate(us, peer, config, now),
        1 => Handshake::initiate(us, None, config, now),
        2 => Handshake::initiate_unnamed("127.0.0.1", peer, config, now).expect("a host"),
        _ => Handshake::accept(us, config, now),
    };
    (machine, end)
}

/// How it ends, and what we said.
fn drive(kind: u8, input: &[u8], size: usize) -> (Outcome, Vec<u8>) {
    let (mut machine, end) = start(kind);
    let (mut outcome, mut said) = (None, Vec::new());
    serve(&mut machine, kind, &mut outcome, &mut said);
    let mut pieces = input.chunks(size);
    while outcome.is_none()
        && let Some(piece) = pieces.next()
    {
        machine.handle_input(piece);
        serve(&mut machine, kind, &mut outcome, &mut said);
    }
    if let Some(Ok(link)) = &mut outcome {
        // What has not come yet is the link's as well.
        link.leftover = [&link.leftover[..], &pieces.collect::<Vec<_>>().concat()].concat().into();
    }
    assert_eq!(outcome.is_some(), machine.poll_timeout().is_none(), "a deadline, unless over");
    machine.handle_timeout(end - Duration::from_nanos(1));
    serve(&mut machine, kind, &mut outcome, &mut said);
    machine.handle_timeout(end);
    serve(&mut machine, kind, &mut outcome, &mut said);
    assert_eq!(machine.stage(), Stage::Over);
    assert!(said.len() < 2048, "{} bytes to a peer that may have proved nothing", said.len());
    (outcome.expect("over by the deadline"), said)
}

/// Takes what the machine has, and answers what it asks.
fn serve(machine: &mut Handshake, kind: u8, outcome: &mut Option<Outcome>, said: &mut Vec<u8>) {
    loop {
        while let Some(message) = machine.poll_transmit() {
            let (length, body) = message.split_first_chunk().expect("a length");
            assert_eq!(usize::from(u16::from_be_bytes(*length)), body.len());
            said.extend_from_slice(&message);
        }
        let Some(event) = machine.poll_event() else { return };
        assert!(outcome.is_none(), "{event:?} after the end");
        match event {
            Event::PeerNamed(caller) => {
                machine.decide(decision(kind / 4, &caller.name)).expect("it was asked");
            }
            Event::AliveAsked => machine.answer_alive(kind < 128).expect("it was asked"),
            Event::EndOldConnection => {
                machine.handle_old_connection_gone().expect("it was asked");
            }
            Event::Established(link) => *outcome = Some(Ok(link)),
            Event::Failed(error) => {
                assert!(!error.to_string().chars().any(char::is_control), "{error}");
                *outcome = Some(Err(error));
            }
        }
    }
}

fn decision(kind: u8, caller: &CallerName) -> Decision {
    match (kind % 8, caller) {
        (7, _) => Decision::Nok,
        (4, _) => Decision::NotAllowed,
        (_, CallerName::Unnamed { host }) => match format!("given@{host}").parse() {
            Ok(name) => Decision::Named { name, creation: Creation::new(99) },
            Err(_) => Decision::NotAllowed,
        },
        (5, _) => Decision::OkSimultaneous,
        (6, _) => Decision::Alive,
        _ => Decision::Ok,
    }
}
