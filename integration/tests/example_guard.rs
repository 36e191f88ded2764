//! The example that watches processes, against live nodes.

use std::process::Command;

use integration::child::Child;
use integration::{Beam, Cluster, flitch};

/// The example under a name of the cluster, and an Elixir node with it under `guard`.
fn example(cluster: &Cluster) -> (Child, Beam) {
    let name = cluster.name("guard");
    let mut command = Command::new(flitch::example("guard"));
    cluster.enter(&mut command).env("RELEASE_NODE", &name);
    command.env("RELEASE_COOKIE", cluster.cookie());
    let guard = Child::start(&mut command, "the guard example");
    let a = cluster.elixir("a").start();
    a.expect_soon(&format!("Node.ping(:{name:?})"), ":pong");
    a.expect(&format!("guard = {{:guard, :{name:?}}}; :bound"), ":bound");
    (guard, a)
}

const TOLD: &str = "receive do {:ended, name, reason} -> {name, reason} after 10_000 -> :never end";

#[test]
fn the_guard_knows_how_each_process_ended_and_tells_who_asked() {
    let cluster = Cluster::new();
    let (_guard, a) = example(&cluster);
    a.expect("importer = spawn(fn -> Process.sleep(:infinity) end); is_pid(importer)", "true");
    a.expect("GenServer.cast(guard, {:watch, :import, importer, self()})", ":ok");
    a.expect("GenServer.call(guard, {:ended})", "[]");
    a.expect("Process.exit(importer, :kill)", "true");
    a.expect(TOLD, "{:import, :killed}");
    // One that is gone already.
    a.expect("GenServer.cast(guard, {:watch, :late, importer, self()})", ":ok");
    a.expect(TOLD, "{:late, :noproc}");
    a.expect("GenServer.call(guard, {:ended})", "[import: :killed, late: :noproc]");
}

#[test]
fn a_process_that_goes_with_its_node_is_told_of_as_well() {
    let cluster = Cluster::new();
    let (_guard, a) = example(&cluster);
    let b = cluster.elixir("b").start();
    let remote = format!("Node.spawn({}, Process, :sleep, [:infinity])", b.atom());
    a.expect(&format!("remote = {remote}; node(remote) == {}", b.atom()), "true");
    a.expect("GenServer.cast(guard, {:watch, :far, remote, self()})", ":ok");
    a.expect("GenServer.call(guard, {:ended})", "[]");
    // Its connection with the guard is there before it goes.
    a.expect_soon(
        &format!(":erpc.call({}, :erlang, :nodes, [:hidden]) |> length() > 0", b.atom()),
        "true",
    );
    b.kill();
    a.expect(TOLD, "{:far, :noconnection}");
}
