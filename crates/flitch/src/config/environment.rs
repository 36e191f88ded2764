//! What the environment says over a file.

use std::collections::BTreeMap;

use toml::{Table, Value};

use crate::config::error::ConfigError;

/// The variables that a configuration may be in.
#[derive(Clone, Default)]
pub(crate) struct Environment(BTreeMap<String, String>);

/// The variables of other programs that count here, and the keys that they stand for.
const OTHERS: [(&str, &[&str]); 2] =
    [("RELEASE_NODE", &["node", "name"]), ("ERL_DIST_PORT", &["node", "dist_port"])];

const PREFIX: &str = "FLITCH_";
const SECTIONS: [&str; 4] = ["node", "http", "cluster", "topologies"];

impl Environment {
    /// Keeps what may be meant. A variable that is set to nothing is none.
    pub(crate) fn of(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        const PLAIN: [&str; 3] = ["POD_IP", "RELEASE_COOKIE", "NODE_COOKIE"];
        let is_ours = |name: &str| {
            name.starts_with(PREFIX)
                || PLAIN.contains(&name)
                || OTHERS.iter().any(|(other, _)| *other == name)
        };
        Self(
            variables
                .into_iter()
                .filter(|(name, value)| is_ours(name) && !value.is_empty())
                .collect(),
        )
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Where the file is.
    pub(crate) fn file(&self) -> Option<&str> {
        self.get("FLITCH_CONFIG")
    }

    /// Puts the variables over what the file says.
    ///
    /// # Errors
    /// A variable stands for no key.
    pub(crate) fn lay_over(&self, table: &mut Table) -> Result<(), ConfigError> {
        for (variable, path) in OTHERS {
            if let Some(value) = self.get(variable) {
                put(table, path, Value::String(value.to_owned()), variable)?;
            }
        }
        for (variable, value) in &self.0 {
            // Kubernetes sets FLITCH_SERVICE_HOST and its like in every pod beside a service that
            // is named so; those have no two underscores in a row.
            let Some(key) = variable.strip_prefix(PREFIX).filter(|key| key.contains("__")) else {
                continue;
            };
            let lower = key.to_lowercase();
            let path: Vec<_> = lower.split("__").collect();
            if !path.first().is_some_and(|section| SECTIONS.contains(section)) || path.contains(&"")
            {
                let message = format!(
                    "stands for no key: a variable is {PREFIX}, one of NODE, HTTP, CLUSTER and \
                     TOPOLOGIES, and the key in it, with two underscores between them"
                );
                return Err(ConfigError::variable(variable, &message));
            }
            put(table, &path, parsed(&path, value), variable)?;
        }
        Ok(())
    }

    /// The variable that a key has its value from, if it is one.
    pub(crate) fn source(&self, key: &str) -> Option<&str> {
        let key = key.to_lowercase();
        let stands_for = |variable: &&String| {
            let path = variable.strip_prefix(PREFIX).map(|it| it.to_lowercase().replace("__", "."));
            path.is_some_and(|path| {
                key.strip_prefix(&path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            })
        };
        let ours = self.0.keys().find(stands_for).map(String::as_str);
        let is_other =
            |(name, path): &&(&str, &[&str])| path.join(".") == key && self.get(name).is_some();
        ours.or_else(|| OTHERS.iter().find(is_other).map(|(name, _)| *name))
    }
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // There are cookies among the values.
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// A value of TOML, if it is one; a name, or a secret, is always text.
fn parsed(path: &[&str], text: &str) -> Value {
    let is_text = path.last().is_some_and(|key| matches!(*key, "name" | "secret" | "strategy"));
    let read = || format!("value = {text}").parse::<Table>().ok()?.remove("value");
    match if is_text { None } else { read() } {
        None | Some(Value::Datetime(_)) => Value::String(text.to_owned()),
        Some(value) => value,
    }
}

/// Keys that are there already are found in any case: the names of topologies have capitals.
fn put(table: &mut Table, path: &[&str], value: Value, variable: &str) -> Result<(), ConfigError> {
    let Some((key, rest)) = path.split_first() else { return Ok(()) };
    let known = table.keys().find(|known| known.to_lowercase() == *key).cloned();
    let key = known.unwrap_or_else(|| (*key).to_owned());
    if rest.is_empty() {
        table.insert(key, value);
        return Ok(());
    }
    match table.entry(key.clone()).or_insert_with(|| Value::Table(Table::new())) {
        Value::Table(inner) => put(inner, rest, value, variable),
        _ => Err(ConfigError::variable(variable, &format!("{key} holds no further keys"))),
    }
}
