//! What flitch takes beside a BEAM, libei and the other Rust nodes.
//!
//!     make bench                     everything: bench/RESULTS.md, results.json and charts/
//!     make bench-quick               fewer rounds, smaller numbers
//!     bench --only link --to FOLDER  one group of rows: link, many, command-line, idle, discovery
//!
//! Machines are noisy: each round asks all peers in turn, and a ratio is taken within a round.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "a bench"
)]

mod machine;
mod measure;
mod peers;
mod proc;
mod report;
mod rows;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use machine::Machine;
use measure::Group;
use report::Report;
use rows::{Effort, command_line, discovery, idle, link, many};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

struct Options {
    effort: Effort,
    only: Option<String>,
    to: PathBuf,
    /// Benches of other crates, whose output is shown too.
    others: bool,
}

fn options() -> Result<Options> {
    let mut options = Options {
        effort: Effort { rounds: 9, work: 4 },
        only: None,
        to: PathBuf::from(env!("CARGO_MANIFEST_DIR")),
        others: true,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--quick" => options.effort = Effort { rounds: 3, work: 1 },
            "--only" => {
                options.only = Some(words.next().context("--only needs a group")?);
                options.others = false;
            }
            "--to" => options.to = words.next().context("--to needs a folder")?.into(),
            _ => bail!("{word:?} is none of --quick, --only GROUP, --to FOLDER"),
        }
    }
    Ok(options)
}

fn main() -> Result<()> {
    let options = options()?;
    // A thousand peers need as many descriptors, here and in those that are started here.
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
    let machine = Machine::here();
    let wanted = |name: &str| options.only.as_deref().is_none_or(|only| only == name);
    let mut groups: Vec<Group> = Vec::new();
    if wanted("link") {
        groups.extend(link::measure(options.effort));
    }
    if wanted("many") {
        groups.push(many::measure(options.effort));
    }
    if wanted("command-line") {
        groups.push(command_line::measure(options.effort));
    }
    if wanted("idle") {
        groups.push(idle::measure(options.effort));
    }
    if wanted("discovery") {
        groups.push(discovery::measure(options.effort));
    }
    if groups.is_empty() {
        bail!("there are the groups link, many, command-line, idle and discovery");
    }
    let quick = options.effort.work == 1;
    let printed = if options.others { others(quick)? } else { Vec::new() };
    println!("{}", Report { machine, groups, printed }.write(&options.to)?);
    println!("written to {}", options.to.join("RESULTS.md").display());
    Ok(())
}

/// What the codec's and the EPMD's own benches print.
fn others(quick: bool) -> Result<Vec<(&'static str, String)>> {
    let mut printed = Vec::new();
    for (title, package, bench) in
        [("Codec", "flitch-etf", "codec"), ("EPMD", "flitch-epmd", "epmd")]
    {
        eprintln!("{title}");
        let mut command = Command::new(env!("CARGO"));
        command.args(["bench", "--locked", "-p", package, "--bench", bench, "--"]);
        command.args(quick.then_some("--quick")).current_dir(env!("CARGO_MANIFEST_DIR"));
        let output = command.output().context("cargo does not run")?;
        if !output.status.success() {
            bail!("the bench of {package} failed:\n{}", String::from_utf8_lossy(&output.stderr));
        }
        printed.push((title, String::from_utf8_lossy(&output.stdout).into_owned()));
    }
    Ok(printed)
}
