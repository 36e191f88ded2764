//! A worker that keeps orders, called from Elixir as if it were a `GenServer`:
//!
//! ```elixir
//! orders = {:orders, :"worker@127.0.0.1"}
//! GenServer.cast(orders, {:add, [%Shop.Item{sku: "a-1", qty: 2, note: nil}]})
//! GenServer.call(orders, {:contents})
//! ```
//!
//! `RELEASE_NODE=worker@127.0.0.1 RELEASE_COOKIE=… cargo run --example orders`; whom it joins, a
//! `flitch.toml` says, or `FLITCH_NODE__CONNECT="['app@127.0.0.1']"`. Its test, at the end, needs no
//! Erlang: `cargo test --example orders`.

use flitch::{Caller, Config, GenServer};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Clone)]
#[serde(rename = "Elixir.Shop.Item")] // %Shop.Item{sku: "a-1", qty: 2, note: nil}
struct Item {
    sku: String,
    qty: u32,
    note: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Call {
    Contents(), // {:contents}; a bare `Contents` would be :contents
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Cast {
    Add(Vec<Item>), // {:add, [%Shop.Item{...}]}
}

#[derive(Default)]
struct Order(Vec<Item>);

impl GenServer for Order {
    type Call = Call;
    type Cast = Cast;
    type Reply = Vec<Item>;

    async fn handle_call(&mut self, _: Call, caller: Caller<Vec<Item>>) {
        caller.reply(self.0.clone());
    }

    async fn handle_cast(&mut self, Cast::Add(items): Cast) {
        self.0.extend(items);
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().init();
    let config = Config::load(None)?; // flitch.toml, and the environment over it
    let node = config.builder()?.start().await?;
    node.spawn(Order::default()).register("orders")?;
    config.join(&node)?; // find the others as libcluster does, and stay connected
    tokio::signal::ctrl_c().await?;
    node.shutdown().await; // stop discovery, leave EPMD, finish calls, close links
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use flitch::test::Network;
    use flitch::{Term, term};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn orders_are_kept_through_a_netsplit() -> anyhow::Result<()> {
        let network = Network::new();
        let worker = network.node("worker@a")?.start().await?;
        worker.spawn(Order::default()).register("orders")?;
        let app = network.beam("app@b")?.patience(Duration::from_secs(120)).start().await?;
        let orders = ("orders", worker.name());

        app.cast(orders, &term!({:add, [%Shop.Item{sku: "a-1", qty: 2, note: nil}]})).await?;
        let contents: Term = app.call(orders, &term!({:contents})).await?;
        assert_eq!(contents, term!([%Shop.Item{sku: "a-1", qty: 2, note: nil}]));

        let monitor = app.monitor(orders)?;
        network.cut(worker.name(), app.name());
        assert_eq!(app.down(&monitor).await?, term!(:noconnection));
        network.heal(worker.name(), app.name());
        assert_eq!(app.call::<_, _, Term>(orders, &term!({:contents})).await?, contents);
        Ok(())
    }
}
