//! `flitch node`: the port and the addresses on which it listens.
#![allow(clippy::unwrap_used)]

use std::net::{Ipv4Addr, TcpListener, TcpStream};

use integration::Cluster;
use integration::port::Port;

fn listens(address: &str, port: u16) -> bool {
    TcpStream::connect((address, port)).is_ok()
}

#[test]
fn port_zero_is_any_and_epmd_knows_which() {
    let cluster = Cluster::new();
    for args in [["--dist-port", "0"].as_slice(), &[]] {
        let worker = cluster.flitch("worker").args(args).start();
        let port = worker.port();
        assert_ne!(port, 0);
        assert!(listens("127.0.0.1", port));
        assert_eq!(cluster.epmd.port_of(&cluster.alive("worker")), Some(port));
        worker.stop();
    }
}

#[test]
fn a_given_port_is_taken() {
    let cluster = Cluster::new();
    let claim = Port::claim();
    let port = claim.number();
    let worker = cluster.flitch("worker").args(&["--dist-port", &port.to_string()]).start();
    assert_eq!(worker.port(), port);
    assert_eq!(cluster.epmd.port_of(&cluster.alive("worker")), Some(port));
}

#[test]
fn of_a_range_the_first_free_port_is_taken() {
    let cluster = Cluster::new();
    let row = Port::claim_row::<3>();
    let (first, last) = (row[0].number(), row[2].number());
    let _taken = TcpListener::bind((Ipv4Addr::UNSPECIFIED, first)).unwrap();
    let range = format!("{first}-{last}");
    let one = cluster.flitch("one").args(&["--dist-port", &range]).start();
    assert_eq!(one.port(), first + 1);
    let two = cluster.flitch("two").args(&["--dist-port", &range]).start();
    assert_eq!(two.port(), last);

    let args = ["node", "--name", &cluster.name("three"), "--dist-port", &range];
    let three = cluster.cli(&args).run();
    assert!(!three.status.success(), "a fourth node in a range of three: {three}");
    three.expect_words(&[&first.to_string()]);
}

#[test]
fn a_port_that_is_none_is_a_usage_error() {
    let cluster = Cluster::without_epmd();
    for port in ["x", "9105-9100", "70000", "1-2-3"] {
        let args = ["node", "--name", "worker@127.0.0.1", "--dist-port", port];
        cluster.cli(&args).run().expect_code(2).expect_words(&[port]);
    }
}

#[test]
fn only_the_given_address_is_bound() {
    let cluster = Cluster::new();
    let worker = cluster.flitch("worker").args(&["--bind", "127.0.0.1"]).start();
    let port = worker.port();
    assert!(listens("127.0.0.1", port));
    assert!(!listens("127.0.0.2", port), "bound to more than asked for");
    assert!(!listens("::1", port), "bound to more than asked for");
}

#[test]
fn both_families_share_one_port() {
    let cluster = Cluster::new();
    let worker = cluster.flitch("worker").args(&["--bind", "127.0.0.1", "--bind", "::1"]).start();
    assert!(listens("127.0.0.1", worker.port()));
    assert!(listens("::1", worker.port()));
}

#[test]
fn elixir_over_ipv6_reaches_a_node_that_is_bound_to_it_alone() {
    let cluster = Cluster::new();
    let worker = cluster.flitch("worker").host("::1").args(&["--bind", "::1"]).start();
    assert!(!listens("127.0.0.1", worker.port()));
    let a = cluster.elixir("a").host("::1").flags("-proto_dist inet6_tcp").start();
    a.expect(&format!("Node.ping({})", worker.atom()), ":pong");
    a.expect(&format!("GenServer.call({}, {{:echo, 6}})", worker.server()), "6");
}

#[test]
fn a_node_over_ipv6_dials_elixir_over_ipv6() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").host("::1").flags("-proto_dist inet6_tcp").start();
    let worker = cluster.flitch("worker").host("::1");
    let worker = worker.args(&["--bind", "::1", "--connect", a.name()]).start();
    worker.await_event("peer is up", |fields| fields["peer"] == a.name());
    a.expect_soon("Node.list(:hidden)", &format!("[{}]", worker.atom()));
}
