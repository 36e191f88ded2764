//! A worker that keeps orders, called from Elixir as if it were a `GenServer`:
//!
//! ```elixir
//! orders = {:orders, :"worker@127.0.0.1"}
//! GenServer.cast(orders, {:add, [%Shop.Item{sku: "a-1", qty: 2, note: nil}]})
//! GenServer.call(orders, {:contents})
//! ```
//!
//! `RELEASE_NODE=worker@127.0.0.1 RELEASE_COOKIE=… cargo run --example orders`; whom it joins, a
//! `flitch.toml` says, or `FLITCH_NODE__CONNECT="['app@127.0.0.1']"`.

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
