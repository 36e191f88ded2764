//! A server's connections, driven by hand: bytes in, a clock that is set, answers out.

use super::*;
use crate::message::{DistVersions, Endpoint, StopRequest, frame};

/// A server's table and clock, and the connections to it.
struct Bench {
    table: Table,
    rules: Rules,
    now: Instant,
    next_id: u64,
}

impl Bench {
    fn new() -> Self {
        Self::with(Rules::default())
    }

    fn with(rules: Rules) -> Self {
        let now = Instant::now();
        Self { table: Table::new(9, now, 1_700_000_000), rules, now, next_id: 0 }
    }

    fn connect(&mut self, origin: Origin) -> Session {
        self.next_id += 1;
        Session::new(ConnectionId(self.next_id), origin, 4369, self.rules, self.now)
    }

    fn send(&mut self, session: &mut Session, bytes: &[u8]) -> Vec<u8> {
        session.handle_bytes(self.now, bytes, &mut self.table);
        self.drain(session)
    }

    fn drain(&self, session: &mut Session) -> Vec<u8> {
        let mut out = Vec::new();
        while let Some(piece) = session.poll_transmit(&self.table) {
            assert!(piece.len() < Session::PIECE + 2000, "a piece has a bounded size");
            out.extend(piece);
        }
        out
    }

    /// A whole exchange on a connection of its own.
    fn ask(&mut self, origin: Origin, bytes: &[u8]) -> (Vec<u8>, Session) {
        let mut session = self.connect(origin);
        let answer = self.send(&mut session, bytes);
        (answer, session)
    }

    fn register(&mut self, name: &str) -> Session {
        let (answer, session) = self.ask(Origin::Loopback, &alive2(name));
        assert_eq!(answer.get(..2), Some([118, 0].as_slice()), "{name}");
        session
    }

    fn names(&mut self) -> String {
        let (answer, _) = self.ask(Origin::Remote, &[0, 1, b'n']);
        String::from_utf8_lossy(answer.get(4..).unwrap()).into_owned()
    }
}

fn alive2(name: &str) -> Vec<u8> {
    let request = Alive2Request { name: name.parse().unwrap(), endpoint: Endpoint::normal(1000) };
    frame(&request.encode())
}

fn alive2_raw(name: &[u8], high: u16) -> Vec<u8> {
    let mut body = vec![120, 0, 1, b'M', 0];
    body.extend_from_slice(&high.to_be_bytes());
    body.extend_from_slice(&[0, 5]);
    body.extend_from_slice(&u16::try_from(name.len()).unwrap().to_be_bytes());
    body.extend_from_slice(name);
    body.extend_from_slice(&[0, 0]);
    frame(&body)
}

fn stop(name: &str) -> Vec<u8> {
    frame(&StopRequest { name: name.parse().unwrap() }.encode())
}

#[test]
fn a_registration_lives_as_long_as_its_connection() {
    let mut bench = Bench::new();
    let mut node = bench.register("a");
    assert!(node.is_registered() && node.ending().is_none());
    assert_eq!(node.poll_timeout(), None);
    bench.now += Duration::from_secs(100_000);
    node.handle_timeout(bench.now, &mut bench.table);
    assert_eq!(bench.names(), "name a at port 1000\n");
    node.handle_closed(&mut bench.table);
    assert_eq!(node.ending(), Some(&Ending::PeerClosed));
    assert_eq!(bench.names(), "");
}

#[test]
fn every_request_may_come_byte_by_byte() {
    for request in [alive2("a"), vec![0, 2, b'z', b'a'], vec![0, 1, b'n'], vec![0, 1, b'd']] {
        let mut bench = Bench::new();
        let (whole, _) = Bench::new().ask(Origin::Loopback, &request);
        let mut session = bench.connect(Origin::Loopback);
        let mut answer = Vec::new();
        for byte in &request {
            assert_eq!(answer, [], "an answer before the request is complete");
            answer = bench.send(&mut session, &[*byte]);
        }
        assert_eq!(answer, whole);
    }
}

#[test]
fn a_peer_that_sends_a_byte_now_and_then_is_cut_off_at_the_absolute_deadline() {
    let mut bench = Bench::new();
    let request = alive2(&"a".repeat(200));
    let mut session = bench.connect(Origin::Loopback);
    let deadline = session.poll_timeout().unwrap();
    assert_eq!(deadline, bench.now + bench.rules.request_timeout);
    for byte in request.iter().take(49) {
        bench.now += Duration::from_millis(100);
        bench.send(&mut session, &[*byte]);
        assert_eq!(session.poll_timeout(), Some(deadline), "a byte moved the deadline");
    }
    bench.now = deadline;
    session.handle_timeout(bench.now, &mut bench.table);
    assert_eq!(session.ending(), Some(&Ending::TimedOut));
}

