//! The way into the lab: namespaces of its own, in which nothing of the machine can be touched.
//!
//! The program starts itself again under `unshare`, with a network and mounts that are its own. The
//! bridge, the service addresses and the folder of the lab exist in there only, and the kernel takes
//! them away with the last process, however that ends.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use crate::flitch;
use crate::lab::ex_cluster;
use crate::lab::run::attempt;

/// Says to the program that it is inside, and where the built parts lie.
const PARTS: &str = "FLITCH_LAB_PARTS";
/// Says to a program that needs no parts that it is inside.
const INSIDE: &str = "FLITCH_LAB_NETWORK";

/// What the lab is made of, found or built before the network was left.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The folder with kube-apiserver, kube-controller-manager, kubectl and coredns.
    pub kube: PathBuf,
    /// The release of `integration/ex_cluster`.
    pub release: PathBuf,
}

impl Parts {
    /// One of the programs that were built.
    #[must_use]
    pub fn program(&self, name: &str) -> String {
        self.kube.join(name).display().to_string()
    }
}

/// Gives the parts if this process is inside already; else finds and builds them, and becomes the
/// process that is.
///
/// # Errors
/// In a sentence, what keeps the lab from being made on this machine.
pub fn enter() -> Result<Parts, String> {
    if let Some(kube) = std::env::var_os(PARTS) {
        return Ok(Parts { kube: kube.into(), release: ex_cluster::folder() });
    }
    allowed()?;
    let checkout = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let found = Command::new(".ci/kube")
        .current_dir(checkout)
        .stderr(std::process::Stdio::inherit())
        .output();
    let found = found.map_err(|error| format!(".ci/kube does not start: {error}"))?;
    if !found.status.success() {
        return Err("the parts of a cluster are missing; what to do stands above".into());
    }
    let kube = String::from_utf8_lossy(&found.stdout).trim().to_owned();
    ex_cluster::build()?;
    begin_again(&[(PARTS, kube.into()), ("FLITCH_BIN", flitch::binary().into())])
}

/// Becomes this program in namespaces of its own, unless it is in there already. For who wants the
/// network and nothing of Kubernetes.
///
/// # Errors
/// In a sentence, what keeps them from being made on this machine.
pub fn enter_network() -> Result<(), String> {
    if std::env::var_os(INSIDE).is_some() {
        return Ok(());
    }
    allowed()?;
    begin_again(&[(INSIDE, "1".into())])
}

fn allowed() -> Result<(), String> {
    if !rustix::process::geteuid().is_root() {
        return Err(
            "its pods are network namespaces, which only root may make: run it as root".into()
        );
    }
    let mut probe = Command::new("unshare");
    attempt(probe.args(["--net", "--mount", "ip", "link", "add", "lab", "type", "bridge"]))
        .map(drop)
        .map_err(|why| {
            format!("this machine lets nobody make network namespaces and bridges: {why}")
        })
}

/// Does not come back but with an error.
fn begin_again<T>(env: &[(&str, OsString)]) -> Result<T, String> {
    let me = std::env::current_exe().map_err(|error| format!("where this program is: {error}"))?;
    let mut inside = Command::new("unshare");
    inside.args(["--net", "--mount", "--propagation", "private", "--"]).arg(me);
    inside.args(std::env::args_os().skip(1)).envs(env.iter().map(|(name, value)| (name, value)));
    Err(format!("unshare does not start: {}", inside.exec()))
}
