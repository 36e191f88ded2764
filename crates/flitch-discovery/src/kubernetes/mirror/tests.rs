//! A server that forgets, fails, and is cut off, and a mirror that never shows what is not.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const INTERVAL: Duration = Duration::from_secs(5);

fn mirror(lookup: Lookup) -> Mirror {
    let scope = Scope {
        namespace: Some("shop".into()),
        selector: Some("app=app".into()),
        service: None,
        cached: false,
    };
    Mirror::new(scope, lookup, "the token in FILE".into(), INTERVAL, || 0)
}

fn slice(name: &str, hosts: &[u8]) -> Value {
    let endpoint = |host: &u8| json!({ "addresses": [format!("10.0.0.{host}")] });
    let endpoints: Vec<_> = hosts.iter().map(endpoint).collect();
    json!({ "metadata": { "name": name, "namespace": "shop", "resourceVersion": "0" },
            "endpoints": endpoints })
}

fn list(items: &[Value], version: usize, token: Option<&str>) -> Vec<u8> {
    let metadata = json!({ "resourceVersion": version.to_string(), "continue": token });
    json!({ "kind": "EndpointSliceList", "metadata": metadata, "items": items })
        .to_string()
        .into_bytes()
}

fn event(kind: &str, mut object: Value, version: usize) -> Vec<u8> {
    object["metadata"]["resourceVersion"] = json!(version.to_string());
    json!({ "type": kind, "object": object }).to_string().into_bytes()
}

fn hosts(mirror: &Mirror) -> BTreeSet<String> {
    mirror.seen().addresses.iter().map(|address| address.ip.to_string()).collect()
}

fn is_list(mirror: &mut Mirror) -> bool {
    matches!(mirror.poll_ask().unwrap(), Ask::List(_))
}

/// A mirror that has listed `hosts` and watches.
fn watching(hosts: &[u8]) -> Mirror {
    let mut mirror = mirror(Lookup::Endpoints);
    assert_eq!(mirror.handle_list(200, &list(&[slice("a", hosts)], 1, None)), ON);
    assert!(!is_list(&mut mirror));
    mirror.handle_watching(Instant::now());
    assert!(mirror.take_changed());
    mirror
}

#[test]
fn a_failure_a_403_or_garbage_forgets_nobody() {
    for (status, body) in [(500, "no"), (403, "{}"), (200, "{}"), (200, "<html>"), (429, "")] {
        let mut mirror = watching(&[1, 2]);
        mirror.start_over();
        let mut after = mirror.handle_list(status, body.as_bytes());
        if status == 403 {
            assert_eq!(after, ON, "the fallback is asked");
            after = mirror.handle_list(403, b"{}");
        }
        assert!(after.afresh && after.wait > Duration::ZERO, "{status}");
        assert_eq!(hosts(&mirror).len(), 2);
        assert_eq!(mirror.seen().problems.len(), 1);
        assert!(mirror.take_changed() && is_list(&mut mirror));
        mirror.handle_list(200, &list(&[slice("a", &[2])], 9, None));
        assert_eq!(mirror.seen().problems, []);
        assert_eq!(hosts(&mirror).len(), 1);
    }
}

#[test]
fn a_role_without_endpointslices_is_served_from_endpoints() {
    for status in [403, 404] {
        let mut mirror = mirror(Lookup::Endpoints);
        assert_eq!(mirror.handle_list(status, b"{}"), ON);
        let Ask::List(request) = mirror.poll_ask().unwrap() else { panic!() };
        assert!(request.uri().path().ends_with("/api/v1/namespaces/shop/endpoints"));
        let recorded = include_bytes!("../../../tests/data/kubernetes/endpoints.json");
        assert_eq!(mirror.handle_list(200, recorded), ON);
        assert_eq!(hosts(&mirror).len(), 3);
        assert!(mirror.take_note().unwrap().contains("Endpoints instead of EndpointSlices"));
        let Ask::Watch(request, _) = mirror.poll_ask().unwrap() else { panic!() };
        assert!(request.uri().path().ends_with("/endpoints"));
    }
    let mut strict = mirror(Lookup::EndpointSlices);
    assert!(strict.handle_list(403, b"{}").wait > Duration::ZERO);
    let Ask::List(request) = strict.poll_ask().unwrap() else { panic!() };
    assert!(request.uri().path().ends_with("/endpointslices"));
}

