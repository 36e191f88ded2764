//! `Kubernetes`: the pods behind a service, or pods by their labels, through the API server.

pub(crate) mod access;
pub(crate) mod lines;
pub(crate) mod mirror;
pub(crate) mod names;
pub(crate) mod object;
pub(crate) mod options;
pub(crate) mod request;
mod shelf;
pub(crate) mod words;

use std::path::PathBuf;
use std::time::Duration;

use flitch_name::NodePattern;
use serde::Deserialize;

use crate::naming::Naming;
use crate::options as read;
use crate::options::setters;
use crate::{DiscoveryError, Problem};

pub use options::{Lookup, Mode, Namespaces};

/// How long one question may take: libcluster's 15 seconds.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// Nodes named by the API server, as they come and go: list, then watch.
///
/// The options are libcluster's, and mean what they mean there, with `kubernetes_selector` needed
/// only where there is no `kubernetes_service_name`. Beyond them: `node_pattern`, for a
/// `kubernetes_node_basename` that is left out (EPMD on each pod then says the names);
/// `kubernetes_namespace` may be a list, or `"*"`; `kubeconfig` and `context`, for a node outside of
/// the cluster; `request_timeout`.
///
/// # What is asked, and which rights it takes
/// | `kubernetes_ip_lookup_mode` | resource | verbs | Role in `k8s/rbac.yaml` |
/// |---|---|---|---|
/// | `endpoints` (default) | `endpointslices` of `discovery.k8s.io`, and `endpoints` where they are refused (403) or unknown (404) | `list`, `watch` on the first; on the second only for a fallback | `flitch-endpointslices` (`flitch-endpoints`) |
/// | `endpoint_slices` | `endpointslices`, and nothing else | `list`, `watch` | `flitch-endpointslices` |
/// | `pods` | `pods` | `list`, `watch` | `flitch-pods` |
///
/// `Endpoints` is deprecated since Kubernetes 1.33, cut off at 1,000 addresses (said as a problem
/// when it is), and does not show who is terminating. With `"*"` the rights have to come from a
/// ClusterRole. Where `watch` is not allowed, or something on the way cuts it, the list is asked
/// every `polling_interval` instead. `get` is never needed.
///
/// # Who is a peer
/// Whom Kubernetes publishes: `ready`, which is everybody behind a service with
/// `publishNotReadyAddresses`. Nodes have to find each other before they are ready, so a headless
/// service for the cluster wants that. Who is not published, or terminates, is
/// [unready](crate::Observation::unready): not dialled, and not lost either, since readiness is
/// about traffic and not about who lives. Of pods it is all that have an address and have not run
/// to their end, ready or not, as in libcluster.
///
/// # Names
/// | `mode` | name |
/// |---|---|
/// | `ip` (default) | `basename@10.244.0.5`, `basename@fd00:10:244::5` |
/// | `dns` | `basename@10-244-0-5.NAMESPACE.pod.DOMAIN`; colons become dashes too |
/// | `hostname` | `basename@HOSTNAME.SERVICE.NAMESPACE.svc.DOMAIN` |
///
/// DOMAIN is `CLUSTER_DOMAIN`, else `kubernetes_cluster_name` and `.local`, in every mode. SERVICE is
/// `kubernetes_service_name`, else the one that the address belongs to. A pod with an address of
/// both families has one name: of the family that our own name has, for one cluster gives all its
/// `POD_IP`s in one order; IPv4 where ours tells nothing.
///
/// # How the server is found and trusted
/// `kubeconfig` (or `context`) if given; else the service account, if `kubernetes_master` or
/// `kubernetes_service_account_path` is given; else the files in `KUBECONFIG`; else the service
/// account, in a pod (`KUBERNETES_SERVICE_HOST`); else `~/.kube/config`. The server's certificate is
/// always verified, and nothing switches that off. The token is read again for each question, and
/// the certificates after each failure, so that both may rotate. No proxy is used, whatever
/// `HTTPS_PROXY` says.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kubernetes {
    #[serde(default)]
    mode: Mode,
    #[serde(default)]
    kubernetes_node_basename: Option<String>,
    #[serde(default, deserialize_with = "read::pattern")]
    node_pattern: Option<NodePattern>,
    #[serde(default)]
    kubernetes_selector: Option<String>,
    #[serde(default)]
    kubernetes_namespace: Namespaces,
    #[serde(default)]
    kubernetes_service_name: Option<String>,
    #[serde(default)]
    kubernetes_ip_lookup_mode: Lookup,
    #[serde(default)]
    kubernetes_use_cached_resources: bool,
    #[serde(default)]
    kubernetes_cluster_name: Option<String>,
    #[serde(default)]
    kubernetes_master: Option<String>,
    #[serde(default)]
    kubernetes_service_account_path: Option<PathBuf>,
    #[serde(default)]
    kubeconfig: Option<PathBuf>,
    #[serde(default)]
    context: Option<String>,
    #[serde(default = "read::polling_interval", deserialize_with = "read::millis")]
    pub(crate) polling_interval: Duration,
    #[serde(default = "request_timeout", deserialize_with = "read::millis")]
    pub(crate) request_timeout: Duration,
}