#[test]
fn bytes_that_come_with_the_deadline_are_too_late() {
    let mut bench = Bench::new();
    let mut session = bench.connect(Origin::Loopback);
    bench.now += bench.rules.request_timeout;
    assert_eq!(bench.send(&mut session, &alive2("a")), []);
    assert_eq!(session.ending(), Some(&Ending::TimedOut));
    assert_eq!(bench.names(), "");
}

#[test]
fn a_timer_that_fires_early_changes_nothing() {
    let mut bench = Bench::new();
    let mut session = bench.connect(Origin::Loopback);
    bench.now += bench.rules.request_timeout - Duration::from_nanos(1);
    session.handle_timeout(bench.now, &mut bench.table);
    assert_eq!(session.ending(), None);
}

#[test]
fn a_peer_that_does_not_read_its_answer_is_cut_off() {
    let mut bench = Bench::new();
    let mut session = bench.connect(Origin::Remote);
    bench.now += Duration::from_secs(3);
    session.handle_bytes(bench.now, &[0, 1, b'n'], &mut bench.table);
    assert!(session.poll_transmit(&bench.table).is_some());
    assert_eq!(session.poll_timeout(), Some(bench.now + bench.rules.answer_timeout));
    bench.now += bench.rules.answer_timeout;
    session.handle_timeout(bench.now, &mut bench.table);
    assert_eq!(session.ending(), Some(&Ending::TimedOut));
}

#[test]
fn a_registration_whose_answer_cannot_be_written_is_taken_back() {
    let mut bench = Bench::new();
    let mut session = bench.connect(Origin::Loopback);
    session.handle_bytes(bench.now, &alive2("a"), &mut bench.table);
    bench.now = session.poll_timeout().unwrap();
    session.handle_timeout(bench.now, &mut bench.table);
    assert_eq!(session.ending(), Some(&Ending::TimedOut));
    assert_eq!(bench.names(), "");
}

#[test]
fn a_length_of_nothing_or_too_much_closes_before_anything_is_kept() {
    for (bytes, len) in [([0, 0], 0), ([0x0b, 0xf2], 3058), ([0xff, 0xff], 65535)] {
        let (answer, session) = Bench::new().ask(Origin::Loopback, &bytes);
        assert_eq!(answer, []);
        assert_eq!(session.ending(), Some(&Ending::Length { len }));
    }
    let (_, session) = Bench::new().ask(Origin::Loopback, &[0x0b, 0xf1]);
    assert_eq!(session.ending(), None, "3057 bytes are possible");
}

#[test]
fn garbage_closes_without_an_answer() {
    let requests: [&[u8]; 8] = [
        b"\0\x01q",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\0\x01nn",
        b"\0\x02nn",
        b"\0\x01z",
        b"\0\x04za\0b",
        b"\0\x04za\xffb",
        b"\0\x0dx\0\0M\0\0\x05\0\x05\0\0\0\0",
    ];
    for request in requests {
        let (answer, session) = Bench::new().ask(Origin::Loopback, request);
        assert_eq!(answer, [], "{request:?}");
        assert!(
            matches!(session.ending(), Some(Ending::Garbage(_) | Ending::Length { .. })),
            "{request:?}: {:?}",
            session.ending()
        );
    }
}

#[test]
fn a_peer_that_leaves_half_way_leaves_nothing() {
    let mut bench = Bench::new();
    let request = alive2("a");
    for len in 0..request.len() {
        let (_, mut session) = bench.ask(Origin::Loopback, request.get(..len).unwrap());
        session.handle_closed(&mut bench.table);
        assert_eq!(session.ending(), Some(&Ending::PeerClosed));
    }
    assert_eq!(bench.names(), "");
}

#[test]
fn one_name_twice_is_refused_in_the_shape_that_the_second_node_reads() {
    let mut bench = Bench::new();
    let first = bench.register("a");
    let (answer, second) = bench.ask(Origin::Loopback, &alive2_raw(b"a", 6));
    assert_eq!(answer, [118, 1, 0, 0, 0, 99]);
    assert_eq!(second.ending(), Some(&Ending::Answered));
    let (answer, _) = bench.ask(Origin::Loopback, &alive2_raw(b"a", 5));
    assert_eq!(answer, [121, 1, 0, 99]);
    assert!(first.is_registered());
    assert_eq!(bench.names(), "name a at port 1000\n");
}

