//! `Phoenix.PubSub` of Elixir nodes, with publishers and subscribers in nodes of ours.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::process::Command;

use flitch::{Node, PubSub, Subscription, Term};
use integration::child::Child;
use integration::flitch::example;
use integration::{Beam, Cluster, SOON, Signal};

/// Loads the library, or what stands in for it, and starts `Shop.PubSub` with a pool.
fn start_pubsub(beam: &Beam, pool: usize) {
    match std::env::var("PHOENIX_PUBSUB_EBIN") {
        Ok(ebin) => {
            beam.expect(&format!("Code.prepend_path({ebin:?})"), "true");
            beam.expect("{:ok, _} = Application.ensure_all_started(:phoenix_pubsub); :ok", ":ok");
            let start = format!(
                "{{:ok, sup}} = Supervisor.start_link([{{Phoenix.PubSub, name: Shop.PubSub, \
                 pool_size: {pool}}}], strategy: :one_for_one); is_pid(sup)"
            );
            beam.expect(&start, "true");
        }
        Err(_) => {
            let script = include_str!("phoenix_pubsub.ex");
            beam.expect(&format!("{script}\n:ok"), ":ok");
            let start = "apply(Phoenix.PubSub, :start, [[name: Shop.PubSub, pool_size: SIZE]])";
            beam.expect(&start.replace("SIZE", &pool.to_string()), ":ok");
        }
    }
}

/// Calls a function of `Phoenix.PubSub`, which the evaluator's compiler does not know yet.
fn pubsub(beam: &Beam, function: &str, arguments: &str) {
    beam.expect(&format!("apply(Phoenix.PubSub, :{function}, [{arguments}])"), ":ok");
}

const RECEIVE: &str = "receive do message -> message after 10_000 -> :nothing end";

async fn stage(pools: [usize; 2]) -> (Cluster, Beam, Beam, Node, PubSub) {
    let cluster = Cluster::new();
    let (a, b) = (cluster.elixir("a").start(), cluster.elixir("b").start());
    a.expect(&format!("Node.connect({})", b.atom()), "true");
    let node = cluster.ours("worker").start().await.unwrap();
    let ours = node.pubsub("Elixir.Shop.PubSub").await.unwrap();
    for (beam, pool) in [&a, &b].into_iter().zip(pools) {
        start_pubsub(beam, pool);
        node.connect(&beam.name().parse().unwrap()).await.unwrap();
    }
    (cluster, a, b, node, ours)
}

/// Waits until a BEAM knows the node of ours in the last group of its pool, and we know it.
async fn met(node: &Node, beam: &Beam, pool: usize) {
    let group = match pool {
        1 => "Shop.PubSub.Adapter".to_owned(),
        last => format!(":\"Elixir.Shop.PubSub.Adapter_{last}\""),
    };
    let ours = format!(
        "Enum.count(:pg.get_members(Phoenix.PubSub, {group}), &(node(&1) == :{:?}))",
        node.name().as_str()
    );
    beam.expect_soon(&ours, "1");
    let mut watch = node.pg_scope("Elixir.Phoenix.PubSub").unwrap().watch_all();
    let seen = || {
        let pg = node.pg_scope("Elixir.Phoenix.PubSub").unwrap();
        pg.members(Term::atom("Elixir.Shop.PubSub.Adapter"))
            .iter()
            .any(|pid| pid.node == *beam.name())
    };
    while !seen() {
        tokio::time::timeout(SOON, watch.next()).await.unwrap().unwrap();
    }
}

