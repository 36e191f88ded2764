//! Where one scenario plays: a namespace of its own, and the words in which scenarios are written.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::lab::Lab;
use crate::lab::fields::list;
use crate::lab::links::{Kind, asked, fixed_port, kind, logged, losses, node};
use crate::lab::manifest::Manifests;
use crate::lab::pod::Pod;

/// How long a scenario waits for what has to come soon. Two polls of libcluster's are in it.
pub const SOON: Duration = Duration::from_secs(40);

/// A scenario's namespace, and what it measured there.
pub struct Stage<'l> {
    /// The cluster.
    pub lab: &'l Lab,
    /// The namespace.
    pub namespace: String,
    /// How long a server stays away that a scenario takes away.
    pub away: Duration,
    cookie: String,
    measured: Mutex<Vec<String>>,
}

impl<'l> Stage<'l> {
    /// Makes the namespace, with the Secret that the manifests of `k8s/` want.
    ///
    /// # Panics
    /// If the API server does not take them.
    #[must_use]
    pub fn set(lab: &'l Lab, namespace: &str, away: Duration) -> Self {
        let cookie = format!("BAKEDFOR{}", namespace.replace('-', "").to_uppercase());
        let meta = json!({"name": "cluster-cookie", "namespace": namespace});
        lab.world.plane.api.apply(&[
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}),
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": {"cookie": cookie}}),
        ]);
        Self { lab, namespace: namespace.to_owned(), away, cookie, measured: Mutex::default() }
    }

    /// The manifests of `k8s/FOLDER`.
    #[must_use]
    pub fn manifests(&self, folder: &str) -> Manifests {
        Manifests::load(&self.lab.world.plane.api, &self.namespace, folder)
    }

    /// Applies manifests.
    pub fn apply(&self, manifests: &Manifests) {
        self.lab.world.plane.api.apply(manifests.objects());
    }

    /// `kubectl` in this namespace.
    pub fn kubectl(&self, args: &[&str]) -> String {
        self.lab.world.plane.api.kubectl(&[&["-n", &self.namespace], args].concat())
    }

    /// `kubectl scale`, and waits until so many pods are there, and no others.
    pub fn scale(&self, workload: &str, count: usize) {
        self.kubectl(&["scale", workload, &format!("--replicas={count}")]);
        let app = workload.rsplit('/').next().unwrap_or_default();
        self.wait(&format!("{count} pods of {app}"), |pods| {
            let all: Vec<_> = pods.iter().filter(|pod| pod.label("app") == app).collect();
            (all.len() == count && all.iter().all(|pod| pod.seen().addresses.is_some()))
                .then_some(())
        });
    }

    /// The pods of one application.
    #[must_use]
    pub fn pods(&self, app: &str) -> Vec<Arc<Pod>> {
        let pods = self.lab.kubelet.pods(&self.namespace);
        pods.into_iter().filter(|pod| pod.label("app") == app).collect()
    }

    /// Waits until the pods of the namespace satisfy `wanted`.
    ///
    /// # Panics
    /// If they do not soon.
    #[track_caller]
    pub fn wait<T>(&self, what: &str, wanted: impl FnMut(&[Arc<Pod>]) -> Option<T>) -> T {
        match self.lab.kubelet.wait(&self.namespace, SOON, wanted) {
            Ok(found) => found,
            Err(why) => panic!("never: {what}; {why}"),
        }
    }

    /// Waits until so many pods run and every one is connected to all others; gives how long that
    /// took from the moment at which the last of them had its address. Their logs say so first, and
    /// then they are asked.
    ///
    /// # Panics
    /// If that does not come soon: who misses whom.
    #[track_caller]
    pub fn mesh(&self, elixir: usize, rust: usize) -> Duration {
        self.connected("every one of them to all others", elixir, rust, |_, _| true)
    }

    /// [`Stage::mesh`], but only for the links that have a worker at one end or both: when those
    /// between Elixir nodes come is a matter of libcluster's rules.
    ///
    /// # Panics
    /// If that does not come soon: who misses whom.
    #[track_caller]
    pub fn workers_mesh(&self, elixir: usize, rust: usize) -> Duration {
        self.connected("the workers to all others", elixir, rust, |a, b| {
            a == Kind::Rust || b == Kind::Rust
        })
    }

    /// [`Stage::mesh`], but only for links between an Elixir node and a worker.
    ///
    /// # Panics
    /// If that does not come soon: who misses whom.
    #[track_caller]
    pub fn pairs(&self, elixir: usize, rust: usize) -> Duration {
        self.connected("the workers to the Elixir nodes", elixir, rust, |a, b| a != b)
    }

    fn connected(
        &self,
        what: &str,
        elixir: usize,
        rust: usize,
        wanted: impl Fn(Kind, Kind) -> bool,
    ) -> Duration {
        let mut there: Option<Instant> = None;
        let mut last = String::new();
        let done = self.lab.kubelet.wait(&self.namespace, SOON, |pods| {
            let nodes: Vec<Node> = pods.iter().filter_map(Node::of).collect();
            let count = |kind| nodes.iter().filter(|node| node.kind == kind).count();
            if (count(Kind::Elixir), count(Kind::Rust)) != (elixir, rust) {
                there = None;
                last = format!("\n  {} nodes of {}", nodes.len(), elixir + rust);
                return None;
            }
            let looping =
                pods.iter().find(|pod| pod.seen().restarts > 5 || pod.seen().trouble.is_some());
            assert!(
                looping.is_none(),
                "{} does not come up",
                looping.map(ToString::to_string).unwrap_or_default()
            );
            let since = *there.get_or_insert_with(Instant::now);
            last = lacking(&nodes, &wanted, |node| Ok(logged(&node.pod)));
            let took = since.elapsed();
            if last.is_empty() {
                last = lacking(&nodes, &wanted, |node| {
                    asked(node.kind, &node.name, &self.cookie, fixed_port(&node.pod))
                });
            }
            last.is_empty().then_some(took)
        });
        done.unwrap_or_else(|why| panic!("not connected, {what}: {why}{last}"))
    }

    /// Demands that no link of a worker goes while `act` goes on: links that one of both ends, or
    /// both, tell of. Links between Elixir nodes are libcluster's.
    ///
    /// # Panics
    /// If one goes.
    #[track_caller]
    pub fn no_link_goes<T>(&self, what: &str, act: impl FnOnce() -> T) -> T {
        let nodes: Vec<_> =
            self.lab.kubelet.pods(&self.namespace).iter().filter_map(Node::of).collect();
        let count =
            || -> Vec<_> { nodes.iter().map(|node| (&node.name, losses(&node.pod))).collect() };
        let before = count();
        let done = act();
        assert_eq!(count(), before, "links of workers that went while {what}");
        done
    }

    /// Waits until the log of each of these pods, from its container's start on, satisfies `wanted`.
    ///
    /// # Panics
    /// If one does not soon.
    #[track_caller]
    pub fn each_says(&self, app: &str, what: &str, wanted: impl Fn(&str) -> bool) {
        self.wait(&format!("each {app} says {what}"), |pods| {
            let mut of_app = pods.iter().filter(|pod| pod.label("app") == app);
            of_app.all(|pod| wanted(&pod.text())).then_some(())
        });
    }

    /// What the accounts `account` of this namespace asked of the API server so far.
    #[must_use]
    pub fn audit(&self, account: &str) -> Vec<Value> {
        let user = format!("system:serviceaccount:{}:{account}", self.namespace);
        let mut events = self.lab.world.plane.audit();
        events.retain(|event| event["user"]["username"] == user);
        events
    }

    /// The cookie of this namespace's nodes.
    #[must_use]
    pub fn cookie(&self) -> &str {
        &self.cookie
    }

    /// The moment at which `done` is so.
    ///
    /// # Panics
    /// If it is not soon.
    #[track_caller]
    pub fn moment(&self, what: &str, done: impl Fn() -> bool) -> Instant {
        let deadline = Instant::now() + SOON;
        while !done() {
            assert!(Instant::now() < deadline, "after {SOON:?} still not: {what}");
            std::thread::sleep(Duration::from_millis(2));
        }
        Instant::now()
    }

    /// Follows the namespace's EndpointSlices while `act` goes on.
    ///
    /// # Panics
    /// If the API server cannot be asked.
    pub fn follow_slices<T>(&self, act: impl FnOnce(&Published) -> T) -> T {
        let path =
            format!("/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices", self.namespace);
        let published = Arc::new(Published::default());
        let api = &self.lab.world.plane.api;
        let version =
            api.get(&path).expect("the API server answers")["metadata"]["resourceVersion"].clone();
        let events =
            api.watch(&path, version.as_str().unwrap_or_default()).expect("the API server answers");
        // Ends with its watch, which the API server ends after some minutes.
        std::thread::spawn({
            let published = Arc::clone(&published);
            move || events.take_while(|event| published.see(&event["object"])).for_each(drop)
        });
        let done = act(&published);
        published.done.store(true, Ordering::Relaxed);
        done
    }

    /// Keeps a time for the report.
    pub fn measured(&self, what: &str, time: Duration) {
        self.say(format!("{what} {:.2} s", time.as_secs_f64()));
    }

    /// Keeps a remark for the report.
    pub fn say(&self, text: String) {
        self.measured.lock().unwrap_or_else(PoisonError::into_inner).push(text);
    }

    /// All that was measured.
    #[must_use]
    pub fn report(&self) -> String {
        self.measured.lock().unwrap_or_else(PoisonError::into_inner).join(", ")
    }

    /// Every pod that there was, and what it printed; and what the workers asked of the API server.
    #[must_use]
    pub fn logs(&self) -> String {
        let pods = self.lab.kubelet.all_pods(&self.namespace);
        let mut text: String =
            pods.iter().map(|pod| format!("---- {pod} ----\n{}", pod.text())).collect();
        for event in self.audit("worker") {
            let [at, uri] = ["requestReceivedTimestamp", "requestURI"]
                .map(|key| event[key].as_str().unwrap_or_default());
            text += &format!("asked | {at} {uri}: {}\n", event["responseStatus"]["code"]);
        }
        text
    }

    /// Ends all pods in order, and forgets the namespace.
    ///
    /// # Panics
    /// If a pod does not end in the time that its manifest gives it.
    pub fn strike(&self) {
        self.kubectl(&[
            "delete",
            "deployments,statefulsets,replicasets,pods",
            "--all",
            "--wait=false",
        ]);
        self.wait("all pods ended", |pods| pods.is_empty().then_some(()));
        for pod in self.lab.kubelet.all_pods(&self.namespace) {
            let trouble = pod.seen().trouble;
            assert_eq!(trouble, None, "{pod}");
        }
        self.lab.kubelet.forget(&self.namespace);
        self.lab.world.plane.api.kubectl(&["delete", "namespace", &self.namespace, "--wait=false"]);
    }
}

