//! Runs the `flitch` of this build: with an empty environment, and with nothing around it that
//! could answer.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, ChildStderr, Command, Output, Stdio};

/// The cookie of every command here, long enough not to be found in other text by chance.
pub(crate) const COOKIE: &str = "BAKEDFORTHESETESTS";

/// A command that knows the cookie, and nothing else of this machine.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flitch"));
    command.args(args).env_clear().env("RELEASE_COOKIE", COOKIE).stdin(Stdio::null());
    // Nobody listens there: it is no port that the system hands out.
    command.env("ERL_EPMD_PORT", "1");
    command
}

pub(crate) fn run(args: &[&str]) -> Ran {
    Ran::of(command(args).output().unwrap())
}

/// What a command left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn of(output: Output) -> Self {
        let Output { status, stdout, stderr } = output;
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { status: status.code(), stdout: text(stdout), stderr: text(stderr) }
    }

    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A node without EPMD, on a port of its own, until the test ends.
pub(crate) struct Node {
    pub(crate) child: Child,
    pub(crate) port: String,
    pub(crate) log: BufReader<ChildStderr>,
}

impl Node {
    pub(crate) fn start(name: &str) -> Self {
        for _ in 0..5 {
            let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let port = free.local_addr().unwrap().port().to_string();
            drop(free);
            let args = ["node", "--name", name, "--epmd", "none", "--bind", "127.0.0.1"];
            let mut child = command(&args)
                .args(["--dist-port", &port, "--log-format", "json"])
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let mut node = Self { log: BufReader::new(child.stderr.take().unwrap()), child, port };
            // Otherwise somebody else was quicker to take the port.
            if node.await_line("node is up") {
                return node;
            }
        }
        panic!("no port stays free");
    }

    /// Whether such a line comes before the log ends.
    pub(crate) fn await_line(&mut self, text: &str) -> bool {
        let mut lines = self.log.by_ref().lines();
        lines.any(|line| line.unwrap().contains(text))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
