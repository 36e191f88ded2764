//! Every control message, by hand and at random, and what hostile peers make of them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod util;

use std::borrow::Borrow;

use flitch_dist::control::SPAWNED_MONITOR;
use flitch_dist::{
    Altact, Control, Inbound, InboundLimits, Incapable, LinkError, Op, Outbound, PacketError,
    Recipient, Signal, SpawnRequest, Target,
};
use flitch_etf::{
    Atom, DecodeErrorKind, EncodeError, Limits, Pid, Reference, Tag, Term, text, write_integer,
    write_term,
};
use proptest::collection::vec;
use proptest::prelude::*;
use util::{PLAIN, our_ref, signal_of, us};

/// A pass-through message: the control tuple, and the payload if there is one.
fn message(control: impl Borrow<Term>, payload: Option<Term>) -> Vec<u8> {
    let mut out = vec![112, 131];
    write_term(&mut out, control.borrow()).unwrap();
    if let Some(payload) = payload {
        out.push(131);
        write_term(&mut out, &payload).unwrap();
    }
    out
}

/// `{Op, fields…}`.
fn tuple(op: Op, fields: &[Term]) -> Term {
    Term::tuple([&[Term::from(op.0)], fields].concat())
}

fn them() -> Pid {
    Pid { node: Atom::from_static("a@h"), id: 5, serial: 6, creation: 7 }
}

fn their_ref() -> Reference {
    Reference::new(Atom::from_static("a@h"), 7, &[4, 5]).unwrap()
}

fn atom(text: &'static str) -> Term {
    Term::atom(text)
}

fn name(text: &'static str) -> Target {
    Target::Name(Atom::from_static(text))
}

/// The fields of a SPAWN_REQUEST, and what they mean.
fn spawn_request() -> (Vec<Term>, Control) {
    let entry = Term::from((atom("m"), atom("f"), 2));
    let options = Term::from(vec![atom("monitor")]);
    let spawn = SpawnRequest {
        request: their_ref(),
        from: them(),
        group_leader: us(),
        module: Atom::from_static("m"),
        function: Atom::from_static("f"),
        arity: 2,
        options: options.clone(),
    };
    let fields = vec![their_ref().into(), them().into(), us().into(), entry, options];
    (fields, Control::SpawnRequest(Box::new(spawn)))
}

// The flags of ALTACT_SIG_SEND.
const PRIORITY: i64 = 1;
const TOKEN: i64 = 2;
const ALIAS: i64 = 4;
const NAME: i64 = 8;
const EXIT: i64 = 16;

fn token() -> Term {
    Term::from((1, 2, 3, them(), 4))
}

fn altact(flags: i64, whom: Term, traced: bool, to: Recipient) -> (Op, Vec<Term>, bool, Control) {
    let mut fields = vec![flags.into(), them().into(), whom];
    fields.extend(traced.then(token));
    let (priority, exit) = (flags & PRIORITY != 0, flags & EXIT != 0);
    let control = Control::Altact(Altact { from: them(), to, priority, exit });
    (Op::ALTACT_SIG_SEND, fields, true, control)
}

