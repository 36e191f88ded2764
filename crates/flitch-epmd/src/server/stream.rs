//! A connection's stream: served at once as far as that goes, and watched from then on.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::net::{RecvFlags, SendFlags};
use socket2::SockRef;
use tokio::net::TcpStream;

/// A stream, and nobody who waits for it yet.
#[derive(Debug)]
pub(super) enum Stream {
    /// The runtime does not know it, which spares most connections calls of the system: they are
    /// served without ever waiting.
    Fresh(std::net::TcpStream),
    /// The runtime tells when it is ready.
    Watched(TcpStream),
}

impl Stream {
    /// Takes what has come, and does not wait.
    pub(super) fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let (len, _) = rustix::net::recv(self.descriptor(), buffer, RecvFlags::DONTWAIT)?;
        Ok(len)
    }

    /// Sends what there is room for, and does not wait. What is the last goes out with the end of
    /// the stream, in one segment instead of two: the one who drops the stream sends both.
    pub(super) fn send(&self, bytes: &[u8], is_last: bool) -> io::Result<usize> {
        let flags = if is_last { LAST } else { SendFlags::empty() };
        let flags = flags | SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        Ok(rustix::net::send(self.descriptor(), bytes, flags)?)
    }

    /// To wait for it.
    pub(super) fn watched(self) -> io::Result<TcpStream> {
        match self {
            Self::Fresh(stream) => {
                stream.set_nonblocking(true)?;
                TcpStream::from_std(stream)
            }
            Self::Watched(stream) => Ok(stream),
        }
    }

    /// The address that was dialled.
    pub(super) fn local_address(&self) -> Option<SocketAddr> {
        SockRef::from(&self.descriptor()).local_addr().ok()?.as_socket()
    }

    fn descriptor(&self) -> BorrowedFd<'_> {
        match self {
            Self::Fresh(stream) => stream.as_fd(),
            Self::Watched(stream) => stream.as_fd(),
        }
    }
}

#[cfg(target_os = "linux")]
const LAST: SendFlags = SendFlags::MORE;
#[cfg(not(target_os = "linux"))]
const LAST: SendFlags = SendFlags::empty();
