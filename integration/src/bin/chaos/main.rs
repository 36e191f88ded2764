//! What `make chaos` runs: a node of ours under load beside BEAMs that are killed, frozen and cut
//! off, for minutes; and before that one that is visible, in a cluster that a netsplit parts.
//!
//! ```text
//! chaos [--seconds N] [--seed N] [--verbose]
//! ```
//!
//! All of it happens in a network of its own, so it needs root. At the end every call must have had
//! its answer or a true error, every monitor and link its end, and nothing may be left: no process,
//! no call, no monitor, no task, and no more memory than before.

// It talks to the person who started it.
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::expect_used, clippy::panic)]

mod field;
mod load;
mod parted;

use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use fastrand::Rng;
use field::{Blow, Host, TICKTIME};
use flitch::{Cookie, Epmd, Node, NodeBuilder};
use integration::Cluster;
use integration::lab::enter::enter_network;
use integration::lab::network::{GATEWAY, Network};
use load::{Echo, Load};
use tokio::runtime::Runtime;

const USAGE: &str = "chaos [--seconds N] [--seed N] [--verbose]";

/// What a server has that nobody watches.
const NO_BONDS: &str = "[{monitored_by,[]},{links,[]}]";

/// How much more memory may be in use at the end than after the first blows: what an allocator keeps.
const SLACK: usize = 32 << 20;

fn main() -> ExitCode {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(why) => {
            eprintln!("{why}\nusage: {USAGE}");
            return ExitCode::from(2);
        }
    };
    if let Err(why) = enter_network() {
        eprintln!("make chaos: {why}");
        return ExitCode::FAILURE;
    }
    let runtime = Runtime::new().expect("a runtime");
    let mistakes = run(&options, &runtime);
    for mistake in &mistakes {
        eprintln!("{mistake}");
    }
    match mistakes.is_empty() {
        true => {
            println!("Nothing was lost, and nothing is left.");
            ExitCode::SUCCESS
        }
        false => {
            eprintln!("failed, with --seed {}", options.seed);
            ExitCode::FAILURE
        }
    }
}

/// Runs all of it, and gives what must not be.
fn run(options: &Options, runtime: &Runtime) -> Vec<String> {
    let network = Network::start();
    parted::run(&network, runtime);
    let cluster = Cluster::without_epmd();
    let node = runtime.block_on(start(&cluster)).expect("a node of ours");
    let before = Left::of(&node, runtime);
    let worker = node.name().to_string();
    let mut hosts: Vec<Host> = ["a", "b", "c"]
        .map(|base| Host::start(&cluster, &network, base, Some(&worker)))
        .into_iter()
        .collect();
    let peers: Vec<String> = hosts.iter().map(Host::name).collect();
    println!("{worker} and {}; --seed {}", peers.join(", "), options.seed);

    let load = runtime.block_on(async { Load::start(&node, &peers) });
    let (mut random, began) = (Rng::with_seed(options.seed), Instant::now());
    let mut memory = None;
    let mut blows = 0;
    while began.elapsed() < options.time {
        std::thread::sleep(Duration::from_millis(random.u64(200..2000)));
        let blow = Blow::ALL[random.usize(..Blow::ALL.len())];
        let line = blow.deal(&mut hosts, &mut random, (&cluster, &network, &worker));
        blows += 1;
        if options.verbose {
            println!("{:6.1} s  {line}", began.elapsed().as_secs_f64());
        }
        if began.elapsed() > options.time / 4 {
            memory.get_or_insert_with(resident);
        }
    }
    let mut mistakes = Vec::new();
    let counts = runtime.block_on(load.stop());
    for host in &hosts {
        let said = host.stop();
        println!("{} says {said}", host.name());
        if !said.ends_with(",[]}") {
            mistakes.push(format!("{} says {said}", host.name()));
        }
        // Our calls and monitors are over, and the link is up still: its server has no bond with us.
        let bonds = host.bonds();
        if bonds != NO_BONDS {
            mistakes.push(format!("the server of {} has {bonds} still", host.name()));
        }
    }
    // While the links are up, nothing that was over may hang on them.
    for link in node.metrics().links {
        if link.bonds > 0 {
            mistakes.push(format!("{} bonds hang on the link with {}", link.bonds, link.peer));
        }
    }
    let answers = counts.answers.load(Ordering::Relaxed);
    let losses = counts.losses.load(Ordering::Relaxed);
    println!("{blows} blows; our own calls: {answers} answers, {losses} true losses");
    mistakes.extend(counts.untrue().iter().map(|(what, n)| format!("{n} times: {what}")));
    if answers == 0 || losses == 0 {
        mistakes.push("nothing happened: no answers, or no losses".into());
    }
    let (first, last) = (memory.unwrap_or_default(), resident());
    println!("resident: {} kB early, {} kB at the end", first >> 10, last >> 10);
    if last > first + SLACK {
        mistakes.push(format!("memory grew from {first} to {last} bytes"));
    }
    mistakes.extend(Left::remain(&node, runtime, &before));
    runtime.block_on(node.shutdown());
    mistakes
}

async fn start(cluster: &Cluster) -> anyhow::Result<Node> {
    let node = builder(cluster)?.start().await?;
    node.spawn(Echo { pid: None, number: 0 }).register("echo")?;
    Ok(node)
}

/// A node of ours on the hosts' gateway.
fn builder(cluster: &Cluster) -> anyhow::Result<NodeBuilder> {
    let builder = Node::builder(format!("worker@{GATEWAY}").parse()?)
        .cookie(Cookie::new(cluster.cookie())?)
        .epmd(Epmd::Embedded)
        .epmd_port(cluster.epmd.port())
        .bind(GATEWAY.into())
        .net_ticktime(Duration::from_secs(TICKTIME.into()));
    Ok(builder)
}

/// What is counted before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Left {
    peers: usize,
    processes: usize,
    calls: usize,
    mailboxes: usize,
    tasks: usize,
}

impl Left {
    fn of(node: &Node, runtime: &Runtime) -> Self {
        for peer in node.peers_up() {
            node.disconnect(&peer);
        }
        let metrics = node.metrics();
        Self {
            peers: metrics.links.len(),
            processes: metrics.processes,
            calls: metrics.calls_in.open + metrics.calls_out.open,
            mailboxes: metrics.mailbox_bytes,
            tasks: runtime.metrics().num_alive_tasks(),
        }
    }

    /// What is there that was not there before, after all had time to go.
    fn remain(node: &Node, runtime: &Runtime, before: &Self) -> Option<String> {
        let end = Instant::now() + integration::SOON;
        loop {
            let now = Self::of(node, runtime);
            if now == *before {
                return None;
            }
            if Instant::now() > end {
                return Some(format!("left behind: {now:?}, where {before:?} was before"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Bytes of memory that this process holds.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes: Option<usize> =
        line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    kilobytes.unwrap_or_default() << 10
}

struct Options {
    time: Duration,
    seed: u64,
    verbose: bool,
}

impl Options {
    fn read(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options =
            Self { time: Duration::from_secs(180), seed: fastrand::u64(..), verbose: false };
        while let Some(arg) = args.next() {
            let mut number = || {
                let number = args.next().and_then(|number| number.parse().ok());
                number.ok_or_else(|| format!("{arg} wants a number"))
            };
            match arg.as_str() {
                "--seconds" => options.time = Duration::from_secs(number()?),
                "--seed" => options.seed = number()?,
                "--verbose" => options.verbose = true,
                other => return Err(format!("{other} is no option")),
            }
        }
        Ok(options)
    }
}
