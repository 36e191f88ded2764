//! The command line as it was typed: clap's types, and nothing resolved yet.

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::error::ErrorKind;
use clap::{Parser, Subcommand, ValueEnum};
use flitch::config::{Ports, Seconds};
use flitch::{NodeName, NodePattern};

use crate::epmd_args::EpmdArgs;
use crate::failure::{Failure, Stage};

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
  flitch call app@127.0.0.1 Shop.Desk ':status'
  flitch discover --strategy LocalEpmd         whom a strategy would find
  flitch epmd -daemon                          in the place of the stock epmd";

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Node(NodeArgs),
    Ping(PingArgs),
    Names(NamesArgs),
    Rpc(RpcArgs),
    Call(CallArgs),
    Send(SendArgs),
    Discover(DiscoverArgs),
    Topology(TopologyArgs),
    Epmd(EpmdArgs),
}

/// Run a node until SIGTERM or SIGINT.
///
/// The node serves a GenServer named `flitch`: `:ping` answers `:pong`, `{:echo, term}` the term,
/// `:info` a map.
///
/// What is not given here comes from the environment (FLITCH_NODE__DIST_PORT for dist_port in
/// [node], and so on), and what is not there from a file: that of --config, else of FLITCH_CONFIG,
/// else flitch.toml here, else /etc/flitch/flitch.toml.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flitch node --name worker@127.0.0.1
  flitch node --name worker@10.0.0.7 --connect app@10.0.0.5 --dist-port 9100-9105
  RELEASE_NODE=worker@10.0.0.7 ERL_DIST_PORT=9100 flitch node --epmd none
  flitch node --name worker@10.0.0.7 --allow 'app-*@10.0.*' --peer-port 'db@*=9200'
  flitch node --config rel/flitch.toml --http 0.0.0.0:4000 --ready 2

Then, in iex:
  GenServer.call({:flitch, :\"worker@127.0.0.1\"}, :info)")]
pub(crate) struct NodeArgs {
    /// The node's name with a full host, such as worker@10.0.0.7 [else: RELEASE_NODE]
    #[arg(long, value_name = "NAME@HOST", conflicts_with = "sname")]
    pub(crate) name: Option<String>,
    /// The node's name with a host of one label, such as worker@db
    #[arg(long, value_name = "NAME@HOST")]
    pub(crate) sname: Option<String>,
    /// The file with everything that is not given otherwise
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) cookie: CookieArgs,
    /// The port to listen on: 0 for any, or a range such as 9100-9105 for its first free one
    /// [else: ERL_DIST_PORT] [default: 0]
    #[arg(long, value_name = "PORT")]
    pub(crate) dist_port: Option<Ports>,
    /// An address to listen on; repeatable [default: all of the name's family]
    #[arg(long, value_name = "IP")]
    pub(crate) bind: Vec<IpAddr>,
    /// Which EPMD to register with [default: auto]
    #[arg(long, value_name = "WHICH", value_enum)]
    pub(crate) epmd: Option<EpmdArg>,
    /// Show in `nodes()` of the peers, be connected to all of them, and take part in `global`
    #[arg(long)]
    pub(crate) visible: bool,
    /// A node to stay connected to; repeatable
    #[arg(long, value_name = "NODE")]
    pub(crate) connect: Vec<NodeName>,
    /// Nodes that may connect and be connected to, such as 'app-*@10.0.*'; repeatable [default: all]
    #[arg(long, value_name = "PATTERN")]
    pub(crate) allow: Vec<NodePattern>,
    /// The port that some peers listen on, with no EPMD asked, such as 'db@*=9200'; repeatable
    #[arg(long, value_name = "PATTERN=PORT", value_parser = peer_port)]
    pub(crate) peer_port: Vec<(NodePattern, u16)>,
    /// A file with the cookie for some peers, such as 'db@*=/run/secrets/db'; repeatable
    #[arg(long, value_name = "PATTERN=FILE", value_parser = peer_cookie)]
    pub(crate) peer_cookie_file: Vec<(NodePattern, PathBuf)>,
    /// A peer that is silent for so long is gone; the same on all nodes of a cluster [default: 60]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) net_ticktime: Option<Duration>,
    /// How long reaching a peer, or the handshake of one that comes, may take [default: 7]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) net_setuptime: Option<Duration>,
    /// How long calls in flight may take when the node shuts down [default: 3]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) drain: Option<Seconds>,
    /// Serve /livez, /readyz and /metrics there
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) http: Option<SocketAddr>,
    /// How many discovered peers have to be up for /readyz to say so [default: 0]
    #[arg(long, value_name = "PEERS")]
    pub(crate) ready: Option<usize>,
    /// How the log on standard error is written; RUST_LOG says how much of it
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    pub(crate) log_format: Format,
}

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