#[test]
fn a_name_that_is_none_is_refused_with_an_answer_unless_it_has_a_nul() {
    let refused = [118, 1, 0, 0, 0, 99];
    for name in [&[b'a'; 256][..], b"a@b", b"a\xffb", b"a\nb", &[b'a'; 1100]] {
        let (answer, session) = Bench::new().ask(Origin::Loopback, &alive2_raw(name, 6));
        assert_eq!(answer, refused);
        assert_eq!(session.ending(), Some(&Ending::Answered));
    }
    for name in [&b"a\0b"[..], b""] {
        let (answer, _) = Bench::new().ask(Origin::Loopback, &alive2_raw(name, 6));
        assert_eq!(answer, []);
    }
}

#[test]
fn a_question_for_a_name_that_nobody_can_have_is_answered_with_nobody() {
    let mut bench = Bench::new();
    for name in ["a@b", "bell\u{7}"] {
        let request = [&[0, 1 + name.len() as u8, 122], name.as_bytes()].concat();
        assert_eq!(bench.ask(Origin::Remote, &request).0, [119, 1], "{name:?}");
    }
    let (answer, _) = bench.ask(Origin::Remote, &[0, 2, 122, 0]);
    assert_eq!(answer, [] as [u8; 0], "a NUL is garbage, as with the stock daemon");
}

#[test]
fn an_old_node_gets_an_old_creation() {
    let mut bench = Bench::new();
    let (answer, session) = bench.ask(Origin::Loopback, &alive2_raw(b"old", 5));
    assert!(matches!(answer.as_slice(), [121, 0, 0, 1..=3]), "{answer:?}");
    assert!(session.is_registered());
    let versions = DistVersions { high: 5, low: 5 };
    let found = bench.table.lookup(&"old".parse().unwrap()).unwrap();
    assert_eq!(found.versions, versions);
}

#[test]
fn a_byte_on_a_registered_connection_ends_the_registration() {
    let mut bench = Bench::new();
    let mut node = bench.register("a");
    assert_eq!(bench.send(&mut node, b"x"), []);
    assert_eq!(node.ending(), Some(&Ending::TalkedOn));
    assert_eq!(bench.names(), "");
}

#[test]
fn a_full_table_refuses_and_says_nothing_else() {
    let mut bench = Bench::new();
    let nodes: Vec<_> = (0..9).map(|n| bench.register(&format!("n{n}"))).collect();
    let (answer, session) = bench.ask(Origin::Loopback, &alive2("one-more"));
    assert_eq!(answer, [118, 1, 0, 0, 0, 99]);
    assert_eq!(session.ending(), Some(&Ending::Answered));
    assert!(nodes.iter().all(Session::is_registered));
}

#[test]
fn somebody_from_elsewhere_may_ask_but_neither_register_nor_dump() {
    let mut bench = Bench::with(Rules::default().relaxed());
    let _node = bench.register("a");
    for request in [alive2("b"), vec![0, 1, b'd'], vec![0, 1, b'k'], stop("a")] {
        let (answer, mut session) = bench.ask(Origin::Remote, &request);
        assert_eq!(answer, [], "{request:?}");
        assert!(matches!(session.ending(), Some(Ending::NotAllowed { .. })));
        assert_eq!(session.poll_effect(), None);
    }
    let (answer, _) = bench.ask(Origin::Remote, &alive2_raw(b"a@b", 6));
    assert_eq!(answer, []);
    assert_eq!(bench.names(), "name a at port 1000\n");
    let (answer, _) = bench.ask(Origin::Remote, &[0, 2, b'z', b'a']);
    assert_eq!(answer.get(..4), Some([119, 0, 3, 0xe8].as_slice()));
}

#[test]
fn kill_and_stop_come_over_the_loopback_only_and_register_and_dump_over_any_own_address() {
    let mut bench = Bench::with(Rules::default().relaxed());
    for request in [vec![0, 1, b'k'], stop("a")] {
        let (answer, mut session) = bench.ask(Origin::SameHost, &request);
        assert_eq!((answer, session.poll_effect()), (vec![], None));
    }
    let (answer, session) = bench.ask(Origin::SameHost, &alive2("a"));
    assert!(answer.starts_with(&[118, 0]) && session.is_registered());
    let (answer, _) = bench.ask(Origin::SameHost, &[0, 1, b'd']);
    assert!(answer.starts_with(&[0, 0, 0x11, 0x11]));
}

#[test]
fn kill_is_refused_unless_the_rules_allow_it() {
    let stock = Rules::default().stock();
    let ask = |rules, registered: bool| {
        let mut bench = Bench::with(rules);
        let _node = registered.then(|| bench.register("a"));
        let (answer, mut session) = bench.ask(Origin::Loopback, &[0, 1, b'k']);
        (String::from_utf8(answer).unwrap(), session.poll_effect())
    };
    assert_eq!(ask(Rules::default(), false), ("NO".into(), None));
    assert_eq!(ask(stock, true), ("NO".into(), None));
    assert_eq!(ask(stock, false), ("OK".into(), Some(Effect::Kill)));
    assert_eq!(ask(stock.relaxed(), true), ("OK".into(), Some(Effect::Kill)));
}