#[test]
fn a_role_that_is_mended_is_found_out_when_a_watch_of_the_fallback_is_over() {
    let mut mirror = mirror(Lookup::Endpoints);
    mirror.handle_list(403, b"{}");
    let endpoints = json!({ "kind": "EndpointsList", "metadata": { "resourceVersion": "7" }, "items": [{
        "metadata": { "name": "app", "namespace": "shop" },
        "subsets": [{ "addresses": [{ "ip": "10.0.0.1" }] }],
    }] });
    mirror.handle_list(200, endpoints.to_string().as_bytes());
    let opened = Instant::now();
    mirror.handle_watching(opened);
    assert_eq!(mirror.handle_end(opened + Duration::from_secs(290)), ON);
    let Ok(Ask::List(request)) = mirror.poll_ask() else { panic!("no list") };
    assert!(request.uri().path().ends_with("/endpointslices"), "{request:?}");
    assert_eq!(hosts(&mirror).len(), 1);
    mirror.handle_list(200, &list(&[slice("a", &[1, 2])], 9, None));
    assert_eq!((hosts(&mirror).len(), mirror.seen().problems.len()), (2, 0));
}

#[test]
fn both_refused_names_the_role_for_endpointslices() {
    let mut mirror = mirror(Lookup::Endpoints);
    mirror.handle_list(403, b"{}");
    mirror.handle_list(403, b"{}");
    let said = mirror.seen().problems.remove(0);
    assert_eq!(said.problem, Problem::Forbidden);
    assert!(said.message.contains("flitch-endpointslices"), "{said}");
    let Ask::List(request) = mirror.poll_ask().unwrap() else { panic!() };
    assert!(request.uri().path().ends_with("/endpointslices"), "slices are asked for again");
}

#[test]
fn a_role_without_watch_is_asked_over_and_over_and_tried_again() {
    let mut mirror = watching(&[1]);
    let after = mirror.handle_no_watch(403, b"{}");
    assert!(after.wait > INTERVAL / 2 && !after.afresh);
    assert!(mirror.take_note().unwrap().contains("instead of watching"));
    assert_eq!(mirror.seen().problems, [], "a list tells all there is");
    for number in 1..TRY_WATCHING {
        assert!(is_list(&mut mirror), "{number}");
        let after = mirror.handle_list(200, &list(&[slice("a", &[1])], 2, None));
        assert!(after.wait > INTERVAL / 2);
    }
    assert_eq!(mirror.handle_list(200, &list(&[slice("a", &[1])], 2, None)), ON);
    assert!(!is_list(&mut mirror), "the role may have been given in the meantime");
    mirror.handle_no_watch(403, b"{}");
    assert_eq!(mirror.take_note(), None, "said once");
}

#[test]
fn a_forgotten_version_lists_at_once_and_then_slower() {
    let mut mirror = watching(&[1]);
    let expired = include_bytes!("../../../tests/data/kubernetes/watch410.txt");
    assert_eq!(mirror.handle_line(expired), Some(ON));
    assert!(is_list(&mut mirror) && !mirror.take_changed());
    mirror.handle_list(200, &list(&[slice("a", &[1])], 2, None));
    mirror.handle_watching(Instant::now());
    let again = mirror.handle_line(expired).unwrap();
    assert!(again.wait > Duration::ZERO, "a server that forgets all does not keep us busy");
    let mut paging = watching(&[1, 2]);
    paging.start_over();
    paging.expired = false;
    paging.handle_list(200, &list(&[slice("b", &[3])], 3, Some("next")));
    let gone = include_bytes!("../../../tests/data/kubernetes/410.json");
    assert_eq!(paging.handle_list(410, gone), ON);
    let Ask::List(request) = paging.poll_ask().unwrap() else { panic!() };
    assert!(!request.uri().to_string().contains("continue"), "from the first page again");
    assert_eq!(hosts(&paging).len(), 3, "what a page said is known, and nobody is lost");
    assert_eq!(paging.seen().problems, []);
}

#[test]
fn an_old_token_is_read_again_before_anything_is_told() {
    let mut mirror = watching(&[1]);
    mirror.start_over();
    let after = mirror.handle_list(401, b"{}");
    assert_eq!(after, After { wait: Duration::ZERO, afresh: true });
    assert!(!mirror.take_changed());
    assert!(mirror.handle_list(401, b"{}").wait > Duration::ZERO);
    assert_eq!(mirror.seen().problems[0].problem, Problem::Forbidden);
    assert_eq!(hosts(&mirror).len(), 1);
}

