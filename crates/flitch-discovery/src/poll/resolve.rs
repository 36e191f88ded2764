//! Asking DNS: the system's servers and search list, or servers of one's own.
//!
//! `resolv.conf` is read again when it has changed. Each server is asked on its own, beginning with
//! the one that answered last (or, with `rotate`, behind it), and the next one when it fails, as
//! glibc does; TCP follows a truncated answer. Nothing is kept from one question to the next: who polls wants to know what
//! is true now, a cache here could only hide a new pod, and the server on the way has a cache that
//! keeps to the TTLs (CoreDNS gives a headless service 5 seconds unless told otherwise). So one
//! question an interval is all that the server sees, whatever the TTL.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{RData, RecordType};
use hickory_resolver::system_conf::parse_resolv_conf;
use hickory_resolver::{Resolver, TokioResolver};
use tokio::time::{Instant, timeout_at};

use crate::resolve::{Answer, Found, Kind, Nameserver, Reply, Search};
use crate::{DiscoveryError, Problem};

const RESOLV_CONF: &str = "/etc/resolv.conf";

/// The longest search for one name, however many domains and servers there are.
const LONGEST: Duration = Duration::from_secs(30);

/// The shortest time that a server is given, whatever `options timeout:` says.
const SHORTEST: Duration = Duration::from_secs(1);

/// Records taken of one answer; a service has fewer pods.
const MAX_RECORDS: usize = 10_000;

/// Who is asked for names.
pub(super) struct Dns {
    resolv_conf: PathBuf,
    own: Vec<Nameserver>,
    current: Option<(Stamp, Arc<Servers>)>,
}

/// When a file has changed, this has.
type Stamp = Option<(SystemTime, u64)>;

impl Dns {
    /// Asks these servers, or those of the system if there are none.
    pub(super) fn new(own: &[Nameserver]) -> Self {
        Self::with(Path::new(RESOLV_CONF), own)
    }

    fn with(resolv_conf: &Path, own: &[Nameserver]) -> Self {
        Self { resolv_conf: resolv_conf.to_owned(), own: own.to_vec(), current: None }
    }

    /// Who is to be asked, by the file as it is now.
    pub(super) async fn servers(&mut self) -> Result<Arc<Servers>, DiscoveryError> {
        let stamp = tokio::fs::metadata(&self.resolv_conf).await.ok();
        let stamp = stamp.and_then(|data| Some((data.modified().ok()?, data.len())));
        if let Some((then, servers)) = &self.current
            && *then == stamp
        {
            return Ok(Arc::clone(servers));
        }
        let text = tokio::fs::read(&self.resolv_conf).await.map_err(NetError::from);
        let rotate = text.as_ref().is_ok_and(|text| rotates(text));
        let system = text.and_then(parse_resolv_conf);
        let servers = match (system, self.own.is_empty()) {
            (Ok((config, options)), true) => {
                let theirs = config.name_servers().to_vec();
                Servers::new(theirs, domains(&config), &options)
            }
            // The search list stays the system's, where it has one.
            (Ok((config, options)), false) => {
                Servers::new(self.given(), domains(&config), &options)
            }
            (Err(_), false) => Servers::new(self.given(), Vec::new(), &ResolverOpts::default()),
            (Err(error), true) => Err(error),
        };
        let servers = servers.map_err(|error| {
            let file = self.resolv_conf.display();
            let said = format!("no name server: {file}: {error}; mend it, or give nameservers");
            DiscoveryError::new(Problem::Dns, said)
        })?;
        let servers = Arc::new(Servers { rotate, ..servers });
        self.current = Some((stamp, Arc::clone(&servers)));
        Ok(servers)
    }

    fn given(&self) -> Vec<NameServerConfig> {
        let at = |mut connection: ConnectionConfig, port| {
            connection.port = port;
            connection
        };
        let server = |Nameserver(address): &Nameserver| {
            let port = address.port();
            let ways = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
            NameServerConfig::new(address.ip(), true, ways.map(|way| at(way, port)).into())
        };
        self.own.iter().map(server).collect()
    }
}

/// Whether `resolv.conf` wants the servers asked in turn; the parser does not tell.
fn rotates(resolv_conf: &[u8]) -> bool {
    let text = String::from_utf8_lossy(resolv_conf);
    let options = text.lines().filter_map(|line| line.trim().strip_prefix("options"));
    options.flat_map(str::split_whitespace).any(|option| option == "rotate")
}

fn domains(config: &ResolverConfig) -> Vec<String> {
    let search = config.search().iter().map(ToString::to_string).collect::<Vec<_>>();
    if search.is_empty() {
        config.domain().iter().map(ToString::to_string).collect()
    } else {
        search
    }
}

/// The servers that one state of the configuration names.
pub(super) struct Servers {
    each: Vec<TokioResolver>,
    domains: Vec<String>,
    ndots: usize,
    attempts: usize,
    rotate: bool,
    /// Who answered last; with `rotate`, who is next.
    first: AtomicUsize,
}

