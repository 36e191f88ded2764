//! The network falls apart and heals.

use std::time::{Duration, Instant};

use super::Scenario;
use crate::lab::links::{Kind, kind, logged};
use crate::lab::stage::Stage;

pub(super) const SCENARIOS: &[Scenario] = &[Scenario {
    name: "netsplit",
    proves: "cut off in silence until the ticks say so; rejoined within five seconds of the heal",
    play: netsplit,
}];

/// A peer is gone after so long a silence, more or less a quarter.
const TICKTIME: &str = "8";

fn netsplit(stage: &Stage<'_>) {
    let manifests = stage
        .manifests("overlays/ip")
        .replicas("ex-cluster", 2)
        .replicas("worker", 2)
        .env("worker", &[("FLITCH_NODE__NET_TICKTIME", TICKTIME)])
        .env("ex-cluster", &[("ELIXIR_ERL_OPTIONS", &format!("-kernel net_ticktime {TICKTIME}"))]);
    stage.apply(&manifests);
    stage.mesh(2, 2);
    let side = |app| stage.pods(app).remove(0);
    let away = [side("ex-cluster"), side("worker")];
    let network = &stage.lab.world.network;
    let began = Instant::now();
    network.split(away.iter().map(|pod| pod.addresses()));
    stage.wait("every worker has lost the other side, and kept its own", |pods| {
        let mut workers = pods.iter().filter(|pod| kind(pod) == Some(Kind::Rust));
        workers.all(|worker| logged(worker).len() == 1).then_some(())
    });
    stage.measured("split seen after", began.elapsed());
    // Attempts under way fail, and later ones begin to keep their distance.
    std::thread::sleep(Duration::from_secs(10));
    let healed = Instant::now();
    network.heal(away.iter().map(|pod| pod.addresses()));
    stage.workers_mesh(2, 2);
    let took = healed.elapsed();
    stage.measured("rejoined after", took);
    assert!(took <= Duration::from_secs(5), "rejoined {took:?} after the heal");
}
