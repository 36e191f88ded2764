//! Many peers on one node. They are nodes of ours in this process, so that each of them is small;
//! a link is the same to whomever it leads.

use std::time::{Duration, Instant};

use flitch::epmd::message::WireName;
use flitch::{Cookie, Epmd, Node, NodeName, PeerPort, Term, term};
use integration::Cluster;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::Effort;
use crate::measure::{Group, OURS, Row, Target, Unit};
use crate::peers::Peer;
use crate::proc;

const PATIENCE: Duration = Duration::from_secs(60);

/// How long processor time is counted while nothing happens.
const WHILE: Duration = Duration::from_secs(5);

/// Messages of all peers together.
const FLOOD: usize = 100_000;

pub(crate) fn measure(effort: Effort) -> Group {
    let sizes: &[usize] = if effort.work > 1 { &[1, 10, 100, 1000] } else { &[1, 100] };
    let mut rows = Vec::new();
    for &size in sizes {
        eprintln!("Many peers: {size}");
        let peers = if size == 1 { "peer" } else { "peers" };
        let of = |what: &str| format!("{size} {peers}: {what}");
        let wanted = (size == 1000).then_some(Target::Absolute(32e3));
        let mut these = [
            Row::new(of("all at once, until all are up"), Unit::Nanoseconds),
            Row::new(of("memory each"), Unit::Bytes).target(wanted),
            Row::new(of("of one processor while idle"), Unit::Percent),
            Row::new(of("casts from all of them"), Unit::PerSecond),
        ];
        for title in [OURS, "BEAM"] {
            let seen = one(title, size);
            for (at, row) in these.iter_mut().enumerate() {
                row.add(title, seen.as_ref().map(|seen| seen[at]).map_err(Clone::clone));
            }
        }
        // What a node takes by itself moves by more than a few links take.
        rows.extend(these.into_iter().filter(|row| size >= 100 || row.unit != Unit::Bytes));
    }
    let how = format!(
        "Each node is started anew and dialled by all peers at the same time; memory is what it has \
         allocated more than before, idle is {WHILE:?} of its processor time, and the casts are \
         {FLOOD} in all, until the last has been taken."
    );
    Group { title: "Many peers", how, rows }
}

fn one(title: &'static str, size: usize) -> Result<[f64; 4], String> {
    let failed = |error: std::io::Error| error.to_string();
    let cluster = Cluster::new();
    let peer = Peer::start(&cluster, title)?;
    let runtime = Runtime::new().map_err(failed)?;
    runtime.block_on(all(&cluster, &peer, size)).map_err(|error| format!("{error:#}"))
}

async fn all(cluster: &Cluster, peer: &Peer, size: usize) -> anyhow::Result<[f64; 4]> {
    let name: NodeName = cluster.name(peer.title).parse()?;
    let epmd = ([127, 0, 0, 1], cluster.epmd.port()).into();
    let alive = name.alive().parse::<WireName>()?;
    let port = flitch::epmd::client::lookup(epmd, alive, PATIENCE).await?.port;
    let before = proc::memory(peer.pid());
    let mut nodes = Vec::with_capacity(size);
    for number in 0..size {
        let own = format!("many{number}@127.0.0.1").parse()?;
        let node = Node::builder(own).cookie(Cookie::new(cluster.cookie())?).epmd(Epmd::None);
        nodes.push(node.listen(false).peer_port(PeerPort::Fixed(port)).start().await?);
    }
    let since = Instant::now();
    let mut dials = JoinSet::new();
    for node in &nodes {
        let (node, name) = (node.clone(), name.clone());
        dials.spawn(async move { node.connect(&name).await });
    }
    while let Some(dialled) = dials.join_next().await {
        dialled??;
    }
    let up = since.elapsed();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let memory = proc::memory(peer.pid()).allocated - before.allocated;
    let spent = proc::processor(peer.pid());
    tokio::time::sleep(WHILE).await;
    let spent = proc::processor(peer.pid()) - spent;
    let flood = flood(&nodes, &name).await?;
    Ok([up.as_nanos() as f64, memory / size as f64, 100.0 * spent / WHILE.as_secs_f64(), flood])
}

async fn flood(nodes: &[Node], name: &NodeName) -> anyhow::Result<f64> {
    let each = FLOOD / nodes.len();
    let since = Instant::now();
    let mut floods = JoinSet::new();
    for node in nodes {
        let (node, name) = (node.clone(), name.clone());
        floods.spawn(async move {
            let message = term!({:add, :some_atom, 1});
            for _ in 0..each {
                node.cast(("bench", &name), &message).await?;
            }
            let done = term!({:echo, :done});
            node.call::<_, _, Term>(("bench", &name), &done, PATIENCE).await?;
            anyhow::Ok(())
        });
    }
    while let Some(flooded) = floods.join_next().await {
        flooded??;
    }
    Ok((each * nodes.len()) as f64 / since.elapsed().as_secs_f64())
}
