//! Two scopes and a network in memory, and what a hostile or a future peer may say.

use proptest::prelude::*;

use super::*;

fn pid(node: usize, id: u32) -> Pid {
    Pid { node: Atom::new(&format!("n{node}@h")).unwrap(), id, serial: 0, creation: 1 }
}

/// The nodes' scopes have number 1000, or another one after each restart.
const SCOPE: u32 = 1000;

/// Nodes, and what is on its way between any two of them, in order.
struct Network {
    scopes: Vec<Scope>,
    wires: HashMap<(usize, usize), VecDeque<(u32, Message)>>,
    /// Whom each scope monitors.
    monitors: Vec<Vec<Pid>>,
    /// The version that each node begins to speak with.
    version: u32,
    up: bool,
    /// What each scope tells those who watch, put together.
    watched: Vec<HashMap<Term, Vec<Pid>>>,
}

#[derive(Clone, Debug)]
enum Event {
    Join(usize, u32, u32),
    Leave(usize, u32, u32),
    End(usize, u32),
    Deliver(usize),
    Lose,
    Meet,
    Ask(usize),
}

impl Network {
    fn new(version: u32) -> Self {
        let scopes = (0..2).map(|node| Scope::new(pid(node, SCOPE), usize::MAX));
        Self {
            scopes: scopes.collect(),
            wires: HashMap::new(),
            monitors: vec![Vec::new(); 2],
            version,
            up: false,
            watched: vec![HashMap::new(); 2],
        }
    }

    fn happen(&mut self, event: &Event) {
        match *event {
            Event::Join(node, group, id) => {
                self.scopes[node].handle_join(&Term::from(group), &[pid(node, id)]);
            }
            Event::Leave(node, group, id) => {
                self.scopes[node].handle_leave(&Term::from(group), &[pid(node, id)]);
            }
            Event::End(node, id) => self.ends(node, &pid(node, id)),
            Event::Deliver(to) => drop(self.deliver(to)),
            Event::Lose => self.lose(),
            Event::Meet => self.meet(),
            Event::Ask(node) => {
                let other = pid(1 - node, SCOPE).node;
                self.scopes[node].handle_silence(Some(other).filter(|_| self.up).into_iter());
            }
        }
        self.settle();
    }

    fn ends(&mut self, node: usize, pid: &Pid) {
        let watched = self.monitors[node].iter().position(|it| it == pid);
        if let Some(at) = watched {
            self.monitors[node].remove(at);
            self.scopes[node].handle_down(pid);
        }
    }

    fn deliver(&mut self, to: usize) -> bool {
        let next = self.wires.entry((1 - to, to)).or_default().pop_front();
        let found = next.is_some();
        if let Some((version, message)) = next {
            // As it is read on the other side.
            for term in message.terms(version) {
                let payload =
                    flitch_dist::Payload::encode(|out| flitch_etf::write_term(out, &term));
                let message = Message::read(&payload.unwrap()).unwrap().unwrap();
                self.scopes[to].handle_message(message);
            }
        }
        found
    }

    fn lose(&mut self) {
        if std::mem::take(&mut self.up) {
            self.wires.clear();
            for node in 0..2 {
                self.ends(node, &pid(1 - node, SCOPE));
            }
        }
    }

    fn meet(&mut self) {
        if !std::mem::replace(&mut self.up, true) {
            for node in 0..2 {
                self.scopes[node].handle_up(pid(1 - node, SCOPE).node);
            }
        }
    }

