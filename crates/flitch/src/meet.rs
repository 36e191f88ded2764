//! Meeting a node without connecting to it: how it introduces itself.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use flitch_handshake::{Cause, Config, Cookie, Event, Flags, Handshake, HandshakeError};
use flitch_handshake::{Introduction, Stage};
use tokio::net::TcpStream;

use crate::clock::now;
use crate::connect_error::ConnectError;
use crate::route::{self, Within};
use crate::shake::{receive, transmit};

/// Asks the node at an address how it is called and what it offers, and leaves before either side
/// proves that it knows the cookie: no cookie is needed, and none is at risk.
///
/// For what cannot know the name of a node beforehand, such as a program at the near end of a
/// tunnel. Nothing of the answer is proved: connect to the name, and the cookie proves it. `host`
/// is ours, as for [`Node::builder_named_by`](crate::Node::builder_named_by): the node that is met
/// lends us a name for the time and forgets it. (`dist_util:handshake_we_started/1`, as far as
/// `recv_challenge`.)
///
/// ```no_run
/// use std::time::Duration;
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let there = flitch::meet("127.0.0.1:9100".parse()?, "127.0.0.1", Duration::from_secs(5)).await?;
/// println!("{} offers {}", there.name, there.flags);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// Nobody listens there, or it is no node of OTP 23 or later, without TLS on that port.
pub async fn meet(
    address: SocketAddr,
    host: &str,
    patience: Duration,
) -> Result<Introduction, ConnectError> {
    let within = Within::new(patience);
    let mut stream = route::open(address, within).await?;
    let _ = stream.set_nodelay(true);
    let failed = |error| ConnectError::Handshake(Arc::new(error));
    introduced(&mut stream, machine(host, within.left())?).await.map_err(failed)
}

/// The machine wants a cookie and a challenge; nothing that it makes of them is sent.
fn machine(host: &str, patience: Duration) -> Result<Handshake, ConnectError> {
    let unused =
        Cookie::from_latin1(b"unused").map_err(|_| route::no_address(host, "no cookie"))?;
    let mut config = Config::new(flitch_handshake::Cookies::new(unused), 0);
    config.timeout = patience;
    config.required = Flags::NONE;
    Ok(Handshake::initiate_unnamed(host, None, config, now())?)
}

async fn introduced(
    stream: &mut TcpStream,
    mut machine: Handshake,
) -> Result<Introduction, HandshakeError> {
    loop {
        // Before what it would send next, which is the proof.
        if let Some(introduction) = machine.introduction() {
            return Ok(introduction.clone());
        }
        transmit(stream, &mut machine).await;
        match machine.poll_event() {
            Some(Event::Failed(error)) => return Err(error),
            Some(_) => machine.handle_close(),
            None if machine.stage() == Stage::Over => return Err(ended()),
            None => receive(stream, &mut machine).await,
        }
    }
}

/// The machine tells its end before; should it not, nobody is to wait for it.
fn ended() -> HandshakeError {
    HandshakeError { stage: Stage::Over, peer: None, cause: Cause::Closed, lacking: Flags::NONE }
}
