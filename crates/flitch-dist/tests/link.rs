//! Two ends of a link in memory: headers, the atom cache, fragments and lanes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod util;

use std::collections::HashMap;

use flitch_dist::{
    Control, Inbound, InboundLimits, Incapable, Lane, LinkError, Outbound, Packet, PacketError,
    Signal, Target,
};
use flitch_etf::{Atom, Binary, Limits, Pid, Record, Term, term, write_term};
use flitch_handshake::Flags;
use proptest::prelude::*;
use util::{PLAIN, our_ref, us};

const FULL: Flags = Flags::OFFERED;
/// Over the size of a fragment.
const LARGE: usize = 100_000;

fn process(id: u32) -> Pid {
    Pid { id, ..us() }
}

/// From one of our processes to a name.
fn send(out: &mut Outbound, from: u32, message: &Term) {
    let control = Control::RegSend { from: process(from), to: Atom::from_static("orders") };
    out.send(&control, |bytes| write_term(bytes, message)).unwrap();
}

fn blob(tag: u64, len: usize) -> Term {
    Term::from((Term::atom("blob"), tag, Binary::from(vec![tag as u8; len])))
}

/// The receiving end.
struct End(Inbound);

impl End {
    fn new() -> Self {
        Self(Inbound::new(InboundLimits::DEFAULT))
    }

    fn receive(&mut self, bytes: &[u8], cut: usize) -> Vec<Signal> {
        let mut signals = Vec::new();
        for part in bytes.chunks(cut) {
            self.0.buffer().extend_from_slice(part);
            while let Some(signal) = self.0.poll_signal().unwrap() {
                signals.push(signal);
            }
        }
        signals
    }

    fn receive_all(&mut self, out: &mut Outbound) -> Vec<Signal> {
        let mut signals = Vec::new();
        while !out.is_empty() {
            signals.extend(self.receive(&out.take(Vec::new()), 1 << 20));
        }
        signals
    }
}

/// Who sent it, and the second element of the message.
fn read(signal: &Signal) -> (u32, u64) {
    let message = signal.payload.to_term(Limits::DEFAULT).unwrap();
    let tag = u64::try_from(&message.as_tuple().unwrap()[1]).unwrap();
    (signal.control.sender().unwrap().id, tag)
}

#[test]
fn an_atom_is_told_once_and_costs_two_bytes_from_then_on() {
    let (mut out, mut end) = (Outbound::new(FULL), End::new());
    let message = term!(%{customer: :somebody, address: %{street: "a", customer: :nobody}});
    let sizes: Vec<usize> = (0..3)
        .map(|_| {
            send(&mut out, 1, &message);
            let bytes = out.take(Vec::new());
            let signals = end.receive(&bytes, 7);
            assert_eq!(signals[0].payload.to_term(Limits::DEFAULT).unwrap(), message);
            bytes.len()
        })
        .collect();
    assert!(sizes[1] + 40 < sizes[0] && sizes[1] == sizes[2], "{sizes:?}");
}

#[test]
fn a_message_of_more_atoms_than_a_header_can_name_arrives_whole() {
    let (mut out, mut end) = (Outbound::new(FULL), End::new());
    let long = Atom::new(&"ü".repeat(255)).unwrap();
    for round in 0..30 {
        let name = |number| Atom::new(&format!("atom{}", round * 100 + number)).unwrap();
        let mut atoms: Vec<Term> = (0..400).map(|number| Term::from(name(number))).collect();
        atoms.push(long.clone().into());
        let message = Term::from((Term::atom("blob"), round, atoms));
        send(&mut out, 1, &message);
        let signals = end.receive(&out.take(Vec::new()), 4096);
        assert_eq!(signals[0].payload.to_term(Limits::DEFAULT).unwrap(), message);
    }
}

