//! Reaching a node that is not where its name says: `--address`, `--any-name`, and contexts.

#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

use integration::relay::{Relay, Side};
use integration::{Behaviour, Cluster};

/// The port of a node, as EPMD has it.
fn port(cluster: &Cluster, base: &str) -> u16 {
    cluster.epmd.port_of(&cluster.alive(base)).expect("the node is registered")
}

fn place(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

#[test]
fn a_node_behind_a_tunnel_is_reached_whatever_host_its_name_has() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    let tunnel = Relay::to(port(&cluster, "a"));
    let address = place(tunnel.port());
    let output = cluster.cli(&["ping", a.name(), "--address", &address]).run();
    output.expect_code(0);
    assert_eq!(tunnel.connections(), 1, "{output}");
}

#[test]
fn a_node_of_another_name_there_is_an_error_that_says_both_and_how_to_take_it() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    let address = place(port(&cluster, "a"));
    let typed = "app@192.0.2.1";
    let output = cluster.cli(&["ping", typed, "--address", &address]).run();
    output.expect_failure(3, "handshake", &[typed, a.name(), "--any-name"]);
    let output = cluster.cli(&["ping", typed, "--address", &address, "--any-name"]).run();
    assert!(output.expect_code(0).stdout.contains(a.name()), "{output}");
}

#[test]
fn whichever_node_is_at_an_address_is_taken_with_a_dash_and_long_and_short_names_alike() {
    let cluster = Cluster::new();
    let (a, b) = (cluster.elixir("a").start(), cluster.erl("b").short().start());
    let worker = cluster.flitch("worker").start();
    for (base, name) in [("a", a.name()), ("b", b.name()), ("worker", worker.name())] {
        let address = place(port(&cluster, base));
        let output = cluster.cli(&["ping", "-", "--address", &address]).run();
        assert!(output.expect_code(0).stdout.contains(name), "{output}");
    }
    a.expect_soon("Node.list(:hidden)", "[]");
}

#[test]
fn meeting_a_node_to_learn_its_name_leaves_no_atom_each_time_and_no_line_in_its_log() {
    const TIMES: usize = 30;
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    let address = place(port(&cluster, "a"));
    let ping = || {
        cluster.cli(&["ping", "-", "--address", &address]).run().expect_code(0);
        a.expect_soon("Node.list(:hidden)", "[]");
    };
    ping();
    let atoms = || a.eval(":erlang.system_info(:atom_count)").expect("a count");
    let atoms = || atoms().parse::<usize>().expect("a number");
    // Without what the test itself asks.
    let log = || {
        let log = a.log();
        let said = log.lines().filter(|line| !line.is_empty() && !line.starts_with("@@"));
        said.map(str::to_owned).collect::<Vec<_>>()
    };
    let (before, said) = (atoms(), log());
    for _ in 0..TIMES {
        ping();
    }
    // It lends the same names again; one that is not yet back when the next is wanted makes one more.
    let more = atoms() - before;
    assert!(more < TIMES / 3, "{more} atoms are left by {TIMES} commands");
    assert_eq!(log(), said);
}

#[test]
fn a_name_is_learnt_without_proving_that_we_know_the_cookie() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    let tunnel = Relay::to(port(&cluster, "a"));
    let address = place(tunnel.port());
    cluster.cli(&["ping", "-", "--address", &address]).run().expect_code(0);
    assert_eq!(tunnel.connections(), 2, "one to meet {}, and one to connect", a.name());
    let ours = tunnel.take(0).into_iter().filter(|(side, _)| *side == Side::Dialler);
    let said: Vec<u8> = ours.flat_map(|(_, bytes)| bytes).collect();
    // Two bytes of length, and the message behind them: nothing else is said.
    let length = usize::from(said[0]) << 8 | usize::from(said[1]);
    assert_eq!((said[2], said.len()), (b'N', length + 2), "{said:?}");
}

#[test]
fn a_dash_without_an_address_is_a_mistake_of_the_line() {
    let cluster = Cluster::without_epmd();
    cluster.cli(&["ping", "-"]).run().expect_failure(2, "usage", &["--address"]);
    let output = cluster.cli(&["ping", "-", "--address", "nowhere"]).run();
    output.expect_code(2);
}

#[test]
fn nobody_at_the_address_and_no_beam_there_are_told_apart() {
    let cluster = Cluster::new();
    let gone = place(integration::port::Port::claim().number());
    let output = cluster.cli(&["ping", "-", "--address", &gone]).run();
    output.expect_failure(3, "tcp", &[&gone]);
    let fake = cluster.fake_peer("fake", Behaviour::NoNames);
    let address = place(port(&cluster, "fake"));
    let output = cluster.cli(&["ping", "-", "--address", &address]).run();
    output.expect_failure(3, "handshake", &[]);
    drop(fake);
}

#[test]
fn a_context_gives_node_address_and_cookie_and_what_is_typed_comes_first() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    let tunnel = Relay::to(port(&cluster, "a"));
    let file = cluster.home().join("secret");
    std::fs::write(&file, cluster.cookie()).expect("a file in the home directory");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o400);
    std::fs::set_permissions(&file, mode).expect("a file of our own");

    let address = place(tunnel.port());
    let set = ["context", "set", "prod", "--address", &address, "--cookie-file", "secret"];
    cluster.cli(&set).no_cookie().run().expect_code(0);
    cluster.cli(&["context", "set", "gone", "--node", "a@192.0.2.1"]).run().expect_code(0);
    cluster.cli(&["ping", "@"]).run().expect_failure(2, "name", &["context use"]);
    cluster.cli(&["context", "use", "prod"]).run().expect_code(0);
    for node in ["@prod", "@"] {
        let output = cluster.cli(&["ping", node]).no_cookie().run();
        assert!(output.expect_code(0).stdout.contains(a.name()), "{output}");
    }
    let direct = place(port(&cluster, "a"));
    let before = tunnel.connections();
    cluster.cli(&["ping", "@", "--address", &direct]).no_cookie().run().expect_code(0);
    assert_eq!(tunnel.connections(), before);
    cluster.cli(&["ping", "@prd"]).run().expect_failure(2, "name", &["prod", "gone"]);
}

#[test]
fn contexts_are_listed_shown_and_forgotten_without_a_cookie_in_sight() {
    let cluster = Cluster::without_epmd();
    let cli = |words: &[&str]| cluster.cli(words).run();
    cli(&["context", "set", "b", "--node", "b@10.0.0.7"]).expect_code(0);
    cli(&["context", "set", "a", "--address", "localhost:9100"]).expect_code(0);
    cli(&["context", "use", "b"]).expect_code(0);
    assert_eq!(cli(&["context", "list", "-o", "name"]).stdout, "a\nb\n");
    let shown = cli(&["context", "show", "-o", "json"]).json();
    assert_eq!(
        (&shown["contexts"][0]["node"], &shown["contexts"][0]["current"]),
        (&"b@10.0.0.7".into(), &true.into())
    );
    cli(&["context", "delete", "b"]).expect_code(0);
    cli(&["context", "show"]).expect_failure(2, "usage", &["context use"]);
    assert_eq!(cli(&["context", "list", "-o", "name"]).stdout, "a\n");
    let file = cluster.home().join(".config/flitch/contexts.toml");
    std::fs::write(&file, "[contexts.a]\ncookie = \"SECRET\"\n").expect("the contexts' file");
    let refused = cli(&["context", "list"]);
    refused.expect_failure(2, "usage", &["cookie_file", "line 2"]);
    assert!(!refused.stderr.contains("SECRET"), "{refused}");
}
