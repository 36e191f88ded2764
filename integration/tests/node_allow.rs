//! `flitch node`: whom it lets in and whom it dials, by pattern, and with which cookie.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::PermissionsExt;

use integration::Cluster;

#[test]
fn a_node_that_is_not_allowed_is_refused_and_the_log_says_why() {
    let cluster = Cluster::new();
    let worker = cluster.flitch("worker").args(&["--allow", "app_*@127.0.*"]).start();
    let (app, db) = (cluster.elixir("app").start(), cluster.elixir("db").start());
    let ping = format!("Node.ping({})", worker.atom());
    app.expect(&ping, ":pong");
    db.expect(&ping, ":pang");
    let line = worker.await_line("not among the nodes that are allowed");
    assert!(line.contains(db.name()), "{line}");
    app.expect(&format!("GenServer.call({}, :info).nodes", worker.server()), &{
        format!("[{}]", app.atom())
    });
}

#[test]
fn a_beam_without_a_name_is_let_in_by_its_host() {
    let cluster = Cluster::new();
    let by_host = cluster.flitch("by_host").args(&["--allow", "127.0.0.1"]).start();
    let by_name = cluster.flitch("by_name").args(&["--allow", "app_*@*"]).start();
    let a = cluster.elixir("a").unnamed().start();
    a.expect(&format!("Node.connect({})", by_name.atom()), "false");
    a.expect(&format!("Node.connect({})", by_host.atom()), "true");
}

#[test]
fn a_peer_to_connect_to_that_is_not_allowed_is_a_usage_error() {
    let cluster = Cluster::without_epmd();
    let node = ["node", "--name", "worker@127.0.0.1", "--connect", "db@127.0.0.1"];
    let output = cluster.cli(&[node.as_slice(), &["--allow", "app-*@*"]].concat()).run();
    output.expect_code(2).expect_words(&["db@127.0.0.1", "--allow"]);
    let output = cluster.cli(&[node.as_slice(), &["--allow", "a@b@c"]].concat()).run();
    output.expect_code(2).expect_words(&["a@b@c", "more than one @"]);
}

#[test]
fn a_beam_that_allows_others_only_refuses_us_and_we_say_what_it_is() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    a.expect(":net_kernel.allow([:\"other@10.0.0.1\"])", ":ok");
    let output = cluster.cli(&["ping", a.name()]).run();
    output.expect_code(3).expect_words(&["not_allowed", "list of allowed nodes"]);
    a.expect(":net_kernel.allow([:\"127.0.0.1\"])", ":ok");
    cluster.cli(&["ping", a.name()]).run().expect_code(0);
}

#[test]
fn a_peer_with_a_cookie_of_its_own_is_met_with_it_in_both_directions() {
    let cluster = Cluster::new();
    let file = cluster.home().join("others");
    fs::write(&file, "BAKEDFOROTHERS\n").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o400)).unwrap();
    let for_others = format!("other_*@*={}", file.display());
    let args = ["--peer-cookie-file", &for_others];
    let other = cluster.elixir("other").cookie("BAKEDFOROTHERS").start();
    let same = cluster.elixir("same").start();

    let dialled = cluster.flitch("dialled").args(&args).start();
    for beam in [&other, &same] {
        beam.expect(&format!("Node.ping({})", dialled.atom()), ":pong");
    }
    let dials = ["--connect", other.name(), "--connect", same.name()];
    let dialling = cluster.flitch("dialling").args(&args).args(&dials).start();
    for beam in [&other, &same] {
        dialling.await_event("peer is up", |fields| fields["peer"] == beam.name());
    }
    // The cookie of the cluster is not good for the others, nor theirs for the cluster.
    let liar = cluster.elixir("other_liar").start();
    liar.expect(&format!("Node.ping({})", dialled.atom()), ":pang");
    let stranger = cluster.elixir("stranger").cookie("BAKEDFOROTHERS").start();
    stranger.expect(&format!("Node.ping({})", dialled.atom()), ":pang");
    for worker in [&dialled, &dialling] {
        assert!(!worker.command_line().contains("BAKED") && !worker.log().contains("BAKED"));
    }
}

#[test]
fn a_peer_cookie_file_that_others_can_read_is_refused() {
    let cluster = Cluster::without_epmd();
    let file = cluster.home().join("others");
    fs::write(&file, "SEENBYOTHERS").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).unwrap();
    let for_others = format!("other@*={}", file.display());
    let args = ["node", "--name", "worker@127.0.0.1", "--peer-cookie-file", &for_others];
    let output = cluster.cli(&args).run();
    output.expect_code(2).expect_words(&["chmod 400"]);
    assert!(!output.to_string().contains("SEENBYOTHERS"), "{output}");
}