/// Each operation: its fields, whether a payload is apart, and what it means.
fn every_operation() -> Vec<(Op, Vec<Term>, bool, Control)> {
    let (us_, them_) = (|| Term::from(us()), || Term::from(them()));
    let reference = || Term::from(their_ref());
    let send = |from| Control::Send { from, to: us() };
    let reg_send = Control::RegSend { from: them(), to: Atom::from_static("orders") };
    let alias_send = Control::AliasSend { from: them(), alias: our_ref() };
    let exit = Control::Exit { from: them(), to: us() };
    let exit2 = Control::Exit2 { from: them(), to: us() };
    let gone = Control::MonitorExit { target: them().into(), to: us(), reference: our_ref() };
    let (spawn_fields, spawn) = spawn_request();
    let reply_fields = vec![Term::from(our_ref()), us_(), 2.into(), them_()];
    let (request, result) = (our_ref(), them_());
    let reply = Control::SpawnReply { request, to: us(), flags: SPAWNED_MONITOR, result };
    let with = |fields: &[Term], more: Term| [fields, &[more]].concat();
    let monitor = |target| Control::Monitor { from: them(), target, reference: their_ref() };
    let demonitor = |target| Control::Demonitor { from: them(), target, reference: their_ref() };
    let unlink = |id| Control::UnlinkId { id, from: them(), to: us() };
    let ack = Control::UnlinkIdAck { id: 9, from: them(), to: us() };
    let mut all = vec![
        (Op::LINK, vec![them_(), us_()], false, Control::Link { from: them(), to: us() }),
        (Op::SEND, vec![atom(""), us_()], true, send(None)),
        (Op::EXIT, vec![them_(), us_(), atom("why")], false, exit.clone()),
        (Op::UNLINK, vec![them_(), us_()], false, Control::Unlink { from: them(), to: us() }),
        (Op::NODE_LINK, vec![], false, Control::Unknown(Op::NODE_LINK)),
        (Op::REG_SEND, vec![them_(), atom(""), atom("orders")], true, reg_send.clone()),
        (
            Op::GROUP_LEADER,
            vec![them_(), us_()],
            false,
            Control::GroupLeader { leader: them(), to: us() },
        ),
        (Op::EXIT2, vec![them_(), us_(), atom("why")], false, exit2.clone()),
        (Op::SEND_TT, vec![atom(""), us_(), token()], true, send(None)),
        (Op::EXIT_TT, vec![them_(), us_(), token(), atom("why")], false, exit.clone()),
        (Op::REG_SEND_TT, vec![them_(), atom(""), atom("orders"), token()], true, reg_send),
        (Op::EXIT2_TT, vec![them_(), us_(), token(), atom("why")], false, exit2.clone()),
        (Op::MONITOR_P, vec![them_(), us_(), reference()], false, monitor(us().into())),
        (Op::MONITOR_P, vec![them_(), atom("orders"), reference()], false, monitor(name("orders"))),
        (Op::DEMONITOR_P, vec![them_(), us_(), reference()], false, demonitor(us().into())),
        (
            Op::DEMONITOR_P,
            vec![them_(), atom("orders"), reference()],
            false,
            demonitor(name("orders")),
        ),
        (
            Op::MONITOR_P_EXIT,
            vec![them_(), us_(), our_ref().into(), atom("why")],
            false,
            gone.clone(),
        ),
        (Op::SEND_SENDER, vec![them_(), us_()], true, send(Some(them()))),
        (Op::SEND_SENDER_TT, vec![them_(), us_(), token()], true, send(Some(them()))),
        (Op::PAYLOAD_EXIT, vec![them_(), us_()], true, exit.clone()),
        (Op::PAYLOAD_EXIT_TT, vec![them_(), us_(), token()], true, exit),
        (Op::PAYLOAD_EXIT2, vec![them_(), us_()], true, exit2.clone()),
        (Op::PAYLOAD_EXIT2_TT, vec![them_(), us_(), token()], true, exit2),
        (Op::PAYLOAD_MONITOR_P_EXIT, vec![them_(), us_(), our_ref().into()], true, gone),
        (Op::SPAWN_REQUEST, spawn_fields.clone(), true, spawn.clone()),
        (Op::SPAWN_REQUEST_TT, with(&spawn_fields, token()), true, spawn),
        (Op::SPAWN_REPLY, reply_fields.clone(), false, reply.clone()),
        (Op::SPAWN_REPLY_TT, with(&reply_fields, token()), false, reply),
        (Op::ALIAS_SEND, vec![them_(), our_ref().into()], true, alias_send.clone()),
        (Op::ALIAS_SEND_TT, vec![them_(), our_ref().into(), token()], true, alias_send),
        (Op::UNLINK_ID, vec![9.into(), them_(), us_()], false, unlink(9)),
        (Op::UNLINK_ID, vec![u64::MAX.into(), them_(), us_()], false, unlink(u64::MAX)),
        (Op::UNLINK_ID_ACK, vec![9.into(), them_(), us_()], false, ack),
    ];
    all.extend(every_altact());
    all
}

