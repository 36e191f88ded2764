//! The port mapper of one test: `epmd`, stock or ours, on a port of its own, or nobody there.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use crate::child::Child;
use crate::flitch::binary;
use crate::port::Port;
use crate::{eventually, stock};

/// An EPMD port, with a daemon behind it or not.
pub struct Epmd {
    port: Port,
    daemon: Option<Child>,
}

impl Epmd {
    /// Starts stock `epmd` on a free port.
    #[must_use]
    pub fn start() -> Self {
        let mut epmd = Self::absent();
        epmd.start_again();
        epmd
    }

    /// A free port on which nothing listens yet: for nodes that bring their own EPMD.
    #[must_use]
    pub fn absent() -> Self {
        Self { port: Port::claim(), daemon: None }
    }

    /// What `ERL_EPMD_PORT` has to be.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// Starts stock `epmd` on the same port, and waits until it answers.
    pub fn start_again(&mut self) {
        let port = self.port().to_string();
        let mut command = stock::command("epmd");
        command.args(["-port", &port, "-address", "127.0.0.1", "-relaxed_command_check"]);
        self.daemon = Some(Child::start(&mut command, "epmd"));
        eventually("epmd answers", || self.names());
    }

    /// Starts `flitch epmd` on the port in the place of the stock one, and waits until it answers.
    pub fn start_flitch(&mut self, words: &[&str]) {
        let mut command = Command::new(binary());
        command.args(["epmd", "-port", &self.port().to_string()]).args(words);
        command.env_remove("POD_IP").env_remove("ERL_EPMD_ADDRESS");
        self.daemon = Some(Child::start(&mut command, "flitch epmd"));
        eventually("flitch epmd answers", || self.names());
    }

    /// The process behind the port, if this has started it.
    #[must_use]
    pub fn daemon(&mut self) -> Option<&mut Child> {
        self.daemon.as_mut()
    }

    /// Kills what runs: its port refuses connections and every registration is gone.
    ///
    /// # Panics
    /// If it does not die.
    pub fn stop(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            daemon.signal(Signal::KILL);
            assert!(daemon.wait(Duration::from_secs(5)).is_some(), "epmd does not die");
        }
    }

    /// What is registered, sorted; `None` if nobody answers. (`erl_dist_protocol`, `NAMES_REQ`.)
    #[must_use]
    pub fn names(&self) -> Option<Vec<(String, u16)>> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port())).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        stream.write_all(&[0, 1, b'n']).ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        let lines = String::from_utf8_lossy(answer.get(4..)?).into_owned();
        let mut names: Vec<_> = lines.lines().filter_map(Self::name_line).collect();
        names.sort();
        Some(names)
    }

    /// The two values in `name a at port 4711`.
    #[must_use]
    pub fn name_line(line: &str) -> Option<(String, u16)> {
        let (name, port) = line.strip_prefix("name ")?.split_once(" at port ")?;
        Some((name.to_owned(), port.trim().parse().ok()?))
    }

    /// The port under which `alive` is registered, as a peer would learn it.
    #[must_use]
    pub fn port_of(&self, alive: &str) -> Option<u16> {
        self.names()?.into_iter().find_map(|(name, port)| (name == alive).then_some(port))
    }

    /// What `epmd -names` prints.
    ///
    /// # Panics
    /// If it does not run.
    #[must_use]
    pub fn stock_names(&self) -> String {
        let port = self.port().to_string();
        let output = stock::command("epmd").args(["-port", &port, "-names"]).output();
        String::from_utf8_lossy(&output.expect("epmd runs").stdout).into_owned()
    }

    /// Registers a name for a port of the test's own, as long as the result lives.
    /// (`erl_dist_protocol`, `ALIVE2_REQ`.)
    ///
    /// # Panics
    /// If EPMD refuses.
    #[must_use]
    pub fn pretend(&self, alive: &str, port: u16) -> TcpStream {
        let mut body = vec![b'x'];
        body.extend(port.to_be_bytes());
        // Hidden, over TCP/IPv4, versions 6 to 5 as every node since OTP 23 sends them.
        body.extend([72, 0, 0, 6, 0, 5, 0, alive.len() as u8]);
        body.extend(alive.as_bytes());
        body.extend([0, 0]);
        let mut stream =
            TcpStream::connect((Ipv4Addr::LOCALHOST, self.port())).expect("EPMD is up");
        let mut request = (body.len() as u16).to_be_bytes().to_vec();
        request.extend(body);
        stream.write_all(&request).expect("EPMD reads");
        let mut answer = [0; 2];
        stream.read_exact(&mut answer).expect("EPMD answers");
        assert_eq!(answer[1], 0, "EPMD refuses the name {alive}");
        stream
    }
}
