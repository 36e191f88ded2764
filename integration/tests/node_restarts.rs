//! A peer that comes again under its old name while its earlier life still looks alive: the status
//! `alive`, and its answer.

use integration::port::Port;
use integration::{Cluster, eventually};

#[test]
fn a_beam_that_comes_again_takes_the_place_of_its_frozen_self() {
    let cluster = Cluster::without_epmd();
    let port = Port::claim().number().to_string();
    let worker = cluster.flitch("worker").args(&["--epmd", "none", "--bind", "127.0.0.1"]);
    let worker = worker.args(&["--dist-port", &port]).start();
    // Each life of it on an address of its own, for the frozen one keeps its port.
    let a = |address: &str| {
        let flags =
            format!("-erl_epmd_port {port} -kernel inet_dist_use_interface {{127,0,0,{address}}}");
        cluster.elixir("a").host("127.0.0.2").flags(&flags).start()
    };
    let old = a("2");
    old.expect(&format!("GenServer.call({}, :ping)", worker.server()), ":pong");
    old.freeze();
    let new = a("3");
    new.expect(&format!("GenServer.call({}, :ping)", worker.server()), ":pong");
    let down = worker.await_event("peer is down", |fields| fields["peer"] == new.name());
    assert!(down["reason"].as_str().is_some_and(|reason| reason.contains("replaced")), "{down}");
    worker.await_events(2, "peer is up", |fields| fields["peer"] == new.name());
    new.expect(&format!("GenServer.call({}, :info).nodes", worker.server()), &{
        format!("[{}]", new.atom())
    });
    // Its earlier life wakes up, and finds its link gone.
    old.thaw();
    eventually("the old life has lost its link", || {
        (old.eval("Node.list(:hidden)").as_deref() == Ok("[]")).then_some(())
    });
    new.expect(&format!("GenServer.call({}, :ping)", worker.server()), ":pong");
}

#[test]
fn we_come_again_and_take_the_place_of_our_frozen_self() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    let old = cluster.flitch("worker").args(&["--connect", a.name()]).start();
    a.expect_soon("Node.list(:hidden)", &format!("[{}]", old.atom()));
    a.expect(":net_kernel.monitor_nodes(true, node_type: :all)", ":ok");
    old.freeze();
    // EPMD still has the name for the frozen one.
    let port = cluster.epmd.port_of(&cluster.alive("a")).unwrap_or_default();
    let of_a = format!("{}={port}", a.name());
    let own = Port::claim().number().to_string();
    let new = cluster.flitch("worker").args(&["--epmd", "none", "--dist-port", &own]);
    let new = new.args(&["--peer-port", &of_a, "--connect", a.name()]).start();
    new.await_event("peer is up", |fields| fields["peer"] == a.name());
    for event in [":nodedown", ":nodeup"] {
        let next = "receive do {event, node, _} -> {event, node} after 5000 -> :nothing end";
        a.expect(next, &format!("{{{event}, {}}}", new.atom()));
    }
    a.expect(&format!("GenServer.call({}, :ping)", new.server()), ":pong");
}
