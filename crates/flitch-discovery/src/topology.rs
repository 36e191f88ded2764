//! From a configuration to a strategy: libcluster's names and options, and mistakes that say what
//! is allowed.
//!
//! ```
//! use flitch_discovery::topology::strategy;
//!
//! let config = "hosts = ['a@127.0.0.1']".parse().unwrap();
//! assert!(strategy("Cluster.Strategy.Epmd", config).is_ok());
//!
//! let config = "host = ['a@127.0.0.1']".parse().unwrap();
//! let said = strategy("Epmd", config).unwrap_err().to_string();
//! assert_eq!(said, "Epmd has no option host: did you mean hosts? Its options are hosts, timeout");
//! ```

mod fields;
mod near;

pub use fields::of as fields_of;
pub use near::nearest;

use serde::de::DeserializeOwned;
use toml::Table;

use crate::{AnyStrategy, DiscoveryError, Epmd, ErlangHosts, LocalEpmd, Strategy};

/// Every strategy that can be named: libcluster's, and dns_cluster's queries as `DNSCluster`.
pub const STRATEGIES: &[&str] = &[
    "Epmd",
    "LocalEpmd",
    "ErlangHosts",
    "Gossip",
    "DNSPoll",
    "Kubernetes",
    "Kubernetes.DNS",
    "Kubernetes.DNSSRV",
    "Rancher",
    "DNSCluster",
];

/// The strategy that libcluster calls `name`, with these options.
///
/// `name` may have `Cluster.Strategy.` before it, and `Elixir.` before that.
///
/// # Errors
/// Names the option that cannot work, and what is allowed.
pub fn strategy(name: &str, config: Table) -> Result<AnyStrategy, TopologyError> {
    let short = name.strip_prefix("Elixir.").unwrap_or(name);
    let short = short.strip_prefix("Cluster.Strategy.").unwrap_or(short);
    match short {
        "Epmd" => read::<Epmd>("Epmd", config, |_| Ok(())),
        "LocalEpmd" => read::<LocalEpmd>("LocalEpmd", config, |_| Ok(())),
        "ErlangHosts" => read::<ErlangHosts>("ErlangHosts", config, |_| Ok(())),
        #[cfg(feature = "gossip")]
        "Gossip" => read("Gossip", config, crate::Gossip::check),
        #[cfg(feature = "dns")]
        "DNSPoll" => dns::<crate::DnsPoll>(config),
        #[cfg(feature = "kubernetes")]
        "Kubernetes" => read("Kubernetes", config, crate::Kubernetes::check),
        #[cfg(feature = "dns")]
        "Kubernetes.DNS" => dns::<crate::KubernetesDns>(config),
        #[cfg(feature = "dns")]
        "Kubernetes.DNSSRV" => dns::<crate::KubernetesDnsSrv>(config),
        #[cfg(feature = "dns")]
        "DNSCluster" => dns::<crate::DnsCluster>(config),
        #[cfg(feature = "rancher")]
        "Rancher" => read("Rancher", config, crate::Rancher::check),
        _ => Err(unknown(short)),
    }
}

/// A strategy of DNS: whether its options work shows in the questions that they make.
#[cfg(feature = "dns")]
fn dns<S>(config: Table) -> Result<AnyStrategy, TopologyError>
where
    S: crate::question::Asks + Strategy + DeserializeOwned,
{
    read::<S>(S::NAME, config, |strategy| strategy.questions("own", None).map(drop))
}

fn read<S: Strategy + DeserializeOwned>(
    strategy: &'static str,
    config: Table,
    check: impl FnOnce(&S) -> Result<(), DiscoveryError>,
) -> Result<AnyStrategy, TopologyError> {
    let allowed = fields::of::<S>();
    if let Some(key) = config.keys().find(|key| !allowed.contains(&key.as_str())) {
        return Err(odd_key(strategy, key, allowed));
    }
    let read: S = serde_path_to_error::deserialize(config).map_err(|error| {
        let message = error.inner().message().to_owned();
        match error.path().to_string().as_str() {
            "." => TopologyError::Options { strategy, message, allowed },
            key => TopologyError::Value { strategy, key: key.to_owned(), message },
        }
    })?;
    match check(&read) {
        Ok(()) => Ok(AnyStrategy::new(read)),
        Err(error) => Err(TopologyError::Options { strategy, message: error.message, allowed }),
    }
}

