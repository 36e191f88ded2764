//! `ErlangHosts`: reads the file, finds the hosts, asks their EPMDs, all of them at once.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::lookup_host;
use tokio::time::timeout;

use crate::erlang_hosts::{ErlangHosts, MAX_FILE, hosts};
use crate::naming::{Naming, Place};
use crate::{DiscoveryError, Local, Observation, Problem, Sightings, Strategy};

use super::naming::name;
use super::{Source, all, keep_asking};

/// How long a host's addresses are looked for.
const PATIENCE: Duration = Duration::from_secs(5);

impl Strategy for ErlangHosts {
    fn name(&self) -> &str {
        "ErlangHosts"
    }

    async fn run(&self, sightings: Sightings) -> Result<(), DiscoveryError> {
        let folder = |name| std::env::var_os(name).map(PathBuf::from);
        let files = self.files(folder("HOME"), folder("ROOTDIR"));
        let naming = Naming::Learned(self.node_pattern.clone());
        keep_asking(Files { files, naming }, self.interval(), &sightings).await
    }
}

/// Where the file may be, and which nodes are meant.
struct Files {
    files: Vec<PathBuf>,
    naming: Naming,
}

impl Source for Files {
    async fn ask(&mut self, local: &Local) -> Observation {
        let mut seen = Observation::default();
        match self.read().await.and_then(|text| hosts(&text)) {
            Ok(hosts) => {
                let places = find(hosts, &mut seen).await;
                name(&self.naming, places, local, &mut seen).await;
            }
            Err(error) => seen.problems.push(error),
        }
        seen
    }
}

impl Files {
    /// The first file that is there.
    async fn read(&self) -> Result<String, DiscoveryError> {
        for path in &self.files {
            match read(path).await {
                Ok(text) => return Ok(text),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    let said = format!("{} cannot be read: {error}", path.display());
                    return Err(DiscoveryError::new(Problem::Config, said));
                }
            }
        }
        let looked: Vec<_> = self.files.iter().map(|path| path.display().to_string()).collect();
        let looked = looked.join(", ");
        let said = format!("no .hosts.erlang is there: write one host a line into one of {looked}");
        Err(DiscoveryError::new(Problem::Config, said))
    }
}

/// A file, and at most one byte more than it may have.
async fn read(path: &PathBuf) -> io::Result<String> {
    let file = tokio::fs::File::open(path).await?;
    let mut text = Vec::new();
    file.take(MAX_FILE as u64 + 1).read_to_end(&mut text).await?;
    String::from_utf8(text).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// The addresses of the hosts, in the system's own way, as `net_adm:names/1` looks for them.
async fn find(hosts: Vec<String>, seen: &mut Observation) -> Vec<Place> {
    let looking = hosts.into_iter().map(|host| async move {
        let found = timeout(PATIENCE, lookup_host((host.as_str(), 0))).await;
        let found = found.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let addresses = found.map(|found| found.map(|address| address.ip()).collect::<Vec<_>>());
        (host, addresses)
    });
    let mut places = Vec::new();
    for (host, addresses) in all(looking, &mut seen.problems).await {
        match addresses {
            Ok(mut addresses) => {
                addresses.dedup();
                places.push(Place { host, addresses });
            }
            Err(error) => {
                let said = format!(".hosts.erlang: the host {host} has no address: {error}");
                seen.problems.push(DiscoveryError::new(Problem::Dns, said));
            }
        }
    }
    places
}
