//! Several machines in one thread: a network that keeps the order between two nodes and no other,
//! loses connections with what is on its way, and has a clock that the test moves.

mod hostile;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::{Duration, Instant};

use flitch_etf::{Atom, Pid, Term};

use super::machine::{Machine, Request, Setup};
use super::output::{Conflict, Output, Verdict};
use super::tables::Watch;
use crate::caller::From;

/// What is on its way from one node to another.
enum Packet {
    Message(Term),
    Call(u64, Term),
    Answer(u64, Term),
}

struct World {
    machines: BTreeMap<Atom, Machine>,
    /// Both directions of each connection, in order.
    links: BTreeMap<(Atom, Atom), VecDeque<Packet>>,
    /// Calls that have no answer yet: who asks whom.
    open: BTreeMap<(Atom, u64), Atom>,
    watches: BTreeMap<(Atom, u64), Pid>,
    /// Connections and conflicts that somebody has asked for.
    wanted: Vec<(Atom, Atom)>,
    conflicts: Vec<(Atom, Atom, i64, Vec<Conflict>)>,
    names: HashMap<Atom, BTreeMap<String, Pid>>,
    done: BTreeSet<(Atom, u64)>,
    now: Instant,
    chance: u64,
}

fn atom(name: &str) -> Atom {
    Atom::new(&format!("{name}@h")).unwrap()
}

fn pid(node: &Atom, id: u32) -> Pid {
    Pid { node: node.clone(), id, serial: 0, creation: 1 }
}

impl World {
    fn new(names: &[&str], seed: u64, prevent: bool) -> Self {
        let now = Instant::now();
        let machine = |name: &&str| {
            let us = atom(name);
            let seed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from(name.as_bytes()[0]);
            let me = pid(&us, 1);
            let setup =
                Setup { us: us.clone(), me, prevent_overlapping_partitions: prevent, seed, now };
            (us, Machine::new(setup))
        };
        Self {
            machines: names.iter().map(machine).collect(),
            links: BTreeMap::new(),
            open: BTreeMap::new(),
            watches: BTreeMap::new(),
            wanted: Vec::new(),
            conflicts: Vec::new(),
            names: HashMap::new(),
            done: BTreeSet::new(),
            now,
            chance: seed | 1,
        }
    }

    fn at(&mut self, node: &Atom) -> &mut Machine {
        self.machines.get_mut(node).unwrap()
    }

