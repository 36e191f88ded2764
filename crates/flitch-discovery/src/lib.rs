//! Finding the peers of a BEAM cluster, with the strategies and the words of Elixir's libcluster.
//!
//! A [`Strategy`] watches one source (DNS, the API of Kubernetes, EPMD, multicast, …) and tells
//! [`Sightings`] what it sees: node names. Whoever made the sightings folds what several strategies
//! say into whom to connect to: with a [`roster`] for each, as `flitch`'s `cluster` does.
//!
//! | room | what is in it | I/O |
//! |---|---|---|
//! | [`strategy`] | the trait, what it tells, and why it may fail | never |
//! | one file a strategy | its options, under libcluster's names, and how an answer becomes names | never |
//! | [`naming`] | from a host to the names of the nodes on it | never |
//! | [`topology`] | from a configuration to a strategy | never |
//! | [`roster`] | all that a strategy said: who is wanted, who is lost | never |
//! | [`poll`] | asking: resolver, API server, sockets | tokio |
//!
//! A strategy of one's own is one trait:
//!
//! ```
//! use std::time::Duration;
//! use flitch_discovery::{DiscoveryError, Sightings, Strategy};
//!
//! /// A file with a node name a line.
//! struct FromFile(std::path::PathBuf);
//!
//! impl Strategy for FromFile {
//!     fn name(&self) -> &str {
//!         "FromFile"
//!     }
//!
//!     async fn run(&self, sightings: Sightings) -> Result<(), DiscoveryError> {
//!         loop {
//!             let text = tokio::fs::read_to_string(&self.0).await?;
//!             let names: Result<Vec<_>, _> = text.lines().map(str::parse).collect();
//!             sightings.complete(names?);
//!             tokio::time::sleep(Duration::from_secs(5)).await;
//!         }
//!     }
//! }
//! ```

#[cfg(feature = "dns")]
mod dns_cluster;
#[cfg(feature = "dns")]
mod dns_poll;
mod epmd;
pub mod erlang_hosts;
#[cfg(feature = "gossip")]
pub mod gossip;
#[cfg(feature = "kubernetes")]
mod kubernetes;
#[cfg(feature = "dns")]
mod kubernetes_dns;
#[cfg(feature = "dns")]
mod kubernetes_dns_srv;
pub mod naming;
mod options;
pub mod poll;
#[cfg(feature = "dns")]
mod question;
#[cfg(feature = "rancher")]
pub mod rancher;
#[cfg(feature = "dns")]
pub mod resolve;
pub mod roster;
pub mod strategy;
pub mod topology;

#[cfg(feature = "dns")]
pub use dns_cluster::{DnsCluster, ResourceType};
#[cfg(feature = "dns")]
pub use dns_poll::DnsPoll;
pub use epmd::{Epmd, LocalEpmd};
pub use erlang_hosts::ErlangHosts;
#[cfg(feature = "gossip")]
pub use gossip::Gossip;
#[cfg(feature = "kubernetes")]
pub use kubernetes::{Kubernetes, Lookup, Mode, Namespaces};
#[cfg(feature = "dns")]
pub use kubernetes_dns::KubernetesDns;
#[cfg(feature = "dns")]
pub use kubernetes_dns_srv::KubernetesDnsSrv;
#[cfg(feature = "rancher")]
pub use rancher::Rancher;
#[cfg(feature = "dns")]
pub use resolve::Nameserver;
pub use strategy::{AnyStrategy, DiscoveryError, Local, Observation, Problem, Sightings, Strategy};
pub use topology::TopologyError;
