//! `DNSPoll`: the addresses of a name, over and over.

use std::time::Duration;

use flitch_name::NodePattern;
use serde::Deserialize;

use crate::DiscoveryError;
use crate::naming::Naming;
use crate::options::{self, setters};
use crate::question::{About, Asks, Question, given};
use crate::resolve::Nameserver;

/// Nodes named `node_basename@ADDRESS`, for each A and AAAA record of `query`.
///
/// Without `node_basename`, EPMD at each address says the names, and `node_pattern` chooses.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DnsPoll {
    query: String,
    #[serde(default)]
    node_basename: Option<String>,
    #[serde(default, deserialize_with = "options::pattern")]
    node_pattern: Option<NodePattern>,
    #[serde(default = "options::polling_interval", deserialize_with = "options::millis")]
    polling_interval: Duration,
    #[serde(default, deserialize_with = "options::texts")]
    nameservers: Vec<Nameserver>,
}

impl DnsPoll {
    /// Every node that EPMD lists at an address of `query`.
    pub fn new(query: impl Into<String>) -> Self {
        Self {
            query: query.into(),
            node_basename: None,
            node_pattern: None,
            polling_interval: options::POLLING_INTERVAL,
            nameservers: Vec::new(),
        }
    }

    setters!(node_basename, node_pattern, polling_interval, nameservers);
}

impl Asks for DnsPoll {
    const NAME: &'static str = "DNSPoll";

    fn questions(&self, _: &str, _: Option<&str>) -> Result<Vec<Question>, DiscoveryError> {
        let basename = self.node_basename.as_deref();
        let naming = Naming::of("node_basename", basename, self.node_pattern.as_ref())?;
        Ok(vec![Question { name: given("query", &self.query)?, about: About::Addresses, naming }])
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
    fn the_options_are_those_of_libcluster() {
        let options =
            "query = 'my-app.example.com'\nnode_basename = 'my-app'\npolling_interval = 9";
        let poll: DnsPoll = toml::from_str(options).unwrap();
        let asked = poll.questions("me", None).unwrap();
        assert_eq!(asked[0].name, "my-app.example.com");
        assert_eq!(asked[0].naming, Naming::Basename("my-app".into()));
        assert_eq!(poll.every(), Duration::from_millis(9));
        assert_eq!(DnsPoll::new("x").every(), Duration::from_secs(5));
    }

    #[test]
    fn without_a_basename_the_names_are_learned() {
        let poll: DnsPoll = toml::from_str("query = 'x'\nnode_pattern = 'app-*'").unwrap();
        let Naming::Learned(Some(pattern)) = &poll.questions("me", None).unwrap()[0].naming else {
            panic!("{poll:?}");
        };
        assert!(pattern.matches(&"app-1@10.0.0.7".parse().unwrap()));
        assert!(!pattern.matches(&"db@10.0.0.7".parse().unwrap()));
    }
}
