//! `flitch node`: who sees it, whom it dials, and what it logs about both.
#![allow(clippy::unwrap_used)]

use integration::{Cluster, eventually};

#[test]
fn a_node_is_hidden_unless_it_asks_to_be_seen() {
    let cluster = Cluster::new();
    let hidden = cluster.flitch("hidden").start();
    let visible = cluster.flitch("visible").args(&["--visible"]).start();
    let a = cluster.elixir("a").start();
    for worker in [&hidden, &visible] {
        a.expect(&format!("Node.connect({})", worker.atom()), "true");
    }
    a.expect("Node.list()", &format!("[{}]", visible.atom()));
    a.expect("Node.list(:visible)", &format!("[{}]", visible.atom()));
    a.expect("Node.list(:hidden)", &format!("[{}]", hidden.atom()));
}

#[test]
fn a_hidden_node_never_disturbs_global() {
    let cluster = Cluster::new();
    let worker = cluster.flitch("worker").start();
    let (a, b) = (cluster.elixir("a").start(), cluster.elixir("b").start());
    a.expect(&format!("Node.connect({})", worker.atom()), "true");
    b.expect(&format!("Node.connect({})", worker.atom()), "true");
    a.expect(&format!("Node.connect({})", b.atom()), "true");
    a.expect(":global.sync()", ":ok");
    a.expect(":global.register_name(:desk, self())", ":yes");
    b.expect(":global.whereis_name(:desk) |> is_pid", "true");
    worker.kill();
    a.expect_soon("Node.list(:hidden)", "[]");
    // An overlapping partition, as global sees it, would have parted the two.
    a.expect("Node.list()", &format!("[{}]", b.atom()));
    b.expect(":global.sync()", ":ok");
}

#[test]
fn a_visible_node_is_one_of_the_cluster_and_leaves_its_names_alone() {
    let cluster = Cluster::new();
    let worker = cluster.flitch("worker").args(&["--visible"]).start();
    let (a, b) = (cluster.elixir("a").start(), cluster.elixir("b").start());
    a.expect(":global.register_name(:desk, self())", ":yes");
    a.expect(&format!("Node.connect({})", worker.atom()), "true");
    // Who connects to it is connected to all that it is connected to.
    b.expect(&format!("Node.connect({})", worker.atom()), "true");
    for (beam, other) in [(&a, &b), (&b, &a)] {
        let list = format!("[{}, {}]", other.atom(), worker.atom());
        beam.expect_soon("Enum.sort(Node.list())", &list);
        beam.expect(":global.sync()", ":ok");
        beam.expect("node(:global.whereis_name(:desk))", &a.atom());
        beam.expect("Node.list(:hidden)", "[]");
    }
    b.expect(":global.register_name(:till, self())", ":yes");
    a.expect("node(:global.whereis_name(:till))", &b.atom());
    b.expect(":global.trans({:job, self()}, fn -> :done end)", ":done");
    a.expect(&format!("GenServer.call({}, :ping)", worker.server()), ":pong");
    worker.stop();
    for (beam, other) in [(&a, &b), (&b, &a)] {
        beam.expect_soon("Node.list()", &format!("[{}]", other.atom()));
        beam.expect(":global.sync()", ":ok");
        beam.expect("Enum.sort(:global.registered_names())", "[:desk, :till]");
        let log = beam.log();
        let wrong = ["unexpected message", "failed to connect", "out of sync"];
        assert!(!wrong.iter().any(|wrong| log.contains(wrong)), "{log}");
    }
}

#[test]
fn every_peer_to_connect_to_is_dialled() {
    let cluster = Cluster::new();
    let (a, b) = (cluster.elixir("a").start(), cluster.erl("b").start());
    let worker = cluster.flitch("worker").args(&["--connect", a.name(), "--connect", b.name()]);
    let worker = worker.start();
    for beam in [&a, &b] {
        worker.await_event("peer is up", |fields| fields["peer"] == beam.name());
    }
    a.expect_soon("Node.list(:hidden)", &format!("[{}]", worker.atom()));
    b.expect_soon("nodes(hidden)", &format!("['{}']", worker.name()));
    // Two nodes that a hidden one knows do not learn of each other through it.
    a.expect("Node.list()", "[]");
}

#[test]
fn a_peer_that_starts_later_is_found() {
    let cluster = Cluster::new();
    let worker = cluster.flitch("worker").args(&["--connect", &cluster.name("late")]).start();
    let late = cluster.elixir("late").start();
    worker.await_event("peer is up", |fields| fields["peer"] == late.name());
    late.expect_soon("Node.list(:hidden)", &format!("[{}]", worker.atom()));
}

