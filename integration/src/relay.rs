//! A port that stands before another one, and keeps what passes.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Who sent something.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Side {
    /// Who connected to the relay.
    Dialler,
    /// Who listens behind it.
    Listener,
}

/// What came from one side at once.
pub type Chunk = (Side, Vec<u8>);

/// A listener that joins each connection with one to a port of `127.0.0.1`, and records both
/// directions. Its threads end with the connections, its listener with the test process.
pub struct Relay {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    connections: Vec<Vec<Chunk>>,
    /// Bytes are kept back, and so are ends.
    shut: bool,
    /// The end of a dialler is not told to the listener.
    ends_kept: bool,
}

impl Relay {
    /// A relay to that port.
    ///
    /// # Panics
    /// If there is no free port.
    #[must_use]
    pub fn to(target: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("a bound listener").port();
        let shared = Arc::<Shared>::default();
        let ours = shared.clone();
        std::thread::spawn(move || {
            while let Ok((dialler, _)) = listener.accept() {
                // Whoever listened there may be gone: then the dialler is, too.
                let Ok(behind) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)) else {
                    continue;
                };
                ours.join(&dialler, &behind);
            }
        });
        Self { port, shared }
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Keeps back all that comes from now on.
    pub fn shut(&self) {
        self.shared.change(|state| state.shut = true);
    }

    /// Lets go on what was kept back.
    pub fn open(&self) {
        self.shared.change(|state| state.shut = false);
    }

    /// From now on the listener does not learn that a dialler is gone, as when its machine is.
    pub fn keep_ends(&self) {
        self.shared.change(|state| state.ends_kept = true);
    }

    /// How many connections there have been.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.state().connections.len()
    }

    /// What has passed on one connection since this was asked last, those that are kept back
    /// included.
    #[must_use]
    pub fn take(&self, connection: usize) -> Vec<Chunk> {
        let mut state = self.shared.state();
        state.connections.get_mut(connection).map(std::mem::take).unwrap_or_default()
    }

    /// Whether that side said anything on that connection that has not been taken.
    #[must_use]
    pub fn has_heard(&self, connection: usize, of: Side) -> bool {
        let state = self.shared.state();
        let mut chunks = state.connections.get(connection).into_iter().flatten();
        chunks.any(|(side, _)| *side == of)
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changed.notify_all();
    }

    /// Waits until bytes may pass.
    fn passage(&self) -> MutexGuard<'_, State> {
        let state = self.state();
        self.changed.wait_while(state, |state| state.shut).unwrap_or_else(PoisonError::into_inner)
    }

    fn join(self: &Arc<Self>, dialler: &TcpStream, behind: &TcpStream) {
        let connection = {
            let mut state = self.state();
            state.connections.push(Vec::new());
            state.connections.len() - 1
        };
        for (side, from, to) in
            [(Side::Dialler, dialler, behind), (Side::Listener, behind, dialler)]
        {
            let (Ok(from), Ok(to)) = (from.try_clone(), to.try_clone()) else { return };
            let _ = to.set_nodelay(true);
            let shared = self.clone();
            std::thread::spawn(move || shared.carry(connection, side, from, to));
        }
    }

    fn carry(&self, connection: usize, side: Side, mut from: TcpStream, mut to: TcpStream) {
        let mut buffer = vec![0; 256 * 1024];
        while let Ok(len @ 1..) = from.read(&mut buffer) {
            let bytes = buffer[..len].to_vec();
            if let Some(chunks) = self.state().connections.get_mut(connection) {
                chunks.push((side, bytes));
            }
            drop(self.passage());
            if to.write_all(&buffer[..len]).is_err() {
                break;
            }
        }
        let kept = self.passage().ends_kept && side == Side::Dialler;
        if !kept {
            let _ = to.shutdown(Shutdown::Both);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both ends of a connection through a relay.
    fn joined() -> (Relay, TcpStream, TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let relay = Relay::to(listener.local_addr().unwrap().port());
        let dialler = TcpStream::connect((Ipv4Addr::LOCALHOST, relay.port())).unwrap();
        (relay, dialler, listener.accept().unwrap().0)
    }

    fn pass(mut from: &TcpStream, mut to: &TcpStream, bytes: &[u8]) {
        from.write_all(bytes).unwrap();
        let mut came = vec![0; bytes.len()];
        to.read_exact(&mut came).unwrap();
        assert_eq!(came, bytes);
    }

    #[test]
    fn what_passes_arrives_and_is_kept_once() {
        let (relay, dialler, listener) = joined();
        pass(&dialler, &listener, b"name");
        pass(&listener, &dialler, b"ok");
        assert_eq!(relay.connections(), 1);
        let kept = [(Side::Dialler, b"name".to_vec()), (Side::Listener, b"ok".to_vec())];
        assert_eq!(relay.take(0), kept);
        assert!(relay.take(0).is_empty() && relay.take(1).is_empty());
    }

    #[test]
    fn a_shut_relay_hears_and_passes_nothing_on_until_it_is_open() {
        let (relay, mut dialler, mut listener) = joined();
        relay.shut();
        dialler.write_all(b"name").unwrap();
        crate::eventually("it is heard", || relay.has_heard(0, Side::Dialler).then_some(()));
        listener.set_nonblocking(true).unwrap();
        let error = listener.read(&mut [0; 8]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
        listener.set_nonblocking(false).unwrap();
        relay.open();
        let mut came = [0; 4];
        listener.read_exact(&mut came).unwrap();
        assert_eq!(&came, b"name");
    }

    #[test]
    fn an_end_passes_unless_it_is_kept() {
        let (_relay, dialler, mut listener) = joined();
        drop(dialler);
        assert_eq!(listener.read(&mut [0; 8]).unwrap(), 0);
        let (relay, mut dialler, listener) = joined();
        relay.keep_ends();
        dialler.write_all(b"last").unwrap();
        drop(dialler);
        crate::eventually("the last word comes", || {
            (listener.peek(&mut [0; 8]).unwrap() == 4).then_some(())
        });
        (&listener).read_exact(&mut [0; 4]).unwrap();
        (&listener).write_all(b"still there").unwrap();
    }
}
