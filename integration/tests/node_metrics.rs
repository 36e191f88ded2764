//! `/metrics` of a node that lives among BEAMs.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

use std::io::Read;
use std::net::SocketAddr;
use std::time::Duration;

use integration::lab::http::Request;
use integration::{Cluster, Node, eventually};

/// The page.
fn page(at: SocketAddr) -> String {
    let request = Request { method: "GET", path: "/metrics", content_type: "", body: b"" };
    let mut answer = request.send(at, Some(integration::SOON)).unwrap();
    assert_eq!(answer.status, 200);
    let mut page = String::new();
    answer.body.read_to_string(&mut page).unwrap();
    page
}

/// A sample by its whole name.
#[track_caller]
fn sample(page: &str, series: &str) -> f64 {
    let line = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {series} in\n{page}")).parse().unwrap()
}

fn address(worker: &Node) -> SocketAddr {
    let probes = worker.await_event("probes are answered", |_| true);
    probes["address"].as_str().and_then(|it| it.parse().ok()).unwrap()
}

#[test]
fn what_a_beam_does_with_the_node_is_on_the_page() {
    let cluster = Cluster::new();
    let gone = cluster.name("gone");
    let a = cluster.elixir("a").start();
    let worker = cluster
        .flitch("worker")
        .args(&["--http", "127.0.0.1:0", "--connect", a.name(), "--connect", &gone])
        .start();
    let at = address(&worker);
    let server = worker.server();
    a.expect(&format!("for _ <- 1..100, do: :pong = GenServer.call({server}, :ping); :ok"), ":ok");
    a.expect(
        &format!("match?({{:badrpc, _}}, :rpc.call({}, :os, :cmd, [~c\"ls\"]))", worker.atom()),
        "true",
    );
    let shown = page(at);
    let of_a = |metric: &str| format!("flitch_{metric}{{peer=\"{}\"}}", a.name());
    assert_eq!(sample(&shown, &of_a("peer_up")), 1.0);
    assert_eq!(sample(&shown, &of_a("peer_received_messages_total")), 100.0);
    assert_eq!(sample(&shown, &of_a("peer_sent_messages_total")), 100.0);
    assert!(sample(&shown, &of_a("peer_received_bytes_total")) > 3000.0);
    assert_eq!(sample(&shown, &of_a("peer_queue_bytes")), 0.0);
    let calls = "flitch_served_call_duration_seconds_count{answer=\"reply\"}";
    assert_eq!(sample(&shown, calls), 100.0);
    assert_eq!(sample(&shown, "flitch_spawns_refused_total"), 1.0);
    assert_eq!(sample(&shown, &format!("flitch_peer_up{{peer=\"{gone}\"}}")), 0.0);
    assert_eq!(sample(&shown, "flitch_topology_up{topology=\"connect\",strategy=\"list\"}"), 1.0);

    // Its end is counted by reason, and it is dialled again.
    a.kill();
    eventually("the end of the link is counted", || {
        let ended = ["closed", "broken"].iter().map(|reason| {
            sample(&page(at), &format!("flitch_links_ended_total{{reason=\"{reason}\"}}"))
        });
        (ended.sum::<f64>() == 1.0).then_some(())
    });
    eventually("dialling it fails", || {
        (sample(&page(at), "flitch_dials_failed_total{stage=\"epmd\"}") > 0.0).then_some(())
    });
    worker.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_stops_reading_is_seen_by_what_waits_for_it() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    let node = cluster.ours("worker").start().await.unwrap();
    node.connect(&a.name().parse().unwrap()).await.unwrap();
    a.freeze();
    // More than the buffers of the system hold.
    node.send(("nobody", a.name()), &"x".repeat(32_000_000)).await.unwrap();
    let now = || node.metrics().links.into_iter().next();
    let link = eventually("it is seen that nobody reads", || now().filter(|link| link.stalled));
    assert!(link.queued > 1_000_000 && link.messages_out == 1, "{link:?}");
    assert!(link.silent > Duration::from_millis(500), "{link:?}");
    a.thaw();
    eventually("all is read, and nothing waits", || {
        let link = now()?;
        (link.queued == 0 && !link.stalled && link.bytes_out > 32_000_000).then_some(())
    });
    node.shutdown().await;
}
