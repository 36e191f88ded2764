//! `flitch context`.

use std::path::PathBuf;

use clap::Subcommand;

use super::common::View;
use crate::reach::HostPort;

/// Keep names for nodes and the ways to them.
///
/// Where a command wants a NODE, @NAME stands for what the context NAME says, and @ for the current
/// one. What is typed behind it on the command line comes first. The file is FLITCH_CONTEXTS, else
/// flitch/contexts.toml under XDG_CONFIG_HOME or ~/.config; it names the files of cookies and holds
/// none.
#[derive(Debug, clap::Args)]
#[command(
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = "\
Examples:
  flitch context set prod --node app@10.0.0.7 --cookie-file ~/.prod.cookie
  flitch context set staging --address localhost:9100
  flitch context use prod
  flitch ping @
  flitch ping @staging"
)]
pub(crate) struct ContextArgs {
    #[command(subcommand)]
    pub(crate) command: ContextCommand,
}

/// What to do with contexts.
#[derive(Debug, Subcommand)]
pub(crate) enum ContextCommand {
    /// List the contexts
    List(ContextViewArgs),
    /// Show the current context, or the one of that name
    Show {
        /// Its name
        name: Option<String>,
        #[command(flatten)]
        view: ContextViewArgs,
    },
    /// Make a context the current one, for @
    Use {
        /// Its name
        name: String,
    },
    /// Make a context, or change what is given of one that is there
    Set(ContextSetArgs),
    /// Forget a context
    Delete {
        /// Its name
        name: String,
    },
}

/// How contexts are shown.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct ContextViewArgs {
    /// How it is printed
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t = View::Text)]
    pub(crate) output: View,
}

/// What a context is to say.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flitch context set prod --node app@10.0.0.7 --cookie-file ~/.prod.cookie
  flitch context set staging --address localhost:9100")]
pub(crate) struct ContextSetArgs {
    /// Its name: letters, digits, dots, dashes and underscores
    pub(crate) name: String,
    /// The node's name; without one, whichever node is at the address
    #[arg(long, value_name = "NAME@HOST")]
    pub(crate) node: Option<String>,
    /// Where the node is reached, whatever host its name has
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) address: Option<HostPort>,
    /// Whether to take the name that the node there states
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "true")]
    pub(crate) any_name: Option<bool>,
    /// The file with its cookie
    #[arg(long, value_name = "FILE")]
    pub(crate) cookie_file: Option<PathBuf>,
    /// The port that the node listens on, in a cluster without EPMD
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) dist_port: Option<u16>,
}
