//! A part of an Elixir application's `Phoenix.PubSub`: hears of costs, and publishes prices.
//!
//! ```elixir
//! Phoenix.PubSub.subscribe(Shop.PubSub, "prices")
//! Phoenix.PubSub.broadcast(Shop.PubSub, "costs", {:changed, "a-1", 1000})
//! receive do {:changed, "a-1", price} -> price end       # 1250
//! ```
//!
//! `RELEASE_NODE=pricing@127.0.0.1 RELEASE_COOKIE=… cargo run --example pubsub -- app@127.0.0.1`:
//! it connects to the nodes that are named.

#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use flitch::{Cookie, Node};
use serde::{Deserialize, Serialize};
use tokio::signal::unix::{SignalKind, signal};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Event {
    Changed(String, u64), // {:changed, "a-1", 1000}
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let node = Node::builder(std::env::var("RELEASE_NODE")?.parse()?)
        .cookie(Cookie::from_env("RELEASE_COOKIE")?)
        .start()
        .await?;
    let pubsub = node.pubsub("Elixir.Shop.PubSub").await?;
    let mut costs = pubsub.subscribe("costs");
    for peer in std::env::args().skip(1) {
        node.connect(&peer.parse()?).await?;
    }
    println!("{} hears of costs", node.name());
    let mut stop = signal(SignalKind::terminate())?;
    loop {
        tokio::select! {
            _ = stop.recv() => break,
            published = costs.next() => match published.map(|it| it.to_value()) {
                Some(Ok(Event::Changed(sku, cost))) => {
                    let price = Event::Changed(sku, cost.saturating_add(cost / 4));
                    pubsub.broadcast("prices", &price).await?;
                }
                Some(Err(error)) => println!("not a cost: {error}"),
                None => break,
            },
        }
    }
    node.shutdown().await;
    Ok(())
}