const fn request_timeout() -> Duration {
    REQUEST_TIMEOUT
}

impl Kubernetes {
    /// A node called `basename` on each pod behind the services with these labels, such as
    /// `app=shop`.
    pub fn new(selector: impl Into<String>, basename: impl Into<String>) -> Self {
        let learned = Self::learned(selector);
        Self { kubernetes_node_basename: Some(basename.into()), ..learned }
    }

    /// Every node that EPMD lists on a pod behind the services with these labels.
    pub fn learned(selector: impl Into<String>) -> Self {
        Self {
            mode: Mode::default(),
            kubernetes_node_basename: None,
            node_pattern: None,
            kubernetes_selector: Some(selector.into()),
            kubernetes_namespace: Namespaces::default(),
            kubernetes_service_name: None,
            kubernetes_ip_lookup_mode: Lookup::default(),
            kubernetes_use_cached_resources: false,
            kubernetes_cluster_name: None,
            kubernetes_master: None,
            kubernetes_service_account_path: None,
            kubeconfig: None,
            context: None,
            polling_interval: read::POLLING_INTERVAL,
            request_timeout: REQUEST_TIMEOUT,
        }
    }

    /// What stands behind the `@`: the address unless given.
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Where addresses are looked up: behind services unless given.
    #[must_use]
    pub fn lookup(mut self, lookup: Lookup) -> Self {
        self.kubernetes_ip_lookup_mode = lookup;
        self
    }

    setters!(node_pattern);

    /// The namespaces to look into: our own unless given.
    #[must_use]
    pub fn namespaces(mut self, namespaces: Namespaces) -> Self {
        self.kubernetes_namespace = namespaces;
        self
    }

    /// Only what stands behind this service. Of pods it is but the name.
    #[must_use]
    pub fn service_name(mut self, service: impl Into<String>) -> Self {
        self.kubernetes_service_name = Some(service.into());
        self
    }

    /// Whether a list may come from the API server's cache (`resourceVersion=0`), which spares
    /// etcd and may be a little old: no unless given. The watch that follows brings it up to date.
    #[must_use]
    pub fn use_cached_resources(mut self, cached: bool) -> Self {
        self.kubernetes_use_cached_resources = cached;
        self
    }

    /// What `.local` is appended to where `CLUSTER_DOMAIN` is not set: `cluster` unless given.
    #[must_use]
    pub fn cluster_name(mut self, name: impl Into<String>) -> Self {
        self.kubernetes_cluster_name = Some(name.into());
        self
    }

    /// The API server: a host, to which the domain is appended unless it ends with it or with a
    /// dot, or an address, or any of them with a port, which stand as they are.
    #[must_use]
    pub fn master(mut self, host: impl Into<String>) -> Self {
        self.kubernetes_master = Some(host.into());
        self
    }

    /// The directory of `token`, `ca.crt` and `namespace`.
    #[must_use]
    pub fn service_account_path(mut self, directory: impl Into<PathBuf>) -> Self {
        self.kubernetes_service_account_path = Some(directory.into());
        self
    }

