//! What the strategies of DNS have in common: a name to ask for, and what its records are to the
//! names of nodes.

use std::time::Duration;

use crate::naming::Naming;
use crate::resolve::{Kind, Nameserver};
use crate::{DiscoveryError, Problem};

/// One name to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    /// The name, to be searched for unless it ends with a dot.
    pub(crate) name: String,
    /// What to ask, and what an answer is.
    pub(crate) about: About,
    /// How nodes there are called.
    pub(crate) naming: Naming,
}

/// What the records of a name are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// A and AAAA: addresses, which nodes have in their names.
    Addresses,
    /// A only.
    V4,
    /// AAAA only.
    V6,
    /// SRV: hosts, which nodes have in their names.
    Hosts,
    /// SRV: hosts, and nodes have those hosts' addresses in their names.
    AddressesOfHosts,
}

impl About {
    /// The types to ask for.
    pub(crate) fn kinds(self) -> &'static [Kind] {
        match self {
            Self::Addresses => &[Kind::A, Kind::Aaaa],
            Self::V4 => &[Kind::A],
            Self::V6 => &[Kind::Aaaa],
            Self::Hosts | Self::AddressesOfHosts => &[Kind::Srv],
        }
    }
}

/// A strategy that polls DNS.
pub(crate) trait Asks {
    /// What it is called.
    const NAME: &'static str;

    /// What to ask. `own` is our own basename, `cluster_domain` what `CLUSTER_DOMAIN` says.
    ///
    /// # Errors
    /// Options that cannot work.
    fn questions(
        &self,
        own: &str,
        cluster_domain: Option<&str>,
    ) -> Result<Vec<Question>, DiscoveryError>;

    /// How often to ask.
    fn every(&self) -> Duration;

    /// The servers to ask; with none, those of the system.
    fn servers(&self) -> &[Nameserver];
}

/// A name to ask for, as an option gave it.
///
/// # Errors
/// It is empty, or holds what no name in DNS does.
pub(crate) fn given(key: &str, name: &str) -> Result<String, DiscoveryError> {
    let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '@' | '/' | ':');
    let mut labels = name.strip_suffix('.').unwrap_or(name).split('.');
    let is_odd = labels.any(|label| label.is_empty() || label.len() > 63);
    if is_odd || name.contains(odd) || name.len() > 253 {
        let said = format!("{key} = {name:?} is no name to look up: give one such as my-app");
        return Err(DiscoveryError::new(Problem::Config, said));
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_name_is_refused_before_anybody_is_asked() {
        for name in [
            "",
            ".",
            "a b",
            "app@10.0.0.1",
            "http://app",
            &"a".repeat(64),
            "a..b",
            &"a.".repeat(127),
        ] {
            assert!(given("query", name).unwrap_err().message.contains("query"), "{name}");
        }
        assert_eq!(given("query", "_app._tcp.my-app.").unwrap(), "_app._tcp.my-app.");
    }
}
