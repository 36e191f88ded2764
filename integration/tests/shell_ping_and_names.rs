//! `flitch ping` and `flitch names`: success, and each stage at which they fail.

use std::net::{Ipv4Addr, TcpListener};

use integration::port::Port;
use integration::{Behaviour, Cluster, Epmd};

/// Demands the same failure in text and in JSON; gives the JSON's message.
#[track_caller]
fn fails(cluster: &Cluster, node: &str, code: i32, stage: &str, words: &[&str]) -> String {
    cluster.cli(&["ping", "--timeout", "5", node]).run().expect_failure(code, stage, words);
    let json = cluster.cli(&["ping", "--timeout", "5", "--output", "json", node]).run();
    let message = json.expect_json_failure(code, stage);
    for word in words {
        assert!(message.contains(word), "{word:?} is not in the message of {json}");
    }
    message
}

#[test]
fn ping_reaches_elixir_and_erlang_and_leaves_no_trace() {
    let cluster = Cluster::new();
    let (a, b) = (cluster.elixir("a").start(), cluster.erl("b").start());
    for node in [a.name(), b.name()] {
        let text = cluster.cli(&["ping", node]).run();
        text.expect_code(0);
        assert!(text.stdout.starts_with("pong"), "{text}");
        let json = cluster.cli(&["ping", "--output", "json", node]).run();
        let answer = json.expect_code(0).json();
        assert_eq!((&answer["node"], &answer["reply"]), (&node.into(), &"pong".into()), "{json}");
        assert!(answer["round_trip_us"].as_u64().is_some_and(|time| time > 0), "{json}");
    }
    a.expect_soon("Node.list(:hidden)", "[]");
    let names = cluster.epmd.names().unwrap_or_default();
    assert_eq!(names.len(), 2, "the command left a name in EPMD: {names:?}");
}

#[test]
fn ping_reaches_a_flitch_node() {
    let cluster = Cluster::new();
    let worker = cluster.flitch("worker").start();
    let output = cluster.cli(&["ping", worker.name()]).run();
    output.expect_code(0);
    assert!(output.stdout.starts_with("pong"), "{output}");
}

#[test]
fn ping_reaches_a_short_name() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").short().start();
    let output = cluster.cli(&["ping", a.name()]).run();
    output.expect_code(0);
    assert!(output.stdout.starts_with("pong"), "{output}");
}

#[test]
fn a_cookie_from_a_file_opens_too() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    let file = cluster.home().join("secret");
    std::fs::write(&file, cluster.cookie()).expect("a file in the home directory");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o400);
    std::fs::set_permissions(&file, mode).expect("a file of our own");
    let args = ["ping", "--cookie-file", "secret", a.name()];
    cluster.cli(&args).env("RELEASE_COOKIE", "WRONG").run().expect_code(0);
}

#[test]
fn a_name_that_is_none_fails_at_the_name() {
    let cluster = Cluster::new();
    for name in ["worker", "a@b@c.d", "@127.0.0.1"] {
        cluster.cli(&["ping", name]).run().expect_failure(2, "name", &["@"]);
        let json = cluster.cli(&["ping", "--output", "json", name]).run();
        let _ = json.expect_json_failure(2, "name");
    }
}

#[test]
fn a_host_that_does_not_exist_fails_at_dns() {
    let cluster = Cluster::new();
    // A label over 63 characters: no resolver has to ask anyone.
    let host = format!("{}.invalid", "x".repeat(64));
    let _ = fails(&cluster, &format!("a@{host}"), 3, "dns", &[&host]);
}

#[test]
fn a_host_without_epmd_fails_at_epmd() {
    let cluster = Cluster::without_epmd();
    let port = cluster.epmd.port().to_string();
    let _ = fails(&cluster, "a@127.0.0.1", 3, "epmd", &["127.0.0.1", &port]);
}

#[test]
fn a_name_that_epmd_does_not_know_fails_at_epmd() {
    let cluster = Cluster::new();
    let _held = cluster.epmd.pretend("somebody", 1);
    let _ = fails(&cluster, &cluster.name("nobody"), 3, "epmd", &[&cluster.alive("nobody")]);
}

#[test]
fn a_port_on_which_nobody_listens_fails_at_tcp() {
    let cluster = Cluster::new();
    let port = Port::claim();
    let _held = cluster.epmd.pretend(&cluster.alive("gone"), port.number());
    let _ = fails(&cluster, &cluster.name("gone"), 3, "tcp", &[&port.number().to_string()]);
}

#[test]
fn another_cookie_fails_at_the_handshake_and_says_cookie() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").cookie("THEIRS").start();
    let message = fails(&cluster, a.name(), 3, "handshake", &["cookie"]);
    assert!(!message.contains(cluster.cookie()), "{message}");
}

