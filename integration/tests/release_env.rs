//! `rel/env.sh` and `rel/env.sh.eex`: what a pod knows about itself becomes the node's name, for the
//! worker and for a mix release alike; and the release of `integration/ex_cluster` that starts so.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use integration::child::Child;
use integration::log::Line;
use integration::{Cluster, SOON, Signal, flitch, stock};

/// What is set, and the name that comes of it or a part of the sentence that says why there is none.
type Case = (&'static [(&'static str, &'static str)], Result<&'static str, &'static str>);

const CASES: &[Case] = &[
    (&[("POD_IP", "10.0.0.7")], Ok("worker@10.0.0.7")),
    (&[("POD_IP", "fd00:10::7")], Ok("worker@fd00:10::7")),
    (&[("POD_IP", "10.0.0.7"), ("CLUSTER_MODE", "ip")], Ok("worker@10.0.0.7")),
    (&[("POD_IP", "10.0.0.7"), ("RELEASE_NAME", "ex_cluster")], Ok("ex_cluster@10.0.0.7")),
    (
        &[("CLUSTER_MODE", "dns"), ("POD_IP", "10.0.0.7"), ("NAMESPACE", "shop")],
        Ok("worker@10-0-0-7.shop.pod.cluster.local"),
    ),
    (
        &[("CLUSTER_MODE", "dns"), ("POD_IP", "fd00:10::7"), ("NAMESPACE", "shop")],
        Ok("worker@fd00-10--7.shop.pod.cluster.local"),
    ),
    (
        // libcluster's DNSSRV wants the dot at the end.
        &[
            ("CLUSTER_MODE", "dns"),
            ("POD_A_RECORD", "10-0-0-7"),
            ("NAMESPACE", "shop"),
            ("CLUSTER_DOMAIN", "eu.example."),
        ],
        Ok("worker@10-0-0-7.shop.pod.eu.example"),
    ),
    (
        &[
            ("CLUSTER_MODE", "hostname"),
            ("HOSTNAME_SAYS", "worker-0.worker-svc.shop.svc.cluster.local"),
        ],
        Ok("worker@worker-0.worker-svc.shop.svc.cluster.local"),
    ),
    // The name that was given stays, whatever else there is.
    (&[("RELEASE_NODE", "a@b.c"), ("POD_IP", "10.0.0.7")], Ok("a@b.c")),
    (&[("RELEASE_NODE", "a@b.c"), ("CLUSTER_MODE", "nonsense")], Ok("a@b.c")),
    (&[], Err("POD_IP is not set")),
    (&[("POD_IP", "")], Err("POD_IP is not set")),
    (&[("POD_IP", "10.0.0.7,fd00::7")], Err("is not one IP address")),
    (&[("POD_IP", "10.0.0.7"), ("CLUSTER_MODE", "dns")], Err("NAMESPACE is not set")),
    (&[("NAMESPACE", "shop"), ("CLUSTER_MODE", "dns")], Err("POD_IP is not set")),
    (&[("CLUSTER_MODE", "hostname"), ("HOSTNAME_SAYS", "vm")], Err("hostname -f says 'vm'")),
    (&[("CLUSTER_MODE", "hostname")], Err("hostname -f fails")),
    (&[("POD_IP", "10.0.0.7"), ("CLUSTER_MODE", "srv")], Err("it may be ip, dns or hostname")),
];

fn rel(file: &str) -> PathBuf {
    std::fs::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).join("../rel").join(file)).unwrap()
}

/// A folder with a `hostname` that says what `HOSTNAME_SAYS` has, and fails without.
fn fake_hostname() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("hostname");
    let script =
        "#!/bin/sh\n[ \"$1\" = -f ] && [ -n \"$HOSTNAME_SAYS\" ] && echo \"$HOSTNAME_SAYS\"\n";
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

