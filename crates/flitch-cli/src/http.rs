//! `/livez`, `/readyz` and `/metrics` over HTTP, for whoever runs the node: kubelet, Docker, a load
//! balancer, Prometheus.
//!
//! [`Server`] is bound before the node starts, so that a port that is taken is told at once, and
//! answers until the program ends. [`Health`] is what it answers by: the node's side moves it on.
//!
//! Authority: the probes of Kubernetes ("Configure Liveness, Readiness and Startup Probes"): 200 to
//! 399 is yes, anything else no, and what the body says goes into the pod's events.

mod answer;
mod health;
mod metrics;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use crate::failure::{Failure, Stage};

pub(crate) use health::Health;

/// How many connections there are at a time. One more takes the place of the oldest, so that a
/// probe is heard however many others dawdle.
const CONNECTIONS: usize = 100;

/// How many bytes the head of a request has at most.
const HEAD: usize = 16 * 1024;

/// How long a request may take to arrive, and a connection may be silent between two.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a connection is kept for more requests. One that does not take its answers is not kept
/// any longer than that either.
const LIFETIME: Duration = Duration::from_secs(60);

/// How long to wait when no connection can be taken, most often for want of descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// A socket that answers probes once it [`run`](Self::run)s.
#[derive(Debug)]
pub(crate) struct Server {
    listener: TcpListener,
    address: SocketAddr,
    health: Health,
}

impl Server {
    /// Listens, and answers nobody yet.
    ///
    /// # Errors
    /// [`Stage::Listen`]: somebody has the port, or the address is none of this host.
    pub(crate) async fn bind(listen: SocketAddr, health: Health) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| {
            let said = format!("cannot listen on {listen} for /livez and /readyz: {error}");
            Failure::new(Stage::Listen, said)
        };
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address, health })
    }

    /// Where it listens, with the port that the system chose if none was given.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until it is dropped.
    pub(crate) async fn run(self) -> Infallible {
        let mut connections = Connections::default();
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => connections.add(stream, self.health.clone()),
                Err(error) => {
                    tracing::debug!(%error, "a connection for a probe could not be taken");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}

/// The connections that are open, the oldest first.
#[derive(Default)]
struct Connections(VecDeque<AbortHandle>);

impl Connections {
    fn add(&mut self, stream: TcpStream, health: Health) {
        self.0.retain(|connection| !connection.is_finished());
        if self.0.len() >= CONNECTIONS
            && let Some(oldest) = self.0.pop_front()
        {
            oldest.abort();
        }
        self.0.push_back(tokio::spawn(converse(stream, health)).abort_handle());
    }
}

impl Drop for Connections {
    fn drop(&mut self) {
        for connection in &self.0 {
            connection.abort();
        }
    }
}

/// Answers the requests of one connection.
async fn converse(stream: TcpStream, health: Health) {
    let service = service_fn(move |request: hyper::Request<_>| {
        let answered = answer::answer(&request, &health);
        std::future::ready(Ok::<_, Infallible>(answered))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_buf_size(HEAD)
        .serve_connection(TokioIo::new(stream), service);
    match tokio::time::timeout(LIFETIME, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a probe's connection failed"),
        Err(_) => tracing::debug!("a probe's connection was kept for long enough"),
    }
}

#[cfg(test)]
#[path = "http/tests.rs"]
mod tests;
