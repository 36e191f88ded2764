//! A connected peer over a blocking stream, and signals as lines of text.

#![allow(dead_code, reason = "each test binary uses its own part of this")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

pub(crate) mod otp;
pub(crate) mod scenario;

use flitch_dist::{Control, Inbound, InboundLimits, LinkError, Op, Signal, Target};
use flitch_etf::{Atom, Limits, Pid, Reader, Reference, text};
use flitch_handshake::Flags;

pub(crate) const CREATION: u32 = 0x0bad_cafe;
/// What we offer, but for messages with headers and what came with OTP 28 and 29.
pub(crate) const PLAIN: Flags = Flags::OFFERED
    .without(Flags::DIST_HDR_ATOM_CACHE)
    .without(Flags::FRAGMENTS)
    .without(Flags::ALTACT_SIG)
    .without(Flags::NATIVE_RECORDS);
pub(crate) const OUR_NODE: &str = "flitch@127.0.0.1";

pub(crate) fn us() -> Pid {
    Pid { node: Atom::new(OUR_NODE).unwrap(), id: 1, serial: 0, creation: CREATION }
}

pub(crate) fn our_ref() -> Reference {
    Reference::new(Atom::new(OUR_NODE).unwrap(), CREATION, &[1, 2, 3]).unwrap()
}

/// The signal of one whole frame, with the operation that stands on the wire.
pub(crate) fn read(frame: &[u8]) -> (Op, Signal) {
    let mut inbound = Inbound::new(InboundLimits::DEFAULT);
    inbound.buffer().extend_from_slice(frame);
    let signal = inbound.poll_signal().unwrap().expect("a whole frame");
    assert!(inbound.poll_signal().unwrap().is_none(), "one frame");
    (op_of(frame), signal)
}

/// Behind the length, the type byte and the version.
fn op_of(frame: &[u8]) -> Op {
    let mut reader = Reader::new(&frame[6..]);
    reader.tuple().unwrap();
    Op(reader.integer().unwrap() as u8)
}

/// `OP fields… | payload`, where pids and references are only said to be ours or theirs.
pub(crate) fn line(op: Op, signal: &Signal) -> String {
    let op = op.name().expect("an operation of the table");
    let fields = match &signal.control {
        Control::Send { from: None, to } => pid(to).to_owned(),
        Control::RegSend { from, to } => format!("{} {to}", pid(from)),
        Control::AliasSend { from, alias } => format!("{} {}", pid(from), reference(alias)),
        Control::Send { from: Some(from), to }
        | Control::Link { from, to }
        | Control::Unlink { from, to }
        | Control::Exit { from, to }
        | Control::Exit2 { from, to } => format!("{} {}", pid(from), pid(to)),
        Control::UnlinkId { id, from, to } => {
            assert!(*id > 0);
            format!("id {} {}", pid(from), pid(to))
        }
        Control::UnlinkIdAck { id, from, to } => format!("{id} {} {}", pid(from), pid(to)),
        Control::GroupLeader { leader, to } => format!("{} {}", pid(leader), pid(to)),
        Control::Monitor { from, target, reference: monitor }
        | Control::Demonitor { from, target, reference: monitor } => {
            format!("{} {} {}", pid(from), name(target), reference(monitor))
        }
        Control::MonitorExit { target, to, reference: monitor } => {
            format!("{} {} {}", name(target), pid(to), reference(monitor))
        }
        Control::SpawnRequest(spawn) => format!(
            "{} {} {} {}:{}/{} {}",
            reference(&spawn.request),
            pid(&spawn.from),
            pid(&spawn.group_leader),
            spawn.module,
            spawn.function,
            spawn.arity,
            text::erlang(&spawn.options)
        ),
        Control::SpawnReply { request, to, flags, result } => {
            let result =
                result.as_pid().map_or_else(|| text::erlang(result).to_string(), |p| pid(p).into());
            format!("{} {} {flags} {result}", reference(request), pid(to))
        }
        other => panic!("{other:?}"),
    };
    let payload = signal.control.has_payload().then(|| {
        let term = signal.payload.to_term(Limits::DEFAULT).unwrap();
        match term.as_tuple() {
            Some([tag, second]) if second.as_reference().is_some() => {
                format!(
                    " | {{{},{}}}",
                    text::erlang(tag),
                    reference(second.as_reference().unwrap())
                )
            }
            _ => format!(" | {}", text::erlang(&term)),
        }
    });
    assert!(payload.is_some() || signal.payload.is_empty());
    format!("{op} {fields}{}", payload.unwrap_or_default())
}

fn pid(pid: &Pid) -> &'static str {
    match pid.node.as_str() {
        OUR_NODE => {
            assert_eq!(*pid, us());
            "us"
        }
        "erl@127.0.0.1" => "them",
        other => panic!("a pid of {other}"),
    }
}

fn name(target: &Target) -> String {
    match target {
        Target::Pid(target) => pid(target).into(),
        Target::Name(name) => name.as_str().into(),
    }
}

fn reference(reference: &Reference) -> &'static str {
    match reference.node.as_str() {
        OUR_NODE => {
            assert_eq!(*reference, our_ref());
            "our-ref"
        }
        _ => "their-ref",
    }
}

/// What a frame with this body is.
pub(crate) fn signal_of(body: &[u8]) -> Result<Signal, LinkError> {
    let mut inbound = Inbound::new(InboundLimits::DEFAULT);
    inbound.buffer().extend_from_slice(&(body.len() as u32).to_be_bytes());
    inbound.buffer().extend_from_slice(body);
    inbound.poll_signal().map(|signal| signal.expect("a whole frame"))
}
