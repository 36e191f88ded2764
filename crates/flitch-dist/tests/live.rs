//! The link beside a running node: what it sends is understood, and it understands what we send.
//!
//! `FLITCH_RECORD=1` writes what came into `tests/captures`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod util;

use std::fmt::Write;

use flitch_dist::control::{SPAWNED_LINK, SPAWNED_MONITOR};
use flitch_dist::{Control, SpawnRequest, Target};
use flitch_etf::{Atom, Pid, Reference, Term, decode, encode};
use flitch_handshake::Flags;
use util::otp::{Erl, Link};
use util::scenario::{MODERN, OLD, Step};
use util::{PLAIN, line, our_ref, read, us};

#[test]
fn everything_that_a_node_says_is_understood() {
    let erl = Erl::start();
    play(&mut Link::to(&erl, PLAIN), MODERN, "otp25");
}

#[test]
fn what_a_node_says_to_an_older_one_is_understood() {
    let erl = Erl::start();
    let newer = Flags::SEND_SENDER.with(Flags::EXIT_PAYLOAD);
    if erl.otp() < 26 {
        play(&mut Link::to(&erl, PLAIN.without(newer | Flags::UNLINK_ID)), OLD, "otp25-to-older");
    } else {
        // UNLINK_ID is mandatory there.
        let steps = OLD.iter().map(|(step, lines)| match *step {
            "unlink" => ("unlink", ["UNLINK_ID id them us"].as_slice()),
            step => (step, *lines),
        });
        let steps: Vec<Step> = steps.collect();
        play(&mut Link::to(&erl, PLAIN.without(newer)), &steps, "newer-to-older");
    }
}

fn play(link: &mut Link, steps: &[Step], name: &str) {
    let mut record = String::new();
    for (step, expected) in steps {
        link.step(step);
        for expected in *expected {
            let frame = link.frame();
            let (op, signal) = read(&frame);
            assert_eq!(line(op, &signal), *expected, "{step}: {frame:02x?}");
            let hex: String = frame.iter().map(|byte| format!("{byte:02x}")).collect();
            writeln!(record, "{step} {hex}").unwrap();
        }
    }
    if std::env::var_os("FLITCH_RECORD").is_some() {
        let path = format!("{}/tests/captures/{name}.txt", env!("CARGO_MANIFEST_DIR"));
        std::fs::write(path, record).unwrap();
    }
}

/// A node and a link over which we say things, and see by the answers that they were understood.
struct Talk {
    link: Link,
    _erl: Erl,
}

impl Talk {
    fn start() -> Self {
        let erl = Erl::start();
        Self { link: Link::to(&erl, PLAIN), _erl: erl }
    }

    /// The next signals, as sorted lines: those of two processes have no order.
    fn lines<const N: usize>(&mut self) -> [String; N] {
        let mut lines = std::array::from_fn(|_| {
            let (op, signal) = read(&self.link.frame());
            line(op, &signal)
        });
        lines.sort();
        lines
    }

    fn send(&mut self, control: &Control) {
        self.link.send(control, &Term::default());
    }

    /// A process over there, linked and monitored.
    fn spawn(&mut self, name: &'static str) -> Pid {
        let spawn = SpawnRequest {
            request: our_ref(),
            from: us(),
            group_leader: us(),
            module: Atom::from_static("flitch_peer"),
            function: Atom::from_static("victim"),
            arity: 1,
            options: Term::from(vec![Term::atom("link"), Term::atom("monitor")]),
        };
        let arguments = Term::from(vec![Term::atom(name)]);
        self.link.send(&Control::SpawnRequest(Box::new(spawn)), &arguments);
        let (_, signal) = read(&self.link.frame());
        let Control::SpawnReply { request, to, flags, result } = signal.control else {
            panic!("{signal:?}")
        };
        assert_eq!((request, to, flags), (our_ref(), us(), SPAWNED_LINK | SPAWNED_MONITOR));
        result.as_pid().expect("a pid").clone()
    }
}

fn atom(text: &'static str) -> Atom {
    Atom::from_static(text)
}

#[test]
fn a_node_echoes_terms_of_any_size_unchanged() {
    let mut talk = Talk::start();
    let large = Term::from(vec![Term::from("x".repeat(100_000)), Term::from(-1), us().into()]);
    for term in [Term::from(1), Term::from(our_ref()), large] {
        talk.link.tell(&(Term::atom("echo"), Term::from(us()), term.clone()).into());
        let (_, signal) = read(&talk.link.frame());
        assert_eq!(signal.payload.to_term(flitch_etf::Limits::DEFAULT), Ok(term.clone()));
        assert_eq!(decode(&encode(&term).unwrap().into()), Ok(term));
    }
}

