//! `flitch node` by what stands in a flitch.toml and in the environment.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use support::{Node, Ran, command, run};

fn written(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("flitch.toml");
    std::fs::write(&path, text).unwrap();
    path
}

/// What `flitch node` says with this configuration, which keeps it from starting.
fn refused(text: &str) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), text);
    Ran::of(command(&["node", "--config"]).arg(path).output().unwrap())
}

/// A worker, until the test ends.
struct Worker {
    child: Child,
    log: BufReader<ChildStderr>,
}

impl Worker {
    fn start(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        Self { log: BufReader::new(child.stderr.take().unwrap()), child }
    }

    #[track_caller]
    fn await_line(&mut self, text: &str) {
        let mut all = String::new();
        while self.log.read_line(&mut all).unwrap() > 0 {
            if all.lines().last().unwrap_or_default().contains(text) {
                return;
            }
        }
        panic!("no {text:?} in {all}");
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn get(address: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.trim_end().to_owned())
}

/// What `/readyz` says with this status, which it has soon.
#[track_caller]
fn readiness(address: &str, status: u16) -> String {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        match get(address, "/readyz") {
            (found, why) if found == status => return why,
            (_, why) => assert!(Instant::now() < end, "{why}"),
        }
    }
}

#[test]
fn a_worker_by_its_file_is_ready_while_its_peer_is_up_and_ends_well() {
    let mut peer = Node::start("peer@127.0.0.1");
    let free = std::net::TcpListener::bind("127.0.0.2:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "[node]\nname = 'worker@127.0.0.1'\nepmd = 'none'\nbind = ['127.0.0.3']\n\
         dist_port = {port}\n[http]\nlisten = '{address}'\n[cluster]\nready = 1\n\
         [topologies.seeds]\nstrategy = 'Epmd'\nconfig = {{ hosts = ['peer@127.0.0.1'] }}\n",
        port = peer.port
    );
    let mut worker = command(&["node", "--log-format", "json"]);
    worker.env("FLITCH_CONFIG", written(folder.path(), &text)).env("FLITCH_NODE__DRAIN", "0");
    let mut worker = Worker::start(worker);
    worker.await_line("peer is up");
    assert!(peer.await_line("worker@127.0.0.1"));
    assert_eq!(get(&address, "/livez").0, 200);
    assert!(readiness(&address, 200).starts_with("ready"));
    drop(peer);
    worker.await_line("peer is down");
    let why = readiness(&address, 503);
    assert!(why.starts_with("not ready: 0 of 1") && why.contains("peer@127.0.0.1"), "{why}");
    let pid = worker.child.id().to_string();
    assert!(Command::new("kill").args(["-s", "TERM", &pid]).status().unwrap().success());
    worker.await_line("node is down");
    assert_eq!(worker.child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_mistake_keeps_the_node_from_starting_and_is_told_with_its_line_or_variable() {
    for (text, said) in [
        ("[node]\nname = 'a@h.x'\ndist-port = 1\n", "flitch.toml:3: node.dist-port: there is no"),
        (
            "[node]\nname = 'a@h.x'\n\n[topologies.beam]\nstrategy = 'Epmd'\nconfig.host = []\n",
            "flitch.toml:6: topologies.beam.config.host: Epmd has no option host: did you mean hos",
        ),
        ("[node]\nname = 'a@h.x'\nepmd = 'none'\n", "give the one port that all nodes of the"),
        ("[node]\ncookie = 'CANARY'\n", "flitch.toml:2: node.cookie: a cookie does not belong"),
    ] {
        let ran = refused(text);
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""), "{ran:?}");
        assert!(ran.stderr.contains(said) && !ran.stderr.contains("CANARY"), "{}", ran.stderr);
    }
    let mut slip = command(&["node", "--name", "a@127.0.0.1"]);
    let ran = Ran::of(slip.env("FLITCH_CLUSTER_READY", "1").output().unwrap());
    assert_eq!(ran.status, Some(2));
    let said = "FLITCH_CLUSTER_READY: stands for no key: write FLITCH_CLUSTER__READY";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
    let ran = run(&["node", "--config", "/nowhere/flitch.toml"]);
    assert_eq!(ran.status, Some(2));
    assert!(ran.stderr.contains("/nowhere/flitch.toml: cannot be read"), "{}", ran.stderr);
}

#[test]
fn a_port_for_probes_that_is_taken_keeps_the_node_from_starting() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ran = run(&["node", "--name", "a@127.0.0.1", "--http", &address]);
    assert_eq!(ran.status, Some(3));
    assert!(ran.stderr.contains(&format!("cannot listen on {address}")), "{}", ran.stderr);
}
