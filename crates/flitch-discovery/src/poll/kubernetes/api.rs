//! A connection to the API server, through kube: its TLS, its credentials, bodies with a limit.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Bytes;
use hyper::http::header::{AUTHORIZATION, HeaderValue};
use hyper::http::{Request, Response};
use hyper_util::client::legacy::Client as Connections;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use kube::client::{AuthError, Body, ClientBuilder, ConfigExt};
use kube::config::{AuthInfo, Cluster, Context, KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::config::{NamedAuthInfo, NamedCluster, NamedContext};
use kube::{Client, Config};
use tokio::task::spawn_blocking;
use tower::{BoxError, ServiceExt};

use crate::kubernetes::access::Access;
use crate::kubernetes::config;
use crate::kubernetes::object::shortened;
use crate::{DiscoveryError, Problem};

/// The longest body that is read as a whole: a page of a list.
const LONGEST_BODY: usize = 64 << 20;

/// The longest token file; a service account's token has about 1 kB.
const LONGEST_TOKEN: u64 = 64 << 10;

/// When a silent connection is asked whether it lives, how often again, and how many times: a
/// watch may be silent for minutes, and a lost server says nothing.
const KEEPALIVE: (Duration, Duration, u32) = (Duration::from_secs(10), Duration::from_secs(5), 3);

/// A client for one API server, as one user.
pub(super) struct Api {
    client: Client,
    server: String,
    /// Read again for each question: it rotates.
    token: Option<PathBuf>,
}

/// An answer whose body has yet to come.
pub(super) struct Answer {
    response: Response<Body>,
    server: String,
}

impl Api {
    /// Reads the files that `access` names. Nothing is sent yet.
    pub(super) async fn connect(
        access: &Access,
        patience: Duration,
    ) -> Result<Self, DiscoveryError> {
        trust_in_ring();
        let (kubeconfig, context) = kubeconfig(access)?;
        let source = access.source();
        let options = KubeConfigOptions { context, ..KubeConfigOptions::default() };
        let unusable = |said: &str| config(format!("{source}: {said}"));
        let loaded = Config::from_custom_kubeconfig(kubeconfig, &options).await;
        let mut settings = loaded.map_err(|error| unusable(&chain(&error)))?;
        checked(&settings, &source)?;
        // Of the environment's making: what the file itself asks for was refused.
        settings.proxy_url = None;
        let token = settings.auth_info.token_file.take().map(PathBuf::from);
        let token = token.filter(|_| settings.auth_info.token.is_none());
        let server = settings.cluster_url.to_string();
        // A credential plugin is a command: it may take its time.
        let runtime = tokio::runtime::Handle::current();
        let built = spawn_blocking(move || {
            let _entered = runtime.enter();
            client(&settings, patience)
        });
        let built = built.await.map_err(io::Error::from)?;
        let client = built.map_err(|error| unusable(&discreet(&error)))?;
        Ok(Self { client, server, token })
    }

    /// Sends a question; its answer's status and headers have come.
    pub(super) async fn ask(&self, request: Request<Vec<u8>>) -> Result<Answer, DiscoveryError> {
        let mut request = request.map(Body::from);
        if let Some(file) = &self.token {
            request.headers_mut().insert(AUTHORIZATION, bearer(file).await?);
        }
        match self.client.send(request).await {
            Ok(response) => Ok(Answer { response, server: self.server.clone() }),
            Err(error) => Err(unreachable(&self.server, &error)),
        }
    }

    /// Nothing came in time.
    pub(super) fn silent(&self, patience: Duration) -> DiscoveryError {
        let server = &self.server;
        let said = format!("the API server at {server} has not answered within {patience:?}");
        DiscoveryError::new(Problem::Api, said)
    }
}

impl Answer {
    pub(super) fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// The next bytes, or `None` at the end.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, DiscoveryError> {
        loop {
            match self.response.body_mut().frame().await {
                None => return Ok(None),
                Some(Err(error)) => return Err(unreachable(&self.server, &error)),
                // Trailers are no data.
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        return Ok(Some(bytes));
                    }
                }
            }
        }
    }

    /// All of the body.
    pub(super) async fn whole(mut self) -> Result<Vec<u8>, DiscoveryError> {
        let mut body = Vec::new();
        while let Some(bytes) = self.chunk().await? {
            if body.len() + bytes.len() > LONGEST_BODY {
                let (server, most) = (&self.server, LONGEST_BODY >> 20);
                let said = format!(
                    "the answer of the API server at {server} has more than {most} MB: narrow \
                     kubernetes_selector, or leave kubernetes_use_cached_resources out"
                );
                return Err(DiscoveryError::new(Problem::Garbage, said));
            }
            body.extend_from_slice(&bytes);
        }
        Ok(body)
    }
}

