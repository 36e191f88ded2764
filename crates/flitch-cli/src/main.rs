//! The `flitch` command: a node in a BEAM cluster, and questions to the other nodes.
//!
//! The path of a command: [`args`] as typed, [`config`] as meant, [`cmd`] does it, [`out`] prints
//! what came of it, or the [`failure`] with its stage and exit status.

mod args;
mod client;
mod cmd;
mod config;
mod contexts;
mod deadline;
mod discover;
mod doctor;
mod epmd_args;
mod erl_call;
mod failure;
mod http;
mod import;
mod limits;
mod log;
mod out;
mod reach;
mod remote;
mod server;
mod shell;
mod syslog;
mod topologies;

use std::process::ExitCode;

use crate::failure::Failure;

fn main() -> ExitCode {
    let line = epmd_args::line(std::env::args_os().collect());
    let format = args::output_format(&line);
    match args::parse(&line).and_then(cmd::run) {
        Ok(status) => status,
        Err(error) => Failure::of(error).report(format),
    }
}
