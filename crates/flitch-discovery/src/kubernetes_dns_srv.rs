//! `Kubernetes.DNSSRV`: the pods of a StatefulSet by their own names.

use std::time::Duration;

use flitch_name::NodePattern;
use serde::Deserialize;

use crate::DiscoveryError;
use crate::naming::Naming;
use crate::options::{self, setters};
use crate::question::{About, Asks, Question, given};
use crate::resolve::Nameserver;

/// Nodes named `application_name@POD.SERVICE.NAMESPACE.svc.DOMAIN`, for each SRV record of the
/// headless service of a StatefulSet.
///
/// `CLUSTER_DOMAIN` is the domain, `cluster.local` unless set; a final dot may be there or not.
/// The service needs a port, or it has no SRV records. Without `application_name`, EPMD on each
/// pod says the names, and `node_pattern` chooses.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KubernetesDnsSrv {
    service: String,
    namespace: String,
    #[serde(default)]
    application_name: Option<String>,
    #[serde(default, deserialize_with = "options::pattern")]
    node_pattern: Option<NodePattern>,
    #[serde(default = "options::polling_interval", deserialize_with = "options::millis")]
    polling_interval: Duration,
    #[serde(default, deserialize_with = "options::texts")]
    nameservers: Vec<Nameserver>,
}

impl KubernetesDnsSrv {
    /// A node called `application_name` on each pod behind `service` in `namespace`.
    pub fn new(
        service: impl Into<String>,
        namespace: impl Into<String>,
        application_name: impl Into<String>,
    ) -> Self {
        let learned = Self::learned(service, namespace);
        Self { application_name: Some(application_name.into()), ..learned }
    }

    /// Every node that EPMD lists on a pod behind `service` in `namespace`.
    pub fn learned(service: impl Into<String>, namespace: impl Into<String>) -> Self {
        Self {
            service: service.into(),
            namespace: namespace.into(),
            application_name: None,
            node_pattern: None,
            polling_interval: options::POLLING_INTERVAL,
            nameservers: Vec::new(),
        }
    }

    setters!(node_pattern, polling_interval, nameservers);
}

impl Asks for KubernetesDnsSrv {
    const NAME: &'static str = "Kubernetes.DNSSRV";

    fn questions(
        &self,
        _: &str,
        cluster_domain: Option<&str>,
    ) -> Result<Vec<Question>, DiscoveryError> {
        let basename = self.application_name.as_deref();
        let naming = Naming::of("application_name", basename, self.node_pattern.as_ref())?;
        let service = given("service", &self.service)?;
        let namespace = given("namespace", &self.namespace)?;
        let domain = cluster_domain.map(|domain| domain.trim_matches('.'));
        let domain = domain.filter(|domain| !domain.is_empty()).unwrap_or("cluster.local");
        // The final dot: it is a full name, not one to be searched for.
        let name = given("CLUSTER_DOMAIN", &format!("{service}.{namespace}.svc.{domain}."))?;
        Ok(vec![Question { name, about: About::Hosts, naming }])
    }

    fn every(&self) -> Duration {
        self.polling_interval
    }

    fn servers(&self) -> &[Nameserver] {
        &self.nameservers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(domain: Option<&str>) -> String {
        let strategy = KubernetesDnsSrv::new("myapp-headless", "default", "myapp");
        strategy.questions("me", domain).unwrap().remove(0).name
    }

    #[test]
    fn the_cluster_domain_counts_with_and_without_its_final_dot() {
        let standard = "myapp-headless.default.svc.cluster.local.";
        for domain in [None, Some(""), Some("cluster.local"), Some("cluster.local.")] {
            assert_eq!(name(domain), standard, "{domain:?}");
        }
        assert_eq!(name(Some("k8s.example.")), "myapp-headless.default.svc.k8s.example.");
    }

    #[test]
    fn the_options_are_those_of_libcluster() {
        let options = "service = 'a'\nnamespace = 'b'\napplication_name = 'c'";
        assert!(toml::from_str::<KubernetesDnsSrv>(options).is_ok());
        let said = toml::from_str::<KubernetesDnsSrv>("service = 'a'").unwrap_err().to_string();
        assert!(said.contains("namespace"), "{said}");
    }
}
