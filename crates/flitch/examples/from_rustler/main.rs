//! A full-text index that was a Rustler NIF, as a server in a node of its own. What changed, and
//! why, stands in `README.md` beside this file; `search.ex` is the Elixir side.
//!
//! `RELEASE_NODE=search@127.0.0.1 RELEASE_COOKIE=… cargo run --example from_rustler`

mod index;

use std::sync::Arc;

use flitch::{Caller, Config, GenServer};
use serde::{Deserialize, Serialize};

use crate::index::{Hit, Index};

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Call {
    Search(String),  // {:search, "winter coat"}
    Similar(String), // {:similar, "cot"}
    Size(),          // {:size}
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Cast {
    Add(u64, String), // {:add, 7, "a winter coat"}
}

#[derive(Serialize)]
#[serde(untagged)]
enum Reply {
    Size(usize),    // 2
    Hits(Vec<Hit>), // [%Shop.Hit{id: 7, score: 2}]
}

/// The `ResourceArc<Mutex<Index>>` of the NIF is the state of a process now: one message at a time
/// changes it, so that it needs no lock. What only reads it can have it as it is at this moment.
#[derive(Default)]
struct Search(Arc<Index>);

impl GenServer for Search {
    type Call = Call;
    type Cast = Cast;
    type Reply = Reply;

    async fn handle_call(&mut self, call: Call, caller: Caller<Reply>) {
        match call {
            Call::Size() => caller.reply(Reply::Size(self.0.len())),
            Call::Search(query) => caller.reply(Reply::Hits(self.0.search(&query))),
            // `schedule = "DirtyCpu"`, here: off the threads that carry the links, while the server
            // takes the next call. If it panics, this caller gets an exit, and nobody else does.
            Call::Similar(word) => {
                let index = Arc::clone(&self.0);
                let work = move || caller.reply(Reply::Hits(index.similar(&word)));
                tokio::task::spawn_blocking(work);
            }
        }
    }

    async fn handle_cast(&mut self, Cast::Add(id, text): Cast) {
        // Searches that are under way keep the index that they began with.
        Arc::make_mut(&mut self.0).add(id, &text);
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().init();
    let config = Config::load(None)?;
    let node = config.builder()?.start().await?;
    node.spawn(Search::default()).register("search")?;
    config.join(&node)?;
    tokio::signal::ctrl_c().await?;
    node.shutdown().await;
    Ok(())
}
