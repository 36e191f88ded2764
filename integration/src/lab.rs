//! A whole cluster on one machine, for `make cluster`: etcd, kube-apiserver with RBAC, its controllers
//! and CoreDNS as processes, and network namespaces as pods.
//!
//! What is played is the node: [`kubelet`] runs the pods that the API server has, each with its own
//! address, mounts and processes, and with volumes, probes and signals as a kubelet gives them. What
//! speaks to the pods and what they speak to is the real thing.
//!
//! | room | what is in it |
//! |---|---|
//! | [`enter`] | the way into namespaces of the lab's own |
//! | [`network`] | the bridge, addresses, netsplits |
//! | [`control_plane`], [`pki`], [`coredns`] | the servers, and what they prove themselves with |
//! | [`api`], [`http`] | what the lab asks of the API server |
//! | [`kubelet`], [`pod`], `life` | the pods, what is known of one, and the thread that leads its life |
//! | [`sandbox`], [`image`], [`volumes`], [`fields`], [`probe`] | what a pod is made of |
//! | [`links`] | who is connected to whom, as the pods themselves say |
//! | [`manifest`] | Deployments and Services for scenarios that `k8s/` has none for |
//! | [`stage`], [`scenarios`] | the words of scenarios, and what is proved |

pub mod api;
pub mod control_plane;
pub mod coredns;
pub mod enter;
pub mod ex_cluster;
pub mod fields;
pub mod http;
pub mod image;
pub mod kubelet;
mod life;
pub mod links;
pub mod manifest;
pub mod network;
pub mod pki;
pub mod pod;
pub mod probe;
pub mod run;
pub mod sandbox;
pub mod scenarios;
pub mod space;
pub mod stage;
pub mod volumes;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use control_plane::ControlPlane;
use coredns::{CoreDns, Mood};
use enter::Parts;
use kubelet::{Kubelet, World};
use network::Network;

/// A folder that is there on every machine, and empty in the lab: its files go with it.
const FOLDER: &str = "/mnt";

/// The running cluster.
pub struct Lab {
    /// Runs the pods. First, for what a pod needs must not go before it.
    pub kubelet: Kubelet,
    /// The DNS server.
    pub dns: CoreDns,
    /// The control plane and the network.
    pub world: Arc<World>,
}

impl Lab {
    /// Starts all of it. The process has to be inside already, see [`enter`].
    ///
    /// # Panics
    /// If a part does not start; what it said is shown.
    #[must_use]
    pub fn start(parts: &Parts) -> Self {
        run::run("mount", ["-t", "tmpfs", "-o", "mode=755", "lab", FOLDER]);
        let folder = Path::new(FOLDER);
        // The lab itself asks the cluster's DNS server too.
        let resolver = folder.join("resolv.conf");
        std::fs::write(&resolver, format!("nameserver {}\n", network::DNS_SERVICE))
            .expect("a file of the lab");
        run::run("mount", ["--bind".as_ref(), resolver.as_os_str(), "/etc/resolv.conf".as_ref()]);
        let network = Network::start();
        let plane = ControlPlane::start(parts, folder);
        let dns = CoreDns::start(parts, &plane, folder);
        let pods: PathBuf = folder.join("pods");
        let world = Arc::new(World { plane, network, parts: parts.clone(), folder: pods });
        Self { kubelet: Kubelet::start(Arc::clone(&world)), dns, world }
    }

    /// Sets right what a scenario may have left broken: the API server, the DNS server.
    ///
    /// # Panics
    /// If one does not come back.
    pub fn mend(&self) {
        let plane = &self.world.plane;
        let since = plane.since().unwrap_or_else(|| {
            plane.resume();
            Instant::now()
        });
        // It would wait before it asks an API server again that was away.
        if !self.dns.is_well(since) {
            self.dns.set(&Mood::Well);
        }
    }
}
