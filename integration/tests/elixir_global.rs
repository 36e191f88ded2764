//! A visible node among BEAMs: `global`'s names, locks and partitions.

// A test fails by panicking.
#![allow(clippy::panic, clippy::unwrap_used, clippy::unreachable)]

use std::collections::BTreeMap;

use flitch::etf::Limits;
use flitch::{Conflict, GlobalError, Incoming, Node, Pid, ProcessHandle, Term};
use integration::{Beam, Cluster, SOON, eventually};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::unbounded_channel;
use tokio::time::timeout;

/// A process of Elixir's that lives until it is told otherwise, bound to `pid`.
const BIND_PID: &str = "pid = spawn(fn -> Process.sleep(:infinity) end); is_pid(pid)";

/// What `global` and its callers log when something is wrong, and never in order.
const WRONG: [&str; 4] =
    ["unexpected message", "failed to connect", "out of sync", "conflicting name"];
/// What it logs when it parts a cluster in two, as it has to.
const PARTED: &str = "overlapping partitions";

struct World {
    cluster: Cluster,
    runtime: Runtime,
    node: Node,
    beams: Vec<Beam>,
}

impl World {
    /// Three BEAMs, and us among them when all are one cluster.
    fn new(flags: &str, prevent: bool) -> Self {
        let world = Self::apart(flags, prevent);
        let [a, b, c] = &world.beams[..] else { unreachable!("three were started") };
        for other in [b, c] {
            a.expect(&format!("Node.ping({})", other.atom()), ":pong");
        }
        world.connect(&world.beams[0]);
        world.expect_whole();
        world
    }

    /// The same four, not connected.
    fn apart(flags: &str, prevent: bool) -> Self {
        let cluster = Cluster::new();
        let runtime = Runtime::new().unwrap();
        let start = |base| cluster.elixir(base).flags(flags).start();
        let beams = ["a", "b", "x"].map(start).into();
        let node = start_ours(&cluster, &runtime, prevent);
        Self { cluster, runtime, node, beams }
    }

    fn connect(&self, to: &Beam) {
        self.runtime.block_on(self.node.connect(&to.name().parse().unwrap())).unwrap();
    }

    /// Everybody sees everybody, and has put its names together with everybody's.
    fn expect_whole(&self) {
        for beam in &self.beams {
            self.expect_list(beam);
            beam.expect(":global.sync()", ":ok");
        }
        let global = self.node.global().unwrap();
        self.runtime.block_on(global.sync()).unwrap();
        self.expect_same_names();
    }

    fn expect_list(&self, beam: &Beam) {
        let mut others: Vec<_> = self.beams.iter().map(Beam::name).collect();
        others.push(self.node.name().as_str());
        others.retain(|name| *name != beam.name());
        others.sort_unstable();
        let others: Vec<_> = others.iter().map(|name| format!(":{name:?}")).collect();
        beam.expect_soon("Enum.sort(Node.list())", &format!("[{}]", others.join(", ")));
    }

    fn expect_same_names(&self) {
        let global = self.node.global().unwrap();
        for beam in &self.beams {
            eventually("the names are the same everywhere", || {
                let names: Vec<_> = global
                    .names()
                    .iter()
                    .map(|name| format!(":{}", name.as_atom().unwrap()))
                    .collect();
                let theirs = beam.eval("Enum.sort(:global.registered_names())").unwrap();
                (theirs == format!("[{}]", names.join(", "))).then_some(())
            });
        }
    }

    fn register(&self, name: &'static str) -> ProcessHandle {
        let _inside = self.runtime.enter();
        let process = self
            .node
            .spawn_process(|mut process| async move { while process.next().await.is_some() {} });
        let global = self.node.global().unwrap();
        self.runtime.block_on(global.register(Term::atom(name), process.pid())).unwrap();
        process
    }

    fn whereis(&self, name: &'static str) -> Option<Pid> {
        self.node.global().unwrap().whereis(&Term::atom(name))
    }

