//! A copy of what the API server has, kept by listing and watching.

use std::time::{Duration, Instant};

use flitch_epmd::backoff::Backoff;
use hyper::http::Request;

use super::object::{Address, Event, Page, Status};
use super::options::Lookup;
use super::request::{Resource, Scope};
use super::shelf::{MOST, Shelf};
use super::words::Asked;
use crate::{DiscoveryError, Problem};

/// The wait after the first of several failures.
const FIRST_WAIT: Duration = Duration::from_millis(250);

/// The shortest interval, whatever the options say.
const SHORTEST: Duration = Duration::from_millis(10);

/// The shortest time that the server is asked to keep a watch open, and what chance adds to it:
/// the nodes of a deployment do not all come back in the same moment.
const WATCH: (u32, u32) = (240, 60);

/// Pages of one list; they hold more objects than are kept.
const PAGES: u32 = 2000;

/// Where nobody may watch, every so many lists it is tried again.
const TRY_WATCHING: u32 = 12;

/// What the API server said, for one kind of object in one namespace, or in all.
///
/// It does no I/O. [`Mirror::poll_ask`] says what to ask next; what comes of it goes to the
/// `handle_` methods, each of which says what then ([`After`]). A list is read to its end with
/// [`Mirror::handle_list`], page by page. A watch is opened ([`Mirror::handle_watching`] or
/// [`Mirror::handle_no_watch`]), its lines go to [`Mirror::handle_line`] until one says that it is
/// over, and its end to [`Mirror::handle_end`]. After each of them, [`Mirror::take_changed`] says
/// whether [`Mirror::seen`] is another one.
///
/// Nothing is forgotten but what the server says is gone, by a watch or by a whole list that does
/// not have it.
pub(crate) struct Mirror {
    scope: Scope,
    lookup: Lookup,
    credentials: String,
    interval: Duration,
    random: fn() -> u32,
    backoff: Backoff,

    resource: Resource,
    state: State,
    shelf: Shelf,
    /// Whether there has been a whole list.
    listed: bool,
    problem: Option<DiscoveryError>,
    /// Why the fallback is asked.
    refused: Option<DiscoveryError>,
    /// Lists until a watch is tried again, where that is not allowed or comes to nothing.
    blind: u32,
    /// Watches in a row that came to nothing.
    lost: u32,
    /// What has happened once already, and is waited for when it happens again.
    expired: bool,
    unauthorized: bool,
    changed: bool,
    note: Option<String>,
    noted: Option<String>,
}

enum State {
    Listing { token: Option<String>, page: u32 },
    Watching { version: String, since: Option<Instant>, progress: bool },
}

/// What to ask.
#[derive(Debug)]
pub(crate) enum Ask {
    List(Request<Vec<u8>>),
    /// With the seconds that the server keeps it open.
    Watch(Request<Vec<u8>>, u32),
}

/// What to do next: wait, then [`Mirror::poll_ask`] again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct After {
    pub(crate) wait: Duration,
    /// Whether to connect anew, with files read again.
    pub(crate) afresh: bool,
}

const ON: After = After { wait: Duration::ZERO, afresh: false };

/// What is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) addresses: Vec<Address>,
    /// Why they may not be all.
    pub(crate) problems: Vec<DiscoveryError>,
    /// Whether anything has come of it yet, good or bad.
    pub(crate) begun: bool,
}

impl Mirror {
    /// `credentials` says where they come from; `interval` is the longest pause after failures,
    /// and the pause between two lists where there is no watching.
    pub(crate) fn new(
        scope: Scope,
        lookup: Lookup,
        credentials: String,
        interval: Duration,
        random: fn() -> u32,
    ) -> Self {
        let interval = interval.max(SHORTEST);
        Self {
            scope,
            lookup,
            credentials,
            interval,
            random,
            backoff: Backoff::new(FIRST_WAIT, interval, random),
            resource: first(lookup),
            state: State::Listing { token: None, page: 0 },
            shelf: Shelf::default(),
            listed: false,
            problem: None,
            refused: None,
            blind: 0,
            lost: 0,
            expired: false,
            unauthorized: false,
            changed: false,
            note: None,
            noted: None,
        }
    }

