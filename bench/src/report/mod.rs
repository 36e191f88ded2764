//! What was measured, for readers: a table in Markdown, the numbers in JSON, and charts.

mod chart;
mod table;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::machine::Machine;
use crate::measure::Group;

/// One run.
#[derive(Serialize)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) groups: Vec<Group>,
    /// What other benches printed, under a title.
    pub(crate) printed: Vec<(&'static str, String)>,
}

impl Report {
    /// Writes `RESULTS.md`, `results.json` and `charts/`, and gives the text of the first.
    ///
    /// # Errors
    /// A file cannot be written, or a chart cannot be drawn.
    pub(crate) fn write(&self, folder: &Path) -> Result<String> {
        let charts = folder.join("charts");
        fs::create_dir_all(&charts).with_context(|| format!("cannot make {}", charts.display()))?;
        let mut drawn = Vec::new();
        for group in &self.groups {
            let file = format!("{}.svg", group.title.to_lowercase().replace(' ', "-"));
            if chart::draw(group, &charts.join(&file))? {
                drawn.push((group.title, format!("charts/{file}")));
            }
        }
        let put = |name: &str, text: &str| {
            let path = folder.join(name);
            fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
        };
        let text = table::markdown(self, &drawn);
        put("RESULTS.md", &text)?;
        put("results.json", &(serde_json::to_string_pretty(self)? + "\n"))?;
        Ok(text)
    }
}
