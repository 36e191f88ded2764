//! From a host to the names of the nodes on it: one basename for all, or what EPMD lists there.
//!
//! libcluster wants one basename that all nodes share. Where it is not known, or where there are
//! several, it is left out, and each host's EPMD is asked instead
//! (`erl_dist_protocol`, "Get All Registered Names from EPMD").

use std::collections::BTreeSet;
use std::net::IpAddr;

use flitch_epmd::message::NamesResponse;
use flitch_name::{NodeName, NodePattern};

use crate::{DiscoveryError, Problem};

/// How the nodes of a host are called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Naming {
    /// Every host has one node, of this alive name.
    Basename(String),
    /// Whoever EPMD lists there and this pattern, if there is one, fits.
    Learned(Option<NodePattern>),
}

/// A host with nodes on it: what stands behind the `@`, and where its EPMD is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The host as its nodes write it in their names.
    pub host: String,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
}

impl Place {
    /// A host whose nodes have its address in their names.
    ///
    /// An IPv6 address is written in its shortest form without brackets, as `POD_IP` has it and
    /// `inet:ntoa/1` writes it.
    #[must_use]
    pub fn at(address: IpAddr) -> Self {
        Self { host: address.to_string(), addresses: vec![address] }
    }
}

impl Naming {
    /// What the options say; `key` is what the strategy calls its basename.
    ///
    /// # Errors
    /// Both are given, or the basename cannot stand before an `@`.
    pub fn of(
        key: &str,
        basename: Option<&str>,
        pattern: Option<&NodePattern>,
    ) -> Result<Self, DiscoveryError> {
        let Some(basename) = basename else { return Ok(Self::Learned(pattern.cloned())) };
        let problem = |said: String| Err(DiscoveryError::new(Problem::Config, said));
        if pattern.is_some() {
            return problem(format!(
                "{key} and node_pattern are both given: the first says the names, the second \
                 chooses among those that EPMD lists; leave one out"
            ));
        }
        match name(basename, "x") {
            Ok(_) => Ok(Self::Basename(basename.to_owned())),
            Err(error) => problem(format!("{key} = {basename:?}: {}", error.message)),
        }
    }
}

/// The node `basename` on `host`.
///
/// # Errors
/// The two are no node name together.
pub fn name(basename: &str, host: &str) -> Result<NodeName, DiscoveryError> {
    Ok(format!("{basename}@{host}").parse::<NodeName>()?)
}

/// The nodes that an EPMD's answer is about: those that fit `pattern`, without those who come and
/// go with a command.
///
/// The answer does not say who is hidden.
#[must_use]
pub fn learned(
    host: &str,
    answer: &NamesResponse,
    pattern: Option<&NodePattern>,
) -> BTreeSet<NodeName> {
    answer
        .names
        .iter()
        .map(|named| named.name.as_str())
        .filter(|alive| !is_passing(alive))
        .filter_map(|alive| name(alive, host).ok())
        .filter(|name| pattern.is_none_or(|pattern| pattern.matches(name)))
        .collect()
}

/// Whether a name is one that shells and commands take for as long as they run: `rem-1a2b-app` and
/// `rpc-1a2b-app` of `mix release`'s script, `remsh1a2b-app` of rebar3's, `flitch-4711` of ours.
fn is_passing(alive: &str) -> bool {
    let hex = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let tag = |prefix: &str| alive.strip_prefix(prefix)?.split_once('-').map(|(tag, _)| tag);
    // Two bytes of chance, no more and no less: `rpc-add-service` is a peer.
    let mix = |prefix: &str| tag(prefix).is_some_and(|tag| tag.len() == 4 && hex(tag));
    let command = |id: &str| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
    mix("rem-")
        || mix("rpc-")
        || tag("remsh").is_some_and(hex)
        || alive.strip_prefix("flitch-").is_some_and(command)
}

#[cfg(test)]
mod tests {
    use flitch_epmd::message::NamedPort;
    use proptest::prelude::*;

    use super::*;

    fn answer(names: &[&str]) -> NamesResponse {
        let named = |name: &&str| NamedPort { name: name.parse().unwrap(), port: 1 };
        NamesResponse { names: names.iter().map(named).collect(), ..NamesResponse::default() }
    }

    fn texts(names: &BTreeSet<NodeName>) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn shells_and_commands_that_come_and_go_are_no_peers() {
        let epmd = answer(&[
            "app",
            "rem-1f2e-app",
            "rpc-00ff-app",
            "remsh0a1b2c-app",
            "flitch-4711",
            "remote",
            "rem-edy",
            "flitch-worker",
            "rpc-server",
            "rpc-add-service",
            "rem-bed-1",
        ]);
        let learned = texts(&learned("10.0.0.7", &epmd, None));
        let kept = [
            "app",
            "flitch-worker",
            "rem-bed-1",
            "rem-edy",
            "remote",
            "rpc-add-service",
            "rpc-server",
        ];
        assert_eq!(learned, kept.map(|alive| format!("{alive}@10.0.0.7")));
    }

    #[test]
    fn a_pattern_chooses_among_what_epmd_lists() {
        let pattern = crate::options::alive_pattern("app-*").unwrap();
        let epmd = answer(&["app-1", "app-2", "worker", "ärbeiter"]);
        assert_eq!(
            texts(&learned("fd00::7", &epmd, Some(&pattern))),
            ["app-1@fd00::7", "app-2@fd00::7"]
        );
        assert_eq!(learned("fd00::7", &epmd, None).len(), 3, "a name that is no atom of a node");
    }

    #[test]
    fn a_basename_and_a_pattern_contradict_each_other() {
        let pattern = "app-*@*".parse().ok();
        let said = Naming::of("node_basename", Some("app"), pattern.as_ref()).unwrap_err();
        assert!(said.message.contains("node_basename") && said.message.contains("node_pattern"));
        let said = Naming::of("node_basename", Some("app@host"), None).unwrap_err();
        assert!(said.message.contains("app@host"), "{said}");
        assert_eq!(Naming::of("node_basename", None, None), Ok(Naming::Learned(None)));
    }

    #[test]
    fn an_ipv6_address_stands_in_a_name_as_a_beam_writes_it() {
        let host = |text: &str| Place::at(text.parse().unwrap()).host;
        assert_eq!(host("FD00:0:0:0::0007"), "fd00::7");
        // Recorded from inet:ntoa/1 of OTP 25 and 29.
        assert_eq!(host("C689:A5B:0:FA6:F472:0:63FC:0"), "c689:a5b:0:fa6:f472:0:63fc:0");
        assert_eq!(host("C597:B578:BE8:0:0:0:1F97:0"), "c597:b578:be8::1f97:0");
        assert_eq!(host("E314:0:0:0:2EE:AB14:0:0"), "e314::2ee:ab14:0:0");
        assert_eq!(host("::ffff:10.0.0.7"), "::ffff:10.0.0.7");
    }

    proptest! {
        #[test]
        fn whatever_an_epmd_lists_the_names_are_node_names_on_that_host(
            names in prop::collection::vec("[^@\\p{Cc}]{1,40}", 0..20),
        ) {
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            for name in learned("10.0.0.7", &answer(&names), None) {
                prop_assert_eq!(name.host(), "10.0.0.7");
                prop_assert!(names.contains(&name.alive()));
            }
        }
    }
}
