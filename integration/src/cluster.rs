//! One test's world: EPMD port, cookie, home directory, and the names in it.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::beam::BeamBuilder;
use crate::cli::Cli;
use crate::epmd::Epmd;
use crate::fake_peer::{Behaviour, FakePeer};
use crate::node::NodeBuilder;
use crate::terminal::Iex;

/// Where one test's nodes meet. Clusters do not see each other.
pub struct Cluster {
    /// The port mapper that the nodes use.
    pub epmd: Epmd,
    cookie: String,
    home: TempDir,
}

impl Cluster {
    /// A cluster with stock `epmd` running.
    #[must_use]
    pub fn new() -> Self {
        Self::around(Epmd::start())
    }

    /// A cluster on whose EPMD port nobody listens yet.
    #[must_use]
    pub fn without_epmd() -> Self {
        Self::around(Epmd::absent())
    }

    fn around(epmd: Epmd) -> Self {
        // Told apart from all other text, so that a test can search output for it.
        let cookie = format!("BAKEDFORPORT{}", epmd.port());
        let home = tempfile::tempdir().expect("a directory for temporary files");
        Self { epmd, cookie, home }
    }

    /// The cookie that the nodes share.
    #[must_use]
    pub fn cookie(&self) -> &str {
        &self.cookie
    }

    /// `HOME` of everything in this cluster, empty at first.
    #[must_use]
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The alive name that [`Cluster::elixir`] and the others make of `base`.
    #[must_use]
    pub fn alive(&self, base: &str) -> String {
        format!("{base}_{}", self.epmd.port())
    }

    /// The node name that [`Cluster::elixir`] and the others make of `base`.
    #[must_use]
    pub fn name(&self, base: &str) -> String {
        format!("{}@127.0.0.1", self.alive(base))
    }

    /// An Elixir node.
    #[must_use]
    pub fn elixir(&self, base: &str) -> BeamBuilder<'_> {
        BeamBuilder::elixir(self, base)
    }

    /// An Erlang node.
    #[must_use]
    pub fn erl(&self, base: &str) -> BeamBuilder<'_> {
        BeamBuilder::erl(self, base)
    }

    /// A real `iex` in a terminal.
    #[must_use]
    pub fn iex(&self, base: &str) -> Iex {
        Iex::start(self, base)
    }

    /// A node run by `flitch node`.
    #[must_use]
    pub fn flitch(&self, base: &str) -> NodeBuilder<'_> {
        NodeBuilder::new(self, base)
    }

    /// A node of ours inside the test: named, with the cookie and the EPMD of this cluster, and on
    /// the loopback. The test starts it on its own runtime.
    pub fn ours(&self, base: &str) -> flitch::NodeBuilder {
        flitch::Node::builder(self.name(base).parse().expect("a node name"))
            .cookie(flitch::Cookie::new(self.cookie()).expect("a cookie"))
            .epmd(flitch::Epmd::External)
            .epmd_port(self.epmd.port())
            .bind("127.0.0.1".parse().expect("an address"))
    }

    /// `flitch` with these arguments.
    #[must_use]
    pub fn cli(&self, args: &[&str]) -> Cli {
        Cli::new(self, args)
    }

    /// A peer that misbehaves in the handshake, registered in EPMD.
    #[must_use]
    pub fn fake_peer(&self, base: &str, behaviour: Behaviour) -> FakePeer {
        FakePeer::start(self, base, behaviour)
    }

    /// Makes `command` see this cluster and nothing of the developer's own settings.
    pub fn enter<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home())
            .env("LANG", "C.UTF-8")
            .env("TERM", "dumb")
            .env("ERL_EPMD_PORT", self.epmd.port().to_string())
            .env("ERL_CRASH_DUMP_SECONDS", "0")
            .current_dir(self.home())
    }
}

impl Default for Cluster {
    fn default() -> Self {
        Self::new()
    }
}
