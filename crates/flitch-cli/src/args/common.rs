//! What several commands take.

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use flitch::config::{Ports, Seconds};

use crate::reach::HostPort;

/// Where the cookie is.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct CookieArgs {
    /// A file with the cookie, for its owner alone [else: RELEASE_COOKIE, NODE_COOKIE, ~/.erlang.cookie]
    #[arg(long, value_name = "FILE")]
    pub(crate) cookie_file: Option<PathBuf>,
}

/// Which node, and how to get there.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct TargetArgs {
    /// The node, such as app@127.0.0.1; or @NAME for a context, @ for the current one, - for
    /// whichever node is at --address
    pub(crate) node: String,
    #[command(flatten)]
    pub(crate) cookie: CookieArgs,
    /// Where the node is reached, whatever host its name has: a forwarded port, a tunnel
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) address: Option<HostPort>,
    /// Take the name that the node there states, in place of the one given
    #[arg(long)]
    pub(crate) any_name: bool,
    /// The port that the node listens on, in a cluster without EPMD; 0 or a range asks EPMD
    #[arg(long, value_name = "PORT", env = "ERL_DIST_PORT", hide_env_values = true)]
    #[arg(default_value = "0")]
    pub(crate) dist_port: Ports,
}

/// What every question to the cluster takes.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct CommonArgs {
    /// How long all of it may take; fractions are fine
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub(crate) timeout: Duration,
    /// How the answer, or the failure, is printed
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    pub(crate) output: Format,
}

/// How a command that looks into a node shows what it sees.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct ViewArgs {
    /// How long all of it may take; fractions are fine
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub(crate) timeout: Duration,
    /// How it is printed
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t = View::Text)]
    pub(crate) output: View,
    /// Look again every so many seconds, until Ctrl-C
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "2", value_parser = seconds)]
    pub(crate) watch: Option<Duration>,
    /// Name modules and functions, and print terms, in Erlang's syntax instead of Elixir's
    #[arg(long)]
    pub(crate) erlang: bool,
}

/// The language of terms.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct SyntaxArgs {
    /// Read and print terms in Erlang's syntax instead of Elixir's
    #[arg(long)]
    pub(crate) erlang: bool,
}

/// For people or for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Text,
    Json,
}

/// For people, for programs, or for a shell of the target's language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum View {
    /// Tables that fit the terminal
    Text,
    /// Tables with all columns, as wide as they are
    Wide,
    /// One document on one line
    Json,
    /// One document
    Yaml,
    /// The document as an Erlang term
    Erlang,
    /// The document as an Elixir term
    Elixir,
    /// Only what the things are called, one a line
    Name,
}

/// `5` or `0.5`.
pub(super) fn seconds(text: &str) -> Result<Duration, &'static str> {
    match text.parse()? {
        Seconds(Duration::ZERO) => Err("write more than none, such as 5 or 0.5"),
        Seconds(time) => Ok(time),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_positive_number_of_seconds() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for text in ["soon", "0", "-1", "NaN", "inf", "1e300", ""] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