    /// The kubeconfig that says where the server is and who asks.
    #[must_use]
    pub fn kubeconfig(mut self, file: impl Into<PathBuf>) -> Self {
        self.kubeconfig = Some(file.into());
        self
    }

    /// The context of the kubeconfig: its current one unless given.
    #[must_use]
    pub fn context(mut self, name: impl Into<String>) -> Self {
        self.context = Some(name.into());
        self
    }

    /// How often to ask where watching is not possible, and the longest pause after failures:
    /// 5 seconds unless given.
    #[must_use]
    pub fn polling_interval(mut self, interval: Duration) -> Self {
        self.polling_interval = interval;
        self
    }

    /// How long the server may take to answer: 15 seconds unless given.
    #[must_use]
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// Whether these options can work, whatever is around.
    ///
    /// # Errors
    /// Names the option that is missing or wrong.
    pub(crate) fn check(&self) -> Result<(), DiscoveryError> {
        self.naming()?;
        self.scopes(|| Ok("own".to_owned())).map(drop)
    }

    pub(crate) fn naming(&self) -> Result<Naming, DiscoveryError> {
        let basename = self.kubernetes_node_basename.as_deref();
        Naming::of("kubernetes_node_basename", basename, self.node_pattern.as_ref())
    }

    /// How addresses become hosts; `own_host` is of our own name.
    pub(crate) fn hosts(&self, cluster_domain: &str, own_host: &str) -> names::Hosts {
        names::Hosts::new(
            self.mode,
            self.kubernetes_service_name.clone(),
            cluster_domain.to_owned(),
            own_host,
        )
    }

    /// `CLUSTER_DOMAIN`, or what the options make of it.
    pub(crate) fn domain(&self, variable: Option<String>) -> String {
        let variable = variable.unwrap_or_default();
        match (variable.trim().trim_matches('.'), &self.kubernetes_cluster_name) {
            ("", Some(name)) => format!("{name}.local"),
            ("", None) => "cluster.local".to_owned(),
            (domain, _) => domain.to_owned(),
        }
    }

    /// What to ask in each namespace; `own` is the one that we are in.
    ///
    /// # Errors
    /// Everything would be asked for, or a name cannot be one.
    pub(crate) fn scopes(
        &self,
        own: impl FnOnce() -> Result<String, DiscoveryError>,
    ) -> Result<Vec<request::Scope>, DiscoveryError> {
        let lookup = self.kubernetes_ip_lookup_mode;
        let selector = given(self.kubernetes_selector.as_ref());
        let service = given(self.kubernetes_service_name.as_ref());
        if selector.is_none() && (service.is_none() || lookup == Lookup::Pods) {
            let or = if lookup == Lookup::Pods { "" } else { ", or kubernetes_service_name" };
            return Err(config(format!(
                "kubernetes_selector is missing{or}: without it, everything in the namespace would \
                 be taken for a node; give labels, such as \"app=shop\""
            )));
        }
        if let Some(service) = service {
            options::label("kubernetes_service_name", service)?;
        }
        let namespaces = match &self.kubernetes_namespace {
            Namespaces::Own => vec![Some(own()?)],
            Namespaces::All => vec![None],
            Namespaces::Named(names) if names.is_empty() => {
                return Err(config(
                    "kubernetes_namespace is an empty list: name one, or leave it out",
                ));
            }
            Namespaces::Named(names) => names.iter().cloned().map(Some).collect(),
        };
        let scope = |namespace: Option<String>| {
            if let Some(name) = &namespace {
                options::label("kubernetes_namespace", name)?;
            }
            Ok(request::Scope {
                namespace,
                selector: selector.map(str::to_owned),
                service: service.map(str::to_owned).filter(|_| lookup != Lookup::Pods),
                cached: self.kubernetes_use_cached_resources,
            })
        };
        namespaces.into_iter().map(scope).collect()
    }

    pub(crate) fn looks_up(&self) -> Lookup {
        self.kubernetes_ip_lookup_mode
    }
}