    /// What to ask now.
    pub(crate) fn poll_ask(&mut self) -> Result<Ask, DiscoveryError> {
        let request = match &self.state {
            State::Listing { token, .. } => {
                self.scope.list(self.resource, token.as_deref()).map(Ask::List)
            }
            State::Watching { version, .. } => {
                let seconds = WATCH.0 + (self.random)() % WATCH.1;
                let request = self.scope.watch(self.resource, version, seconds);
                request.map(|request| Ask::Watch(request, seconds))
            }
        };
        request.map_err(|error| super::config(error.to_string()))
    }

    /// A page of a list, or why not.
    pub(crate) fn handle_list(&mut self, status: u16, body: &[u8]) -> After {
        let resource = self.resource;
        let refused = || self.asked("list").refused(status, &Status::read(body).message);
        match status {
            200 => match Page::read(resource, body) {
                Ok(page) => self.page(page),
                Err(said) => self.handle_failure(self.asked("list").garbage(&said)),
            },
            401 if !self.unauthorized => {
                self.unauthorized = true;
                After { wait: Duration::ZERO, afresh: true }
            }
            403 | 404
                if resource == Resource::EndpointSlices && self.lookup == Lookup::Endpoints =>
            {
                self.refused = Some(refused());
                self.resource = Resource::Endpoints;
                self.list();
                ON
            }
            410 if !self.expired => self.start_over(),
            _ => {
                let error = refused();
                // The fallback was not what was wanted.
                let error = match self.refused.take() {
                    Some(first) if matches!(status, 403 | 404) => first,
                    _ => error,
                };
                self.handle_failure(error)
            }
        }
    }

    /// The watch is open.
    pub(crate) fn handle_watching(&mut self, now: Instant) {
        if let State::Watching { since, progress, .. } = &mut self.state {
            (*since, *progress) = (Some(now), false);
        }
    }

    /// The watch was refused. Lists go on: that is no reason to call them incomplete.
    pub(crate) fn handle_no_watch(&mut self, status: u16, body: &[u8]) -> After {
        self.watch_error(status, &Status::read(body).message)
    }

    fn watch_error(&mut self, status: u16, said: &str) -> After {
        if status == 410 {
            return self.start_over();
        }
        let error = self.asked("watch").refused(status, said);
        if !matches!(status, 403 | 405) {
            return self.handle_lost_watch(&error);
        }
        let every = self.interval;
        self.note(format!("asks every {every:?} instead of watching: {error}"));
        self.blind = TRY_WATCHING;
        self.list();
        After { wait: self.next_poll(), afresh: false }
    }

    /// The watch could not be opened, or told what cannot be read. What was listed is as true as
    /// before: a list tells whether the server is there.
    pub(crate) fn handle_lost_watch(&mut self, error: &DiscoveryError) -> After {
        self.note(format!("lists again, since watching failed: {error}"));
        self.list_instead();
        After { wait: self.backoff.next_wait(), afresh: true }
    }

    /// A line of the watch. Something in return: the watch is over.
    pub(crate) fn handle_line(&mut self, line: &[u8]) -> Option<After> {
        if line.trim_ascii().is_empty() {
            return None;
        }
        let reached = match Event::read(self.resource, line) {
            Ok(Event::Is(object, version)) => {
                self.changed |= self.shelf.put(object);
                version
            }
            Ok(Event::Gone(object, version)) => {
                self.changed |= self.shelf.remove(&object);
                version
            }
            Ok(Event::Bookmark(version)) => version,
            Ok(Event::Error(status, said)) => return Some(self.watch_error(status, &said)),
            Err(said) => {
                let garbage = self.asked("watch").garbage(&said);
                return Some(self.handle_lost_watch(&garbage));
            }
        };
        if let State::Watching { version, progress, .. } = &mut self.state {
            (*version, *progress) = (reached, true);
        }
        self.went_well();
        None
    }

    /// The watch ended: at its time, or because somebody on the way cut it.
    pub(crate) fn handle_end(&mut self, now: Instant) -> After {
        let State::Watching { since, progress, .. } = &self.state else { return ON };
        let (progress, lived) = (*progress, since.map_or(Duration::ZERO, |since| now - since));
        if lived >= self.interval {
            self.went_well();
            if self.resource != first(self.lookup) {
                // What was refused may be allowed by now.
                self.resource = first(self.lookup);
                self.list();
            }
            return ON;
        }
        if !progress {
            // Whoever cuts it at once has not let a change through: that takes a list.
            self.list_instead();
        }
        After { wait: self.backoff.next_wait(), afresh: true }
    }