fn every_altact() -> Vec<(Op, Vec<Term>, bool, Control)> {
    let us_ = || Term::from(us());
    let send = |fields: Vec<Term>| {
        let alias_send = Control::AliasSend { from: them(), alias: our_ref() };
        (Op::ALTACT_SIG_SEND, fields, true, alias_send)
    };
    vec![
        altact(0, us_(), false, Recipient::Pid(us())),
        altact(PRIORITY, us_(), false, Recipient::Pid(us())),
        altact(
            PRIORITY | NAME,
            atom("orders"),
            false,
            Recipient::Name(Atom::from_static("orders")),
        ),
        altact(PRIORITY | ALIAS, our_ref().into(), false, Recipient::Alias(our_ref())),
        altact(EXIT | ALIAS, our_ref().into(), false, Recipient::Alias(our_ref())),
        altact(PRIORITY | EXIT | TOKEN, us_(), true, Recipient::Pid(us())),
        send(vec![ALIAS.into(), them().into(), our_ref().into()]),
        send(vec![(ALIAS | TOKEN).into(), them().into(), our_ref().into(), token()]),
    ]
}

#[test]
fn every_operation_of_the_table_is_read_with_its_token_and_reason_in_their_places() {
    let mut seen: Vec<u8> = Vec::new();
    for (op, fields, payload, expected) in every_operation() {
        let bytes = message(tuple(op, &fields), payload.then(|| atom("why")));
        let signal = signal_of(&bytes).unwrap_or_else(|error| panic!("{op}: {error}"));
        assert_eq!(signal.control, expected, "{op}");
        assert_eq!(signal.payload.is_empty(), !signal.control.has_payload(), "{op}");
        if signal.control.has_payload() {
            assert_eq!(signal.payload.to_term(Limits::DEFAULT), Ok(atom("why")), "{op}");
        }
        let traced = op.name().is_some_and(|name| name.ends_with("_TT"));
        let traced = traced || (op == Op::ALTACT_SIG_SEND && fields.len() == 4);
        assert_eq!(signal.token, traced.then(token), "{op}");
        seen.push(op.0);
    }
    for op in (0..=255).map(Op).filter(|op| op.name().is_some()) {
        assert!(seen.contains(&op.0), "{op} is not tested");
    }
}

#[test]
fn a_field_too_few_is_an_error_and_not_the_payload_read_in_its_place() {
    for (op, fields, _, control) in every_operation() {
        let needed = if matches!(control, Control::Unknown(_)) { 0 } else { fields.len() };
        for count in 0..needed {
            let bytes = message(tuple(op, &fields[..count]), Some(us().into()));
            assert!(matches!(signal_of(&bytes), Err(LinkError::Control(_))), "{op} of {count}");
        }
    }
    let none = message(Term::tuple([]), Some(Term::from(Op::LINK.0)));
    let few = DecodeErrorKind::Invalid("a control tuple with too few fields");
    let Err(LinkError::Control(error)) = signal_of(&none) else {
        panic!("a tuple without an operation")
    };
    assert_eq!(error.kind, few);
}

#[test]
fn a_field_of_another_type_is_an_error() {
    for (op, fields, ..) in every_operation() {
        for at in 0..fields.len() {
            let mut wrong = fields.clone();
            // What no field may be; reasons, tokens, options, results and unused fields may be all.
            wrong[at] = 1.5.into();
            let signal = signal_of(&message(tuple(op, &wrong), Some(atom("why"))));
            let free = match op {
                Op::NODE_LINK => true,
                Op::SEND | Op::SEND_TT => at == 0 || at == 2,
                Op::REG_SEND | Op::REG_SEND_TT => at == 1 || at == 3,
                Op::SEND_SENDER_TT | Op::ALIAS_SEND_TT | Op::PAYLOAD_EXIT_TT => at == 2,
                Op::EXIT | Op::EXIT_TT | Op::EXIT2 | Op::EXIT2_TT | Op::PAYLOAD_EXIT2_TT => at >= 2,
                Op::MONITOR_P_EXIT | Op::ALTACT_SIG_SEND => at == 3,
                Op::SPAWN_REQUEST | Op::SPAWN_REQUEST_TT => at >= 4,
                Op::SPAWN_REPLY | Op::SPAWN_REPLY_TT => at >= 3,
                _ => false,
            };
            assert_eq!(signal.is_ok(), free, "{op}, field {at}");
        }
    }
}

