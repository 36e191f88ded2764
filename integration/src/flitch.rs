//! The `flitch` binary and the examples: built once, whatever the target directory is.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};

use serde_json::Value;

/// The `flitch` binary of this checkout, built if it has to be; or the one that `FLITCH_BIN`
/// names, for running the tests against an installed one.
///
/// # Panics
/// If it does not build.
#[must_use]
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        std::env::var_os("FLITCH_BIN").map_or_else(
            || build(&["-p", "flitch-cli", "--bin", "flitch"], "flitch"),
            PathBuf::from,
        )
    })
}

/// An example of the `flitch` crate, built if it has to be.
///
/// # Panics
/// If it does not build.
#[must_use]
pub fn example(name: &str) -> PathBuf {
    build(&["-p", "flitch", "--example", name], name)
}

/// Cargo says itself where it put what it built, whatever the target directory is.
fn build(what: &[&str], target: &str) -> PathBuf {
    // Tests of one process wait here, instead of each for cargo's lock with a message.
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut command = Command::new(env!("CARGO"));
    command.args(["build", "--quiet", "--message-format", "json-render-diagnostics"]).args(what);
    command.args((!cfg!(debug_assertions)).then_some("--release"));
    // What cargo tells this process about its own package is another package's to the build scripts
    // down there, some of which would run again each time, and all that hangs on them.
    let own = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_", "CARGO_BIN_", "CARGO_PRIMARY_"];
    for (name, _) in std::env::vars_os() {
        if own.iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("cargo runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{target} does not build:\n{said}");
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == target)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .unwrap_or_else(|| panic!("cargo built no executable {target}"))
}