impl Servers {
    fn new(
        servers: Vec<NameServerConfig>,
        domains: Vec<String>,
        options: &ResolverOpts,
    ) -> Result<Self, NetError> {
        let build = |server| {
            let config = ResolverConfig::from_name_servers(vec![server]);
            let mut builder =
                Resolver::builder_with_config(config, TokioRuntimeProvider::default());
            let mut options = options.clone();
            // Every question is a new one, and goes to DNS; `search` tries again by itself.
            options.cache_size = 0;
            options.use_hosts_file = ResolveHosts::Never;
            options.attempts = 0;
            // As glibc has it: a time of nothing would be over before an answer.
            options.timeout = options.timeout.max(SHORTEST);
            *builder.options_mut() = options;
            builder.build()
        };
        Ok(Self {
            each: servers.into_iter().map(build).collect::<Result<_, _>>()?,
            domains,
            ndots: options.ndots,
            attempts: options.attempts.max(1),
            rotate: false,
            first: AtomicUsize::new(0),
        })
    }

    /// What these records of `name` are.
    pub(super) async fn ask(&self, name: &str, kinds: &[Kind]) -> Answer {
        self.search(name, kinds, Instant::now() + LONGEST).await
    }

    /// What is found before `end` counts, though a question is open then.
    async fn search(&self, name: &str, kinds: &[Kind], end: Instant) -> Answer {
        let mut search = Search::new(name, &self.domains, self.ndots);
        while let Some(at) = search.at().map(str::to_owned) {
            let replies = match kinds {
                [one, two] => {
                    let (first, second) =
                        tokio::join!(self.reply(&at, *one, end), self.reply(&at, *two, end));
                    vec![(*one, first), (*two, second)]
                }
                [one, ..] => vec![(*one, self.reply(&at, *one, end).await)],
                [] => Vec::new(),
            };
            search.handle(replies);
        }
        search.answer()
    }

    async fn reply(&self, name: &str, kind: Kind, end: Instant) -> Reply {
        let reply = timeout_at(end, self.turns(name, kind)).await;
        reply.unwrap_or_else(|_| Reply::Silent("no name server answers in time".to_owned()))
    }

    /// Asks one server after the other, as often as the configuration says.
    async fn turns(&self, name: &str, kind: Kind) -> Reply {
        let count = self.each.len();
        let first = self.first.load(Ordering::Relaxed);
        let mut reply = Reply::Silent("there is no name server".to_owned());
        for turn in 0..count.saturating_mul(self.attempts) {
            let index = (first + turn) % count;
            let Some(server) = self.each.get(index) else { break };
            let now = read(server.lookup(name, record_type(kind)).await);
            if let Reply::Records(_) = now {
                let next = if self.rotate { index + 1 } else { index };
                self.first.store(next, Ordering::Relaxed);
                return now;
            }
            // That one refuses says more than that another one is silent.
            if !matches!((&reply, &now), (Reply::Refused(_), Reply::Silent(_))) {
                reply = now;
            }
        }
        reply
    }
}

fn record_type(kind: Kind) -> RecordType {
    match kind {
        Kind::A => RecordType::A,
        Kind::Aaaa => RecordType::AAAA,
        Kind::Srv => RecordType::SRV,
    }
}

/// What a lookup came to.
fn read(lookup: Result<hickory_resolver::lookup::Lookup, NetError>) -> Reply {
    let refused = |code| Reply::Refused(format!("the name server answers {code}"));
    match lookup {
        Ok(lookup) => {
            let records = lookup.answers().iter().filter_map(|record| found(&record.data));
            Reply::Records(records.take(MAX_RECORDS).collect())
        }
        // "Referral Responses", RFC 2308, 2.2.1: whether there are records is for others to say.
        Err(NetError::Dns(DnsError::NoRecordsFound(none)))
            if none.ns.is_some()
                && none.soa.is_none()
                && none.response_code == ResponseCode::NoError =>
        {
            Reply::Refused("the name server only refers to others".to_owned())
        }
        Err(NetError::Dns(DnsError::NoRecordsFound(none))) => match none.response_code {
            ResponseCode::NoError | ResponseCode::NXDomain => Reply::Records(Vec::new()),
            code => refused(code),
        },
        Err(NetError::Dns(DnsError::ResponseCode(code))) => refused(code),
        Err(NetError::Timeout) => Reply::Silent("no name server answers in time".to_owned()),
        Err(error) => Reply::Silent(error.to_string()),
    }
}

fn found(data: &RData) -> Option<Found> {
    match data {
        RData::A(address) => Some(Found::Address(IpAddr::V4(address.0))),
        RData::AAAA(address) => Some(Found::Address(IpAddr::V6(address.0))),
        RData::SRV(service) => {
            let host = service.target.to_ascii();
            Some(Found::Host(host.trim_end_matches('.').to_owned()))
        }
        _ => None,
    }
}

#[cfg(test)]
#[path = "resolve/tests.rs"]
mod tests;
