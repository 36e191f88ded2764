//! The trap of the one basename: libcluster makes a name of every address that a service has, and all
//! with the same basename. It is shown, and then the three ways out of it.

use std::time::Duration;

use serde_json::{Value, json};

use super::Scenario;
use crate::eventually;
use crate::lab::manifest::Manifests;
use crate::lab::stage::Stage;

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "trap",
        proves: "a worker under the BEAMs' service and a name of its own: each poll complains",
        play: trap,
    },
    Scenario {
        name: "trap-own-service",
        proves: "the first way out, k8s/base: a service for each basename",
        play: |stage| way_out(stage, "base"),
    },
    Scenario {
        name: "trap-same-basename",
        proves: "the second way out, k8s/overlays/same-basename: the worker has their basename",
        play: |stage| way_out(stage, "overlays/same-basename"),
    },
    Scenario {
        name: "trap-second-topology",
        proves: "the third way out, k8s/overlays/second-topology: libcluster looks for workers too",
        play: |stage| way_out(stage, "overlays/second-topology"),
    },
];

/// Elixir's polls, short so that several are seen.
const POLL: Duration = Duration::from_millis(500);
const POLLS: u32 = 6;

fn trap(stage: &Stage<'_>) {
    let manifests =
        polling(stage, "overlays/same-basename").env("worker", &[("RELEASE_NAME", "worker")]);
    stage.apply(&manifests);
    stage.pairs(2, 1);
    // They begin when the cluster's DNS has the worker's address, which may be a while after it is up.
    let before = complaints(stage);
    let each = eventually("each BEAM complains again and again", || {
        let more: Vec<_> =
            complaints(stage).iter().zip(&before).map(|(now, then)| now - then).collect();
        more.iter().all(|more| *more >= POLLS as usize).then_some(more)
    });
    stage.say(format!("complaints of the two BEAMs: {each:?}"));
}

fn way_out(stage: &Stage<'_>, folder: &str) {
    stage.apply(&polling(stage, folder));
    stage.measured("all connected after", stage.mesh(2, 1));
    let before = complaints(stage);
    std::thread::sleep(POLL * POLLS);
    assert_eq!(complaints(stage), before, "no complaint of two BEAMs in {POLLS} polls");
}

/// The manifests with two BEAMs that poll often, and a worker.
fn polling(stage: &Stage<'_>, folder: &str) -> Manifests {
    let often = format!(", polling_interval: {}]", POLL.as_millis());
    stage.manifests(folder).replicas("ex-cluster", 2).replicas("worker", 1).each(|object| {
        let env = object
            .pointer_mut("/spec/template/spec/containers/0/env")
            .and_then(Value::as_array_mut);
        for variable in env.into_iter().flatten() {
            if variable["name"] == "LIBCLUSTER_TOPOLOGIES" {
                // Behind the last option of each `config: [...]`.
                let text = variable["value"].as_str().unwrap_or_default();
                variable["value"] = json!(text.replace("\"]", &format!("\"{often}")));
            }
        }
    })
}

/// How often each BEAM has said that it cannot connect.
fn complaints(stage: &Stage<'_>) -> Vec<usize> {
    let pods = stage.pods("ex-cluster");
    pods.iter().map(|pod| pod.text().matches("unable to connect").count()).collect()
}