fn check(run: impl Fn(&mut Command) -> Output, shell: &str) {
    let fake = fake_hostname();
    let path = format!("{}:{}", fake.path().display(), std::env::var("PATH").unwrap());
    for (env, wanted) in CASES {
        let mut command = Command::new(shell);
        command.env_clear().env("PATH", &path).envs(env.iter().copied());
        let output = run(&mut command);
        let said = String::from_utf8_lossy(&output.stdout);
        let why = String::from_utf8_lossy(&output.stderr);
        match wanted {
            Ok(name) => assert_eq!(said.trim(), *name, "{shell} {env:?}: {why}"),
            Err(part) => {
                assert!(!output.status.success(), "{shell} {env:?}: {said}");
                assert!(why.contains(part) && why.lines().count() <= 2, "{shell} {env:?}: {why}");
            }
        }
    }
}

/// Every shell of this machine that a small image may have.
fn shells() -> Vec<&'static str> {
    let there = |shell: &&str| Command::new(shell).args(["-c", ":"]).output().is_ok();
    let found: Vec<_> = ["sh", "dash", "bash", "ksh", "yash"].into_iter().filter(there).collect();
    assert!(found.contains(&"sh"));
    found
}

#[test]
fn a_worker_is_named_after_its_pod_or_says_what_is_missing() {
    for shell in shells() {
        let script = rel("env.sh");
        let print = ["sh", "-c", "echo \"$RELEASE_NODE\""];
        check(|command| command.arg(&script).args(print).output().unwrap(), shell);
    }
}

#[test]
fn a_mix_release_is_named_by_the_same_rules() {
    let script = release().join("releases/0.1.0/env.sh");
    // As bin/ex_cluster does it.
    let start = "set -e; RELEASE_NAME=${RELEASE_NAME:-worker}; RELEASE_COMMAND=start; . \"$0\"; echo \"$RELEASE_NODE\"";
    for shell in shells() {
        check(|command| command.args(["-c", start]).arg(&script).output().unwrap(), shell);
    }
}

#[test]
fn the_worker_takes_the_place_of_the_script() {
    let mut command = Command::new(rel("env.sh"));
    let said = command.env("RELEASE_NODE", "a@b.c").args(["sh", "-c", "exit 7"]).output().unwrap();
    assert_eq!(said.status.code(), Some(7));
    let said = Command::new(rel("env.sh")).env("RELEASE_NODE", "a@b.c").output().unwrap();
    assert!(String::from_utf8_lossy(&said.stderr).contains("nothing to start"));
}

#[test]
fn a_release_evaluates_outside_of_a_pod() {
    let cluster = Cluster::without_epmd();
    let mut command = Command::new(release().join("bin/ex_cluster"));
    let said = cluster.enter(&mut command).args(["eval", "IO.puts(1 + 1)"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&said.stdout), "2\n", "{said:?}");
}

#[test]
fn the_elixir_side_passes_its_own_tests() {
    let output = mix(&["test"], "test");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("Finished in"), "{output:?}");
}

/// Runs mix in `integration/ex_cluster`, and writes nothing there.
fn mix(args: &[&str], env: &str) -> Output {
    let project = std::fs::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).join("ex_cluster"));
    // A wrapper of elixir may start it elsewhere, so it is told the folder.
    let script =
        "[folder | args] = System.argv(); File.cd!(folder); Mix.start(); Mix.CLI.main(args)";
    let mut command = stock::command("elixir");
    command.args(["-e", script]).arg(project.unwrap()).args(args);
    command.env("MIX_ENV", env).env("MIX_BUILD_PATH", built(env)).env("INCLUDE_ERTS", "false");
    command.env("LANG", "C.UTF-8").output().unwrap()
}

/// Where mix builds, for each release of Elixir.
fn built(env: &str) -> PathBuf {
    static VERSION: OnceLock<String> = OnceLock::new();
    let version = VERSION.get_or_init(|| {
        let output = stock::command("elixir").arg("--short-version").output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    });
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("ex_cluster-{env}-{version}"))
}

/// The release, which takes its Erlang from the PATH.
fn release() -> PathBuf {
    static RELEASE: OnceLock<PathBuf> = OnceLock::new();
    let build = || {
        let folder = built("release");
        let path = folder.to_str().unwrap();
        let output = mix(&["release", "--overwrite", "--quiet", "--path", path], "prod");
        assert!(output.status.success(), "{output:?}");
        folder
    };
    RELEASE.get_or_init(build).clone()
}

