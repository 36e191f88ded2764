//! What a node takes of memory while nothing happens, and what each idle link adds.
//!
//!     make bench-idle        (cargo bench -p integration --bench idle -- [LINKS])
//!
//! A worker is the example `stock`, which has the library and nothing else in it; `flitch node` has
//! all strategies, TLS and an HTTP server. The numbers are the kernel's (`/proc/PID/status`):
//! RssFile is the program itself, shared by all that run it; RssAnon is what it has allocated. The
//! peers are nodes of ours in this process, so that each of them is small; a link is the same to
//! whomever it leads. What a socket takes of the kernel's own memory is not in it.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a bench")]

use std::process::Command;
use std::time::Duration;

use flitch::{Cookie, Epmd, Node, NodeName, PeerPort, Term};
use integration::child::Child;
use integration::{Cluster, eventually, flitch as programs};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Short, so that ticks come soon after the last call.
const TICKTIME: Duration = Duration::from_secs(4);

/// VmRSS, RssAnon and RssFile, in kB.
fn resident(pid: u32) -> [f64; 3] {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    ["VmRSS:", "RssAnon:", "RssFile:"].map(|field| {
        let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    })
}

fn show(what: &str, [all, anonymous, file]: [f64; 3]) {
    println!("{what:>28}  {all:>8.0} kB resident, {anonymous:>8.0} allocated, {file:>6.0} program");
}

/// What a program takes as soon as that changes no more.
fn idle(what: &str, pid: u32) -> [f64; 3] {
    let settled = || {
        let before = resident(pid);
        std::thread::sleep(Duration::from_millis(500));
        let now = resident(pid);
        ((now[0] - before[0]).abs() < 16.0).then_some(now)
    };
    let idle = eventually("it is idle", settled);
    show(what, idle);
    idle
}

fn worker(cluster: &Cluster) {
    let mut command = Command::new(programs::example("stock"));
    cluster.enter(&mut command).env("RELEASE_NODE", cluster.name("stock"));
    let worker = Child::start(command.env("RELEASE_COOKIE", cluster.cookie()), "a worker");
    let up = |lines: &[integration::log::Line]| lines.first().map(drop);
    worker.log().wait_for(Duration::from_secs(10), up).unwrap();
    idle("an idle worker", worker.pid());
}

#[tokio::main]
async fn main() {
    let links = std::env::args().find_map(|it| it.parse().ok()).unwrap_or(1000usize);
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
    let cluster = Cluster::new();
    worker(&cluster);
    let node = cluster.flitch("worker").args(&["--net-ticktime", "4"]).start();
    let name: NodeName = node.name().parse().unwrap();
    let alone = idle("an idle `flitch node`", node.pid());
    let mut peers = Vec::with_capacity(links);
    for number in 0..links {
        let peer = Node::builder(format!("idle{number}@127.0.0.1").parse().unwrap());
        let peer = peer.cookie(Cookie::new(cluster.cookie()).unwrap()).epmd(Epmd::None);
        let peer = peer.listen(false).peer_port(PeerPort::Fixed(node.port()));
        let peer = peer.net_ticktime(TICKTIME).start().await.unwrap();
        peer.connect(&name).await.unwrap();
        peers.push(peer);
    }
    let each = |all: [f64; 3]| {
        let each = (all[1] - alone[1]) * 1024.0 / links as f64;
        println!("{:>28}  {each:>8.0} bytes allocated", "each link");
    };
    each(idle(&format!("with {links} unused links"), node.pid()));
    for peer in &peers {
        let answer: Term =
            peer.call(("flitch", &name), &Term::atom("ping"), TICKTIME).await.unwrap();
        assert!(answer.is_atom("pong"));
    }
    tokio::time::sleep(TICKTIME).await;
    each(idle("a call over each, and a tick", node.pid()));
}
