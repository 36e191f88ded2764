//! What the environment says over a file.

use std::collections::BTreeMap;

use flitch_discovery::topology::fields_of;
use toml::{Table, Value};

use crate::config::error::{ConfigError, NO_COOKIE, Place};
use crate::config::{ClusterSection, HttpSection, NodeSection};

/// The variables that a configuration may be in.
#[derive(Clone, Default)]
pub(super) struct Environment(BTreeMap<String, String>);

/// The variables of other programs that count here, and the keys that they stand for. Ours are
/// stronger.
const OTHERS: [(&str, &[&str]); 2] =
    [("RELEASE_NODE", &["node", "name"]), ("ERL_DIST_PORT", &["node", "dist_port"])];

/// Variables that stand for no key.
const PLAIN: [&str; 3] = ["POD_IP", "RELEASE_COOKIE", "NODE_COOKIE"];

const PREFIX: &str = "FLITCH_";
const SECTIONS: [&str; 4] = ["node", "http", "cluster", "topologies"];

impl Environment {
    /// Keeps what may be meant. A variable that is set to nothing is none.
    pub(super) fn of(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let is_ours = |name: &str| {
            name.starts_with(PREFIX)
                || PLAIN.contains(&name)
                || OTHERS.iter().any(|(other, _)| *other == name)
        };
        let variables = variables.into_iter();
        Self(variables.filter(|(name, value)| is_ours(name) && !value.is_empty()).collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Where the file is.
    pub(super) fn file(&self) -> Option<&str> {
        self.get("FLITCH_CONFIG")
    }

    /// Puts the variables over what the file says.
    ///
    /// # Errors
    /// A variable stands for no key.
    pub(super) fn lay_over(&self, table: &mut Table) -> Result<(), ConfigError> {
        for (variable, path) in OTHERS {
            if let Some(value) = self.get(variable) {
                put(table, path, Value::String(value.to_owned()), variable)?;
            }
        }
        for (variable, value) in &self.0 {
            let Some(key) = variable.strip_prefix(PREFIX).map(str::to_lowercase) else { continue };
            if !key.contains("__") {
                refuse_slip(variable, &key)?;
                continue;
            }
            let path: Vec<_> = key.split("__").collect();
            match path.as_slice() {
                ["node", "cookie"] => return Err(refused(variable, NO_COOKIE)),
                ["topologies", ..] if !path.contains(&"") => {}
                [section, _] if SECTIONS.contains(section) && !path.contains(&"") => {}
                _ => {
                    let message = "stands for no key: a variable is FLITCH_NODE__, FLITCH_HTTP__, \
                                   FLITCH_CLUSTER__ or FLITCH_TOPOLOGIES__NAME__, and the key in it";
                    return Err(refused(variable, message));
                }
            }
            put(table, &path, parsed(&path, value), variable)?;
        }
        Ok(())
    }

    /// The variable that a key has its value from, if it is one.
    pub(super) fn source(&self, key: &str) -> Option<&str> {
        let key = alike(key);
        let stands_for = |variable: &&String| {
            let path = variable.strip_prefix(PREFIX).map(|it| alike(&it.replace("__", ".")));
            path.and_then(|path| key.strip_prefix(&path))
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        // The longest says it last.
        let ours = self.0.keys().filter(stands_for).max_by_key(|it| it.len()).map(String::as_str);
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

/// One underscore where two should be, or no section. Everything else without two underscores is
/// not ours: Kubernetes sets `FLITCH_SERVICE_HOST` and its like in every pod beside a service that
/// is named so.
fn refuse_slip(variable: &str, key: &str) -> Result<(), ConfigError> {
    if key == "cookie" || key == "node_cookie" {
        return Err(refused(variable, NO_COOKIE));
    }
    let sections = [
        ("node", fields_of::<NodeSection>()),
        ("http", fields_of::<HttpSection>()),
        ("cluster", fields_of::<ClusterSection>()),
    ];
    for (section, fields) in sections {
        let inner = key.strip_prefix(section).and_then(|rest| rest.strip_prefix('_'));
        if let Some(field) = fields.iter().find(|field| **field == inner.unwrap_or(key)) {
            let meant = format!("{PREFIX}{section}__{field}").to_uppercase();
            return Err(refused(variable, &format!("stands for no key: write {meant}")));
        }
    }
    let rest = key.strip_prefix("topologies_");
    if rest.is_some_and(|rest| rest.ends_with("_strategy") || rest.contains("_config_")) {
        let message = "stands for no key: write FLITCH_TOPOLOGIES__NAME__STRATEGY, and \
                       FLITCH_TOPOLOGIES__NAME__CONFIG__ before an option";
        return Err(refused(variable, message));
    }
    Ok(())
}

fn refused(variable: &str, message: &str) -> ConfigError {
    ConfigError::at(Place { variable: Some(variable.to_owned()), ..Place::default() }, message)
}

/// A value of TOML, if it is one; a name, or a secret, is always text.
fn parsed(path: &[&str], text: &str) -> Value {
    let is_text = path.last().is_some_and(|key| {
        matches!(*key, "name" | "secret" | "strategy") || key.ends_with("_file")
    });
    match text.parse() {
        Err(_) | Ok(Value::Datetime(_)) => Value::String(text.to_owned()),
        // `nan` and `inf` are words here.
        Ok(Value::Float(number)) if !number.is_finite() => Value::String(text.to_owned()),
        Ok(Value::String(text)) => Value::String(text),
        Ok(Value::Table(table)) => Value::Table(table),
        Ok(_) if is_text => Value::String(text.to_owned()),
        Ok(value) => value,
    }
}

/// Keys that are there already are found in any case, and with dashes: a variable can have neither
/// where the name of a topology can.
fn put(table: &mut Table, path: &[&str], value: Value, variable: &str) -> Result<(), ConfigError> {
    let Some((key, rest)) = path.split_first() else { return Ok(()) };
    let known = table.keys().find(|known| alike(known) == *key).cloned();
    let key = known.unwrap_or_else(|| (*key).to_owned());
    if rest.is_empty() {
        table.insert(key, value);
        return Ok(());
    }
    match table.entry(key.clone()).or_insert_with(|| Value::Table(Table::new())) {
        Value::Table(inner) => put(inner, rest, value, variable),
        _ => Err(refused(variable, &format!("{key} holds no further keys"))),
    }
}

/// A key as a variable would have it, in small letters.
fn alike(key: &str) -> String {
    key.to_lowercase().replace('-', "_")
}
