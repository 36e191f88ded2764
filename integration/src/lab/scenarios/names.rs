//! Three Elixir and three Rust nodes find each other by the strategies that need no cluster: by lists,
//! files, datagrams, EPMD, and another orchestrator's metadata.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Instant;

use serde_json::{Value, json};

use super::Scenario;
use crate::lab::kubelet::Kubelet;
use crate::lab::links::{Kind, asked};
use crate::lab::manifest::Topology;
use crate::lab::network::GATEWAY;
use crate::lab::stage::Stage;

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario { name: "epmd", proves: "Epmd: a list of names", play: epmd },
    Scenario {
        name: "erlang-hosts",
        proves: "ErlangHosts: EPMD on each host of .hosts.erlang",
        play: erlang_hosts,
    },
    Scenario { name: "local-epmd", proves: "LocalEpmd: six nodes on one host", play: local_epmd },
    Scenario {
        name: "gossip",
        proves: "Gossip by multicast, in the clear: both sides hear each other",
        play: |stage| gossip(stage, "", &[]),
    },
    Scenario {
        name: "gossip-broadcast",
        proves: "Gossip by broadcast, with a secret",
        play: |stage| {
            let beams =
                ", broadcast_only: true, multicast_addr: \"255.255.255.255\", secret: \"271828\"";
            let worker = [
                ("config__broadcast_only", "true"),
                ("config__multicast_addr", "255.255.255.255"),
                ("config__secret", "271828"),
            ];
            gossip(stage, beams, &worker);
        },
    },
    Scenario {
        name: "rancher",
        proves: "Rancher's metadata service; the nodes' names are learned from EPMD",
        play: rancher,
    },
    Scenario {
        name: "names-learned",
        proves: "no basename is known: EPMD at each address says the names, and a pattern chooses",
        play: names_learned,
    },
];

/// The hosts of the StatefulSets' pods, known before they run.
fn hosts(stage: &Stage<'_>) -> Vec<(&'static str, String)> {
    let host = |app: &str, base, number| {
        (base, format!("{app}-{number}.{app}-svc.{}.svc.cluster.local", stage.namespace))
    };
    let beams = (0..3).map(|number| host("ex-cluster", "ex_cluster", number));
    beams.chain((0..3).map(|number| host("worker", "worker", number))).collect()
}

fn epmd(stage: &Stage<'_>) {
    let names: Vec<_> =
        hosts(stage).iter().map(|(base, host)| format!("\"{base}@{host}\"")).collect();
    let names = format!("[{}]", names.join(", "));
    let topology = ("all", vec![("strategy", "Epmd"), ("config__hosts", names.as_str())]);
    stage.apply(&stage.manifests("overlays/hostname").topologies(&[topology]));
    stage.measured("all connected after", stage.mesh(3, 3));
}

fn erlang_hosts(stage: &Stage<'_>) {
    let lines: String = hosts(stage).iter().map(|(_, host)| format!("'{host}'.\n")).collect();
    let meta = json!({"name": "hosts", "namespace": stage.namespace});
    let hosts = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {".hosts.erlang": lines}});
    let keys = vec![
        ("strategy", "ErlangHosts"),
        ("config__file", "/etc/hosts.d/.hosts.erlang"),
        ("config__timeout", "500"),
    ];
    let mount = |pod: &mut Value| {
        push(&mut pod["spec"]["volumes"], json!({"name": "hosts", "configMap": {"name": "hosts"}}));
        push(
            &mut pod["spec"]["containers"][0]["volumeMounts"],
            json!({"name": "hosts", "mountPath": "/etc/hosts.d"}),
        );
    };
    let manifests = stage.manifests("overlays/hostname").topologies(&[("all", keys)]);
    stage.apply(&manifests.template("worker", mount).with(hosts));
    stage.measured("all connected after", stage.mesh(3, 3));
}

fn push(list: &mut Value, item: Value) {
    list.as_array_mut().expect("a list").push(item);
}

