//! The command line as it was typed: clap's types, and nothing resolved yet.

mod ask;
mod common;
mod context;
mod discover;
mod doctor;
mod inspect;
mod manual;
mod node;
mod shell;

use std::ffi::OsString;

use anyhow::Result;
use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

use crate::epmd_args::EpmdArgs;
use crate::erl_call::ErlCallArgs;
use crate::failure::{Failure, Stage};

pub(crate) use ask::{CallArgs, NamesArgs, PingArgs, RpcArgs, SendArgs};
pub(crate) use common::{CommonArgs, Format, SyntaxArgs, TargetArgs, View, ViewArgs};
pub(crate) use context::{ContextArgs, ContextCommand, ContextSetArgs};
pub(crate) use discover::{DiscoverArgs, ImportArgs, ImportFormat, TopologyArgs, TopologyCommand};
pub(crate) use doctor::DoctorArgs;
pub(crate) use inspect::{
    AppsArgs, EtsArgs, GcArgs, GlobalArgs, InfoArgs, InspectArgs, KillArgs, MemoryArgs, NodesArgs,
    PgArgs, PortsArgs, PsArgs, SortArg, TreeArgs,
};
pub(crate) use manual::{CompletionsArgs, ManArgs};
pub(crate) use node::{EpmdArg, NodeArgs};
pub(crate) use shell::{EvalArgs, ManyArgs, RemshArgs};

/// A node of Rust in a cluster of BEAMs, and questions to the nodes of the cluster.
#[derive(Debug, Parser)]
#[command(name = "flitch", version, arg_required_else_help = true, after_help = AFTER_HELP)]
#[command(subcommand_required = true, disable_help_subcommand = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const AFTER_HELP: &str = "\
The cookie comes from --cookie-file, else RELEASE_COOKIE, else NODE_COOKIE, else ~/.erlang.cookie.

Exit status: 0 done, 1 the other side said no, 2 usage, 3 no connection, 4 timeout.

Examples:
  flitch node --name worker@127.0.0.1          a node until SIGTERM or Ctrl-C
  flitch ping app@127.0.0.1
  flitch rpc app@127.0.0.1 String upcase '\"abc\"'
  flitch eval app@127.0.0.1 'Enum.sum(1..10)'
  flitch remsh app@127.0.0.1                   a shell on that node
  flitch call app@127.0.0.1 Shop.Desk ':status'
  flitch info app@127.0.0.1                    how the node is
  flitch ps app@127.0.0.1 --sort messages      its processes with the longest queues
  flitch doctor app@127.0.0.1                  why it cannot be reached, and what to change
  flitch discover --strategy LocalEpmd         whom a strategy would find
  flitch epmd -daemon                          in the place of the stock epmd";

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Node(NodeArgs),
    Ping(PingArgs),
    Names(NamesArgs),
    Rpc(RpcArgs),
    Eval(EvalArgs),
    Remsh(RemshArgs),
    Call(CallArgs),
    Send(SendArgs),
    Apps(AppsArgs),
    Ets(EtsArgs),
    Gc(GcArgs),
    Global(GlobalArgs),
    Info(InfoArgs),
    Inspect(InspectArgs),
    Kill(KillArgs),
    Memory(MemoryArgs),
    Nodes(NodesArgs),
    Pg(PgArgs),
    Ports(PortsArgs),
    Ps(PsArgs),
    Tree(TreeArgs),
    Doctor(DoctorArgs),
    Context(ContextArgs),
    Discover(DiscoverArgs),
    Topology(TopologyArgs),
    Epmd(EpmdArgs),
    #[command(name = "erl_call")]
    ErlCall(ErlCallArgs),
    Completions(CompletionsArgs),
    Man(ManArgs),
}

