//! The commands, one a file: `run` takes what clap read and prints what came of it.

mod call;
mod context;
mod discover;
mod doctor;
mod epmd;
mod erl_call;
mod eval;
mod inspect;
mod manual;
mod many;
mod names;
mod node;
mod ping;
mod remsh;
mod rpc;
mod send;
mod topology;

use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::args::{Args, Command};
use crate::failure::Failure;

/// Runs a command to its end.
///
/// # Errors
/// A [`Failure`], or what keeps this program from doing anything.
pub(crate) fn run(args: Args) -> Result<ExitCode> {
    match args.command {
        Command::Node(args) => return node::run(args),
        Command::Epmd(args) => return epmd::run(&args),
        Command::ErlCall(args) => return ask(erl_call::run(args)),
        Command::Discover(args) => return ask(discover::run(args)),
        Command::Completions(args) => {
            manual::completions(&args);
            Ok(())
        }
        Command::Man(args) => Ok(manual::pages(&args)?),
        Command::Topology(args) => return Ok(topology::run(&args)?),
        Command::Context(args) => return Ok(context::run(&args)?),
        Command::Doctor(args) => return ask(doctor::run(args)),
        Command::Ping(args) => ask(ping::run(args)),
        Command::Names(args) => ask(names::run(args)),
        Command::Eval(args) => return ask(eval::run(args)),
        Command::Remsh(args) => return ask(remsh::run(args)),
        Command::Rpc(args) => return ask(rpc::run(args)),
        Command::Call(args) => ask(call::run(args)),
        Command::Send(args) => ask(send::run(args)),
        Command::Apps(args) => ask(inspect::apps::run(args)),
        Command::Ets(args) => ask(inspect::ets::run(args)),
        Command::Gc(args) => ask(inspect::act::collect(args)),
        Command::Global(args) => ask(inspect::global::run(args)),
        Command::Info(args) => ask(inspect::info::run(args)),
        Command::Inspect(args) => ask(inspect::process::run(args)),
        Command::Kill(args) => ask(inspect::act::kill(args)),
        Command::Memory(args) => ask(inspect::memory::run(args)),
        Command::Nodes(args) => ask(inspect::nodes::run(args)),
        Command::Pg(args) => ask(inspect::pg::run(args)),
        Command::Ports(args) => ask(inspect::ports::run(args)),
        Command::Ps(args) => ask(inspect::ps::run(args)),
        Command::Tree(args) => ask(inspect::tree::run(args)),
    }?;
    Ok(ExitCode::SUCCESS)
}

/// Runs a question on this thread alone: it waits most of the time, and starts sooner so.
fn ask<T>(question: impl Future<Output = Result<T, Failure>>) -> Result<T> {
    crate::log::start_if_wanted()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("cannot start")?;
    let done = runtime.block_on(question);
    // A look-up that is still under way in the resolver is not waited for.
    runtime.shutdown_background();
    Ok(done?)
}
