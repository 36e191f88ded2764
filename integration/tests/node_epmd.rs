//! `flitch node`: in EPMD, beside it, in its place and without it.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::Duration;

use integration::port::Port;
use integration::{Cluster, eventually};

#[test]
fn by_default_the_running_epmd_is_used() {
    let cluster = Cluster::new();
    let worker = cluster.flitch("worker").start();
    let line = format!("name {} at port {}", cluster.alive("worker"), worker.port());
    assert!(cluster.epmd.stock_names().contains(&line), "{}", cluster.epmd.stock_names());
    let registered = worker.await_event("registered in EPMD", |_| true);
    assert!(registered["creation"].as_u64().is_some_and(|creation| creation > 0), "{registered}");
}

#[test]
fn without_a_running_epmd_the_node_brings_its_own_and_beams_use_it() {
    let cluster = Cluster::without_epmd();
    let worker = cluster.flitch("worker").start();
    let line = format!("name {} at port {}", cluster.alive("worker"), worker.port());
    assert!(cluster.epmd.stock_names().contains(&line), "{}", cluster.epmd.stock_names());
    let (a, b) = (cluster.elixir("a").start(), cluster.erl("b").start());
    a.expect(&format!("Node.ping({})", worker.atom()), ":pong");
    a.expect(&format!("Node.ping({})", b.atom()), ":pong");
    let second = cluster.flitch("second").start();
    a.expect(&format!("Node.ping({})", second.atom()), ":pong");
}

#[test]
fn nodes_that_start_in_one_moment_share_the_epmd_of_the_first() {
    let cluster = Cluster::without_epmd();
    let nodes = ["a", "b", "c", "d"].map(|base| cluster.flitch(base).spawn());
    for node in &nodes {
        node.await_line("node is up");
    }
    for node in &nodes {
        let line = format!("name {} at port", node.name().split('@').next().unwrap());
        assert!(cluster.epmd.stock_names().contains(&line), "{}", cluster.epmd.stock_names());
    }
}

#[test]
fn embedded_serves_epmd_itself() {
    let cluster = Cluster::without_epmd();
    let worker = cluster.flitch("worker").args(&["--epmd", "embedded"]).start();
    assert_eq!(cluster.epmd.port_of(&cluster.alive("worker")), Some(worker.port()));
    let a = cluster.elixir("a").start();
    a.expect(&format!("Node.ping({})", worker.atom()), ":pong");
}

#[test]
fn external_starts_no_epmd_of_its_own() {
    let mut cluster = Cluster::without_epmd();
    let mut worker = cluster.flitch("worker").args(&["--epmd", "external"]).spawn();
    // Whether it gives up or goes on trying, it says that EPMD is the trouble.
    worker.await_line("EPMD");
    assert_eq!(cluster.epmd.names(), None, "somebody listens on EPMD's port");
    if let Some(status) = worker.wait(Duration::from_millis(500)) {
        assert_eq!(status.code(), Some(3), "no EPMD is no connection");
        return;
    }
    cluster.epmd.start_again();
    eventually("registered in the EPMD that came late", || {
        cluster.epmd.port_of(&cluster.alive("worker"))
    });
}

#[test]
fn none_runs_on_a_fixed_port_in_both_directions_without_any_epmd() {
    let cluster = Cluster::without_epmd();
    let port = Port::claim();
    let port = port.number().to_string();
    // The same port on two addresses: what `ERL_DIST_PORT` gives a release, on one machine.
    let flags = format!(
        "-erl_epmd_port {port} -kernel inet_dist_listen_min {port} inet_dist_listen_max {port} \
         inet_dist_use_interface {{127,0,0,2}}"
    );
    let a = cluster.elixir("a").host("127.0.0.2").flags(&flags).start();
    let none = ["--epmd", "none", "--bind", "127.0.0.1"];
    let by_argument = cluster.flitch("worker").args(&none).args(&["--dist-port", &port]);
    let by_argument = by_argument.env("ERL_DIST_PORT", &port).start();
    assert_eq!(by_argument.port().to_string(), port);
    a.expect(&format!("Node.ping({})", by_argument.atom()), ":pong");
    by_argument.stop();

    let by_env = cluster.flitch("worker").args(&none).args(&["--connect", a.name()]);
    let by_env = by_env.env("ERL_DIST_PORT", &port).start();
    assert_eq!(by_env.port().to_string(), port);
    by_env.await_event("peer is up", |fields| fields["peer"] == a.name());
    a.expect(&format!("GenServer.call({}, :ping)", by_env.server()), ":pong");
    assert_eq!(cluster.epmd.names(), None, "somebody listens on EPMD's port");
}

#[test]
fn none_without_a_port_says_where_to_give_one() {
    let cluster = Cluster::without_epmd();
    let args = ["node", "--name", "worker@127.0.0.1", "--epmd", "none"];
    cluster.cli(&args).run().expect_code(2).expect_words(&["--dist-port", "ERL_DIST_PORT"]);
}

#[test]
fn another_word_than_the_four_is_a_usage_error_that_lists_them() {
    let cluster = Cluster::without_epmd();
    let args = ["node", "--name", "worker@127.0.0.1", "--epmd", "sometimes"];
    let output = cluster.cli(&args).run();
    output.expect_code(2).expect_words(&["auto", "external", "embedded", "none"]);
}

#[test]
fn an_epmd_that_restarts_gets_the_name_again_and_no_link_is_lost() {
    let mut cluster = Cluster::new();
    let worker = cluster.flitch("worker").start();
    let a = cluster.elixir("a").start();
    a.expect(&format!("Node.ping({})", worker.atom()), ":pong");
    a.expect(&format!("Node.monitor({}, true)", worker.atom()), "true");

    for round in 2..=3 {
        cluster.epmd.stop();
        cluster.epmd.start_again();
        let registered = worker.await_events(round, "registered in EPMD", |_| true);
        assert!(registered[round - 1]["creation"].is_u64(), "{registered:?}");
        assert_eq!(cluster.epmd.port_of(&cluster.alive("worker")), Some(worker.port()));
    }

    let b = cluster.elixir("b").start();
    b.expect(&format!("Node.ping({})", worker.atom()), ":pong");
    a.expect("receive do {:nodedown, node} -> node after 0 -> :still_up end", ":still_up");
    a.expect(&format!("GenServer.call({}, :ping)", worker.server()), ":pong");
}

#[test]
fn an_epmd_that_stays_away_for_a_while_does_not_end_the_node() {
    let mut cluster = Cluster::new();
    let mut worker = cluster.flitch("worker").args(&["--epmd", "external"]).start();
    cluster.epmd.stop();
    // Nothing announces that the node is only waiting: it must not end within a few attempts.
    assert_eq!(worker.wait(Duration::from_secs(3)), None, "the node ended with EPMD");
    cluster.epmd.start_again();
    worker.await_events(2, "registered in EPMD", |_| true);
    worker.stop();
    eventually("the name is gone from EPMD", || {
        cluster.epmd.port_of(&cluster.alive("worker")).is_none().then_some(())
    });
}