/// `bin/ex_cluster start` with this environment, up.
fn start(cluster: &Cluster, name: &str, env: &[(&str, &str)]) -> Child {
    let mut command = Command::new(release().join("bin/ex_cluster"));
    cluster.enter(&mut command).arg("start").envs(env.iter().copied());
    // The test's own EPMD, and not one that stays.
    command.env("ELIXIR_ERL_OPTIONS", "-start_epmd false").env("RELEASE_COOKIE", cluster.cookie());
    let child = Child::start(&mut command, name);
    await_line(&child, &format!("{name} sees"));
    child
}

#[track_caller]
fn await_line(child: &Child, part: &str) -> String {
    let found =
        |lines: &[Line]| lines.iter().find(|it| it.text.contains(part)).map(|it| it.text.clone());
    let found = child.log().wait_for(SOON, found);
    found.unwrap_or_else(|missed| panic!("no line with {part}: {missed:?}"))
}

/// `rel/env.sh flitch node` with these arguments, up.
fn worker(cluster: &Cluster, address: &str, args: &[&str]) -> Child {
    let mut command = Command::new(rel("env.sh"));
    command.arg(flitch::binary()).arg("node").args(args);
    let command = cluster.enter(&mut command).env("POD_IP", address);
    let child = Child::start(command.env("RELEASE_COOKIE", cluster.cookie()), "worker");
    await_line(&child, "node is up");
    child
}

#[test]
fn a_release_and_a_worker_meet_under_the_names_that_their_pods_give_them() {
    for (address, worker_name) in [("127.0.0.1", "worker@127.0.0.1"), ("::1", "worker@::1")] {
        let cluster = Cluster::new();
        let (elixir, pod) = (format!("ex_cluster@{address}"), ("POD_IP", address));
        let _worker = worker(&cluster, address, &[]);
        let hosts = format!(":{elixir:?}, :\"nobody@127.0.0.1\", :{worker_name:?}");
        let topologies = format!(
            "[dev: [strategy: Cluster.Strategy.Epmd, config: [timeout: 200, hosts: [{hosts}]]]]"
        );
        let mut ex = start(&cluster, &elixir, &[pod, ("LIBCLUSTER_TOPOLOGIES", &topologies)]);
        await_line(&ex, &format!("[libcluster:dev] connected to :{worker_name:?}"));
        await_line(&ex, "[libcluster:dev] unable to connect to :\"nobody@127.0.0.1\"");
        await_line(&ex, &format!("{elixir} sees [], hidden [:{worker_name:?}]"));
        let seen = cluster.cli(&["call", &elixir, "ExCluster.Observe", ":nodes"]).run();
        assert!(seen.stdout.contains(worker_name), "{seen}");
        ex.signal(Signal::TERM);
        assert!(ex.wait(SOON).is_some_and(|status| status.success()), "it does not stop");
    }
}

#[test]
fn a_release_without_epmd_is_found_at_its_port() {
    let cluster = Cluster::without_epmd();
    let row = integration::port::Port::claim_row::<2>();
    let (port, ours) = (row[0].number().to_string(), row[1].number().to_string());
    let env = [("POD_IP", "127.0.0.1"), ("START_EPMD", "false"), ("ERL_DIST_PORT", &port)];
    let _ex = start(&cluster, "ex_cluster@127.0.0.1", &env);
    let of_ex = format!("ex_cluster@*={port}");
    let args = ["--epmd", "none", "--dist-port", &ours, "--peer-port", &of_ex];
    let args = [&args[..], &["--connect", "ex_cluster@127.0.0.1"]].concat();
    let worker = worker(&cluster, "127.0.0.1", &args);
    await_line(&worker, "peer is up");
    let mut said = Command::new(release().join("bin/ex_cluster"));
    cluster.enter(&mut said).args(["rpc", "IO.inspect(Node.list(:hidden) |> Enum.count())"]);
    let said = said.envs(env).env("RELEASE_COOKIE", cluster.cookie()).output().unwrap();
    // The worker, and the node that asks.
    assert_eq!(String::from_utf8_lossy(&said.stdout), "2\n", "{said:?}");
}