    fn random(&mut self, below: usize) -> usize {
        self.chance = self.chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.chance >> 33) as usize % below
    }

    fn connect(&mut self, a: &Atom, b: &Atom) {
        if a == b || self.links.contains_key(&(a.clone(), b.clone())) {
            return;
        }
        for (from, to) in [(a, b), (b, a)] {
            self.links.insert((from.clone(), to.clone()), VecDeque::new());
        }
        for (us, them) in [(a, b), (b, a)] {
            let now = self.now;
            self.at(us).handle_node_up(now, them);
            self.collect(us);
        }
    }

    /// What is on its way is lost, and both learn it: processes first, then the node.
    fn cut(&mut self, a: &Atom, b: &Atom) {
        for (us, them) in [(a, b), (b, a)] {
            self.links.remove(&(us.clone(), them.clone()));
        }
        for (us, them) in [(a, b), (b, a)] {
            let now = self.now;
            let asked = self.open.iter().filter(|((by, _), of)| by == us && *of == them);
            for (key, _) in asked.map(|(key, of)| (key.clone(), of.clone())).collect::<Vec<_>>() {
                self.open.remove(&key);
                self.at(us).handle_answer(now, key.1, None);
            }
            let watched = self.watches.iter().filter(|((by, _), of)| by == us && of.node == *them);
            for key in watched.map(|(key, _)| key.clone()).collect::<Vec<_>>() {
                self.watches.remove(&key);
                self.at(us).handle_down(now, key.1);
            }
            self.at(us).handle_node_down(now, them);
            self.collect(us);
        }
    }

    fn collect(&mut self, us: &Atom) {
        while let Some(output) = self.at(us).poll_output() {
            match output {
                Output::Send(to, message) => self.post(us, &to, Packet::Message(message)),
                Output::Call(to, call, request) => {
                    if self.links.contains_key(&(us.clone(), to.clone())) {
                        self.open.insert((us.clone(), call), to.clone());
                        self.post(us, &to, Packet::Call(call, request));
                    } else {
                        let now = self.now;
                        self.at(us).handle_answer(now, call, None);
                    }
                }
                Output::Reply(from, answer) => {
                    let call = from.tag.as_integer().unwrap() as u64;
                    self.post(us, &from.pid.node, Packet::Answer(call, answer));
                }
                Output::Watch(Watch::Begin(watch, pid)) => {
                    self.watches.insert((us.clone(), watch), pid);
                }
                Output::Watch(Watch::End(watch)) => {
                    self.watches.remove(&(us.clone(), watch));
                }
                Output::Connect(node) => self.wanted.push((us.clone(), node)),
                Output::Disconnect(node) => self.cut(us, &node),
                Output::Resolve(node, tag, conflicts) => {
                    self.conflicts.push((us.clone(), node, tag, conflicts));
                }
                Output::Named(name, pid) => {
                    let names = self.names.entry(us.clone()).or_default();
                    let name = format!("{name:?}");
                    match pid {
                        Some(pid) => names.insert(name, pid),
                        None => names.remove(&name),
                    };
                }
                Output::Done(number, _) => {
                    self.done.insert((us.clone(), number));
                }
            }
        }
    }

    fn post(&mut self, from: &Atom, to: &Atom, packet: Packet) {
        if let Some(link) = self.links.get_mut(&(from.clone(), to.clone())) {
            link.push_back(packet);
        }
    }

    /// Lets one thing happen, chosen by chance. Whether anything could.
    fn step(&mut self) -> bool {
        let full = self.links.iter().filter(|(_, link)| !link.is_empty());
        let full: Vec<_> = full.map(|(key, _)| key.clone()).collect();
        let choices = full.len() + self.wanted.len() + self.conflicts.len();
        if choices == 0 {
            return false;
        }
        let now = self.now;
        let at = self.random(choices);
        if let Some((from, to)) = full.get(at) {
            let packet = self.links.get_mut(&full[at]).unwrap().pop_front().unwrap();
            self.deliver(from, to, packet);
        } else if at < full.len() + self.wanted.len() {
            let (us, node) = self.wanted.swap_remove(at - full.len());
            self.connect(&us, &node);
            self.at(&us).handle_connected(now, &node, true);
            self.collect(&us);
        } else {
            let at = at - full.len() - self.wanted.len();
            let (us, node, tag, conflicts) = self.conflicts.swap_remove(at);
            let decide = |conflict: Conflict| {
                let (ours, theirs) = (conflict.ours.0.clone(), conflict.theirs.0.clone());
                let lesser = if ours.node < theirs.node { ours } else { theirs };
                (conflict, Verdict::Process(lesser))
            };
            let verdicts = conflicts.into_iter().map(decide).collect();
            self.at(&us).handle_verdicts(now, &node, tag, verdicts);
            self.collect(&us);
        }
        true
    }

    fn deliver(&mut self, from: &Atom, to: &Atom, packet: Packet) {
        let now = self.now;
        let caller = pid(from, 1);
        match packet {
            Packet::Message(message) => match message.as_tagged() {
                Some(("$gen_cast", [message])) => self.at(to).handle_cast(now, message),
                _ => self.at(to).handle_info(now, &message),
            },
            Packet::Call(call, request) => {
                let from = From { pid: caller, tag: Term::from(call) };
                self.at(to).handle_call(now, from, &request);
            }
            Packet::Answer(call, answer) => {
                if self.open.remove(&(to.clone(), call)).is_some() {
                    self.at(to).handle_answer(now, call, Some(&answer));
                }
            }
        }
        self.collect(to);
    }

    /// Goes on until nothing is on its way and nobody negotiates.
    fn settle(&mut self) {
        for _ in 0..200_000 {
            if self.step() {
                continue;
            }
            let wakes = self.machines.values().filter_map(Machine::poll_timeout);
            match wakes.min().filter(|wake| *wake < self.now + Duration::from_secs(60)) {
                Some(wake) => self.now = wake.max(self.now),
                None => return,
            }
            let now = self.now;
            for node in self.machines.keys().cloned().collect::<Vec<_>>() {
                self.at(&node).handle_timeout(now);
                self.collect(&node);
            }
        }
        panic!("it never comes to rest");
    }

    fn register(&mut self, node: &Atom, name: &'static str, number: u64) {
        let pid = pid(node, 100 + number as u32);
        let request = Request::Register { name: Term::atom(name), pid, method: Term::atom("m") };
        let now = self.now;
        self.at(node).handle_request(now, number, request);
        self.collect(node);
    }

    /// All of these are one partition: they know one another, have the same names, and no lock is
    /// left.
    fn expect_one(&mut self, nodes: &[&Atom]) {
        let names = self.names.get(nodes[0]).cloned().unwrap_or_default();
        for node in nodes {
            let others: Vec<_> = nodes.iter().filter(|other| *other != node).copied().collect();
            let machine = self.machines.get_mut(*node).unwrap();
            assert_eq!(machine.known.keys().collect::<Vec<_>>(), others, "whom {node} knows");
            assert!(machine.sessions.is_empty() && machine.pending.is_empty(), "at {node}");
            assert!(machine.tables.locks.is_empty(), "a lock is left at {node}");
            assert!(others.iter().all(|other| machine.synced.contains(*other)), "synced at {node}");
            assert_eq!(self.names.get(*node).cloned().unwrap_or_default(), names, "at {node}");
        }
    }
}

