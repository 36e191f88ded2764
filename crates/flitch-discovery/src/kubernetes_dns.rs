//! `Kubernetes.DNS`: the addresses of a headless service.

use std::time::Duration;

use flitch_name::NodePattern;
use serde::Deserialize;

use crate::DiscoveryError;
use crate::naming::Naming;
use crate::options::{self, setters};
use crate::question::{About, Asks, Question, given};
use crate::resolve::Nameserver;

/// Nodes named `application_name@POD_IP`, for each pod behind the headless service `service` of
/// the own namespace.
///
/// Unlike libcluster's, it asks for AAAA as well as A; of pods that have both it takes the family
/// that stands in our own name. Every pod behind the service gets a name:
/// where pods of other programs share it, leave `application_name` out, and EPMD at each pod says
/// who is there, of whom `node_pattern` chooses.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KubernetesDns {
    service: String,
    #[serde(default)]
    application_name: Option<String>,
    #[serde(default, deserialize_with = "options::pattern")]
    node_pattern: Option<NodePattern>,
    #[serde(default = "options::polling_interval", deserialize_with = "options::millis")]
    polling_interval: Duration,
    #[serde(default, deserialize_with = "options::texts")]
    nameservers: Vec<Nameserver>,
}

impl KubernetesDns {
    /// A node called `application_name` on each pod behind `service`.
    pub fn new(service: impl Into<String>, application_name: impl Into<String>) -> Self {
        Self { application_name: Some(application_name.into()), ..Self::learned(service) }
    }

    /// Every node that EPMD lists on a pod behind `service`.
    pub fn learned(service: impl Into<String>) -> Self {
        Self {
            service: service.into(),
            application_name: None,
            node_pattern: None,
            polling_interval: options::POLLING_INTERVAL,
            nameservers: Vec::new(),
        }
    }

    setters!(node_pattern, polling_interval, nameservers);
}

impl Asks for KubernetesDns {
    const NAME: &'static str = "Kubernetes.DNS";

    fn questions(&self, _: &str, _: Option<&str>) -> Result<Vec<Question>, DiscoveryError> {
        let basename = self.application_name.as_deref();
        let naming = Naming::of("application_name", basename, self.node_pattern.as_ref())?;
        let name = given("service", &self.service)?;
        Ok(vec![Question { name, about: About::Pods, naming }])
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

    #[test]
    fn the_seeds_own_topology_is_understood() {
        let options = "service = 'ex-cluster-svc'\napplication_name = 'ex-cluster'\n\
                       polling_interval = 5000\nnameservers = ['10.96.0.10', '[fd00::10]:5353']";
        let strategy: KubernetesDns = toml::from_str(options).unwrap();
        let asked = strategy.questions("me", None).unwrap();
        assert_eq!(asked[0].name, "ex-cluster-svc");
        assert_eq!(asked[0].naming, Naming::Basename("ex-cluster".into()));
        assert_eq!(asked[0].about.kinds().len(), 2, "A and AAAA");
        assert_eq!(strategy.servers().len(), 2);
    }
}