/// An option that says something.
fn given(option: Option<&String>) -> Option<&str> {
    option.map(|text| text.trim()).filter(|text| !text.is_empty())
}

pub(crate) fn config(said: impl Into<String>) -> DiscoveryError {
    DiscoveryError::new(Problem::Config, said)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> Result<String, DiscoveryError> {
        Ok("shop".into())
    }

    fn parsed(text: &str) -> Result<Kubernetes, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn options_of_libcluster_are_taken_under_their_own_names() {
        let strategy = parsed(
            r#"
            mode = "hostname"
            kubernetes_node_basename = "myapp"
            kubernetes_selector = "app=myapp"
            kubernetes_namespace = "my-namespace"
            kubernetes_service_name = "myapp-headless"
            kubernetes_ip_lookup_mode = "pods"
            kubernetes_use_cached_resources = true
            kubernetes_cluster_name = "europe"
            kubernetes_master = "kubernetes.default.svc."
            kubernetes_service_account_path = "/var/run/secrets/kubernetes.io/serviceaccount"
            polling_interval = 10000
            "#,
        )
        .unwrap();
        assert_eq!(strategy.polling_interval, Duration::from_secs(10));
        assert_eq!(strategy.domain(None), "europe.local");
        let scopes = strategy.scopes(own).unwrap();
        assert_eq!(scopes.len(), 1);
        assert_eq!(scopes[0].namespace.as_deref(), Some("my-namespace"));
        assert!(scopes[0].cached);
        assert_eq!(strategy.naming(), Ok(Naming::Basename("myapp".into())));
    }

    #[test]
    fn a_mistake_in_the_options_names_the_key_or_what_is_allowed() {
        let said = parsed("kubernetes_selectr = 'app=a'").unwrap_err();
        assert!(
            said.contains("kubernetes_selectr") && said.contains("kubernetes_selector"),
            "{said}"
        );
        let said = parsed("mode = 'address'").unwrap_err();
        assert!(said.contains("ip") && said.contains("hostname"), "{said}");
        let said = parsed("kubernetes_namespace = 5").unwrap_err();
        assert!(said.contains("\"*\""), "{said}");
    }

    #[test]
    fn without_labels_nobody_takes_every_pod_for_a_node() {
        let nothing = parsed("kubernetes_node_basename = 'a'").unwrap();
        let said = nothing.scopes(own).unwrap_err().message;
        assert!(said.contains("kubernetes_selector") && said.contains("kubernetes_service_name"));
        let service = parsed("kubernetes_service_name = 'app'").unwrap();
        assert_eq!(service.scopes(own).unwrap()[0].service.as_deref(), Some("app"));
        assert!(service.lookup(Lookup::Pods).scopes(own).is_err());
    }

    #[test]
    fn several_namespaces_are_asked_one_by_one_and_a_star_asks_for_all_at_once() {
        let many = parsed("kubernetes_selector='a=b'\nkubernetes_namespace=['one','two']").unwrap();
        let asked: Vec<_> = many.scopes(own).unwrap().into_iter().map(|s| s.namespace).collect();
        assert_eq!(asked, [Some("one".to_owned()), Some("two".to_owned())]);
        let all = parsed("kubernetes_selector = 'a=b'\nkubernetes_namespace = '*'").unwrap();
        assert_eq!(all.scopes(own).unwrap()[0].namespace, None);
        let odd = parsed("kubernetes_selector = 'a=b'\nkubernetes_namespace = '../x'").unwrap();
        assert!(odd.scopes(own).unwrap_err().message.contains("../x"));
    }

    #[test]
    fn the_cluster_domain_of_the_environment_is_stronger_than_the_cluster_name() {
        let strategy = Kubernetes::new("app=a", "a").cluster_name("europe");
        assert_eq!(strategy.domain(Some("example.org.".into())), "example.org");
        assert_eq!(strategy.domain(Some(String::new())), "europe.local");
        assert_eq!(Kubernetes::new("app=a", "a").domain(None), "cluster.local");
    }
}
