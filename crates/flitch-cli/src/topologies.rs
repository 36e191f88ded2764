//! The topologies of a configuration, and the strategies that they name.

use std::path::Path;

use flitch::discovery::topology::TopologyError;
use flitch::discovery::{AnyStrategy, topology};
use flitch::{Config, ConfigError, Topology};
use toml::Table;

use crate::failure::Failure;

/// A topology that can be asked.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) strategy: AnyStrategy,
}

/// The strategy that libcluster calls `name`, with these options.
///
/// # Errors
/// Says in words which option cannot work, and what is allowed.
pub(crate) fn strategy(name: &str, config: Table) -> Result<AnyStrategy, TopologyError> {
    topology::strategy(name, config)
}

/// The topologies of the configuration that `flitch node` would take, in their order.
///
/// # Errors
/// What is wrong with the configuration, and what is allowed.
pub(crate) fn configured(file: Option<&Path>) -> Result<Vec<Named>, Failure> {
    let config = Config::load(file).map_err(|error: ConfigError| Failure::from(&error))?;
    let topologies = config.topologies().map_err(|error| Failure::from(&error))?;
    let named = |topology: Topology| Named {
        name: topology.name().to_owned(),
        strategy: topology.strategy().clone(),
    };
    Ok(topologies.into_iter().map(named).collect())
}

/// The name that `flitch node` would have by the configuration, as it is written there.
///
/// # Errors
/// What is wrong with the configuration, and what is allowed.
pub(crate) fn own_name(file: Option<&Path>) -> Result<Option<String>, Failure> {
    let config = Config::load(file).map_err(|error: ConfigError| Failure::from(&error))?;
    Ok(config.node.name.filter(|name| !name.is_empty()))
}
