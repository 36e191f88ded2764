//! What the tests across sockets share: our server on a port of its own, and raw bytes to it.

#![allow(dead_code, reason = "each test file uses its part")]

use std::net::SocketAddr;
use std::time::Duration;

use flitch_epmd::client::register;
use flitch_epmd::{Config, Endpoint, Registration, Server, server::Stopped};
use flitch_name::AliveName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(crate) mod programs;

/// Longer than anything here takes, on a busy machine as well.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// Our server, serving.
pub(crate) struct Daemon {
    pub(crate) addresses: Vec<SocketAddr>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Stopped>,
}

impl Daemon {
    pub(crate) fn start() -> Self {
        Self::with(config())
    }

    pub(crate) fn with(config: Config) -> Self {
        let server = Server::bind(config).unwrap();
        let addresses = server.local_addresses();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(server.serve(async move {
            // A dropped sender stops the server as well.
            let _ = stopped.await;
        }));
        Self { addresses, stop, task }
    }

    /// Starts on an address that an earlier daemon had.
    pub(crate) async fn again(address: SocketAddr) -> Self {
        within(async {
            loop {
                match Server::bind(Config::on([address])) {
                    Ok(server) => {
                        drop(server);
                        return Self::with(Config::on([address]));
                    }
                    // The port may still be somebody's outgoing one for a moment.
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        })
        .await
    }

    pub(crate) fn address(&self) -> SocketAddr {
        *self.addresses.first().unwrap()
    }

    pub(crate) async fn stop(self) -> Stopped {
        let _ = self.stop.send(());
        within(self.task).await.unwrap()
    }

    /// Waits until the server ends by itself.
    pub(crate) async fn ended(self) -> Stopped {
        within(self.task).await.unwrap()
    }
}

pub(crate) fn config() -> Config {
    Config::on(["127.0.0.1:0".parse().unwrap()])
}

/// Fails instead of hanging.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, future).await.expect("this took longer than 30 seconds")
}

/// Sends bytes, ends our half, and reads until the other side ends.
pub(crate) async fn exchange(to: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = within(TcpStream::connect(to)).await.unwrap();
    // A daemon may drop what it does not like before all is sent.
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    let mut answer = Vec::new();
    let _ = within(stream.read_to_end(&mut answer)).await;
    answer
}

pub(crate) fn alive(text: &str) -> AliveName {
    text.parse().unwrap()
}

pub(crate) async fn join(epmd: SocketAddr, name: &str, port: u16) -> Registration {
    register(epmd, &alive(name), &Endpoint::hidden(port), LONG).await.unwrap()
}

/// Waits until the server has closed the connection, and gives what it said before.
pub(crate) async fn until_closed(stream: &mut TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    let _ = within(stream.read_to_end(&mut answer)).await;
    answer
}

/// A peer that answers everything with the same bytes, and then closes or stays.
pub(crate) async fn fake_daemon(answer: &'static [u8], stays: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 256];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer).await;
            if stays {
                let _ = stream.read(&mut request).await;
            }
        }
    });
    address
}
