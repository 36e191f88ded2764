//! Where in a file a key is.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

/// The line of every key of a file, such as `topologies.beam.config.service`.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines(BTreeMap<String, usize>);

impl Lines {
    /// Those of a text; none, if it is no TOML.
    pub(super) fn of(text: &str) -> Self {
        let mut lines = Self::default();
        if let Ok(table) = DeTable::parse(text) {
            lines.add(text, "", table.get_ref());
        }
        lines
    }

    fn add(&mut self, text: &str, above: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let path = match above {
                "" => key.get_ref().to_string(),
                above => format!("{above}.{}", key.get_ref()),
            };
            self.0.insert(path.clone(), line(text, key.span().start));
            if let DeValue::Table(inner) = value.get_ref() {
                self.add(text, &path, inner);
            }
        }
    }

    /// The line of a key, or else of what it would be in. The key may be an element of an array:
    /// `node.bind[1]`.
    pub(super) fn line(&self, mut key: &str) -> Option<usize> {
        loop {
            if let Some(line) = self.0.get(key) {
                return Some(*line);
            }
            (key, _) = key.rsplit_once(['.', '['])?;
        }
    }
}

/// The line of an offset in bytes, from 1.
pub(super) fn line(text: &str, offset: usize) -> usize {
    text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count() + 1
}