fn unknown(given: &str) -> TopologyError {
    match (given, feature(given)) {
        (_, Some((strategy, feature))) => TopologyError::Off { strategy, feature },
        (given, None) => TopologyError::Strategy {
            given: given.escape_debug().take(100).collect(),
            near: near::nearest(given, STRATEGIES),
        },
    }
}

/// The feature that brings a strategy, which is off if this is asked.
fn feature(strategy: &str) -> Option<(&'static str, &'static str)> {
    let feature = match strategy {
        "Gossip" => "gossip",
        "DNSPoll" | "Kubernetes.DNS" | "Kubernetes.DNSSRV" | "DNSCluster" => "dns",
        "Kubernetes" => "kubernetes",
        "Rancher" => "rancher",
        _ => return None,
    };
    let name = STRATEGIES.iter().find(|name| **name == strategy)?;
    Some((name, feature))
}

fn odd_key(strategy: &'static str, key: &str, allowed: &'static [&'static str]) -> TopologyError {
    let reason = match (strategy, key) {
        ("DNSPoll" | "Kubernetes.DNS" | "Kubernetes.DNSSRV" | "DNSCluster", "resolver") => {
            "it is a function of Elixir; nameservers says which servers to ask"
        }
        ("DNSCluster", "connect_timeout") => {
            "how long a connection may take is net_setuptime in [node]"
        }
        ("DNSCluster", "log") => "what is logged is decided for the whole program",
        ("DNSCluster", "name") => "it is the name of a process of Elixir",
        (_, "connect" | "disconnect" | "list_nodes") => {
            "it is a function of Elixir; a program of one's own gives them where it joins"
        }
        _ => {
            return TopologyError::Key {
                strategy,
                key: key.escape_debug().take(100).collect(),
                near: near::nearest(key, allowed),
                allowed,
            };
        }
    };
    TopologyError::Elixir { strategy, key: key.to_owned(), reason }
}

/// Why a configuration is no strategy, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TopologyError {
    /// Nobody knows it.
    #[error(
        "there is no strategy {given}{}; there are {}", did_you_mean(*.near), STRATEGIES.join(", ")
    )]
    Strategy {
        /// The name that was given.
        given: String,
        /// One that is spelled like it.
        near: Option<&'static str>,
    },
    /// It was left out of this program.
    #[error(
        "the strategy {strategy} was left out of this program: build it with the feature {feature}"
    )]
    Off {
        /// The strategy.
        strategy: &'static str,
        /// The feature that brings it.
        feature: &'static str,
    },
    /// An option that the strategy does not have.
    #[error(
        "{strategy} has no option {key}{} Its options are {}",
        near.map_or(".".to_owned(), |near| format!(": did you mean {near}?")), allowed.join(", ")
    )]
    Key {
        /// The strategy.
        strategy: &'static str,
        /// The option that was given.
        key: String,
        /// One that is spelled like it.
        near: Option<&'static str>,
        /// Those it has.
        allowed: &'static [&'static str],
    },
    /// An option of libcluster that has no sense outside a BEAM.
    #[error("{strategy}: the option {key} cannot be taken over: {reason}")]
    Elixir {
        /// The strategy.
        strategy: &'static str,
        /// The option.
        key: String,
        /// Why, and what to do.
        reason: &'static str,
    },
    /// The value of an option.
    #[error("{strategy}: {key}: {message}")]
    Value {
        /// The strategy.
        strategy: &'static str,
        /// The option, with the place inside it.
        key: String,
        /// What was given, and what is allowed.
        message: String,
    },
    /// The options as a whole.
    #[error("{strategy}: {message}. Its options are {}", allowed.join(", "))]
    Options {
        /// The strategy.
        strategy: &'static str,
        /// What is missing, or does not go together.
        message: String,
        /// Those it has.
        allowed: &'static [&'static str],
    },
}

