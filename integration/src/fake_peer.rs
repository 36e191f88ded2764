//! A peer that listens under a registered name and then does not play along.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};

use crate::cluster::Cluster;

/// What a [`FakePeer`] does with a node that dials it.
#[derive(Clone, Copy, Debug)]
pub enum Behaviour {
    /// Accepts, and never says a word.
    Silent,
    /// Closes as soon as it has read the other's name.
    Closes,
    /// Answers the name with this status. (`erl_dist_protocol`, `send_status`.)
    Status(&'static str),
    /// Knows nothing of nodes without a name, and closes on them; refuses those that have one.
    NoNames,
    /// Accepts the name, and then shows flags without one that OTP 25 and 26 require.
    NoFlags,
}

/// A name in EPMD with a listener of the test's own behind it.
pub struct FakePeer {
    name: String,
    _registration: TcpStream,
}

impl FakePeer {
    /// Registers and listens.
    ///
    /// # Panics
    /// If it cannot.
    #[must_use]
    pub fn start(cluster: &Cluster, base: &str, behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("a bound listener").port();
        let registration = cluster.epmd.pretend(&cluster.alive(base), port);
        let name = cluster.name(base);
        let ours = name.clone();
        // Ends with the test process; it holds nothing that outlives it.
        std::thread::spawn(move || {
            let mut held = Vec::new();
            while let Ok((mut stream, _)) = listener.accept() {
                // A dialler that hangs up is the end of that conversation only.
                let _ = converse(&mut stream, behaviour, &ours);
                if !matches!(behaviour, Behaviour::Closes) {
                    held.push(stream);
                }
            }
        });
        Self { name, _registration: registration }
    }

    /// Its node name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

fn converse(stream: &mut TcpStream, behaviour: Behaviour, name: &str) -> std::io::Result<()> {
    let mut len = [0; 2];
    stream.read_exact(&mut len)?;
    let mut said = vec![0; usize::from(u16::from_be_bytes(len))];
    stream.read_exact(&mut said)?;
    match behaviour {
        Behaviour::Silent | Behaviour::Closes => Ok(()),
        // The name stands behind tag, flags, creation and its length.
        Behaviour::NoNames if !said.iter().skip(15).any(|byte| *byte == b'@') => {
            stream.shutdown(Shutdown::Both)
        }
        Behaviour::NoNames => say(stream, b"snot_allowed"),
        Behaviour::Status(status) => say(stream, format!("s{status}").as_bytes()),
        Behaviour::NoFlags => {
            say(stream, b"sok")?;
            // Tag, flags, challenge, creation, name: `send_challenge` of version 6.
            let mut challenge = vec![b'N'];
            challenge.extend([0; 8]);
            challenge.extend([1, 2, 3, 4, 0, 0, 0, 9]);
            challenge.extend((name.len() as u16).to_be_bytes());
            challenge.extend(name.as_bytes());
            say(stream, &challenge)
        }
    }
}

fn say(stream: &mut TcpStream, message: &[u8]) -> std::io::Result<()> {
    let mut frame = (message.len() as u16).to_be_bytes().to_vec();
    frame.extend(message);
    stream.write_all(&frame)
}