/// When which address was first in an EndpointSlice.
#[derive(Default)]
pub struct Published {
    addresses: Mutex<BTreeMap<String, Instant>>,
    done: AtomicBool,
}

impl Published {
    /// When the address was published, if it is.
    #[must_use]
    pub fn at(&self, ip: IpAddr) -> Option<Instant> {
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner).get(&ip.to_string()).copied()
    }

    /// Takes in a slice; gives whether more are wanted.
    fn see(&self, slice: &Value) -> bool {
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        let found = list(&slice["endpoints"]).flat_map(|endpoint| list(&endpoint["addresses"]));
        for address in found.filter_map(Value::as_str) {
            addresses.entry(address.to_owned()).or_insert_with(Instant::now);
        }
        !self.done.load(Ordering::Relaxed)
    }
}

/// A pod that runs a node.
struct Node {
    kind: Kind,
    name: String,
    pod: Arc<Pod>,
}

impl Node {
    fn of(pod: &Arc<Pod>) -> Option<Self> {
        Some(Self { kind: kind(pod)?, name: node(pod)?, pod: Arc::clone(pod) })
    }
}

/// Who lacks whom of those that are wanted: a line for each.
fn lacking(
    nodes: &[Node],
    wanted: impl Fn(Kind, Kind) -> bool,
    peers: impl Fn(&Node) -> Result<BTreeSet<String>, String>,
) -> String {
    let mut lines = String::new();
    for node in nodes {
        match peers(node) {
            Ok(peers) => {
                let others = nodes
                    .iter()
                    .filter(|other| other.name != node.name && wanted(node.kind, other.kind));
                let lacks: Vec<_> =
                    others.map(|other| &other.name).filter(|name| !peers.contains(*name)).collect();
                if !lacks.is_empty() {
                    lines += &format!("\n  {} lacks {lacks:?}", node.name);
                }
            }
            Err(why) => lines += &format!("\n  {}: {why}", node.name),
        }
    }
    lines
}
