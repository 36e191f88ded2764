//! `-daemon`: the program started once more, without the terminal.
//!
//! The stock daemon forks and returns before its port is open. Here the one that returns has heard
//! from the other that it is, so whoever started it can connect at once; and if the port cannot be
//! opened, the exit status says so.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result};

/// Set for the program that is to be the daemon. Its command line stays the one that was typed.
const VARIABLE: &str = "FLITCH_EPMD_DETACHED";

pub(super) fn is_detached() -> bool {
    std::env::var_os(VARIABLE).is_some()
}

/// Starts the daemon, and waits until it serves or ends.
pub(super) fn start() -> Result<ExitCode> {
    let_go_of_what_was_inherited()?;
    let program = std::env::current_exe().context("cannot find this program to start it again")?;
    let mut words = std::env::args_os();
    let mut command = Command::new(program);
    if let Some(name) = words.next() {
        command.arg0(name);
    }
    command.args(words).env(VARIABLE, "1").current_dir("/");
    let mut daemon =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("cannot start")?;
    let mut told = Vec::new();
    if let Some(stdout) = &mut daemon.stdout {
        stdout.read_to_end(&mut told).context("cannot hear from the daemon")?;
    }
    if told == READY {
        return Ok(ExitCode::SUCCESS);
    }
    let status = daemon.wait().context("cannot wait for the daemon")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Closes all descriptors but the three streams. Whoever reads from a pipe that a shell has left
/// open would wait for its end as long as the daemon runs. Nothing here has opened any yet.
fn let_go_of_what_was_inherited() -> Result<()> {
    let open = std::fs::read_dir("/proc/self/fd").context("cannot see what is open")?;
    let names = open.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    let names: Vec<i32> = names.filter(|name| *name > 2).collect();
    for name in names {
        // That of the listing itself is closed already.
        let _ = nix::unistd::close(name);
    }
    Ok(())
}

const READY: &[u8] = b"ready";

/// Leaves the terminal's session.
pub(super) fn leave_session() -> Result<()> {
    rustix::process::setsid().context("cannot leave the terminal")?;
    Ok(())
}

/// Tells the one that waits, and lets go of its streams.
pub(super) fn ready() -> Result<()> {
    let nothing = OpenOptions::new().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stderr(&nothing)?;
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(READY).and_then(|()| stdout.flush()).context("nobody waits any more")?;
    rustix::stdio::dup2_stdout(&nothing)?;
    Ok(())
}
