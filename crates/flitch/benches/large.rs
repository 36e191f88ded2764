//! How long small calls take while a large message is on its way, between two nodes of ours, each
//! on a runtime of two threads of its own.
//!
//!     cargo bench -p flitch --bench large -- [MEGABYTES]

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench talks to its reader")]

use std::time::{Duration, Instant};

use flitch::{Binary, Cookie, Epmd, Incoming, Node, NodeName, PeerPort, Term};
use tokio::runtime::{Builder, Runtime};

const PATIENCE: Duration = Duration::from_secs(60);

fn main() {
    let megabytes = std::env::args().find_map(|it| it.parse().ok()).unwrap_or(200usize);
    let big = Term::from(Binary::from(vec![7u8; megabytes * 1_000_000]));
    let (here, there) = (runtime(), runtime());
    let b = there.block_on(start("b", 1));
    let a = here.block_on(start("a", b.port()));
    here.block_on(async {
        a.connect(b.name()).await.unwrap();
        for _ in 0..2000 {
            ping(&a, b.name()).await;
        }
        let alone = tokio::time::sleep(Duration::from_secs(1));
        print("alone", &pings(&a, b.name(), alone).await);
        for _ in 0..5 {
            let sent = tokio::spawn(deliver(a.clone(), b.name().clone(), big.clone()));
            print("as a large one goes", &pings(&a, b.name(), sent).await);
            let sent = there.spawn(deliver(b.clone(), a.name().clone(), big.clone()));
            print("as a large one comes", &pings(&a, b.name(), sent).await);
        }
    });
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

async fn start(alive: &str, peer_port: u16) -> Node {
    let name: NodeName = format!("{alive}@127.0.0.1").parse().unwrap();
    let node = Node::builder(name).cookie(Cookie::new("a cookie of this bench").unwrap());
    let node = node.bind("127.0.0.1".parse().unwrap()).epmd(Epmd::None);
    let node = node.peer_port(PeerPort::Fixed(peer_port)).start().await.unwrap();
    // Answers each large message with a small one.
    let sink = node.spawn_process(|mut process| async move {
        while let Some(Incoming::Message(message)) = process.next().await {
            let mut reader = message.reader();
            if reader.tuple().is_ok()
                && let Ok(from) = reader.pid()
            {
                drop(message);
                let _ = process.node().send(&from, &Term::atom("arrived")).await;
            }
        }
    });
    sink.register("sink").unwrap();
    node
}

/// Sends a large message, and waits until it has arrived.
async fn deliver(from: Node, to: NodeName, big: Term) {
    let (told, arrived) = tokio::sync::oneshot::channel();
    let waiting = from.spawn_process(|mut process| async move {
        let _ = process.next().await;
        let _ = told.send(());
    });
    let message = Term::from((Term::from(waiting.pid().clone()), big));
    from.send(("sink", &to), &message).await.unwrap();
    drop(message);
    arrived.await.unwrap();
}

async fn ping(node: &Node, peer: &NodeName) -> Duration {
    let start = Instant::now();
    let us = flitch::Atom::new(node.name().as_str()).unwrap();
    let request = Term::from((Term::atom("is_auth"), us));
    let answer: Term = node.call(("net_kernel", peer), &request, PATIENCE).await.unwrap();
    assert!(answer.is_atom("yes"));
    start.elapsed()
}

async fn pings(node: &Node, peer: &NodeName, until: impl Future) -> Vec<Duration> {
    let mut until = std::pin::pin!(until);
    let mut took = Vec::new();
    loop {
        tokio::select! {
            biased;
            _ = until.as_mut() => break,
            time = ping(node, peer) => took.push(time),
        }
    }
    took.sort();
    took
}

fn print(what: &str, took: &[Duration]) {
    let at = |share: f64| {
        let at = ((took.len() - 1) as f64 * share) as usize;
        took.get(at).copied().unwrap_or_default().as_micros()
    };
    println!(
        "{what:>22}: {:6} calls, median {:5} µs, 99 % {:6} µs, longest {:7} µs",
        took.len(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
}
