//! An API server over real TLS that answers what the test says, request by request.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;

/// How long anything may take that should come at once, on a machine that is busy.
pub(crate) const SOON: Duration = Duration::from_secs(20);

pub(crate) struct Server {
    pub(crate) port: u16,
    ca: String,
    calls: mpsc::Receiver<Call>,
}

/// A request that waits for its answer. Dropped, it is a connection that breaks.
pub(crate) struct Call {
    pub(crate) target: String,
    pub(crate) token: String,
    stream: TlsStream<TcpStream>,
    back: oneshot::Sender<TlsStream<TcpStream>>,
}

/// A watch that is open.
pub(crate) struct Watch {
    stream: TlsStream<TcpStream>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(params, key).unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![SanType::IpAddress(Ipv4Addr::LOCALHOST.into())];
        let certificate = params.signed_by(&key, &ca).unwrap();
        let ring = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(ring)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key.into())
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (calling, calls) = mpsc::channel(16);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, calling) = (acceptor.clone(), calling.clone());
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        serve(stream, calling).await;
                    }
                });
            }
        });
        Self { port, ca: ca.pem(), calls }
    }

    /// A directory as a pod has it.
    pub(crate) fn service_account(&self, directory: &Path) {
        std::fs::write(directory.join("ca.crt"), &self.ca).unwrap();
        std::fs::write(directory.join("token"), "first-s3cr3t\n").unwrap();
        std::fs::write(directory.join("namespace"), "shop").unwrap();
    }

    /// The next request, whose target has `part` in it.
    pub(crate) async fn expect(&mut self, part: &str) -> Call {
        let call = tokio::time::timeout(SOON, self.calls.recv()).await;
        let call = call.unwrap_or_else(|_| panic!("nobody asks for {part}")).unwrap();
        assert!(call.target.contains(part), "not {part}: {}", call.target);
        call
    }

    pub(crate) async fn expect_list(&mut self) -> Call {
        let call = self.expect("").await;
        assert!(!call.target.contains("watch=true"), "{}", call.target);
        call
    }

    /// Answers a list with these last bytes of addresses, and opens the watch behind it.
    pub(crate) async fn list_and_watch(&mut self, hosts: &[u8]) -> Watch {
        self.expect_list().await.answer(200, &list(hosts, 1)).await;
        self.expect("watch=true").await.open().await
    }
}

async fn serve(mut stream: TlsStream<TcpStream>, calling: mpsc::Sender<Call>) {
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => return,
            }
        }
        let head = String::from_utf8(head).unwrap();
        let target = head.split(' ').nth(1).unwrap().to_owned();
        let token = head.lines().find_map(|line| line.strip_prefix("authorization: Bearer "));
        let token = token.unwrap_or_default().to_owned();
        let (back, again) = oneshot::channel();
        if calling.send(Call { target, token, stream, back }).await.is_err() {
            return;
        }
        stream = match again.await {
            Ok(stream) => stream,
            Err(_) => return,
        };
    }
}

impl Call {
    pub(crate) async fn answer(mut self, status: u16, body: &str) {
        let length = body.len();
        let head = format!("HTTP/1.1 {status} x\r\ncontent-length: {length}\r\n\r\n");
        self.stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        self.stream.flush().await.unwrap();
        drop(self.back.send(self.stream));
    }

    pub(crate) async fn open(self) -> Watch {
        let mut watch = Watch { stream: self.stream };
        watch.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
        watch
    }
}

impl Watch {
    async fn write(&mut self, bytes: &[u8]) {
        // Whoever does not want it any more has hung up.
        drop(self.stream.write_all(bytes).await);
        drop(self.stream.flush().await);
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
        chunk.extend_from_slice(bytes);
        chunk.extend_from_slice(b"\r\n");
        self.write(&chunk).await;
    }

    /// All of the slice `a`, as it is now.
    pub(crate) async fn is(&mut self, hosts: &[u8], version: u32) {
        let event = format!("{{\"type\":\"MODIFIED\",\"object\":{}}}\n", slice(hosts, version));
        self.send(event.as_bytes()).await;
    }

    /// Its time is over.
    pub(crate) async fn end(mut self) {
        self.write(b"0\r\n\r\n").await;
    }
}

fn slice(hosts: &[u8], version: u32) -> String {
    let endpoints: Vec<_> =
        hosts.iter().map(|host| format!(r#"{{"addresses":["10.0.0.{host}"]}}"#)).collect();
    let endpoints = endpoints.join(",");
    format!(
        r#"{{"metadata":{{"name":"a","namespace":"shop","resourceVersion":"{version}"}},"addressType":"IPv4","endpoints":[{endpoints}]}}"#
    )
}

pub(crate) fn list(hosts: &[u8], version: u32) -> String {
    let items = slice(hosts, version);
    format!(
        r#"{{"kind":"EndpointSliceList","metadata":{{"resourceVersion":"{version}"}},"items":[{items}]}}"#
    )
}
