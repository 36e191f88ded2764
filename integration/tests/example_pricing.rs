//! The example that offers functions, called from a live node.

use std::process::Command;

use integration::child::Child;
use integration::{Cluster, flitch};

#[test]
fn functions_of_the_pricing_example_are_called_as_those_of_a_module() {
    let cluster = Cluster::new();
    let name = cluster.name("pricing");
    let mut command = Command::new(flitch::example("pricing"));
    cluster.enter(&mut command).env("RELEASE_NODE", &name);
    command.env("RELEASE_COOKIE", cluster.cookie());
    let _pricing = Child::start(&mut command, "the pricing example");
    let a = cluster.elixir("a").start();
    a.expect_soon(&format!("Node.ping(:{name:?})"), ":pong");
    let call = |function: &str| format!(":erpc.call(:{name:?}, Pricing, {function})");
    a.expect(&call(":quote, [\"a-1\", 3]"), "3750");
    a.expect(&call(":forecast, [\"b-2\"]"), "4800");
    a.expect(&call(":parse, [\"12,50\"]"), "1250");
    let many = format!(":erpc.multicall([:{name:?}], Pricing, :parse, [\"1\"])");
    a.expect(&many, "[ok: 100]");
    for (wrong, said) in [
        (":quote, [\"z-9\", 1]", "unknown_sku"),
        (":quote, [\"a-1\", 18446744073709551615]", "nobody buys so many"),
        (":parse, [\"a lot\"]", "invalid float literal"),
        (":quote, [:a_1, 1]", "function_clause"),
        (":drop, []", "undef"),
    ] {
        let raised = a.expect_raise(&call(wrong));
        assert!(raised.contains(said), "{wrong}: {raised}");
    }
}
