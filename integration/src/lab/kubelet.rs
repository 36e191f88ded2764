//! The kubelet, and the scheduler of a cluster with one node: whatever pods the API server has are
//! run, probed and told about.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::lab::control_plane::ControlPlane;
use crate::lab::enter::Parts;
use crate::lab::network::Network;
use crate::lab::pod::Pod;

/// The name of the one node.
pub const NODE: &str = "lab";

/// Everything that a pod's life needs.
pub struct World {
    /// The control plane.
    pub plane: ControlPlane,
    /// The network.
    pub network: Network,
    /// What was built.
    pub parts: Parts,
    /// Where pods have their files.
    pub folder: PathBuf,
}

/// Runs the pods that the API server has.
pub struct Kubelet {
    world: Arc<World>,
    state: Arc<State>,
    watcher: Option<std::thread::JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    pods: Mutex<BTreeMap<String, Arc<Pod>>>,
    stopping: AtomicBool,
}

impl Kubelet {
    /// Registers the node, and runs its pods from now on.
    ///
    /// # Panics
    /// If the API server does not take the node.
    #[must_use]
    pub fn start(world: Arc<World>) -> Self {
        let ready = json!({"conditions": [{"type": "Ready", "status": "True"}]});
        let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE}, "status": ready});
        world.plane.api.create("/api/v1/nodes", &node).expect("a node");
        let state = Arc::new(State::default());
        let watcher = std::thread::spawn({
            let (world, state) = (Arc::clone(&world), Arc::clone(&state));
            move || {
                while !state.stopping.load(Ordering::Relaxed) {
                    // A kubelet whose API server is away lets its pods run.
                    if watch(&world, &state).is_err() {
                        std::thread::sleep(Duration::from_millis(100));
                    }
                }
            }
        });
        Self { world, state, watcher: Some(watcher) }
    }

    /// The pods of a namespace that have not ended, in the order of their names.
    #[must_use]
    pub fn pods(&self, namespace: &str) -> Vec<Arc<Pod>> {
        self.view().of(namespace)
    }

    /// What may be taken to another thread, and sees the pods.
    #[must_use]
    pub fn view(&self) -> View {
        View { state: Arc::clone(&self.state) }
    }

    /// All pods of a namespace that there were, those that have ended too.
    #[must_use]
    pub fn all_pods(&self, namespace: &str) -> Vec<Arc<Pod>> {
        self.state.pods().values().filter(|pod| pod.namespace() == namespace).cloned().collect()
    }

    /// Waits until the pods of a namespace satisfy `wanted`.
    ///
    /// # Errors
    /// If they do not within the time: how they are.
    pub fn wait<T>(
        &self,
        namespace: &str,
        within: Duration,
        mut wanted: impl FnMut(&[Arc<Pod>]) -> Option<T>,
    ) -> Result<T, String> {
        let deadline = Instant::now() + within;
        loop {
            let pods = self.pods(namespace);
            if let Some(found) = wanted(&pods) {
                return Ok(found);
            }
            if Instant::now() >= deadline {
                let lines = pods.iter().map(|pod| format!("\n  {pod}"));
                return Err(format!(
                    "after {within:?} the pods of {namespace} are:{}",
                    lines.collect::<String>()
                ));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Forgets the pods of a namespace that have ended.
    pub fn forget(&self, namespace: &str) {
        self.state.pods().retain(|_, pod| pod.namespace() != namespace || !pod.has_ended());
    }
}

/// Sees the pods.
pub struct View {
    state: Arc<State>,
}

impl View {
    /// The pods of a namespace that have not ended, in the order of their names.
    #[must_use]
    pub fn of(&self, namespace: &str) -> Vec<Arc<Pod>> {
        let pods = self.state.pods();
        let mut found: Vec<_> = pods
            .values()
            .filter(|pod| pod.namespace() == namespace && !pod.has_ended())
            .cloned()
            .collect();
        found.sort_by(|a, b| a.name().cmp(b.name()));
        found
    }
}

impl Drop for Kubelet {
    /// Kills every pod, without a word to an API server that goes away too.
    fn drop(&mut self) {
        self.state.stopping.store(true, Ordering::Relaxed);
        let pods: Vec<_> = self.state.pods().values().cloned().collect();
        for pod in &pods {
            pod.abandon();
        }
        for pod in &pods {
            while !pod.has_ended() {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        // The watch ends when its API server does.
        self.world.plane.stop();
        if let Some(watcher) = self.watcher.take() {
            let _ = watcher.join();
        }
    }
}

impl State {
    fn pods(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Pod>>> {
        self.pods.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const PODS: &str = "/api/v1/pods";

/// Lists the pods and follows their changes until the watch ends.
fn watch(world: &Arc<World>, state: &State) -> Result<(), String> {
    let list = world.plane.api.get(PODS)?;
    let items: Vec<Value> = list["items"].as_array().cloned().unwrap_or_default();
    let gone: Vec<_> = {
        let there = |uid: &str| items.iter().any(|pod| pod["metadata"]["uid"] == uid);
        state.pods().iter().filter(|(uid, _)| !there(uid)).map(|(_, pod)| Arc::clone(pod)).collect()
    };
    for pod in gone {
        pod.abandon();
    }
    for pod in &items {
        see(world, state, pod);
    }
    let version = list["metadata"]["resourceVersion"].as_str().unwrap_or_default();
    for event in world.plane.api.watch(PODS, version)? {
        let pod = &event["object"];
        match event["type"].as_str() {
            Some("ADDED" | "MODIFIED") => see(world, state, pod),
            Some("DELETED") => {
                let uid = pod["metadata"]["uid"].as_str().unwrap_or_default();
                if let Some(pod) = state.pods().get(uid) {
                    pod.abandon();
                }
            }
            Some("BOOKMARK") => {}
            other => return Err(format!("{other:?}")),
        }
    }
    Err("the watch has ended".to_owned())
}

fn see(world: &Arc<World>, state: &State, manifest: &Value) {
    let uid = manifest["metadata"]["uid"].as_str().unwrap_or_default();
    let going = manifest["metadata"]["deletionGracePeriodSeconds"].as_u64();
    let mut pods = state.pods();
    match (pods.get(uid), going) {
        (None, _) => {
            pods.insert(uid.to_owned(), Pod::start(world, manifest));
        }
        (Some(pod), Some(grace)) => pod.stop(Duration::from_secs(grace)),
        (Some(_), None) => {}
    }
}
