//! Programs that the lab runs to their end.

use std::ffi::OsStr;
use std::process::{Command, Output};

/// Runs `program` and gives its standard output.
///
/// # Panics
/// If it cannot be started or fails; what it said is shown.
#[track_caller]
pub fn run<S: AsRef<OsStr>>(program: &str, args: impl IntoIterator<Item = S>) -> String {
    let mut command = Command::new(program);
    command.args(args);
    match attempt(&mut command) {
        Ok(output) => output,
        Err(why) => panic!("{why}"),
    }
}

/// Runs `command` and gives its standard output.
///
/// # Errors
/// What it said, if it cannot be started or fails.
pub fn attempt(command: &mut Command) -> Result<String, String> {
    let Output { status, stdout, stderr } =
        command.output().map_err(|error| format!("{command:?} does not start: {error}"))?;
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    if status.success() {
        Ok(stdout.into_owned())
    } else {
        Err(format!("{command:?}: {status}\n{stdout}{stderr}"))
    }
}

/// `ip` with these words, which are separated by spaces.
///
/// # Panics
/// If it fails.
#[track_caller]
pub fn ip(words: &str) {
    run("ip", words.split_whitespace());
}