#[test]
fn nodes_that_connect_to_one_another_are_one_whatever_comes_first() {
    let (a, b, c, d) = (atom("a"), atom("b"), atom("c"), atom("d"));
    for seed in 1..200 {
        let mut world = World::new(&["a", "b", "c", "d"], seed, true);
        world.connect(&a, &b);
        world.register(&a, "first", 1);
        world.connect(&c, &d);
        world.register(&d, "second", 2);
        for _ in 0..world.random(60) {
            world.step();
        }
        world.connect(&b, &c);
        world.settle();
        world.expect_one(&[&a, &b, &c, &d]);
        assert_eq!(world.names[&c].len(), 2);
        assert!(world.done.contains(&(a.clone(), 1)) && world.done.contains(&(d.clone(), 2)));
    }
}

#[test]
fn a_name_on_both_sides_is_one_process_afterwards() {
    let (a, b, c) = (atom("a"), atom("b"), atom("c"));
    for seed in 1..100 {
        let mut world = World::new(&["a", "b", "c"], seed, true);
        world.connect(&b, &c);
        world.register(&a, "both", 1);
        world.register(&c, "both", 2);
        world.settle();
        world.connect(&a, &c);
        world.settle();
        world.expect_one(&[&a, &b, &c]);
        assert_eq!(world.names[&b][":both"].node, a);
    }
}

#[test]
fn two_that_register_one_name_at_once_are_not_both_answered_with_it() {
    let (a, b, c) = (atom("a"), atom("b"), atom("c"));
    for seed in 1..100 {
        let mut world = World::new(&["a", "b", "c"], seed, true);
        world.connect(&a, &b);
        world.connect(&b, &c);
        world.settle();
        world.register(&a, "name", 1);
        world.register(&c, "name", 2);
        world.settle();
        world.expect_one(&[&a, &b, &c]);
        assert_eq!((world.names[&a].len(), world.done.len()), (1, 2));
    }
}

#[test]
fn a_connection_lost_at_any_moment_leaves_no_lock_and_no_two_who_see_both_sides() {
    let (a, b, c) = (atom("a"), atom("b"), atom("c"));
    for seed in 1..300 {
        let mut world = World::new(&["a", "b", "c"], seed, true);
        world.connect(&a, &b);
        world.connect(&b, &c);
        world.register(&b, "name", 1);
        for _ in 0..world.random(80) {
            world.step();
        }
        world.cut(&a, &b);
        world.settle();
        for node in [&a, &b, &c] {
            let machine = world.at(node);
            assert!(machine.tables.locks.is_empty(), "a lock is left at {node}, seed {seed}");
        }
        let see =
            |world: &World, one: &Atom, other: &Atom| world.machines[one].known.contains_key(other);
        let overlap = see(&world, &a, &c) && see(&world, &c, &b) && !see(&world, &a, &b);
        assert!(!overlap, "c sees both sides, seed {seed}");
        for (one, other) in [(&a, &b), (&b, &c), (&a, &c)] {
            world.connect(one, other);
        }
        world.settle();
        world.expect_one(&[&a, &b, &c]);
    }
}

#[test]
fn partitions_overlap_where_that_is_wanted() {
    let (a, b, c) = (atom("a"), atom("b"), atom("c"));
    let mut world = World::new(&["a", "b", "c"], 7, false);
    world.connect(&a, &b);
    world.connect(&b, &c);
    world.settle();
    world.cut(&a, &b);
    world.settle();
    let known = |node: &Atom| world.machines[node].known.keys().cloned().collect::<Vec<_>>();
    assert_eq!((known(&a), known(&b)), (vec![c.clone()], vec![c.clone()]));
    assert_eq!(known(&c), [a, b]);
}

