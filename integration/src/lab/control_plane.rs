//! The control plane, as processes: etcd, kube-apiserver, and of the controllers those that turn
//! Deployments and StatefulSets into pods and pods into Endpoints and EndpointSlices.

use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::child::Child;
use crate::lab::api::Api;
use crate::lab::enter::Parts;
use crate::lab::network::GATEWAY;
use crate::lab::pki::Pki;
use crate::log::Line;
use crate::{SOON, eventually};

/// Scheduling and running pods is the lab's part; the rest of what a cluster's manager does, nobody
/// here needs.
const CONTROLLERS: &str = "deployment-controller,replicaset-controller,statefulset-controller,endpoints-controller,\
     endpointslice-controller,serviceaccount-controller,root-ca-certificate-publisher-controller,\
     namespace-controller,garbage-collector-controller";

/// What accounts ask is kept, so that a scenario can say what a worker did at the API server.
const AUDIT: &str = r#"{"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata", "userGroups": ["system:serviceaccounts"]}, {"level": "None"}]}"#;

/// What stops and starts together.
struct Running {
    since: Instant,
    controllers: Option<Child>,
    apiserver: Child,
}

/// The running control plane.
pub struct ControlPlane {
    /// The API server, asked as administrator.
    pub api: Api,
    parts: Parts,
    pki: Pki,
    /// The controllers and the API server, unless they are stopped.
    running: Mutex<Option<Running>>,
    _etcd: Child,
}

impl ControlPlane {
    /// Starts all of it and waits until it is ready.
    ///
    /// # Panics
    /// If it does not become ready.
    #[must_use]
    pub fn start(parts: &Parts, folder: &Path) -> Self {
        let pki = Pki::make(&folder.join("pki"));
        std::fs::write(pki.file("audit.json"), AUDIT).expect("a file of the lab");
        let etcd = start_etcd(folder);
        let api = Api::start(parts.program("kubectl"), pki.kubeconfig("admin"));
        let plane = Self { api, parts: parts.clone(), pki, running: Mutex::default(), _etcd: etcd };
        plane.resume();
        plane
    }

    /// The keys and certificates.
    #[must_use]
    pub fn pki(&self) -> &Pki {
        &self.pki
    }

    /// Kills the API server: connections to it are refused until [`ControlPlane::resume`].
    pub fn stop(&self) {
        drop(self.running().take());
    }

    /// Starts the API server again, and waits until it is ready. The controllers start anew too, for
    /// they would wait before they try again.
    ///
    /// # Panics
    /// If it does not become ready.
    pub fn resume(&self) {
        let apiserver = start_apiserver(&self.parts, &self.pki);
        await_ready(&self.api);
        let controllers = Some(start_controllers(&self.parts, &self.pki));
        let since = Instant::now();
        *self.running() = Some(Running { since, controllers, apiserver });
    }

    /// Does something while no controller runs: what they make of pods and services stays as it is.
    pub fn without_controllers(&self, work: impl FnOnce()) {
        let controllers = self.running().as_mut().and_then(|running| running.controllers.take());
        drop(controllers);
        work();
        if let Some(running) = self.running().as_mut() {
            running.controllers = Some(start_controllers(&self.parts, &self.pki));
        }
    }

    /// Puts another API server in the place of this one, as an upgrade does: connections break, and
    /// the next ones find the new server, which has cached nothing from before its start.
    ///
    /// # Panics
    /// If it does not become ready.
    pub fn replace(&self) {
        let new = start_apiserver(&self.parts, &self.pki);
        // The last of what it does before it is ready. Asking it would not tell: both have one port.
        let ready = |lines: &[Line]| {
            lines.iter().find(|line| line.text.contains("system priority classes")).map(drop)
        };
        new.log().wait_for(SOON, ready).expect("the new API server is ready");
        if let Some(running) = self.running().as_mut() {
            (running.apiserver, running.since) = (new, Instant::now());
        }
    }

    /// What accounts have asked so far: an event for each answer, as `audit.k8s.io/v1` has it.
    #[must_use]
    pub fn audit(&self) -> Vec<serde_json::Value> {
        let log = std::fs::read_to_string(self.pki.file("audit.log")).unwrap_or_default();
        log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Since when the API server runs, if it does.
    #[must_use]
    pub fn since(&self) -> Option<Instant> {
        self.running().as_ref().map(|running| running.since)
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn start_etcd(folder: &Path) -> Child {
    let mut etcd = Command::new("etcd");
    // What it keeps lies in memory and goes with the lab: nothing is gained by waiting for a disk.
    etcd.args(["--unsafe-no-fsync", "--logger=zap", "--data-dir"]).arg(folder.join("etcd"));
    let etcd = Child::start(&mut etcd, "etcd");
    eventually("etcd listens", || std::net::TcpStream::connect(("127.0.0.1", 2379)).ok());
    etcd
}

fn start_apiserver(parts: &Parts, pki: &Pki) -> Child {
    let mut command = Command::new(parts.program("kube-apiserver"));
    command.args([
        "--etcd-servers=http://127.0.0.1:2379",
        "--secure-port=443",
        "--authorization-mode=Node,RBAC",
        "--anonymous-auth=false",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        "--service-cluster-ip-range=10.96.0.0/16,fd00:10:96::/112",
        // Else it goes on for as long as a client keeps its watch.
        "--shutdown-watch-termination-grace-period=0s",
        // Two have the port while one takes the other's place.
        "--permit-port-sharing",
    ]);
    command.arg(format!("--advertise-address={GATEWAY}"));
    for (flag, file) in [
        ("tls-cert-file", "apiserver.crt"),
        ("tls-private-key-file", "apiserver.key"),
        ("service-account-key-file", "accounts.key"),
        ("service-account-signing-key-file", "accounts.key"),
        ("token-auth-file", "tokens.csv"),
        ("audit-policy-file", "audit.json"),
        ("audit-log-path", "audit.log"),
    ] {
        command.arg(format!("--{flag}={}", pki.file(file)));
    }
    command.arg(format!("--cert-dir={}", pki.file("certificates")));
    Child::start(&mut command, "kube-apiserver")
}

fn start_controllers(parts: &Parts, pki: &Pki) -> Child {
    let mut command = Command::new(parts.program("kube-controller-manager"));
    command.args(["--leader-elect=false", "--concurrent-gc-syncs=2"]);
    command.arg(format!("--controllers={CONTROLLERS}"));
    command.arg(format!("--kubeconfig={}", pki.kubeconfig("admin")));
    command.arg(format!("--root-ca-file={}", pki.file("ca.crt")));
    Child::start(&mut command, "kube-controller-manager")
}

fn await_ready(api: &Api) {
    eventually("the API server is ready", || match api.get("/readyz") {
        // It answers `ok`, which is no JSON.
        Err(why) if why.ends_with(": ok") => Some(()),
        _ => None,
    });
}