/// Reads the command line. Help and the version are printed at once, and end the program.
///
/// # Errors
/// [`Stage::Usage`], with clap's explanation.
pub(crate) fn parse(line: &[OsString]) -> Result<Args> {
    if has_cookie(line) {
        let message = "a cookie on the command line can be read by every user of this machine: put \
                       it into a file that only you can read, and give --cookie-file FILE or set \
                       RELEASE_COOKIE";
        return Err(Failure::usage(message).into());
    }
    Args::try_parse_from(line).map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => error.exit(),
        _ if output_format(line) == Format::Text => error.exit(),
        _ => {
            let said = error.to_string();
            let said = said.split("\n\n").next().unwrap_or_default();
            Failure::new(Stage::Usage, said.trim_start_matches("error: ").trim()).into()
        }
    })
}

/// Whether somebody typed a cookie, in the belief that there is an option for it. Looked for
/// before anything else, because an explanation of what is wrong with the line would repeat it.
fn has_cookie(line: &[OsString]) -> bool {
    line.iter().map_while(|word| word.to_str().filter(|word| *word != "--")).any(|word| {
        let option = word.split('=').next().unwrap_or_default();
        matches!(option, "--cookie" | "-cookie" | "--setcookie" | "-setcookie")
    })
}

/// What `--output` says, also on a line that is wrong elsewhere.
pub(crate) fn output_format(line: &[OsString]) -> Format {
    let words: Vec<_> = line.iter().filter_map(|word| word.to_str()).collect();
    let json = words.windows(2).any(|pair| matches!(pair, ["--output" | "-o", "json"]))
        || words.iter().any(|word| matches!(*word, "--output=json" | "-o=json" | "-ojson"));
    if json { Format::Json } else { Format::Text }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::CommandFactory;

    use super::*;

    fn line(words: &[&str]) -> Vec<OsString> {
        ["flitch"].iter().chain(words).map(OsString::from).collect()
    }

    #[test]
    fn the_definition_of_the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_cookie_is_noticed_wherever_it_was_typed() {
        assert!(has_cookie(&line(&["ping", "--cookie", "SECRET", "a@b.c"])));
        assert!(has_cookie(&line(&["node", "--cookie=SECRET"])));
        assert!(has_cookie(&line(&["rpc", "a@b.c", "m", "f", "-setcookie", "SECRET"])));
        assert!(!has_cookie(&line(&["ping", "--cookie-file", "secret", "a@b.c"])));
        assert!(!has_cookie(&line(&["rpc", "a@b.c", "m", "f", "--", "--cookie"])));
    }

    #[test]
    fn negative_numbers_are_arguments_and_no_options() {
        let args = parse(&line(&["rpc", "a@b.c", "erlang", "abs", "-5", "-1.5e3", "--erlang"]));
        let Command::Rpc(rpc) = args.unwrap().command else { panic!("another command") };
        assert_eq!(rpc.arguments, ["-5", "-1.5e3"]);
        assert!(rpc.syntax.erlang);
    }

    #[test]
    fn options_are_understood_behind_the_arguments_too() {
        let args = parse(&line(&["rpc", "a@b.c", "m", "f", "1", "--timeout", "0.25"]));
        let Command::Rpc(rpc) = args.unwrap().command else { panic!("another command") };
        assert_eq!(
            (rpc.arguments, rpc.common.timeout),
            (vec!["1".into()], Duration::from_millis(250))
        );
    }

    #[test]
    fn a_line_that_is_wrong_elsewhere_still_says_how_to_print_that() {
        assert_eq!(output_format(&line(&["ping", "--output", "json"])), Format::Json);
        assert_eq!(output_format(&line(&["ping", "--output=json"])), Format::Json);
        assert_eq!(output_format(&line(&["ps", "-o", "json"])), Format::Json);
        assert_eq!(output_format(&line(&["ps", "-ojson"])), Format::Json);
        assert_eq!(output_format(&line(&["ping", "json"])), Format::Text);
        let failure = Failure::of(parse(&line(&["ping", "--output", "json"])).unwrap_err());
        assert_eq!(failure.stage, Stage::Usage);
        assert!(failure.message.contains("NODE"), "{}", failure.message);
    }
}
