//! From a text and variables to the sections.

use std::path::PathBuf;

use serde::de::DeserializeOwned;
use toml::{Table, Value};

use crate::config::environment::Environment;
use crate::config::error::{ConfigError, Place};
use crate::config::place::{line, line_of};
use crate::config::{Config, TopologySection};

/// Reads a configuration.
pub(super) fn read(
    text: &str,
    file: Option<PathBuf>,
    environment: Environment,
) -> Result<Config, ConfigError> {
    let mut table: Table = toml::from_str(text).map_err(|error| {
        // Never the line itself: a secret may stand in it.
        let line = error.span().map(|span| line(text, span.start));
        ConfigError::at(Place { file: file.clone(), line, ..Place::default() }, error.message())
    })?;
    refuse_cookies(&table, text, file.as_ref())?;
    environment.lay_over(&mut table)?;
    let reading = Reading { text, file: file.as_ref(), environment: &environment };
    let mut take = |section: &str| table.remove(section).unwrap_or(Value::Table(Table::new()));
    let (node, http, cluster) = (take("node"), take("http"), take("cluster"));
    let topologies = take("topologies");
    if let Some(key) = table.keys().next() {
        let message = "no such section: there are node, http, cluster and topologies";
        return Err(reading.error(key, message));
    }
    let Value::Table(topologies) = topologies else {
        return Err(reading.error("topologies", "write [topologies.NAME] with a strategy in it"));
    };
    let topologies = topologies.into_iter().map(|(name, section)| {
        let read = reading.section::<TopologySection>(&format!("topologies.{name}"), section)?;
        Ok((name, read))
    });
    let (node, http) = (reading.section("node", node)?, reading.section("http", http)?);
    let cluster = reading.section("cluster", cluster)?;
    let topologies = topologies.collect::<Result<_, ConfigError>>()?;
    Ok(Config { node, http, cluster, topologies, file, environment })
}

struct Reading<'a> {
    text: &'a str,
    file: Option<&'a PathBuf>,
    environment: &'a Environment,
}

impl Reading<'_> {
    fn section<T: DeserializeOwned>(&self, name: &str, value: Value) -> Result<T, ConfigError> {
        serde_path_to_error::deserialize(value).map_err(|error| {
            let path = match error.path().to_string().as_str() {
                "." => name.to_owned(),
                inner => format!("{name}.{inner}"),
            };
            self.error(&path, error.inner().message())
        })
    }

    fn error(&self, key: &str, message: &str) -> ConfigError {
        let variable = self.environment.source(key).map(str::to_owned);
        let line = line_of(self.text, key).filter(|_| variable.is_none());
        let place = Place { file: self.file.cloned(), line, variable, key: Some(key.to_owned()) };
        ConfigError::at(place, message)
    }
}

impl Config {
    /// What is wrong with a topology, with the place where it is written.
    pub(super) fn topology_error(
        &self,
        name: &str,
        error: &flitch_discovery::topology::TopologyError,
    ) -> ConfigError {
        let key = format!("topologies.{name}");
        let variable = self.environment.source(&key).map(str::to_owned);
        let place = Place { file: self.file.clone(), line: None, variable, key: Some(key) };
        ConfigError::at(place, &error.to_string())
    }
}

/// A file is copied, committed and mounted where many can read it.
fn refuse_cookies(table: &Table, text: &str, file: Option<&PathBuf>) -> Result<(), ConfigError> {
    let node = table.get("node").and_then(Value::as_table);
    if !node.is_some_and(|node| node.contains_key("cookie")) {
        return Ok(());
    }
    let (key, line) = ("node.cookie".to_owned(), line_of(text, "node.cookie"));
    let place = Place { file: file.cloned(), line, key: Some(key), ..Place::default() };
    Err(ConfigError::at(
        place,
        "a cookie does not belong into a configuration: put it into a file that only you can read, \
         and give cookie_file, or set RELEASE_COOKIE",
    ))
}
