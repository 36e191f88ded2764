//! `flitch topology import`: topologies from the configuration of an Elixir release.

use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

use serde::Serialize;
use toml::Table;

use crate::args::{ImportArgs, ImportFormat, TopologyArgs, TopologyCommand};
use crate::failure::{Failure, Status};
use crate::import::{self, Import, Setting, Topology};
use crate::out;

/// No configuration that a person wrote is any larger.
const LARGEST: u64 = 1024 * 1024;

pub(crate) fn run(args: &TopologyArgs) -> Result<ExitCode, Failure> {
    match &args.command {
        TopologyCommand::Import(args) => import(args),
    }
}

fn import(args: &ImportArgs) -> Result<ExitCode, Failure> {
    let source = source(&args.file)?;
    let import = import::import(&source);
    if import.topologies.is_empty() && import.problems.is_empty() {
        return Err(Failure::usage(format!(
            "there is no topology in {}: libcluster's stand in config :libcluster, topologies: \
             [...] of config/config.exs or config/runtime.exs",
            named(&args.file)
        )));
    }
    match args.output {
        ImportFormat::Toml => {
            out::stdout(&import::toml(&import.topologies));
            for problem in &import.problems {
                let message = out::text::harmless(&problem.message);
                out::stderr(&format!("flitch: line {}: {message}\n", problem.line));
            }
        }
        ImportFormat::Json => out::json::answer(&Answer::of(&import))?,
    }
    match import.problems.is_empty() {
        true => Ok(ExitCode::SUCCESS),
        false => Ok(ExitCode::from(Status::Refused as u8)),
    }
}

/// The text in the file, or of standard input.
fn source(file: &Path) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let read = if is_stdin(file) {
        std::io::stdin().lock().take(LARGEST + 1).read_to_end(&mut bytes)
    } else {
        let opened = std::fs::File::open(file);
        opened.and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes))
    };
    let name = named(file);
    read.map_err(|error| Failure::usage(format!("cannot read {name}: {error}")))?;
    if bytes.len() as u64 > LARGEST {
        return Err(Failure::usage(format!(
            "{name} has more than a mebibyte: it is no config.exs"
        )));
    }
    String::from_utf8(bytes)
        .map_err(|_| Failure::usage(format!("{name} is no text in UTF-8, so no Elixir")))
}

fn is_stdin(file: &Path) -> bool {
    file == Path::new("-")
}

fn named(file: &Path) -> String {
    if is_stdin(file) { "standard input".to_owned() } else { file.display().to_string() }
}

#[derive(Serialize)]
struct Answer<'a> {
    topologies: serde_json::Map<String, serde_json::Value>,
    environment: Vec<Variable<'a>>,
    problems: Vec<Problem<'a>>,
}

/// What has to be set.
#[derive(Serialize)]
struct Variable<'a> {
    topology: &'a str,
    option: &'a str,
    /// None, if no variable can have the topology's name in it.
    variable: Option<String>,
    /// What it is called where this comes from.
    elixir: &'a str,
    /// Whether the option is as printed without it.
    has_default: bool,
}

#[derive(Serialize)]
struct Problem<'a> {
    line: usize,
    message: &'a str,
}

#[derive(Serialize)]
struct Printed<'a> {
    strategy: &'a str,
    config: Table,
}

impl<'a> Answer<'a> {
    fn of(import: &'a Import) -> Self {
        let printed = |topology: &'a Topology| {
            let printed = Printed { strategy: &topology.strategy, config: topology.table(false) };
            Some((topology.name.clone(), serde_json::to_value(printed).ok()?))
        };
        let problems = import.problems.iter();
        Self {
            topologies: import.topologies.iter().filter_map(printed).collect(),
            environment: import.topologies.iter().flat_map(variables).collect(),
            problems: problems.map(|it| Problem { line: it.line, message: &it.message }).collect(),
        }
    }
}

fn variables(topology: &Topology) -> impl Iterator<Item = Variable<'_>> {
    topology.options.iter().filter_map(|(option, setting)| {
        let (elixir, has_default) = match setting {
            Setting::Env(env) => (&env.variable, env.default.is_some()),
            Setting::Secret(Some(elixir)) => (elixir, false),
            _ => return None,
        };
        let (topology, variable) = (topology.name.as_str(), topology.variable(option));
        Some(Variable { topology, option, variable, elixir, has_default })
    })
}
