//! Nodes found through stock EPMD: those of this host, and those of the hosts in a file.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use flitch_discovery::{ErlangHosts, Local, LocalEpmd, Observation, Sightings, Strategy};
use integration::{Cluster, SOON};
use tokio::runtime::Runtime;

const OFTEN: Duration = Duration::from_millis(100);

fn start(cluster: &Cluster, strategy: impl Strategy) -> (Runtime, Receiver<Observation>) {
    let runtime = Runtime::new().unwrap();
    let (tell, seen) = channel();
    let node = cluster.name("worker").parse().unwrap();
    let local = Local { node, epmd_port: cluster.epmd.port(), announce: true };
    let sightings = Sightings::new(local, move |observation| drop(tell.send(observation)));
    runtime.spawn(async move { strategy.run(sightings).await });
    (runtime, seen)
}

fn expect(seen: &Receiver<Observation>, wanted: impl Fn(&Observation) -> bool) -> Observation {
    loop {
        let observation = seen.recv_timeout(SOON).expect("it is seen");
        if wanted(&observation) {
            return observation;
        }
    }
}

#[test]
fn nodes_of_this_host_are_found_however_late_they_start_and_lost_when_they_end() {
    let mut cluster = Cluster::new();
    let (_runtime, seen) = start(&cluster, LocalEpmd::new().polling_interval(OFTEN));
    expect(&seen, |seen| seen.is_complete() && seen.peers.is_empty());
    // Whoever holds our own name is ourselves.
    let _worker = cluster.epmd.pretend(&cluster.alive("worker"), 1);
    let a = cluster.elixir("a").start();
    let found = expect(&seen, |seen| seen.is_complete() && !seen.peers.is_empty());
    assert_eq!(found.peers.iter().map(AsRef::<str>::as_ref).collect::<Vec<_>>(), [a.name()]);
    a.kill();
    expect(&seen, |seen| seen.is_complete() && seen.peers.is_empty());
    cluster.epmd.stop();
    let failed = expect(&seen, |seen| !seen.is_complete());
    assert!(failed.problems[0].message.contains("epmd -daemon"), "{failed:?}");
}

#[test]
fn hosts_are_read_and_named_as_net_adm_does_it() {
    let cluster = Cluster::new();
    let a = cluster.erl("a").start();
    let text = "% two of them are this one\n'127.0.0.1'.\n\n\"localhost\". 'nowhere.invalid'.\n";
    let file = cluster.home().join(".hosts.erlang");
    std::fs::write(&file, text).unwrap();
    // What `net_adm:host_file/0` does with the file that it finds.
    let read = "{ok,['127.0.0.1',\"localhost\",'nowhere.invalid']}";
    a.expect(&format!("file:consult({file:?})"), read);
    let (_runtime, seen) = start(&cluster, ErlangHosts::new().file(file).timeout(OFTEN));
    let found = expect(&seen, |seen| seen.peers.len() == 2);
    let names: Vec<_> = found.peers.iter().map(AsRef::<str>::as_ref).collect();
    assert_eq!(names, [a.name(), &a.name().replace("127.0.0.1", "localhost")]);
    assert!(!found.is_complete(), "one host has no address");
    // erl_call and the shells of a release register while they run, and are no peers.
    let alive = format!("rem-1a2b-{}", cluster.alive("a"));
    let _shell = cluster.epmd.pretend(&alive, 1);
    assert!(cluster.epmd.port_of(&alive).is_some());
    for _ in 0..3 {
        assert_eq!(expect(&seen, |_| true).peers.len(), 2);
    }
}
