//! `Epmd`, which says its list once, and `LocalEpmd`, which asks the EPMD of this host.

use flitch_name::NodePattern;

use crate::epmd::{Epmd, LocalEpmd, here};
use crate::naming::learned;
use crate::{DiscoveryError, Local, Observation, Sightings, Strategy};

use super::naming::{names, problem};
use super::{Source, keep_asking};

impl Strategy for Epmd {
    fn name(&self) -> &str {
        "Epmd"
    }

    async fn run(&self, sightings: Sightings) -> Result<(), DiscoveryError> {
        sightings.complete(self.hosts.iter().cloned());
        Ok(())
    }
}

impl Strategy for LocalEpmd {
    fn name(&self) -> &str {
        "LocalEpmd"
    }

    async fn run(&self, sightings: Sightings) -> Result<(), DiscoveryError> {
        let here = Here(self.node_pattern.clone());
        keep_asking(here, self.polling_interval, &sightings).await
    }
}

/// The EPMD of this host, and which of its nodes are meant.
struct Here(Option<NodePattern>);

impl Source for Here {
    async fn ask(&mut self, local: &Local) -> Observation {
        let place = here(&local.node);
        match names(&place, local.epmd_port).await {
            Ok(answer) => Observation {
                peers: learned(&place.host, &answer, self.0.as_ref()),
                ..Observation::default()
            },
            Err(error) => Observation { problems: vec![problem(&error)], ..Observation::default() },
        }
    }
}