#[test]
fn a_peer_that_comes_back_is_dialled_again() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    let worker = cluster.flitch("worker").args(&["--connect", a.name()]).start();
    worker.await_event("peer is up", |_| true);
    a.kill();
    worker.await_event("peer is down", |_| true);
    let a = cluster.elixir("a").start();
    worker.await_events(2, "peer is up", |fields| fields["peer"] == a.name());
    a.expect_soon("Node.list(:hidden)", &format!("[{}]", worker.atom()));
}

#[test]
fn a_peer_with_another_cookie_does_not_stop_the_others() {
    let cluster = Cluster::new();
    let (a, b) = (cluster.elixir("a").cookie("OTHER").start(), cluster.elixir("b").start());
    let worker = cluster.flitch("worker").args(&["--connect", a.name(), "--connect", b.name()]);
    let worker = worker.start();
    worker.await_event("peer is up", |fields| fields["peer"] == b.name());
    a.expect("Node.list(:hidden)", "[]");
    assert!(worker.events("peer is up").iter().all(|fields| fields["peer"] != a.name()));
}

#[test]
fn both_sides_dialling_at_once_end_with_one_link() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    let ping = format!("Enum.each(1..200, fn _ -> Node.connect({:?} |> String.to_atom) end)", {
        cluster.name("worker")
    });
    a.expect(&format!("spawn(fn -> {ping} end) |> is_pid"), "true");
    let worker = cluster.flitch("worker").args(&["--connect", a.name()]).start();
    worker.await_event("peer is up", |_| true);
    a.expect_soon("Node.list(:hidden)", &format!("[{}]", worker.atom()));
    a.expect(&format!("GenServer.call({}, {{:echo, 1}})", worker.server()), "1");
}

#[test]
fn one_line_tells_of_a_peer_that_comes_and_one_of_a_peer_that_goes() {
    let cluster = Cluster::new();
    let worker = cluster.flitch("worker").start();
    let a = cluster.elixir("a").start();
    a.expect(&format!("Node.ping({})", worker.atom()), ":pong");
    a.expect(&format!("GenServer.call({}, :ping)", worker.server()), ":pong");
    let a_name = a.name().to_owned();
    a.kill();
    let down = worker.await_event("peer is down", |_| true);
    assert_eq!(down["peer"], a_name);
    assert!(!down["reason"].as_str().unwrap_or_default().is_empty(), "no reason: {down}");
    let up = worker.events("peer is up");
    assert_eq!(up.len(), 1, "{up:?}");
    assert_eq!(up[0]["peer"], a_name);
    assert_eq!(worker.events("peer is down").len(), 1);
    assert_eq!(worker.stdout(), "", "the log belongs on standard error");
}

#[test]
fn every_line_of_the_json_log_is_an_object_with_time_level_and_target() {
    let cluster = Cluster::new();
    let mut worker = cluster.flitch("worker").env("RUST_LOG", "debug").start();
    let a = cluster.elixir("a").start();
    a.expect(&format!("GenServer.call({}, :ping)", worker.server()), ":pong");
    worker.signal(integration::Signal::TERM);
    worker.expect_orderly_end();
    for line in worker.log().lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        for key in ["timestamp", "level", "target"] {
            assert!(event[key].is_string(), "no {key} in {line}");
        }
        assert!(event["fields"].is_object(), "no fields in {line}");
    }
}

#[test]
fn the_default_log_is_text_for_people() {
    let cluster = Cluster::new();
    for args in [["--log-format", "text"].as_slice(), &[]] {
        let worker = cluster.flitch("worker").text_log().args(args).start();
        let a = cluster.elixir("a").start();
        a.expect(&format!("Node.ping({})", worker.atom()), ":pong");
        let line = worker.await_line("peer is up");
        assert!(line.contains(a.name()) && line.contains("INFO"), "{line}");
        assert!(!line.starts_with('{'), "{line}");
        worker.stop();
    }
}

#[test]
fn rust_log_decides_what_is_logged() {
    let cluster = Cluster::new();
    let quiet = cluster.flitch("quiet").env("RUST_LOG", "error").spawn();
    eventually("registered", || cluster.epmd.port_of(&cluster.alive("quiet")));
    let a = cluster.elixir("a").start();
    a.expect(&format!("Node.ping({})", quiet.atom()), ":pong");
    assert!(!quiet.log().contains("peer is up"), "{}", quiet.log());
}
