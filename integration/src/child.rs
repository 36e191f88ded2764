//! A child process that cannot outlive its test.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::log::Log;

/// A running child in a process group of its own.
///
/// Dropping it kills the group; if the test is failing, what the child printed is shown. When the
/// whole test process is killed, its guard kills the group.
pub struct Child {
    title: String,
    process: std::process::Child,
    log: Arc<Log>,
    ended: Option<ExitStatus>,
}

impl Child {
    /// Starts `command` with all three streams piped, under a `title` for the output of failures.
    ///
    /// # Panics
    /// If it cannot be started.
    #[track_caller]
    pub fn start(command: &mut Command, title: &str) -> Self {
        Self::start_with_stdin(command.stdin(Stdio::piped()), title)
    }

    /// Starts `command` with the standard input that it has been given.
    ///
    /// # Panics
    /// If it cannot be started.
    #[track_caller]
    pub fn start_with_stdin(command: &mut Command, title: &str) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("{title} does not start: {error} ({command:?})"));
        let log = Arc::new(Log::default());
        if let Some(stdout) = process.stdout.take() {
            log.drain("out", stdout);
        }
        if let Some(stderr) = process.stderr.take() {
            log.drain("err", stderr);
        }
        Self::adopt(process, log, title)
    }

    /// Takes over a process that leads its own group already, and the log of its output.
    #[must_use]
    pub fn adopt(process: std::process::Child, log: Arc<Log>, title: &str) -> Self {
        Guard::tell(&format!("add {}", process.id()));
        Self { title: title.to_owned(), process, log, ended: None }
    }

    /// Its process id, which is its group's too.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// What it printed so far.
    #[must_use]
    pub fn log(&self) -> &Arc<Log> {
        &self.log
    }

    /// Its standard input, once: dropping that closes it.
    pub fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.process.stdin.take()
    }

    /// Sends one signal to the process, and to nothing else.
    pub fn signal(&self, signal: Signal) {
        if self.ended.is_none() {
            // It may have ended by itself, which is for the test to find out.
            let _ = kill_process(self.group(), signal);
        }
    }

    /// Waits for the end, no longer than `within`.
    pub fn wait(&mut self, within: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + within;
        while self.ended.is_none() {
            self.ended = self.process.try_wait().ok().flatten();
            if self.ended.is_none() {
                if Instant::now() >= deadline {
                    return None;
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        self.ended
    }

    fn group(&self) -> Pid {
        Pid::from_child(&self.process)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.ended.is_none() {
            let _ = kill_process_group(self.group(), Signal::KILL);
            let _ = self.process.wait();
        }
        Guard::tell(&format!("del {}", self.pid()));
        if std::thread::panicking() {
            eprintln!("---- {} (process {}) ----\n{}", self.title, self.pid(), self.log.text());
        }
    }
}

/// Kills what a test process left running if that process is killed itself and drops nothing.
///
/// A shell that reads our list of groups; the pipe to it closes however we end.
struct Guard;

impl Guard {
    const SCRIPT: &str = r#"
        live=" "
        while read -r what group; do
            case $what in
                add) live="$live$group " ;;
                del) live="${live%% "$group" *} ${live#* "$group" }" ;;
            esac
        done
        for group in $live; do kill -s KILL -- "-$group"; done 2>/dev/null
    "#;

    fn start() -> Option<std::process::Child> {
        Command::new("sh")
            .args(["-c", Self::SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .ok()
    }

    fn tell(line: &str) {
        static GUARD: OnceLock<Mutex<Option<std::process::Child>>> = OnceLock::new();
        let guard = GUARD.get_or_init(|| Mutex::new(Self::start()));
        let mut guard = guard.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pipe) = guard.as_mut().and_then(|shell| shell.stdin.as_mut()) {
            let _ = writeln!(pipe, "{line}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    fn sleeper() -> Child {
        Child::start(Command::new("sleep").arg("1000"), "a sleeper")
    }

    #[test]
    fn nothing_outlives_a_test_process_that_was_killed() {
        let (mut kept, mut gone, mut other) = (sleeper(), sleeper(), sleeper());
        let mut guard = Guard::start().unwrap();
        let mut pipe = guard.stdin.take().unwrap();
        for child in [&gone, &kept, &other] {
            writeln!(pipe, "add {}", child.pid()).unwrap();
        }
        writeln!(pipe, "del {}", kept.pid()).unwrap();
        drop(pipe);
        guard.wait().unwrap();
        for child in [&mut gone, &mut other] {
            let status = child.wait(Duration::from_secs(5)).expect("the guard kills it");
            assert_eq!(status.signal(), Some(9));
        }
        assert_eq!(kept.wait(Duration::ZERO), None, "what had ended in order is left alone");
    }

    #[test]
    fn a_dropped_child_takes_its_own_children_along() {
        let script = "sleep 1000 & echo $!; wait";
        let child = Child::start(Command::new("sh").args(["-c", script]), "a family");
        let found = child.log().wait_for(Duration::from_secs(5), |lines| lines.first().cloned());
        let pid = Pid::from_raw(found.unwrap().text.parse().unwrap()).unwrap();
        assert!(rustix::process::test_kill_process(pid).is_ok());
        drop(child);
        // An orphan is reaped by whoever adopts it: gone, or a zombie until then.
        crate::eventually("the grandchild is dead", || {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_pid()));
            stat.map_or(Some(()), |stat| stat.contains(") Z ").then_some(()))
        });
    }
}