#[test]
fn numbers_out_of_their_range_are_errors_and_never_wrap() {
    let (from, to) = (Term::from(them()), Term::from(us()));
    let unlink =
        |id: Term| signal_of(&message(tuple(Op::UNLINK_ID, &[id, from.clone(), to.clone()]), None));
    assert!(unlink((-1).into()).is_err() && unlink((1i128 << 64).into()).is_err());
    let reply = |flags: i64| {
        let fields = [our_ref().into(), to.clone(), flags.into(), atom("badopt")];
        signal_of(&message(tuple(Op::SPAWN_REPLY, &fields), None))
    };
    assert!(reply(u32::MAX.into()).is_ok());
    assert!(reply(-1).is_err() && reply(1 << 32).is_err());
    let spawn = |arity: i64| {
        let entry = Term::from((atom("m"), atom("f"), arity));
        let fields = [their_ref().into(), from.clone(), to.clone(), entry, Term::empty_list()];
        signal_of(&message(tuple(Op::SPAWN_REQUEST, &fields), Some(Term::empty_list())))
    };
    assert!(spawn(255).is_ok() && spawn(256).is_err() && spawn(-1).is_err());
}

#[test]
fn flags_of_an_altact_signal_may_be_of_any_size_and_not_negative() {
    let send = |flags: Term| {
        let fields = [flags, them().into(), us().into()];
        signal_of(&message(tuple(Op::ALTACT_SIG_SEND, &fields), Some(atom("hi"))))
    };
    for more in [1 << 8, 1 << 30, 1 << 40, 1i128 << 100] {
        let control = send((more + 1).into()).unwrap().control;
        assert!(matches!(control, Control::Altact(Altact { priority: true, exit: false, .. })));
    }
    let many = text::parse(text::Syntax::Erlang, &format!("1{}", "0".repeat(1000))).unwrap();
    assert!(send(many).is_ok());
    for wrong in [-1, -(1i128 << 100)] {
        assert!(send(wrong.into()).is_err());
    }
    let both = [(ALIAS | NAME).into(), them().into(), our_ref().into()];
    assert!(signal_of(&message(tuple(Op::ALTACT_SIG_SEND, &both), Some(atom("hi")))).is_err());
    let no_token = [TOKEN.into(), them().into(), us().into()];
    assert!(signal_of(&message(tuple(Op::ALTACT_SIG_SEND, &no_token), Some(atom("hi")))).is_err());
}

#[test]
fn an_operation_that_nobody_knows_is_survived() {
    for number in [0, 9, 38, 255, 256, -1, i64::MAX] {
        let bytes = message(Term::from((number, atom("x"))), Some(atom("more")));
        let signal = signal_of(&bytes).unwrap();
        let known = u8::try_from(number).unwrap_or(u8::MAX);
        assert_eq!(signal.control, Control::Unknown(Op(known)));
        assert!(signal.payload.is_empty());
    }
    assert!(signal_of(&message(Term::from((atom("send"), us())), None)).is_err());
    assert!(signal_of(&message(atom("send"), None)).is_err());
}

#[test]
fn a_missing_payload_or_version_byte_is_an_error() {
    for (op, fields, payload, control) in every_operation() {
        let bytes = message(tuple(op, &fields), None);
        if payload {
            assert_eq!(signal_of(&bytes), Err(LinkError::NoPayload(control.op().0)), "{op}");
            let mut unversioned = bytes.clone();
            write_term(&mut unversioned, &atom("why")).unwrap();
            let Err(LinkError::Control(error)) = signal_of(&unversioned) else { panic!("{op}") };
            assert_eq!(error.kind, DecodeErrorKind::Version(Tag::SMALL_ATOM_UTF8_EXT.0));
        }
        let unversioned = [&[112], &bytes[2..]].concat();
        assert!(matches!(signal_of(&unversioned), Err(LinkError::Control(_))), "{op}");
    }
    assert!(signal_of(&[112]).is_err());
    assert!(signal_of(&[112, 131]).is_err());
    assert_eq!(signal_of(&[68]), Err(LinkError::MessageType(68)));
    assert_eq!(signal_of(&[131, 67, 0]), Err(LinkError::MessageType(67)));
    assert_eq!(signal_of(&[131, 68]), Err(LinkError::ShortHeader));
    assert_eq!(signal_of(&[131, 69, 0]), Err(LinkError::ShortHeader));
}

