//! `Rancher`: asks the metadata service.

use crate::naming::{Naming, Place};
use crate::rancher::{Rancher, containers};
use crate::{DiscoveryError, Local, Observation, Problem, Sightings, Strategy};

use super::naming::name;
use super::{Source, http, keep_asking};

impl Strategy for Rancher {
    fn name(&self) -> &str {
        "Rancher"
    }

    async fn run(&self, sightings: Sightings) -> Result<(), DiscoveryError> {
        self.check()?;
        let metadata = Metadata { url: self.url(), naming: self.naming()? };
        keep_asking(metadata, self.polling_interval, &sightings).await
    }
}

struct Metadata {
    url: String,
    naming: Naming,
}

impl Source for Metadata {
    async fn ask(&mut self, local: &Local) -> Observation {
        let mut seen = Observation::default();
        let page = http::get(&self.url).await;
        let page = page.map_err(|said| DiscoveryError::new(Problem::Api, said));
        match page.and_then(|page| containers(&page)) {
            Ok(addresses) => {
                let places = addresses.into_iter().map(Place::at).collect();
                name(&self.naming, places, local, &mut seen).await;
            }
            Err(error) => seen.problems.push(error),
        }
        seen
    }
}

#[cfg(test)]
#[path = "rancher/tests.rs"]
mod tests;
