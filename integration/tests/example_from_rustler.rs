//! The NIF that became a server, with the Elixir module that calls it.

use std::process::Command;

use integration::child::Child;
use integration::{Beam, Cluster, flitch};

/// The example under a name of the cluster, and an Elixir node with `search.ex` in it.
fn example(cluster: &Cluster) -> (Child, Beam) {
    let name = cluster.name("search");
    let mut command = Command::new(flitch::example("from_rustler"));
    cluster.enter(&mut command).env("RELEASE_NODE", &name);
    command.env("RELEASE_COOKIE", cluster.cookie());
    let search = Child::start(&mut command, "the from_rustler example");

    let shop = cluster.elixir("shop").start();
    let module =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/flitch/examples/from_rustler/search.ex");
    shop.expect(
        &format!("{{result, _}} = {{Code.require_file({module:?}), 1}}; is_list(result)"),
        "true",
    );
    shop.expect(&format!("Application.put_env(:shop, :search_node, :{name:?})"), ":ok");
    shop.expect_soon(&format!("Node.ping(:{name:?})"), ":pong");
    (search, shop)
}

#[test]
fn callers_of_the_nif_find_the_same_functions_in_front_of_the_server() {
    let cluster = Cluster::new();
    let (_search, shop) = example(&cluster);
    let call = |function: &str| format!("apply(Shop.Search, {function})");
    shop.expect(&call(":add, [7, \"A winter coat\"]"), ":ok");
    shop.expect(&call(":add, [8, \"Winter boots, and a coat for winter\"]"), ":ok");
    shop.expect(&call(":size, []"), "2");
    let plain = |answer: &str| format!("Enum.map({answer}, &{{&1.__struct__, &1.id, &1.score}})");
    let hits = "[{Shop.Hit, 7, 2}, {Shop.Hit, 8, 2}]";
    shop.expect(&plain(&call(":search, [\"winter coat\"]")), hits);
    shop.expect(&plain(&call(":similar, [\"bots\"]")), "[{Shop.Hit, 8, 1}]");
    shop.expect(&call(":search, [\"nothing of it\"]"), "[]");
}

#[test]
fn a_server_that_is_gone_is_an_exit_that_the_caller_can_take() {
    let cluster = Cluster::new();
    let (search, shop) = example(&cluster);
    let call = "apply(Shop.Search, :search_or_nothing, [\"coat\"])";
    shop.expect(call, "[]");
    search.signal(integration::Signal::KILL);
    shop.expect_soon(&format!("match?({{:error, _}}, {call})"), "true");
}
