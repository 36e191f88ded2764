//! A `flitch node` and the commands that ask it: no BEAM and no EPMD anywhere.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod support;

use std::io::Read;
use std::process::{Command, Stdio};

use support::{Node, Ran, command};

/// Runs a command against the node.
#[track_caller]
fn ask(node: &Node, args: &[&str]) -> Ran {
    Ran::of(command(args).args(["--dist-port", &node.port]).output().unwrap())
}

#[test]
fn a_node_without_epmd_is_reached_by_its_port() {
    let node = Node::start("one@127.0.0.1");
    let ping = ask(&node, &["ping", "one@127.0.0.1"]);
    assert_eq!(ping.status, Some(0), "{ping:?}");
    assert!(ping.stdout.starts_with("pong from one@127.0.0.1 in "), "{ping:?}");
    // What a release exports for all its nodes.
    let mut by_env = command(&["ping", "one@127.0.0.1", "--output", "json"]);
    let ping = Ran::of(by_env.env("ERL_DIST_PORT", &node.port).output().unwrap());
    assert_eq!(ping.json()["reply"], "pong");
}

#[test]
fn terms_come_back_as_they_went_in_either_language() {
    let node = Node::start("two@127.0.0.1");
    for (term, shown) in [
        ("-7", "-7"),
        ("%{\"b\" => [nil, 1.5], a: {:x, \"y\"}}", "%{:a => {:x, \"y\"}, \"b\" => [nil, 1.5]}"),
        ("[1 | 2]", "[1 | 2]"),
        ("Shop.Item", "Shop.Item"),
        ("<<1, 2, 3>>", "<<1, 2, 3>>"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
    ] {
        let request = format!("{{:echo, {term}}}");
        let echo = ask(&node, &["call", "two@127.0.0.1", "flitch", &request]);
        assert_eq!((echo.status, echo.stdout.trim_end()), (Some(0), shown), "{echo:?}");
    }
    let echo = ["call", "--erlang", "two@127.0.0.1", "flitch", "{echo, [a, <<\"b\">>]}"];
    assert_eq!(ask(&node, &echo).stdout, "[a,<<\"b\">>]\n");
}

#[test]
fn info_counts_and_names_what_is_connected() {
    let node = Node::start("three@127.0.0.1");
    let info = ask(&node, &["call", "three@127.0.0.1", "flitch", ":info", "--output", "json"]);
    let reply = &info.json()["reply"];
    assert_eq!(reply["version"], env!("CARGO_PKG_VERSION"), "{info:?}");
    let us = reply["nodes"][0].as_str().unwrap();
    assert!(us.len() == 16 + "@127.0.0.1".len() && us.ends_with("@127.0.0.1"), "{us}");
    assert!(reply["messages_in"].as_u64().unwrap() >= 1, "{info:?}");
}

#[test]
fn what_the_node_refuses_is_a_no_and_not_a_lost_connection() {
    let node = Node::start("four@127.0.0.1");
    let call = ask(&node, &["call", "four@127.0.0.1", "nobody", ":ping"]);
    assert_eq!(call.status, Some(1));
    assert!(call.stderr.contains("noproc") && call.stderr.contains("nobody"), "{call:?}");
    let rpc = ask(&node, &["rpc", "four@127.0.0.1", "os", "cmd", "[105, 100]"]);
    assert_eq!(rpc.status, Some(1));
    assert!(rpc.stderr.starts_with("flitch: call: :os.cmd/1 failed on four@127.0.0.1"), "{rpc:?}");
    assert!(rpc.stderr.contains("UndefinedFunctionError"), "{rpc:?}");
    let unknown = ask(&node, &["call", "four@127.0.0.1", "flitch", ":what"]);
    assert_eq!(unknown.stdout, "{:error, :unknown_request}\n");
}

#[test]
fn a_message_to_whatever_name_is_sent_and_the_server_lives_on() {
    let node = Node::start("five@127.0.0.1");
    for name in ["flitch", "nobody", "Shop.Desk"] {
        let sent = ask(&node, &["send", "five@127.0.0.1", name, "{:hello, [1 | 2]}"]);
        assert_eq!((sent.status, sent.stdout.as_str()), (Some(0), "ok\n"), "{sent:?}");
    }
    let sent = ask(&node, &["send", "five@127.0.0.1", "flitch", "1", "--output", "json"]);
    assert_eq!(sent.json(), serde_json::json!({ "node": "five@127.0.0.1", "sent": true }));
    let call = ask(&node, &["call", "five@127.0.0.1", "flitch", ":ping"]);
    assert_eq!(call.stdout, ":pong\n");
}

#[test]
fn another_cookie_is_told_at_the_handshake_and_neither_is_shown() {
    let node = Node::start("six@127.0.0.1");
    let mut ping = command(&["ping", "six@127.0.0.1", "--dist-port", &node.port]);
    let ran = Ran::of(ping.env("RELEASE_COOKIE", "NOTTHESAMEATALL").output().unwrap());
    assert_eq!(ran.status, Some(3));
    assert!(ran.stderr.starts_with("flitch: handshake: "), "{ran:?}");
    assert!(ran.stderr.contains("cookie") && !ran.stderr.contains("NOTTHESAME"), "{ran:?}");
    assert!(!ran.stderr.contains(support::COOKIE), "{ran:?}");
}

#[test]
fn a_name_that_is_not_the_one_at_that_port_is_told() {
    let node = Node::start("seven@127.0.0.1");
    let ping = ask(&node, &["ping", "other@127.0.0.1"]);
    assert_eq!(ping.status, Some(3));
    assert!(ping.stderr.starts_with("flitch: handshake: "), "{ping:?}");
}

#[test]
fn both_signals_end_a_node_with_status_zero() {
    for signal in ["-TERM", "-INT"] {
        let mut node = Node::start("eight@127.0.0.1");
        let pid = node.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
        let mut rest = String::new();
        node.log.read_to_string(&mut rest).unwrap();
        assert_eq!(node.child.wait().unwrap().code(), Some(0), "{rest}");
        assert!(rest.contains("node is down"), "{rest}");
    }
}

#[test]
fn nodes_on_one_port_of_two_addresses_find_each_other_without_epmd() {
    let mut one = Node::start("nine@127.0.0.1");
    let args = ["node", "--name", "ten@127.0.0.2", "--epmd", "none", "--bind", "127.0.0.2"];
    let mut two = command(&args);
    two.args(["--connect", "nine@127.0.0.1"]).env("ERL_DIST_PORT", &one.port);
    let mut two = two.stderr(Stdio::null()).spawn().unwrap();
    let up = one.await_line("\"peer\":\"ten@127.0.0.2\"");
    let _ = two.kill();
    let _ = two.wait();
    assert!(up, "the two have not met");
}