#[test]
fn a_node_tells_of_processes_that_are_not_there() {
    let mut talk = Talk::start();
    let erl = atom("erl@127.0.0.1");
    let gone = Pid { node: erl, id: 32_000, serial: 0, creation: 7 };
    talk.send(&Control::Link { from: us(), to: gone.clone() });
    assert_eq!(talk.lines(), ["PAYLOAD_EXIT them us | noproc"]);
    let monitor = |target| Control::Monitor { from: us(), target, reference: our_ref() };
    talk.send(&monitor(gone.into()));
    assert_eq!(talk.lines(), ["PAYLOAD_MONITOR_P_EXIT them us our-ref | noproc"]);
    talk.send(&monitor(Target::Name(atom("nobody"))));
    assert_eq!(talk.lines(), ["PAYLOAD_MONITOR_P_EXIT nobody us our-ref | noproc"]);
}

#[test]
fn a_node_spawns_for_us_and_tells_when_it_is_over() {
    let mut talk = Talk::start();
    let victim = talk.spawn("victim");
    let die = Term::from((Term::atom("die"), Term::atom("boom")));
    talk.link.send(&Control::Send { from: Some(us()), to: victim }, &die);
    let ends = ["PAYLOAD_EXIT them us | boom", "PAYLOAD_MONITOR_P_EXIT them us our-ref | boom"];
    assert_eq!(talk.lines(), ends);
    let victim = talk.spawn("victim");
    talk.link.send(&Control::Send { from: None, to: victim }, &die);
    assert_eq!(talk.lines(), ends);
}

#[test]
fn a_node_obeys_exits_and_forgets_monitors_and_links() {
    let mut talk = Talk::start();
    let victim = talk.spawn("victim");
    let target = Target::Pid(victim.clone());
    talk.send(&Control::Demonitor { from: us(), target, reference: our_ref() });
    talk.send(&Control::UnlinkId { id: u64::MAX, from: us(), to: victim.clone() });
    assert_eq!(talk.lines(), [format!("UNLINK_ID_ACK {} them us", u64::MAX)]);
    talk.link.send(&Control::Exit2 { from: us(), to: victim.clone() }, &Term::atom("enough"));
    // Had either been left, this would not be the next that comes.
    talk.send(&Control::Link { from: us(), to: victim });
    assert_eq!(talk.lines(), ["PAYLOAD_EXIT them us | noproc"]);

    let victim = talk.spawn("victim");
    talk.link.send(&Control::Exit { from: us(), to: victim }, &Term::atom("broken"));
    assert_eq!(talk.lines(), ["PAYLOAD_MONITOR_P_EXIT them us our-ref | broken"]);
}

#[test]
fn a_node_takes_our_answer_to_a_monitor_and_to_a_spawn() {
    let mut talk = Talk::start();
    talk.link.step("spawn_request");
    let (_, signal) = read(&talk.link.frame());
    let Control::SpawnRequest(spawn) = signal.control else { panic!("{signal:?}") };
    let result = Term::atom("notsup");
    talk.send(&Control::SpawnReply { request: spawn.request, to: spawn.from, flags: 0, result });
    talk.link.step("spawn_reply");
    assert_eq!(talk.lines(), ["SEND_SENDER them us | {refused,notsup}"]);

    talk.link.step("alias");
    let (_, signal) = read(&talk.link.frame());
    let (_, alias): (Atom, Reference) = signal.payload.to_value().unwrap();
    talk.link.send(&Control::AliasSend { from: us(), alias }, &Term::atom("got_it"));
    assert_eq!(talk.lines(), ["SEND_SENDER them us | seen"]);
}

#[test]
fn a_node_takes_a_group_leader_of_ours() {
    let mut talk = Talk::start();
    talk.link.step("send");
    let (_, signal) = read(&talk.link.frame());
    let Control::Send { from: Some(peer), .. } = signal.control else { panic!("{signal:?}") };
    talk.send(&Control::GroupLeader { leader: us(), to: peer });
    talk.link.step("leader");
    assert_eq!(talk.lines(), ["SEND_SENDER them us | {leader,true}"]);
}
