//! Connecting across a network that may come back at any moment.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long one attempt may take. The system says its first SYN again after one second, then after
/// two more, then after four: whoever waits for it finds a network that is whole again late.
const ATTEMPT: Duration = Duration::from_secs(2);

/// Connects, with a new attempt every two seconds as long as nobody answers. It never gives up by
/// itself.
///
/// # Errors
/// Somebody, or the system, says no.
pub async fn connect(to: SocketAddr) -> io::Result<TcpStream> {
    loop {
        if let Ok(connected) = timeout(ATTEMPT, TcpStream::connect(to)).await {
            return connected;
        }
    }
}

#[cfg(test)]
mod tests {
    use socket2::{Domain, Socket, Type};

    use super::*;

    /// Somebody who lets in nobody more, until told.
    fn full() -> (Socket, SocketAddr, Vec<Socket>) {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        let waiting = (0..4).map(|_| {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            socket.set_nonblocking(true).unwrap();
            let _ = socket.connect(&address);
            socket
        });
        let waiting = waiting.collect();
        (listener, address.as_socket().unwrap(), waiting)
    }

    #[tokio::test]
    async fn whoever_begins_to_answer_after_a_while_is_reached_soon_after() {
        let (listener, address, waiting) = full();
        let begin = std::time::Instant::now();
        let connected = tokio::spawn(connect(address));
        // By then the system would wait four seconds before it tries again.
        tokio::time::sleep(Duration::from_millis(3_200)).await;
        assert!(!connected.is_finished());
        drop(waiting);
        listener.set_nonblocking(true).unwrap();
        while listener.accept().is_ok() {}
        connected.await.unwrap().unwrap();
        assert!(begin.elapsed() < Duration::from_millis(6_500), "{:?}", begin.elapsed());
    }

    #[tokio::test]
    async fn a_refusal_is_no_reason_to_wait() {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let refused = connect(port).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    }
}
