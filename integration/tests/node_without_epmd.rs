//! `flitch node`: clusters without any EPMD, in which each peer has a port of its own.

use integration::port::Port;
use integration::{Beam, Cluster};

/// A BEAM that listens on `port` and believes that all others do.
fn on_port(cluster: &Cluster, base: &str, port: u16) -> Beam {
    cluster.elixir(base).flags(&format!("-erl_epmd_port {port}")).start()
}

#[test]
fn beams_on_different_ports_are_dialled_by_a_map_of_ports() {
    let cluster = Cluster::without_epmd();
    let row = Port::claim_row::<3>();
    let [a_port, b_port, ours] = [row[0].number(), row[1].number(), row[2].number()];
    let (a, b) = (on_port(&cluster, "a", a_port), on_port(&cluster, "b", b_port));
    let (of_a, of_b) = (format!("{}={a_port}", a.name()), format!("b_*@127.0.*={b_port}"));
    let worker = cluster.flitch("worker").args(&["--epmd", "none"]);
    let worker = worker.args(&["--peer-port", &of_a, "--peer-port", &of_b]);
    let worker = worker.args(&["--connect", a.name(), "--connect", b.name()]);
    let worker = worker.env("ERL_DIST_PORT", &ours.to_string()).start();
    for beam in [&a, &b] {
        worker.await_event("peer is up", |fields| fields["peer"] == beam.name());
        beam.expect(&format!("GenServer.call({}, :ping)", worker.server()), ":pong");
    }
    assert_eq!(worker.port(), ours);
    assert_eq!(cluster.epmd.names(), None, "somebody listens on EPMD's port");
}

#[test]
fn a_beam_dials_us_on_the_port_that_the_map_gives_it() {
    let cluster = Cluster::without_epmd();
    let port = Port::claim();
    let worker = cluster.flitch("worker").args(&["--epmd", "none", "--bind", "127.0.0.1"]);
    let worker = worker.args(&["--dist-port", &port.number().to_string()]).start();
    // It takes our port for its own as well, so it must not listen.
    let flags = format!("-erl_epmd_port {} -dist_listen false", port.number());
    let a = cluster.elixir("a").flags(&flags).start();
    a.expect(&format!("Node.ping({})", worker.atom()), ":pong");
    worker.await_event("peer is up", |fields| fields["peer"] == a.name());
}

#[test]
fn ports_by_peer_and_epmd_for_the_others_go_together() {
    let cluster = Cluster::new();
    let port = Port::claim();
    let (a, b) = (on_port(&cluster, "a", port.number()), cluster.elixir("b").start());
    let of_a = format!("a_*@*={}", port.number());
    let worker = cluster.flitch("worker").args(&["--peer-port", &of_a]);
    let worker = worker.args(&["--connect", a.name(), "--connect", b.name()]).start();
    for beam in [&a, &b] {
        worker.await_event("peer is up", |fields| fields["peer"] == beam.name());
    }
}

#[test]
fn a_peer_whose_port_nobody_knows_is_told_of_with_what_to_write() {
    let cluster = Cluster::without_epmd();
    let port = Port::claim_row::<2>();
    let range = format!("{}-{}", port[0].number(), port[1].number());
    let args = ["--epmd", "none", "--dist-port", &range, "--peer-port", "db@*=9200"];
    let worker = cluster.flitch("worker").args(&args).args(&["--connect", &cluster.name("a")]);
    let worker = worker.start();
    worker.await_line("--peer-port");
}

#[test]
fn commands_find_a_node_by_its_port() {
    let cluster = Cluster::without_epmd();
    let port = Port::claim();
    let a = on_port(&cluster, "a", port.number());
    let port = port.number().to_string();
    cluster.cli(&["ping", a.name(), "--dist-port", &port]).run().expect_code(0);
    cluster.cli(&["ping", a.name()]).env("ERL_DIST_PORT", &port).run().expect_code(0);
}
