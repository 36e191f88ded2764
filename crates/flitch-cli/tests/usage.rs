//! The command line: what it explains, what it refuses, and how it says so.

mod support;

use support::{command, run};

const COMMANDS: [&str; 11] = [
    "node", "ping", "names", "rpc", "call", "send", "context", "doctor", "discover", "topology",
    "epmd",
];

#[test]
fn every_command_explains_itself_with_examples() {
    for command in COMMANDS {
        let help = run(&[command, "--help"]);
        assert_eq!((help.status, help.stderr.as_str()), (Some(0), ""), "{command}");
        assert!(help.stdout.contains("Examples:"), "{}", help.stdout);
        let example = format!("flitch {command} ");
        assert!(help.stdout.contains(&example) || command == "names", "{}", help.stdout);
    }
}

#[test]
fn the_first_page_names_every_command_the_cookies_places_and_the_exit_statuses() {
    let help = run(&["--help"]).stdout;
    for word in COMMANDS.iter().chain(&["RELEASE_COOKIE", "~/.erlang.cookie", "4 timeout"]) {
        assert!(help.contains(word), "{word} is missing:\n{help}");
    }
}

#[test]
fn the_options_that_the_environment_stands_in_for_say_so() {
    let help = run(&["node", "--help"]).stdout;
    for word in ["ERL_DIST_PORT", "RELEASE_NODE", "RUST_LOG", "auto", "external", "embedded"] {
        assert!(help.contains(word), "{word} is missing:\n{help}");
    }
}

#[test]
fn the_examples_of_the_help_can_be_read_by_the_command_itself() {
    for command in ["ping", "rpc", "call", "send"] {
        let help = run(&[command, "--help"]).stdout;
        let (_, examples) = help.split_once("Examples:").unwrap();
        for line in examples.lines().filter(|line| line.contains("@127.0.0.1")) {
            // A shell takes the quotes away, as it does for a person.
            let line = line.trim().replacen("flitch", env!("CARGO_BIN_EXE_flitch"), 1);
            let mut shell = std::process::Command::new("/bin/sh");
            shell.args(["-c", &line]).env_clear().env("RELEASE_COOKIE", support::COOKIE);
            let ran = support::Ran::of(shell.env("ERL_EPMD_PORT", "1").output().unwrap());
            // Everything is understood, and nobody is there.
            assert!(matches!(ran.status, Some(3 | 4)), "{line}: {ran:?}");
        }
    }
}

#[test]
fn a_typed_cookie_is_refused_and_not_repeated_anywhere() {
    for args in [
        ["ping", "--cookie", "TYPED", "a@127.0.0.1"].as_slice(),
        &["ping", "a@127.0.0.1", "--cookie=TYPED"],
        &["rpc", "a@127.0.0.1", "erlang", "node", "--cookie", "TYPED"],
        &["node", "--name", "a@127.0.0.1", "-setcookie", "TYPED"],
        &["--cookie", "TYPED"],
        &["ping", "--output", "json", "--cookie", "TYPED"],
    ] {
        let ran = run(args);
        assert_eq!(ran.status, Some(2), "{args:?}");
        let said = ran.stdout + &ran.stderr;
        assert!(!said.contains("TYPED") && said.contains("--cookie-file"), "{said}");
    }
}

#[test]
fn a_wrong_line_is_one_json_document_for_who_asked_for_json() {
    for args in [
        ["ping", "--output", "json"].as_slice(),
        &["ping", "a@127.0.0.1", "--output=json", "--no-such-option"],
        &["rpc", "a@127.0.0.1", "M", "f", "%{", "--output", "json"],
        &["call", "a@127.0.0.1", "odd-name", ":x", "--output", "json"],
    ] {
        let ran = run(args);
        assert_eq!((ran.status, ran.stderr.as_str()), (Some(2), ""), "{args:?}");
        let error = &ran.json()["error"];
        assert_eq!(error["stage"], "usage", "{args:?}");
        assert!(!error["message"].as_str().unwrap().is_empty());
    }
}

#[test]
fn a_term_that_is_none_is_shown_with_a_mark_under_the_place() {
    let ran = run(&["rpc", "a@127.0.0.1", "M", "f", "1", "{:a, b}"]);
    assert_eq!(ran.status, Some(2));
    let lines: Vec<_> = ran.stderr.lines().collect();
    assert!(lines[0].starts_with("flitch: usage: argument 2 is no Elixir term"), "{lines:?}");
    assert_eq!(lines[1], "    {:a, b}");
    assert_eq!(lines[2], "         ^");
    let erlang = run(&["call", "--erlang", "a@127.0.0.1", "desk", "{a, B}"]);
    assert!(erlang.stderr.contains("is no Erlang term"), "{}", erlang.stderr);
}

#[test]
fn a_bad_line_is_refused_before_anything_is_read_or_dialled() {
    // Without a cookie and a home directory there is more to complain about, later.
    let mut bare = command(&["rpc", "a@127.0.0.1", "M", "f", "%{"]);
    let ran = support::Ran::of(bare.env_remove("RELEASE_COOKIE").output().unwrap());
    assert!(ran.stderr.starts_with("flitch: usage: "), "{}", ran.stderr);
    let mut bare = command(&["ping", "a@127.0.0.1"]);
    let ran = support::Ran::of(bare.env_remove("RELEASE_COOKIE").output().unwrap());
    assert_eq!(ran.status, Some(2));
    assert!(ran.stderr.starts_with("flitch: cookie: HOME is not set"), "{}", ran.stderr);
}

#[test]
fn a_log_filter_that_makes_no_sense_is_refused() {
    for args in [["node", "--name", "a@127.0.0.1"].as_slice(), &["ping", "a@127.0.0.1"]] {
        let ran = support::Ran::of(command(args).env("RUST_LOG", "a=b").output().unwrap());
        assert_eq!(ran.status, Some(2), "{args:?}");
        assert!(ran.stderr.contains("RUST_LOG"), "{}", ran.stderr);
    }
}

#[test]
fn a_node_whose_peers_could_never_find_it_does_not_start() {
    let ran = run(&["node", "--name", "a@127.0.0.1", "--epmd", "none", "--dist-port", "9100-9105"]);
    assert_eq!(ran.status, Some(2));
    for word in ["--dist-port", "ERL_DIST_PORT"] {
        assert!(ran.stderr.contains(word), "{}", ran.stderr);
    }
}

#[test]
fn nobody_there_is_told_with_the_stage_and_the_address() {
    let ran = run(&["ping", "a@127.0.0.1"]);
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(3), ""));
    assert!(ran.stderr.starts_with("flitch: EPMD: "), "{}", ran.stderr);
    assert!(ran.stderr.contains("127.0.0.1:1"), "{}", ran.stderr);
    let ran = run(&["ping", "a@127.0.0.1", "--dist-port", "1", "--output", "json"]);
    assert_eq!(ran.status, Some(3));
    assert_eq!(ran.json()["error"]["stage"], "tcp", "without EPMD the port itself is the first");
}
