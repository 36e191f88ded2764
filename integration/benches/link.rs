//! A flitch node beside a BEAM, both asked by the same BEAM in turns: the ratio of their times.
//!
//!     make bench-link        (cargo bench -p integration --bench link -- [ROUNDS])
//!
//! Machines are noisy: each round asks both, the ratio is taken within a round, and of all rounds
//! the median is told, with the least and the most.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a bench")]

use std::time::Duration;

use integration::{Beam, Cluster};

const WHAT: [&str; 6] =
    ["connect and handshake", "small call", "64 callers", "100 structs", "8 MB", "flood of casts"];

fn main() {
    let rounds = std::env::args().find_map(|it| it.parse().ok()).unwrap_or(7usize);
    let cluster = Cluster::new();
    let worker = cluster.flitch("worker").start();
    let [peer, driver] = ["peer", "driver"].map(|it| cluster.elixir(it).flags("-hidden").start());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/link.exs");
    for beam in [&peer, &driver] {
        beam.expect(&format!("Code.require_file({script:?}); :ready"), ":ready");
    }
    peer.expect("{:ok, _} = GenServer.start(Echo, nil, name: :flitch); :ready", ":ready");
    println!("time beside a BEAM as the peer (1 = the same; less is faster), {rounds} rounds\n");
    for what in WHAT {
        let mut seen = Vec::new();
        for _ in 0..rounds {
            let [ours, theirs] =
                [worker.atom(), peer.atom()].map(|node| measure(&driver, what, &node));
            seen.push((ours / theirs, ours, theirs));
        }
        seen.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (median, ours, theirs) = seen[rounds / 2];
        let (least, most) = (seen[0].0, seen[rounds - 1].0);
        println!(
            "{what:>22}  {median:.2} ({least:.2}-{most:.2})   {ours:.1} µs beside {theirs:.1} µs"
        );
    }
}

fn measure(driver: &Beam, what: &str, node: &str) -> f64 {
    let source = format!("Measure.run({what:?}, {node})");
    let seen = driver.eval_timeout(&source, Duration::from_secs(120));
    seen.ok().and_then(|time| time.parse().ok()).unwrap_or_else(|| panic!("{what} gave no time"))
}
