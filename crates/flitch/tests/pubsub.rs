//! Phoenix.PubSub of several nodes, on a network in memory.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

use std::time::Duration;

use flitch::test::Network;
use flitch::{Caller, GenServer, Info, Node, Process, PubSub, Term};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::time::timeout;

const NAME: &str = "Elixir.Shop.PubSub";
const SECOND: Duration = Duration::from_secs(1);

async fn join(network: &Network, name: &str) -> (Node, PubSub) {
    let node = network.node(name).unwrap().link_limit(1 << 20).start().await.unwrap();
    let pubsub = node.pubsub(NAME).await.unwrap();
    (node, pubsub)
}

/// Waits until a node knows so many members.
async fn met(node: &Node, count: usize) {
    let pg = node.pg_scope("Elixir.Phoenix.PubSub").unwrap();
    let mut watch = pg.watch_all();
    while pg.members(Term::atom("Elixir.Shop.PubSub.Adapter")).len() < count {
        watch.next().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_nothing_holds_back_neither_us_nor_other_nodes() {
    let network = Network::new();
    let (worker, ours) = join(&network, "worker@h").await;
    let (app, theirs) = join(&network, "app@h").await;
    let (deaf, _) = join(&network, "deaf@h").await;
    worker.connect(app.name()).await.unwrap();
    worker.connect(deaf.name()).await.unwrap();
    met(&worker, 3).await;
    let (mut here, mut there) = (ours.subscribe("prices"), theirs.subscribe("prices"));
    network.cut(worker.name(), deaf.name());

    let filler = "x".repeat(100_000);
    let mut number = 0_u64;
    while timeout(SECOND, ours.broadcast("prices", &(number, &filler))).await.is_ok() {
        number += 1;
        assert!(number < 1000, "more is kept for a deaf peer than may be");
    }
    for subscriber in [&mut here, &mut there] {
        for expected in 0..=number {
            let published = timeout(SECOND, subscriber.next()).await.unwrap().unwrap();
            assert_eq!(published.to_value::<(u64, String)>().unwrap().0, expected);
        }
    }
    for node in [worker, app, deaf] {
        node.shutdown().await;
    }
}

/// Tells the test what it hears.
struct Listener(UnboundedSender<u64>);

impl GenServer for Listener {
    type Call = Term;
    type Cast = Term;
    type Reply = Term;

    async fn init(&mut self, process: &Process) {
        let pubsub = process.node().pubsub(NAME).await.unwrap();
        pubsub.subscribe_process(process, "prices");
        pubsub.subscribe_process(process, "costs");
        pubsub.subscribe_process(process, "no more");
        pubsub.unsubscribe(process, "no more");
    }
    async fn handle_call(&mut self, call: Term, caller: Caller<Term>) {
        caller.reply(call);
    }
    async fn handle_cast(&mut self, _: Term) {}
    async fn handle_info(&mut self, info: Info) {
        let Info::Message(message) = info else { panic!("it watches nobody") };
        self.0.send(message.to_value().unwrap()).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_subscribes_when_it_begins_has_messages_as_it_has_all_others() {
    let network = Network::new();
    let (worker, ours) = join(&network, "worker@h").await;
    let (app, theirs) = join(&network, "app@h").await;
    app.connect(worker.name()).await.unwrap();
    met(&app, 2).await;
    let (heard, mut hears) = unbounded_channel();
    let listener = worker.spawn(Listener(heard));
    let pid = listener.pid().clone();
    let begun: Term = worker.call(pid.clone(), &1, SECOND).await.unwrap();
    assert_eq!(begun, Term::from(1));
    theirs.broadcast("prices", &1).await.unwrap();
    assert_eq!(hears.recv().await, Some(1));
    for (topic, number) in [("no more", 2), ("others", 3), ("costs", 4)] {
        ours.broadcast(topic, &number).await.unwrap();
    }
    assert_eq!(hears.recv().await, Some(4));

    // Its subscriptions end with it.
    listener.exit(Term::atom("kill"));
    assert_eq!(hears.recv().await, None);
    ours.broadcast("prices", &5).await.unwrap();
    for node in [worker, app] {
        node.shutdown().await;
    }
}
