//! Stock programs: `epmd` and `erl`, ended by process id when their test is.

use std::io::{BufRead, BufReader, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// A program that is killed when it is dropped.
pub(crate) struct Program {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Program {
    /// Starts it, or says which package has it.
    pub(crate) fn start(command: &mut Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) if error.kind() == ErrorKind::NotFound => panic!(
                "{:?} is not installed: this test runs against the real one, so install the \
                 Debian package erlang-base (apt-get install erlang-base)",
                command.get_program()
            ),
            Err(error) => panic!("cannot start {:?}: {error}", command.get_program()),
        };
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { child, stdout }
    }

    /// The next line that it prints, without its end; empty at the end of all.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    pub(crate) fn has_exited(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The stock daemon on a port of its own.
pub(crate) struct StockEpmd {
    program: Program,
    pub(crate) address: SocketAddr,
}

impl StockEpmd {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        loop {
            let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
            // Another test may take the port in between: then the daemon exits, and we try again.
            if let Some(stock) = Self::start_at(free, arguments) {
                return stock;
            }
        }
    }

    pub(crate) fn start_at(address: SocketAddr, arguments: &[&str]) -> Option<Self> {
        let mut command = Command::new("epmd");
        command.args(["-port", &address.port().to_string(), "-address", "127.0.0.1"]);
        command.env_remove("ERL_EPMD_ADDRESS").env_remove("ERL_EPMD_RELAXED_COMMAND_CHECK");
        // It tells of every request that it does not like, and here that is most of them.
        command.stderr(Stdio::null());
        let mut program = Program::start(command.args(arguments));
        let until = Instant::now() + super::LONG;
        while Instant::now() < until {
            if program.has_exited() {
                return None;
            }
            if std::net::TcpStream::connect(address).is_ok() && !program.has_exited() {
                return Some(Self { program, address });
            }
            // The daemon says nothing when it is ready: asking is the only way to know.
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("the stock epmd did not listen on {address} within 30 seconds");
    }

    /// Waits until it has ended by itself.
    pub(crate) fn wait(mut self) {
        self.program.child.wait().unwrap();
    }
}

/// A BEAM that registers with the EPMD of `port` and evaluates `code`.
pub(crate) fn erl(name: &str, port: u16, code: &str) -> Program {
    let mut command = Command::new("erl");
    command.args(["-noinput", "-start_epmd", "false", "-name", name, "-setcookie", "epmd-tests"]);
    command.args(["-kernel", "inet_dist_use_interface", "{127,0,0,1}", "-eval", code]);
    command.env("ERL_EPMD_PORT", port.to_string()).env("ERL_CRASH_DUMP", "/dev/null");
    Program::start(&mut command)
}
