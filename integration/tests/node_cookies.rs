//! `flitch node`: where the cookie comes from, and that it goes nowhere.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use integration::{Beam, Cluster, Node, Signal};

/// Writes a cookie file as Erlang's `auth` writes it, with this mode.
fn cookie_file(cluster: &Cluster, name: &str, cookie: &str, mode: u32) -> PathBuf {
    let path = cluster.home().join(name);
    fs::write(&path, cookie).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path
}

/// Demands that `worker` is reached with this cookie.
#[track_caller]
fn opens(a: &Beam, worker: &Node, cookie: &str) {
    let (atom, set) = (worker.atom(), format!("Node.set_cookie({}, :{cookie})", worker.atom()));
    a.expect(&format!("{set}; Node.ping({atom})"), ":pong");
}

#[test]
fn the_file_beats_release_cookie_beats_node_cookie_beats_the_home_directory() {
    let cluster = Cluster::new();
    cookie_file(&cluster, ".erlang.cookie", "FROMHOME", 0o400);
    let file = cookie_file(&cluster, "secret", "FROMFILE\n", 0o400);
    let file = file.to_str().unwrap();
    let a = cluster.elixir("a").start();

    let node = |base, from| {
        let builder = cluster.flitch(base).no_cookie();
        let builder = if from <= 3 { builder.env("NODE_COOKIE", "FROMNODE") } else { builder };
        let builder =
            if from <= 2 { builder.env("RELEASE_COOKIE", "FROMRELEASE") } else { builder };
        if from <= 1 { builder.args(&["--cookie-file", file]).start() } else { builder.start() }
    };
    opens(&a, &node("one", 1), "FROMFILE");
    opens(&a, &node("two", 2), "FROMRELEASE");
    opens(&a, &node("three", 3), "FROMNODE");
    opens(&a, &node("four", 4), "FROMHOME");
}

#[test]
fn a_missing_home_cookie_is_created_for_its_owner_alone_and_erlang_takes_it() {
    let cluster = Cluster::new();
    let worker = cluster.flitch("worker").no_cookie().start();
    let path = cluster.home().join(".erlang.cookie");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o400);
    let cookie = fs::read_to_string(&path).unwrap();
    assert!(cookie.trim_end().len() >= 20, "a cookie that can be guessed");
    let a = cluster.elixir("a").cookie_from_home().start();
    a.expect(&format!("Node.ping({})", worker.atom()), ":pong");
    assert_eq!(fs::read_to_string(&path).unwrap(), cookie, "nobody writes it again");
}

#[test]
fn a_home_cookie_that_erlang_made_is_taken() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").cookie_from_home().start();
    let worker = cluster.flitch("worker").no_cookie().start();
    a.expect(&format!("Node.ping({})", worker.atom()), ":pong");
}

#[test]
fn a_home_cookie_that_others_can_read_is_refused_with_what_to_do() {
    for mode in [0o440, 0o404, 0o644, 0o600 | 0o020] {
        let cluster = Cluster::new();
        cookie_file(&cluster, ".erlang.cookie", "SEENBYOTHERS", mode);
        for args in [["node", "--name", "worker@127.0.0.1"].as_slice(), &["ping", "a@127.0.0.1"]] {
            let output = cluster.cli(args).no_cookie().run();
            assert!(!output.status.success(), "mode {mode:o} is taken: {output}");
            output.expect_words(&[".erlang.cookie", "400"]);
            assert!(!output.to_string().contains("SEENBYOTHERS"), "{output}");
        }
    }
}

#[test]
fn a_cookie_file_that_is_not_there_is_named() {
    let cluster = Cluster::new();
    let args = ["node", "--name", "worker@127.0.0.1", "--cookie-file", "no/such/file"];
    let output = cluster.cli(&args).run();
    assert!(!output.status.success(), "{output}");
    output.expect_words(&["no/such/file"]);
}

#[test]
fn there_is_no_option_that_takes_a_cookie_and_a_mistaken_one_is_not_repeated() {
    let cluster = Cluster::without_epmd();
    for args in [
        ["node", "--name", "worker@127.0.0.1", "--cookie", "TYPEDBYMISTAKE"].as_slice(),
        &["node", "--name", "worker@127.0.0.1", "--cookie=TYPEDBYMISTAKE"],
        &["ping", "--cookie", "TYPEDBYMISTAKE", "a@127.0.0.1"],
    ] {
        let output = cluster.cli(args).run();
        output.expect_code(2);
        let said = format!("{}{}", output.stdout, output.stderr);
        assert!(!said.contains("TYPEDBYMISTAKE"), "{output}");
    }
    for command in ["node", "ping", "rpc", "call", "send"] {
        let help = cluster.cli(&[command, "--help"]).run();
        help.expect_code(0);
        let others = help.stdout.replace("--cookie-file", "");
        assert!(!others.contains("--cookie"), "{help}");
    }
}

#[test]
fn no_cookie_is_ever_printed_even_when_everything_is_traced() {
    let cluster = Cluster::new();
    let cookie = cluster.cookie();
    let json = cluster.flitch("json").env("RUST_LOG", "trace").start();
    let text = cluster.flitch("text").env("RUST_LOG", "trace").text_log().start();
    let a = cluster.elixir("a").start();
    let stranger = cluster.elixir("stranger").cookie("WRONGONE").start();
    for worker in [&json, &text] {
        a.expect(&format!("GenServer.call({}, :ping)", worker.server()), ":pong");
        stranger.expect(&format!("Node.ping({})", worker.atom()), ":pang");
    }
    let ping = ["ping", a.name()];
    let mut printed = String::new();
    for cli in [cluster.cli(&ping), cluster.cli(&ping).env("RELEASE_COOKIE", "WRONGTOO")] {
        printed += &cli.env("RUST_LOG", "trace").run().to_string();
    }
    for mut worker in [json, text] {
        worker.signal(Signal::TERM);
        worker.expect_orderly_end();
        printed += &(worker.log() + &worker.stdout());
    }
    for secret in [cookie, "WRONGONE", "WRONGTOO"] {
        assert!(!printed.contains(secret), "the cookie is in:\n{printed}");
        let bytes: Vec<_> = secret.bytes().map(|byte| byte.to_string()).collect();
        assert!(!printed.contains(&bytes.join(", ")), "its bytes are in:\n{printed}");
    }
}
