//! The polling half of [`Kubernetes`](crate::Kubernetes): a mirror for each namespace, and a voice.

mod api;
mod follow;

use std::path::Path;
use std::time::Duration;

use flitch_epmd::backoff::Backoff;
use futures_util::future::join_all;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::kubernetes::access::Surroundings;
use crate::kubernetes::mirror::{Mirror, Seen};
use crate::kubernetes::names::{Found, Hosts};
use crate::naming::Naming;
use crate::{DiscoveryError, Kubernetes, Observation, Sightings, Strategy};

/// When EPMDs are asked again, after one of them did not answer.
const SOON: Duration = Duration::from_millis(250);

impl Strategy for Kubernetes {
    fn name(&self) -> &str {
        "Kubernetes"
    }

    async fn run(&self, sightings: Sightings) -> Result<(), DiscoveryError> {
        self.check()?;
        let variable = |name: &str| std::env::var(name).ok();
        let access = self.access(&Surroundings { variable: &variable, exists: &Path::exists })?;
        let voice = Voice {
            hosts: self
                .hosts(&self.domain(variable("CLUSTER_DOMAIN")), sightings.local().node.host()),
            naming: self.naming()?,
            interval: self.polling_interval,
            sightings,
        };
        let mirrors: Vec<_> = self
            .scopes(|| api::own_namespace(&access))?
            .into_iter()
            .map(|scope| {
                let (lookup, every) = (self.looks_up(), self.polling_interval);
                Mirror::new(scope, lookup, access.credentials(), every, super::chance)
            })
            .collect();
        let (tell, seen) = watch::channel(mirrors.iter().map(Mirror::seen).collect::<Vec<_>>());
        let tell = &tell;
        let following = mirrors.into_iter().enumerate().map(|(number, mirror)| {
            let show = move |now| {
                tell.send_modify(|all| {
                    all.splice(number..=number, [now]);
                });
            };
            follow::follow(mirror, &access, self.request_timeout, show)
        });
        tokio::select! {
            _ = join_all(following) => {}
            () = voice.speak(seen) => {}
        }
        Ok(())
    }
}

/// Makes observations of what the mirrors see.
struct Voice {
    hosts: Hosts,
    naming: Naming,
    interval: Duration,
    sightings: Sightings,
}

impl Voice {
    /// Tells each change, until no mirror is left.
    async fn speak(&self, mut seen: watch::Receiver<Vec<Seen>>) {
        let mut told = None;
        let mut soon = Backoff::new(SOON, self.interval, super::chance);
        loop {
            let now = seen.borrow_and_update().clone();
            if now.iter().any(|seen| seen.begun || !seen.addresses.is_empty()) {
                let observation = self.observe(&now).await;
                if told.as_ref() != Some(&observation) {
                    self.sightings.tell(observation.clone());
                    told = Some(observation);
                }
            }
            let changed = seen.changed();
            let gone = match self.naming {
                Naming::Basename(_) => changed.await.is_err(),
                // Who runs on a host changes without the API server, and a new pod has an address
                // before it has an EPMD.
                Naming::Learned(_) => {
                    let wait = if told.as_ref().is_some_and(Observation::is_complete) {
                        soon.reset();
                        self.interval
                    } else {
                        soon.next_wait()
                    };
                    matches!(timeout(wait, changed).await, Ok(Err(_)))
                }
            };
            if gone {
                return;
            }
        }
    }

    async fn observe(&self, seen: &[Seen]) -> Observation {
        let local = self.sightings.local();
        let Found { up, unready, problems } =
            self.hosts.of(seen.iter().flat_map(|seen| &seen.addresses));
        let mut observation = Observation { problems, ..Observation::default() };
        super::naming::name(&self.naming, up, local, &mut observation).await;
        let mut going = Observation::default();
        super::naming::name(&self.naming, unready, local, &mut going).await;
        observation.unready = going.peers;
        observation.problems.extend(going.problems);
        observation.problems.extend(seen.iter().flat_map(|seen| seen.problems.iter().cloned()));
        // EPMDs answer in any order, and the same trouble is to look the same.
        observation.problems.sort_by(|a, b| a.message.cmp(&b.message));
        observation
    }
}