#[test]
fn a_small_message_passes_a_large_one_of_somebody_else() {
    let (mut out, mut end) = (Outbound::new(FULL), End::new());
    send(&mut out, 1, &blob(0, 30 * LARGE));
    send(&mut out, 2, &blob(1, 10));
    let first = end.receive(&out.take(Vec::new()), 1 << 20);
    assert_eq!(first.iter().map(read).collect::<Vec<_>>(), [(2, 1)]);
    send(&mut out, 2, &blob(2, 10));
    let second = end.receive(&out.take(Vec::new()), 1 << 20);
    assert_eq!(second.iter().map(read).collect::<Vec<_>>(), [(2, 2)]);
    let rest = end.receive_all(&mut out);
    assert_eq!(rest.iter().map(read).collect::<Vec<_>>(), [(1, 0)]);
}

#[test]
fn nothing_of_the_same_sender_passes_its_large_message() {
    let (mut out, mut end) = (Outbound::new(FULL), End::new());
    for tag in 0..4 {
        send(&mut out, 1, &blob(tag, if tag % 2 == 0 { 3 * LARGE } else { 10 }));
    }
    let exit = Control::Exit { from: process(1), to: us() };
    out.send(&exit, |bytes| write_term(bytes, &blob(4, 1))).unwrap();
    // The end of a process that was monitored by its name does not say whose it is.
    let target = Target::Name(Atom::from_static("orders"));
    let down = Control::MonitorExit { target, to: us(), reference: our_ref() };
    let mut packet = Packet::new();
    packet.encode(FULL, &down, |bytes| write_term(bytes, &blob(5, 1))).unwrap();
    packet.set_lane(Lane::of(&process(1)));
    out.push(&mut packet);
    let signals = end.receive_all(&mut out);
    let tags: Vec<u64> = signals
        .iter()
        .map(|signal| {
            let message = signal.payload.to_term(Limits::DEFAULT).unwrap();
            u64::try_from(&message.as_tuple().unwrap()[1]).unwrap()
        })
        .collect();
    assert_eq!(tags, [0, 1, 2, 3, 4, 5]);
}

#[test]
fn a_flood_of_small_messages_does_not_stop_a_large_one() {
    let (mut out, mut end) = (Outbound::new(FULL), End::new());
    send(&mut out, 1, &blob(0, 20 * LARGE));
    for round in 1..100 {
        for _ in 0..100 {
            send(&mut out, 2, &blob(round, 1000));
        }
        let signals = end.receive(&out.take(Vec::new()), 1 << 20);
        if signals.iter().any(|signal| read(signal) == (1, 0)) {
            assert!(round <= 20);
            return;
        }
    }
    panic!("the large message never arrived");
}

#[test]
fn what_waits_is_counted_and_nothing_is_left_when_all_has_gone() {
    let mut out = Outbound::new(FULL);
    send(&mut out, 1, &blob(0, 10 * LARGE));
    send(&mut out, 1, &blob(1, 500));
    send(&mut out, 2, &blob(2, 500));
    send(&mut out, 1, &blob(3, 3 * LARGE));
    assert!(out.len() > 13 * LARGE);
    assert!((1000..2000).contains(&out.queued()), "{} bytes", out.queued());
    while !out.is_empty() {
        out.take(Vec::new());
    }
    assert_eq!((out.len(), out.queued()), (0, 0));
    assert_eq!(out.signals(), 4);
    assert_eq!(out.take_spent().len(), 2);
}

#[test]
fn a_peer_without_fragments_gets_a_large_message_in_one_piece() {
    for flags in [FULL.without(Flags::FRAGMENTS), PLAIN, PLAIN.with(Flags::FRAGMENTS)] {
        let (mut out, mut end) = (Outbound::new(flags), End::new());
        send(&mut out, 1, &blob(0, 10 * LARGE));
        send(&mut out, 2, &blob(1, 10));
        let signals = end.receive(&out.take(Vec::new()), 1 << 20);
        assert_eq!(signals.iter().map(read).collect::<Vec<_>>(), [(1, 0), (2, 1)]);
        assert!(out.is_empty());
    }
}

