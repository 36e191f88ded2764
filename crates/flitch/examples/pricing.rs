//! Functions that other nodes call as if they were a module of theirs, with nothing but `:erpc`:
//!
//! ```elixir
//! worker = :"pricing@127.0.0.1"
//! :erpc.call(worker, Pricing, :quote, ["a-1", 3])        # 3750
//! :erpc.call(worker, Pricing, :quote, ["z-9", 1])        # raises: {:unknown_sku, "z-9"}
//! :erpc.multicall([worker | others], Pricing, :parse, ["12,50"])
//! Task.async(fn -> :erpc.call(worker, Pricing, :forecast, ["a-1"]) end)
//! ```
//!
//! Nothing else can be called: what is not offered is `undef`, and a line in the log.
//!
//! `RELEASE_NODE=pricing@127.0.0.1 RELEASE_COOKIE=… cargo run --example pricing`

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use flitch::{Config, Raise, term};

/// Cents, by article.
type Prices = HashMap<&'static str, u64>;

fn quote(prices: &Prices, sku: &str, count: u64) -> Result<u64, Raise> {
    let price = prices.get(sku).ok_or_else(|| Raise::error(term!({:unknown_sku, sku})))?;
    // An error of Rust's becomes a RuntimeError with its text.
    Ok(price.checked_mul(count).ok_or(TooMany)?)
}

/// An error of the program's own.
#[derive(Debug, thiserror::Error)]
#[error("nobody buys so many")]
struct TooMany;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().init();
    let config = Config::load(None)?;
    let node = config.builder()?.start().await?;
    let prices: Arc<Prices> = Arc::new(HashMap::from([("a-1", 1250), ("b-2", 400)]));

    let known = Arc::clone(&prices);
    node.functions().offer("Elixir.Pricing", "quote", 2, move |(sku, count): (String, u64)| {
        let prices = Arc::clone(&known);
        async move { quote(&prices, &sku, count) }
    })?;
    node.functions().offer("Elixir.Pricing", "parse", 1, |(text,): (String,)| async move {
        let euros: f64 = text.replace(',', ".").parse()?;
        Ok((euros * 100.0).round() as i64)
    })?;
    // Long work: two at once, each for ten seconds at the longest. A caller that gives up, or dies,
    // ends it.
    let slow = node.functions().at_most(2).within(Duration::from_secs(10));
    slow.offer("Elixir.Pricing", "forecast", 1, move |(sku,): (String,)| {
        let prices = Arc::clone(&prices);
        async move {
            tokio::time::sleep(Duration::from_millis(200)).await; // a model, say
            quote(&prices, &sku, 12)
        }
    })?;

    config.join(&node)?;
    tokio::signal::ctrl_c().await?;
    node.shutdown().await;
    Ok(())
}