/// Run a function on a node and print what it returns.
///
/// What the function prints over there appears here.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flitch rpc app@127.0.0.1 erlang node
  flitch rpc app@127.0.0.1 String upcase '\"abc\"'
  flitch rpc app@127.0.0.1 Map get '%{a: 1}' :a
  flitch rpc app@127.0.0.1 Shop.Release migrate --timeout 600
  flitch rpc app@127.0.0.1 --erlang lists sum '[1, 2, 3]'")]
pub(crate) struct RpcArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
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

/// Where the cookie is.
#[derive(Debug, clap::Args)]
pub(crate) struct CookieArgs {
    /// A file with the cookie, for its owner alone [else: RELEASE_COOKIE, NODE_COOKIE, ~/.erlang.cookie]
    #[arg(long, value_name = "FILE")]
    pub(crate) cookie_file: Option<PathBuf>,
}

/// Which node, and how to get there.
#[derive(Debug, clap::Args)]
pub(crate) struct TargetArgs {
    /// The node, such as app@127.0.0.1
    pub(crate) node: String,
    #[command(flatten)]
    pub(crate) cookie: CookieArgs,
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
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    pub(crate) output: Format,
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

/// The values of `--epmd`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum EpmdArg {
    /// The one that runs here; if none does, one inside this program
    Auto,
    /// The one that runs here
    External,
    /// One inside this program
    Embedded,
    /// None: the peers listen on the port of --dist-port, or on those of --peer-port
    None,
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
    let json = words.windows(2).any(|pair| pair == ["--output", "json"])
        || words.contains(&"--output=json");
    if json { Format::Json } else { Format::Text }
}

/// `db@*=9200`.
fn peer_port(text: &str) -> Result<(NodePattern, u16), String> {
    let (peers, port) = for_peers(text, "PORT")?;
    match port.parse() {
        Ok(port) if port != 0 => Ok((peers, port)),
        _ => Err(format!("{port:?} is no port: write a number from 1 to 65535")),
    }
}

/// `db@*=/run/secrets/db`.
fn peer_cookie(text: &str) -> Result<(NodePattern, PathBuf), String> {
    let (peers, path) = for_peers(text, "FILE")?;
    Ok((peers, PathBuf::from(path)))
}

/// What stands before the first `=`, which few node names have, and what stands behind it.
fn for_peers<'a>(text: &'a str, what: &str) -> Result<(NodePattern, &'a str), String> {
    let form = || format!("write it as PATTERN={what}, such as 'db@*={}'", what.to_lowercase());
    let (peers, value) = text.split_once('=').ok_or_else(form)?;
    let peers = peers.parse().map_err(|error: flitch::PatternError| error.to_string())?;
    if value.is_empty() { Err(form()) } else { Ok((peers, value)) }
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

/// `5` or `0.5`.
fn seconds(text: &str) -> Result<Duration, &'static str> {
    match text.parse()? {
        Seconds(Duration::ZERO) => Err("write more than none, such as 5 or 0.5"),
        Seconds(time) => Ok(time),
    }
}

#[cfg(test)]
mod tests {
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
    fn what_is_for_some_peers_is_a_pattern_and_a_value() {
        let (peers, port) = peer_port("db@*=9200").unwrap();
        assert_eq!((peers.to_string().as_str(), port), ("db@*", 9200));
        let (peers, path) = peer_cookie("10.0.*=/run/a=b").unwrap();
        assert_eq!((peers.to_string().as_str(), path), ("*@10.0.*", "/run/a=b".into()));
        for text in ["db@*", "db@*=", "db@*=x", "db@*=0", "a@b@c=1", "=9200"] {
            assert!(!peer_port(text).unwrap_err().is_empty(), "{text}");
        }
    }

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

    #[test]
    fn a_time_is_a_positive_number_of_seconds() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for text in ["soon", "0", "-1", "NaN", "inf", "1e300", ""] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_line_that_is_wrong_elsewhere_still_says_how_to_print_that() {
        assert_eq!(output_format(&line(&["ping", "--output", "json"])), Format::Json);
        assert_eq!(output_format(&line(&["ping", "--output=json"])), Format::Json);
        assert_eq!(output_format(&line(&["ping", "json"])), Format::Text);
        let failure = Failure::of(parse(&line(&["ping", "--output", "json"])).unwrap_err());
        assert_eq!(failure.stage, Stage::Usage);
        assert!(failure.message.contains("NODE"), "{}", failure.message);
    }
}
