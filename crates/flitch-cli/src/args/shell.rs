//! The commands that run code on a node.

use std::path::PathBuf;
use std::time::Duration;

use super::common::{CommonArgs, SyntaxArgs, TargetArgs};

/// More nodes than one.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct ManyArgs {
    /// On each node that NODE is connected to as well, but no hidden one
    #[arg(long)]
    pub(crate) all: bool,
}

/// Run code on a node, or on many, and print its value.
///
/// What the code prints over there appears here. An exception is told with its stack, and the exit
/// status is 1. If this command ends before the code does, the code ends too.
///
/// NODE may be several, separated by commas; topology:NAME stands for the nodes that a topology of
/// the configuration finds. They are asked at once, each within the timeout; lines under `==> NODE
/// <==` are that node's, JSON is one line for each, and the exit status is the highest of theirs.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flitch eval app@127.0.0.1 'Enum.map(1..3, & &1 * 2)'
  flitch eval app@127.0.0.1 --file report.exs --timeout 600
  echo 'IO.puts(node())' | flitch eval app@127.0.0.1 -
  flitch eval app@127.0.0.1 --erlang 'lists:sum([1, 2, 3])'
  flitch eval --all app@127.0.0.1 'System.version()'
  flitch eval topology:web ':erlang.memory(:total)' --output json")]
pub(crate) struct EvalArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    #[command(flatten)]
    pub(crate) many: ManyArgs,
    /// The code; - reads it from standard input
    #[arg(
        required_unless_present = "file",
        conflicts_with = "file",
        allow_negative_numbers = true
    )]
    pub(crate) code: Option<String>,
    /// A file with the code
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) syntax: SyntaxArgs,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

/// Open a shell on a node: IEx where it is there, else Erlang's.
///
/// Lines are edited here, and code runs there. Ctrl-C clears the line, or interrupts what runs; a
/// second one leaves at once. Ctrl-D leaves. Nothing that is done here halts the node, and what
/// this shell runs ends with it. If standard input is no terminal, its lines are run without a
/// prompt; as with iex and erl, one that raises is told and the next is run. Where a failure has to
/// be an exit status, use eval --file.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flitch remsh app@127.0.0.1
  flitch remsh app@127.0.0.1 --erlang
  echo 'Node.list()' | flitch remsh app@127.0.0.1")]
pub(crate) struct RemshArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// Erlang's shell, also where there is IEx
    #[arg(long)]
    pub(crate) erlang: bool,
    /// Neither read nor keep the history of this node's lines
    #[arg(long)]
    pub(crate) no_history: bool,
    /// How long it may take until the shell is there; fractions are fine
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = super::common::seconds)]
    pub(crate) timeout: Duration,
}