    /// Does what the scopes want.
    fn settle(&mut self) {
        for node in 0..2 {
            while let Some(action) = self.scopes[node].poll_action() {
                let (version, message) = match action {
                    Action::Monitor(pid) => {
                        self.monitors[node].push(pid);
                        continue;
                    }
                    Action::Demonitor(pid) => {
                        self.monitors[node].retain(|it| *it != pid);
                        continue;
                    }
                    Action::Send(_, version, message) => (version, message),
                    Action::Discover(_, message) => (self.version, message),
                };
                if self.up {
                    self.wires.entry((node, 1 - node)).or_default().push_back((version, message));
                }
            }
            while let Some(Change { group, join, leave }) = self.scopes[node].poll_change() {
                let members = self.watched[node].entry(group).or_default();
                assert_eq!(take(members, &leave).len(), leave.len(), "who leaves was there");
                members.extend(join);
            }
        }
    }

    /// Lets all that is on its way arrive.
    fn rest(&mut self) {
        self.happen(&Event::Meet);
        while (0..2).any(|to| self.deliver(to)) {
            self.settle();
        }
    }

    fn view(&self, node: usize) -> HashMap<Term, Vec<Pid>> {
        let mut groups = self.scopes[node].groups();
        groups.values_mut().for_each(|pids| pids.sort_by_key(|pid| (pid.node.to_string(), pid.id)));
        groups
    }

    fn told(&self, node: usize) -> HashMap<Term, Vec<Pid>> {
        let mut groups = self.watched[node].clone();
        groups.values_mut().for_each(|pids| pids.sort_by_key(|pid| (pid.node.to_string(), pid.id)));
        groups.retain(|_, pids| !pids.is_empty());
        groups
    }
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let (node, group, id) = (|| 0..2usize, || 0..3u32, || 0..3u32);
    let event = prop_oneof![
        3 => (node(), group(), id()).prop_map(|(node, group, id)| Event::Join(node, group, id)),
        2 => (node(), group(), id()).prop_map(|(node, group, id)| Event::Leave(node, group, id)),
        1 => (node(), id()).prop_map(|(node, id)| Event::End(node, id)),
        6 => node().prop_map(Event::Deliver),
        1 => Just(Event::Lose),
        2 => Just(Event::Meet),
        1 => node().prop_map(Event::Ask),
    ];
    prop::collection::vec(event, 0..60)
}

proptest! {
    #[test]
    fn whatever_is_joined_left_and_lost_both_sides_agree_at_the_end(
        version in 0..2u32,
        events in events(),
    ) {
        let mut network = Network::new(version);
        for event in &events {
            network.happen(event);
        }
        network.rest();
        prop_assert_eq!(network.view(0), network.view(1));
        for node in 0..2 {
            prop_assert_eq!(network.view(node), network.told(node));
        }
        network.happen(&Event::Lose);
        for node in 0..2 {
            let own = pid(node, 0).node;
            let all = network.view(node).into_values().flatten().all(|pid| pid.node == own);
            prop_assert!(all, "nothing is left of who is lost");
        }
    }
}

fn groups(scope: &Scope) -> Vec<Term> {
    scope.groups().into_keys().collect()
}

fn message(from: usize, body: Body) -> Message {
    Message { peer: pid(from, SCOPE), body }
}

fn actions(scope: &mut Scope) -> Vec<Action> {
    std::iter::from_fn(|| scope.poll_action()).collect()
}

#[test]
fn who_has_said_nothing_of_version_one_is_never_sent_it() {
    // OTP 25 ends its scope over it.
    let mut scope = Scope::new(pid(0, SCOPE), usize::MAX);
    scope.handle_up(pid(1, 0).node);
    scope.handle_message(message(1, Body::Data { version: 0, groups: Vec::new() }));
    scope.handle_message(message(1, Body::Discover { version: 0 }));
    scope.handle_join(&Term::from(1), &[pid(0, 1)]);
    let sent = actions(&mut scope).into_iter().filter_map(|action| match action {
        Action::Send(_, version, _) => Some(version),
        _ => None,
    });
    assert_eq!(sent.collect::<Vec<_>>(), [0, 0]);
}

