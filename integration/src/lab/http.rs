//! HTTP as far as the lab needs it: one request on a connection, to servers next door.

use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// `GET`, `PATCH` and so on.
    pub method: &'a str,
    /// Path and query.
    pub path: &'a str,
    /// The type of the body, if there is one.
    pub content_type: &'a str,
    /// What is sent.
    pub body: &'a [u8],
}

/// An answer whose body is still to be read: up to the end of the connection.
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The rest of the connection.
    pub body: BufReader<TcpStream>,
}

impl Request<'_> {
    /// Sends it and reads the head of the answer. In the words of HTTP/1.0, so that a body ends
    /// with its connection. `patience` counts for each step, and for each part of the body.
    ///
    /// # Errors
    /// If there is no connection, or what comes over it is no HTTP.
    pub fn send(self, to: SocketAddr, patience: Option<Duration>) -> Result<Response> {
        let mut stream =
            TcpStream::connect_timeout(&to, patience.unwrap_or(Duration::from_secs(5)))?;
        stream.set_read_timeout(patience)?;
        let Self { method, path, content_type, body } = self;
        let mut text = format!(
            "{method} {path} HTTP/1.0\r\nHost: {to}\r\nUser-Agent: lab\r\nAccept: application/json, */*\r\n"
        );
        if !body.is_empty() {
            text += &format!("Content-Type: {content_type}\r\nContent-Length: {}\r\n", body.len());
        }
        stream.write_all(&[text.as_bytes(), b"\r\n", body].concat())?;
        let mut body = BufReader::new(stream);
        let mut line = String::new();
        body.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status
            .ok_or_else(|| Error::new(ErrorKind::InvalidData, format!("no HTTP: {line:?}")))?;
        while !line.trim().is_empty() {
            line.clear();
            if body.read_line(&mut line)? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(Response { status, body })
    }
}

impl Response {
    /// The whole body.
    ///
    /// # Errors
    /// If the connection fails before its end.
    pub fn text(mut self) -> Result<String> {
        let mut text = Vec::new();
        self.body.read_to_end(&mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}

/// A GET without a body.
#[must_use]
pub fn get(path: &str) -> Request<'_> {
    Request { method: "GET", path, content_type: "", body: b"" }
}
