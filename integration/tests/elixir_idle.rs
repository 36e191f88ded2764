//! Ticks: a link over which nobody says anything stays up, and a peer that says nothing is found out.

use std::time::{Duration, Instant};

use integration::Cluster;

// As between BEAMs, both sides have the same `net_ticktime`: they tick each second, and give up
// on a peer that is silent for four.
const BEAM_FLAGS: &str = "-kernel net_ticktime 4";
const FLITCH_ARGS: [&str; 2] = ["--net-ticktime", "4"];

#[test]
fn an_idle_link_lives_through_three_tick_times() {
    let cluster = Cluster::new();
    let worker = cluster.flitch("worker").args(&FLITCH_ARGS).start();
    let a = cluster.elixir("a").flags(BEAM_FLAGS).start();
    a.expect(&format!("GenServer.call({}, :ping)", worker.server()), ":pong");
    a.expect(&format!("Node.monitor({}, true)", worker.atom()), "true");
    let idle = "receive do {:nodedown, node} -> node after 13_000 -> :still_up end";
    assert_eq!(a.eval_timeout(idle, Duration::from_secs(60)).as_deref(), Ok(":still_up"));
    a.expect(&format!("GenServer.call({}, :ping)", worker.server()), ":pong");
    assert_eq!(worker.events("peer is up").len(), 1, "the same link all the time");
}

#[test]
fn a_frozen_peer_is_gone_within_a_quarter_more_than_the_tick_time() {
    let cluster = Cluster::new();
    let worker = cluster.flitch("worker").args(&FLITCH_ARGS).start();
    let a = cluster.elixir("a").flags(BEAM_FLAGS).start();
    a.expect(&format!("Node.ping({})", worker.atom()), ":pong");
    a.freeze();
    let frozen = Instant::now();
    worker.await_event("peer is down", |fields| fields["peer"] == a.name());
    let took = frozen.elapsed();
    // Four seconds give or take a quarter, and a moment for a busy machine.
    assert!(took >= Duration::from_secs(3) - Duration::from_millis(200), "{took:?}");
    assert!(took <= Duration::from_secs(5) + Duration::from_secs(1), "{took:?}");
}
