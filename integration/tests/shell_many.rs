//! `flitch eval` and `flitch rpc` on many nodes: at once, labelled, and no failure is hidden.

use integration::Cluster;
use serde_json::{Value, json};

#[test]
fn each_node_answers_under_its_name() {
    let cluster = Cluster::new();
    let (a, b) = (cluster.elixir("a").start(), cluster.elixir("b").start());
    let both = format!("{},{},{}", a.name(), b.name(), a.name());
    let output = cluster.cli(&["eval", &both, "IO.puts(:hi); node()"]).run();
    output.expect_code(0);
    for node in [&a, &b] {
        let heading = format!("==> {} <==\n", node.name());
        assert!(output.stdout.contains(&heading), "{output}");
        assert_eq!(output.stdout.matches(&format!("{}\n", node.atom())).count(), 1, "{output}");
    }
    assert_eq!(output.stdout.matches("hi\n").count(), 2, "{output}");
}

#[test]
fn all_are_those_that_the_node_is_connected_to_and_not_the_hidden_ones() {
    let cluster = Cluster::new();
    let (a, b) = (cluster.elixir("a").start(), cluster.erl("b").start());
    let hidden = cluster.elixir("c").flags("-hidden").start();
    for node in [b.name(), hidden.name()] {
        a.expect(&format!("Node.connect(:\"{node}\")"), "true");
    }
    let output = cluster.cli(&["rpc", "--all", "-o", "json", a.name(), "erlang", "node"]).run();
    let mut answers: Vec<Value> =
        output.expect_code(0).stdout.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    answers.sort_by_key(|it| it["node"].as_str().map(str::to_owned));
    let expected = |node: &str| json!({ "node": node, "result": node });
    assert_eq!(answers, [expected(a.name()), expected(b.name())]);
}

#[test]
fn one_that_fails_is_told_beside_the_answers_of_the_others() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    let nobody = cluster.name("nobody");
    let both = format!("{},{nobody}", a.name());
    let output = cluster.cli(&["rpc", &both, "erlang", "node"]).run();
    output.expect_code(3);
    assert!(output.stdout.ends_with(&format!("{}\n", a.atom())), "{output}");
    let summary = format!("flitch: 1 of 2 nodes failed: {nobody}\n");
    assert!(output.stderr.ends_with(&summary), "{output}");
    let output = cluster.cli(&["rpc", "-o", "json", &both, "erlang", "node"]).run();
    let answers: Vec<Value> =
        output.expect_code(3).stdout.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    let failed = answers.iter().find(|it| it["node"] == nobody.as_str()).unwrap();
    assert_eq!((failed["error"]["stage"].as_str(), answers.len()), (Some("epmd"), 2));
    let output = cluster.cli(&["eval", &both, "raise \"oops\""]).run();
    output.expect_code(3);
    assert!(output.stderr.contains(&format!("{}: ", a.name())), "{output}");
    assert!(output.stderr.contains("** (RuntimeError) oops"), "{output}");
}

#[test]
fn a_topology_stands_for_the_nodes_that_it_finds() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    let file = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
    let hosts = format!("config = {{ hosts = [\"{}\"] }}", a.name());
    std::fs::write(file.path(), format!("[topologies.lab]\nstrategy = \"Epmd\"\n{hosts}\n"))
        .unwrap();
    let path = file.path().to_str().unwrap();
    let rpc = |node| cluster.cli(&["rpc", node, "erlang", "node"]).env("FLITCH_CONFIG", path).run();
    rpc("topology:lab").expect_text(&format!("==> {} <==\n{}", a.name(), a.atom()));
    rpc("topology:web").expect_failure(2, "usage", &["web", "lab"]);
}
