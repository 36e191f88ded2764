//! From a text and variables to the sections.

use std::path::{Path, PathBuf};

use flitch_discovery::topology::{TopologyError, fields_of, nearest};
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use crate::config::environment::Environment;
use crate::config::error::{ConfigError, NO_COOKIE, Place};
use crate::config::place::{Lines, line};
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
    let source = Source { lines: Lines::of(text), file, environment };
    let node = table.get("node").and_then(Value::as_table);
    if node.is_some_and(|node| node.contains_key("cookie")) {
        // A file is copied, committed and mounted where many can read it.
        return Err(source.error("node.cookie", NO_COOKIE));
    }
    // Before a variable would be blamed for it.
    if let Some(section) = ["node", "http", "cluster"]
        .into_iter()
        .find(|section| table.get(*section).is_some_and(|value| !value.is_table()))
    {
        return Err(source.error(section, &format!("it is a section: write [{section}]")));
    }
    source.environment.lay_over(&mut table)?;
    let mut take = |section: &str| table.remove(section).unwrap_or(Value::Table(Table::new()));
    let (node, http, cluster) = (take("node"), take("http"), take("cluster"));
    let topologies = take("topologies");
    if let Some(key) = table.keys().next() {
        let message = "no such section: there are node, http, cluster and topologies";
        return Err(source.error(key, message));
    }
    let Value::Table(topologies) = topologies else {
        return Err(source.error("topologies", "write [topologies.NAME] with a strategy in it"));
    };
    let topologies = topologies.into_iter().map(|(name, section)| {
        let read = source.section::<TopologySection>(&format!("topologies.{name}"), section)?;
        Ok((name, read))
    });
    let (node, http) = (source.section("node", node)?, source.section("http", http)?);
    let cluster = source.section("cluster", cluster)?;
    let topologies = topologies.collect::<Result<_, ConfigError>>()?;
    Ok(Config { node, http, cluster, topologies, source })
}

/// Where what was read is written.
#[derive(Clone, Debug, Default)]
pub(super) struct Source {
    pub(super) file: Option<PathBuf>,
    pub(super) environment: Environment,
    lines: Lines,
}

impl Source {
    pub(super) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Where the value of a key is from, if it is written anywhere.
    pub(super) fn place(&self, key: &str) -> Place {
        let variable = self.environment.source(key).map(str::to_owned);
        let line = self.lines.line(key).filter(|_| variable.is_none());
        let file = self.file.clone().filter(|_| line.is_some());
        Place { file, line, variable, key: Some(key.to_owned()) }
    }

    pub(super) fn error(&self, key: &str, message: &str) -> ConfigError {
        ConfigError::at(self.place(key), message)
    }

    fn section<T: DeserializeOwned>(&self, name: &str, value: Value) -> Result<T, ConfigError> {
        let Value::Table(table) = value else {
            return Err(self.error(name, &format!("it is a section: write [{name}]")));
        };
        let fields = fields_of::<T>();
        if let Some(key) = table.keys().find(|key| !fields.contains(&key.as_str())) {
            let near = nearest(&key.replace('-', "_"), fields);
            let near = near.map_or(String::new(), |near| format!(": did you mean {near}?"));
            let there = fields.join(", ");
            let message = match near.is_empty() {
                true => format!("there is no such key. There are {there}"),
                false => format!("there is no such key{near} There are {there}"),
            };
            return Err(self.error(&format!("{name}.{key}"), &message));
        }
        if fields.contains(&"strategy") && !table.contains_key("strategy") {
            let message = "it has no strategy: write strategy = \"Kubernetes.DNS\" or another";
            return Err(self.error(name, message));
        }
        serde_path_to_error::deserialize(table).map_err(|error| {
            let key = match error.path().to_string().as_str() {
                "." => name.to_owned(),
                inner => format!("{name}.{inner}"),
            };
            // Somebody may have put the cookie itself there.
            let message = match key.as_str() {
                "node.cookie_file" => "write the path of a file in quotes",
                key if key.starts_with("node.peer_cookie_file") => {
                    "write it as { \"db@*\" = \"/run/secrets/db\" }"
                }
                _ => error.inner().message(),
            };
            self.error(&key, message)
        })
    }

    /// What is wrong with a topology.
    pub(super) fn topology_error(&self, name: &str, error: &TopologyError) -> ConfigError {
        let key = match error {
            TopologyError::Strategy { .. } | TopologyError::Off { .. } => "strategy".to_owned(),
            TopologyError::Value { key, .. } | TopologyError::Elixir { key, .. } => {
                format!("config.{key}")
            }
            TopologyError::Key { key, .. } => format!("config.{key}"),
            _ => "config".to_owned(),
        };
        self.error(&format!("topologies.{name}.{key}"), &error.to_string())
    }
}
