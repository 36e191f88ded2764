//! A pod: its network, and the container in it.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::child::Child;
use crate::lab::network::{Addresses, DNS_SERVICE, Network};
use crate::lab::space::Space;
use crate::{SOON, eventually};

/// A pod's network, and the files that a container finds in it.
pub struct Sandbox {
    space: Space,
    folder: PathBuf,
}

/// What a container is started with, resolved.
#[derive(Clone, Debug)]
pub struct Container {
    /// The command line.
    pub command: Vec<String>,
    /// The whole environment.
    pub env: Vec<(String, String)>,
    /// The working directory.
    pub workdir: String,
    /// Source, target, and whether it may be written.
    pub binds: Vec<(PathBuf, String, bool)>,
    /// The user's id.
    pub user: u64,
    /// The group's id.
    pub group: u64,
    /// Whether its root is read-only.
    pub read_only: bool,
}

/// What a pod's `/etc` says about it.
#[derive(Clone, Debug)]
pub struct Host<'a> {
    /// Its host name.
    pub name: &'a str,
    /// Its name under a headless service, if it has one.
    pub full_name: Option<String>,
    /// Its namespace in Kubernetes, where names without a dot are looked up.
    pub namespace: &'a str,
}

/// A container that runs.
pub struct Running {
    child: Child,
    /// The first process of the container, as the lab sees it; none if it ended at once.
    first: Option<Pid>,
}

impl Sandbox {
    /// Makes the network namespace, plugs it in, and writes what `/etc` has to say.
    ///
    /// # Panics
    /// If it cannot be made.
    #[must_use]
    pub fn start(network: &Network, addresses: Addresses, folder: &Path, host: &Host<'_>) -> Self {
        let space = Space::start(network, addresses);
        write_etc(&folder.join("layer/etc"), addresses, host).expect("files of the lab");
        Self { space, folder: folder.to_owned() }
    }

    /// Its addresses.
    #[must_use]
    pub fn addresses(&self) -> Addresses {
        self.space.addresses()
    }

    /// Does something in the pod's network.
    ///
    /// # Panics
    /// If the network is gone.
    pub fn inside<T: Send>(&self, act: impl FnOnce() -> T + Send) -> T {
        self.space.inside(act)
    }

    /// Starts the container.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn run(&self, container: &Container, title: &str) -> Running {
        let mut binds = String::new();
        for (source, target, writable) in &container.binds {
            // In a pod's root `/var/run` is a link, which would be followed out of it.
            let target = target.replacen("/var/run/", "/run/", 1);
            binds +=
                &format!("{} {target} {}\n", source.display(), if *writable { "rw" } else { "ro" });
        }
        std::fs::write(self.folder.join("binds"), binds).expect("a file of the lab");
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/proc/{}/ns/net", self.space.pid()));
        command.args([
            "unshare",
            "--mount",
            "--uts",
            "--ipc",
            "--pid",
            "--fork",
            "--kill-child=KILL",
        ]);
        command
            .args(["sh", concat!(env!("CARGO_MANIFEST_DIR"), "/src/lab/pod.sh")])
            .arg(&self.folder);
        command.args([
            container.user.to_string(),
            container.group.to_string(),
            container.read_only.to_string(),
        ]);
        command.arg(&container.workdir).args(&container.command);
        command.env_clear().envs(container.env.iter().cloned()).current_dir("/");
        let mut child = Child::start(&mut command, title);
        drop(child.take_stdin());
        let first = eventually("the container's first process", || {
            let children = format!("/proc/{0}/task/{0}/children", child.pid());
            let first = std::fs::read_to_string(children).unwrap_or_default();
            let first =
                first.split_whitespace().next().and_then(|pid| Pid::from_raw(pid.parse().ok()?));
            (first.is_some() || child.wait(Duration::ZERO).is_some()).then_some(first)
        });
        Running { child, first }
    }
}

impl Running {
    /// What it prints.
    #[must_use]
    pub fn log(&self) -> &std::sync::Arc<crate::log::Log> {
        self.child.log()
    }

    /// Sends a signal to the container's first process.
    pub fn signal(&mut self, signal: Signal) {
        if let (Some(first), None) = (self.first, self.wait(Duration::ZERO)) {
            // It may end this very moment.
            let _ = kill_process(first, signal);
        }
    }

    /// Runs a program in the container, as its user; gives whether it succeeded, and what it said.
    pub fn exec(
        &self,
        command: &[String],
        container: &Container,
        within: Duration,
    ) -> (bool, String) {
        let Some(first) = self.first else { return (false, "the container has ended".to_owned()) };
        let mut nsenter = Command::new("nsenter");
        nsenter.args(["--target", &first.as_raw_nonzero().to_string(), "--all", "--root", "--wd"]);
        nsenter.args([
            "--setuid",
            &container.user.to_string(),
            "--setgid",
            &container.group.to_string(),
            "--",
        ]);
        nsenter.args(command).env_clear().envs(container.env.iter().cloned());
        let mut child = Child::start(&mut nsenter, "exec");
        let ended = child.wait(within).is_some_and(|status| status.success());
        (ended, child.log().text())
    }

    /// How it ended, if it did within this time.
    pub fn wait(&mut self, within: Duration) -> Option<ExitStatus> {
        self.child.wait(within)
    }

    /// Kills all that runs in it.
    ///
    /// # Panics
    /// If it does not die.
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        assert!(self.wait(SOON).is_some(), "a container does not die");
    }
}

fn write_etc(etc: &Path, addresses: Addresses, host: &Host<'_>) -> std::io::Result<()> {
    let Host { name, full_name, namespace } = host;
    std::fs::create_dir_all(etc)?;
    std::fs::write(etc.join("hostname"), format!("{name}\n"))?;
    let names = full_name.as_ref().map_or((*name).to_owned(), |full| format!("{full} {name}"));
    let (v4, v6) = (addresses.v4(), addresses.v6());
    let hosts = format!(
        "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n{v4} {names}\n{v6} {names}\n"
    );
    std::fs::write(etc.join("hosts"), hosts)?;
    let search = format!("{namespace}.svc.cluster.local svc.cluster.local cluster.local");
    let resolv = format!("search {search}\nnameserver {DNS_SERVICE}\noptions ndots:5\n");
    std::fs::write(etc.join("resolv.conf"), resolv)
}
