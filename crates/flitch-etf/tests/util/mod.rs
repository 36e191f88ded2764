//! What the tests share: random terms, values beside terms, and the real thing to run beside us.

#![allow(dead_code, reason = "each test binary uses its own part of this")]

pub(crate) mod confined;
pub(crate) mod terms;
pub(crate) mod values;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};

/// Runs a program to its end. A missing one is a failure that says what to install.
pub(crate) fn output(program: &str, args: &[&str], package: &str) -> Output {
    let output = command(program, args).stdin(Stdio::null()).output();
    output.unwrap_or_else(|error| missing(program, package, &error))
}

/// What an Elixir script prints.
pub(crate) fn elixir(script: &str, args: &[&str]) -> String {
    let output = output("elixir", &[&["-e", script], args].concat(), "elixir");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn command(program: &str, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args);
    command
}

fn missing(program: &str, package: &str, error: &std::io::Error) -> ! {
    panic!("{program} cannot be started ({error}): install the Debian package {package}")
}

/// An Erlang script that connects to us and sends packets with a 4-byte length.
pub(crate) struct Beam {
    child: Child,
    stream: TcpStream,
}

impl Beam {
    /// Starts `tests/beam/<script>` with our port and these arguments.
    pub(crate) fn start(script: &str, args: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        let path = format!("{}/tests/beam/{script}", env!("CARGO_MANIFEST_DIR"));
        let mut command = command("escript", &[&[path.as_str(), &port], args].concat());
        let child = command.stdin(Stdio::null()).spawn();
        let mut child = child.unwrap_or_else(|error| missing("escript", "erlang-base", &error));
        loop {
            match listener.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(false).unwrap();
                    stream.set_nodelay(true).unwrap();
                    return Self { child, stream };
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    if let Some(status) = child.try_wait().unwrap() {
                        panic!("{script} ended before it connected: {status}");
                    }
                    std::thread::yield_now();
                }
                Err(error) => panic!("{error}"),
            }
        }
    }

    pub(crate) fn receive(&mut self) -> Vec<u8> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).expect("the script ended early");
        let mut packet = vec![0; u32::from_be_bytes(length) as usize];
        self.stream.read_exact(&mut packet).unwrap();
        packet
    }

    pub(crate) fn send(&mut self, packet: &[u8]) {
        self.stream.write_all(&(packet.len() as u32).to_be_bytes()).unwrap();
        self.stream.write_all(packet).unwrap();
    }
}

impl Drop for Beam {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Elements with a 4-byte length each.
pub(crate) fn split(mut packet: &[u8]) -> Vec<&[u8]> {
    let mut elements = Vec::new();
    while let Some((length, rest)) = packet.split_first_chunk::<4>() {
        let (element, rest) = rest.split_at(u32::from_be_bytes(*length) as usize);
        elements.push(element);
        packet = rest;
    }
    elements
}
