//! A pod: what the lab knows of one that runs, and what it can do to it.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::lab::kubelet::World;
use crate::lab::life::Life;
use crate::lab::network::Addresses;
use crate::log::Log;

/// A pod.
pub struct Pod {
    manifest: Value,
    orders: Mutex<Sender<Order>>,
    seen: Mutex<Seen>,
}

/// What a pod is told to do.
#[derive(Clone, Copy, Debug)]
pub enum Order {
    /// Its object is being deleted: end in order, within this time.
    Stop(Duration),
    /// Its object is gone, or the lab ends: end at once.
    Abandon,
    /// A signal from nowhere to the container's first process.
    Signal(Signal),
}

/// How a pod is.
#[derive(Clone, Default)]
pub struct Seen {
    /// What it is reached at, once it has a network.
    pub addresses: Option<Addresses>,
    /// What its containers printed, one after the other.
    pub logs: Vec<Arc<Log>>,
    /// Whether the API server may say that it is ready.
    pub ready: bool,
    /// How often its container was started anew.
    pub restarts: u32,
    /// Whether all of it is gone.
    pub ended: bool,
    /// What went wrong, as `kubectl describe` would tell of a real one.
    pub trouble: Option<String>,
}

impl Pod {
    /// Begins a pod's life.
    pub(super) fn start(world: &Arc<World>, manifest: &Value) -> Arc<Self> {
        let (orders, receive) = channel();
        let pod =
            Self { manifest: manifest.clone(), orders: Mutex::new(orders), seen: Mutex::default() };
        let pod = Arc::new(pod);
        let life = Life::new(Arc::clone(world), Arc::clone(&pod), receive);
        std::thread::spawn(move || life.run());
        pod
    }

    /// Its namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.meta("namespace")
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.meta("name")
    }

    /// Its label of this name.
    #[must_use]
    pub fn label(&self, name: &str) -> &str {
        self.manifest["metadata"]["labels"][name].as_str().unwrap_or_default()
    }

    /// As the API server had it when the lab first saw it.
    #[must_use]
    pub fn manifest(&self) -> &Value {
        &self.manifest
    }

    /// How it is.
    #[must_use]
    pub fn seen(&self) -> Seen {
        self.look().clone()
    }

    /// Its address.
    ///
    /// # Panics
    /// If it has no network yet.
    #[must_use]
    pub fn addresses(&self) -> Addresses {
        self.look().addresses.expect("a pod with a network")
    }

    /// The address that it is known by.
    ///
    /// # Panics
    /// If it has no network yet.
    #[must_use]
    pub fn ip(&self) -> IpAddr {
        self.addresses().first()
    }

    /// Whether all of it is gone.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.look().ended
    }

    /// Whether its probes say that it is ready.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.look().ready
    }

    /// What it printed: all its containers, one after the other.
    #[must_use]
    pub fn text(&self) -> String {
        self.seen().logs.iter().map(|log| log.text()).collect()
    }

    /// Sends a signal to the container's first process, as the kernel does for want of memory. What
    /// it ends is started again at the same address.
    pub fn signal(&self, signal: Signal) {
        self.order(Order::Signal(signal));
    }

    /// The folder of its volume of this name.
    #[must_use]
    pub fn volume(&self, world: &World, name: &str) -> PathBuf {
        self.folder(world).join("volumes").join(name)
    }

    pub(super) fn folder(&self, world: &World) -> PathBuf {
        world.folder.join(self.meta("uid"))
    }

    pub(super) fn stop(&self, grace: Duration) {
        self.order(Order::Stop(grace));
    }

    pub(super) fn abandon(&self) {
        self.order(Order::Abandon);
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.look());
    }

    fn order(&self, order: Order) {
        // One that has ended needs no orders.
        let _ = self.orders.lock().unwrap_or_else(PoisonError::into_inner).send(order);
    }

    fn look(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn meta(&self, key: &str) -> &str {
        self.manifest["metadata"][key].as_str().unwrap_or_default()
    }
}

impl std::fmt::Display for Pod {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Seen { addresses, ready, restarts, ended, trouble, .. } = self.seen();
        write!(f, "{}/{}", self.namespace(), self.name())?;
        if let Some(addresses) = addresses {
            write!(f, " at {}", addresses.first())?;
        }
        write!(
            f,
            "{}",
            if ended {
                ", ended"
            } else if ready {
                ", ready"
            } else {
                ", not ready"
            }
        )?;
        if restarts > 0 {
            write!(f, ", {restarts} restarts")?;
        }
        trouble.map_or(Ok(()), |trouble| write!(f, ": {trouble}"))
    }
}
