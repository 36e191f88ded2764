//! Real nodes and a real EPMD, on ports of their own; they end with the test that started them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// Time for a node to start on a busy machine, or to say what is awaited.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running `epmd`.
pub(crate) struct Epmd {
    pub(crate) port: u16,
    child: Child,
}

impl Epmd {
    pub(crate) fn start() -> Self {
        // Another process may take the free port before epmd does.
        (0..8).find_map(|_| Self::try_start()).expect("epmd did not start on any of 8 ports")
    }

    fn try_start() -> Option<Self> {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        // With `-d` it stays in the foreground, and with two of them says when it listens.
        let listening = "entering the main select() loop";
        let args = ["-d", "-d", "-address", "127.0.0.1", "-port", &port.to_string()];
        let mut child = spawn(Command::new("epmd").args(args));
        let said = lines(child.stderr.take().unwrap());
        loop {
            match said.recv_timeout(PATIENCE) {
                Ok(line) if line.contains(listening) => return Some(Self { port, child }),
                Ok(_) => {}
                Err(_) => {
                    end(&mut child);
                    return None;
                }
            }
        }
    }

    /// Registers a name for our port (`ALIVE2_REQ`), for as long as the stream is kept.
    pub(crate) fn register(&self, alive: &str, port: u16) -> TcpStream {
        let (hidden, tcp, highest, lowest) = (72, 0, [0, 6], [0, 5]);
        let mut request = vec![120];
        request.extend(port.to_be_bytes());
        request.extend([hidden, tcp]);
        request.extend([highest, lowest].concat());
        request.extend(u16::try_from(alive.len()).unwrap().to_be_bytes());
        request.extend(alive.as_bytes());
        request.extend([0, 0]);
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.write_all(&super::frame(&request)).unwrap();
        let mut answer = [0; 6];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(answer[..2], [118, 0], "epmd did not take the name {alive}");
        stream
    }
}

impl Drop for Epmd {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// A running `erl` that executes one expression.
pub(crate) struct Erl {
    child: Child,
    said: Receiver<String>,
}

impl Erl {
    /// `name` goes behind `-name`; `expression` ends without a dot.
    pub(crate) fn start(epmd: &Epmd, name: &str, cookie: &str, expression: &str) -> Self {
        let mut child = spawn(
            Command::new("erl")
                .args(["-noinput", "-start_epmd", "false", "-name", name, "-setcookie", cookie])
                .args(["-kernel", "logger_level", "none"])
                .args(["-eval", &format!("{expression}, timer:sleep(infinity).")])
                .env("ERL_EPMD_PORT", epmd.port.to_string())
                .env("ERL_EPMD_ADDRESS", "127.0.0.1")
                .env("ERL_CRASH_DUMP_SECONDS", "0"),
        );
        let said = lines::<ChildStdout>(child.stdout.take().unwrap());
        Self { child, said }
    }

    /// A node that says its port and then who comes and goes.
    pub(crate) fn listening(epmd: &Epmd, alive: &str, cookie: &str) -> (Self, u16) {
        let expression = format!(
            "ok = net_kernel:monitor_nodes(true, [{{node_type, all}}]), \
             {{port, Port, _}} = erl_epmd:port_please(\"{alive}\", {{127,0,0,1}}), \
             io:format(\"port ~w~n\", [Port]), \
             (fun Loop() -> receive {{Up, Node, [{{node_type, Type}} | _]}} -> \
                 io:format(\"~w ~w ~w~n\", [Up, Type, Node]), Loop() end end)()"
        );
        let node = Self::start(epmd, &format!("{alive}@127.0.0.1"), cookie, &expression);
        let line = node.line();
        let port = line.strip_prefix("port ").and_then(|port| port.parse().ok());
        (node, port.unwrap_or_else(|| panic!("the node said {line:?} in place of its port")))
    }

    /// A node that dials another, and says whether that went well and how it is called itself.
    pub(crate) fn dialling(epmd: &Epmd, name: &str, cookie: &str, peer: &str) -> Self {
        let expression =
            format!("io:format(\"~w ~w~n\", [net_kernel:connect_node('{peer}'), node()])");
        Self::start(epmd, name, cookie, &expression)
    }

    /// The next line that the node writes.
    pub(crate) fn line(&self) -> String {
        self.said.recv_timeout(PATIENCE).expect("the Erlang node said nothing more")
    }
}

impl Drop for Erl {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

fn spawn(command: &mut Command) -> Child {
    let piped = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    match piped.spawn() {
        Ok(child) => child,
        Err(error) => panic!(
            "{} cannot be started ({error}): install the Debian package erlang-base, which has it",
            command.get_program().display()
        ),
    }
}

/// What a process writes, line by line, read to the end so that it never blocks.
fn lines<R: Read + Send + 'static>(output: R) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    receiver
}

fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}
