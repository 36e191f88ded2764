//! The system's log, for a daemon that has no streams: a datagram a line (RFC 3164).

use std::io::{self, Write};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

/// Where the system's log listens, if there is one.
pub(crate) const SOCKET: &str = "/dev/log";

/// A connection to the system's log. What cannot be sent is lost, as it is for every daemon.
#[derive(Debug)]
pub(crate) struct Syslog {
    datagrams: UnixDatagram,
    socket: PathBuf,
}

impl Syslog {
    /// Facility "user", severity "error": what the stock epmd logs with.
    const HEAD: &str = "<11>epmd";

    pub(crate) fn connect(socket: &Path) -> io::Result<Self> {
        let datagrams = UnixDatagram::unbound()?;
        datagrams.connect(socket)?;
        // A log that does not read must not hold up whoever serves.
        datagrams.set_nonblocking(true)?;
        Ok(Self { datagrams, socket: socket.to_owned() })
    }
}

impl Write for &Syslog {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let pid = std::process::id();
        let mut line = format!("{}[{pid}]: ", Syslog::HEAD).into_bytes();
        line.extend_from_slice(event.trim_ascii_end());
        // A log that was restarted listens on another socket of that name.
        if self.datagrams.send(&line).is_err() && self.datagrams.connect(&self.socket).is_ok() {
            let _ = self.datagrams.send(&line);
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_a_datagram_and_a_log_that_is_gone_holds_nobody_up() {
        let folder = std::env::temp_dir().join(format!("flitch-syslog-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let socket = folder.join("log");
        let system = UnixDatagram::bind(&socket).unwrap();
        let log = Syslog::connect(&socket).unwrap();
        (&log).write_all(b"EPMD cannot accept connections\n").unwrap();
        let mut buffer = [0; 128];
        let len = system.recv(&mut buffer).unwrap();
        let pid = std::process::id();
        let expected = format!("<11>epmd[{pid}]: EPMD cannot accept connections");
        assert_eq!(std::str::from_utf8(&buffer[..len]), Ok(&*expected));
        drop(system);
        std::fs::remove_file(&socket).unwrap();
        assert!((&log).write_all(b"lost\n").is_ok());
        let restarted = UnixDatagram::bind(&socket).unwrap();
        (&log).write_all(b"heard again\n").unwrap();
        restarted.set_nonblocking(true).unwrap();
        let len = restarted.recv(&mut buffer).expect("a log that was restarted hears it");
        assert!(buffer[..len].ends_with(b"heard again"));
        drop(restarted);
        std::fs::remove_dir_all(&folder).unwrap();
        assert!((&log).write_all(b"lost\n").is_ok());
        assert!(Syslog::connect(&socket).is_err());
    }
}
