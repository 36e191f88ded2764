//! `flitch doctor`: each step that can fail, with what it says, and a node with which nothing does.

#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests fail as tests do")]

use std::net::TcpListener;

use integration::port::Port;
use integration::{Behaviour, Cluster, Output};
use serde_json::Value;

/// A step's verdict, and all that it says.
#[track_caller]
fn step(report: &Value, name: &str) -> (String, String) {
    let steps = report["steps"].as_array().expect("steps");
    let step = steps.iter().find(|step| step["step"] == name);
    let step = step.unwrap_or_else(|| panic!("no step {name} in {report}"));
    let text = |key: &str| step[key].as_str().unwrap_or_default().to_owned();
    (text("verdict"), text("seen") + " " + &text("change"))
}

fn examine(cluster: &Cluster, words: &[&str]) -> Output {
    let args = [["doctor", "--timeout", "5", "-o", "json"].as_slice(), words].concat();
    cluster.cli(&args).env("RELEASE_COOKIE", LONG).run()
}

/// No step finds anything to say about it.
const LONG: &str = "QWERTZUIOPASDFGHJKLYXCVBNMQWERTZ";

/// Demands that this step fails, in these words, and that no step after it is tried.
#[track_caller]
fn fails(output: &Output, code: i32, at: &str, words: &[&str]) {
    let report = output.expect_code(code).json();
    let (verdict, said) = step(&report, at);
    assert_eq!(verdict, "fail", "{output}");
    for word in words {
        assert!(said.contains(word), "{word:?} is not in {said:?}");
    }
    let steps = report["steps"].as_array().expect("steps").iter();
    let after: Vec<_> = steps.skip_while(|step| step["step"] != at).skip(1).collect();
    assert!(after.iter().any(|step| step["step"] == "global"), "the rest is told of: {output}");
    for step in after {
        assert_ne!(step["verdict"], "warn", "{output}");
        let asked = step["step"] == "global" && step["verdict"] == "ok";
        assert!(!asked, "{output}");
    }
}

#[test]
fn a_healthy_node_fails_nowhere_and_every_step_says_what_it_saw() {
    let cluster = Cluster::new();
    let (a, b) = (cluster.elixir("a").cookie(LONG).start(), cluster.erl("b").cookie(LONG).start());
    a.expect(&format!("Node.connect({})", b.atom()), "true");
    let output = examine(&cluster, &[a.name()]);
    let report = output.expect_code(0).json();
    for name in ["cookie", "name", "dns", "tcp", "status", "flags", "link", "visibility", "tick"] {
        let (verdict, said) = step(&report, name);
        assert_eq!(verdict, "ok", "{name}: {said}");
        assert!(!said.trim().is_empty(), "{name}");
    }
    for name in ["clock", "global"] {
        assert_eq!(step(&report, name).0, "ok", "{output}");
    }
    assert!(step(&report, "global").1.contains(": 2;"), "{output}");
    assert!(step(&report, "release").1.contains("OTP "), "{output}");
    assert!(!output.stdout.contains(LONG), "the cookie is shown");
    a.expect_soon("Node.list(:hidden)", "[]");
}

#[test]
fn a_weak_cookie_is_a_warning_and_no_failure() {
    let cluster = Cluster::new();
    let _a = cluster.elixir("a").cookie("monster").start();
    let name = cluster.name("a");
    let output = cluster.cli(&["doctor", &name]).env("RELEASE_COOKIE", "monster").run();
    output.expect_code(0);
    assert!(output.stdout.contains("warn  cookie"), "{output}");
    assert!(output.stdout.contains("default that everybody knows"), "{output}");
}

#[test]
fn no_cookie_at_all_is_told_and_none_is_made() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    let output = cluster.cli(&["doctor", a.name(), "-o", "json"]).no_cookie().run();
    let report = output.expect_code(2).json();
    assert_eq!(step(&report, "cookie").0, "fail", "{output}");
    assert_eq!(step(&report, "flags").0, "ok", "what needs none is tried: {output}");
    assert!(!cluster.home().join(".erlang.cookie").exists());
}

