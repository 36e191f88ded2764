//! BEAMs that use `flitch epmd` without knowing it: started by them, restarted under them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

use integration::{Cluster, eventually, flitch, stock};

/// What a BEAM runs to have an EPMD: our program under the stock name, in the cluster's folder,
/// with the one word that a BEAM gives it.
fn starter(cluster: &Cluster) -> PathBuf {
    let (link, script) = (cluster.home().join("epmd"), cluster.home().join("start"));
    symlink(flitch::binary(), &link).unwrap();
    std::fs::write(&script, format!("#!/bin/sh\nexec {} -daemon\n", link.display())).unwrap();
    std::fs::set_permissions(&script, Permissions::from_mode(0o755)).unwrap();
    script
}

/// Ends the daemon that a BEAM has started, whatever the test comes to.
struct Ends<'a>(&'a Cluster);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        let _ = self.0.cli(&["epmd", "-kill"]).run();
    }
}

#[test]
fn a_beam_starts_our_daemon_itself_and_registers_and_finds_others_through_it() {
    let cluster = Cluster::without_epmd();
    let script = starter(&cluster);
    let _ends = Ends(&cluster);
    // Without the flag, it is the `epmd` in the folder of the BEAM.
    let flags = format!("-start_epmd true -epmd {}", script.display());
    let start = |base: &str| {
        let relaxed = "ERL_EPMD_RELAXED_COMMAND_CHECK";
        cluster.erl(base).env(relaxed, "1").flags(&flags).start()
    };
    let (a, b) = (start("a"), start("b"));
    a.expect(
        &format!("net_adm:ping({})", b.atom().trim_start_matches(':').replace('"', "'")),
        "pong",
    );
    let names = cluster.epmd.stock_names();
    for base in ["a", "b"] {
        let port = cluster.epmd.port_of(&cluster.alive(base)).expect("it is registered");
        assert!(names.contains(&format!("name {} at port {port}", cluster.alive(base))), "{names}");
    }
    a.expect("element(1, erl_epmd:names({127,0,0,1}))", "ok");
    // A C node finds the BEAM through us as well.
    let mut erl_call = stock::command("erl_call");
    let erl_call = cluster.enter(&mut erl_call);
    let output = erl_call.args(["-c", cluster.cookie(), "-name", a.name(), "-a", "erlang node"]);
    let said = output.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&said.stdout), format!("'{}'", a.name()), "{said:?}");
}

#[test]
fn a_beam_keeps_its_creation_when_our_daemon_is_restarted_and_so_does_a_flitch_node() {
    let mut cluster = Cluster::without_epmd();
    cluster.epmd.start_flitch(&[]);
    let a = cluster.elixir("a").start();
    let worker = cluster.flitch("worker").args(&["--epmd", "external"]).start();
    a.expect(&format!("Node.ping({})", worker.atom()), ":pong");
    let creation = a.eval(":erlang.system_info(:creation)").unwrap();
    // A pid that was sent names the creation that the sender has.
    let pid = format!("GenServer.call({}, {{:echo, self()}}) == self()", worker.server());
    for _ in 0..2 {
        cluster.epmd.stop();
        cluster.epmd.start_flitch(&[]);
        for base in ["a", "worker"] {
            eventually("the name is back", || cluster.epmd.port_of(&cluster.alive(base)));
        }
        a.expect(":erlang.system_info(:creation)", &creation);
        a.expect(&pid, "true");
        a.expect(&format!("Node.list(:hidden) == [{}]", worker.atom()), "true");
    }
    let b = cluster.elixir("b").start();
    b.expect(&format!("Node.ping({})", worker.atom()), ":pong");
    b.expect(&format!("Node.ping({})", a.atom()), ":pong");
}

#[test]
fn a_node_that_comes_back_under_its_name_gets_another_creation() {
    let mut cluster = Cluster::without_epmd();
    cluster.epmd.start_flitch(&[]);
    let creation = || {
        let a = cluster.elixir("a").start();
        a.eval(":erlang.system_info(:creation)").unwrap()
    };
    let first = creation();
    eventually("the name is free", || {
        cluster.epmd.port_of(&cluster.alive("a")).is_none().then_some(())
    });
    assert_ne!(creation(), first);
}

#[test]
fn ipv6_nodes_register_with_our_daemon() {
    let mut cluster = Cluster::without_epmd();
    cluster.epmd.start_flitch(&[]);
    let a = cluster.elixir("a").host("::1").flags("-proto_dist inet6_tcp").start();
    let b = cluster.elixir("b").host("::1").flags("-proto_dist inet6_tcp").start();
    a.expect(&format!("Node.ping({})", b.atom()), ":pong");
    assert!(cluster.epmd.port_of(&cluster.alive("a")).is_some(), "listed over IPv4 too");
}
