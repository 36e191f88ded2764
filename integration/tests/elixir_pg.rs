//! Process groups (`:pg`) of BEAMs that are connected to each other and to a hidden node of ours.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::process::Command;

use flitch::{GroupEvent, GroupWatch, Incoming, Node, Pid, Process, Term};
use integration::child::Child;
use integration::flitch::example;
use integration::{Beam, Cluster, SOON, Signal};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

const START_PG: &str = "{:ok, _} = :pg.start(:pg); scope = Process.whereis(:pg); is_pid(scope)";

/// Two BEAMs that are connected and run the default scope, and a node of ours that nobody knows.
async fn stage() -> (Cluster, Beam, Beam, Node) {
    let cluster = Cluster::new();
    let (a, b) = (cluster.elixir("a").start(), cluster.elixir("b").start());
    a.expect(START_PG, "true");
    b.expect(START_PG, "true");
    a.expect(&format!("Node.connect({})", b.atom()), "true");
    let node = cluster.ours("worker").start().await.unwrap();
    (cluster, a, b, node)
}

async fn connect(node: &Node, beams: &[&Beam]) {
    for beam in beams {
        node.connect(&beam.name().parse().unwrap()).await.unwrap();
    }
}

/// A process that lives until it is told to end, and what it is sent.
fn worker(node: &Node) -> (Pid, UnboundedReceiver<Term>) {
    let (heard, hears) = unbounded_channel();
    let handle = node.spawn_process(async move |mut process: Process| {
        while let Some(Incoming::Message(payload)) = process.next().await {
            let _ = heard.send(payload.to_value::<Term>().unwrap());
        }
    });
    (handle.pid().clone(), hears)
}

/// How many members of ours a BEAM sees in a group of a scope.
fn ours(node: &Node, scope: &str, group: &str) -> String {
    let name = node.name();
    format!("Enum.count(:pg.get_members({scope}, {group}), &(node(&1) == :{:?}))", name.as_str())
}

/// Whether a BEAM's scope has ours down for the newest version that its release knows: 1 since OTP
/// 29, and before that there were none.
fn speaks_its_own_version(node: &Node) -> String {
    let versions = format!(
        "for(map <- Tuple.to_list(:sys.get_state(:pg)), is_map(map), \
         {{pid, {{_, version, _}}}} <- map, is_pid(pid), node(pid) == :{:?}, do: version)",
        node.name().as_str()
    );
    format!("{versions} == if(String.to_integer(System.otp_release()) >= 29, do: [1], else: [])")
}

/// Waits for an event that suits.
async fn told(watch: &mut GroupWatch, suits: impl Fn(&GroupEvent) -> bool) -> GroupEvent {
    let next = async {
        loop {
            let event = watch.next().await.unwrap();
            if suits(&event) {
                return event;
            }
        }
    };
    tokio::time::timeout(SOON, next).await.unwrap()
}

fn is_join_of(beam: &Beam) -> impl Fn(&GroupEvent) -> bool {
    let name = beam.name().to_owned();
    move |event| match event {
        GroupEvent::Joined { pids, .. } => pids.iter().any(|pid| pid.node == *name),
        GroupEvent::Members(groups) => {
            groups.iter().flat_map(|(_, pids)| pids).any(|pid| pid.node == *name)
        }
        _ => false,
    }
}