fn did_you_mean(near: Option<&str>) -> String {
    near.map_or(String::new(), |near| format!(": did you mean {near}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(name: &str, config: &str) -> String {
        strategy(name, config.parse().unwrap()).unwrap_err().to_string()
    }

    #[cfg(feature = "dns")]
    #[test]
    fn a_strategy_is_found_under_every_form_of_its_name() {
        for name in [
            "Kubernetes.DNS",
            "Cluster.Strategy.Kubernetes.DNS",
            "Elixir.Cluster.Strategy.Kubernetes.DNS",
        ] {
            let config = "service = 'ex-cluster-svc'\napplication_name = 'ex-cluster'";
            let found = strategy(name, config.parse().unwrap()).unwrap();
            assert_eq!(found.name(), "Kubernetes.DNS");
        }
        assert!(strategy("Elixir.DNSCluster", "query = 'a'".parse().unwrap()).is_ok());
    }

    #[cfg(all(feature = "dns", feature = "gossip", feature = "rancher"))]
    #[test]
    fn every_strategy_is_there_with_its_defaults() {
        for (name, config) in [
            ("Epmd", ""),
            ("LocalEpmd", ""),
            ("ErlangHosts", "timeout = 30000"),
            ("Gossip", ""),
            ("DNSPoll", "query = 'a'"),
            ("Kubernetes.DNS", "service = 'a'"),
            ("Kubernetes.DNSSRV", "service = 'a'\nnamespace = 'b'"),
            ("Rancher", ""),
            ("DNSCluster", "query = 'a'"),
        ] {
            let found = strategy(name, config.parse().unwrap());
            assert_eq!(found.unwrap().name(), name);
        }
    }

    #[test]
    fn an_unknown_strategy_is_told_all_and_the_nearest() {
        let said = said("Cluster.Strategy.LocalEmpd", "");
        assert!(said.contains("did you mean LocalEpmd?") && said.contains("Rancher"), "{said}");
        let said = self::said("Consul", "");
        assert!(!said.contains("did you mean"), "{said}");
    }

    #[cfg(feature = "dns")]
    #[test]
    fn a_mistake_names_the_option_what_was_given_and_what_is_allowed() {
        let service = |more: &str| said("Kubernetes.DNS", &format!("service = 'a'\n{more}"));
        let near = service("poling_interval = 1");
        assert!(near.contains("did you mean polling_interval?"), "{near}");
        let kind = service("polling_interval = '5s'");
        assert!(kind.contains("polling_interval") && kind.contains("5s"), "{kind}");
        assert!(service("polling_interval = 0").contains("5000"));
        let server = service("nameservers = ['10.96.0.10', 'kube-dns']");
        assert!(server.contains("nameservers[1]") && server.contains("kube-dns"), "{server}");
        let missing = said("Kubernetes.DNS", "application_name = 'a'");
        assert!(missing.contains("service") && missing.contains("polling_interval"), "{missing}");
        let both = service("application_name = 'a'\nnode_pattern = 'b'");
        assert!(both.contains("application_name and node_pattern"), "{both}");
    }

    #[cfg(feature = "dns")]
    #[test]
    fn what_only_an_elixir_program_can_mean_says_so() {
        assert!(said("DNSPoll", "query = 'a'\nresolver = 'f'").contains("nameservers"));
        assert!(said("DNSCluster", "query = 'a'\nconnect_timeout = 1").contains("net_setuptime"));
        assert!(said("Epmd", "connect = 'f'").contains("function of Elixir"));
    }

    #[cfg(feature = "gossip")]
    #[test]
    fn a_secret_is_never_part_of_a_mistake() {
        for config in ["secret = 271828", "secret = ['271828']", "secret = { a = '271828' }"] {
            let said = said("Gossip", config);
            assert!(said.contains("secret") && !said.contains("271828"), "{said}");
        }
        let both = said("Gossip", "secret = '271828'\nsecret_file = '/run/secret'");
        assert!(both.contains("secret_file") && !both.contains("271828"), "{both}");
    }

    #[test]
    fn every_strategy_that_is_off_says_which_feature_brings_it() {
        for name in STRATEGIES {
            match strategy(name, Table::new()) {
                Err(TopologyError::Strategy { .. }) => panic!("{name}"),
                Err(TopologyError::Off { feature, .. }) => assert!(!feature.is_empty()),
                _ => {}
            }
        }
    }
}