/// The namespace that we are in.
pub(super) fn own_namespace(access: &Access) -> Result<String, DiscoveryError> {
    match access {
        Access::ServiceAccount { directory, .. } => {
            let file = directory.join("namespace");
            let read = std::fs::read_to_string(&file).map_err(|error| {
                let file = file.display();
                config(format!("{file}: {error}: give kubernetes_namespace"))
            })?;
            Ok(read.trim().to_owned())
        }
        Access::Kubeconfig { .. } => {
            let (all, context) = kubeconfig(access)?;
            let namespace = chosen(&all, context.as_deref()).and_then(|it| it.namespace.clone());
            Ok(namespace.unwrap_or_else(|| "default".to_owned()))
        }
    }
}

/// Makes ring what TLS is done with, unless the program has chosen something else before. Rustls
/// does the same by itself, but panics where it could choose between two.
fn trust_in_ring() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Somebody else was faster: then that is what the program has chosen.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}

/// What `access` means, as a kubeconfig says it, and the context in it.
fn kubeconfig(access: &Access) -> Result<(Kubeconfig, Option<String>), DiscoveryError> {
    let (server, server_name, directory) = match access {
        Access::ServiceAccount { server, server_name, directory } => {
            (server, server_name, directory)
        }
        Access::Kubeconfig { files, context } => {
            let all = merged(files)?;
            let cluster = chosen(&all, context.as_deref()).and_then(|context| {
                let named = all.clusters.iter().find(|known| known.name == context.cluster)?;
                named.cluster.as_ref()
            });
            if cluster.is_some_and(|cluster| cluster.proxy_url.is_some()) {
                return Err(config(format!(
                    "{}: it has a proxy-url, and the API server is asked directly or not at all",
                    access.source()
                )));
            }
            return Ok((all, context.clone()));
        }
    };
    let path = |name: &str| Some(directory.join(name).display().to_string());
    let name = || "pod".to_owned();
    let cluster = Cluster {
        server: Some(server.clone()),
        tls_server_name: server_name.clone(),
        certificate_authority: path("ca.crt"),
        ..Cluster::default()
    };
    let user = AuthInfo { token_file: path("token"), ..AuthInfo::default() };
    let context = Context { cluster: name(), user: Some(name()), ..Context::default() };
    let all = Kubeconfig {
        clusters: vec![NamedCluster {
            name: name(),
            cluster: Some(cluster),
            ..NamedCluster::default()
        }],
        auth_infos: vec![NamedAuthInfo {
            name: name(),
            auth_info: Some(user),
            ..NamedAuthInfo::default()
        }],
        contexts: vec![NamedContext {
            name: name(),
            context: Some(context),
            ..NamedContext::default()
        }],
        ..Kubeconfig::default()
    };
    Ok((all, Some(name())))
}

/// The context that is asked for, or the current one.
fn chosen<'a>(all: &'a Kubeconfig, context: Option<&str>) -> Option<&'a Context> {
    let name = context.or(all.current_context.as_deref())?;
    all.contexts.iter().find(|known| known.name == name)?.context.as_ref()
}

fn merged(files: &[PathBuf]) -> Result<Kubeconfig, DiscoveryError> {
    let mut all: Option<Kubeconfig> = None;
    for file in files {
        let said = |error: &KubeconfigError| {
            let why = match error {
                // The parser shows the lines around a mistake, and they have tokens in them.
                KubeconfigError::Parse(_) => "it is not the YAML of a kubeconfig".to_owned(),
                other => chain(other),
            };
            config(format!("the kubeconfig {}: {why}", file.display()))
        };
        let one = Kubeconfig::read_from(file).map_err(|error| said(&error))?;
        all = Some(match all {
            Some(first) => first.merge(one).map_err(|error| said(&error))?,
            None => one,
        });
    }
    all.ok_or_else(|| config("KUBECONFIG names no file"))
}

