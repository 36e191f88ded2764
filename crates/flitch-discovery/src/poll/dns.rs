//! `DNSPoll`, `Kubernetes.DNS`, `Kubernetes.DNSSRV` and `DNSCluster`: one poll of DNS.

use std::sync::Arc;

use crate::naming::{Naming, Place};
use crate::question::{About, Asks, Question, own_family};
use crate::resolve::{Answer, Found, Kind};
use crate::{
    DiscoveryError, DnsCluster, DnsPoll, KubernetesDns, KubernetesDnsSrv, Local, Observation,
    Sightings, Strategy,
};

use super::naming::name;
use super::resolve::{Dns, Servers};
use super::{Source, all, keep_asking};

macro_rules! strategies {
    ($($strategy:ty),*) => {$(
        impl Strategy for $strategy {
            fn name(&self) -> &str {
                <Self as Asks>::NAME
            }

            async fn run(&self, sightings: Sightings) -> Result<(), DiscoveryError> {
                poll(self, &sightings).await
            }
        }
    )*};
}

strategies!(DnsCluster, DnsPoll, KubernetesDns, KubernetesDnsSrv);

async fn poll(strategy: &(impl Asks + Sync), sightings: &Sightings) -> Result<(), DiscoveryError> {
    let domain = std::env::var("CLUSTER_DOMAIN").ok();
    let own = sightings.local().node.alive();
    let questions = strategy.questions(own, domain.as_deref())?;
    let dns = Dns::new(strategy.servers());
    keep_asking(Questions { questions, dns }, strategy.every(), sightings).await
}

struct Questions {
    questions: Vec<Question>,
    dns: Dns,
}

impl Source for Questions {
    async fn ask(&mut self, local: &Local) -> Observation {
        let mut seen = Observation::default();
        let servers = match self.dns.servers().await {
            Ok(servers) => servers,
            Err(error) => return Observation { problems: vec![error], ..seen },
        };
        // All at once: no question waits for another one's server.
        let asking = self.questions.iter().cloned().map(|question| {
            let servers = Arc::clone(&servers);
            async move { (places(&servers, &question).await, question) }
        });
        for ((mut places, problems), question) in all(asking, &mut seen.problems).await {
            seen.problems.extend(problems);
            if question.about == About::Pods {
                own_family(&mut places, local.node.host());
            }
            let naming = question.naming;
            name(&naming, places, local, &mut seen).await;
        }
        seen
    }
}

/// Where nodes are, by what DNS says to a question, and why there may be more.
async fn places(servers: &Arc<Servers>, question: &Question) -> (Vec<Place>, Vec<DiscoveryError>) {
    let Answer { found, mut problems } = servers.ask(&question.name, question.about.kinds()).await;
    let mut places = Vec::new();
    let mut hosts = Vec::new();
    for found in found {
        match (found, question.about, &question.naming) {
            (Found::Address(address), ..) => places.push(Place::at(address)),
            // Nobody has to know where a host is to name the node on it.
            (Found::Host(host), About::Hosts, Naming::Basename(_)) => {
                places.push(Place { host, addresses: Vec::new() });
            }
            (Found::Host(host), ..) => hosts.push(host),
        }
    }
    for place in find(servers, hosts, &mut problems).await {
        match question.about {
            About::AddressesOfHosts => places.extend(place.addresses.into_iter().map(Place::at)),
            _ => places.push(place),
        }
    }
    // Several services may be on one host.
    places.sort();
    places.dedup();
    (places, problems)
}

/// The addresses of hosts that services run on.
async fn find(
    servers: &Arc<Servers>,
    hosts: Vec<String>,
    problems: &mut Vec<DiscoveryError>,
) -> Vec<Place> {
    let asking = hosts.into_iter().map(|host| {
        let servers = Arc::clone(servers);
        async move {
            let answer = servers.ask(&format!("{host}."), &[Kind::A, Kind::Aaaa]).await;
            (host, answer)
        }
    });
    let address = |found| match found {
        Found::Address(address) => Some(address),
        Found::Host(_) => None,
    };
    let mut places = Vec::new();
    for (host, answer) in all(asking, problems).await {
        problems.extend(answer.problems);
        let addresses = answer.found.into_iter().filter_map(address).collect();
        places.push(Place { host, addresses });
    }
    places
}

#[cfg(test)]
#[path = "dns/tests.rs"]
mod tests;
