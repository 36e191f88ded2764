//! A blocking loop around the machine, over a real socket.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use flitch_handshake::{Established, Event, Handshake, HandshakeError};

/// Drives a handshake to its end. `answer` answers what is asked.
pub(crate) fn drive(
    stream: &mut TcpStream,
    mut machine: Handshake,
    mut answer: impl FnMut(&mut Handshake, &Event),
) -> Result<Established, HandshakeError> {
    stream.set_nodelay(true).unwrap();
    let mut buffer = [0; 4096];
    loop {
        while let Some(message) = machine.poll_transmit() {
            // A peer that has closed meanwhile shows in the next read.
            let _ = stream.write_all(&message);
        }
        if let Some(event) = machine.poll_event() {
            match event {
                Event::Established(link) => return Ok(link),
                Event::Failed(error) => return Err(error),
                asked => answer(&mut machine, &asked),
            }
            continue;
        }
        let left = machine.poll_timeout().map(|at| at.saturating_duration_since(Instant::now()));
        stream.set_read_timeout(left.filter(|left| !left.is_zero())).unwrap();
        match stream.read(&mut buffer) {
            Ok(0) => machine.handle_close(),
            Ok(len) => machine.handle_input(&buffer[..len]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                machine.handle_timeout(Instant::now());
            }
            Err(_) => machine.handle_close(),
        }
    }
}