#[test]
fn messages_of_any_shape_change_nothing() {
    let mut world = World::new(&["a"], 1, true);
    let (a, now) = (atom("a"), world.now);
    let shapes = [
        Term::from(1),
        Term::atom("exchange"),
        Term::from((Term::atom("init_connect"), 8, Term::atom("b@h"), 1)),
        Term::from((Term::atom("resolved"), Term::atom("b@h"), 1, 2, 3, 4, 5)),
        Term::from((Term::atom("new_nodes"), 1, 2, 3, 4, 5)),
        Term::from((Term::atom("lost_connection"), 1, 2, 3, 4)),
        Term::from((Term::atom("exchange"), Term::atom("b@h"), Term::empty_list(), 1, 99)),
        Term::from((Term::atom("set_lock"), 1)),
        Term::from((Term::atom("register"), 1, 2, 3)),
    ];
    for shape in &shapes {
        let from = From { pid: pid(&atom("b"), 1), tag: Term::from(1) };
        world.at(&a).handle_cast(now, shape);
        world.at(&a).handle_info(now, shape);
        world.at(&a).handle_call(now, from, shape);
    }
    let machine = world.at(&a);
    assert!(machine.known.is_empty() && machine.tables.names.is_empty());
    assert!(machine.tables.locks.is_empty() && machine.sessions.is_empty());
}

/// Messages between BEAMs, as they were recorded (`tests/captures`).
const RECORDED: [&str; 2] = [
    include_str!("../../tests/captures/global-otp25.txt"),
    include_str!("../../tests/captures/global-otp29.txt"),
];

#[test]
fn every_message_that_beams_were_seen_to_send_is_known() {
    for recorded in RECORDED {
        let mut world = World::new(&["a"], 1, true);
        let machine = world.at(&atom("a"));
        let (mut calls, now) = (0, machine.now);
        for line in recorded.lines() {
            let digit = |at| u8::from_str_radix(&line[at..at + 2], 16).unwrap();
            let bytes: Vec<_> = (0..line.len()).step_by(2).map(digit).collect();
            let message = flitch_etf::decode(&bytes.into()).unwrap();
            match message.as_tagged() {
                Some(("$gen_cast", [message])) => assert!(machine.cast_received(message).is_some()),
                Some(("$gen_call", [from, request])) => {
                    let [pid, tag] = from.as_tuple().unwrap() else { panic!("{from:?}") };
                    let from = From { pid: pid.as_pid().unwrap().clone(), tag: tag.clone() };
                    machine.handle_call(now, from, request);
                    calls += 1;
                }
                _ => assert!(machine.info_received(&message).is_some(), "{message:?}"),
            }
        }
        let answers: Vec<_> = std::iter::from_fn(|| machine.poll_output())
            .filter_map(|output| match output {
                Output::Reply(_, answer) => Some(answer),
                _ => None,
            })
            .collect();
        assert!(calls > 0 && answers.len() == calls, "all are answered");
        let known = |answer: &Term| answer.as_bool().is_some() || answer.as_atom().is_some();
        assert!(answers.iter().all(known), "{answers:?}");
        assert!(machine.tables.locks.is_empty(), "and each lock was released");
    }
}

#[test]
fn who_takes_us_for_one_of_its_own_and_is_none_of_ours_begins_anew() {
    let (a, b, c) = (atom("a"), atom("b"), atom("c"));
    for told in [true, false] {
        let mut world = World::new(&["a", "b", "c"], 3, true);
        world.connect(&a, &b);
        world.settle();
        let now = world.now;
        let machine = world.at(&a);
        // b has told us of c over a connection whose end we have seen since.
        machine.handle_node_up(now, &c);
        let in_sync = (Term::atom("in_sync"), c.clone(), Term::from(true));
        machine.handle_cast(now, &in_sync.into());
        if told {
            machine.add_known(&[(c.clone(), 8)]);
        }
        while machine.poll_output().is_some() {}
        machine.handle_timeout(now + Duration::from_secs(5));
        let outputs: Vec<_> = std::iter::from_fn(|| machine.poll_output()).collect();
        let parted = outputs.iter().any(|it| matches!(it, Output::Disconnect(node) if *node == c));
        let says = |it: &Output| matches!(it, Output::Send(to, message) if *to == b && message.as_tagged().unwrap().0 == "lost_connection");
        assert_eq!((parted, outputs.iter().any(says)), (!told, !told));
    }
}
