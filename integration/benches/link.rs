//! A flitch node beside a BEAM and a C node on libei, all asked by the same BEAM in turns.
//!
//!     make bench        (cargo bench -p integration --bench link -- [ROUNDS])
//!
//! Machines are noisy: each round asks all, a ratio is taken within a round, and of all rounds the
//! median is told, with the least and the most. The last line is from one node to its like: what
//! of ours casts to ours, beside a BEAM that casts to a BEAM.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a bench")]

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use flitch::{Node, Term, term};
use integration::child::Child;
use integration::{Beam, Cluster};

const WHAT: [&str; 6] =
    ["connect and handshake", "small call", "64 callers", "100 structs", "8 MB", "flood of casts"];

/// Casts from a node of ours to another, a round.
const CASTS: u32 = 200_000;

#[tokio::main]
async fn main() {
    let rounds = std::env::args().find_map(|it| it.parse().ok()).unwrap_or(7usize);
    let cluster = Cluster::new();
    let worker = cluster.flitch("worker").start();
    let [peer, driver] = ["peer", "driver"].map(|it| cluster.elixir(it).flags("-hidden").start());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/link.exs");
    for beam in [&peer, &driver] {
        beam.expect(&format!("Code.require_file({script:?}); :ready"), ":ready");
    }
    peer.expect("{:ok, _} = GenServer.start(Echo, nil, name: :flitch); :ready", ":ready");
    let libei = libei(&cluster);
    println!(
        "time beside a BEAM and beside libei (1 = the same; less is faster), {rounds} rounds\n"
    );
    println!("{:>22}  {:^18}  {:^18}  {:^30}", "", "beside BEAM", "beside libei", "µs");
    for what in WHAT {
        let (mut beam, mut c, mut times) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..rounds {
            let ours = measure(&driver, what, &worker.atom());
            let theirs = measure(&driver, what, &peer.atom());
            beam.push(ours / theirs);
            let third = libei.as_ref().map(|(_, node)| measure(&driver, what, node));
            c.extend(third.map(|third| ours / third));
            times.push((ours, theirs, third));
        }
        times.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (ours, theirs, third) = times[rounds / 2];
        let third = third.map(|third| format!(" / {third:.1}")).unwrap_or_default();
        println!("{what:>22}  {}  {}  {ours:.1} / {theirs:.1}{third}", told(beam), told(c));
    }
    let ours = cluster.ours("caster").start().await.unwrap();
    let mut ratios = Vec::new();
    let mut times = (0.0, 0.0);
    for _ in 0..rounds {
        times.0 = casts(&ours, worker.name()).await;
        times.1 = measure(&driver, "flood of casts", &peer.atom());
        ratios.push(times.0 / times.1);
    }
    let (ours, theirs) = times;
    println!(
        "{:>22}  {}  {:18}  {ours:.2} / {theirs:.2}",
        "a cast, like to like",
        told(ratios),
        ""
    );
}

/// The C node, where there is a compiler and libei to build it with.
fn libei(cluster: &Cluster) -> Option<(Child, String)> {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/libei.c");
    let program = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("libei");
    let mut compile = Command::new("cc");
    compile.args(["-O2", "-o"]).arg(&program).args([source, "-lei", "-lpthread"]);
    if !compile.status().is_ok_and(|status| status.success()) {
        println!("libei is LEFT OUT: install a C compiler and erlang-dev\n");
        return None;
    }
    let mut command = Command::new(program);
    cluster.enter(&mut command).arg(cluster.alive("libei"));
    let child = Child::start(command.env("FLITCH_COOKIE", cluster.cookie()), "libei");
    let ready = |lines: &[integration::log::Line]| lines.first().map(drop);
    child.log().wait_for(Duration::from_secs(10), ready).unwrap();
    Some((child, format!(":{:?}", cluster.name("libei"))))
}

fn measure(driver: &Beam, what: &str, node: &str) -> f64 {
    let source = format!("Measure.run({what:?}, {node})");
    let seen = driver.eval_timeout(&source, Duration::from_secs(120));
    seen.ok().and_then(|time| time.parse().ok()).unwrap_or_else(|| panic!("{what} gave no time"))
}

/// Microseconds that a cast takes, until the last one has been handled.
async fn casts(node: &Node, worker: &str) -> f64 {
    let server = ("flitch", worker);
    let start = Instant::now();
    let cast = term!({:add, :some_atom, (node.name().as_str()), [:more]});
    for _ in 0..CASTS {
        node.cast(server, &cast).await.unwrap();
    }
    let minute = Duration::from_secs(60);
    node.call::<_, _, Term>(server, &Term::atom("ping"), minute).await.unwrap();
    start.elapsed().as_secs_f64() * 1e6 / f64::from(CASTS)
}

/// The median of ratios, with the least and the most.
fn told(mut ratios: Vec<f64>) -> String {
    ratios.sort_by(f64::total_cmp);
    match ratios.get(ratios.len() / 2) {
        Some(median) => {
            let (least, most) = (ratios[0], ratios[ratios.len() - 1]);
            format!("{median:.2} ({least:.2}-{most:.2})  ")
        }
        None => " ".repeat(18),
    }
}