#[test]
fn a_native_record_is_refused_for_a_peer_that_could_not_read_it() {
    let [module, name, field] = ["geo", "point", "x"].map(Atom::from_static);
    let record = Term::from(Record::new(module, name, [(field, 1.into())]).unwrap());
    let message = Term::from((Term::atom("blob"), 1, vec![record]));
    let to = Control::Send { from: Some(us()), to: us() };
    for flags in [FULL, PLAIN.with(Flags::NATIVE_RECORDS)] {
        let (mut out, mut end) = (Outbound::new(flags), End::new());
        out.send(&to, |bytes| write_term(bytes, &message)).unwrap();
        let signals = end.receive_all(&mut out);
        assert_eq!(signals[0].payload.to_term(Limits::DEFAULT).unwrap(), message);
    }
    for flags in [FULL.without(Flags::NATIVE_RECORDS), PLAIN] {
        let mut out = Outbound::new(flags);
        let refused = out.send(&to, |bytes| write_term(bytes, &message)).unwrap_err();
        assert_eq!(refused, PacketError::Peer(Incapable::NativeRecords));
        assert!(out.is_empty());
        // And the link is none the worse.
        send(&mut out, 1, &blob(7, 10));
        assert_eq!(read(&End::new().receive_all(&mut out)[0]), (1, 7));
    }
}

#[test]
fn each_operation_goes_only_to_a_peer_that_knows_it() {
    let alias = Control::AliasSend { from: us(), alias: our_ref() };
    let op = |flags: Flags, control: &Control| {
        let mut out = Outbound::new(flags.without(Flags::DIST_HDR_ATOM_CACHE));
        let sent = out.send(control, |bytes| write_term(bytes, &Term::atom("why")));
        sent.map(|()| {
            let bytes = out.take(Vec::new());
            let mut end = End::new();
            let signal = end.receive(&bytes, 1 << 20).remove(0);
            assert_eq!(signal.control.has_payload(), !signal.payload.is_empty());
            bytes[if bytes[6] == 104 { 9 } else { 0 }]
        })
    };
    assert_eq!(op(FULL, &alias), Ok(37));
    assert_eq!(op(FULL.without(Flags::ALTACT_SIG), &alias), Ok(33));
    assert!(op(FULL.without(Flags::ALTACT_SIG).without(Flags::ALIAS), &alias).is_err());
    let exit = Control::Exit { from: us(), to: us() };
    assert_eq!(op(FULL, &exit), Ok(24));
    assert_eq!(op(FULL.without(Flags::EXIT_PAYLOAD), &exit), Ok(3));
    let exit = Control::Exit2 { from: us(), to: us() };
    assert_eq!(op(FULL.without(Flags::EXIT_PAYLOAD), &exit), Ok(8));
    let down = Control::MonitorExit { target: us().into(), to: us(), reference: our_ref() };
    assert_eq!(op(FULL.without(Flags::EXIT_PAYLOAD), &down), Ok(21));
    let send = Control::Send { from: Some(us()), to: us() };
    assert_eq!(op(FULL, &send), Ok(22));
    assert_eq!(op(FULL.without(Flags::SEND_SENDER), &send), Ok(2));
    let unlink = Control::UnlinkId { id: 7, from: us(), to: us() };
    assert_eq!(op(FULL, &unlink), Ok(35));
    assert_eq!(op(FULL.without(Flags::UNLINK_ID), &unlink), Ok(4));
    let reply =
        Control::SpawnReply { request: our_ref(), to: us(), flags: 0, result: Term::atom("x") };
    assert!(op(FULL.without(Flags::SPAWN), &reply).is_err());
}

