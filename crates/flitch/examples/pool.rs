//! A pool of workers that Elixir spreads its load over with `:pg`, on as many nodes as run this:
//!
//! ```elixir
//! worker = Enum.random(:pg.get_members(:pool))
//! GenServer.call(worker, {:primes_below, 1_000_000})      # 78498
//! ```
//!
//! `RELEASE_NODE=pool@127.0.0.1 RELEASE_COOKIE=… cargo run --example pool -- app@127.0.0.1`: it
//! connects to the nodes that are named. The BEAMs run `:pg`'s default scope: `:pg.start_link()`,
//! or `start_pg: true` for `:kernel`.

#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use flitch::{Caller, Cookie, GenServer, Node, Term};
use serde::Deserialize;
use tokio::signal::unix::{SignalKind, signal};

/// How many workers a node has: each works on one call at a time.
const WORKERS: usize = 4;

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Call {
    PrimesBelow(usize),
}

struct Worker;

impl GenServer for Worker {
    type Call = Call;
    type Cast = Term;
    type Reply = usize;

    async fn handle_call(&mut self, Call::PrimesBelow(limit): Call, caller: Caller<usize>) {
        // Off the threads that carry the messages.
        match tokio::task::spawn_blocking(move || primes_below(limit.min(100_000_000))).await {
            Ok(count) => caller.reply(count),
            Err(_) => caller.exit(Term::atom("miscalculated")),
        }
    }

    async fn handle_cast(&mut self, _: Term) {}
}

/// How many primes there are below a number: the sieve of Eratosthenes.
fn primes_below(limit: usize) -> usize {
    let mut composite = vec![false; limit];
    let mut count = 0;
    for number in 2..limit {
        if !composite.get(number).copied().unwrap_or_default() {
            count += 1;
            let multiples = composite.iter_mut().skip(number.saturating_mul(number));
            multiples.step_by(number).for_each(|multiple| *multiple = true);
        }
    }
    count
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let node = Node::builder(std::env::var("RELEASE_NODE")?.parse()?)
        .cookie(Cookie::from_env("RELEASE_COOKIE")?)
        .start()
        .await?;
    let workers: Vec<_> = (0..WORKERS).map(|_| node.spawn(Worker).pid().clone()).collect();
    node.pg()?.join_many(Term::atom("pool"), &workers).await?;
    for peer in std::env::args().skip(1) {
        node.connect(&peer.parse()?).await?;
    }
    println!("{} has {WORKERS} workers in the pool", node.name());
    signal(SignalKind::terminate())?.recv().await;
    node.shutdown().await;
    Ok(())
}
