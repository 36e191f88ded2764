//! The commands that ask one node, or one EPMD, one thing.

use super::common::{CommonArgs, SyntaxArgs, TargetArgs};
use super::shell::ManyArgs;

/// Ask a node whether it is there.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flitch ping app@127.0.0.1
  flitch ping --timeout 0.5 --output json app@10.0.0.5")]
pub(crate) struct PingArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

/// List the nodes that the EPMD of a host knows.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flitch names
  flitch names 10.0.0.5
  ERL_EPMD_PORT=4370 flitch names --output json db.example.org")]
pub(crate) struct NamesArgs {
    /// The host [default: this one]
    pub(crate) host: Option<String>,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

/// Run a function on a node, or on many, and print what it returns.
///
/// What the function prints over there appears here. NODE may be several, as for eval.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flitch rpc app@127.0.0.1 erlang node
  flitch rpc app@127.0.0.1 String upcase '\"abc\"'
  flitch rpc app@127.0.0.1 Map get '%{a: 1}' :a
  flitch rpc app@127.0.0.1 Shop.Release migrate --timeout 600
  flitch rpc app@127.0.0.1 --erlang lists sum '[1, 2, 3]'
  flitch rpc app@10.0.0.5,app@10.0.0.6 System version")]
pub(crate) struct RpcArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    #[command(flatten)]
    pub(crate) many: ManyArgs,
    /// The module: String and Shop.Desk are Elixir's, erlang and lists are Erlang's
    pub(crate) module: String,
    /// The function
    pub(crate) function: String,
    /// The arguments: each is one term, such as 1, :ok, '"text"' or '%{a: [1, 2]}'
    #[arg(value_name = "ARG", allow_negative_numbers = true)]
    pub(crate) arguments: Vec<String>,
    #[command(flatten)]
    pub(crate) syntax: SyntaxArgs,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

/// Call a GenServer and print its reply.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flitch call app@127.0.0.1 orders ':count'
  flitch call app@127.0.0.1 Shop.Desk '{:find, \"a-1\"}'
  flitch call worker@127.0.0.1 flitch :info --output json
  flitch call app@127.0.0.1 --erlang orders '{find, <<\"a-1\">>}'")]
pub(crate) struct CallArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// The name that the server is registered under, such as orders or Shop.Desk
    pub(crate) name: String,
    /// The request: one term
    #[arg(allow_negative_numbers = true)]
    pub(crate) term: String,
    #[command(flatten)]
    pub(crate) syntax: SyntaxArgs,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

/// Send a message to a process and wait until it has arrived at its node.
///
/// As in Erlang, nobody says whether a process of that name is there.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flitch send app@127.0.0.1 orders ':refresh'
  flitch send app@127.0.0.1 Shop.Desk '{:\"$gen_cast\", {:add, 1}}'")]
pub(crate) struct SendArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// The name that the process is registered under, such as orders or Shop.Desk
    pub(crate) name: String,
    /// The message: one term
    #[arg(allow_negative_numbers = true)]
    pub(crate) term: String,
    #[command(flatten)]
    pub(crate) syntax: SyntaxArgs,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
}