/// Why there is no client, without what a credential plugin was given and has printed.
fn discreet(error: &kube::Error) -> String {
    match error {
        kube::Error::Auth(AuthError::AuthExecRun { out, .. }) => {
            format!("its command for credentials failed: {}", out.status)
        }
        kube::Error::Auth(AuthError::AuthExecParse(_)) => {
            "its command for credentials gave no ExecCredential".to_owned()
        }
        other => chain(other),
    }
}

/// Refuses what would not be safe.
fn checked(settings: &Config, source: &str) -> Result<(), DiscoveryError> {
    if settings.accept_invalid_certs {
        return Err(config(format!(
            "{source}: insecure-skip-tls-verify would give our credentials to whoever answers: \
             take it out, and give the server's certificate-authority"
        )));
    }
    if settings.cluster_url.scheme_str() != Some("https") {
        return Err(config(format!(
            "{source}: the server {} is not https, so our credentials would be for everybody \
             to read",
            settings.cluster_url
        )));
    }
    if settings.root_cert.as_ref().is_some_and(Vec::is_empty) {
        return Err(config(format!("{source}: the certificate-authority has no certificate")));
    }
    Ok(())
}

fn client(settings: &Config, patience: Duration) -> Result<Client, kube::Error> {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(patience));
    let (time, interval, retries) = KEEPALIVE;
    connector.set_keepalive(Some(time));
    connector.set_keepalive_interval(Some(interval));
    connector.set_keepalive_retries(Some(retries));
    #[cfg(target_os = "linux")]
    connector.set_tcp_user_timeout(Some(time + interval * retries));
    let connector = settings.rustls_https_connector_with_connector(connector)?;
    let connections: Connections<_, Body> =
        Connections::builder(TokioExecutor::new()).build(connector);
    let connections = connections.map_err(BoxError::from);
    let stack = ClientBuilder::new(connections, settings.default_namespace.clone())
        .with_layer(&settings.extra_headers_layer()?);
    Ok(match settings.auth_layer()? {
        Some(auth) => stack.with_layer(&auth).with_layer(&settings.base_uri_layer()).build(),
        None => stack.with_layer(&settings.base_uri_layer()).build(),
    })
}

/// The header that the token in `file` makes.
async fn bearer(file: &Path) -> Result<HeaderValue, DiscoveryError> {
    let unreadable = |why: &dyn std::fmt::Display| {
        config(format!("the token in {} cannot be used: {why}", file.display()))
    };
    let length = tokio::fs::metadata(file).await.map_err(|error| unreadable(&error))?.len();
    if length > LONGEST_TOKEN {
        return Err(unreadable(&format!("{length} bytes are no token")));
    }
    let token = tokio::fs::read_to_string(file).await.map_err(|error| unreadable(&error))?;
    let token = token.trim();
    if token.is_empty() {
        return Err(unreadable(&"the file is empty"));
    }
    let header = HeaderValue::from_str(&format!("Bearer {token}"));
    let mut header = header.map_err(|_| unreadable(&"it has characters that no token has"))?;
    header.set_sensitive(true);
    Ok(header)
}

/// No answer came: whose fault that is.
fn unreachable(server: &str, error: &(dyn Error + 'static)) -> DiscoveryError {
    let mut cause = Some(error);
    while let Some(this) = cause {
        if let Some(rustls::Error::InvalidCertificate(why)) = this.downcast_ref() {
            let said = format!(
                "the certificate of the API server at {server} is not to be trusted ({why}): is \
                 ca.crt, or the kubeconfig's certificate-authority, the one of this cluster?"
            );
            return DiscoveryError::new(Problem::Api, said);
        }
        // What an I/O error is made of is not its source.
        let inner = this.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        cause = inner.map(|inner| inner as &(dyn Error + 'static)).or_else(|| this.source());
    }
    // The words of kube and of hyper for "it failed" say nothing more.
    let inner = error.source().unwrap_or(error);
    let inner = match inner.downcast_ref::<hyper_util::client::legacy::Error>() {
        Some(connecting) => connecting.source().unwrap_or(inner),
        None => inner,
    };
    let said = chain(inner);
    let problem = if said.contains("dns error") { Problem::Dns } else { Problem::Api };
    DiscoveryError::new(problem, format!("no answer of the API server at {server}: {said}"))
}

/// An error with its causes, each once.
fn chain(error: &dyn Error) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(this) = cause {
        let text = this.to_string();
        if !said.contains(&text) {
            said = format!("{said}: {text}");
        }
        cause = this.source();
    }
    shortened(&said)
}

#[cfg(test)]
mod tests;
