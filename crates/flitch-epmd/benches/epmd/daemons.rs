//! The two daemons, each in a process of its own, and what the system says about them.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use flitch_epmd::{Config, Server};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The word that makes this program our daemon.
pub(crate) const SERVE: &str = "--serve-epmd-on";

/// A running daemon, killed with this.
pub(crate) struct Daemon {
    child: Child,
    pub(crate) port: u16,
}

impl Daemon {
    pub(crate) fn stock() -> Self {
        Self::start(|port| {
            let mut command = Command::new("epmd");
            command.args(["-port", &port.to_string(), "-address", "127.0.0.1"]);
            command
        })
    }

    pub(crate) fn ours() -> Self {
        Self::start(|port| {
            let mut command = Command::new(std::env::current_exe().unwrap());
            command.args([SERVE, &port.to_string()]);
            command
        })
    }

    fn start(command: impl Fn(u16) -> Command) -> Self {
        loop {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let mut command = command(port);
            let child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn();
            let child = child.expect("epmd is not installed: apt-get install erlang-base");
            let mut daemon = Self { child, port };
            // If somebody else was quicker to take the port, it ends, and another one is tried.
            while daemon.child.try_wait().unwrap().is_none() {
                if daemon.names().is_some() {
                    return daemon;
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }

    fn names(&self) -> Option<Vec<u8>> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.write_all(&[0, 1, b'n']).ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        Some(answer)
    }

    pub(crate) fn wait_until_empty(&self) {
        let since = Instant::now();
        while self.names().is_none_or(|answer| answer.len() > 4) {
            assert!(since.elapsed() < Duration::from_secs(30), "names stay");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Processor time so far, its own and the system's for it.
    pub(crate) fn spent(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let (_, fields) = stat.rsplit_once(") ").unwrap();
        let ticks = fields.split(' ').skip(11).take(2).map(|field| field.parse::<u64>().unwrap());
        Duration::from_secs_f64(
            ticks.sum::<u64>() as f64 / rustix::param::clock_ticks_per_second() as f64,
        )
    }

    /// Memory, in bytes.
    pub(crate) fn resident(&self) -> usize {
        let statm = std::fs::read_to_string(format!("/proc/{}/statm", self.child.id())).unwrap();
        statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * rustix::param::page_size()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Our daemon, as `flitch epmd` runs it.
pub(crate) fn serve(port: u16) {
    room_for(0);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let Ok(server) = Server::bind(Config::on([SocketAddr::from(([127, 0, 0, 1], port))]))
        else {
            return;
        };
        server.serve(std::future::pending()).await;
    });
}

/// Raises the limit of open files, and says whether so many connections fit.
pub(crate) fn room_for(connections: u64) -> bool {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised).is_ok()
        && limit.maximum.is_none_or(|most| most > connections + 100)
}