fn is_leave_of(beam: &str) -> impl Fn(&GroupEvent) -> bool {
    move |event| matches!(event, GroupEvent::Left { pids, .. } if pids.iter().all(|pid| pid.node == *beam))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_beam_sees_our_members_whenever_they_joined_and_loses_them_when_they_end() {
    let (_cluster, a, b, node) = stage().await;
    let group = Term::from((Term::atom("workers"), "eu"));
    let count = ours(&node, ":pg", "{:workers, \"eu\"}");
    let ((early, _), (late, _)) = (worker(&node), worker(&node));
    let pg = node.pg().unwrap();
    pg.join(&group, &early).await.unwrap();
    connect(&node, &[&a, &b]).await;
    for beam in [&a, &b] {
        beam.expect_soon(&count, "1");
        beam.expect_soon(&speaks_its_own_version(&node), "true");
    }
    pg.join_many(&group, &[late.clone(), late.clone()]).await.unwrap();
    for beam in [&a, &b] {
        beam.expect_soon(&count, "3");
    }
    pg.leave(&group, &late).await.unwrap();
    for beam in [&a, &b] {
        beam.expect_soon(&count, "2");
    }
    a.expect(
        "for pid <- :pg.get_members({:workers, \"eu\"}), do: Process.exit(pid, :kill); :ok",
        ":ok",
    );
    for beam in [&a, &b] {
        beam.expect_soon(&count, "0");
        beam.expect(":pg.which_groups()", "[]");
        beam.expect("Process.whereis(:pg) == scope", "true");
    }
    node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn we_see_the_members_of_beams_and_are_told_who_joins_and_leaves() {
    let (_cluster, a, b, node) = stage().await;
    a.expect(":pg.join(:desk, self())", ":ok");
    let pg = node.pg().unwrap();
    let (mut desk, mut all) = (pg.watch(Term::atom("desk")), pg.watch_all());
    assert_eq!(all.next().await, Some(GroupEvent::Members(Vec::new())));
    connect(&node, &[&a, &b]).await;
    told(&mut desk, is_join_of(&a)).await;
    b.expect("{:ok, agent} = Agent.start(fn -> 1 end); :pg.join(:desk, [agent, self()])", ":ok");
    told(&mut desk, is_join_of(&b)).await;
    assert_eq!(pg.members(Term::atom("desk")).len(), 3);
    assert_eq!(pg.groups(), [Term::atom("desk")]);
    b.expect("Agent.stop(agent)", ":ok");
    told(&mut desk, is_leave_of(b.name())).await;
    a.expect(":pg.leave(:desk, self())", ":ok");
    told(&mut desk, is_leave_of(a.name())).await;
    let name = b.name().to_owned();
    b.kill();
    told(&mut desk, is_leave_of(&name)).await;
    assert!(pg.members(Term::atom("desk")).is_empty());
    node.shutdown().await;
    assert!(
        tokio::time::timeout(SOON, async { while all.next().await.is_some() {} }).await.is_ok()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_that_begins_after_we_are_connected_is_found_and_so_is_one_that_begins_again() {
    let (cluster, a, _b, node) = stage().await;
    let pg = node.pg().unwrap();
    let (pid, mut hears) = worker(&node);
    pg.join(Term::atom("late"), &pid).await.unwrap();
    let c = cluster.elixir("c").start();
    connect(&node, &[&a, &c]).await;
    // A hidden node is not among those that a scope greets when it begins.
    c.expect(START_PG, "true");
    c.expect_soon(&ours(&node, ":pg", ":late"), "1");
    c.expect(":pg.get_members(:late) |> hd() |> send(:hello)", ":hello");
    let heard = tokio::time::timeout(SOON, hears.recv()).await.unwrap().unwrap();
    assert!(heard.is_atom("hello"));
    c.expect("Process.exit(scope, :kill)", "true");
    c.expect_soon("Process.whereis(:pg)", "nil");
    c.expect(START_PG, "true");
    c.expect_soon(&ours(&node, ":pg", ":late"), "1");
    node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_are_lost_with_a_link_and_back_with_the_next() {
    let (_cluster, a, b, node) = stage().await;
    a.expect(":pg.join(:desk, self())", ":ok");
    let pg = node.pg().unwrap();
    let (pid, _hears) = worker(&node);
    pg.join(Term::atom("ours"), &pid).await.unwrap();
    let mut desk = pg.watch(Term::atom("desk"));
    connect(&node, &[&a, &b]).await;
    for _ in 0..5 {
        told(&mut desk, is_join_of(&a)).await;
        a.expect_soon(&ours(&node, ":pg", ":ours"), "1");
        node.disconnect(&a.name().parse().unwrap());
        told(&mut desk, is_leave_of(a.name())).await;
        a.expect_soon(&ours(&node, ":pg", ":ours"), "0");
        b.expect(&ours(&node, ":pg", ":ours"), "1");
        connect(&node, &[&a]).await;
    }
    node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn named_scopes_do_not_see_each_other_and_a_node_that_leaves_in_order_is_in_none() {
    let (_cluster, a, b, node) = stage().await;
    a.expect("{:ok, _} = :pg.start(:jobs); :ok", ":ok");
    b.expect("{:ok, _} = :pg.start(:jobs); :ok", ":ok");
    connect(&node, &[&a, &b]).await;
    let (pid, _hears) = worker(&node);
    node.pg_scope("jobs").unwrap().join(Term::atom("g"), &pid).await.unwrap();
    node.pg().unwrap().join(Term::atom("other"), &pid).await.unwrap();
    for beam in [&a, &b] {
        beam.expect_soon(&ours(&node, ":jobs", ":g"), "1");
        beam.expect_soon(&ours(&node, ":pg", ":other"), "1");
        beam.expect(&ours(&node, ":pg", ":g"), "0");
    }
    node.shutdown().await;
    for beam in [&a, &b] {
        beam.expect_soon(&ours(&node, ":jobs", ":g"), "0");
        beam.expect_soon(&ours(&node, ":pg", ":other"), "0");
    }
}

#[test]
fn elixir_spreads_its_load_over_the_pool_example_until_that_is_killed() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    a.expect(START_PG, "true");
    let pool = |base: &str| {
        let mut command = Command::new(example("pool"));
        cluster.enter(&mut command).env("RELEASE_NODE", cluster.name(base));
        command.env("RELEASE_COOKIE", cluster.cookie()).arg(a.name());
        Child::start(&mut command, base)
    };
    let (mut one, mut two) = (pool("one"), pool("two"));
    a.expect_soon("length(:pg.get_members(:pool))", "8");
    a.expect(
        ":pg.get_members(:pool) \
         |> Task.async_stream(&GenServer.call(&1, {:primes_below, 100_000}, 30_000), timeout: 30_000) \
         |> Enum.uniq()",
        "[ok: 9592]",
    );
    one.signal(Signal::KILL);
    assert!(one.wait(SOON).is_some());
    a.expect_soon("length(:pg.get_members(:pool))", "4");
    two.signal(Signal::TERM);
    assert_eq!(two.wait(SOON).and_then(|status| status.code()), Some(0));
    a.expect_soon(":pg.get_members(:pool)", "[]");
}