    /// The watch broke off.
    pub(crate) fn handle_broken_watch(&mut self, error: &DiscoveryError, now: Instant) -> After {
        self.note(format!("watches again, since a watch broke: {error}"));
        After { afresh: true, ..self.handle_end(now) }
    }

    /// No answer, or none that can be read: it is asked again, and nobody is forgotten.
    pub(crate) fn handle_failure(&mut self, error: DiscoveryError) -> After {
        self.changed |= self.problem.as_ref() != Some(&error);
        self.problem = Some(error);
        self.refused = None;
        self.resource = first(self.lookup);
        self.list();
        After { wait: self.backoff.next_wait(), afresh: true }
    }

    /// Whether something is known that was not.
    pub(crate) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// What the log should say, once.
    pub(crate) fn take_note(&mut self) -> Option<String> {
        self.note.take()
    }

    /// All that is known.
    pub(crate) fn seen(&self) -> Seen {
        let mut problems: Vec<_> = self.problem.iter().cloned().collect();
        if !self.listed && problems.is_empty() {
            let (what, place) = (self.resource.as_str(), self.scope.place());
            let said = format!("the API server has not yet told all {what} {place}");
            problems.push(DiscoveryError::new(Problem::Api, said));
        }
        if self.shelf.is_crowded() {
            let said = format!(
                "there are more than {MOST} addresses {}: narrow kubernetes_selector",
                self.scope.place()
            );
            problems.push(DiscoveryError::new(Problem::Config, said));
        }
        problems.extend(self.shelf.problems().cloned());
        Seen {
            addresses: self.shelf.addresses().cloned().collect(),
            problems,
            begun: self.listed || self.problem.is_some(),
        }
    }

    fn page(&mut self, page: Page) -> After {
        let State::Listing { page: number, .. } = self.state else { return ON };
        if number == 0 {
            self.shelf.start_list();
        }
        for object in page.objects {
            self.changed |= self.shelf.put(object);
        }
        if page.token.is_some() {
            if number == PAGES {
                return self.handle_failure(self.asked("list").garbage("its list has no end"));
            }
            self.state = State::Listing { token: page.token, page: number + 1 };
            return ON;
        }
        self.whole();
        if self.blind > 0 {
            self.blind -= 1;
        }
        if self.blind > 0 {
            self.list();
            return After { wait: self.next_poll(), afresh: false };
        }
        self.state = State::Watching { version: page.version, since: None, progress: false };
        ON
    }

    /// A list is at its end: what it did not have is gone.
    fn whole(&mut self) {
        self.changed |= self.shelf.end_list() || !self.listed || self.problem.is_some();
        (self.listed, self.problem, self.unauthorized) = (true, None, false);
        if let Some(refused) = self.refused.take() {
            self.note(format!("uses Endpoints instead of EndpointSlices: {refused}"));
        }
    }

    /// The server does not remember as far back as we do: list at once, and wait if that comes to
    /// the same.
    fn start_over(&mut self) -> After {
        self.list();
        let wait = if self.expired { self.backoff.next_wait() } else { Duration::ZERO };
        self.expired = true;
        After { wait, afresh: false }
    }

    fn went_well(&mut self) {
        self.backoff.reset();
        (self.expired, self.lost) = (false, 0);
    }

    /// The same is not said twice in a row.
    fn note(&mut self, said: String) {
        if self.noted.as_ref() != Some(&said) {
            self.note = Some(said.clone());
            self.noted = Some(said);
        }
    }

    /// A watch came to nothing: the more often in a row, the more lists before the next one. What
    /// swallows watches may take its time for each.
    fn list_instead(&mut self) {
        self.blind = self.lost;
        self.lost = (self.lost + 1).min(TRY_WATCHING);
        self.list();
    }

    fn list(&mut self) {
        self.state = State::Listing { token: None, page: 0 };
    }

    fn next_poll(&self) -> Duration {
        let share = f64::from((self.random)()) / f64::from(u32::MAX);
        self.interval.mul_f64(1.0 - share / 10.0)
    }

    pub(crate) fn asked<'a>(&'a self, verb: &'a str) -> Asked<'a> {
        Asked { verb, resource: self.resource, scope: &self.scope, credentials: &self.credentials }
    }
}

/// What is asked before anything is refused.
fn first(lookup: Lookup) -> Resource {
    match lookup {
        Lookup::Endpoints | Lookup::EndpointSlices => Resource::EndpointSlices,
        Lookup::Pods => Resource::Pods,
    }
}

#[cfg(test)]
#[path = "mirror/tests.rs"]
mod tests;
