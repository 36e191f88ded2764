//! Conversations that were recorded from the programs of three releases (`captures/README.md`):
//! they decode, and encode to the bytes that were recorded; cut anywhere, they are incomplete.

#![allow(clippy::unwrap_used, clippy::panic, reason = "this is a test, helpers included")]

use std::time::Instant;

use flitch_epmd::message::{
    Alive2Response, DumpEntry, KillResponse, MessageError, NamesResponse, Port2Response, Request,
    StopResponse, frame,
};
use flitch_epmd::session::{Origin, Rules, Session};
use flitch_epmd::table::{ConnectionId, Table};

const RECORDINGS: [&str; 3] = [
    include_str!("captures/otp25.txt"),
    include_str!("captures/otp27.txt"),
    include_str!("captures/otp29.txt"),
];

/// One connection: what the client said, and what EPMD did.
struct Exchange {
    asked: Vec<u8>,
    answered: Vec<u8>,
}

impl Exchange {
    fn body(&self) -> &[u8] {
        &self.asked[2..]
    }

    fn request(&self) -> Request {
        Request::decode(self.body()).unwrap()
    }
}

fn exchanges() -> Vec<Exchange> {
    let mut all = Vec::new();
    for recording in RECORDINGS {
        let mut lines = recording.lines().filter(|line| !line.starts_with('#'));
        while let (Some(asked), Some(answered)) = (lines.next(), lines.next()) {
            let (asked, answered) = (bytes(asked, "> "), bytes(answered, "< "));
            all.push(Exchange { asked, answered });
        }
    }
    assert!(all.len() >= 3 * 10, "{} exchanges", all.len());
    all
}

fn bytes(line: &str, side: &str) -> Vec<u8> {
    let hex = line.strip_prefix(side).unwrap();
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(byte).collect()
}

/// Decodes an answer and encodes it again.
fn again(request: &Request, answer: &[u8]) -> Result<Vec<u8>, MessageError> {
    Ok(match request {
        Request::Alive2(_) => Alive2Response::decode(answer)?.encode(),
        Request::PortPlease2(_) => Port2Response::decode(answer)?.encode(),
        Request::Names(_) => NamesResponse::decode(answer)?.encode(),
        Request::Kill(_) => KillResponse::decode(answer)?.encode(),
        Request::Stop(_) => StopResponse::decode(answer)?.encode(),
        Request::Dump(_) => {
            let (port, lines) = answer.split_at(4);
            let mut out = port.to_vec();
            for line in lines.split_inclusive(|byte| *byte == 0) {
                out.extend(DumpEntry::decode(line.strip_suffix(&[0]).unwrap())?.encode());
            }
            out
        }
    })
}

#[test]
fn every_recorded_message_is_read_and_written_as_it_was() {
    for exchange in exchanges() {
        let request = exchange.request();
        assert_eq!(frame(&request.encode()), exchange.asked);
        assert_eq!(again(&request, &exchange.answered).unwrap(), exchange.answered, "{request:?}");
    }
}

#[test]
fn each_release_was_heard_to_say_all_there_is() {
    let all = exchanges();
    for first in *b"xznsdk" {
        let said = all.iter().filter(|exchange| exchange.body()[0] == first).count();
        assert!(said >= 3, "{said} of {:?}", char::from(first));
    }
    let answers = |begins: &[u8]| all.iter().any(|exchange| exchange.answered.starts_with(begins));
    assert!(answers(&[118, 0]) && answers(&[118, 1]) && answers(&[119, 0]) && answers(&[119, 1]));
}

#[test]
fn an_answer_that_is_cut_anywhere_is_waited_for_and_never_taken_for_another() {
    for exchange in exchanges() {
        let request = exchange.request();
        // Lists have no end but the stream's.
        if matches!(request, Request::Names(_) | Request::Dump(_)) {
            continue;
        }
        for len in 0..exchange.answered.len() {
            let cut = again(&request, &exchange.answered[..len]);
            assert!(cut.unwrap_err().is_short(), "{request:?} after {len} bytes");
        }
    }
}

#[test]
fn a_request_that_is_cut_anywhere_in_two_gets_the_answer_that_it_gets_whole() {
    let now = Instant::now();
    let ask = |parts: &[&[u8]]| {
        let mut table = Table::new(9, now, 1_700_000_000);
        let rules = Rules::default().relaxed();
        let mut session = Session::new(ConnectionId(1), Origin::Loopback, 4369, rules, now);
        let mut answer = Vec::new();
        for part in parts {
            session.handle_bytes(now, part, &mut table);
            while let Some(piece) = session.poll_transmit(&table) {
                answer.extend(piece);
            }
        }
        (answer, session.ending().cloned(), session.poll_effect())
    };
    for Exchange { asked, .. } in exchanges() {
        let whole = ask(&[&asked]);
        assert!(!whole.0.is_empty(), "{asked:?}");
        for at in 1..asked.len() {
            assert_eq!(ask(&[&asked[..at], &asked[at..]]), whole, "{asked:?} at {at}");
        }
        let bytes: Vec<&[u8]> = asked.chunks(1).collect();
        assert_eq!(ask(&bytes), whole, "{asked:?} byte by byte");
    }
}
