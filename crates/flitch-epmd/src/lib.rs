//! EPMD, the Erlang port mapper daemon: the part of it that a node speaks, and the daemon itself.
//!
//! EPMD runs once a host and knows which port each node there listens on. A node registers its
//! alive name over a TCP connection and stays registered for as long as that connection lives;
//! who wants to reach `worker@10.0.0.7` asks the EPMD *on 10.0.0.7* for the port of `worker`.
//! (`erl_dist_protocol`, section "EPMD Protocol".)
//!
//! | room | what is in it | sockets |
//! |---|---|---|
//! | [`message`] | each request and its answer: `encode`, `decode` | never |
//! | [`table`] | the server's registrations and their creations | never |
//! | [`gate`] | which waiting connection goes when there are too many | never |
//! | [`session`] | one connection to the server: bytes and time in, bytes out | never |
//! | [`backoff`] | how long to wait before the next attempt | never |
//! | [`address`] | where an EPMD is: port, loopback by family, lists of addresses | never |
//! | [`client`] | look up, list, register, stay registered for ever | tokio |
//! | [`server`] | the daemon | tokio |
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//! use flitch_epmd::{address, client};
//!
//! let epmd = address::at("10.0.0.7".parse()?, address::port_from_env()?);
//! let alive: flitch_name::AliveName = "worker".parse()?;
//! let endpoint = client::lookup(epmd, &alive, Duration::from_secs(5)).await?;
//! println!("worker@10.0.0.7 listens on port {}", endpoint.port);
//! # Ok(())
//! # }
//! ```

pub mod address;
pub mod backoff;
pub mod client;
pub mod gate;
pub mod message;
pub mod server;
pub mod session;
pub mod table;

pub use client::{ClientError, Registrar, Registration};
pub use message::{DistVersions, Endpoint, Extra, NodeType, Protocol, WireName};
pub use server::{Config, Server};