#[test]
fn a_version_of_the_future_is_answered_with_ours() {
    let mut scope = Scope::new(pid(0, SCOPE), usize::MAX);
    scope.handle_message(message(1, Body::Discover { version: 7 }));
    let version = NEWEST;
    let expected = [
        Action::Monitor(pid(1, SCOPE)),
        Action::Send(
            pid(1, SCOPE),
            version,
            message(0, Body::Data { version, groups: Vec::new() }),
        ),
        Action::Send(pid(1, SCOPE), version, message(0, Body::Discover { version })),
    ];
    assert_eq!(actions(&mut scope), expected);
}

#[test]
fn only_nodes_that_have_shown_no_scope_are_asked_again() {
    let mut scope = Scope::new(pid(0, SCOPE), usize::MAX);
    scope.handle_message(message(1, Body::Data { version: 0, groups: Vec::new() }));
    actions(&mut scope);
    scope.handle_silence([pid(1, 0).node, pid(2, 0).node].into_iter());
    let asked = actions(&mut scope);
    assert!(matches!(asked.as_slice(), [Action::Discover(node, _)] if *node == pid(2, 0).node));
}

#[test]
fn a_stranger_joins_nothing() {
    let mut scope = Scope::new(pid(0, SCOPE), usize::MAX);
    scope.handle_message(message(1, Body::Update(vec![joined(&Term::from(1), vec![pid(1, 1)])])));
    assert_eq!((groups(&scope), actions(&mut scope)), (Vec::new(), Vec::new()));
}

#[test]
fn nobody_joins_in_the_name_of_our_own_scope() {
    let mut scope = Scope::new(pid(0, SCOPE), usize::MAX);
    let groups_of_ours = vec![(Term::from(1), vec![pid(0, 7)])];
    scope.handle_message(message(0, Body::Data { version: 0, groups: groups_of_ours }));
    assert_eq!((groups(&scope), actions(&mut scope)), (Vec::new(), Vec::new()));
}

#[test]
fn a_peer_that_brings_more_than_it_may_has_no_members_and_nobody_else_loses_any() {
    let mut scope = Scope::new(pid(0, SCOPE), 10_000);
    scope.handle_join(&Term::from("ours"), &[pid(0, 1)]);
    scope.handle_message(message(1, Body::Data { version: 0, groups: Vec::new() }));
    for group in 0..100 {
        let change = joined(&Term::from(group), vec![pid(1, 1)]);
        scope.handle_message(message(1, Body::Update(vec![change])));
    }
    assert_eq!(groups(&scope), [Term::from("ours")]);
    scope.handle_down(&pid(1, SCOPE));
    let data = Body::Data { version: 0, groups: vec![(Term::from(1), vec![pid(1, 1)])] };
    scope.handle_message(message(1, data));
    assert_eq!(scope.members(&Term::from(1)), [pid(1, 1)], "a new life begins anew");
}

#[test]
fn a_node_has_a_few_scopes_at_most() {
    let mut scope = Scope::new(pid(0, SCOPE), usize::MAX);
    for id in 0..100 {
        let peer = pid(1, id);
        scope.handle_message(Message { peer, body: Body::Discover { version: 0 } });
    }
    let monitors = actions(&mut scope);
    let monitors = monitors.iter().filter(|it| matches!(it, Action::Monitor(_)));
    assert_eq!(monitors.count(), A_NODE);
}

#[test]
fn a_process_that_ends_leaves_all_its_groups_as_often_as_it_was_in_them() {
    let mut scope = Scope::new(pid(0, SCOPE), usize::MAX);
    for group in [1, 1, 2] {
        scope.handle_join(&Term::from(group), &[pid(0, 1), pid(0, 2)]);
    }
    scope.handle_down(&pid(0, 1));
    assert_eq!(scope.members(&Term::from(1)), [pid(0, 2), pid(0, 2)]);
    assert_eq!(scope.members(&Term::from(2)), [pid(0, 2)]);
    assert!(!scope.handle_leave(&Term::from(2), &[pid(0, 1)]));
}
