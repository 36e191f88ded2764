//! Our daemon beside the stock one: lookups and registrations a second, memory a registration.
//!
//! Both run as processes of their own and take turns many times over on one machine: a ratio is the
//! median of the ratios within a turn. A lookup is what it is in life, a connection of its own.
//! The clients share the processors with the daemon, so what a daemon itself spends on a lookup is
//! shown beside what the clients see.
//!
//! `cargo bench -p flitch-epmd --bench epmd -- [--quick]`

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a bench prints, and ends when something is amiss"
)]

mod daemons;
mod load;

use std::time::Duration;

use daemons::Daemon;
use load::{join_all, lookups};

/// How many nodes both know: near the most that the stock daemon can hold.
const NODES: usize = 900;

/// The threads that ask.
const CLIENTS: usize = 4;

fn main() {
    let words: Vec<String> = std::env::args().collect();
    if let Some(at) = words.iter().position(|word| word == daemons::SERVE) {
        daemons::serve(words.get(at + 1).and_then(|port| port.parse().ok()).unwrap());
        return;
    }
    let quick = words.iter().any(|word| word == "--quick");
    let (rounds, asked) = if quick { (3, 400) } else { (15, 6_000) };
    println!("medians of {rounds} turns; {CLIENTS} clients at once\n");
    println!("{:44} {:>11} {:>11} {:>8}", "", "stock", "flitch", "ratio");
    for known in [1, 100, NODES] {
        measure_lookups(known, rounds, asked);
    }
    measure_registrations(rounds);
    measure_memory();
}

/// What one daemon made of one turn.
#[derive(Clone, Copy)]
struct Turn {
    /// As the clients see it.
    elapsed: Duration,
    /// Processor time of the daemon.
    spent: Duration,
}

fn measure_lookups(known: usize, rounds: usize, asked: usize) {
    let daemons = [Daemon::stock(), Daemon::ours()];
    let _nodes = daemons.each_ref().map(|daemon| join_all(daemon.port, known));
    let turn = |daemon: &Daemon| {
        let before = daemon.spent();
        let elapsed = lookups(daemon.port, known, asked, CLIENTS);
        Turn { elapsed, spent: daemon.spent().saturating_sub(before) }
    };
    let turns: Vec<[Turn; 2]> = (0..rounds).map(|_| daemons.each_ref().map(turn)).collect();
    let asked = asked as f64;
    show(&format!("lookups a second, {known} nodes known"), &turns, |turn| {
        asked / turn.elapsed.as_secs_f64()
    });
    show(&format!("lookups a second of the daemon's own time, {known}"), &turns, |turn| {
        asked / turn.spent.as_secs_f64()
    });
}

fn measure_registrations(rounds: usize) {
    let daemons = [Daemon::stock(), Daemon::ours()];
    let turn = |daemon: &Daemon| {
        let before = daemon.spent();
        let since = std::time::Instant::now();
        let nodes = join_all(daemon.port, NODES);
        let elapsed = since.elapsed();
        drop(nodes);
        daemon.wait_until_empty();
        Turn { elapsed, spent: daemon.spent().saturating_sub(before) }
    };
    let turns: Vec<[Turn; 2]> = (0..rounds).map(|_| daemons.each_ref().map(turn)).collect();
    show("registrations a second, one after the other", &turns, |turn| {
        NODES as f64 / turn.elapsed.as_secs_f64()
    });
}

fn measure_memory() {
    let grown = |daemon: Daemon, nodes: usize| {
        let before = daemon.resident();
        let _nodes = join_all(daemon.port, nodes);
        daemon.resident().saturating_sub(before) as f64 / nodes as f64
    };
    let (stock, ours) = (grown(Daemon::stock(), NODES), grown(Daemon::ours(), NODES));
    let ratio = stock / ours;
    println!("{:44} {stock:>11.0} {ours:>11.0} {ratio:>7.2}x", "bytes a registration, of 900");
    match daemons::room_for(10_000) {
        true => {
            let ours = grown(Daemon::ours(), 10_000);
            println!("{:44} {:>11} {ours:>11.0}", "bytes a registration, of 10,000", "no room");
        }
        false => println!("for 10,000 registrations, raise the hard limit of open files"),
    }
}

/// More is better.
fn show(what: &str, turns: &[[Turn; 2]], value: impl Fn(Turn) -> f64) {
    let of = |index: usize| median(turns.iter().map(|turn| value(turn[index])).collect());
    let ratio = median(turns.iter().map(|[stock, ours]| value(*ours) / value(*stock)).collect());
    println!("{what:44} {:>11.0} {:>11.0} {ratio:>7.2}x", of(0), of(1));
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
