//! Pods come, go and are replaced.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Scenario;
use crate::Signal;
use crate::lab::links::{Kind, asked, logged, node};
use crate::lab::pod::Pod;
use crate::lab::stage::Stage;

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "appears",
        proves: "a pod that appears is connected within a second of its publication and its start",
        play: appears,
    },
    Scenario {
        name: "scale",
        proves: "scaled up and down: the new are found, the others stay connected",
        play: scale,
    },
    Scenario {
        name: "replaced",
        proves: "killed pods come back under the same address, and under a new one",
        play: replaced,
    },
    Scenario {
        name: "same-name",
        proves: "pods of StatefulSets come back under their names, at the same address and at new ones",
        play: same_name,
    },
    Scenario {
        name: "readiness",
        proves: "/readyz, and with it the pod's condition, follows the membership",
        play: readiness,
    },
    Scenario {
        name: "terminating",
        proves: "a pod that terminates is not dialled, and whoever is connected to it stays so",
        play: terminating,
    },
];

/// From its publication in an EndpointSlice, or from its start if that comes later: a BEAM takes a
/// second or two to start, and is published before.
const WITHIN: Duration = Duration::from_secs(1);

fn appears(stage: &Stage<'_>) {
    stage.apply(&stage.manifests("overlays/ip").replicas("ex-cluster", 1).replicas("worker", 2));
    stage.mesh(1, 2);
    for (workload, app, up) in [
        ("deployment/ex-cluster", "ex-cluster", " sees "),
        ("deployment/worker", "worker", "node is up"),
    ] {
        let before = stage.pods(app);
        let workers = stage.pods("worker");
        let new = stage.follow_slices(|published| {
            stage.kubectl(&["scale", workload, &format!("--replicas={}", before.len() + 1)]);
            let new = stage.wait("a new pod", |_| {
                let known = |name: &str| before.iter().any(|pod| pod.name() == name);
                stage
                    .pods(app)
                    .into_iter()
                    .find(|pod| !known(pod.name()) && pod.seen().addresses.is_some())
            });
            let (name, ip) = (node(&new).unwrap_or_default(), new.ip());
            let began = stage.moment("the new node is up", || new.text().contains(up));
            stage.moment("its address is published", || published.at(ip).is_some());
            let began = published.at(ip).map_or(began, |at| at.max(began));
            let connected = stage.moment("every worker is connected to it", || {
                workers.iter().all(|worker| logged(worker).contains(&name))
            });
            connected.saturating_duration_since(began)
        });
        stage.measured(&format!("a new {app}: "), new);
        assert!(new <= WITHIN, "a new {app} was connected after {new:?}");
    }
}

fn scale(stage: &Stage<'_>) {
    stage.apply(&stage.manifests("overlays/ip").replicas("ex-cluster", 2).replicas("worker", 2));
    stage.mesh(2, 2);
    stage.no_link_goes("more pods came", || {
        stage.scale("deployment/ex-cluster", 3);
        stage.scale("deployment/worker", 3);
        stage.measured("up to 3 and 3:", stage.mesh(3, 3));
    });
    let (staying, began) = (stage.pods("worker"), Instant::now());
    stage.scale("deployment/ex-cluster", 1);
    stage.measured("down to 1 Elixir pod:", began.elapsed());
    let [left] = &stage.pods("ex-cluster")[..] else { panic!("one Elixir pod is left") };
    let left = node(left).unwrap_or_default();
    for worker in &staying {
        stage.wait("the worker counts the others as gone", |_| {
            let beams = logged(worker).into_iter().filter(|peer| peer.starts_with("ex_cluster@"));
            (beams.collect::<Vec<_>>() == [left.clone()]).then_some(())
        });
    }
    stage.workers_mesh(1, 3);
}

fn replaced(stage: &Stage<'_>) {
    stage.apply(&stage.manifests("overlays/ip").replicas("ex-cluster", 2).replicas("worker", 2));
    stage.mesh(2, 2);
    for (app, base) in [("ex-cluster", 2), ("worker", 2)] {
        let victim = stage.pods(app).remove(0);
        victim.signal(Signal::KILL);
        stage.wait("its container is started again", |_| {
            (victim.seen().logs.len() > 1).then_some(())
        });
        stage.measured(&format!("{app} again at the same address:"), stage.workers_mesh(2, base));
        let victim = stage.pods(app).remove(0);
        stage.kubectl(&["delete", "pod", victim.name(), "--grace-period=0", "--force"]);
        stage.wait("it is gone", |_| victim.has_ended().then_some(()));
        stage.measured(&format!("{app} at a new one:"), stage.workers_mesh(2, base));
    }
}

