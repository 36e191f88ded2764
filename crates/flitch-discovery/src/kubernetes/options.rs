//! The options of [`Kubernetes`](super::Kubernetes) that are chosen among few.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};

use super::config;
use crate::DiscoveryError;

/// What stands behind the `@` of a node's name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The pod's address.
    #[default]
    Ip,
    /// The pod's A record: `10-244-0-5.NAMESPACE.pod.DOMAIN`.
    Dns,
    /// The pod's own name behind a headless service: `HOSTNAME.SERVICE.NAMESPACE.svc.DOMAIN`.
    /// Only pods of a StatefulSet have one, or those with `hostname` and `subdomain`.
    Hostname,
}

/// Where addresses are looked up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lookup {
    /// Behind services: EndpointSlices, or Endpoints where these are not to be had.
    #[default]
    Endpoints,
    /// Behind services: EndpointSlices and nothing else.
    EndpointSlices,
    /// Pods by their labels, whether a service has them or not.
    Pods,
}

/// The namespaces to look into.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Namespaces {
    /// The one that we are in: of the service account, or of the kubeconfig's context.
    #[default]
    Own,
    /// These, each with a list and a watch of its own.
    Named(Vec<String>),
    /// All of them: `"*"`. It takes a ClusterRole.
    All,
}

impl<'de> Deserialize<'de> for Namespaces {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct Names;

        impl<'de> Visitor<'de> for Names {
            type Value = Namespaces;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a namespace, a list of them, or \"*\" for all")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Namespaces, E> {
                Ok(match text {
                    "*" => Namespaces::All,
                    name => Namespaces::Named(vec![name.to_owned()]),
                })
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Namespaces, A::Error> {
                let mut names = Vec::new();
                while let Some(name) = list.next_element::<String>()? {
                    if name == "*" {
                        return Err(A::Error::custom("\"*\" means all namespaces: write it alone"));
                    }
                    names.push(name);
                }
                Ok(Namespaces::Named(names))
            }
        }

        input.deserialize_any(Names)
    }
}

/// Checks what becomes a part of a path or of a selector: an RFC 1123 label.
pub(crate) fn label(key: &str, text: &str) -> Result<(), DiscoveryError> {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let edge = |byte: Option<&u8>| byte.is_some_and(|byte| *byte != b'-');
    let bytes = text.as_bytes();
    if bytes.len() <= 63
        && bytes.iter().all(|byte| inner(*byte))
        && edge(bytes.first())
        && edge(bytes.last())
    {
        return Ok(());
    }
    Err(config(format!(
        "{key} = {text:?}: a name in Kubernetes has lower-case letters, digits and dashes, at most 63"
    )))
}