#[test]
fn a_watch_at_its_end_goes_on_where_it_was_and_one_that_is_cut_at_once_lists() {
    let opened = Instant::now();
    let mut mirror = watching(&[1]);
    mirror.handle_watching(opened);
    assert_eq!(mirror.handle_end(opened + INTERVAL), ON);
    assert!(!is_list(&mut mirror));
    mirror.handle_watching(opened);
    mirror.handle_line(&event("BOOKMARK", json!({ "metadata": {} }), 7));
    assert!(!mirror.take_changed(), "a bookmark is nothing new");
    assert!(mirror.handle_end(opened).wait > Duration::ZERO);
    let Ask::Watch(request, _) = mirror.poll_ask().unwrap() else { panic!() };
    assert!(request.uri().to_string().ends_with("resourceVersion=7"), "after the bookmark");
    mirror.handle_watching(opened);
    assert!(mirror.handle_end(opened).wait > Duration::ZERO);
    assert!(is_list(&mut mirror), "nothing came of it");
}

#[test]
fn a_way_that_swallows_watches_comes_to_polling_and_is_tried_again() {
    let swallowed = DiscoveryError::new(Problem::Api, "no answer in time");
    let mut mirror = watching(&[1]);
    let (mut lists, mut waits) = (Vec::new(), Vec::new());
    for _ in 0..8 {
        waits.push(mirror.handle_lost_watch(&swallowed).wait);
        let mut count = 0;
        while is_list(&mut mirror) {
            mirror.handle_list(200, &list(&[slice("a", &[1])], 9, None));
            assert_eq!(mirror.seen().problems, [], "a list tells all there is");
            count += 1;
        }
        lists.push(count);
    }
    assert!(waits.is_sorted() && waits[7] == INTERVAL, "{waits:?}");
    assert_eq!(lists, [1, 1, 2, 3, 4, 5, 6, 7]);
    mirror.handle_line(&event("BOOKMARK", json!({ "metadata": {} }), 7));
    assert!(mirror.handle_lost_watch(&swallowed).wait < waits[1]);
}

#[test]
fn before_the_first_whole_list_nothing_is_called_complete() {
    let mut mirror = mirror(Lookup::Endpoints);
    assert!(!mirror.seen().begun);
    mirror.handle_list(200, &list(&[slice("a", &[1])], 1, Some("next")));
    let seen = mirror.seen();
    assert_eq!((seen.addresses.len(), seen.problems.len()), (1, 1));
    mirror.handle_list(200, &list(&[], 1, None));
    assert_eq!(mirror.seen().problems, []);
}

#[test]
fn a_list_without_an_end_and_addresses_without_number_take_no_memory() {
    let mut mirror = watching(&[1]);
    mirror.start_over();
    let endless = list(&[], 1, Some("next"));
    let pages = (0..2 * PAGES).take_while(|_| mirror.handle_list(200, &endless) == ON).count();
    assert_eq!(pages, PAGES as usize);
    assert_eq!(mirror.seen().problems[0].problem, Problem::Garbage);
    let crowd: Vec<_> = (0..1000).map(|_| 1).collect();
    for name in 0..200 {
        mirror.handle_line(&event("ADDED", slice(&name.to_string(), &crowd), 2));
    }
    assert!(mirror.seen().addresses.len() < crate::kubernetes::shelf::MOST);
    assert!(mirror.seen().problems.iter().any(|said| said.message.contains("narrow")));
}

#[derive(Clone, Debug)]
enum Step {
    Put(u8, Vec<u8>),
    Delete(u8),
    /// Lets the mirror ask so many times.
    Turn(u8),
    Cut,
    Forget,
    Fail(u16),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..5_u8, prop::collection::vec(any::<u8>(), 0..4)).prop_map(|(n, h)| Step::Put(n, h)),
        2 => (0..5_u8).prop_map(Step::Delete),
        4 => (1..4_u8).prop_map(Step::Turn),
        1 => Just(Step::Cut),
        1 => Just(Step::Forget),
        1 => prop::sample::select(vec![500, 410, 401, 503, 200]).prop_map(Step::Fail),
    ]
}

