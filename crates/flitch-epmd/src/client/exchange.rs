//! One request and its answer over a connection, under one deadline.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::knock::connect;
use super::{ClientError, Step};
use crate::message::{MessageError, frame};

pub(super) struct Exchange {
    epmd: SocketAddr,
    stream: TcpStream,
    deadline: Instant,
    buffer: Vec<u8>,
}

impl Exchange {
    /// The longest answer that is read, in bytes: a list of some tens of thousands of names.
    const MAX_ANSWER: usize = 4 * 1024 * 1024;

    /// A time that the clock cannot express is as good as none that ends.
    const LONGEST: Duration = Duration::from_secs(u32::MAX as u64);

    /// Connects and sends the request.
    pub(super) async fn start(
        epmd: SocketAddr,
        request: &[u8],
        timeout: Duration,
    ) -> Result<Self, ClientError> {
        let deadline = Instant::now() + timeout.min(Self::LONGEST);
        let stream = match timeout_at(deadline, connect(epmd)).await {
            Err(_) => return Err(ClientError::TimedOut { epmd, step: Step::Connect }),
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
                return Err(ClientError::NoDaemon { epmd });
            }
            Ok(Err(source)) => return Err(ClientError::Unreachable { epmd, source }),
            // Where nobody listens, a connection may meet itself, and would keep EPMD off its port.
            Ok(Ok(stream)) if stream.local_addr().is_ok_and(|ours| ours == epmd) => {
                return Err(ClientError::NoDaemon { epmd });
            }
            Ok(Ok(stream)) => stream,
        };
        let _ = stream.set_nodelay(true);
        let mut exchange = Self { epmd, stream, deadline, buffer: Vec::new() };
        match timeout_at(deadline, exchange.stream.write_all(&frame(request))).await {
            Err(_) => Err(ClientError::TimedOut { epmd, step: Step::Send }),
            Ok(Err(source)) => Err(exchange.broken(source)),
            Ok(Ok(())) => Ok(exchange),
        }
    }

    /// Reads until `decode` is content, or the stream ends and `decode_ended` is.
    pub(super) async fn answer<T>(
        &mut self,
        decode: impl Fn(&[u8]) -> Result<T, MessageError>,
        decode_ended: impl Fn(&[u8]) -> Result<T, MessageError>,
    ) -> Result<T, ClientError> {
        while self.read().await? {
            match decode(&self.buffer) {
                Err(error) if error.is_short() => {}
                result => return result.map_err(|source| self.garbage(source)),
            }
        }
        self.ended(decode_ended)
    }

    /// Reads until the stream ends, and then decodes.
    pub(super) async fn whole_answer<T>(
        &mut self,
        decode: impl Fn(&[u8]) -> Result<T, MessageError>,
    ) -> Result<T, ClientError> {
        while self.read().await? {}
        self.ended(decode)
    }

    /// The connection, for a registration to hold.
    pub(super) fn into_stream(self) -> TcpStream {
        self.stream
    }

    /// Whether more has come; `false` is the end of the stream.
    async fn read(&mut self) -> Result<bool, ClientError> {
        let epmd = self.epmd;
        match timeout_at(self.deadline, self.stream.read_buf(&mut self.buffer)).await {
            Err(_) => Err(ClientError::TimedOut { epmd, step: Step::Answer }),
            Ok(Err(source)) => Err(self.broken(source)),
            Ok(Ok(_)) if self.buffer.len() > Self::MAX_ANSWER => {
                Err(self.garbage(MessageError::TooLong { limit: Self::MAX_ANSWER }))
            }
            Ok(Ok(count)) => Ok(count > 0),
        }
    }

    fn ended<T>(
        &self,
        decode: impl Fn(&[u8]) -> Result<T, MessageError>,
    ) -> Result<T, ClientError> {
        if self.buffer.is_empty() {
            return Err(ClientError::Closed { epmd: self.epmd });
        }
        decode(&self.buffer).map_err(|source| self.garbage(source))
    }

    fn garbage(&self, source: MessageError) -> ClientError {
        ClientError::Garbage { epmd: self.epmd, source }
    }

    /// A daemon that drops a request may do so with a reset.
    fn broken(&self, source: io::Error) -> ClientError {
        use io::ErrorKind::{BrokenPipe, ConnectionReset};
        match source.kind() {
            ConnectionReset | BrokenPipe if self.buffer.is_empty() => {
                ClientError::Closed { epmd: self.epmd }
            }
            _ => ClientError::Broken { epmd: self.epmd, source },
        }
    }
}
