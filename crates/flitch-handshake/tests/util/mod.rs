//! Two ends of a handshake in one thread, joined by a wire in memory.

#![allow(dead_code, reason = "each test binary uses its own part of this")]

pub(crate) mod otp;
pub(crate) mod tcp;

use std::time::Instant;

use flitch_handshake::{
    Cause, Config, Cookie, Decision, Established, Event, Handshake, HandshakeError, LocalNode,
};
use flitch_name::Creation;

pub(crate) const COOKIE: &str = "kanelbulle";
pub(crate) const A_CHALLENGE: u32 = 17;
pub(crate) const B_CHALLENGE: u32 = 0xffff_fffe;

pub(crate) fn a() -> LocalNode {
    LocalNode { name: "a@127.0.0.1".parse().unwrap(), creation: Creation::new(0x1111_1111) }
}

pub(crate) fn b() -> LocalNode {
    LocalNode { name: "b@127.0.0.1".parse().unwrap(), creation: Creation::new(0x2222_2222) }
}

pub(crate) fn config(cookie: &str, challenge: u32) -> Config {
    Config::new(Cookie::new(cookie).unwrap(), challenge)
}

/// `a` dials `b`, with the cookie that both have.
pub(crate) fn initiator() -> Handshake {
    Handshake::initiate(a(), Some(b().name), config(COOKIE, A_CHALLENGE), Instant::now())
}

pub(crate) fn acceptor() -> Handshake {
    Handshake::accept(b(), config(COOKIE, B_CHALLENGE), Instant::now())
}

/// A handshake and what it came to.
pub(crate) struct End {
    pub(crate) machine: Handshake,
    pub(crate) events: Vec<Event>,
    pub(crate) sent: Vec<u8>,
}

impl End {
    pub(crate) fn new(machine: Handshake) -> Self {
        Self { machine, events: Vec::new(), sent: Vec::new() }
    }

    /// How it ended.
    pub(crate) fn outcome(&self) -> Option<Result<&Established, &HandshakeError>> {
        self.events.iter().find_map(|event| match event {
            Event::Established(link) => Some(Ok(link)),
            Event::Failed(error) => Some(Err(error)),
            _ => None,
        })
    }

    pub(crate) fn link(&self) -> &Established {
        self.outcome().expect("the handshake is not over").expect("the handshake failed")
    }

    pub(crate) fn error(&self) -> &HandshakeError {
        self.outcome().expect("the handshake is not over").expect_err("a link came about")
    }

    pub(crate) fn cause(&self) -> &Cause {
        &self.error().cause
    }
}

/// What the driver of both ends does when asked.
pub(crate) struct Pair {
    pub(crate) a: End,
    pub(crate) b: End,
    /// Bytes that travel at once.
    pub(crate) chunk: usize,
    pub(crate) decision: Decision,
    pub(crate) alive: bool,
    pub(crate) old_connection_ends: bool,
}

impl Pair {
    pub(crate) fn new(a: Handshake, b: Handshake) -> Self {
        Self {
            a: End::new(a),
            b: End::new(b),
            chunk: usize::MAX,
            decision: Decision::Ok,
            alive: true,
            old_connection_ends: true,
        }
    }

    /// Carries bytes and answers questions until nothing moves any more. An end that failed closes.
    pub(crate) fn run(&mut self) {
        loop {
            let moved = carry(&mut self.a, &mut self.b, self.chunk)
                | carry(&mut self.b, &mut self.a, self.chunk);
            let asked = self.answer();
            if !moved && !asked {
                break;
            }
        }
        close_after(&self.a, &mut self.b);
        close_after(&self.b, &mut self.a);
    }

    fn answer(&mut self) -> bool {
        let mut asked = false;
        for end in [&mut self.a, &mut self.b] {
            while let Some(event) = end.machine.poll_event() {
                match &event {
                    Event::PeerNamed(_) => end.machine.decide(self.decision.clone()).unwrap(),
                    Event::AliveAsked => end.machine.answer_alive(self.alive).unwrap(),
                    Event::EndOldConnection if self.old_connection_ends => {
                        end.machine.handle_old_connection_gone().unwrap();
                    }
                    _ => {}
                }
                end.events.push(event);
                asked = true;
            }
        }
        asked
    }
}

fn close_after(from: &End, to: &mut End) {
    if matches!(from.outcome(), Some(Err(_))) && to.outcome().is_none() {
        to.machine.handle_close();
        to.events.extend(to.machine.poll_event());
    }
}

fn carry(from: &mut End, to: &mut End, chunk: usize) -> bool {
    let mut moved = false;
    while let Some(message) = from.machine.poll_transmit() {
        from.sent.extend_from_slice(&message);
        message.chunks(chunk).for_each(|piece| to.machine.handle_input(piece));
        moved = true;
    }
    moved
}

/// Everything that a machine has to send now.
pub(crate) fn transmits(machine: &mut Handshake) -> Vec<Vec<u8>> {
    std::iter::from_fn(|| machine.poll_transmit()).map(|message| message.to_vec()).collect()
}

/// Everything that a machine has to tell now.
pub(crate) fn events(machine: &mut Handshake) -> Vec<Event> {
    std::iter::from_fn(|| machine.poll_event()).collect()
}

/// A frame around a body.
pub(crate) fn frame(body: &[u8]) -> Vec<u8> {
    let len = u16::try_from(body.len()).unwrap();
    [&len.to_be_bytes(), body].concat()
}