/// An API server: what there is, and what happened since it began to remember.
#[derive(Default)]
struct Server {
    slices: BTreeMap<String, Vec<u8>>,
    log: Vec<(usize, Vec<u8>)>,
    version: usize,
    forgotten: usize,
    /// What the pages of a list that is under way were cut from.
    snapshot: Option<(Vec<Value>, usize)>,
    now: Option<Instant>,
}

impl Server {
    fn change(&mut self, name: u8, hosts: Option<Vec<u8>>) {
        let name = format!("slice-{name}");
        let (kind, object) = match hosts {
            Some(hosts) => {
                let object = slice(&name, &hosts);
                (
                    if self.slices.insert(name, hosts).is_some() { "MODIFIED" } else { "ADDED" },
                    object,
                )
            }
            None => match self.slices.remove(&name) {
                Some(hosts) => ("DELETED", slice(&name, &hosts)),
                None => return,
            },
        };
        self.version += 1;
        self.log.push((self.version, event(kind, object, self.version)));
    }

    /// Answers one question; a list has pages of two.
    fn turn(&mut self, mirror: &mut Mirror) {
        let opened = *self.now.get_or_insert_with(Instant::now);
        match mirror.poll_ask().unwrap() {
            Ask::List(request) => {
                let query = request.uri().query().unwrap();
                let from = query.split("continue=").nth(1).and_then(|token| token.parse().ok());
                if from.is_none() {
                    let all = self.slices.iter().map(|(name, hosts)| slice(name, hosts));
                    self.snapshot = Some((all.collect(), self.version));
                }
                let (items, version) = self.snapshot.clone().unwrap();
                let from = from.unwrap_or(0);
                let to = (from + 2).min(items.len());
                let token = (to < items.len()).then(|| to.to_string());
                mirror.handle_list(200, &list(&items[from..to], version, token.as_deref()));
            }
            Ask::Watch(request, _) => {
                let uri = request.uri().to_string();
                let since: usize = uri.split("resourceVersion=").nth(1).unwrap().parse().unwrap();
                mirror.handle_watching(opened);
                if since < self.forgotten {
                    mirror.handle_no_watch(410, b"{}");
                    return;
                }
                for (_, line) in self.log.iter().filter(|(version, _)| *version > since) {
                    assert_eq!(mirror.handle_line(line), None);
                }
                mirror.handle_end(opened + INTERVAL);
            }
        }
    }

    fn hosts(&self) -> BTreeSet<String> {
        self.slices.values().flatten().map(|host| format!("10.0.0.{host}")).collect()
    }
}

proptest! {
    #[test]
    fn whatever_happens_the_end_is_what_a_fresh_list_says(
        steps in prop::collection::vec(step(), 0..60),
    ) {
        let (mut server, mut mirror) = (Server::default(), mirror(Lookup::Endpoints));
        // Who is there from the first list to the end is never missing.
        server.change(99, Some(vec![255]));
        while !mirror.listed {
            server.turn(&mut mirror);
        }
        for step in steps {
            match step {
                Step::Put(name, hosts) => server.change(name, Some(hosts)),
                Step::Delete(name) => server.change(name, None),
                Step::Turn(times) => (0..times).for_each(|_| server.turn(&mut mirror)),
                Step::Cut => drop(mirror.handle_end(Instant::now())),
                Step::Forget => server.forgotten = server.version,
                Step::Fail(status) => drop(match mirror.poll_ask().unwrap() {
                    Ask::List(_) => mirror.handle_list(status, b"oops"),
                    Ask::Watch(..) => mirror.handle_no_watch(status, b"oops"),
                }),
            }
            prop_assert!(hosts(&mirror).contains("10.0.0.255"));
        }
        // A list of six slices has three pages, there may be a dozen before the next watch, and
        // that brings what came in the meantime.
        for _ in 0..64 {
            server.turn(&mut mirror);
        }
        prop_assert_eq!(hosts(&mirror), server.hosts());
        prop_assert_eq!(mirror.seen().problems, []);
        prop_assert!(mirror.shelf.is_weighed());
    }

    #[test]
    fn no_line_of_a_stranger_makes_it_panic(line in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut mirror = watching(&[1]);
        mirror.handle_line(&line);
        prop_assert_eq!(hosts(&mirror).len(), 1);
    }
}
