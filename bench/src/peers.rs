//! Who is measured: nodes that keep the contract of `peers/driver.exs`, each a process of its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use integration::child::Child;
use integration::{Beam, Cluster};

use crate::measure::OURS;

/// A node under measurement.
pub(crate) struct Peer {
    pub(crate) title: &'static str,
    /// As Elixir writes it.
    pub(crate) atom: String,
    process: Process,
}

enum Process {
    Beam(Beam),
    Other(Child),
}

/// Those that the link's rows are measured of, ours first, and who is missing and why.
pub(crate) struct Peers {
    pub(crate) there: Vec<Peer>,
    pub(crate) missing: Vec<(&'static str, String)>,
}

pub(crate) const ALL: [&str; 4] = [OURS, "BEAM", "libei", "erl_dist"];

impl Peers {
    pub(crate) fn start(cluster: &Cluster) -> Self {
        let mut peers = Self { there: Vec::new(), missing: Vec::new() };
        for title in ALL {
            match Peer::start(cluster, title) {
                Ok(peer) => peers.there.push(peer),
                Err(why) => peers.missing.push((title, why)),
            }
        }
        peers
    }
}

impl Peer {
    pub(crate) fn start(cluster: &Cluster, title: &'static str) -> Result<Self, String> {
        let process = match title {
            "BEAM" => Process::Beam(echo(cluster)),
            "libei" => {
                let mut command = Command::new(libei()?);
                command.arg(cluster.alive(title));
                Process::Other(child(cluster, command, title)?)
            }
            _ => {
                let program = if title == OURS { "worker" } else { "erl_dist_peer" };
                let mut command = Command::new(beside_us(program)?);
                command.arg(cluster.name(title));
                Process::Other(child(cluster, command, title)?)
            }
        };
        Ok(Self { title, atom: format!(":{:?}", cluster.name(title)), process })
    }

    /// The same once more, the old one being ended first: there is one of a name.
    pub(crate) fn start_again(cluster: &Cluster, old: &mut Self) -> Result<Self, String> {
        match &old.process {
            Process::Beam(_) => return Err("it is a BEAM".to_owned()),
            Process::Other(child) => child.signal(integration::Signal::KILL),
        }
        if let Process::Other(child) = &mut old.process {
            child.wait(Duration::from_secs(10));
        }
        Self::start(cluster, old.title)
    }

    pub(crate) fn pid(&self) -> u32 {
        match &self.process {
            Process::Beam(beam) => beam.pid(),
            Process::Other(child) => child.pid(),
        }
    }
}

/// A BEAM that measures the others.
pub(crate) fn driver(cluster: &Cluster) -> Beam {
    let driver = cluster.elixir("driver").flags("-hidden").start();
    load(&driver);
    driver
}

fn echo(cluster: &Cluster) -> Beam {
    let beam = cluster.elixir("BEAM").flags("-hidden").start();
    load(&beam);
    beam.expect("{:ok, _} = GenServer.start(Echo, nil, name: :bench); :ready", ":ready");
    beam
}

fn load(beam: &Beam) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/driver.exs");
    beam.expect(&format!("Code.require_file({script:?}); :ready"), ":ready");
}

/// A program that says when it is up.
fn child(cluster: &Cluster, mut command: Command, title: &str) -> Result<Child, String> {
    // `enter` clears what was there.
    cluster.enter(&mut command).env("RELEASE_COOKIE", cluster.cookie());
    let child = Child::start(command.env("FLITCH_COOKIE", cluster.cookie()), title);
    let ready = |lines: &[integration::log::Line]| lines.first().map(drop);
    let up = child.log().wait_for(Duration::from_secs(10), ready);
    up.map(|()| child).map_err(|_| format!("{title} does not come up"))
}

/// Another program of this package.
pub(crate) fn beside_us(program: &str) -> Result<PathBuf, String> {
    let us = std::env::current_exe().map_err(|error| error.to_string())?;
    let path = us.parent().map(|folder| folder.join(program)).filter(|path| path.is_file());
    path.ok_or_else(|| format!("{program} is not built: `cargo build --release -p bench`"))
}

/// The C node, where there is a compiler and libei to build it with.
fn libei() -> Result<PathBuf, String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/libei.c");
    let program = beside_us("worker")?.with_file_name("bench-libei");
    let mut compile = Command::new("cc");
    compile.args(["-O2", "-o"]).arg(&program).arg(source).args(["-lei", "-lpthread"]);
    match compile.output() {
        Ok(output) if output.status.success() => Ok(program),
        _ => Err("needs a C compiler and erlang-dev".to_owned()),
    }
}
