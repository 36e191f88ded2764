//! Distribution over IPv6 (`-proto_dist inet6_tcp`), with EPMD over IPv6.

use integration::{Beam, Cluster};

fn over_ipv6(cluster: &Cluster, base: &str) -> Beam {
    cluster.elixir(base).host("::1").flags("-proto_dist inet6_tcp").start()
}

#[test]
fn without_a_running_epmd_ours_serves_beams_over_ipv6() {
    let cluster = Cluster::without_epmd();
    let worker = cluster.flitch("worker").host("::1").args(&["--epmd", "embedded"]).start();
    let (a, b) = (over_ipv6(&cluster, "a"), over_ipv6(&cluster, "b"));
    a.expect(&format!("Node.ping({})", b.atom()), ":pong");
    a.expect(&format!("Node.ping({})", worker.atom()), ":pong");
    a.expect(&format!("GenServer.call({}, :ping)", worker.server()), ":pong");
    // The name alone says that it listens on IPv6, and there only.
    assert!(std::net::TcpStream::connect(("::1", worker.port())).is_ok());
    assert!(std::net::TcpStream::connect(("127.0.0.1", worker.port())).is_err());
}

#[test]
fn commands_reach_a_beam_and_its_epmd_over_ipv6() {
    let cluster = Cluster::new();
    let a = over_ipv6(&cluster, "a");
    cluster.cli(&["ping", a.name()]).run().expect_code(0);
    let rpc = cluster.cli(&["rpc", a.name(), "erlang", "node"]).run();
    assert_eq!(rpc.stdout.trim(), a.atom());
    let names = cluster.cli(&["names", "::1"]).run();
    assert!(names.stdout.contains(&cluster.alive("a")), "{names}");
}

#[test]
fn one_node_meets_beams_of_both_families_on_one_port() {
    let cluster = Cluster::new();
    let (four, six) = (cluster.elixir("four").start(), over_ipv6(&cluster, "six"));
    let worker = cluster.flitch("worker").args(&["--bind", "127.0.0.1", "--bind", "::1"]);
    let worker = worker.args(&["--connect", six.name()]).start();
    worker.await_event("peer is up", |fields| fields["peer"] == six.name());
    four.expect(&format!("GenServer.call({}, :ping)", worker.server()), ":pong");
    six.expect(&format!("GenServer.call({}, :ping)", worker.server()), ":pong");
}

#[test]
fn a_beam_without_a_name_gets_one_over_ipv6() {
    let cluster = Cluster::new();
    let worker = cluster.flitch("worker").host("::1").start();
    let a = cluster.elixir("a").unnamed().host("::1").flags("-proto_dist inet6_tcp").start();
    a.expect(&format!("Node.connect({})", worker.atom()), "true");
    a.expect("node() |> to_string() |> String.ends_with?(\"@::1\")", "true");
    a.expect(&format!("GenServer.call({}, :ping)", worker.server()), ":pong");
}
