//! Dynamic names: who has no name gets one from the first node that it connects to.
#![allow(clippy::unwrap_used, clippy::panic)]

use flitch::{Cookie, Node, NodeEvent, NodeName, Term};
use integration::{Beam, Cluster, SOON};

/// The name that a node was given, as it prints it.
fn given(beam: &Beam) -> String {
    let name = beam.eval("node()").unwrap();
    assert!(name.ends_with("@127.0.0.1\""), "{name}");
    name
}

#[test]
fn a_beam_without_a_name_gets_one_from_us_and_both_can_call() {
    let cluster = Cluster::new();
    let worker = cluster.flitch("worker").start();
    let a = cluster.elixir("a").unnamed().start();
    a.expect("node()", ":nonode@nohost");
    a.expect(&format!("Node.connect({})", worker.atom()), "true");
    let name = given(&a);
    a.expect(&format!("GenServer.call({}, :ping)", worker.server()), ":pong");
    worker.await_event("peer is up", |fields| format!(":{}", fields["peer"]) == name);
    a.expect(&format!("GenServer.call({}, :info).nodes == [node()]", worker.server()), "true");
    // We reach it over that link, to answer a monitor for one.
    a.expect(&format!("r = Process.monitor({}); is_reference(r)", worker.server()), "true");
    worker.kill();
    a.expect("receive do {:DOWN, ^r, _, _, why} -> why after 5000 -> :none end", ":noconnection");
    a.expect_soon("node()", ":nonode@nohost");
}

#[test]
fn beams_without_names_get_different_ones_and_one_that_is_free_is_given_again() {
    let cluster = Cluster::new();
    let worker = cluster.flitch("worker").start();
    let connect = format!("Node.connect({})", worker.atom());
    let [a, b] = ["a", "b"].map(|base| cluster.elixir(base).unnamed().start());
    a.expect(&connect, "true");
    b.expect(&connect, "true");
    let (of_a, of_b) = (given(&a), given(&b));
    assert_ne!(of_a, of_b);
    let creation = a.eval(":erlang.system_info(:creation)").unwrap();
    a.kill();
    worker.await_event("peer is down", |fields| format!(":{}", fields["peer"]) == of_a);
    let c = cluster.elixir("c").unnamed().start();
    c.expect(&connect, "true");
    assert_eq!(given(&c), of_a, "every name that the cluster meets stays in its atom tables");
    assert_ne!(c.eval(":erlang.system_info(:creation)").unwrap(), creation);
    c.expect(&format!("GenServer.call({}, :ping)", worker.server()), ":pong");
    b.expect(&format!("GenServer.call({}, :ping)", worker.server()), ":pong");
}

#[test]
fn a_beam_without_a_name_and_with_another_cookie_gets_neither_name_nor_link() {
    let cluster = Cluster::new();
    let worker = cluster.flitch("worker").start();
    let a = cluster.elixir("a").unnamed().cookie("OTHER").start();
    a.expect(&format!("Node.connect({})", worker.atom()), "false");
    a.expect("node()", ":nonode@nohost");
    worker.await_line("digest");
}

/// A node of ours that `peer` names.
async fn named_by(cluster: &Cluster, peer: &NodeName) -> Node {
    let builder = Node::builder_named_by(peer.clone(), "127.0.0.1");
    let cookie = Cookie::new(cluster.cookie()).unwrap();
    builder.cookie(cookie).epmd_port(cluster.epmd.port()).start().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn we_join_under_the_name_that_a_beam_gives_us_and_lose_it_with_that_link() {
    let cluster = Cluster::new();
    let (a, b) = (cluster.erl("a").start(), cluster.erl("b").start());
    let peer: NodeName = a.name().parse().unwrap();
    let node = named_by(&cluster, &peer).await;
    let name = node.name().clone();
    assert!(name.host() == "127.0.0.1" && node.creation().value() > 3 && node.port() == 0);
    a.expect_soon("nodes(hidden)", &format!("['{name}']"));

    // What we make carries that name: an answer comes back to us, here and from others.
    for beam in [&a, &b] {
        let peer: NodeName = beam.name().parse().unwrap();
        let here: Term = node.rpc(&peer, "erlang", "node", &[], SOON).await.unwrap();
        assert!(here.is_atom(peer.as_str()), "{here:?}");
    }
    b.expect("nodes(hidden)", &format!("['{name}']"));
    let mut events = node.events();
    a.expect(&format!("erlang:disconnect_node('{name}')"), "true");
    tokio::time::timeout(SOON, node.stopping()).await.unwrap();
    let down = tokio::time::timeout(SOON, events.recv()).await.unwrap().unwrap();
    assert!(matches!(down, NodeEvent::Down { node, .. } if node == peer));
    b.expect_soon("nodes(hidden)", "[]");

    let again = named_by(&cluster, &peer).await;
    assert_eq!(*again.name(), name, "a BEAM gives a name that is free again");
    assert_ne!(again.creation(), node.creation());
    again.shutdown().await;
}

#[test]
fn many_commands_leave_one_name_in_the_atom_table_of_the_beam_that_they_ask() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    let rpc = ["rpc", a.name(), "erlang", "system_info", ":atom_count"];
    let count = || cluster.cli(&rpc).run().stdout.trim().parse::<u32>().unwrap();
    let before = (0..5).map(|_| count()).max().unwrap();
    let after = (0..25).map(|_| count()).max().unwrap();
    assert_eq!(before, after);
}
