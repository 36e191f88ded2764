//! A BEAM as a child: `codec_bench.erl`, compiled, at the other end of a loopback socket.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::peers::Op;

pub(crate) struct Beam {
    /// Which OTP it is.
    pub(crate) release: String,
    child: Child,
    stream: TcpStream,
    /// The compiled module.
    _folder: TempDir,
}

impl Beam {
    /// Compiles the module and starts `erl` with it.
    pub(crate) fn start() -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/codec/codec_bench.erl");
        let compiled = Command::new("erlc").arg("-o").arg(folder.path()).arg(source).status();
        match compiled {
            Ok(status) if status.success() => {}
            Ok(status) => return Err(format!("erlc ended with {status}")),
            Err(error) => return Err(missing("erlc", &error)),
        }
        let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
        let port = listener.local_addr().map_err(|error| error.to_string())?.port().to_string();
        // Its schedulers must not spin while the others have their turn.
        let quiet = ["+sbwt", "none", "+sbwtdcpu", "none", "+sbwtdio", "none"];
        let mut child = Command::new("erl")
            .args(quiet)
            .args(["-noshell", "-noinput", "-pa"])
            .arg(folder.path())
            .args(["-run", "codec_bench", "main", &port])
            .stdin(Stdio::null())
            .spawn()
            .map_err(|error| missing("erl", &error))?;
        let stream = accept(&listener, &mut child)?;
        let mut beam = Self { release: String::new(), child, stream, _folder: folder };
        beam.release = String::from_utf8_lossy(&beam.receive()).into_owned();
        Ok(beam)
    }

    /// Hands it the shape that it is to work on, and gives what it writes after reading it.
    pub(crate) fn load(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.send(&[b"load", bytes].concat());
        self.receive()
    }

    /// How long so many times take, by its own clock.
    pub(crate) fn time(&mut self, op: Op, times: u32) -> Duration {
        let verb: &[u8] = match op {
            Op::Decode => b"decode",
            Op::Encode => b"encode",
        };
        self.send(&[verb, &times.to_be_bytes()].concat());
        let nanoseconds = self.receive().try_into().expect("eight bytes");
        Duration::from_nanos(u64::from_be_bytes(nanoseconds))
    }

    fn send(&mut self, packet: &[u8]) {
        let length = (packet.len() as u32).to_be_bytes();
        self.stream.write_all(&[&length, packet].concat()).expect("the BEAM has ended");
    }

    fn receive(&mut self) -> Vec<u8> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).expect("the BEAM has ended");
        let mut packet = vec![0; u32::from_be_bytes(length) as usize];
        self.stream.read_exact(&mut packet).expect("the BEAM has ended");
        packet
    }
}

impl Drop for Beam {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn missing(program: &str, error: &io::Error) -> String {
    format!("{program} cannot be started ({error}): install the Debian package erlang-base")
}

/// The child's connection, or word that it ended before.
fn accept(listener: &TcpListener, child: &mut Child) -> Result<TcpStream, String> {
    listener.set_nonblocking(true).map_err(|error| error.to_string())?;
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false).map_err(|error| error.to_string())?;
                stream.set_nodelay(true).map_err(|error| error.to_string())?;
                return Ok(stream);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
                    return Err(format!("erl ended with {status} before it connected"));
                }
                std::thread::yield_now();
            }
            Err(error) => return Err(error.to_string()),
        }
    }
}
