//! A name that is registered for as long as its connection is held.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use flitch_name::{AliveName, Creation};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::exchange::Exchange;
use super::{ClientError, lookup};
use crate::message::{Alive2Request, Alive2Response, Endpoint, WireName};

/// Registers `alive` with the EPMD at `epmd`, which has to be on this host.
///
/// # Errors
/// [`ClientError::NameTaken`] with the node that has the name; else what kept EPMD from answering.
pub async fn register(
    epmd: SocketAddr,
    alive: &AliveName,
    endpoint: &Endpoint,
    timeout: Duration,
) -> Result<Registration, ClientError> {
    let name = WireName::from(alive);
    let request = Alive2Request { name: name.clone(), endpoint: endpoint.clone() };
    let mut exchange = Exchange::start(epmd, &request.encode(), timeout).await?;
    let answer = exchange.answer(Alive2Response::decode, Alive2Response::decode).await?;
    match answer.result {
        0 => Ok(Registration { stream: exchange.into_stream(), creation: answer.creation }),
        result => {
            // EPMD has one word for every refusal; who has the name tells them apart.
            drop(exchange);
            Err(match lookup(epmd, &name, timeout).await {
                Ok(holder) => ClientError::NameTaken { epmd, name, holder: Box::new(holder) },
                Err(_) => ClientError::Refused { epmd, name, result },
            })
        }
    }
}

/// A registration. Dropping it frees the name.
pub struct Registration {
    stream: TcpStream,
    creation: Creation,
}

impl Registration {
    /// Which life of the name this is.
    #[must_use]
    pub const fn creation(&self) -> Creation {
        self.creation
    }

    /// Waits until the registration is gone, and says how. Cancelling it does no harm.
    pub async fn lost(&mut self) -> Lost {
        match self.stream.read(&mut [0; 64]).await {
            Ok(0) => Lost::Closed,
            Ok(_) => Lost::Garbage,
            Err(error) => Lost::Broken(error.kind()),
        }
    }

    /// Frees the name, and waits up to `timeout` until EPMD has noticed.
    pub async fn leave(mut self, timeout: Duration) {
        let leave = async {
            if self.stream.shutdown().await.is_ok() {
                while matches!(self.stream.read(&mut [0; 64]).await, Ok(1..)) {}
            }
        };
        // However it ends, dropping the stream leaves.
        let _ = tokio::time::timeout(timeout, leave).await;
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration").field("creation", &self.creation).finish_non_exhaustive()
    }
}

/// How a registration was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Lost {
    /// EPMD has closed the connection, most likely because it was stopped.
    #[error("EPMD has closed the connection that holds the registration")]
    Closed,
    /// The connection broke.
    #[error("the connection that holds the registration broke: {0}")]
    Broken(io::ErrorKind),
    /// EPMD has sent bytes where none belong.
    #[error("EPMD has sent bytes on the connection that holds the registration")]
    Garbage,
}