/// One pod that is a host with an EPMD and six nodes. ExCluster knows no LocalEpmd: it has a list.
fn local_epmd(stage: &Stage<'_>) {
    const SCRIPT: &str = r#"
        all=
        hosts=":\"beam1@$POD_IP\", :\"beam2@$POD_IP\", :\"beam3@$POD_IP\""
        export LIBCLUSTER_TOPOLOGIES="[all: [strategy: Cluster.Strategy.Epmd, config: [timeout: 500, hosts: [$hosts]]]]"
        for n in 1 2 3; do
            RELEASE_NODE=beam$n@$POD_IP RELEASE_TMP=/tmp/$n /app/bin/ex_cluster start &
            all="$all $!"
        done
        export FLITCH_NODE__DIST_PORT=0 FLITCH_TOPOLOGIES__ALL__STRATEGY=LocalEpmd
        export FLITCH_TOPOLOGIES__ALL__CONFIG__POLLING_INTERVAL=500
        for n in 1 2 3; do
            RELEASE_NODE=worker$n@$POD_IP FLITCH_HTTP__LISTEN=127.0.0.1:400$n flitch node &
            all="$all $!"
        done
        trap 'kill $all; wait; exit' TERM
        wait
    "#;
    let env = json!([
        {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        {"name": "RELEASE_COOKIE", "valueFrom": {"secretKeyRef": {"name": "cluster-cookie", "key": "cookie"}}},
    ]);
    let container =
        json!({"name": "both", "image": "both", "command": ["sh", "-c", SCRIPT], "env": env});
    let meta = json!({"name": "host", "namespace": stage.namespace, "labels": {"app": "host"}});
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {"containers": [container]}});
    stage.lab.world.plane.api.apply(&[pod]);
    let ip = stage.wait("a pod", |pods| Some(pods.first()?.seen().addresses?.first()));
    let began = Instant::now();
    let nodes: Vec<_> = (1..=3)
        .flat_map(|n| {
            [(Kind::Elixir, format!("beam{n}@{ip}")), (Kind::Rust, format!("worker{n}@{ip}"))]
        })
        .collect();
    stage.wait("each of the six nodes is connected to the other five", |_| {
        let complete = |(kind, name): &(Kind, String)| {
            let peers = asked(*kind, name, stage.cookie(), None).unwrap_or_default();
            nodes.iter().all(|(_, other)| other == name || peers.contains(other))
        };
        nodes.iter().all(complete).then_some(())
    });
    stage.measured("all connected after", began.elapsed());
}

fn gossip(stage: &Stage<'_>, beams: &str, worker: &[(&str, &str)]) {
    let beams = format!("[all: [strategy: Cluster.Strategy.Gossip, config: [port: 45892{beams}]]]");
    let keys = [&[("strategy", "Gossip")], worker].concat();
    let manifests = stage.manifests("base").env("ex-cluster", &[("LIBCLUSTER_TOPOLOGIES", &beams)]);
    stage.apply(&manifests.topologies(&[("all", keys)]));
    stage.measured("all connected after", stage.mesh(3, 3));
}

fn rancher(stage: &Stage<'_>) {
    let meta = json!({
        "name": "rancher-metadata", "namespace": stage.namespace,
        "labels": {"kubernetes.io/service-name": "rancher-metadata"},
    });
    let ports = json!([{"name": "http", "port": 80}]);
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"clusterIP": "None", "ports": ports}});
    let slice = json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": meta,
        "addressType": "IPv4", "ports": ports, "endpoints": [{"addresses": [GATEWAY], "conditions": {"ready": true}}],
    });
    let server = TcpListener::bind((GATEWAY, 80)).expect("port 80 of the node");
    serve_metadata(server, &stage.lab.kubelet, &stage.namespace);
    let keys = vec![("strategy", "Rancher"), ("config__polling_interval", "500")];
    let manifests = stage.manifests("base").topologies(&[("all", keys)]);
    stage.apply(&manifests.with(service).with(slice));
    stage.measured("all connected after", stage.mesh(3, 3));
}

/// Answers as Rancher's metadata service would, until the namespace's pods are gone again.
fn serve_metadata(server: TcpListener, kubelet: &Kubelet, namespace: &str) {
    let (pods, namespace) = (kubelet.view(), namespace.to_owned());
    std::thread::spawn(move || {
        let mut seen = false;
        for mut stream in server.incoming().flatten() {
            let pods = pods.of(&namespace);
            let addresses = pods.iter().filter_map(|pod| pod.seen().addresses);
            let containers: Vec<_> =
                addresses.map(|addresses| json!({"ips": [addresses.first()]})).collect();
            seen |= !containers.is_empty();
            if seen && containers.is_empty() {
                return;
            }
            let body = json!({"name": "all", "containers": containers}).to_string();
            let _ = stream.read(&mut [0; 4096]);
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n";
            let _ = write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len());
        }
    });
}

fn names_learned(stage: &Stage<'_>) {
    let topology = |name, service, pattern| -> Topology<'_> {
        let keys = [
            ("strategy", "Kubernetes.DNS"),
            ("config__service", service),
            ("config__node_pattern", pattern),
            ("config__polling_interval", "500"),
        ];
        (name, keys.to_vec())
    };
    let topologies =
        [topology("beams", "ex-cluster-svc", "ex_*"), topology("workers", "worker-svc", "odd-*")];
    // The workers' own basename stands in no configuration but theirs.
    let manifests = stage.manifests("base").env("worker", &[("RELEASE_NAME", "odd-worker")]);
    stage.apply(&manifests.topologies(&topologies));
    stage.measured("all connected after", stage.mesh(3, 3));
}