#[test]
fn a_large_binary_is_not_copied_to_make_room_for_numbers() {
    // Correct above all: atoms before, between and behind what does not move.
    let (mut out, mut end) = (Outbound::new(FULL), End::new());
    let binary = || Term::from(Binary::from(vec![9u8; 3 * LARGE]));
    let message = term!({:blob, 1, :before, binary(), [:between, %{key: binary()}], :behind});
    send(&mut out, 1, &message);
    let signals = end.receive_all(&mut out);
    assert_eq!(signals[0].payload.to_term(Limits::DEFAULT).unwrap(), message);
}

#[test]
fn a_sender_that_dies_half_way_leaves_nothing_behind() {
    let (mut out, mut end) = (Outbound::new(FULL), End::new());
    send(&mut out, 1, &blob(0, 30 * LARGE));
    assert!(end.receive(&out.take(Vec::new()), 1 << 20).is_empty());
    assert!(end.0.is_unfinished());
    assert_eq!((end.0.sweep(), end.0.sweep()), (0, 1));
    assert!(!end.0.is_unfinished());
    // It was not dead after all: better no link than a message lost in silence.
    end.0.buffer().extend_from_slice(&out.take(Vec::new()));
    assert!(matches!(end.0.poll_signal(), Err(LinkError::Fragment { .. })));
}

#[test]
fn messages_that_grow_beyond_the_limit_end_the_link() {
    let limits = InboundLimits { message: 2 * LARGE, ..InboundLimits::DEFAULT };
    let (mut out, mut end) = (Outbound::new(FULL), End(Inbound::new(limits)));
    send(&mut out, 1, &blob(0, 3 * LARGE));
    let mut seen = Ok(None);
    while !out.is_empty() && seen == Ok(None) {
        end.0.buffer().extend_from_slice(&out.take(Vec::new()));
        seen = end.0.poll_signal();
    }
    assert_eq!(seen, Err(LinkError::MessageTooLarge { max: 2 * LARGE }));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// Senders, sizes, and how much is taken in between, at random.
    #[test]
    fn everything_arrives_and_each_sender_keeps_its_order(
        steps in prop::collection::vec((0u32..4, 0usize..250_000, any::<bool>()), 1..30),
        cut in 1usize..100_000,
    ) {
        let (mut out, mut end) = (Outbound::new(FULL), End::new());
        let mut signals = Vec::new();
        for (tag, (from, len, take)) in steps.iter().enumerate() {
            // Mostly small ones.
            let len = if len % 3 == 0 { *len } else { len % 200 };
            send(&mut out, *from, &blob(tag as u64, len));
            if *take {
                signals.extend(end.receive(&out.take(Vec::new()), cut));
            }
        }
        signals.extend(end.receive_all(&mut out));
        prop_assert_eq!(signals.len(), steps.len());
        let mut last: HashMap<u32, u64> = HashMap::new();
        for (from, tag) in signals.iter().map(read) {
            if let Some(before) = last.insert(from, tag) {
                prop_assert!(before < tag, "{} after {} of sender {}", tag, before, from);
            }
        }
        prop_assert!(!end.0.is_unfinished());
    }

    #[test]
    fn no_bytes_behind_a_header_make_a_link_panic(
        kind in 68u8..=70,
        body in prop::collection::vec(any::<u8>(), 0..300),
        turned in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let mut inbound = Inbound::new(InboundLimits::DEFAULT);
        let mut push = |body: &[u8]| {
            inbound.buffer().extend_from_slice(&(body.len() as u32).to_be_bytes());
            inbound.buffer().extend_from_slice(body);
            if let Ok(Some(signal)) = inbound.poll_signal() {
                let _ = signal.payload.to_term(Limits::DEFAULT);
            }
        };
        push(&[&[131, kind], &body[..]].concat());
        // And one that was right before a few of its bytes were turned.
        let mut out = Outbound::new(FULL);
        send(&mut out, 1, &term!({:blob, 1, [:a, %{b: :c}]}));
        let mut whole = out.take(Vec::new()).split_off(4);
        for (at, byte) in turned {
            let at = at.index(whole.len());
            whole[at] = byte;
        }
        push(&whole);
    }
}
