//! One reconciler that sees many peers. The links are played: what is measured is the node's own
//! work to know who is wanted, who is there, and whom to dial next.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use flitch::{Cookie, DialError, Epmd, Links, Node, NodeName, Topology};
use tokio::runtime::Runtime;

use super::Effort;
use crate::measure::{Group, OURS, Row, Unit};
use crate::proc;

const PATIENCE: Duration = Duration::from_secs(120);

/// How long processor time is counted once all are connected.
const WHILE: Duration = Duration::from_secs(5);

/// Peers that are there as soon as they are dialled.
#[derive(Clone, Default)]
struct Played(Arc<Mutex<BTreeSet<NodeName>>>);

impl Played {
    fn up(&self) -> std::sync::MutexGuard<'_, BTreeSet<NodeName>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Links for Played {
    async fn connect(&self, peer: &NodeName) -> Result<(), DialError> {
        self.up().insert(peer.clone());
        Ok(())
    }

    async fn disconnect(&self, peer: &NodeName) {
        self.up().remove(peer);
    }

    fn list_nodes(&self) -> Vec<NodeName> {
        self.up().iter().cloned().collect()
    }
}

pub(crate) fn measure(effort: Effort) -> Group {
    let sizes: &[usize] = if effort.work > 1 { &[10, 100, 1000, 10_000] } else { &[10, 1000] };
    let mut rows = Vec::new();
    for &size in sizes {
        eprintln!("Discovery: {size}");
        let of = |what: &str| format!("{size} peers: {what}");
        let mut these = [
            Row::new(of("until all are connected"), Unit::Nanoseconds),
            Row::new(of("memory each"), Unit::Bytes),
            Row::new(of("of one processor afterwards"), Unit::Percent),
        ];
        let seen = Runtime::new().map_err(|error| error.to_string());
        let seen = seen.and_then(|runtime| {
            runtime.block_on(settle(size)).map_err(|error| format!("{error:#}"))
        });
        for (at, row) in these.iter_mut().enumerate() {
            row.add(OURS, seen.as_ref().map(|seen| seen[at]).map_err(Clone::clone));
        }
        // What the process takes by itself moves by more than a few peers take.
        rows.extend(these.into_iter().filter(|row| size >= 1000 || row.unit != Unit::Bytes));
    }
    let how =
        "A list of names is joined on a node whose links are played: a dial succeeds at once. \
               Memory and processor time are this process's own."
            .to_owned();
    Group { title: "Discovery", how, rows }
}

async fn settle(size: usize) -> anyhow::Result<[f64; 3]> {
    let us = std::process::id();
    let names: Result<Vec<NodeName>, _> = (0..size)
        .map(|at| format!("app@10.{}.{}.{}", at >> 16, at >> 8 & 255, at & 255).parse())
        .collect();
    let names = names?;
    let before = proc::memory(us);
    let node = Node::builder("reconciler@127.0.0.1".parse()?).cookie(Cookie::new("a cookie")?);
    let node = node.epmd(Epmd::None).listen(false).start().await?;
    let since = Instant::now();
    let cluster = node.join(Topology::from(names).links(Played::default()));
    cluster.wait_for(size, PATIENCE).await?;
    let settled = since.elapsed();
    let memory = proc::memory(us).allocated - before.allocated;
    let spent = proc::processor(us);
    tokio::time::sleep(WHILE).await;
    let spent = proc::processor(us) - spent;
    node.shutdown().await;
    Ok([settled.as_nanos() as f64, memory / size as f64, 100.0 * spent / WHILE.as_secs_f64()])
}
