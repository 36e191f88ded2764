//! Gossip with a BEAM that sends and takes heartbeats as libcluster does, on loopback.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::net::{Ipv4Addr, UdpSocket};
use std::sync::mpsc::{Receiver, channel};

use flitch_discovery::gossip::Secret;
use flitch_discovery::{Gossip, Local, Observation, Sightings, Strategy};
use integration::{Beam, Cluster, SOON, stock};
use tokio::runtime::Runtime;

/// Our half: what it sees comes out here, for as long as it is kept.
struct Ours {
    _runtime: Runtime,
    seen: Receiver<Observation>,
}

impl Ours {
    fn start(gossip: Gossip, name: &str) -> Self {
        let runtime = Runtime::new().unwrap();
        let (tell, seen) = channel();
        let local = Local { node: name.parse().unwrap(), epmd_port: 4369, announce: true };
        let sightings = Sightings::new(local, move |observation| drop(tell.send(observation)));
        runtime.spawn(async move { gossip.run(sightings).await });
        Self { _runtime: runtime, seen }
    }

    fn expect(&self, name: &str) {
        let heard = |seen: &Observation| seen.peers.iter().any(|peer| peer == name);
        while !heard(&self.seen.recv_timeout(SOON).expect("it is heard")) {}
    }
}

/// A port that nobody has.
fn port() -> u16 {
    UdpSocket::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port()
}

fn gossip(port: u16) -> Gossip {
    Gossip::new().port(port).multicast_if(Ipv4Addr::LOCALHOST)
}

fn start(beam: &Beam, port: u16, secret: &str) {
    let script = stock::script("gossip.exs");
    beam.expect(&format!("is_list(Code.require_file({script:?}))"), "true");
    beam.expect(&format!("Gossip.start({port}, {secret})"), ":ok");
}

#[test]
fn a_beam_and_we_hear_each_other_in_plain() {
    let (cluster, port) = (Cluster::new(), port());
    let a = cluster.elixir("a").start();
    start(&a, port, "nil");
    let ours = Ours::start(gossip(port), "worker@127.0.0.1");
    ours.expect(a.name());
    a.expect_soon("Gossip.heard()", "[:\"worker@127.0.0.1\"]");
}

#[test]
fn a_beam_and_we_hear_each_other_encrypted_and_strangers_are_not_heard() {
    let (cluster, port) = (Cluster::new(), port());
    let (a, b) = (cluster.elixir("a").start(), cluster.elixir("b").start());
    start(&a, port, "\"somepassword\"");
    start(&b, port, "nil");
    let file = cluster.home().join("secret");
    std::fs::write(&file, "somepassword\n").unwrap();
    let from_file = Ours::start(gossip(port).secret_file(file), "one@127.0.0.1");
    let secret = Secret::new("somepassword");
    let given = Ours::start(gossip(port).secret(secret), "two@127.0.0.1");
    from_file.expect(a.name());
    given.expect(a.name());
    let both = "[:\"one@127.0.0.1\", :\"two@127.0.0.1\"]";
    a.expect_soon("Gossip.heard()", both);
    b.expect("Gossip.heard()", "[]");
    for ours in [from_file, given] {
        let heard_b = |seen: Observation| seen.peers.iter().any(|peer| peer == b.name());
        assert!(!ours.seen.try_iter().any(heard_b), "it has no secret");
    }
}

#[test]
fn garbage_from_a_beam_leaves_us_listening() {
    let (cluster, port) = (Cluster::new(), port());
    let a = cluster.elixir("a").start();
    let ours = Ours::start(gossip(port), "worker@127.0.0.1");
    start(&a, port, "nil");
    for bytes in [
        "\"garbage\"",
        "<<>>",
        ":crypto.strong_rand_bytes(1400)",
        "\"heartbeat::\" <> :erlang.term_to_binary(:worker)",
        "\"heartbeat::\" <> :erlang.term_to_binary(%{node: self()})",
        "\"heartbeat::\" <> :erlang.term_to_binary(%{node: :late@here, more: 1})",
        "\"heartbeat::\" <> :erlang.term_to_binary(\
         %{node: :\"#{String.duplicate(\"a\", 200)}@y\"}, [:compressed])",
        "\"heartbeat::\" <> <<131, 116, 255, 255, 255, 255>>",
    ] {
        a.expect(&format!("Gossip.throw_at_them({bytes})"), ":ok");
    }
    ours.expect(a.name());
    a.expect_soon("Gossip.heard() |> Enum.member?(:\"worker@127.0.0.1\")", "true");
    // Who is heard after all that is who sends heartbeats: one with more keys is none.
    let last = ours.seen.try_iter().last();
    assert!(last.is_none_or(|seen| seen.peers.iter().all(|peer| peer == a.name())));
}