#[test]
fn a_message_with_something_behind_it_is_refused_by_who_reads_it() {
    let mut bytes = message(tuple(Op::SEND_SENDER, &[them().into(), us().into()]), Some(7.into()));
    bytes.extend([97, 8]);
    let payload = signal_of(&bytes).unwrap().payload;
    assert_eq!(payload.to_term(Limits::DEFAULT).unwrap_err().kind, DecodeErrorKind::Trailing(2));
    assert_eq!(payload.to_value::<u8>().unwrap_err().message(), "2 bytes follow the term");
}

#[test]
fn a_tuple_of_four_billion_fields_costs_nothing() {
    assert!(signal_of(&[112, 131, 105, 255, 255, 255, 255, 97, 1]).is_err());
    let nested = [&[112, 131, 104, 3, 97, 2][..], &[104, 1].repeat(100_000), &[106]].concat();
    let small = std::thread::Builder::new().stack_size(64 * 1024);
    let read = small.spawn(move || signal_of(&nested).is_err()).unwrap();
    assert!(read.join().unwrap());
}

#[test]
fn what_cannot_be_sent_leaves_nothing_behind() {
    let mut out = Outbound::new(PLAIN);
    let send = Control::Send { from: None, to: them() };
    let failed = out.send(&send, |bytes| {
        bytes.extend([1, 2, 3]);
        Err("no form")
    });
    assert_eq!((failed, out.len(), out.signals()), (Err(PacketError::Payload("no form")), 0, 0));
    let unknown = Control::Unknown(Op(99));
    let sent: Result<(), PacketError<EncodeError>> = out.send(&unknown, |_| Ok(()));
    let refused = Err(PacketError::Peer(Incapable::Operation(Op(99))));
    assert_eq!((sent, out.len(), out.signals()), (refused, 0, 0));
    // A result without a form must not tear the tuple apart.
    let result = Term::from(vec![Term::from(1), Term::from(f64::NAN)]);
    let reply = Control::SpawnReply { request: our_ref(), to: them(), flags: 0, result };
    out.send(&reply, |_| Ok::<_, EncodeError>(())).unwrap();
    let bytes = out.take(Vec::new());
    let Control::SpawnReply { result, .. } = signal_of(&bytes[4..]).unwrap().control else {
        panic!("{bytes:?}")
    };
    assert_eq!(result, atom("badarg"));
}

fn pids() -> impl Strategy<Value = Pid> {
    ("[a-z]{1,9}@[a-z0-9.]{1,30}", any::<(u32, u32, u32)>()).prop_map(
        |(node, (id, serial, creation))| Pid {
            node: Atom::new(&node).unwrap(),
            id,
            serial,
            creation,
        },
    )
}

fn references() -> impl Strategy<Value = Reference> {
    (pids(), vec(any::<u32>(), 1..=5))
        .prop_map(|(pid, words)| Reference::new(pid.node, pid.creation, &words).unwrap())
}

fn names() -> impl Strategy<Value = Atom> {
    ".{0,60}".prop_map(|name| Atom::new(&name).unwrap())
}

fn targets() -> impl Strategy<Value = Target> {
    prop_oneof![pids().prop_map(Target::Pid), names().prop_map(Target::Name)]
}

fn small_terms() -> impl Strategy<Value = Term> {
    prop_oneof![
        any::<i64>().prop_map(Term::from),
        names().prop_map(Term::from),
        vec(any::<u8>().prop_map(Term::from), 0..5).prop_map(Term::from),
        pids().prop_map(Term::from),
    ]
}

