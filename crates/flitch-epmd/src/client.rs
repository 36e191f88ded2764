//! The client: ask an EPMD for a port or its names, register with it, stay registered for ever.
//!
//! Every call takes a time after which it gives up; it covers the whole call, and the error says
//! at which step it ran out. Addresses are addresses: resolve names before.

mod error;
mod exchange;
mod knock;
mod registrar;
mod registration;

use std::net::SocketAddr;
use std::time::Duration;

use crate::message::{
    Endpoint, KillRequest, KillResponse, NamesRequest, NamesResponse, Port2Response,
    PortPlease2Request, StopRequest, StopResponse, WireName,
};

use exchange::Exchange;

pub use error::{ClientError, Step};
pub use knock::connect;
pub use registrar::{Change, Registrar};
pub use registration::{Lost, Registration, register};

/// Asks the EPMD at `epmd`, which is the one on the peer's host, how to reach the node `alive`.
///
/// # Errors
/// [`ClientError::NotRegistered`] if no such node runs there; else what kept EPMD from answering.
pub async fn lookup(
    epmd: SocketAddr,
    alive: impl Into<WireName>,
    timeout: Duration,
) -> Result<Endpoint, ClientError> {
    let name = alive.into();
    let request = PortPlease2Request { name: name.clone() };
    let mut exchange = Exchange::start(epmd, &request.encode(), timeout).await?;
    match exchange.answer(Port2Response::decode, Port2Response::decode_ended).await? {
        Port2Response::Found { endpoint, .. } => Ok(endpoint),
        Port2Response::NotFound { .. } => Err(ClientError::NotRegistered { epmd, name }),
    }
}

/// Lists the nodes that are registered with the EPMD at `epmd`, newest first.
///
/// # Errors
/// What kept EPMD from answering. An answer that is cut off is an error and not a shorter list.
pub async fn names(epmd: SocketAddr, timeout: Duration) -> Result<NamesResponse, ClientError> {
    let mut exchange = Exchange::start(epmd, &NamesRequest.encode(), timeout).await?;
    exchange.whole_answer(NamesResponse::decode).await
}

/// Gives everything that the EPMD at `epmd`, on this host, holds, as the text it writes for
/// people.
///
/// # Errors
/// What kept EPMD from answering.
pub async fn dump(epmd: SocketAddr, timeout: Duration) -> Result<Vec<u8>, ClientError> {
    let request = crate::message::DumpRequest.encode();
    Exchange::start(epmd, &request, timeout).await?.whole_answer(|bytes| Ok(bytes.to_vec())).await
}

/// Asks the EPMD at `epmd`, on this host, to end.
///
/// # Errors
/// What kept EPMD from answering; that it refuses is an answer.
pub async fn kill(epmd: SocketAddr, timeout: Duration) -> Result<KillResponse, ClientError> {
    let mut exchange = Exchange::start(epmd, &KillRequest.encode(), timeout).await?;
    exchange.answer(KillResponse::decode, KillResponse::decode).await
}

/// Asks the EPMD at `epmd`, on this host, to drop a registration. A stock daemon without
/// `-relaxed_command_check` closes the connection without an answer.
///
/// # Errors
/// What kept EPMD from answering.
pub async fn stop(
    epmd: SocketAddr,
    alive: impl Into<WireName>,
    timeout: Duration,
) -> Result<StopResponse, ClientError> {
    let request = StopRequest { name: alive.into() }.encode();
    let mut exchange = Exchange::start(epmd, &request, timeout).await?;
    exchange.whole_answer(StopResponse::decode).await
}
