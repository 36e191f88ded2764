//! What a node takes while nothing happens.

use std::time::Duration;

use integration::{Cluster, eventually};

use super::Effort;
use crate::measure::{Group, Row, Target, Unit};
use crate::peers::{self, Peer};
use crate::proc;

/// How long wake-ups are counted.
const WHILE: Duration = Duration::from_secs(10);

pub(crate) fn measure(_: Effort) -> Group {
    let cluster = Cluster::new();
    let mut rows = [
        Row::new("resident memory", Unit::Bytes).target(Some(Target::Absolute(6e6))),
        Row::new("of that, allocated", Unit::Bytes),
        Row::new("wake-ups a second, no peer connected", Unit::Count)
            .target(Some(Target::Absolute(0.1))),
    ];
    let all: Vec<_> =
        peers::ALL.map(|title| (title, Peer::start(&cluster, title))).into_iter().collect();
    for (title, peer) in &all {
        let settled = |pid| {
            eventually("it is idle", || {
                let before = proc::memory(pid);
                std::thread::sleep(Duration::from_millis(500));
                let now = proc::memory(pid);
                (now.resident - before.resident).abs().le(&16e3).then_some(now)
            })
        };
        let memory = peer.as_ref().map(|peer| settled(peer.pid())).map_err(Clone::clone);
        rows[0].add(title, memory.clone().map(|memory| memory.resident));
        rows[1].add(title, memory.map(|memory| memory.allocated));
    }
    let pids = all
        .iter()
        .map(|(title, peer)| (*title, peer.as_ref().map(Peer::pid).map_err(Clone::clone)));
    let pids: Vec<_> = pids.collect();
    let before: Vec<_> = pids.iter().map(|(_, pid)| pid.clone().map(proc::wake_ups)).collect();
    std::thread::sleep(WHILE);
    for ((title, pid), before) in pids.into_iter().zip(before) {
        let now = pid.map(proc::wake_ups);
        let a_second = now.and_then(|now| Ok((now - before?) / WHILE.as_secs_f64()));
        rows[2].add(title, a_second);
    }
    let how = format!(
        "A worker of ours, an `erl -hidden`-like Elixir node, a C node and one on erl_dist, none of \
         them connected to anybody; wake-ups are voluntary context switches of all threads in {WHILE:?}."
    );
    Group { title: "Idle", how, rows: rows.into() }
}