fn controls() -> impl Strategy<Value = Control> {
    fn two() -> impl Strategy<Value = (Pid, Pid)> {
        (pids(), pids())
    }
    fn monitored() -> impl Strategy<Value = (Pid, Target, Reference)> {
        (pids(), targets(), references())
    }
    let spawn = (references(), two(), (names(), names(), any::<u8>()), small_terms()).prop_map(
        |(request, (from, group_leader), (module, function, arity), options)| {
            let spawn =
                SpawnRequest { request, from, group_leader, module, function, arity, options };
            Control::SpawnRequest(Box::new(spawn))
        },
    );
    prop_oneof![
        (proptest::option::of(pids()), pids()).prop_map(|(from, to)| Control::Send { from, to }),
        (pids(), names()).prop_map(|(from, to)| Control::RegSend { from, to }),
        (pids(), references()).prop_map(|(from, alias)| Control::AliasSend { from, alias }),
        two().prop_map(|(from, to)| Control::Link { from, to }),
        two().prop_map(|(from, to)| Control::Unlink { from, to }),
        (1..=u64::MAX, two()).prop_map(|(id, (from, to))| Control::UnlinkId { id, from, to }),
        (1..=u64::MAX, two()).prop_map(|(id, (from, to))| Control::UnlinkIdAck { id, from, to }),
        two().prop_map(|(from, to)| Control::Exit { from, to }),
        two().prop_map(|(from, to)| Control::Exit2 { from, to }),
        two().prop_map(|(leader, to)| Control::GroupLeader { leader, to }),
        monitored().prop_map(|(from, target, reference)| Control::Monitor {
            from,
            target,
            reference
        }),
        monitored().prop_map(|(from, target, reference)| Control::Demonitor {
            from,
            target,
            reference
        }),
        monitored().prop_map(|(to, target, reference)| Control::MonitorExit {
            target,
            to,
            reference
        }),
        spawn,
        (references(), pids(), any::<u32>(), small_terms()).prop_map(
            |(request, to, flags, result)| Control::SpawnReply { request, to, flags, result }
        ),
    ]
}

fn signals(stream: &[u8], cut: usize) -> Result<Vec<Signal>, LinkError> {
    let mut inbound = Inbound::new(InboundLimits::DEFAULT);
    let mut signals = Vec::new();
    for part in stream.chunks(cut) {
        inbound.buffer().extend_from_slice(part);
        while let Some(signal) = inbound.poll_signal()? {
            signals.push(signal);
        }
    }
    assert_eq!(inbound.signals(), signals.len() as u64);
    Ok(signals)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_goes_out_of_one_end_comes_in_at_the_other(
        messages in vec((controls(), small_terms(), any::<bool>()), 0..8),
        cut in 1usize..200,
    ) {
        let mut out = Outbound::new(PLAIN);
        for (control, payload, tick) in &messages {
            out.send(control, |bytes| write_term(bytes, payload)).unwrap();
            if *tick {
                out.send_tick();
            }
        }
        prop_assert_eq!(out.signals(), messages.len() as u64);
        let seen = signals(&out.take(Vec::new()), cut).unwrap();
        prop_assert_eq!(seen.len(), messages.len());
        for (signal, (control, payload, _)) in seen.iter().zip(&messages) {
            prop_assert_eq!(&signal.control, control);
            if control.has_payload() {
                prop_assert_eq!(&signal.payload.to_term(Limits::DEFAULT).unwrap(), payload);
            } else {
                prop_assert!(signal.payload.is_empty());
            }
        }
    }

    #[test]
    fn any_bytes_are_a_signal_or_an_error(bytes in vec(any::<u8>(), 1..200), op in any::<u8>()) {
        let _ = signals(&bytes, 7);
        let _ = signal_of(&bytes);
        let _ = signal_of(&[&[112], &bytes[..]].concat());
        let mut control = vec![112, 131, 104, 6];
        write_integer(&mut control, op.into());
        let _ = signal_of(&[control, bytes].concat());
    }

    #[test]
    fn a_message_with_wrong_bytes_in_it_is_a_signal_or_an_error(
        control in controls(),
        payload in small_terms(),
        wrong in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut out = Outbound::new(PLAIN);
        out.send(&control, |bytes| write_term(bytes, &payload)).unwrap();
        let mut body = out.take(Vec::new()).split_off(4);
        for (at, byte) in wrong {
            let at = at.index(body.len());
            body[at] = byte;
        }
        if let Ok(signal) = signal_of(&body) {
            let _ = signal.payload.to_term(Limits::DEFAULT);
        }
    }
}
