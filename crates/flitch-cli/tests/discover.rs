//! `flitch discover`: what strategies see, without a node.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod support;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use support::{Ran, command, run};

const HOSTS: &str = "hosts=[\"app@10.0.0.5\", \"app@10.0.0.6\"]";

#[test]
fn what_a_strategy_sees_is_a_table() {
    let ran = run(&["discover", "--strategy", "Epmd", "--set", HOSTS, "--name", "me@10.0.0.1"]);
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
    let rows: Vec<Vec<&str>> =
        ran.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["TOPOLOGY", "STRATEGY", "NODE", "STATE"]);
    assert_eq!(rows[1][2..], ["app@10.0.0.5", "wanted"]);
    assert_eq!(rows[2][2..], ["app@10.0.0.6", "wanted"]);
}

#[test]
fn a_node_does_not_see_itself_and_who_looks_is_told() {
    let looking = ["discover", "--strategy", "Epmd", "--set", HOSTS];
    let as_one = Ran::of(command(&looking).env("RELEASE_NODE", "app@10.0.0.5").output().unwrap());
    assert!(!as_one.stdout.contains("app@10.0.0.5") && as_one.stderr.is_empty(), "{as_one:?}");
    let pod = [("RELEASE_NODE", "app"), ("POD_IP", "10.0.0.6")];
    let as_other = Ran::of(command(&looking).envs(pod).output().unwrap());
    assert!(!as_other.stdout.contains("app@10.0.0.6"), "{as_other:?}");
    let as_nobody = run(&looking);
    assert_eq!(as_nobody.status, Some(0));
    assert!(as_nobody.stderr.contains("--name"), "{as_nobody:?}");
}

#[test]
fn a_node_that_is_named_by_its_configuration_does_not_see_itself_either() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("flitch.toml");
    let whole = "[node]\nname = \"app@10.0.0.5\"\n[topologies.one]\nstrategy = \"Epmd\"\n\
                 config = { hosts = [\"app@10.0.0.5\", \"app@10.0.0.6\"] }\n";
    std::fs::write(&file, whole).unwrap();
    let looking = ["discover", "--config", file.to_str().unwrap()];
    let ran = run(&looking);
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
    assert!(!ran.stdout.contains("app@10.0.0.5"), "{ran:?}");
    let other = ("FLITCH_NODE__NAME", "app@10.0.0.6");
    let ran = Ran::of(command(&looking).envs([other]).output().unwrap());
    assert!(!ran.stdout.contains("app@10.0.0.6"), "{ran:?}");
}

#[test]
fn mistakes_name_what_there_is() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("flitch.toml");
    let one = "[topologies.one]\nstrategy = \"Epmd\"\nconfig = { hosts = [\"a@10.0.0.1\"] }\n";
    std::fs::write(&file, one).unwrap();
    let file = file.to_str().unwrap();
    for (args, said) in [
        (["discover", "two", "--config", file].as_slice(), "there are one"),
        (&["discover", "--strategy", "Epmd", "--set", "hosts=[1]"], "hosts"),
        (&["discover", "--strategy", "Epmd", "--set", "hosts"], "KEY=VALUE"),
        (&["discover", "--set", "a=b"], "--strategy"),
        (&["discover", "one", "--strategy", "Epmd"], "cannot be used with"),
        (&["discover", "--strategy", "Epmd", "--name", "@"], "name"),
    ] {
        let ran = run(args);
        assert_eq!(ran.status, Some(2), "{ran:?}");
        assert!(ran.stderr.contains(said), "{ran:?}");
    }
}

#[test]
fn a_typed_secret_is_refused_and_not_repeated() {
    for set in ["secret=HUSHHUSH", "secret=\"HUSHHUSH\""] {
        let ran = run(&["discover", "--strategy", "Gossip", "--set", set]);
        assert_eq!(ran.status, Some(2));
        let said = ran.stdout + &ran.stderr;
        assert!(said.contains("secret_file=FILE") && !said.contains("HUSHHUSH"), "{said}");
    }
}

#[test]
fn who_watches_gets_a_line_a_change_and_a_signal_ends_it_well() {
    for signal in ["-TERM", "-INT"] {
        let mut watching = Watching::start(&["--strategy", "Epmd", "--set", HOSTS]);
        let mut nodes = Vec::new();
        loop {
            let line: serde_json::Value = serde_json::from_str(&watching.line()).unwrap();
            match line["node"].as_str() {
                Some(node) => nodes.push(node.to_owned()),
                None => break assert_eq!(line["complete"], 2, "{line}"),
            }
        }
        assert_eq!(nodes, ["app@10.0.0.5", "app@10.0.0.6"]);
        let pid = watching.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
        assert_eq!(watching.child.wait().unwrap().code(), Some(0));
    }
}

/// A `flitch discover --watch`, until the test ends.
struct Watching {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Watching {
    fn start(args: &[&str]) -> Self {
        let mut watch = command(&["discover", "--watch", "--output", "json"]);
        let mut child = watch.args(args).stdout(Stdio::piped()).spawn().unwrap();
        Self { lines: BufReader::new(child.stdout.take().unwrap()), child }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