#[test]
fn a_cookie_file_that_others_may_read_is_a_failure_with_the_mode() {
    let cluster = Cluster::new();
    let file = cluster.home().join("open");
    std::fs::write(&file, LONG).expect("a file in the home directory");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(&file, mode).expect("a file of our own");
    let output = examine(&cluster, &["a@127.0.0.1", "--cookie-file", "open"]);
    let report = output.expect_code(2).json();
    assert!(step(&report, "cookie").1.contains("644"), "{output}");
}

#[test]
fn a_host_that_does_not_exist_fails_at_dns() {
    let cluster = Cluster::new();
    let host = format!("{}.invalid", "x".repeat(64));
    fails(&examine(&cluster, &[&format!("a@{host}")]), 3, "dns", &["/etc/hosts"]);
}

#[test]
fn an_epmd_that_is_not_there_and_one_that_does_not_know_the_node_are_told_apart() {
    let cluster = Cluster::without_epmd();
    fails(&examine(&cluster, &["a@127.0.0.1"]), 3, "epmd", &["epmd -daemon"]);
    let cluster = Cluster::new();
    let _held = cluster.epmd.pretend("somebody", 1);
    fails(&examine(&cluster, &["some@127.0.0.1"]), 3, "epmd", &["somebody", "spelling"]);
}

#[test]
fn a_port_on_which_nobody_listens_fails_at_tcp_with_the_settings_for_it() {
    let cluster = Cluster::new();
    let port = Port::claim();
    let _held = cluster.epmd.pretend(&cluster.alive("gone"), port.number());
    let output = examine(&cluster, &[&cluster.name("gone")]);
    fails(&output, 3, "tcp", &[&port.number().to_string(), "inet_dist_listen_min"]);
}

#[test]
fn what_is_no_node_fails_at_the_status() {
    let cluster = Cluster::new();
    let fake = cluster.fake_peer("fake", Behaviour::Status("gone_fishing"));
    fails(&examine(&cluster, &[fake.name()]), 3, "status", &["gone_fishing"]);
}

#[test]
fn one_that_says_nothing_is_a_timeout() {
    let cluster = Cluster::new();
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = silent.local_addr().expect("a bound listener").to_string();
    let args = ["doctor", "-", "--address", &address, "--timeout", "1", "-o", "json"];
    fails(&cluster.cli(&args).run(), 4, "status", &[]);
}

#[test]
fn a_node_of_another_name_fails_at_the_status_with_both_names() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    let port = cluster.epmd.port_of(&cluster.alive("a")).expect("a port").to_string();
    let output = examine(&cluster, &["b@127.0.0.1", "--dist-port", &port]);
    let report = output.expect_code(3).json();
    let said = step(&report, "status").1;
    assert!(said.contains(a.name()) && said.contains("b@127.0.0.1"), "{said}");
}

#[test]
fn another_cookie_fails_at_the_link() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").cookie("THEIRS").start();
    fails(&examine(&cluster, &[a.name()]), 3, "link", &["cookie"]);
}

#[test]
fn a_node_that_does_not_allow_us_fails_at_the_status() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").cookie(LONG).start();
    a.expect(":net_kernel.allow([:\"only@127.0.0.1\"])", ":ok");
    let output = examine(&cluster, &[a.name()]);
    let report = output.expect_code(3).json();
    assert!(output.stdout.contains("not_allowed"), "{report}");
}

#[test]
fn a_ticktime_that_differs_is_a_warning_with_both() {
    let cluster = Cluster::new();
    let a = cluster.erl("a").cookie(LONG).flags("-kernel net_ticktime 16").start();
    let report = examine(&cluster, &[a.name()]).expect_code(0).json();
    let (verdict, said) = step(&report, "tick");
    assert_eq!(verdict, "warn", "{said}");
    assert!(said.contains("16 s there") && said.contains("60 s here"), "{said}");
}

#[test]
fn a_configuration_that_cannot_be_read_is_a_warning_with_its_line() {
    let cluster = Cluster::new();
    std::fs::write(cluster.home().join("flitch.toml"), "[node]\nnmae = 1\n").expect("a file");
    let output = examine(&cluster, &["a@127.0.0.1"]);
    let (verdict, said) = step(&output.json(), "configuration");
    assert_eq!(verdict, "warn", "{output}");
    assert!(said.contains("flitch.toml") && said.contains("nmae"), "{said}");
}
