//! `Rancher`: the containers of the own service, by Rancher's metadata service.

use std::net::IpAddr;
use std::time::Duration;

use flitch_name::NodePattern;
use serde::Deserialize;

use crate::naming::Naming;
use crate::options::{self, setters};
use crate::{DiscoveryError, Problem};

/// Nodes named `node_basename@ADDRESS`, for the first address of each container of our service.
///
/// Without `node_basename`, EPMD at each address says the names, and `node_pattern` chooses.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rancher {
    #[serde(default)]
    node_basename: Option<String>,
    #[serde(default, deserialize_with = "options::pattern")]
    node_pattern: Option<NodePattern>,
    #[serde(default = "options::polling_interval", deserialize_with = "options::millis")]
    pub(crate) polling_interval: Duration,
    #[serde(default = "base_url")]
    base_url: String,
}

fn base_url() -> String {
    "http://rancher-metadata".to_owned()
}

impl Default for Rancher {
    fn default() -> Self {
        Self {
            node_basename: None,
            node_pattern: None,
            polling_interval: options::POLLING_INTERVAL,
            base_url: base_url(),
        }
    }
}

impl Rancher {
    /// Every node that EPMD lists on a container of our service.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    setters!(node_basename, node_pattern, polling_interval);

    /// Where the metadata service is: `http://rancher-metadata` unless given.
    #[must_use]
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = url.into();
        self
    }

    pub(crate) fn check(&self) -> Result<(), DiscoveryError> {
        self.naming().map(drop)?;
        if self.base_url.starts_with("http://") {
            return Ok(());
        }
        let said = format!("base_url = {:?} does not begin with http://", self.base_url);
        Err(DiscoveryError::new(Problem::Config, said))
    }

    pub(crate) fn naming(&self) -> Result<Naming, DiscoveryError> {
        let basename = self.node_basename.as_deref();
        Naming::of("node_basename", basename, self.node_pattern.as_ref())
    }

    /// The page about our own service.
    pub(crate) fn url(&self) -> String {
        format!("{}/latest/self/service", self.base_url.trim_end_matches('/'))
    }
}

/// The first address of each container that has one, from the page about a service.
///
/// # Errors
/// It is no such page.
pub fn containers(page: &[u8]) -> Result<Vec<IpAddr>, DiscoveryError> {
    #[derive(Deserialize)]
    struct Service {
        containers: Vec<Container>,
    }
    #[derive(Deserialize)]
    struct Container {
        // One that starts has none yet.
        #[serde(default)]
        ips: Option<Vec<IpAddr>>,
    }
    let service: Service = serde_json::from_slice(page).map_err(|error| {
        let said = format!("what Rancher's metadata service says is no service: {error}");
        DiscoveryError::new(Problem::Garbage, said)
    })?;
    let first = |container: Container| container.ips?.into_iter().next();
    Ok(service.containers.into_iter().filter_map(first).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_address_of_each_container_is_the_one_in_its_name() {
        let page = br#"{"name": "app", "containers": [
            {"name": "app-1", "ips": ["10.42.0.1", "172.17.0.2"], "state": "running"},
            {"name": "app-2", "ips": []}, {"name": "app-3"}, {"name": "app-4", "ips": null},
            {"name": "app-5", "ips": ["fd00::7"]}]}"#;
        let addresses: [IpAddr; 2] = ["10.42.0.1", "fd00::7"].map(|ip| ip.parse().unwrap());
        assert_eq!(containers(page).unwrap(), addresses);
    }

    #[test]
    fn what_is_no_service_is_an_error_and_not_an_empty_one() {
        for page in [
            "",
            "Not found",
            "{}",
            "[]",
            r#"{"containers": {}}"#,
            r#"{"containers": [{"ips": ["x"]}]}"#,
        ] {
            assert_eq!(
                containers(page.as_bytes()).unwrap_err().problem,
                Problem::Garbage,
                "{page}"
            );
        }
        assert_eq!(containers(br#"{"containers": []}"#).unwrap(), [] as [IpAddr; 0]);
    }

    #[test]
    fn the_options_are_those_of_libcluster() {
        let rancher: Rancher =
            toml::from_str("node_basename = 'myapp'\npolling_interval = 10000").unwrap();
        assert_eq!(rancher.naming().unwrap(), Naming::Basename("myapp".into()));
        assert_eq!(rancher.url(), "http://rancher-metadata/latest/self/service");
        assert!(Rancher::new().base_url("https://x").check().is_err());
    }

    proptest! {
        #[test]
        fn no_page_makes_it_panic(page in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = containers(&page);
        }
    }
}