fn same_name(stage: &Stage<'_>) {
    let keep = |pod: &mut Value| pod["metadata"]["annotations"] = json!({"lab/address": "kept"});
    let manifests =
        stage.manifests("overlays/hostname").replicas("ex-cluster", 2).replicas("worker", 2);
    stage.apply(&manifests.template("worker", keep));
    stage.mesh(2, 2);
    for (app, kept) in [("worker", true), ("ex-cluster", false)] {
        let victim = stage.pods(app).remove(0);
        stage.kubectl(&["delete", "pod", victim.name(), "--grace-period=0", "--force"]);
        let next = stage.wait("its successor", |pods| {
            let is =
                |pod: &&Arc<Pod>| pod.name() == victim.name() && pod.seen().addresses.is_some();
            pods.iter().find(is).filter(|_| victim.has_ended()).cloned()
        });
        assert_eq!(next.ip() == victim.ip(), kept, "the address of {app}'s successor");
        let place = if kept { "the same address" } else { "a new address" };
        stage.measured(&format!("{app} at {place}:"), stage.workers_mesh(2, 2));
    }
}

fn readiness(stage: &Stage<'_>) {
    let ready = |wanted: bool| {
        let began = Instant::now();
        stage.wait(&format!("the worker's readiness is {wanted}"), |_| {
            let workers = stage.pods("worker");
            (workers.len() == 1 && workers[0].is_ready() == wanted).then_some(())
        });
        let condition = format!("--for=condition=Ready={wanted}");
        stage.kubectl(&["wait", "pod", "--selector=app=worker", &condition, "--timeout=10s"]);
        began.elapsed()
    };
    stage.apply(&stage.manifests("overlays/ip").replicas("ex-cluster", 0).replicas("worker", 1));
    stage.wait("the worker is up", |_| {
        stage.pods("worker").first()?.text().contains("node is up").then_some(())
    });
    ready(false);
    stage.scale("deployment/ex-cluster", 1);
    stage.measured("ready after", ready(true));
    stage.scale("deployment/ex-cluster", 0);
    stage.measured("not ready after", ready(false));
}

fn terminating(stage: &Stage<'_>) {
    let slow = json!({"preStop": {"sleep": {"seconds": 8}}});
    let manifests = stage
        .manifests("overlays/ip")
        .replicas("ex-cluster", 2)
        .replicas("worker", 1)
        .template("ex-cluster", |pod| pod["spec"]["containers"][0]["lifecycle"] = slow);
    stage.apply(&manifests);
    stage.mesh(2, 1);
    let [going, _] = &stage.pods("ex-cluster")[..] else { panic!("two Elixir pods") };
    let [old] = &stage.pods("worker")[..] else { panic!("one worker") };
    let name = node(going).unwrap_or_default();
    stage.kubectl(&["delete", "pod", going.name(), "--wait=false"]);
    stage.wait("its EndpointSlice says so", |_| {
        let slices =
            stage.kubectl(&["get", "endpointslices", "--selector=app=ex-cluster", "--output=json"]);
        slices.contains("\"terminating\": true").then_some(())
    });
    stage.kubectl(&["scale", "deployment/worker", "--replicas=2"]);
    let new = stage.wait("a second worker", |_| {
        let mut workers = stage.pods("worker").into_iter();
        workers.find(|pod| pod.name() != old.name() && !logged(pod).is_empty())
    });
    stage.wait("it is connected to its other peers", |_| (logged(&new).len() >= 3).then_some(()));
    assert!(
        !new.text().contains(&format!("peer is up peer={name}")),
        "the new worker dialled {name}, which terminates"
    );
    assert!(!going.has_ended(), "the pod had ended before anything could be seen");
    assert!(logged(old).contains(&name), "the old worker cut its link with {name}");
    let peers = asked(Kind::Rust, &node(&new).unwrap_or_default(), stage.cookie(), None)
        .unwrap_or_else(|why| panic!("{why}"));
    assert!(!peers.contains(&name), "the new worker is connected to {name}, which terminates");
}