    /// Nobody has logged that something is wrong. Of a node that is gone one warning is allowed, that
    /// it is asked to go: BEAMs race to tell one another of it, and among themselves, without us, one
    /// of them logs that in 6 of 10 leaves, unless `prevent_overlapping_partitions` is off.
    fn expect_quiet(&self, gone: &[String]) {
        for beam in &self.beams {
            let log = beam.log();
            for wrong in WRONG {
                assert!(!log.contains(wrong), "{} logged `{wrong}`", beam.name());
            }
            for line in log.lines().filter(|line| line.contains(PARTED)) {
                let whom = line.split("requested disconnect from node").nth(1).unwrap_or_default();
                assert!(gone.iter().any(|gone| whom.contains(gone.as_str())), "{line}");
            }
        }
    }
}

/// A process of Elixir's that has a name, says to the evaluator what it receives, and is bound to
/// the name's variable.
fn keep(beam: &Beam, name: &str, way: &str) {
    let code = format!(
        "me = self(); {name} = spawn(fn -> receive do m -> send(me, {{:{name}, m}}) end; \
         Process.sleep(:infinity) end); :global.register_name(:{name}, {name}, &:global.{way}/3)"
    );
    beam.expect(&code, ":yes");
}

/// What the process of [`keep`] has received.
fn received(name: &str) -> String {
    format!("receive do {{:{name}, m}} -> m after 10_000 -> :nothing end")
}

fn start_ours(cluster: &Cluster, runtime: &Runtime, prevent: bool) -> Node {
    let builder = cluster.ours("m").visible(true).prevent_overlapping_partitions(prevent);
    runtime.block_on(builder.start()).unwrap()
}

#[test]
fn who_connects_to_one_is_connected_to_all_and_has_their_names() {
    let mut world = World::new("", true);
    let a = &world.beams[0];
    a.expect(BIND_PID, "true");
    a.expect(":global.register_name(:stock, pid)", ":yes");
    let ours = world.register("pricing");
    world.expect_same_names();
    assert_eq!(world.whereis("stock").unwrap().node.as_str(), a.name());
    for beam in &world.beams {
        beam.expect(
            &format!("node(:global.whereis_name(:pricing)) == :{:?}", world.node.name().as_str()),
            "true",
        );
        beam.expect(":global.register_name(:pricing, self())", ":no");
    }
    let global = world.node.global().unwrap();
    let taken = world.runtime.block_on(global.register(Term::atom("stock"), ours.pid()));
    assert_eq!(taken, Err(GlobalError::Taken));
    // Who comes later has them too, whomever it connects to.
    let late = world.cluster.elixir("late").start();
    late.expect(&format!("Node.connect(:{:?})", world.node.name().as_str()), "true");
    world.beams.push(late);
    world.expect_whole();
    world.beams[3].expect("node(:global.whereis_name(:stock)) in Node.list()", "true");
    // A name goes with its process, and with its node.
    ours.exit(Term::atom("stop"));
    world.beams[0].expect("Process.exit(pid, :kill)", "true");
    for beam in &world.beams {
        beam.expect_soon(":global.registered_names()", "[]");
    }
    eventually("our names are gone", || world.whereis("stock").is_none().then_some(()));
    world.expect_quiet(&[]);
}

#[test]
fn locks_of_beams_are_held_by_us_too_and_freed_when_their_holder_is_gone() {
    let mut world = World::new("", true);
    let [a, b, x] = &world.beams[..] else { unreachable!() };
    a.expect(":global.trans({:job, self()}, fn -> length(Node.list()) end)", "3");
    x.expect(":global.set_lock({:job, :x})", "true");
    a.expect(":global.set_lock({:job, :a}, [node() | Node.list()], 0)", "false");
    // Only we are asked: the lock that x holds is ours to know.
    let ours = format!("[:{:?}]", world.node.name().as_str());
    b.expect(&format!(":global.set_lock({{:job, :b}}, {ours}, 0)"), "false");
    x.expect(":global.del_lock({:job, :x})", "true");
    b.expect(&format!(":global.set_lock({{:job, :b}}, {ours}, 0)"), "true");
    b.expect(&format!(":global.del_lock({{:job, :b}}, {ours})"), "true");
    x.expect(":global.set_lock({:job, :x})", "true");
    x.expect(":global.set_lock({:global, :x})", "true");
    let gone = world.beams.pop().unwrap();
    let name = gone.name().to_owned();
    gone.kill();
    let free = format!(":global.set_lock({{:job, :a}}, {ours}, 0)");
    world.beams[0].expect_soon(&free, "true");
    let pricing = world.register("pricing");
    assert_eq!(world.whereis("pricing").as_ref(), Some(pricing.pid()));
    world.expect_same_names();
    world.expect_quiet(&[name]);
}

