//! The worker program of the README, against a real Elixir node.

use std::process::Command;
use std::time::Duration;

use integration::child::Child;
use integration::{Cluster, Signal, flitch};

#[test]
fn the_orders_example_takes_structs_and_gives_them_back() {
    let cluster = Cluster::new();
    let name = cluster.name("orders");
    let mut command = Command::new(flitch::example("orders"));
    cluster.enter(&mut command).env("RELEASE_NODE", &name);
    command.env("RELEASE_COOKIE", cluster.cookie());
    let mut orders = Child::start(&mut command, "the orders example");

    let a = cluster.elixir("a").start();
    a.expect("defmodule Shop.Item do defstruct [:sku, :qty, :note] end; :defined", ":defined");
    a.expect_soon(&format!("Node.ping(:{name:?})"), ":pong");
    let server = format!("{{:orders, :{name:?}}}");
    a.expect(&format!("GenServer.call({server}, {{:contents}})"), "[]");
    // Structs that an earlier expression defined are made at run time.
    a.expect("item = struct(Shop.Item, sku: \"a-1\", qty: 2); item.note", "nil");
    a.expect(&format!("GenServer.cast({server}, {{:add, [item]}})"), ":ok");
    a.expect(&format!("GenServer.call({server}, {{:contents}}) === [item]"), "true");

    a.expect(&format!("ref = Process.monitor({server}); is_reference(ref)"), "true");
    // The answer comes behind the monitor: from here on, its end is told.
    a.expect(&format!("GenServer.call({server}, {{:contents}}) === [item]"), "true");
    orders.signal(Signal::INT);
    let down = "receive do {:DOWN, ^ref, _, _, reason} -> reason after 10_000 -> :nothing end";
    a.expect(down, ":shutdown");
    let status = orders.wait(Duration::from_secs(5));
    assert_eq!(status.and_then(|status| status.code()), Some(0));
}
