//! What `flitch node` takes of memory while nothing happens, and what each idle link adds.
//!
//!     make bench-idle        (cargo bench -p integration --bench idle -- [LINKS])
//!
//! The numbers are the kernel's (`/proc/PID/status`): RssFile is the program itself, shared by all
//! that run it; RssAnon is what it has allocated. The peers are nodes of ours in this process, so
//! that each of them is small; a link is the same to whomever it leads. What a socket takes of the
//! kernel's own memory is not in it.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a bench")]

use std::time::Duration;

use flitch::{Cookie, Epmd, Node, PeerPort};
use integration::{Cluster, eventually};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

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

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let links = std::env::args().find_map(|it| it.parse().ok()).unwrap_or(1000usize);
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
    let cluster = Cluster::new();
    let worker = cluster.flitch("worker").start();
    let name = worker.name().parse().unwrap();
    let settled = |before: [f64; 3]| {
        std::thread::sleep(Duration::from_millis(500));
        let now = resident(worker.pid());
        ((now[0] - before[0]).abs() < 16.0, now)
    };
    let idle =
        eventually("it is idle", || Some(settled(resident(worker.pid()))).filter(|it| it.0)).1;
    show("an idle node", idle);
    let mut peers = Vec::with_capacity(links);
    for number in 0..links {
        let peer = Node::builder(format!("idle{number}@127.0.0.1").parse().unwrap());
        let peer = peer.cookie(Cookie::new(cluster.cookie()).unwrap()).epmd(Epmd::None);
        let peer = peer.listen(false).peer_port(PeerPort::Fixed(worker.port()));
        let peer = peer.start().await.unwrap();
        peer.connect(&name).await.unwrap();
        peers.push(peer);
    }
    let full =
        eventually("it is idle", || Some(settled(resident(worker.pid()))).filter(|it| it.0)).1;
    show(&format!("with {links} idle links"), full);
    let each = (full[1] - idle[1]) * 1024.0 / links as f64;
    println!("{:>28}  {each:.0} bytes allocated", "each link");
}
