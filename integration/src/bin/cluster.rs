//! What `make cluster` runs: a whole cluster on this machine, and the scenarios that are proved in it.
//!
//! ```text
//! cluster [--list] [--only NAME]… [--away SECONDS] [--keep]
//! ```
//!
//! Each scenario is told of as it goes, with what it measured; the exit status is 1 if one failed.

// It talks to the person who started it.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use integration::lab::Lab;
use integration::lab::enter::enter;
use integration::lab::scenarios::{self, Outcome, Scenario};

const USAGE: &str = "cluster [--list] [--only NAME]… [--away SECONDS] [--keep]";

fn main() -> ExitCode {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(why) => {
            eprintln!("{why}\nusage: {USAGE}");
            return ExitCode::from(2);
        }
    };
    if options.list {
        for Scenario { name, proves, .. } in scenarios::all() {
            println!("{name:24} {proves}");
        }
        return ExitCode::SUCCESS;
    }
    let parts = match enter() {
        Ok(parts) => parts,
        Err(why) => {
            eprintln!("make cluster: {why}");
            return ExitCode::FAILURE;
        }
    };
    // A scenario fails by a panic whose words are enough.
    std::panic::set_hook(Box::new(|panic| eprintln!("{panic}")));
    let began = Instant::now();
    let lab = Lab::start(&parts);
    println!("The cluster is up after {:.1} s.", began.elapsed().as_secs_f64());
    let mut failed = Vec::new();
    for scenario in options.scenarios {
        let Outcome { took, report, failure } = scenarios::play(&lab, &scenario, options.away);
        let verdict = if failure.is_some() { "FAILED" } else { "ok" };
        println!("{verdict:6} {:24} {:5.1} s   {report}", scenario.name, took.as_secs_f64());
        if let Some(logs) = failure {
            eprintln!("{logs}");
            failed.push(scenario.name);
            if options.keep {
                break;
            }
        }
    }
    if options.keep {
        keep(&lab);
    }
    drop(lab);
    let seconds = began.elapsed().as_secs_f64();
    if failed.is_empty() {
        println!("All of it happened, in {seconds:.1} s.");
        return ExitCode::SUCCESS;
    }
    eprintln!("failed: {}", failed.join(", "));
    ExitCode::FAILURE
}

struct Options {
    list: bool,
    keep: bool,
    away: Duration,
    scenarios: Vec<Scenario>,
}

impl Options {
    fn read(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let (mut list, mut keep, mut away, mut only) =
            (false, false, Duration::from_secs(60), Vec::new());
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--list" => list = true,
                "--keep" => keep = true,
                "--away" => {
                    let seconds = args.next().and_then(|seconds| seconds.parse().ok());
                    away = Duration::from_secs(seconds.ok_or("--away wants seconds")?);
                }
                "--only" => only.push(args.next().ok_or("--only wants a name")?),
                other => return Err(format!("{other} is no option")),
            }
        }
        let mut scenarios = scenarios::all();
        if let Some(name) = only.iter().find(|name| !scenarios.iter().any(|it| it.name == **name)) {
            return Err(format!("{name} is no scenario: --list names them"));
        }
        scenarios
            .retain(|scenario| only.is_empty() || only.iter().any(|name| name == scenario.name));
        Ok(Self { list, keep, away, scenarios })
    }
}

/// Says how to look around, and waits for a line on standard input.
fn keep(lab: &Lab) {
    let pid = std::process::id();
    println!("It is kept until you press Enter. From another terminal:");
    println!(
        "    nsenter --target {pid} --net --mount {} get pods -A",
        lab.world.plane.api.command_line()
    );
    let _ = std::io::stdin().read_line(&mut String::new());
}
