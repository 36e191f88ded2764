//! The cluster's DNS server: CoreDNS with its `kubernetes` plugin, and the ways in which it is made to
//! fail.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use serde_json::json;

use crate::child::Child;
use crate::eventually;
use crate::lab::control_plane::ControlPlane;
use crate::lab::enter::Parts;
use crate::lab::http::get;
use crate::lab::network::DNS_SERVICE;

/// How the DNS server answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Mood {
    /// As it should.
    #[default]
    Well,
    /// SERVFAIL to every question.
    Failing,
    /// For these names, with these addresses and no others, whatever the cluster says.
    Partial(Vec<(String, Vec<String>)>),
}

/// The running DNS server.
pub struct CoreDns {
    program: String,
    kubeconfig: String,
    folder: PathBuf,
    server: Mutex<Option<Server>>,
}

struct Server {
    mood: Mood,
    since: Instant,
    _process: Child,
}

impl CoreDns {
    /// Starts it, with the rights that its own documentation asks for and no more.
    ///
    /// # Panics
    /// If it does not become ready.
    #[must_use]
    pub fn start(parts: &Parts, plane: &ControlPlane, folder: &Path) -> Self {
        let rule = |group: &str, resources: &[&str]| json!({"apiGroups": [group], "resources": resources, "verbs": ["list", "watch"]});
        let meta = json!({"name": "lab-dns"});
        plane.api.apply(&[
            json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": meta,
                "rules": [rule("", &["services", "pods", "namespaces"]), rule("discovery.k8s.io", &["endpointslices"])]}),
            json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": meta,
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "lab-dns"},
                "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "lab:dns"}]}),
        ]);
        let program = parts.program("coredns");
        let kubeconfig = plane.pki().kubeconfig("coredns");
        let dns = Self { program, kubeconfig, folder: folder.to_owned(), server: Mutex::default() };
        dns.set(&Mood::Well);
        dns
    }

    /// Makes it answer so from now on: it is started anew, and has nothing in a cache.
    ///
    /// # Panics
    /// If it does not become ready.
    pub fn set(&self, mood: &Mood) {
        let mut server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        drop(server.take());
        let file = self.folder.join("Corefile");
        std::fs::write(&file, self.corefile(mood)).expect("a file of the lab");
        let mut command = Command::new(&self.program);
        command.arg("-conf").arg(&file);
        let process = Child::start(&mut command, "coredns");
        *server = Some(Server { mood: mood.clone(), since: Instant::now(), _process: process });
        let ready = std::net::SocketAddr::from(([127, 0, 0, 1], 8181));
        eventually("CoreDNS is ready", || {
            let answer = get("/ready").send(ready, Some(crate::SOON)).ok()?;
            (answer.status == 200).then_some(())
        });
    }

    /// Whether it answers well, and by an API server that runs since `moment` or longer.
    #[must_use]
    pub fn is_well(&self, moment: Instant) -> bool {
        let server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        server.as_ref().is_some_and(|server| server.mood == Mood::Well && server.since >= moment)
    }

    fn corefile(&self, mood: &Mood) -> String {
        let kubernetes = format!(
            "kubernetes {{\n kubeconfig {} lab\n pods insecure\n ttl 5\n }}",
            self.kubeconfig
        );
        let failing = "template ANY ANY {\n rcode SERVFAIL\n }".to_owned();
        // What a resolver outside says to names that are none.
        let unknown = "template ANY ANY {\n rcode NXDOMAIN\n }".to_owned();
        let (cluster, world) = match mood {
            Mood::Well => (kubernetes, unknown),
            Mood::Failing => (failing.clone(), failing),
            Mood::Partial(names) => {
                let lines = names.iter().flat_map(|(name, addresses)| {
                    addresses.iter().map(move |address| format!(" {address} {name}\n"))
                });
                let hosts = lines.collect::<String>();
                (format!("hosts {{\n{hosts} ttl 5\n fallthrough\n }}\n {kubernetes}"), unknown)
            }
        };
        let common = format!("bind {DNS_SERVICE}\n errors\n loadbalance");
        format!(
            "cluster.local:53 in-addr.arpa:53 ip6.arpa:53 {{\n {common}\n ready 127.0.0.1:8181\n {cluster}\n}}\n\
             .:53 {{\n {common}\n {world}\n}}\n"
        )
    }
}
