//! A visible node among BEAMs that a netsplit parts from one another without a word, and that are
//! one again when it is over.

use flitch::{Global, Node, Pid, Term};
use integration::lab::network::Network;
use integration::{Cluster, eventually};
use tokio::runtime::Runtime;

use crate::builder;
use crate::field::Host;

/// What `global` logs when something is wrong, and never in order.
const WRONG: [&str; 3] = ["unexpected message", "failed to connect", "out of sync"];

struct Field<'a> {
    runtime: &'a Runtime,
    node: Node,
    global: Global,
    hosts: Vec<Host>,
}

/// Plays it.
///
/// # Panics
/// If anything is not as it has to be.
pub(crate) fn run(network: &Network, runtime: &Runtime) {
    let cluster = Cluster::without_epmd();
    let visible = builder(&cluster).expect("a node's name and cookie").visible(true);
    let node = runtime.block_on(visible.start()).expect("a visible node");
    let global = node.global().expect("a visible node has it");
    let hosts = ["a", "b", "c"].map(|base| Host::start(&cluster, network, base, None)).into();
    let field = Field { runtime, node, global, hosts };
    field.meet();
    let ours = field.register("pricing");
    field.register_at(0, "desk");
    field.expect_names(&[0, 1, 2], "[desk,pricing]");
    field.expect_ours(&["desk", "pricing"]);

    cut_off_one(&field, network, &ours);
    cut_us_off(&field, network);
    for host in &field.hosts {
        let log = host.log();
        assert!(!WRONG.iter().any(|wrong| log.contains(wrong)), "{} logged {log}", host.name());
    }
    runtime.block_on(field.node.shutdown());
    println!("a visible node in a cluster that was parted twice: it is one again, with its names");
}

/// A BEAM is alone, and nobody is told. It has no names then, and the rest has all.
fn cut_off_one(field: &Field<'_>, network: &Network, ours: &Pid) {
    let one = field.hosts[2].addresses();
    network.split([one]);
    field.expect_peers(&[2], 0);
    field.expect_peers(&[0, 1], 2);
    field.expect_names(&[2], "[]");
    field.expect_names(&[0, 1], "[desk,pricing]");
    field.expect_ours(&["desk", "pricing"]);
    field.register_at(2, "pricing");
    network.heal([one]);
    field.meet();
    // Of the two that have the name, the one on the lesser node stays, which is not ours.
    field.expect_names(&[0, 1, 2], "[desk,pricing]");
    for host in &field.hosts {
        let whose = format!("'{}'", field.hosts[2].name());
        assert_eq!(host.ask("node(global:whereis_name(pricing))"), whose, "at {}", host.name());
    }
    eventually("who has lost the name is ended", || {
        let again = field.global.register(Term::atom("again"), ours);
        field.runtime.block_on(again).is_err().then_some(())
    });
}

/// We are cut off from all of them, and they from us.
fn cut_us_off(field: &Field<'_>, network: &Network) {
    field.register("orders");
    field.expect_names(&[0, 1, 2], "[desk,orders,pricing]");
    let all = || field.hosts.iter().map(Host::addresses);
    network.split(all());
    eventually("we have lost all", || field.node.peers_up().is_empty().then_some(()));
    field.expect_ours(&["orders"]);
    field.expect_peers(&[0, 1, 2], 2);
    field.expect_names(&[0, 1, 2], "[desk,pricing]");
    network.heal(all());
    field.meet();
    field.expect_names(&[0, 1, 2], "[desk,orders,pricing]");
    field.expect_ours(&["desk", "orders", "pricing"]);
}

impl Field<'_> {
    /// Makes them one. Who is found to have missed something is parted from the rest once more.
    fn meet(&self) {
        let [first, others @ ..] = &self.hosts[..] else { panic!("three were started") };
        let name = first.name().parse().expect("a node's name");
        let whole = || {
            let sees = |host: &Host| host.ask("length(nodes())") == "3";
            self.hosts.iter().all(sees).then_some(())
        };
        eventually("all are one", || {
            for other in others {
                let ping = format!("net_adm:ping('{}')", other.name());
                (first.ask(&ping) == "pong").then_some(())?;
            }
            self.runtime.block_on(self.node.connect(&name)).ok()?;
            whole()?;
            self.hosts.iter().all(|host| host.ask("global:sync()") == "ok").then_some(())?;
            self.runtime.block_on(self.global.sync()).ok()?;
            whole()
        });
    }

    fn register(&self, name: &'static str) -> Pid {
        let _inside = self.runtime.enter();
        let process = self
            .node
            .spawn_process(|mut process| async move { while process.next().await.is_some() {} });
        let registered = self.global.register(Term::atom(name), process.pid());
        self.runtime.block_on(registered).expect("the name is free");
        process.pid().clone()
    }

    fn register_at(&self, host: usize, name: &str) {
        let code =
            format!("global:register_name({name}, spawn(fun() -> receive never -> never end end))");
        assert_eq!(self.hosts[host].ask(&code), "yes");
    }

    fn expect_peers(&self, hosts: &[usize], count: usize) {
        for host in hosts.iter().map(|it| &self.hosts[*it]) {
            eventually(&format!("{} sees {count} nodes", host.name()), || {
                (host.ask("length(nodes())") == count.to_string()).then_some(())
            });
        }
    }

    fn expect_names(&self, hosts: &[usize], names: &str) {
        for host in hosts.iter().map(|it| &self.hosts[*it]) {
            eventually(&format!("{} has the names {names}", host.name()), || {
                (host.ask("lists:sort(global:registered_names())") == names).then_some(())
            });
        }
    }

    fn expect_ours(&self, names: &[&'static str]) {
        let names: Vec<_> = names.iter().map(|name| Term::atom(name)).collect();
        eventually("we have the same names", || (self.global.names() == names).then_some(()));
    }
}
