//! `flitch epmd -systemd`, as Debian's units start it: a socket is handed over, and systemd is told.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::Duration;

use integration::child::Child;
use integration::{SOON, Signal, flitch};

/// Where systemd would hear of us.
struct Systemd {
    _folder: tempfile::TempDir,
    socket: UnixDatagram,
    path: String,
}

impl Systemd {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(SOON)).unwrap();
        Self { _folder: folder, socket, path: path.to_str().unwrap().to_owned() }
    }

    fn heard(&self) -> String {
        let mut buffer = [0; 512];
        let len = self.socket.recv(&mut buffer).expect("systemd is told");
        String::from_utf8_lossy(&buffer[..len]).into_owned()
    }
}

/// Starts `flitch epmd -systemd` with the socket where systemd puts it: descriptor 3.
fn start(listener: TcpListener, systemd: &Systemd, words: &str) -> Child {
    let script =
        format!("exec 3<&0 0</dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" epmd {words}");
    let mut command = Command::new("sh");
    command.args(["-c", &script]).arg(flitch::binary()).env("NOTIFY_SOCKET", &systemd.path);
    command.stdin(Stdio::from(OwnedFd::from(listener)));
    Child::start_with_stdin(&mut command, "flitch epmd -systemd")
}

fn names(port: u16) -> Vec<u8> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(&[0, 1, b'n']).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    answer
}

#[test]
fn it_serves_on_the_socket_it_was_given_and_says_when_it_is_ready_and_when_it_stops() {
    let systemd = Systemd::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut daemon = start(listener, &systemd, "-systemd");
    let ready = systemd.heard();
    assert!(ready.lines().any(|line| line == "READY=1"), "{ready}");
    assert!(ready.contains("STATUS=Processing port mapping requests..."), "{ready}");
    assert!(ready.contains(&format!("MAINPID={}", daemon.pid())), "{ready}");
    assert_eq!(names(port), u32::from(port).to_be_bytes());

    daemon.signal(Signal::TERM);
    assert_eq!(systemd.heard().trim_end(), "STOPPING=1");
    assert_eq!(daemon.wait(Duration::from_secs(5)).unwrap().code(), Some(0));
}

#[test]
fn a_socket_for_both_families_as_debians_unit_has_it_knows_who_is_on_this_host() {
    let Ok(listener) = TcpListener::bind("[::]:0") else {
        panic!("this host has no IPv6, and Debian's unit listens on both families");
    };
    let systemd = Systemd::new();
    let port = listener.local_addr().unwrap().port();
    let _daemon = start(listener, &systemd, "-systemd");
    systemd.heard();
    // Over IPv4 the peer's address is mapped into IPv6: it may register all the same.
    let mut node = TcpStream::connect(("127.0.0.1", port)).unwrap();
    node.write_all(b"\0\x0ex\x10\xe1M\0\0\x06\0\x06\0\x01a\0\0").unwrap();
    let mut answer = [0; 6];
    node.read_exact(&mut answer).unwrap();
    assert_eq!(answer[..2], [118, 0]);
    assert!(names(port).ends_with(b"name a at port 4321\n"));
}

#[test]
fn without_the_option_a_beams_own_systemd_hears_nothing_of_us() {
    let systemd = Systemd::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = integration::port::Port::claim();
    let mut daemon = start(listener, &systemd, &format!("-port {}", port.number()));
    integration::eventually("it serves", || TcpStream::connect(("127.0.0.1", port.number())).ok());
    daemon.signal(Signal::TERM);
    daemon.wait(Duration::from_secs(5)).unwrap();
    systemd.socket.set_nonblocking(true).unwrap();
    assert!(systemd.socket.recv(&mut [0; 64]).is_err());
}