#[test]
fn a_peer_that_does_not_allow_us_fails_at_the_handshake_with_its_status() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    a.expect(":net_kernel.allow([:\"only@127.0.0.1\"])", ":ok");
    let _ = fails(&cluster, a.name(), 3, "handshake", &["not_allowed"]);
}

#[test]
fn an_unknown_status_is_shown() {
    let cluster = Cluster::new();
    let fake = cluster.fake_peer("fake", Behaviour::Status("gone_fishing"));
    let _ = fails(&cluster, fake.name(), 3, "handshake", &["gone_fishing"]);
}

#[test]
fn a_peer_that_has_no_names_to_give_meets_one_of_our_own() {
    let cluster = Cluster::new();
    let fake = cluster.fake_peer("fake", Behaviour::NoNames);
    let _ = fails(&cluster, fake.name(), 3, "handshake", &["not_allowed"]);
}

#[test]
fn missing_flags_are_named() {
    let cluster = Cluster::new();
    let fake = cluster.fake_peer("fake", Behaviour::NoFlags);
    let _ = fails(&cluster, fake.name(), 3, "handshake", &["UTF8_ATOMS"]);
}

#[test]
fn a_peer_that_hangs_up_fails_at_the_handshake() {
    let cluster = Cluster::new();
    let fake = cluster.fake_peer("fake", Behaviour::Closes);
    let _ = fails(&cluster, fake.name(), 3, "handshake", &["closed"]);
}

#[test]
fn a_silent_peer_is_a_timeout_at_the_handshake() {
    let cluster = Cluster::new();
    let fake = cluster.fake_peer("fake", Behaviour::Silent);
    let output = cluster.cli(&["ping", "--timeout", "1", fake.name()]).run();
    output.expect_failure(4, "handshake", &[]);
    assert!(output.elapsed.as_secs() < 5, "the timeout was one second: {output}");
    let json = cluster.cli(&["ping", "--timeout", "1", "--output", "json", fake.name()]).run();
    let _ = json.expect_json_failure(4, "handshake");
}

#[test]
fn a_silent_epmd_is_a_timeout_at_epmd() {
    let cluster = Cluster::without_epmd();
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, cluster.epmd.port()));
    let _silent = silent.expect("the cluster's own port");
    for args in [["ping", "--timeout", "1", "a@127.0.0.1"].as_slice(), &["names", "--timeout", "1"]]
    {
        cluster.cli(args).run().expect_failure(4, "epmd", &[]);
    }
}

#[test]
fn names_lists_what_epmd_itself_lists() {
    let cluster = Cluster::new();
    let _one = cluster.epmd.pretend("one", 4711);
    let a = cluster.elixir("a").start();
    let worker = cluster.flitch("worker").start();
    for args in [["names"].as_slice(), &["names", "127.0.0.1"], &["names", "localhost"]] {
        let output = cluster.cli(args).run();
        output.expect_code(0);
        let mut names: Vec<_> = output.stdout.lines().filter_map(Epmd::name_line).collect();
        names.sort();
        assert_eq!(Some(names), cluster.epmd.names(), "{output}");
        assert!(output.stdout.contains("name one at port 4711"), "{output}");
    }
    let json = cluster.cli(&["names", "--output", "json", "127.0.0.1"]).run();
    let answer = json.expect_code(0).json();
    assert_eq!(answer["host"], "127.0.0.1", "{json}");
    assert_eq!(answer["port"], cluster.epmd.port(), "{json}");
    let known = |name: &str, port: u16| {
        let wanted = serde_json::json!({ "name": name, "port": port });
        assert!(answer["names"].as_array().is_some_and(|all| all.contains(&wanted)), "{json}");
    };
    known("one", 4711);
    known(&cluster.alive("worker"), worker.port());
    drop(a);
}

#[test]
fn names_needs_no_cookie() {
    let cluster = Cluster::new();
    cluster.cli(&["names"]).no_cookie().run().expect_code(0);
    assert!(!cluster.home().join(".erlang.cookie").exists(), "and makes none");
}

#[test]
fn names_asks_flitchs_own_epmd_too() {
    let cluster = Cluster::without_epmd();
    let worker = cluster.flitch("worker").args(&["--epmd", "embedded"]).start();
    let line = format!("name {} at port {}", cluster.alive("worker"), worker.port());
    let output = cluster.cli(&["names"]).run();
    output.expect_code(0);
    assert!(output.stdout.contains(&line), "{output}");
}

#[test]
fn names_fails_at_dns_and_at_epmd() {
    let cluster = Cluster::without_epmd();
    let host = format!("{}.invalid", "x".repeat(64));
    cluster.cli(&["names", &host]).run().expect_failure(3, "dns", &[&host]);
    let port = cluster.epmd.port().to_string();
    cluster.cli(&["names"]).run().expect_failure(3, "epmd", &[&port]);
    let json = cluster.cli(&["names", "--output", "json"]).run();
    let _ = json.expect_json_failure(3, "epmd");
}
