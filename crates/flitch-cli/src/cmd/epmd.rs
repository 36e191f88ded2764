//! `flitch epmd`: the port mapper in the place of the stock one, and questions to the one that runs.

mod ask;
mod detach;
mod listen;
mod serve;

use std::process::ExitCode;

use anyhow::Result;
use clap::CommandFactory;

use crate::args::Args;
use crate::epmd_args::{Action, Epmd, EpmdArgs, USAGE};
use crate::out;

/// Does what the line says. Its failures are told as the stock daemon tells them, with exit status
/// 1 for all of them.
pub(crate) fn run(args: &EpmdArgs) -> Result<ExitCode> {
    let epmd = match Epmd::read(&args.words, |name| std::env::var(name).ok()) {
        Ok(epmd) => epmd,
        Err(sentence) => {
            out::stderr(&format!("epmd: {sentence}\n{USAGE}"));
            return Ok(ExitCode::FAILURE);
        }
    };
    match &epmd.action {
        Action::Help => help(),
        Action::Serve if epmd.daemon && !detach::is_detached() => detach::start(),
        Action::Serve => serve::run(&epmd),
        question => ask::run(question, epmd.port),
    }
}

fn help() -> Result<ExitCode> {
    let mut command = Args::command();
    if let Some(epmd) = command.find_subcommand_mut("epmd") {
        out::stdout(&epmd.render_long_help().to_string());
    }
    Ok(ExitCode::SUCCESS)
}