#[test]
fn of_two_processes_under_one_name_the_same_is_kept_everywhere() {
    let world = World::apart("", true);
    for beam in &world.beams[1..] {
        world.beams[0].expect(&format!("Node.ping({})", beam.atom()), ":pong");
        beam.expect(":global.sync()", ":ok");
    }
    // The names of the BEAMs come before and behind ours: both sides solve a conflict.
    for (beam, name) in [(0, "low"), (2, "high")] {
        world.beams[beam].expect(BIND_PID, "true");
        world.beams[beam].expect(&format!(":global.register_name(:{name}, pid)"), ":yes");
    }
    let (low, high) = (world.register("low"), world.register("high"));
    world.connect(&world.beams[1]);
    world.expect_whole();
    let [a, _, x] = &world.beams[..] else { unreachable!() };
    assert_eq!(world.whereis("low").unwrap().node.as_str(), a.name());
    assert_eq!(world.whereis("high").as_ref(), Some(high.pid()));
    for beam in &world.beams {
        beam.expect(
            &format!("node(:global.whereis_name(:high)) == :{:?}", world.node.name().as_str()),
            "true",
        );
        beam.expect(&format!("node(:global.whereis_name(:low)) == {}", a.atom()), "true");
    }
    x.expect_soon("Process.alive?(pid)", "false");
    a.expect("Process.alive?(pid)", "true");
    let global = world.node.global().unwrap();
    let dead = world.runtime.block_on(global.register(Term::atom("other"), low.pid()));
    assert_eq!(dead, Err(GlobalError::Gone), "the loser was killed");
    world.expect_quiet(&[]);
}

#[test]
fn who_is_asked_whose_a_name_is_decides_as_the_name_was_registered() {
    const WAYS: [(&str, &str, Conflict); 3] = [
        ("killed", "random_exit_name", Conflict::Exit),
        ("told", "random_notify_name", Conflict::Notify),
        ("both", "notify_all_name", Conflict::NotifyAll),
    ];
    let world = World::apart("", true);
    let [a, b, x] = &world.beams[..] else { unreachable!() };
    world.connect(a);
    let global = world.node.global().unwrap();
    world.runtime.block_on(global.sync()).unwrap();
    let (heard, mut hears) = unbounded_channel();
    let mut ours = Vec::new();
    for (name, way, conflict) in WAYS {
        keep(b, name, way);
        let heard = heard.clone();
        let _inside = world.runtime.enter();
        ours.push(world.node.spawn_process(move |mut process| async move {
            while let Some(Incoming::Message(message)) = process.next().await {
                heard.send((name, message.to_term(Limits::DEFAULT).unwrap())).unwrap();
            }
        }));
        let pid = ours.last().unwrap().pid();
        world.runtime.block_on(global.register_with(Term::atom(name), pid, conflict)).unwrap();
    }
    // Of two sides the lesser node has it decided where its side's process runs: a asks us. The
    // process on the lesser node stays, which is b's.
    a.expect(&format!("Node.connect({})", b.atom()), "true");
    for beam in [a, b] {
        beam.expect(":global.sync()", ":ok");
    }
    b.expect_soon("Enum.sort(:global.registered_names())", "[:killed, :told]");
    world.runtime.block_on(global.sync()).unwrap();
    for name in ["killed", "told"] {
        assert_eq!(world.whereis(name).unwrap().node.as_str(), b.name());
        b.expect(&format!(":global.whereis_name(:{name}) == {name}"), "true");
    }
    let mut next = || {
        let next = world.runtime.block_on(async { timeout(SOON, hears.recv()).await });
        next.unwrap().unwrap()
    };
    let both_told =
        format!("{{:global_name_conflict, :both, pid}} = {}; node(pid)", received("both"));
    let said: BTreeMap<_, _> = [next(), next()].into();
    let conflict = |name| (Term::atom("global_name_conflict"), Term::atom(name));
    assert_eq!(said["told"], conflict("told").into());
    let Some([_, _, Term::Pid(other)]) = said["both"].as_tuple() else { panic!("{said:?}") };
    assert_eq!(other.node.as_str(), b.name());
    let us = format!(":{:?}", world.node.name().as_str());
    b.expect(&both_told, &us);
    eventually("the loser was killed", || {
        let again = world.runtime.block_on(global.register(Term::atom("again"), ours[0].pid()));
        (again == Err(GlobalError::Gone)).then_some(())
    });

    // Now it is us who have it decided, and who ask b.
    world.runtime.block_on(global.unregister(Term::atom("killed"))).unwrap();
    world.runtime.block_on(global.unregister(Term::atom("told"))).unwrap();
    for (name, way, _) in WAYS {
        keep(b, name, way);
        keep(x, name, way);
    }
    world.connect(x);
    world.expect_whole();
    x.expect("Enum.sort(:global.registered_names())", "[:killed, :told]");
    for name in ["killed", "told"] {
        x.expect(&format!("node(:global.whereis_name(:{name}))"), &b.atom());
    }
    x.expect_soon("Process.alive?(killed)", "false");
    x.expect(&received("told"), "{:global_name_conflict, :told}");
    for (one, other) in [(b, x), (x, b)] {
        one.expect(&both_told, &other.atom());
    }
    b.expect("Process.alive?(killed)", "true");
    world.expect_quiet(&[]);
}

