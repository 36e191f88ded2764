//! What DNS answers, and what it means: the walk along the search list, and whether all is known.
//!
//! A name that does not exist, or has no address, is an answer; SERVFAIL, REFUSED and silence are
//! none. All types are asked at one name of the list before the next, and the first name that has
//! records of any of them is the one: a service with IPv4 addresses only does not send its
//! question for IPv6 on through every domain.
//!
//! That a headless service does not exist is believed, though CoreDNS says so for a moment when it
//! has just started: what becomes of a peer that is missing is decided where all answers meet, and
//! never at once.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use crate::{DiscoveryError, Problem};

/// A name server of one's own: `10.96.0.10`, `[fd00::10]:5353`. Port 53 unless given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nameserver(pub SocketAddr);

impl FromStr for Nameserver {
    type Err = NameserverError;

    fn from_str(text: &str) -> Result<Self, NameserverError> {
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        let alone = bare.parse().map(|ip: IpAddr| SocketAddr::new(ip, 53));
        match alone.or_else(|_| text.parse()) {
            Ok(address) if address.port() != 0 => Ok(Self(address)),
            _ => Err(NameserverError { text: text.chars().take(64).collect() }),
        }
    }
}

/// A text is no name server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no name server: write an address as 10.96.0.10, 10.96.0.10:5353 or [fd00::10]:53"
)]
pub struct NameserverError {
    text: String,
}

/// Types of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// Services: names of hosts.
    Srv,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Srv => "SRV",
        })
    }
}

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Found {
    /// An address.
    Address(IpAddr),
    /// The host of a service, without the final dot.
    Host(String),
}

/// What one question, for one type at one name, came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Records, or that there are none (NXDOMAIN and NODATA).
    Records(Vec<Found>),
    /// A server answers that it cannot or will not answer: the next name may do better.
    Refused(String),
    /// No server answers at all: neither will one for the next name.
    Silent(String),
}

/// What DNS says about a name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The records, sorted and each once.
    pub found: Vec<Found>,
    /// Why there may be more of them.
    pub problems: Vec<DiscoveryError>,
}

/// A question on its way along the search list.
///
/// Drive it: ask every type at [`at`](Self::at), give the replies to [`handle`](Self::handle),
/// until there is no name left; then take the [`answer`](Self::answer).
#[derive(Debug)]
pub struct Search {
    names: Vec<String>,
    answer: Answer,
}

impl Search {
    /// Asks for `name` as a resolver with this search list and `ndots` does (`resolv.conf(5)`).
    #[must_use]
    pub fn new(name: &str, domains: &[String], ndots: usize) -> Self {
        // The name to ask next is the last.
        Self {
            names: candidates(name, domains, ndots).into_iter().rev().collect(),
            answer: Answer::default(),
        }
    }

    /// The full name to ask for now, with its final dot.
    #[must_use]
    pub fn at(&self) -> Option<&str> {
        self.names.last().map(String::as_str)
    }

    /// What each type came to at that name.
    pub fn handle(&mut self, replies: impl IntoIterator<Item = (Kind, Reply)>) {
        let Some(name) = self.names.pop() else { return };
        for (kind, reply) in replies {
            let mut failed = |said: String, hint: &str| {
                let said = format!("{kind} records of {name}: {said}; {hint}");
                self.answer.problems.push(DiscoveryError::new(Problem::Dns, said));
            };
            match reply {
                Reply::Records(found) => self.answer.found.extend(found),
                Reply::Refused(said) => failed(said, "look at the name server's log"),
                Reply::Silent(said) => {
                    failed(said, "check the name servers in /etc/resolv.conf, or those given");
                    self.names.clear();
                }
            }
        }
        if !self.answer.found.is_empty() {
            self.names.clear();
        }
    }

    /// What all of it came to.
    #[must_use]
    pub fn answer(mut self) -> Answer {
        self.answer.found.sort();
        self.answer.found.dedup();
        self.answer
    }
}

/// The longest full name, with its final dot (RFC 1035, 2.3.4: 255 bytes as it is sent).
const LONGEST_NAME: usize = 254;

