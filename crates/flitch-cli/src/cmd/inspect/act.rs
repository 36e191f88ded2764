//! `flitch gc` and `flitch kill`: what is done to one process.

use std::io::{BufRead, IsTerminal};

use flitch::Term;
use flitch::etf::text::Syntax;
use serde::Serialize;

use super::process::find;
use crate::args::{CommonArgs, Format, GcArgs, KillArgs, TargetArgs};
use crate::client::Client;
use crate::config::{self, Target};
use crate::failure::{Failure, Stage};
use crate::out;
use crate::out::table::bytes;
use crate::remote::processes::Process;
use crate::remote::{Remote, count};

#[derive(Serialize)]
struct Collected<'a> {
    node: &'a str,
    pid: &'a str,
    memory_bytes_before: u64,
    memory_bytes_after: u64,
}

#[derive(Serialize)]
struct Killed<'a> {
    node: &'a str,
    pid: &'a str,
    reason: &'a Term,
    /// Whether it was still there a moment later: it may trap the reason, or take its time.
    alive: bool,
}

/// Whose end is the end of the node.
const VITAL: [&str; 5] =
    ["init", "erl_prim_loader", "application_controller", "kernel_sup", "code_server"];

/// Collects the garbage of one process.
///
/// # Errors
/// There is no such process, or no connection.
pub(crate) async fn collect(args: GcArgs) -> Result<(), Failure> {
    let client = open(args.target, args.common).await?;
    let remote = Remote::new(&client, client.left());
    let (pid, process) = one(&remote, &args.process).await?;
    remote.call("erlang", "garbage_collect", std::slice::from_ref(&pid)).await?;
    let after = remote.call("erlang", "process_info", &[pid, Term::atom("memory")]).await?;
    let after = after.as_tuple().and_then(|pair| count(pair.get(1)?)).unwrap_or_default();
    let before = process.memory_bytes;
    match args.common.output {
        Format::Text => {
            let line = format!("{}: {} -> {}\n", process.pid, bytes(before), bytes(after));
            out::stdout(&line);
            Ok(())
        }
        Format::Json => out::json::answer(&Collected {
            node: client.target.as_str(),
            pid: &process.pid,
            memory_bytes_before: before,
            memory_bytes_after: after,
        }),
    }
}

/// Sends an exit signal to one process.
///
/// # Errors
/// There is no such process, no connection, or nobody said yes.
pub(crate) async fn kill(args: KillArgs) -> Result<(), Failure> {
    let reason = config::term(Syntax::Elixir, "the reason", &args.reason)?;
    let client = open(args.target, args.common).await?;
    let remote = Remote::new(&client, client.left());
    let (pid, process) = one(&remote, &args.process).await?;
    let name = process.name.as_deref().unwrap_or_default().trim_start_matches(':');
    if VITAL.contains(&name) || name.starts_with("erts_") {
        return Err(Failure::usage(format!(
            "without {name} there is no node: `flitch rpc {} init stop` ends it in order",
            client.target
        )));
    }
    let known = process.name.as_ref().or(process.initial_call.as_ref());
    let whom = format!("{} {}", process.pid, known.map_or("", String::as_str));
    if !args.yes {
        confirm(&format!("End {} on {}? [y/N] ", whom.trim_end(), client.target))?;
    }
    // However long the answer took, the question is asked anew.
    let remote = Remote::new(&client, client.timeout());
    remote.call("erlang", "exit", &[pid.clone(), reason.clone()]).await?;
    let alive = remote.call("erlang", "is_process_alive", &[pid]).await?.as_bool() == Some(true);
    match args.common.output {
        Format::Text => {
            let then = if alive { "still there: it may trap the reason" } else { "gone" };
            out::stdout(&format!("{}: {then}\n", process.pid));
            Ok(())
        }
        Format::Json => out::json::answer(&Killed {
            node: client.target.as_str(),
            pid: &process.pid,
            reason: &reason,
            alive,
        }),
    }
}

async fn open(target: TargetArgs, common: CommonArgs) -> Result<Client, Failure> {
    Client::open(Target::resolve(target)?, common).await
}

async fn one(remote: &Remote<'_>, process: &str) -> Result<(Term, Process), Failure> {
    let pid = find(remote, process).await?;
    let seen = remote.processes(std::slice::from_ref(&pid), Syntax::Elixir).await?;
    let gone = || Failure::new(Stage::Call, format!("{process} is not alive: no such process"));
    Ok((pid, seen.into_iter().next().ok_or_else(gone)?))
}

/// Asks the person at the terminal.
fn confirm(question: &str) -> Result<(), Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage("nobody can be asked here: give --yes if you mean it"));
    }
    out::stderr(question);
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    match (read, answer.trim()) {
        (Ok(_), "y" | "Y" | "yes") => Ok(()),
        _ => Err(Failure::new(Stage::Usage, "nothing was done")),
    }
}
