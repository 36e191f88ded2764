//! `flitch node`: which names it takes, and what it says about those that it refuses.

use integration::Cluster;

/// Runs `flitch node` with a name that it must refuse, and demands these words of it.
#[track_caller]
fn refused(args: &[&str], words: &[&str]) {
    let cluster = Cluster::without_epmd();
    let output = cluster.cli(&[&["node"], args].concat()).run();
    output.expect_code(2).expect_words(words);
    assert_eq!(output.stdout, "", "nothing but the refusal: {output}");
}

#[test]
fn a_name_without_a_host_is_refused_with_what_to_write() {
    refused(&["--name", "worker"], &["worker@HOST"]);
    refused(&["--name", "worker@"], &["worker@HOST"]);
    refused(&["--sname", "worker"], &["worker@HOST"]);
}

#[test]
fn a_name_with_two_at_signs_is_refused_with_what_to_write() {
    refused(&["--name", "a@b@127.0.0.1"], &["more than one @", "NAME@HOST"]);
}

#[test]
fn a_name_that_is_too_long_is_refused_with_the_limit() {
    let name = format!("{}@127.0.0.1", "x".repeat(255));
    refused(&["--name", &name], &["255", "shorter"]);
}

#[test]
fn a_short_host_under_name_points_to_sname_and_the_other_way_round() {
    refused(&["--name", "worker@db"], &["\"db\"", "--sname"]);
    refused(&["--sname", "worker@db.example.org"], &["\"db.example.org\"", "--name"]);
}

#[test]
fn no_name_at_all_is_refused_with_the_places_to_give_one() {
    refused(&[], &["--name", "--sname", "RELEASE_NODE"]);
}

#[test]
fn two_names_at_once_are_refused() {
    refused(&["--name", "a@127.0.0.1", "--sname", "a@localhost"], &["--sname"]);
}

#[test]
fn a_bad_name_in_release_node_is_refused_like_one_on_the_command_line() {
    let cluster = Cluster::without_epmd();
    let output = cluster.cli(&["node"]).env("RELEASE_NODE", "worker").run();
    output.expect_code(2).expect_words(&["worker@HOST"]);
}

#[test]
fn a_release_gives_the_name_in_its_environment() {
    let cluster = Cluster::new();
    let worker = cluster.flitch("worker").name_from_env().start();
    let a = cluster.elixir("a").start();
    a.expect(&format!("Node.ping({})", worker.atom()), ":pong");
}

#[test]
fn a_name_on_the_command_line_beats_release_node() {
    let cluster = Cluster::new();
    let worker = cluster.flitch("worker").env("RELEASE_NODE", "other@127.0.0.1").start();
    assert_eq!(worker.await_event("node is up", |_| true)["node"], worker.name());
    let a = cluster.elixir("a").start();
    a.expect(&format!("Node.ping({})", worker.atom()), ":pong");
}

#[test]
fn a_short_name_meets_elixir_under_sname() {
    let cluster = Cluster::new();
    let worker = cluster.flitch("worker").short().start();
    let a = cluster.elixir("a").short().start();
    a.expect(&format!("Node.ping({})", worker.atom()), ":pong");
}
