//! A real node, and a link to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use flitch_dist::{Control, Outbound};
use flitch_etf::{Atom, Term, write_term};
use flitch_handshake::{Config, Cookie, Event, Flags, Handshake, LocalNode};
use flitch_name::Creation;
use tempfile::TempDir;

/// Time for a node to start on a busy machine, or to send what is awaited.
const PATIENCE: Duration = Duration::from_secs(60);
const COOKIE: &str = "kanelbulle";

/// A running `erl` that does the steps of `tests/beam/flitch_peer.erl`.
pub(crate) struct Erl {
    child: Child,
    port: u16,
    otp: u32,
    _compiled: TempDir,
}

impl Erl {
    pub(crate) fn start() -> Self {
        let compiled = TempDir::new().unwrap();
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/beam/flitch_peer.erl");
        let erlc = Command::new("erlc").arg("-o").arg(compiled.path()).arg(source).status();
        assert!(erlc.unwrap_or_else(|error| missing("erlc", &error)).success());
        let mut command = Command::new("erl");
        command
            .args(["-noinput", "-name", "erl@127.0.0.1", "-setcookie", COOKIE])
            .args([
                "-epmd_module",
                "flitch_peer",
                "-start_epmd",
                "false",
                "-kernel",
                "logger_level",
                "none",
            ])
            .arg("-pa")
            .arg(compiled.path())
            .args(["-s", "flitch_peer"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| missing("erl", &error));
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let mut said = line.split_whitespace().map(|word| word.parse().ok());
        let (Some(Some(port)), Some(Some(otp))) = (said.next(), said.next()) else {
            panic!("the node said {line:?} in place of its port and release")
        };
        Self { child, port, otp: otp.into(), _compiled: compiled }
    }

    /// Its release.
    pub(crate) fn otp(&self) -> u32 {
        self.otp
    }
}

impl Drop for Erl {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn missing(program: &str, error: &std::io::Error) -> ! {
    panic!("{program} cannot be started ({error}): install the Debian package erlang-base")
}

/// An established link to it, over which frames go whole.
pub(crate) struct Link {
    stream: TcpStream,
    input: BytesMut,
    out: Outbound,
}

impl Link {
    pub(crate) fn to(erl: &Erl, flags: Flags) -> Self {
        let mut stream = TcpStream::connect(("127.0.0.1", erl.port)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let us = LocalNode {
            name: super::OUR_NODE.parse().unwrap(),
            creation: Creation::new(super::CREATION),
        };
        let mut config = Config::new(Cookie::new(COOKIE).unwrap(), 1);
        config.flags = flags;
        config.timeout = PATIENCE;
        let peer = Some("erl@127.0.0.1".parse().unwrap());
        let mut machine = Handshake::initiate(us, peer, config, Instant::now());
        let mut buffer = [0; 1024];
        loop {
            while let Some(message) = machine.poll_transmit() {
                stream.write_all(&message).unwrap();
            }
            match machine.poll_event() {
                Some(Event::Established(link)) => {
                    let input = BytesMut::from(&link.leftover[..]);
                    return Self { stream, input, out: Outbound::new(flags & link.flags) };
                }
                // A link that we have just ended may still be known there.
                Some(Event::AliveAsked) => machine.answer_alive(true).unwrap(),
                Some(event) => panic!("{event:?}"),
                None => {
                    let len = stream.read(&mut buffer).unwrap();
                    assert!(len > 0, "the node closed during the handshake");
                    machine.handle_input(&buffer[..len]);
                }
            }
        }
    }

    /// Sends a control message with this payload.
    pub(crate) fn send(&mut self, control: &Control, payload: &Term) {
        self.out.send(control, |out| write_term(out, payload)).unwrap();
        let bytes = self.out.take(Vec::new());
        self.stream.write_all(&bytes).unwrap();
    }

    /// Sends to the registered name `peer`.
    pub(crate) fn tell(&mut self, message: &Term) {
        let to = Atom::from_static("peer");
        self.send(&Control::RegSend { from: super::us(), to }, message);
    }

    /// Has a step done.
    pub(crate) fn step(&mut self, step: &str) {
        let atom = |text: &str| Term::from(Atom::new(text).unwrap());
        let traced = step.strip_prefix("{traced,").and_then(|step| step.strip_suffix('}'));
        let step = match traced {
            Some(step) => Term::from((atom("traced"), atom(step))),
            None => atom(step),
        };
        self.tell(&(atom("step"), step).into());
    }

    /// The next frame with its length. Ticks are passed over.
    pub(crate) fn frame(&mut self) -> Bytes {
        let mut buffer = [0; 4096];
        loop {
            if let Some(length) = self.input.first_chunk::<4>() {
                let whole = u32::from_be_bytes(*length) as usize + 4;
                if self.input.len() >= whole {
                    let frame = self.input.split_to(whole).freeze();
                    if whole > 4 {
                        return frame;
                    }
                    continue;
                }
            }
            let len = self.stream.read(&mut buffer).expect("the node sends nothing more");
            assert!(len > 0, "the node closed the link");
            self.input.extend_from_slice(&buffer[..len]);
        }
    }
}
