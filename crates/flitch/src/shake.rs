//! Drives a handshake over a stream: a loop without a decision in it.

use flitch_handshake::{Established, Event, Handshake, HandshakeError, Misuse};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

/// Whether a question of the handshake was answered.
pub(crate) enum Asked {
    Answered,
    /// With the end of the connection.
    Dropped,
    /// The machine asked what it cannot ask on this side, or took no such answer.
    Unexpected,
}

impl From<Result<(), Misuse>> for Asked {
    fn from(result: Result<(), Misuse>) -> Self {
        match result {
            Ok(()) => Self::Answered,
            Err(misuse) => {
                tracing::error!(%misuse, "the handshake was answered out of turn");
                Self::Unexpected
            }
        }
    }
}

/// Who answers what a handshake asks.
pub(crate) trait Answer {
    /// Answers one question, on the machine itself.
    fn answer(
        &mut self,
        machine: &mut Handshake,
        event: &Event,
    ) -> impl Future<Output = Asked> + Send;
}

/// Runs a handshake to its end, over any stream that writes each message at once: with Nagle's
/// algorithm and delayed acknowledgements, each would wait for 40 ms.
pub(crate) async fn shake<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    mut machine: Handshake,
    answer: &mut (impl Answer + Send),
) -> Result<Established, HandshakeError> {
    loop {
        transmit(stream, &mut machine).await;
        match machine.poll_event() {
            Some(Event::Established(established)) => return Ok(established),
            Some(Event::Failed(error)) => return Err(error),
            Some(event) => {
                if let Asked::Dropped | Asked::Unexpected =
                    answer.answer(&mut machine, &event).await
                {
                    machine.handle_close();
                }
            }
            None => receive(stream, &mut machine).await,
        }
    }
}

/// Writes what a handshake has to say.
pub(crate) async fn transmit<S: AsyncWrite + Unpin>(stream: &mut S, machine: &mut Handshake) {
    while let Some(message) = machine.poll_transmit() {
        let deadline = machine.poll_timeout();
        let write = stream.write_all(&message);
        // A write that fails or stalls shows in the read that follows.
        let _ = match deadline {
            Some(deadline) => timeout_at(Instant::from_std(deadline), write).await.is_ok(),
            None => write.await.is_ok(),
        };
    }
}

/// Reads what comes next, until the handshake's deadline.
pub(crate) async fn receive<S: AsyncRead + Unpin>(stream: &mut S, machine: &mut Handshake) {
    let mut buffer = [0; 1024];
    let read = stream.read(&mut buffer);
    let read = match machine.poll_timeout() {
        Some(deadline) => timeout_at(Instant::from_std(deadline), read).await,
        None => Ok(read.await),
    };
    match read {
        Ok(Ok(0) | Err(_)) => machine.handle_close(),
        Ok(Ok(count)) => machine.handle_input(buffer.get(..count).unwrap_or_default()),
        Err(_) => machine.handle_timeout(crate::clock::now()),
    }
}
