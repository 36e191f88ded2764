//! What stands behind `--` on the command line: `[--quick] [--json FOLDER] [SHAPE…]`. Cargo runs a
//! bench in its crate's folder, so that is where a relative FOLDER is.

use std::path::PathBuf;

use serde::Serialize;

use crate::shapes::{self, Shape};

#[derive(Default)]
pub(crate) struct Options {
    /// Few and short rounds: shows that all works, and not how fast.
    pub(crate) quick: bool,
    json: Option<PathBuf>,
    names: Vec<String>,
}

impl Options {
    pub(crate) fn read() -> Result<Self, String> {
        let mut options = Self::default();
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                // What `cargo bench` adds.
                "--bench" => {}
                "--quick" => options.quick = true,
                "--json" => {
                    let folder = arguments.next().ok_or("--json wants a folder")?;
                    options.json = Some(folder.into());
                }
                option if option.starts_with('-') => {
                    let known = "[--quick] [--json FOLDER] [SHAPE…]";
                    return Err(format!("there is no option {option}: {known}"));
                }
                _ => options.names.push(argument),
            }
        }
        Ok(options)
    }

    /// The shapes that are asked for: all if none is named.
    pub(crate) fn shapes(&self) -> Result<Vec<Shape>, String> {
        let mut all = shapes::all();
        let known: Vec<_> = all.iter().map(|shape| shape.name).collect();
        if let Some(unknown) = self.names.iter().find(|name| !known.contains(&name.as_str())) {
            return Err(format!("there is no shape {unknown}, there are {}", known.join(", ")));
        }
        let named = |shape: &Shape| self.names.iter().any(|name| name == shape.name);
        all.retain(|shape| self.names.is_empty() || named(shape));
        Ok(all)
    }

    /// Writes what a program is to read, if a folder is named.
    pub(crate) fn write(&self, name: &str, report: &impl Serialize) -> Result<(), String> {
        let Some(folder) = &self.json else { return Ok(()) };
        let file = folder.join(name);
        let text = serde_json::to_string_pretty(report).map_err(|error| error.to_string())?;
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(&file, text + "\n"))
            .map_err(|error| format!("{}: {error}", file.display()))
    }
}