async fn next<T: serde::de::DeserializeOwned>(subscription: &mut Subscription) -> T {
    let published = tokio::time::timeout(SOON, subscription.next()).await.unwrap().unwrap();
    published.to_value().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_elixir_publishes_is_received_whatever_member_of_its_pool_sends_it() {
    let (_cluster, a, b, node, ours) = stage([1, 5]).await;
    met(&node, &a, 1).await;
    met(&node, &b, 5).await;
    let mut prices = ours.subscribe("prices");
    let mut others = ours.subscribe("others");
    pubsub(&a, "broadcast", "Shop.PubSub, \"prices\", {:changed, \"a-1\", 1995}");
    let (tag, sku, price): (flitch::Atom, String, u64) = next(&mut prices).await;
    assert_eq!((tag.as_str(), sku.as_str(), price), ("changed", "a-1", 1995));
    // Which of the pool sends it hangs on the process that publishes.
    b.expect(
        "for number <- 1..50, do: \
         Task.await(Task.async(fn -> apply(Phoenix.PubSub, :broadcast, [Shop.PubSub, \"prices\", number]) end)) \
         ; :done",
        ":done",
    );
    let mut numbers = Vec::new();
    for _ in 1..=50 {
        numbers.push(next::<u64>(&mut prices).await);
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=50).collect::<Vec<_>>());
    let us = format!(":{:?}, Shop.PubSub, \"others\", :only_you", node.name().as_str());
    pubsub(&a, "direct_broadcast", &us);
    assert_eq!(next::<flitch::Atom>(&mut others).await.as_str(), "only_you");
    node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn elixirs_subscribers_receive_what_we_publish_and_in_order() {
    let (_cluster, a, b, node, ours) = stage([3, 1]).await;
    for (beam, pool) in [(&a, 3), (&b, 1)] {
        met(&node, beam, pool).await;
        pubsub(beam, "subscribe", "Shop.PubSub, \"prices\"");
    }
    let mut own = ours.subscribe("prices");
    for number in 0..100_u64 {
        ours.broadcast("prices", &(Term::atom("changed"), number)).await.unwrap();
    }
    for beam in [&a, &b] {
        beam.expect(
            "for _ <- 0..99, do: (receive do {:changed, number} -> number after 10_000 -> nil end)",
            &format!("{:?}", (0..100).collect::<Vec<_>>()),
        );
    }
    assert_eq!(next::<(flitch::Atom, u64)>(&mut own).await.1, 0);
    let to_b = b.name().parse().unwrap();
    ours.direct_broadcast(&to_b, "prices", &Term::atom("for_b")).await.unwrap();
    b.expect(RECEIVE, ":for_b");
    ours.local_broadcast("prices", &Term::atom("for_us")).unwrap();
    ours.broadcast_from(&own, "prices", &Term::atom("last")).await.unwrap();
    for beam in [&a, &b] {
        beam.expect(RECEIVE, ":last");
    }
    let mut heard = Term::atom("nil");
    while !heard.is_atom("for_us") {
        heard = next(&mut own).await;
    }
    ours.broadcast("prices", &Term::atom("end")).await.unwrap();
    assert!(next::<Term>(&mut own).await.is_atom("end"), "not what was broadcast from here");
    node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adapter_that_elixir_kills_is_there_again() {
    let (_cluster, a, _b, node, ours) = stage([2, 2]).await;
    met(&node, &a, 2).await;
    let mut prices = ours.subscribe("prices");
    let kill = "for pid <- :pg.get_members(Phoenix.PubSub, :\"Elixir.Shop.PubSub.Adapter_2\"), \
                node(pid) != node(), node(pid) not in Node.list(), \
                do: (ref = Process.monitor(pid); Process.exit(pid, :kill); \
                receive do {:DOWN, ^ref, _, _, reason} -> reason end)";
    a.expect(kill, "[:killed]");
    met(&node, &a, 2).await;
    a.expect(
        "for number <- 1..20, do: \
         Task.await(Task.async(fn -> apply(Phoenix.PubSub, :broadcast, [Shop.PubSub, \"prices\", number]) end)) \
         ; :done",
        ":done",
    );
    for _ in 1..=20 {
        next::<u64>(&mut prices).await;
    }
    node.shutdown().await;
}

#[test]
fn the_pubsub_example_answers_what_elixir_publishes() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    start_pubsub(&a, 2);
    pubsub(&a, "subscribe", "Shop.PubSub, \"prices\"");
    let mut command = Command::new(example("pubsub"));
    cluster.enter(&mut command).env("RELEASE_NODE", cluster.name("pricing"));
    command.env("RELEASE_COOKIE", cluster.cookie()).arg(a.name());
    let mut pricing = Child::start(&mut command, "the pubsub example");
    a.expect_soon(
        "length(:pg.get_members(Phoenix.PubSub, :\"Elixir.Shop.PubSub.Adapter_2\"))",
        "2",
    );
    pubsub(&a, "broadcast", "Shop.PubSub, \"costs\", {:changed, \"a-1\", 1000}");
    a.expect(RECEIVE, "{:changed, \"a-1\", 1250}");
    pricing.signal(Signal::TERM);
    assert_eq!(pricing.wait(SOON).and_then(|status| status.code()), Some(0));
}
