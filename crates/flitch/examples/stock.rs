//! A worker that Elixir calls, and that calls Elixir back: what `make demo` shows.
//!
//! ```elixir
//! stock = {:stock, :"worker@127.0.0.1"}
//! GenServer.cast(stock, {:add, "a-1", 3})
//! GenServer.call(stock, {:count, "a-1"})      # 3
//! GenServer.call(stock, {:your_release})      # asked of the caller's own node, over rpc
//! ```
//!
//! `RELEASE_NODE=worker@127.0.0.1 RELEASE_COOKIE=… cargo run --example stock`

#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use std::collections::HashMap;
use std::time::Duration;

use flitch::{Caller, Cookie, GenServer, Node, NodeName, Term};
use serde::Deserialize;
use tokio::signal::unix::{SignalKind, signal};

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Call {
    Count(String),
    YourRelease(),
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Cast {
    Add(String, u64),
}

struct Stock {
    node: Node,
    counts: HashMap<String, u64>,
}

impl GenServer for Stock {
    type Call = Call;
    type Cast = Cast;
    type Reply = Term;

    async fn handle_call(&mut self, call: Call, caller: Caller<Term>) {
        match call {
            Call::Count(sku) => {
                println!("asked how many {sku} there are");
                caller.reply(self.counts.get(&sku).copied().unwrap_or_default().into());
            }
            // The answer comes later, from a task of its own: the server goes on meanwhile.
            Call::YourRelease() => {
                tokio::spawn(ask_back(self.node.clone(), caller));
            }
        }
    }

    async fn handle_cast(&mut self, Cast::Add(sku, count): Cast) {
        println!("took {count} more of {sku}");
        *self.counts.entry(sku).or_default() += count;
    }
}

async fn ask_back(node: Node, caller: Caller<Term>) {
    let Some(peer) = caller.pid().and_then(|pid| pid.node.as_str().parse::<NodeName>().ok()) else {
        return;
    };
    let second = Duration::from_secs(1);
    let argument = [Term::atom("otp_release")];
    match node.rpc::<Term>(&peer, "erlang", "system_info", &argument, second).await {
        Ok(release) => {
            println!("ran :erlang.system_info(:otp_release) on {peer}: {release:?}");
            caller.reply(release);
        }
        Err(error) => {
            println!("could not run a function on {peer}: {error}");
            caller.exit(Term::atom("no_release"));
        }
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let node = Node::builder(std::env::var("RELEASE_NODE")?.parse()?)
        .cookie(Cookie::from_env("RELEASE_COOKIE")?)
        .start()
        .await?;
    node.spawn(Stock { node: node.clone(), counts: HashMap::new() }).register("stock")?;
    println!("{} is up on port {}", node.name(), node.port());
    signal(SignalKind::terminate())?.recv().await;
    node.shutdown().await;
    println!("shut down in order");
    Ok(())
}
