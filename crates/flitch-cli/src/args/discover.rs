//! `flitch discover` and `flitch topology`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Subcommand, ValueEnum};

use super::common::{Format, seconds};

/// Show what the strategies of topologies see, and connect to nobody.
///
/// The topologies are those of the configuration: --config, else FLITCH_CONFIG, else flitch.toml.
/// Exit status: 0 each answer is complete, 1 something is missing, 3 no answer, 4 nothing in time.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flitch discover
  flitch discover k8s --watch --config rel/flitch.toml
  flitch discover --strategy LocalEpmd
  flitch discover --strategy DNSPoll --set query=app.internal --set node_basename=app
  flitch discover --strategy Gossip --timeout 12 --output json")]
pub(crate) struct DiscoverArgs {
    /// The topologies to ask [default: all]
    #[arg(value_name = "TOPOLOGY", conflicts_with = "strategy")]
    pub(crate) topologies: Vec<String>,
    /// Show what changes, until SIGTERM or Ctrl-C
    #[arg(long, conflicts_with = "timeout")]
    pub(crate) watch: bool,
    /// The file with the topologies [else: FLITCH_CONFIG, flitch.toml, /etc/flitch/flitch.toml]
    #[arg(long, value_name = "FILE", conflicts_with = "strategy")]
    pub(crate) config: Option<PathBuf>,
    /// A strategy that is in no configuration, such as Kubernetes.DNS
    #[arg(long, value_name = "NAME")]
    pub(crate) strategy: Option<String>,
    /// An option of that strategy, its value as in TOML or a text; repeatable
    #[arg(long, value_name = "KEY=VALUE", requires = "strategy", value_parser = setting)]
    pub(crate) set: Vec<(String, toml::Value)>,
    /// The node whose view is wanted: some strategies go by its name, and none shows it [else:
    /// RELEASE_NODE, or the configuration's]
    #[arg(long, value_name = "NAME@HOST")]
    pub(crate) name: Option<String>,
    /// How long the answers may take; fractions are fine
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub(crate) timeout: Duration,
    /// How the answers are printed
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    pub(crate) output: Format,
}

/// Take over topologies from the configuration of an Elixir release.
#[derive(Debug, clap::Args)]
#[command(
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = "\
Examples:
  flitch topology import config/runtime.exs >> flitch.toml"
)]
pub(crate) struct TopologyArgs {
    #[command(subcommand)]
    pub(crate) command: TopologyCommand,
}

/// What to do with topologies.
#[derive(Debug, Subcommand)]
pub(crate) enum TopologyCommand {
    Import(ImportArgs),
}

/// Print libcluster's topologies, and dns_cluster's queries, as tables for flitch.toml.
///
/// Any Elixir source is read: config.exs, runtime.exs, application.ex, or the list alone. What
/// Elixir would compute cannot be taken over: standard error says where it is and what to do
/// instead, and the exit status is 1. A secret is never printed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flitch topology import config/runtime.exs >> flitch.toml
  echo '[local: [strategy: Cluster.Strategy.LocalEpmd]]' | flitch topology import
  flitch topology import lib/shop/application.ex --output json")]
pub(crate) struct ImportArgs {
    /// The Elixir source; - is standard input
    #[arg(value_name = "FILE", default_value = "-")]
    pub(crate) file: PathBuf,
    /// How the topologies are printed
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = ImportFormat::Toml)]
    pub(crate) output: ImportFormat,
}

/// For flitch.toml or for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ImportFormat {
    Toml,
    Json,
}

/// `query=app.internal`, `hosts=["a@10.0.0.5"]`.
fn setting(text: &str) -> Result<(String, toml::Value), String> {
    let (key, value) = text.split_once('=').ok_or("write it as KEY=VALUE")?;
    if key.is_empty() || value.is_empty() {
        return Err("write it as KEY=VALUE".to_owned());
    }
    let value = value.parse().unwrap_or_else(|_| toml::Value::String(value.to_owned()));
    Ok((key.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_a_value_of_toml_or_a_text() {
        let value = |text| setting(text).unwrap().1;
        assert_eq!(value("port=45892"), 45892.into());
        assert_eq!(value("hosts=[\"a@h\"]"), vec!["a@h"].into());
        assert_eq!(value("query=app.internal"), "app.internal".into());
        assert_eq!(value("selector=app=shop"), "app=shop".into());
        assert_eq!(value("multicast_if=10.0.0.1"), "10.0.0.1".into());
        for text in ["", "a", "=a", "a="] {
            assert!(setting(text).unwrap_err().contains("KEY=VALUE"), "{text}");
        }
    }
}
