//! The servers that are asked fail, answer in part, or refuse: no link goes, and new peers are found
//! once they are back.

use std::time::Duration;

use serde_json::Value;

use super::Scenario;
use crate::Signal;
use crate::lab::coredns::Mood;
use crate::lab::stage::Stage;
use crate::lab::volumes;

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "api-away",
        proves: "the API server is stopped: no link goes, and a peer that restarts is dialled again",
        play: api_away,
    },
    Scenario {
        name: "dns-servfail",
        proves: "DNS answers SERVFAIL: no link of a worker goes",
        play: dns_servfail,
    },
    Scenario {
        name: "dns-half",
        proves: "DNS answers with half of the records: no link of a worker goes",
        play: dns_half,
    },
    Scenario {
        name: "forbidden",
        proves: "403: the worker says so in words, and drops nothing",
        play: forbidden,
    },
    Scenario {
        name: "token-rotated",
        proves: "a rotated token is read anew, and the old one no longer used",
        play: token_rotated,
    },
    Scenario {
        name: "watch-expired",
        proves: "410: a watch that has expired is begun again from a list",
        play: watch_expired,
    },
];

/// Longer than two polls of every strategy, and than any answer is waited for.
const POLLS: Duration = Duration::from_secs(12);

fn api_away(stage: &Stage<'_>) {
    stage.apply(&stage.manifests("overlays/ip").replicas("ex-cluster", 2).replicas("worker", 2));
    stage.mesh(2, 2);
    let plane = &stage.lab.world.plane;
    stage.no_link_goes("the API server was away", || {
        plane.stop();
        std::thread::sleep(stage.away);
    });
    stage.say(format!("away for {} s", stage.away.as_secs()));
    let restarted = stage.pods("ex-cluster").remove(0);
    restarted.signal(Signal::KILL);
    stage.wait("a container is started again", |_| (restarted.seen().logs.len() > 1).then_some(()));
    stage.measured("a peer that restarted meanwhile:", stage.workers_mesh(2, 2));
    stage.no_link_goes("the API server came back", || {
        plane.resume();
        stage.scale("deployment/ex-cluster", 3);
        stage.measured("a new one after its return:", stage.workers_mesh(3, 2));
    });
}

fn dns_servfail(stage: &Stage<'_>) {
    stage.apply(&stage.manifests("base"));
    stage.mesh(3, 3);
    stage.no_link_goes("DNS failed", || {
        stage.lab.dns.set(&Mood::Failing);
        std::thread::sleep(POLLS);
    });
    stage.each_says("worker", "that its look-up failed", |log| {
        let log = log.to_lowercase();
        log.contains("servfail") || log.contains("server failure")
    });
    stage.lab.dns.set(&Mood::Well);
    // By libcluster's rules the BEAMs may have dropped each other meanwhile.
    stage.mesh(3, 3);
}

fn dns_half(stage: &Stage<'_>) {
    stage.apply(&stage.manifests("base").replicas("ex-cluster", 4).replicas("worker", 2));
    stage.mesh(4, 2);
    let half = |app: &str, service: &str| {
        let pods = stage.pods(app);
        let addresses = pods.iter().take(pods.len() / 2).map(|pod| pod.ip().to_string()).collect();
        (format!("{service}.{}.svc.cluster.local", stage.namespace), addresses)
    };
    let partial =
        Mood::Partial(vec![half("ex-cluster", "ex-cluster-svc"), half("worker", "worker-svc")]);
    stage.no_link_goes("DNS told of half", || {
        stage.lab.dns.set(&partial);
        std::thread::sleep(POLLS);
    });
    stage.lab.dns.set(&Mood::Well);
    stage.mesh(4, 2);
}

fn forbidden(stage: &Stage<'_>) {
    stage.apply(&stage.manifests("overlays/ip").replicas("ex-cluster", 2).replicas("worker", 2));
    stage.mesh(2, 2);
    let binding = stage.kubectl(&["get", "rolebinding", "worker-discovery", "--output=json"]);
    let mut binding: Value = serde_json::from_str(&binding).expect("kubectl prints JSON");
    let plane = &stage.lab.world.plane;
    stage.no_link_goes("the worker was refused", || {
        stage.kubectl(&["delete", "rolebinding", "worker-discovery"]);
        // A watch goes on with the rights that it began with.
        plane.stop();
        plane.resume();
        stage.each_says("worker", "what it is refused", |log| {
            log.contains("403") && log.contains("endpointslices")
        });
        std::thread::sleep(POLLS);
    });
    for key in ["resourceVersion", "uid", "creationTimestamp", "managedFields"] {
        binding["metadata"][key].take();
    }
    plane.api.apply(&[binding]);
    stage.scale("deployment/ex-cluster", 3);
    stage.measured("a new pod once it may ask again:", stage.workers_mesh(3, 2));
}

fn token_rotated(stage: &Stage<'_>) {
    stage.apply(&stage.manifests("overlays/ip").replicas("ex-cluster", 1).replicas("worker", 1));
    stage.mesh(1, 1);
    let (plane, [worker]) = (&stage.lab.world.plane, &stage.pods("worker")[..]) else {
        panic!("one worker")
    };
    let used = |event: &Value| {
        event["user"]["extra"]["authentication.kubernetes.io/credential-id"][0].clone()
    };
    let before = stage.audit("worker");
    let old = before.first().map(used).expect("the worker has asked");
    stage.no_link_goes("its token was rotated", || {
        volumes::rotate(&stage.lab.world, worker).expect("a new token");
        plane.stop();
        plane.resume();
        stage.scale("deployment/ex-cluster", 2);
        stage.measured("a new pod, found with the new token:", stage.workers_mesh(2, 1));
    });
    let since = stage.audit("worker").split_off(before.len());
    let stale = since.iter().filter(|event| used(event) == old).count();
    stage.say(format!("{stale} of {} requests with the old one", since.len()));
    assert!(stale < since.len(), "the worker asks with its old token");
    assert_ne!(since.last().map(used), Some(old), "the worker went back to its old token");
}

fn watch_expired(stage: &Stage<'_>) {
    stage.apply(&stage.manifests("overlays/ip").replicas("ex-cluster", 2).replicas("worker", 2));
    stage.mesh(2, 2);
    let plane = &stage.lab.world.plane;
    let slices = format!("/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices", stage.namespace);
    let before = stage.audit("worker").len();
    stage.no_link_goes("the watch expired", || {
        // Else they might change a slice behind the noise, and its version would not be too old.
        plane.without_controllers(|| {
            let known = plane.api.get(&slices).expect("the API server answers");
            // A new API server knows no version from before its start, and this makes one.
            stage.kubectl(&["create", "configmap", "noise"]);
            plane.replace();
            let version = known["metadata"]["resourceVersion"].as_str().unwrap_or_default();
            let first = plane.api.watch(&slices, version).expect("the API server answers").next();
            let code = first.map(|event| event["object"]["code"].clone());
            let told = "what a watch is told that goes on from version";
            assert_eq!(code, Some(410.into()), "{told} {version}");
        });
        stage.wait("both workers have listed again for both of their topologies", |_| {
            let since = stage.audit("worker").split_off(before);
            (since.iter().filter(|event| event["verb"] == "list").count() >= 4).then_some(())
        });
        stage.scale("deployment/ex-cluster", 3);
        stage.measured("a new pod after it:", stage.workers_mesh(3, 2));
    });
}
