//! What must hold for any bytes that come to an EPMD or from one. The fuzz target runs this, and
//! `tests/corpus.rs` of flitch-epmd runs it over every file of the corpus.

use std::time::{Duration, Instant};

use flitch_epmd::message::{
    Alive2Response, DumpEntry, Endpoint, KillResponse, MAX_REQUEST, NamesResponse, Port2Response,
    Request, StopResponse, frame,
};
use flitch_epmd::session::{Origin, Rules, Session};
use flitch_epmd::table::{ConnectionId, Cursor, Table};

/// The first byte says who talks to whom; the others are what is said.
pub fn epmd(bytes: &[u8]) {
    let Some((how, said)) = bytes.split_first() else { return };
    answers(said);
    requests(*how, said);
}

/// What is read as an answer is written and read again as the same.
fn answers(said: &[u8]) {
    macro_rules! there_and_back {
        ($($message:ty),*) => {$(
            if let Ok(message) = <$message>::decode(said) {
                let again = <$message>::decode(&message.encode());
                assert_eq!(again.as_ref(), Ok(&message), "{}", stringify!($message));
            }
        )*};
    }
    there_and_back!(Alive2Response, Port2Response, KillResponse, StopResponse, Request);
    if let Ok(list) = NamesResponse::decode(said) {
        let whole = NamesResponse { skipped: 0, ..list };
        assert_eq!(NamesResponse::decode(&whole.encode()).as_ref(), Ok(&whole));
    }
    if let Ok(entry) = DumpEntry::decode(said) {
        let line = entry.encode();
        assert_eq!(DumpEntry::decode(&line[..line.len() - 1]), Ok(entry));
    }
    let _ = Port2Response::decode_ended(said);
}

/// A request gets the same answer however it is cut, and the table keeps its promises.
fn requests(how: u8, said: &[u8]) {
    let len = said.first_chunk().map_or(0, |len| usize::from(u16::from_be_bytes(*len)));
    // What follows a request depends on when it comes.
    let said = said.get(..len + 2).unwrap_or(said);
    let whole = Server::new(how).hear([said]);
    let bytes = Server::new(how).hear(said.chunks(1));
    assert_eq!(whole, bytes, "byte by byte");
    let halves = said.split_at(said.len() / 2);
    assert_eq!(Server::new(how).hear([halves.0, halves.1]), whole, "in two halves");
    if said.len() == len + 2
        && let Ok(request) = Request::decode(&said[2..])
    {
        let again = frame(&request.encode());
        assert!(again.len() <= MAX_REQUEST + 2);
        assert_eq!(Server::new(how).hear([&*again]).names, whole.names, "in other bytes");
    }
}

/// What came of it.
#[derive(Debug, PartialEq)]
struct Came {
    answer: Vec<u8>,
    ending: Option<String>,
    registered: bool,
    names: usize,
}

struct Server {
    table: Table,
    session: Session,
    now: Instant,
}

impl Server {
    fn new(how: u8) -> Self {
        let now = Instant::now();
        let mut table = Table::new(3, now, 1_700_000_000);
        for (owner, name) in [(1, "a"), (2, "worker")] {
            let name = name.parse().expect("a name");
            let owner = ConnectionId(owner);
            table.register(now, owner, name, Endpoint::normal(1)).expect("room");
        }
        let origin = [Origin::Loopback, Origin::SameHost, Origin::Remote][usize::from(how % 3)];
        let rules = Rules::default();
        let rules = [rules, rules.stock(), rules.relaxed()][usize::from(how / 3 % 3)];
        let session = Session::new(ConnectionId(9), origin, 4369, rules, now);
        Self { table, session, now }
    }

    fn hear<'a>(mut self, parts: impl IntoIterator<Item = &'a [u8]>) -> Came {
        let mut answer = Vec::new();
        for part in parts {
            self.session.handle_bytes(self.now, part, &mut self.table);
            while let Some(piece) = self.session.poll_transmit(&self.table) {
                answer.extend(piece);
            }
            let _ = self.session.poll_effect();
        }
        let registered = self.session.is_registered();
        let ending = self.session.ending().map(ToString::to_string);
        assert!(!(registered && ending.is_some()), "registered and over");
        let names = self.table.len();
        // Whoever is neither over nor registered is cut off in time, and a name goes with its owner.
        self.session.handle_timeout(self.now + Duration::from_secs(60), &mut self.table);
        assert!(registered || self.session.ending().is_some(), "waited for without an end");
        self.session.handle_closed(&mut self.table);
        assert!(self.table.len() <= 2 && self.table.name_before(Cursor::OLDEST).is_none());
        Came { answer, ending, registered, names }
    }
}
