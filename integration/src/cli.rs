//! A `flitch` command that is run to its end, and what it leaves behind.

use std::io::Write;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::SOON;
use crate::child::Child;
use crate::cluster::Cluster;
use crate::flitch::binary;
use crate::log::Line;

/// A `flitch` command to be run to its end.
pub struct Cli {
    command: Command,
    title: String,
    limit: Duration,
    stdin: String,
}

/// What a command left behind.
#[derive(Debug)]
pub struct Output {
    /// The command line.
    pub title: String,
    /// How it ended.
    pub status: ExitStatus,
    /// What it printed on standard output.
    pub stdout: String,
    /// What it printed on standard error.
    pub stderr: String,
    /// How long it took.
    pub elapsed: Duration,
}

impl Cli {
    pub(crate) fn new(cluster: &Cluster, args: &[&str]) -> Self {
        let mut command = Command::new(binary());
        cluster.enter(&mut command).env("RELEASE_COOKIE", cluster.cookie()).args(args);
        Self {
            command,
            title: format!("flitch {}", args.join(" ")),
            limit: SOON,
            stdin: String::new(),
        }
    }

    /// An environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// What it finds on its standard input.
    #[must_use]
    pub fn stdin(mut self, text: &str) -> Self {
        text.clone_into(&mut self.stdin);
        self
    }

    /// No cookie in the environment: the command has to find one elsewhere.
    #[must_use]
    pub fn no_cookie(mut self) -> Self {
        self.command.env_remove("RELEASE_COOKIE");
        self
    }

    /// Starts it, for tests that do something while it runs.
    #[must_use]
    #[track_caller]
    pub fn start(mut self) -> Running {
        let mut child = Child::start(&mut self.command, &self.title);
        if let Some(mut stdin) = child.take_stdin() {
            // One that does not read it all has ended, and is asked why.
            let _ = stdin.write_all(self.stdin.as_bytes());
        }
        Running { child, title: self.title, limit: self.limit, since: Instant::now() }
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// If it does not end within 30 seconds.
    #[must_use]
    #[track_caller]
    pub fn run(self) -> Output {
        self.start().finish()
    }
}

/// A command under way.
pub struct Running {
    child: Child,
    title: String,
    limit: Duration,
    since: Instant,
}

impl Running {
    /// Kills it (`SIGKILL`).
    pub fn kill(&self) {
        self.child.signal(Signal::KILL);
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        self.child.signal(signal);
    }

    /// Waits until a line on standard output has this in it.
    ///
    /// # Panics
    /// If it does not within 30 seconds.
    #[track_caller]
    pub fn await_printed(&self, text: &str) {
        let has = |line: &Line| line.stream == "out" && line.text.contains(text);
        let printed = |lines: &[Line]| lines.iter().any(has).then_some(());
        let seen = self.child.log().wait_for(self.limit, printed);
        assert!(seen.is_ok(), "`{}` does not print {text:?}", self.title);
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If it does not end within 30 seconds.
    #[must_use]
    #[track_caller]
    pub fn finish(mut self) -> Output {
        let Some(status) = self.child.wait(self.limit) else {
            panic!("`{}` does not end within {:?}", self.title, self.limit);
        };
        let elapsed = self.since.elapsed();
        // The end of the process comes before the last of its output is read.
        let _ = self.child.log().wait_for(SOON, |_| None::<()>);
        let (stdout, stderr) = (self.child.log().stream("out"), self.child.log().stream("err"));
        Output { title: self.title.clone(), status, stdout, stderr, elapsed }
    }
}

impl Output {
    /// Demands this exit status.
    ///
    /// # Panics
    /// If it is another one; all that was printed is shown.
    #[track_caller]
    pub fn expect_code(&self, code: i32) -> &Self {
        assert_eq!(self.status.code(), Some(code), "the exit status of {self}");
        self
    }

    /// Demands exit status 0 and this text on standard output, apart from the last line end.
    ///
    /// # Panics
    /// If it is otherwise; all that was printed is shown.
    #[track_caller]
    pub fn expect_text(&self, text: &str) {
        self.expect_code(0);
        assert_eq!(self.stdout.trim_end_matches('\n'), text, "the standard output of {self}");
    }

    /// Standard output as one JSON value.
    ///
    /// # Panics
    /// If it is none.
    #[track_caller]
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("no JSON on standard output ({error}): {self}"))
    }

    /// Demands a failure in text form: this exit status, nothing on standard output, and on
    /// standard error a first line that begins with `flitch: ` and names the stage, and each of
    /// `words` somewhere.
    ///
    /// # Panics
    /// If it is otherwise; all that was printed is shown.
    #[track_caller]
    pub fn expect_failure(&self, code: i32, stage: &str, words: &[&str]) {
        self.expect_code(code);
        assert_eq!(self.stdout, "", "a failure prints on standard error: {self}");
        let first = self.stderr.lines().find(|line| line.starts_with("flitch: "));
        let first = first.unwrap_or_else(|| panic!("no line begins with `flitch: `: {self}"));
        let first = first.to_lowercase();
        assert!(first.contains(stage), "the stage {stage} is not named: {self}");
        self.expect_words(words);
    }

    /// Demands each of `words` on standard error.
    ///
    /// # Panics
    /// If one is missing; all that was printed is shown.
    #[track_caller]
    pub fn expect_words(&self, words: &[&str]) {
        for word in words {
            assert!(self.stderr.contains(word), "{word:?} is not on standard error: {self}");
        }
    }

    /// Demands a failure under `--output json`: this exit status and this stage; gives the message.
    ///
    /// # Panics
    /// If it is otherwise; all that was printed is shown.
    #[track_caller]
    pub fn expect_json_failure(&self, code: i32, stage: &str) -> String {
        self.expect_code(code);
        let json = self.json();
        assert_eq!(json["error"]["stage"], stage, "the stage in {self}");
        let message = json["error"]["message"].as_str().unwrap_or_default();
        assert!(!message.is_empty(), "no message in {self}");
        message.to_owned()
    }
}

impl std::fmt::Display for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "`{}` ({}, {:?})", self.title, self.status, self.elapsed)?;
        writeln!(f, "-- standard output --\n{}", self.stdout)?;
        write!(f, "-- standard error --\n{}", self.stderr)
    }
}