#[test]
fn nodes_come_and_go_in_any_order_and_nobody_is_warned_of_any_but_those_that_left() {
    let mut world = World::new("", true);
    let mut left = vec![world.node.name().to_string()];
    for base in ["late", "later"] {
        world.register("pricing");
        world.runtime.block_on(world.node.shutdown());
        for beam in &world.beams {
            beam.expect_soon(&format!(":{:?} in Node.list()", world.node.name().as_str()), "false");
            beam.expect(":global.sync()", ":ok");
            beam.expect_soon(":global.registered_names()", "[]");
        }
        world.node = start_ours(&world.cluster, &world.runtime, true);
        world.connect(world.beams.last().unwrap());
        world.expect_whole();
        let gone = world.beams.remove(0);
        let list = format!("{} in Node.list()", gone.atom());
        left.push(gone.name().to_owned());
        gone.kill();
        for beam in &world.beams {
            beam.expect_soon(&list, "false");
        }
        let late = world.cluster.elixir(base).start();
        late.expect(&format!("Node.connect({})", world.beams[0].atom()), "true");
        world.beams.push(late);
        world.expect_whole();
    }
    world.expect_quiet(&left);
}

#[test]
fn a_lost_connection_parts_us_from_the_whole_cluster_and_a_healed_cluster_is_one() {
    let world = World::new("", true);
    let ours = world.register("pricing");
    let [a, b, x] = &world.beams[..] else { unreachable!() };
    let us = format!(":{:?}", world.node.name().as_str());
    // One of them loses us, then we lose one of them: either way nobody sees both sides, and the
    // cluster is as whole as it would be without us.
    for lost_by_us in [false, true] {
        if lost_by_us {
            world.node.disconnect(&b.name().parse().unwrap());
        } else {
            a.expect(&format!("Node.disconnect({us})"), "true");
        }
        for beam in [a, b, x] {
            beam.expect_soon(&format!("{us} in Node.list()"), "false");
            beam.expect_soon(":global.registered_names()", "[]");
            beam.expect("length(Node.list())", "2");
        }
        eventually("we are alone", || world.node.peers_up().is_empty().then_some(()));
        world.connect(x);
        world.expect_whole();
        assert_eq!(world.whereis("pricing").as_ref(), Some(ours.pid()));
    }
    world.expect_quiet(&[world.node.name().to_string()]);
}

#[test]
fn partitions_may_overlap_where_the_cluster_is_told_so() {
    let world = World::new("-kernel prevent_overlapping_partitions false", false);
    world.register("pricing");
    let [a, b, x] = &world.beams[..] else { unreachable!() };
    let us = format!(":{:?}", world.node.name().as_str());
    a.expect(&format!("Node.disconnect({us})"), "true");
    a.expect_soon(&format!("{us} in Node.list()"), "false");
    a.expect_soon(":global.registered_names()", "[]");
    for beam in [b, x] {
        beam.expect(&format!("{us} in Node.list()"), "true");
        beam.expect(":global.registered_names()", "[:pricing]");
    }
    world.connect(a);
    world.expect_whole();
    world.expect_quiet(&[]);
}
