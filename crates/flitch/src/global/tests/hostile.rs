//! What a peer that means harm can make a machine keep, and tell others.

use super::*;
use crate::global::machine::MOST_NODES;
use crate::global::partition::MOST_TOLD;

fn lost(by: &str, life: impl Into<Term>, node: &str) -> Term {
    Term::from((Term::atom("lost_connection"), atom(by), life.into(), 1, atom(node)))
}

/// Three nodes that are one, and the first of them.
fn three() -> (World, Atom) {
    let (a, b, c) = (atom("a"), atom("b"), atom("c"));
    let mut world = World::new(&["a", "b", "c"], 3, true);
    world.connect(&a, &b);
    world.connect(&b, &c);
    world.settle();
    (world, a)
}

fn told(machine: &mut Machine) -> Vec<Atom> {
    let sent = std::iter::from_fn(|| machine.poll_output()).filter_map(|output| match output {
        Output::Send(to, message) if message.as_tagged().unwrap().0 == "lost_connection" => {
            Some(to)
        }
        _ => None,
    });
    sent.collect()
}

#[test]
fn losses_that_cannot_be_remembered_count_and_are_not_told_on_without_an_end() {
    let (mut world, a) = three();
    let now = world.now;
    let machine = world.at(&a);
    for number in 0..MOST_TOLD {
        machine.handle_info(now, &lost("x", 7, &format!("y{number}")));
    }
    assert_eq!(told(machine).len(), 2 * MOST_TOLD, "to both others, each once");
    machine.handle_info(now, &lost("x", 7, "y1"));
    machine.handle_info(now, &lost("x", 7, "z"));
    machine.handle_info(now, &lost("b", 7, "c"));
    assert!(told(machine).is_empty());
    assert!(!machine.known.contains_key(&atom("c")), "and no partitions overlap");
    let later = now + Duration::from_secs(3601);
    machine.handle_timeout(later);
    machine.handle_info(later, &lost("x", 7, "z"));
    assert_eq!(told(machine), [atom("b")], "there is room again");
}

#[test]
fn a_life_that_is_no_number_is_not_kept() {
    let (mut world, a) = three();
    let machine = world.at(&a);
    assert_eq!(machine.info_received(&lost("b", "x".repeat(100_000), "c")), None);
    assert!(machine.known.contains_key(&atom("c")) && told(machine).is_empty());
}

#[test]
fn the_locker_keeps_one_word_of_each_however_many_it_is_told() {
    let (a, b) = (atom("a"), atom("b"));
    let mut world = World::new(&["a", "b"], 3, true);
    let now = world.now;
    let machine = world.at(&a);
    machine.handle_node_up(now, &b);
    let theirs = Term::from(pid(&b, 1));
    let init = |tag: i64| {
        let locker = (Term::atom("locker"), 1, flitch_etf::Map::default(), theirs.clone());
        Term::from((Term::atom("init_connect"), (8, tag), atom("b"), locker))
    };
    machine.handle_cast(now, &init(1));
    // Our side is locked now, and theirs never is.
    let wake = machine.poll_timeout().unwrap();
    machine.handle_timeout(wake);
    let no_list = Term::empty_list;
    for number in 0..10_000_i64 {
        machine.handle_cast(wake, &init(number));
        let set = (Term::atom("lock_set"), theirs.clone(), number % 3 == 0, no_list(), number);
        machine.handle_cast(wake, &set.into());
        let exchange = (Term::atom("exchange"), atom("b"), no_list(), no_list(), number);
        machine.handle_cast(wake, &exchange.into());
        let stranger = pid(&atom(&format!("s{number}")), 1);
        let set = (Term::atom("lock_set"), stranger.clone(), true, no_list());
        machine.handle_cast(wake, &set.into());
        let in_sync = (Term::atom("in_sync"), stranger.node, Term::from(true));
        machine.handle_cast(wake, &in_sync.into());
        while machine.poll_output().is_some() {}
    }
    assert!(machine.locker.kept() < 5, "{} are kept", machine.locker.kept());
    assert!(machine.sessions.len() == 1 && machine.synced.is_empty());
}

#[test]
fn nodes_that_nobody_has_are_known_up_to_a_number() {
    let (mut world, a) = three();
    let now = world.now;
    let machine = world.at(&a);
    for start in 0..3 {
        let nodes = (0..MOST_NODES).map(|it| (atom(&format!("n{}", start * MOST_NODES + it)), 8));
        let nodes: Vec<_> = nodes.collect();
        let nodes = crate::global::output::nodes_term(&nodes, 8);
        let no_list = Term::empty_list;
        let new = (Term::atom("new_nodes"), atom("b"), no_list(), no_list(), nodes, no_list());
        machine.handle_cast(now, &new.into());
    }
    assert_eq!(machine.known.len(), MOST_NODES);
    assert!(machine.locker.kept() <= MOST_NODES);
    for node in machine.known.keys().cloned().collect::<Vec<_>>() {
        machine.handle_connected(now, &node, false);
    }
    assert!(machine.known.len() < 3, "{:?}", machine.known);
}

#[test]
fn callers_who_wait_for_a_node_that_never_comes_into_sync_are_refused_beyond_a_number() {
    let (a, b) = (atom("a"), atom("b"));
    let mut world = World::new(&["a", "b"], 3, true);
    let now = world.now;
    let machine = world.at(&a);
    machine.handle_node_up(now, &b);
    let nodes: Term = [Term::from(b.clone())].into_iter().collect();
    let sync = Term::from((Term::atom("sync"), nodes));
    for number in 0..10_000_u64 {
        let from = From { pid: pid(&b, 1), tag: Term::from(number) };
        machine.handle_call(now, from, &sync);
    }
    let refused = std::iter::from_fn(|| machine.poll_output());
    let refused = refused.filter(|output| matches!(output, Output::Reply(..))).count();
    assert!((8000..10_000).contains(&refused), "{refused}");
}

#[test]
fn a_node_that_was_to_go_and_has_connected_anew_is_missed_when_it_is_lost() {
    let (a, b, c) = (atom("a"), atom("b"), atom("c"));
    let mut world = World::new(&["a", "b", "c"], 3, true);
    world.connect(&a, &b);
    world.settle();
    let now = world.now;
    let machine = world.at(&a);
    // b knows c, we dial it, and b has lost it before we reach it.
    assert_eq!(machine.add_known(&[(c.clone(), 8)]), std::slice::from_ref(&c));
    machine.handle_info(now, &lost("b", 7, "c"));
    assert!(!machine.known.contains_key(&c) && machine.removing.contains(&c));
    machine.handle_node_up(now, &c);
    machine.handle_node_down(now, &c);
    while machine.poll_output().is_some() {}
    machine.handle_timeout(now + Duration::from_secs(1));
    assert_eq!(told(machine), [b], "it is a loss of ours");
}
