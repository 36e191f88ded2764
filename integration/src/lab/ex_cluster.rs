//! The Elixir release that runs in the lab's pods: `integration/ex_cluster`, built by mix.

use std::path::PathBuf;
use std::process::Command;

use crate::lab::run::attempt;

const PROJECT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/ex_cluster");

/// Where the release lies once it is built.
#[must_use]
pub fn folder() -> PathBuf {
    PathBuf::from(PROJECT).join("_build/prod/rel/ex_cluster")
}

/// Builds the release, or finds that nothing has changed.
///
/// # Errors
/// What mix said.
pub fn build() -> Result<(), String> {
    let mut mix = Command::new("mix");
    mix.args(["release", "--overwrite", "--quiet"]).current_dir(PROJECT).env("MIX_ENV", "prod");
    attempt(&mut mix)?;
    // Whoever a pod runs as has to read it.
    attempt(Command::new("chmod").args(["-R", "a+rX"]).arg(folder())).map(drop)
}
