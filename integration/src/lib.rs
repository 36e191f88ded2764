//! Live peers for the tests: real `erl`, `elixir`, `iex` and `epmd`, and the `flitch` binary beside them.
//!
//! A test makes a [`Cluster`] and starts in it what it needs. Each cluster has an EPMD port, a
//! cookie and a home directory of its own, and node names that carry the port, so tests run side
//! by side. Everything that was started dies with the test, and what it printed is shown when the
//! test fails.
//!
//! ```no_run
//! # use integration::Cluster;
//! let cluster = Cluster::new();
//! let worker = cluster.flitch("worker").start();
//! let a = cluster.elixir("a").start();
//! a.expect(&format!("Node.ping({})", worker.atom()), ":pong");
//! ```
//!
//! A part that is not installed fails the test with the Debian packages to install. Nothing here
//! skips.

// A harness fails its test by panicking, and says why on standard error.
#![allow(clippy::panic, clippy::expect_used, clippy::unwrap_used, clippy::print_stderr)]

pub mod beam;
pub mod child;
pub mod cli;
pub mod cluster;
pub mod epmd;
pub mod fake_peer;
pub mod flitch;
pub mod lab;
pub mod log;
pub mod node;
pub mod port;
pub mod relay;
pub mod stock;
pub mod terminal;

pub use beam::{Beam, EvalError};
pub use cli::Output;
pub use cluster::Cluster;
pub use epmd::Epmd;
pub use fake_peer::{Behaviour, FakePeer};
pub use node::Node;
pub use relay::Relay;
pub use rustix::process::Signal;
pub use terminal::Iex;

use std::time::{Duration, Instant};

/// How long a test waits for what should happen soon: long enough for a loaded machine, and
/// reached only by a test that fails.
pub const SOON: Duration = Duration::from_secs(30);

/// Asks again and again until `done` gives something, for states that announce themselves nowhere.
///
/// # Panics
/// After [`SOON`], with `what` was awaited.
#[track_caller]
pub fn eventually<T>(what: &str, mut done: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = done() {
            return value;
        }
        assert!(start.elapsed() < SOON, "after {SOON:?} still not: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