/// The names to try for `name`, in order: one that gets too long under a domain is not there.
fn candidates(name: &str, domains: &[String], ndots: usize) -> Vec<String> {
    if name.ends_with('.') {
        return vec![name.to_owned()];
    }
    let whole = format!("{name}.");
    let mut all: Vec<String> = Vec::new();
    let under = domains.iter().map(|domain| format!("{name}.{}.", domain.trim_end_matches('.')));
    let under = under.map(|name| name.replace("..", "."));
    if name.matches('.').count() >= ndots {
        all.push(whole);
        all.extend(under);
    } else {
        all.extend(under);
        all.push(whole);
    }
    let mut seen = std::collections::BTreeSet::new();
    all.retain(|name| name.len() <= LONGEST_NAME && seen.insert(name.clone()));
    all
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const POD: &[&str] = &["default.svc.cluster.local", "svc.cluster.local", "cluster.local"];

    fn domains() -> Vec<String> {
        POD.iter().map(ToString::to_string).collect()
    }

    fn v4(last: u8) -> Found {
        Found::Address([10, 0, 0, last].into())
    }

    fn none() -> Reply {
        Reply::Records(Vec::new())
    }

    /// The names that are asked for while these are the replies, and the answer.
    fn walk(name: &str, mut reply: impl FnMut(&str, Kind) -> Reply) -> (Vec<String>, Answer) {
        let mut search = Search::new(name, &domains(), 5);
        let mut asked = Vec::new();
        while let Some(at) = search.at().map(str::to_owned) {
            search.handle([Kind::A, Kind::Aaaa].map(|kind| (kind, reply(&at, kind))));
            asked.push(at);
        }
        (asked, search.answer())
    }

    #[test]
    fn a_services_short_name_is_found_in_the_pods_own_namespace() {
        let (asked, answer) = walk("svc", |_, kind| match kind {
            Kind::A => Reply::Records(vec![v4(2), v4(1), v4(2)]),
            _ => none(),
        });
        assert_eq!(asked, ["svc.default.svc.cluster.local."]);
        assert_eq!(answer, Answer { found: vec![v4(1), v4(2)], problems: vec![] });
    }

    #[test]
    fn a_name_that_one_search_domain_does_not_have_is_looked_for_in_the_others() {
        let (asked, answer) = walk("db.example.org", |name, kind| match (name, kind) {
            ("db.example.org.", Kind::Aaaa) => Reply::Records(vec![v4(1)]),
            _ => none(),
        });
        assert_eq!(asked.len(), 4);
        assert_eq!((asked.last().unwrap().as_str(), answer.found.len()), ("db.example.org.", 1));
        assert!(answer.problems.is_empty());
    }

    #[test]
    fn a_name_with_its_final_dot_or_dots_enough_is_asked_for_first() {
        assert_eq!(candidates("a.b.", &domains(), 5), ["a.b."]);
        assert_eq!(candidates("a.b", &domains(), 1)[0], "a.b.");
        assert_eq!(candidates("a.b", &domains(), 2).last().unwrap(), "a.b.");
        assert_eq!(candidates("a", &[".".to_owned(), "x.".to_owned()], 1), ["a.", "a.x."]);
    }

    #[test]
    fn an_error_of_one_search_domain_is_never_covered_by_the_absence_in_the_last() {
        let (asked, answer) = walk("svc", |name, _| match name {
            "svc.default.svc.cluster.local." => Reply::Refused("SERVFAIL".into()),
            _ => none(),
        });
        assert_eq!(asked.len(), 4, "the others are asked all the same");
        assert_eq!((answer.found.len(), answer.problems.len()), (0, 2));
        assert!(answer.problems[0].message.contains("A records of svc.default.svc.cluster.local."));
    }

    #[test]
    fn an_error_of_one_family_makes_the_answer_partial_and_keeps_the_other() {
        let (_, answer) = walk("svc", |_, kind| match kind {
            Kind::A => Reply::Records(vec![v4(1)]),
            _ => Reply::Silent("no answer".into()),
        });
        assert_eq!((answer.found.len(), answer.problems.len()), (1, 1));
    }

    #[test]
    fn a_server_that_is_silent_is_not_asked_for_every_domain() {
        let (asked, answer) = walk("svc", |_, _| Reply::Silent("no answer".into()));
        assert_eq!((asked.len(), answer.problems.len()), (1, 2));
    }

    #[test]
    fn absence_everywhere_is_a_whole_answer() {
        assert_eq!(walk("svc", |_, _| none()).1, Answer::default());
    }

    #[test]
    fn servers_of_ones_own_are_written_with_and_without_a_port() {
        let read = |text: &str| text.parse::<Nameserver>().map(|server| server.0.to_string());
        assert_eq!(read("10.96.0.10").unwrap(), "10.96.0.10:53");
        assert_eq!(read("10.96.0.10:5353").unwrap(), "10.96.0.10:5353");
        assert_eq!(read("fd00::10").unwrap(), "[fd00::10]:53");
        assert_eq!(read("[fd00::10]").unwrap(), "[fd00::10]:53");
        assert_eq!(read("[fd00::10]:5353").unwrap(), "[fd00::10]:5353");
        for text in ["", "kube-dns", "10.0.0.1:0", "10.0.0.1:65536", "10.0.0"] {
            assert!(read(text).unwrap_err().to_string().contains("[fd00::10]:53"), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_search_ends_and_asks_for_full_names_only(
            name in "[a-z.]{1,12}",
            domains in prop::collection::vec("[a-z.]{0,8}", 0..6),
            ndots in 0_usize..6,
        ) {
            let mut search = Search::new(&name, &domains, ndots);
            for _ in 0..=domains.len() {
                prop_assert!(search.at().is_none_or(|name| name.ends_with('.')));
                search.handle([(Kind::A, none())]);
            }
            prop_assert_eq!(search.at(), None);
        }
    }
}
