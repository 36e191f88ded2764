//! The reconciler with real nodes: what is joined stays connected, whatever becomes of strategies
//! and peers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail as tests do"
)]

mod util;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flitch::discovery::{DiscoveryError, Observation, Sightings, Strategy};
use flitch::{Cluster, ClusterEvent, DialError, Links, Node, NodeName, PeerState, Topology};
use tokio::sync::broadcast::Receiver;
use tokio::sync::watch;
use util::{Host, LONG, name, soon, until};

/// Tells what a test shows it; ends, or panics, when the test says so.
struct Shown(watch::Receiver<Show>);

#[derive(Clone)]
enum Show {
    See(Observation),
    Fail(&'static str),
    Panic,
}

impl Strategy for Shown {
    fn name(&self) -> &str {
        "Shown"
    }

    async fn run(&self, sightings: Sightings) -> Result<(), DiscoveryError> {
        let mut shown = self.0.clone();
        loop {
            let show = shown.borrow_and_update().clone();
            match show {
                Show::See(observation) => sightings.tell(observation),
                Show::Fail(why) => return Err(std::io::Error::other(why).into()),
                Show::Panic => panic!("the strategy's own fault"),
            }
            if shown.changed().await.is_err() {
                return Ok(());
            }
        }
    }
}

fn all(nodes: &[&Node]) -> Show {
    let peers = nodes.iter().map(|node| node.name().clone()).collect();
    Show::See(Observation { peers, ..Observation::default() })
}

fn shown(show: Show) -> (watch::Sender<Show>, Shown) {
    let (sender, receiver) = watch::channel(show);
    (sender, Shown(receiver))
}

async fn next(events: &mut Receiver<ClusterEvent>) -> String {
    match soon(events.recv()).await.unwrap() {
        ClusterEvent::Discovered { node, topology } => format!("{topology} sees {}", node.alive()),
        ClusterEvent::Lost { node, topology } => format!("{topology} lost {}", node.alive()),
        ClusterEvent::Up { node } => format!("{} up", node.alive()),
        ClusterEvent::Down { node, reason } => {
            format!(
                "{} down: {}",
                node.alive(),
                reason.map_or(String::new(), |why| why.to_string())
            )
        }
        other => panic!("{other:?}"),
    }
}

async fn members(cluster: &Cluster, count: usize) {
    cluster.wait_for(count, LONG).await.unwrap();
    assert_eq!(cluster.members(), count);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_of_names_is_connected_and_again_when_a_peer_comes_back() {
    let host = Host::start();
    let (a, b) = (host.node("a").await, host.node("b").await);
    let cluster = a.cluster();
    let mut events = cluster.events();
    a.join(vec![name("a@127.0.0.1"), name("b@127.0.0.1"), name("c@127.0.0.1")]);
    assert_eq!(next(&mut events).await, "list sees b");
    assert_eq!(next(&mut events).await, "list sees c");
    assert_eq!(next(&mut events).await, "b up");
    members(&cluster, 1).await;
    // One that is not there yet.
    let c = host.node("c").await;
    assert_eq!(next(&mut events).await, "c up");
    soon(b.shutdown()).await;
    assert_eq!(next(&mut events).await, "b down: connection closed");
    let b = host.node("b").await;
    assert_eq!(next(&mut events).await, "b up");
    until(|| b.is_connected(a.name()) && c.is_connected(a.name())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_strategy_that_fails_or_panics_is_started_again_and_takes_nothing_down() {
    let host = Host::start();
    let (a, b, c) = (host.node("a").await, host.node("b").await, host.node("c").await);
    let (show, strategy) = shown(all(&[&b]));
    let cluster = a.join(Topology::new("t", strategy));
    members(&cluster, 1).await;
    show.send_replace(Show::Panic);
    until(|| cluster.topologies()[0].problem.is_some()).await;
    let problem = cluster.topologies().remove(0).problem.unwrap();
    assert_eq!(problem.to_string(), "the strategy panicked: the strategy's own fault");
    show.send_replace(Show::Fail("no answer"));
    until(|| cluster.topologies()[0].problem.as_ref().is_some_and(|it| it.message == "no answer"))
        .await;
    assert!(a.is_connected(b.name()));
    show.send_replace(all(&[&b, &c]));
    members(&cluster, 2).await;
    until(|| cluster.topologies()[0].problem.is_none()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_are_empty_or_none_drop_no_link() {
    let host = Host::start();
    let (a, b, c) = (host.node("a").await, host.node("b").await, host.node("c").await);
    let (show, strategy) = shown(all(&[&b]));
    let cluster = a.join(Topology::new("t", strategy));
    members(&cluster, 1).await;
    show.send_replace(all(&[]));
    until(|| cluster.topologies()[0].answered.is_some_and(|age| age < Duration::from_secs(1)))
        .await;
    show.send_replace(Show::Fail("SERVFAIL"));
    until(|| cluster.topologies()[0].problem.is_some()).await;
    show.send_replace(all(&[&c]));
    members(&cluster, 2).await;
    assert!(a.is_connected(b.name()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_topologies_live_side_by_side_and_can_be_left() {
    let host = Host::start();
    let (a, b, c) = (host.node("a").await, host.node("b").await, host.node("c").await);
    let (_show_one, one) = shown(all(&[&b]));
    let (_show_two, two) = shown(all(&[&b, &c]));
    a.join(one);
    let cluster = a.join(two);
    members(&cluster, 2).await;
    let peers = cluster.peers();
    assert_eq!(peers[0].topologies, ["Shown", "Shown-2"]);
    assert_eq!(peers[1].topologies, ["Shown-2"]);
    assert!(cluster.leave("Shown-2"));
    assert!(!cluster.leave("Shown-2"));
    assert_eq!(cluster.topologies().len(), 1);
    // The links stay, but only one is made again.
    assert!(a.is_connected(b.name()) && a.is_connected(c.name()));
    a.disconnect(b.name());
    a.disconnect(c.name());
    until(|| !a.is_connected(c.name())).await;
    until(|| a.is_connected(b.name())).await;
    assert_eq!(cluster.peers().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_in_vain_says_what_is_with_every_peer() {
    let host = Host::start();
    let a = host.node("a").await;
    let cluster = a.join(vec![name("nobody@127.0.0.1")]);
    until(|| cluster.peers().first().is_some_and(|peer| peer.state.error().is_some())).await;
    let error = cluster.wait_for(1, Duration::from_millis(10)).await.unwrap_err().to_string();
    assert!(
        error.starts_with(
            "0 of 1 peers are up after 10ms; topology list sees 1; nobody@127.0.0.1 is "
        ),
        "{error}"
    );
    assert!(error.contains("epmd: "), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_shuts_down_dials_nobody_any_more() {
    let host = Host::start();
    let (a, b) = (host.node("a").await, host.node("b").await);
    let (show, strategy) = shown(all(&[]));
    let cluster = a.join(strategy);
    until(|| cluster.topologies().iter().all(|it| it.answered.is_some())).await;
    let mut seen = b.events();
    let end = tokio::spawn({
        let a = a.clone();
        async move { a.shutdown().await }
    });
    soon(a.stopping()).await;
    show.send_replace(all(&[&b]));
    soon(end).await.unwrap();
    show.send_replace(all(&[&b]));
    assert!(seen.try_recv().is_err(), "{:?}", cluster.peers());
}

/// Connects nobody, and says that it did.
#[derive(Clone, Default)]
struct Elsewhere(Arc<ElsewhereState>);

#[derive(Default)]
struct ElsewhereState {
    connected: Mutex<Vec<NodeName>>,
    refused: AtomicUsize,
}

impl Links for Elsewhere {
    async fn connect(&self, peer: &NodeName) -> Result<(), DialError> {
        if self.0.refused.fetch_add(1, Ordering::Relaxed) == 0 {
            return Err(DialError::new("not yet"));
        }
        self.0.connected.lock().unwrap().push(peer.clone());
        Ok(())
    }

    async fn disconnect(&self, peer: &NodeName) {
        self.0.connected.lock().unwrap().retain(|connected| connected != peer);
    }

    fn list_nodes(&self) -> Vec<NodeName> {
        self.0.connected.lock().unwrap().clone()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connect_disconnect_and_list_nodes_can_be_replaced() {
    let host = Host::start();
    let a = host.node("a").await;
    let links = Elsewhere::default();
    let topology = Topology::new("elsewhere", vec![name("app@10.0.0.5")]).links(links.clone());
    let cluster = a.cluster();
    let mut events = cluster.events();
    a.join(topology);
    assert_eq!(next(&mut events).await, "elsewhere sees app");
    assert_eq!(next(&mut events).await, "app up");
    assert!(a.peers_up().is_empty());
    links.0.connected.lock().unwrap().clear();
    assert_eq!(next(&mut events).await, "app down: ");
    assert_eq!(next(&mut events).await, "app up");
    assert_eq!(cluster.peers()[0].state, PeerState::Up);
}

/// Says the same ten times a second.
struct Chatty(NodeName);

impl Strategy for Chatty {
    fn name(&self) -> &str {
        "Chatty"
    }

    async fn run(&self, sightings: Sightings) -> Result<(), DiscoveryError> {
        loop {
            sightings.complete([self.0.clone()]);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topology_that_talks_all_the_time_keeps_no_link_from_being_missed() {
    let host = Host::start();
    let a = host.node("a").await;
    let links = Elsewhere::default();
    let cluster = a.join(Topology::new("t", Chatty(name("app@10.0.0.5"))).links(links.clone()));
    members(&cluster, 1).await;
    let mut events = cluster.events();
    links.0.connected.lock().unwrap().clear();
    assert_eq!(next(&mut events).await, "app down: ");
}

/// Panics at the first two calls of everything.
#[derive(Default)]
struct Clumsy {
    dialled: AtomicUsize,
    listed: AtomicUsize,
}

impl Links for Clumsy {
    async fn connect(&self, _: &NodeName) -> Result<(), DialError> {
        assert!(self.dialled.fetch_add(1, Ordering::Relaxed) >= 2, "no hands");
        Ok(())
    }

    async fn disconnect(&self, _: &NodeName) {}

    fn list_nodes(&self) -> Vec<NodeName> {
        assert!(self.listed.fetch_add(1, Ordering::Relaxed) >= 2, "no eyes");
        let is_up = self.dialled.load(Ordering::Relaxed) > 2;
        is_up.then(|| name("app@10.0.0.5")).into_iter().collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn links_that_panic_are_tried_again_and_take_nothing_down() {
    let host = Host::start();
    let (a, b) = (host.node("a").await, host.node("b").await);
    a.join(Topology::new("clumsy", vec![name("app@10.0.0.5")]).links(Clumsy::default()));
    let cluster = a.join(vec![b.name().clone()]);
    members(&cluster, 2).await;
}

/// Sees somebody, and leaves its own topology in the same breath.
struct Leaving(std::sync::Weak<Cluster>, NodeName);

impl Strategy for Leaving {
    fn name(&self) -> &str {
        "Leaving"
    }

    async fn run(&self, sightings: Sightings) -> Result<(), DiscoveryError> {
        sightings.complete([self.1.clone()]);
        self.0.upgrade().unwrap().leave("Leaving");
        std::future::pending().await
    }
}

#[tokio::test]
async fn who_is_left_before_the_dial_is_not_dialled_by_the_node_instead() {
    let host = Host::start();
    let (a, b) = (host.node("a").await, host.node("b").await);
    let cluster = Arc::new(a.cluster());
    let mut events = cluster.events();
    let leaving = Leaving(Arc::downgrade(&cluster), b.name().clone());
    a.join(Topology::from(leaving).links(Elsewhere::default()));
    assert_eq!(next(&mut events).await, "Leaving sees b");
    assert_eq!(next(&mut events).await, "Leaving lost b");
    until(|| cluster.peers().is_empty()).await;
    assert!(!a.is_connected(b.name()), "its links were to do that");
}

/// Answers, and fails at once.
struct Brief(Arc<AtomicUsize>);

impl Strategy for Brief {
    fn name(&self) -> &str {
        "Brief"
    }

    async fn run(&self, sightings: Sightings) -> Result<(), DiscoveryError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        sightings.complete([]);
        Err(std::io::Error::other("that was all").into())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_strategy_that_answers_and_fails_at_once_is_started_less_and_less_often() {
    let host = Host::start();
    let a = host.node("a").await;
    let runs = Arc::new(AtomicUsize::new(0));
    let begun = std::time::Instant::now();
    a.join(Brief(Arc::clone(&runs)));
    until(|| runs.load(Ordering::Relaxed) >= 6).await;
    // Without growing, five waits are at most 1.25 s; growing, at least 3.8 s.
    assert!(begun.elapsed() > Duration::from_secs(3), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_nodes_that_all_dial_each_other_are_one_mesh_and_no_link_is_lost_on_the_way() {
    let host = Host::start();
    let mut nodes = Vec::new();
    for number in 0..30 {
        nodes.push(host.node(&format!("n{number}")).await);
    }
    let names: Vec<_> = nodes.iter().map(|node| node.name().clone()).collect();
    let mut clusters = Vec::new();
    for node in &nodes {
        let events = node.cluster().events();
        clusters.push((node.join(names.clone()), events));
    }
    for (cluster, events) in &mut clusters {
        members(cluster, 29).await;
        while let Ok(event) = events.try_recv() {
            assert!(!matches!(event, ClusterEvent::Down { .. }), "{event:?}");
        }
    }
}

/// Connects at once, and counts how often it has to list everybody.
#[derive(Clone, Default)]
struct Counting(Arc<(Mutex<Vec<NodeName>>, AtomicUsize)>);

impl Links for Counting {
    async fn connect(&self, peer: &NodeName) -> Result<(), DialError> {
        self.0.0.lock().unwrap().push(peer.clone());
        Ok(())
    }

    async fn disconnect(&self, _: &NodeName) {}

    fn list_nodes(&self) -> Vec<NodeName> {
        self.0.1.fetch_add(1, Ordering::Relaxed);
        self.0.0.lock().unwrap().clone()
    }
}

/// Or of ten thousand dials each would list ten thousand links.
#[tokio::test]
async fn dials_that_end_together_list_all_links_once() {
    const PEERS: usize = 1024;
    let host = Host::start();
    let a = host.node("a").await;
    let peers = (0..PEERS).map(|at| name(&format!("app@10.0.{}.{}", at / 256, at % 256)));
    let links = Counting::default();
    let topology = Topology::from(peers.collect::<Vec<_>>()).links(links.clone());
    a.join(topology).wait_for(PEERS, LONG).await.unwrap();
    let listed = links.0.1.load(Ordering::Relaxed);
    assert!(listed < PEERS / 4, "{listed} times for {PEERS} dials");
}
