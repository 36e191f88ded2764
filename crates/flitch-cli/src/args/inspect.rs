//! The commands that look into a node.

use clap::ValueEnum;

use super::common::{CommonArgs, TargetArgs, ViewArgs};

/// Show how a node is: release, uptime, memory, run queues, and how near its limits are.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flitch info app@127.0.0.1
  flitch info app@127.0.0.1 --watch
  flitch info app@127.0.0.1 -o json | jq .memory_bytes.total")]
pub(crate) struct InfoArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    #[command(flatten)]
    pub(crate) view: ViewArgs,
}

/// List the processes of a node that have the most of something.
///
/// All processes are compared, in small steps, and only those that are shown are asked for more.
/// Messages are never read.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flitch ps app@127.0.0.1
  flitch ps app@127.0.0.1 --sort messages -n 5 --watch
  flitch ps app@127.0.0.1 --sort reductions -o json")]
pub(crate) struct PsArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// What to have the most of
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = SortArg::Memory)]
    pub(crate) sort: SortArg,
    /// How many processes to show
    #[arg(short = 'n', long, value_name = "COUNT", default_value = "20")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub(crate) limit: u16,
    #[command(flatten)]
    pub(crate) view: ViewArgs,
}

/// The values of `--sort`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SortArg {
    /// Bytes, with the heap, the stack and what belongs to the process
    Memory,
    /// Work since the process started
    Reductions,
    /// The length of the message queue
    Messages,
}

/// Show one process: its state, stack, links, monitors and ancestors.
///
/// Messages are never read, and the state of the program in it only with --state.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flitch inspect app@127.0.0.1 '<0.123.0>'
  flitch inspect app@127.0.0.1 0.123.0
  flitch inspect app@127.0.0.1 Shop.Desk --state
  flitch inspect app@127.0.0.1 kernel_sup --erlang -o json")]
pub(crate) struct InspectArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// The pid, or the name that it is registered under
    #[arg(value_name = "PID|NAME")]
    pub(crate) process: String,
    /// Ask the process for its state too, as sys:get_state/1 does: it copies all of it
    #[arg(long)]
    pub(crate) state: bool,
    #[command(flatten)]
    pub(crate) view: ViewArgs,
}

/// List the applications that a node has started or loaded.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flitch apps app@127.0.0.1
  flitch apps app@127.0.0.1 -o name")]
pub(crate) struct AppsArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    #[command(flatten)]
    pub(crate) view: ViewArgs,
}

/// Show the supervision tree of an application, or of all.
///
/// A supervisor with very many children is counted, and its children are not listed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flitch tree app@127.0.0.1
  flitch tree app@127.0.0.1 kernel
  flitch tree app@127.0.0.1 shop -o yaml")]
pub(crate) struct TreeArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// The application [default: all that are started]
    #[arg(value_name = "APP")]
    pub(crate) app: Option<String>,
    #[command(flatten)]
    pub(crate) view: ViewArgs,
}

/// List the ETS tables of a node that take the most memory.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flitch ets app@127.0.0.1
  flitch ets app@127.0.0.1 -n 5 -o json")]
pub(crate) struct EtsArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// How many tables to show
    #[arg(short = 'n', long, value_name = "COUNT", default_value = "20")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub(crate) limit: u16,
    #[command(flatten)]
    pub(crate) view: ViewArgs,
}

/// Show the cluster as each of its nodes sees it: who is connected to whom, and who is not.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flitch nodes app@127.0.0.1
  flitch nodes app@127.0.0.1 -o json | jq '.nodes[] | select(.misses != [])'")]
pub(crate) struct NodesArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    #[command(flatten)]
    pub(crate) view: ViewArgs,
}

/// List the ports of a node that have moved the most bytes.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flitch ports app@127.0.0.1
  flitch ports app@127.0.0.1 -n 5 --watch")]
pub(crate) struct PortsArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// How many ports to show
    #[arg(short = 'n', long, value_name = "COUNT", default_value = "20")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub(crate) limit: u16,
    #[command(flatten)]
    pub(crate) view: ViewArgs,
}

/// Collect a process's garbage, and show what it held before and after.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flitch gc app@127.0.0.1 Shop.Desk
  flitch gc app@127.0.0.1 '<0.123.0>' -o json")]
pub(crate) struct GcArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// The pid, or the name that it is registered under
    #[arg(value_name = "PID|NAME")]
    pub(crate) process: String,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

/// End a process; asks first.
///
/// `kill` cannot be trapped; with another reason, such as shutdown, the process may trap it and go on.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flitch kill app@127.0.0.1 Shop.Desk
  flitch kill app@127.0.0.1 '<0.123.0>' --reason shutdown
  flitch kill app@127.0.0.1 0.123.0 --yes -o json")]
pub(crate) struct KillArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// The pid, or the name that it is registered under
    #[arg(value_name = "PID|NAME")]
    pub(crate) process: String,
    /// The exit reason: one term, in Elixir's syntax
    #[arg(long, value_name = "TERM", default_value = ":kill")]
    pub(crate) reason: String,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

/// List the process groups of a node, with their members by node.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flitch pg app@127.0.0.1
  flitch pg app@127.0.0.1 Shop.PubSub -o json")]
pub(crate) struct PgArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// The scope [default: pg, the one that every program shares]
    #[arg(value_name = "SCOPE", default_value = "pg")]
    pub(crate) scope: String,
    /// How many groups to show
    #[arg(short = 'n', long, value_name = "COUNT", default_value = "100")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub(crate) limit: u16,
    #[command(flatten)]
    pub(crate) view: ViewArgs,
}

/// List the names that are registered in the whole cluster, as a node knows them.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flitch global app@127.0.0.1
  flitch global app@127.0.0.1 -o name")]
pub(crate) struct GlobalArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// How many names to show
    #[arg(short = 'n', long, value_name = "COUNT", default_value = "100")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub(crate) limit: u16,
    #[command(flatten)]
    pub(crate) view: ViewArgs,
}

/// Show what a node's memory is used for, and which processes hold the most of it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flitch memory app@127.0.0.1
  flitch memory app@127.0.0.1 --watch
  flitch memory app@127.0.0.1 -o json | jq .kinds.binary_bytes")]
pub(crate) struct MemoryArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// How many processes to show
    #[arg(short = 'n', long, value_name = "COUNT", default_value = "10")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) limit: u16,
    #[command(flatten)]
    pub(crate) view: ViewArgs,
}