#[test]
fn stop_is_ignored_unless_the_rules_allow_it() {
    for rules in [Rules::default(), Rules::default().stock()] {
        let mut bench = Bench::with(rules);
        let _node = bench.register("a");
        let (answer, session) = bench.ask(Origin::Loopback, &stop("a"));
        assert_eq!(answer, []);
        assert_eq!(session.ending(), Some(&Ending::NotAllowed { request: "STOP_REQ" }));
        assert_eq!(bench.names(), "name a at port 1000\n");
    }
}

#[test]
fn stop_frees_the_name_and_disconnects_its_owner() {
    let mut bench = Bench::with(Rules::default().relaxed());
    let mut node = bench.register("a");
    let (answer, mut session) = bench.ask(Origin::Loopback, &stop("a"));
    assert_eq!(answer, b"STOPPED");
    assert_eq!(session.poll_effect(), Some(Effect::Disconnect(ConnectionId(1))));
    assert_eq!(session.poll_effect(), None);
    let _again = bench.register("a");
    node.handle_closed(&mut bench.table);
    assert_eq!(bench.names(), "name a at port 1000\n", "the late close took the new owner's name");
    let (answer, mut session) = bench.ask(Origin::Loopback, &stop("b"));
    assert_eq!((answer.as_slice(), session.poll_effect()), (b"NOEXIST".as_slice(), None));
}

#[test]
fn a_long_list_goes_out_in_pieces_while_names_leave() {
    let mut bench = Bench::new();
    bench.table = Table::new(1000, bench.now, 1);
    let names: Vec<String> = (0..200).map(|n| format!("{n}-{}", "x".repeat(200))).collect();
    let mut nodes: Vec<Session> = names.iter().map(|name| bench.register(name)).collect();
    let mut session = bench.connect(Origin::Remote);
    session.handle_bytes(bench.now, &[0, 1, b'n'], &mut bench.table);
    let mut out = session.poll_transmit(&bench.table).unwrap();
    assert!(out.len() < names.len() * 200, "the list came in one piece");
    nodes.remove(0).handle_closed(&mut bench.table);
    nodes.pop().unwrap().handle_closed(&mut bench.table);
    out.extend(bench.drain(&mut session));
    let answer = NamesResponse::decode(&out).unwrap();
    assert_eq!(answer.names.len(), 199, "all but the one that left before its turn");
    assert_eq!(session.ending(), Some(&Ending::Answered));
}

#[test]
fn a_dump_tells_of_names_that_left() {
    let mut bench = Bench::new();
    let _a = bench.register("a");
    let mut b = bench.register("b");
    b.handle_closed(&mut bench.table);
    let (answer, _) = bench.ask(Origin::Loopback, &[0, 1, b'd']);
    let text = String::from_utf8_lossy(answer.get(4..).unwrap()).into_owned();
    let expected = "active name     <a> at port 1000, fd = 1\n\0\
                    old/unused name <b>, port = 1000, fd = 2 \n\0";
    assert_eq!(text, expected);
}

#[test]
fn where_a_peer_is_follows_from_both_ends() {
    let of = |peer: &str, ours: &str| Origin::of(peer.parse().unwrap(), ours.parse().unwrap());
    assert_eq!(of("127.0.0.1", "127.0.0.1"), Origin::Loopback);
    assert_eq!(of("127.3.2.1", "127.0.0.1"), Origin::Loopback);
    assert_eq!(of("::1", "::1"), Origin::Loopback);
    assert_eq!(of("::ffff:127.0.0.1", "::ffff:127.0.0.1"), Origin::Loopback);
    assert_eq!(of("10.0.0.7", "10.0.0.7"), Origin::SameHost);
    assert_eq!(of("10.0.0.8", "10.0.0.7"), Origin::Remote);
    assert_eq!(of("fd00::8", "fd00::7"), Origin::Remote);
}

proptest::proptest! {
    #[test]
    fn no_bytes_in_any_order_make_a_session_panic_or_hold_much(
        pieces in proptest::collection::vec(
            proptest::collection::vec(proptest::prelude::any::<u8>(), 0..40), 0..20),
    ) {
        let mut bench = Bench::with(Rules::default().relaxed());
        let mut session = bench.connect(Origin::Loopback);
        for piece in pieces {
            let answer = bench.send(&mut session, &piece);
            proptest::prop_assert!(answer.len() < 5000);
        }
    }
}
