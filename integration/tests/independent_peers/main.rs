//! Nodes that others wrote in Rust, `erl_dist` and `edp_client`, beside a running `flitch node`; and
//! what is known to be wrong with them, so that the documents tell the truth when it is mended.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod edp_client;
mod erl_dist;
