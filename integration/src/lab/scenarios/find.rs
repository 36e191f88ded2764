//! Three Elixir and three Rust pods find each other, by each strategy that asks a server.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::Scenario;
use crate::lab::manifest::Topology;
use crate::lab::stage::Stage;

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "kubernetes-dns",
        proves: "k8s/base: found by the addresses of headless services",
        play: |stage| find(stage, "base"),
    },
    Scenario {
        name: "kubernetes-ip",
        proves: "k8s/overlays/ip: found through EndpointSlices, with the least rights and one list",
        play: kubernetes_ip,
    },
    Scenario {
        name: "kubernetes-mode-dns",
        proves: "k8s/overlays/dns: named after their pods' DNS records",
        play: |stage| find(stage, "overlays/dns"),
    },
    Scenario {
        name: "kubernetes-hostname",
        proves: "k8s/overlays/hostname: StatefulSets, named after their hosts",
        play: |stage| find(stage, "overlays/hostname"),
    },
    Scenario {
        name: "epmd-less",
        proves: "k8s/overlays/epmd-less: no EPMD anywhere, one port for all",
        play: |stage| find(stage, "overlays/epmd-less"),
    },
    Scenario {
        name: "kubernetes-endpoints",
        proves: "Kubernetes with kubernetes_ip_lookup_mode = \"endpoints\", and the role for it",
        play: |stage| lookup(stage, "endpoints"),
    },
    Scenario {
        name: "kubernetes-pods",
        proves: "Kubernetes with kubernetes_ip_lookup_mode = \"pods\", and the role for it",
        play: |stage| lookup(stage, "pods"),
    },
    Scenario {
        name: "dns-srv",
        proves: "Kubernetes.DNSSRV: the hosts of StatefulSets by SRV records",
        play: dns_srv,
    },
    Scenario { name: "dns-poll", proves: "DNSPoll: A and AAAA records", play: dns_poll },
    Scenario {
        name: "dns-cluster",
        proves: "DNSCluster: dns_cluster's queries",
        play: dns_cluster,
    },
    Scenario {
        name: "ipv6",
        proves: "a cluster of IPv6 addresses, found by AAAA records",
        play: ipv6,
    },
];

fn find(stage: &Stage<'_>, folder: &str) {
    stage.apply(&stage.manifests(folder));
    stage.measured("all connected after", stage.mesh(3, 3));
}

fn kubernetes_ip(stage: &Stage<'_>) {
    find(stage, "overlays/ip");
    // Both services have slices for IPv6 too, with the same pods. One that comes before that for IPv4
    // may be believed for a moment.
    let other_family = || {
        let said: String = stage.pods("worker").iter().map(|pod| pod.text()).collect();
        said.matches("@fd00").count()
    };
    let before = other_family();
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(other_family(), before, "a pod is taken for two nodes, one for each family");
    let workers = stage.audit("worker");
    let asked: BTreeSet<_> = workers
        .iter()
        .map(|event| (text(&event["verb"]), text(&event["objectRef"]["resource"])))
        .collect();
    let allowed = BTreeSet::from([("list", "endpointslices"), ("watch", "endpointslices")]);
    assert_eq!(asked, allowed, "what workers ask of the API server");
    let refused =
        workers.iter().find(|event| event["responseStatus"]["code"].as_u64() >= Some(400));
    assert_eq!(refused, None, "what is refused to a worker");
    let lists = workers.iter().filter(|event| event["verb"] == "list").count();
    stage.say(format!("{lists} lists by three workers with two topologies each"));
    assert!(lists <= 6, "three workers with two topologies listed {lists} times");
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn lookup(stage: &Stage<'_>, mode: &str) {
    let topology = |name, selector, base| {
        let keys = vec![
            ("strategy", "Kubernetes"),
            ("config__kubernetes_ip_lookup_mode", mode),
            ("config__kubernetes_selector", selector),
            ("config__kubernetes_node_basename", base),
        ];
        (name, keys)
    };
    let topologies = [
        topology("beams", "app=ex-cluster", "ex_cluster"),
        topology("workers", "app=worker", "worker"),
    ];
    let role = format!("flitch-{mode}");
    let bind = |object: &mut Value| {
        if object["metadata"]["name"] == "worker-discovery" {
            object["roleRef"]["name"] = json!(role);
        }
    };
    stage.apply(&stage.manifests("overlays/ip").topologies(&topologies).each(bind));
    stage.measured("all connected after", stage.mesh(3, 3));
}

fn dns_srv(stage: &Stage<'_>) {
    let topology = |name, service, base| {
        let keys = vec![
            ("strategy", "Kubernetes.DNSSRV"),
            ("config__service", service),
            ("config__application_name", base),
            ("config__namespace", stage.namespace.as_str()),
        ];
        (name, keys)
    };
    let topologies = [
        topology("beams", "ex-cluster-svc", "ex_cluster"),
        topology("workers", "worker-svc", "worker"),
    ];
    let manifests = stage.manifests("overlays/hostname").topologies(&topologies);
    let beams = format!(
        "[beams: [strategy: Cluster.Strategy.Kubernetes.DNSSRV, config: [service: \"ex-cluster-svc\", \
         application_name: \"ex_cluster\", namespace: \"{}\"]]]",
        stage.namespace
    );
    stage.apply(&manifests.env("ex-cluster", &[("LIBCLUSTER_TOPOLOGIES", &beams)]));
    stage.measured("all connected after", stage.mesh(3, 3));
}

fn dns_poll(stage: &Stage<'_>) {
    stage.apply(&stage.manifests("base").topologies(&by_records()));
    stage.measured("all connected after", stage.mesh(3, 3));
}

fn dns_cluster(stage: &Stage<'_>) {
    let query = "[{ basename = 'ex_cluster', query = 'ex-cluster-svc' }, { basename = 'worker', query = 'worker-svc' }]";
    let keys = vec![("strategy", "DNSCluster"), ("config__query", query)];
    stage.apply(&stage.manifests("base").topologies(&[("all", keys)]));
    stage.measured("all connected after", stage.mesh(3, 3));
}

fn ipv6(stage: &Stage<'_>) {
    // A BEAM's own resolver looks through no search domains.
    let beams = format!(
        "[beams: [strategy: Cluster.Strategy.DNSPoll, config: [polling_interval: 1000, node_basename: \"ex_cluster\", \
         query: \"ex-cluster-svc.{}.svc.cluster.local\"]]]",
        stage.namespace
    );
    let manifests = stage
        .manifests("base")
        .topologies(&by_records())
        .env("ex-cluster", &[("LIBCLUSTER_TOPOLOGIES", &beams)])
        .env("worker", &[("FLITCH_HTTP__LISTEN", "[::]:4000")])
        .template("ex-cluster", |pod| {
            pod["metadata"]["annotations"] = json!({"lab/family": "IPv6"});
        })
        .template("worker", |pod| pod["metadata"]["annotations"] = json!({"lab/family": "IPv6"}));
    stage.apply(&manifests);
    stage.measured("all connected after", stage.mesh(3, 3));
}

/// DNSPoll, with a topology for each basename.
fn by_records() -> [Topology<'static>; 2] {
    [("beams", "ex-cluster-svc", "ex_cluster"), ("workers", "worker-svc", "worker")].map(
        |(name, service, base)| {
            (
                name,
                vec![
                    ("strategy", "DNSPoll"),
                    ("config__query", service),
                    ("config__node_basename", base),
                ],
            )
        },
    )
}
