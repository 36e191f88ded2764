//! Keeps an eye on a cluster: says who comes and goes, and asks each that comes how much memory it
//! uses. Nothing is installed on the nodes that it asks.
//!
//! Which nodes those are, a topology says, with libcluster's words, here all nodes of this host:
//!
//! ```sh
//! export FLITCH_TOPOLOGIES__HERE__STRATEGY=LocalEpmd
//! RELEASE_NODE=census@127.0.0.1 RELEASE_COOKIE=… cargo run --example census
//! ```

#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use std::time::Duration;

use anyhow::ensure;
use flitch::{ClusterEvent, Config, Node, NodeName, RpcError, Term};
use tokio::sync::broadcast::error::RecvError;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let config = Config::load(None)?;
    ensure!(!config.topologies()?.is_empty(), "say who is to be counted: a topology is missing");
    let node = config.builder()?.start().await?;
    let mut events = node.cluster().events(); // before anybody can come
    config.join(&node)?;
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Ok(ClusterEvent::Up { node: peer }) => count(&node, &peer).await,
                Ok(ClusterEvent::Down { node: peer, reason: Some(reason) }) => {
                    println!("{peer} is gone: {reason}");
                }
                Ok(_) => {}
                // So many came and went at once that some of it was missed: what is true now?
                Err(RecvError::Lagged(_)) => println!("{} are there", node.cluster().members()),
                Err(RecvError::Closed) => break,
            },
            _ = tokio::signal::ctrl_c() => break,
        }
    }
    node.shutdown().await;
    Ok(())
}

/// `:erpc.call(peer, :erlang, :memory, [:total], 5_000)`
async fn count(node: &Node, peer: &NodeName) {
    let (total, patience) = ([Term::atom("total")], Duration::from_secs(5));
    let bytes: Result<u64, RpcError> = node.rpc(peer, "erlang", "memory", &total, patience).await;
    match bytes {
        Ok(bytes) => println!("{peer} is here, with {} MB", bytes / 1_000_000),
        Err(error) => println!("{peer} is here, and does not say how large it is: {error}"),
    }
}
