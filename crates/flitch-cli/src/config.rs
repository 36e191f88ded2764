//! What the command line and the environment mean: names, ports, peers, terms. No socket and no
//! file is touched here.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use flitch::etf::text::{self, Syntax};
use flitch::{Atom, ConnectError, Epmd, NameKind, NodeName, NodePattern, PeerPort, Term};

use crate::args::{EpmdArg, NodeArgs, SyntaxArgs, TargetArgs};
use crate::failure::{Failure, Stage};

/// What a node is told.
#[derive(Debug)]
pub(crate) struct NodeConfig {
    pub(crate) name: NodeName,
    pub(crate) cookie_file: Option<PathBuf>,
    pub(crate) ports: RangeInclusive<u16>,
    pub(crate) bind: Vec<IpAddr>,
    pub(crate) epmd: Epmd,
    /// How peers are found, unless through EPMD.
    pub(crate) peer_port: Option<PeerPort>,
    pub(crate) visible: bool,
    pub(crate) connect: Vec<NodeName>,
    /// Who may connect; everybody if there is no entry.
    pub(crate) allow: Vec<NodePattern>,
    /// The ports of some peers.
    pub(crate) ports_of: Vec<(NodePattern, u16)>,
    /// Where the cookies of some peers are.
    pub(crate) cookie_files_for: Vec<(NodePattern, PathBuf)>,
    pub(crate) net_ticktime: Duration,
    pub(crate) net_setuptime: Duration,
}

impl NodeConfig {
    /// `release_node` is the value of `RELEASE_NODE`.
    ///
    /// # Errors
    /// What is missing or does not fit together, and what to write instead.
    pub(crate) fn resolve(args: NodeArgs, release_node: Option<&str>) -> Result<Self, Failure> {
        let name = own_name(args.name.as_deref(), args.sname.as_deref(), release_node)?;
        let epmd = match args.epmd {
            EpmdArg::Auto => Epmd::Auto,
            EpmdArg::External => Epmd::External,
            EpmdArg::Embedded => Epmd::Embedded,
            EpmdArg::None => Epmd::None,
        };
        let peer_port = match (epmd, fixed(&args.dist_port)) {
            (Epmd::None, Some(port)) => Some(PeerPort::Fixed(port)),
            (Epmd::None, None) if *args.dist_port.end() != 0 && !args.peer_port.is_empty() => {
                Some(PeerPort::Listed)
            }
            (Epmd::None, None) => {
                return Err(Failure::usage(
                    "without EPMD the peers have to know the port: give the one port that all \
                     nodes of the cluster listen on with --dist-port PORT or ERL_DIST_PORT, and \
                     the ports of those that listen elsewhere with --peer-port",
                ));
            }
            _ => None,
        };
        if let Some(peer) = args.connect.iter().find(|peer| peer.kind() != name.kind()) {
            let us_long = name.kind() == NameKind::Long;
            let error = ConnectError::Kind { peer: peer.clone(), us: name, us_long };
            return Err(Failure::from(&error));
        }
        let allowed = |peer| args.allow.iter().any(|peers: &NodePattern| peers.matches(peer));
        if let Some(peer) =
            args.connect.iter().find(|peer| !args.allow.is_empty() && !allowed(*peer))
        {
            return Err(Failure::usage(format!("--connect {peer} is not among those of --allow")));
        }
        Ok(Self {
            name,
            cookie_file: args.cookie.cookie_file,
            ports: args.dist_port,
            bind: args.bind,
            epmd,
            peer_port,
            visible: args.visible,
            connect: args.connect,
            allow: args.allow,
            ports_of: args.peer_port,
            cookie_files_for: args.peer_cookie_file,
            net_ticktime: args.net_ticktime,
            net_setuptime: args.net_setuptime,
        })
    }
}

/// The name that a node takes for itself.
fn own_name(
    long: Option<&str>,
    short: Option<&str>,
    release_node: Option<&str>,
) -> Result<NodeName, Failure> {
    let name = match (long, short, release_node.filter(|name| !name.is_empty())) {
        (Some(name), _, _) => NodeName::long(name),
        (None, Some(name), _) => NodeName::short(name),
        // A release says in its configuration which kind it is; the host says it as well.
        (None, None, Some(name)) => match name.parse::<NodeName>() {
            Ok(parsed) if parsed.kind() == NameKind::Short => NodeName::short(name),
            _ => NodeName::long(name),
        },
        (None, None, None) => {
            return Err(Failure::new(
                Stage::Name,
                "the node needs a name: give --name worker@127.0.0.1, --sname worker@localhost, \
                 or set RELEASE_NODE",
            ));
        }
    };
    name.map_err(|error| Failure::from(&error))
}

/// The port, if it is one.
fn fixed(ports: &RangeInclusive<u16>) -> Option<u16> {
    (ports.start() == ports.end()).then_some(*ports.start()).filter(|port| *port != 0)
}

/// Whom a command asks.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) node: NodeName,
    pub(crate) cookie_file: Option<PathBuf>,
    /// Its port, where there is no EPMD.
    pub(crate) port: Option<u16>,
}

impl Target {
    /// # Errors
    /// The name is none.
    pub(crate) fn resolve(args: TargetArgs) -> Result<Self, Failure> {
        let node = args.node.parse().map_err(|error| Failure::from(&error))?;
        let port = fixed(&args.dist_port);
        Ok(Self { node, cookie_file: args.cookie.cookie_file, port })
    }
}

impl SyntaxArgs {
    /// The language that terms are read and printed in.
    pub(crate) fn syntax(self) -> Syntax {
        if self.erlang { Syntax::Erlang } else { Syntax::Elixir }
    }
}

/// Reads a term; `what` names it in the sentence about what is wrong with it.
///
/// # Errors
/// [`Stage::Usage`], with a picture of the place.
pub(crate) fn term(syntax: Syntax, what: &str, text: &str) -> Result<Term, Failure> {
    text::parse(syntax, text).map_err(|error| {
        let language = match syntax {
            Syntax::Elixir => "Elixir",
            Syntax::Erlang => "Erlang",
        };
        let picture = format!("    {}", error.picture()).replace('\n', "\n    ");
        Failure::usage(format!("{what} is no {language} term: {error}")).with_detail(&picture)
    })
}

/// The module, or the registered name, that a user means: `Shop.Desk` is Elixir's.
///
/// # Errors
/// [`Stage::Usage`].
pub(crate) fn module(what: &str, text: &str) -> Result<Atom, Failure> {
    text::module_name(text).map_err(|_| {
        Failure::usage(format!(
            "{what} {text:?} is no name: write it as lists, Shop.Desk or :\"odd-name\""
        ))
    })
}

/// The function that a user means: `valid?`, `:node` and `'odd name'` are all understood.
///
/// # Errors
/// [`Stage::Usage`].
pub(crate) fn function(text: &str) -> Result<Atom, Failure> {
    let quoted =
        text.strip_prefix(':').is_some_and(|rest| !rest.is_empty()) || text.starts_with('\'');
    match Atom::new(text) {
        _ if quoted => module("the function", text),
        Ok(name) if !text.is_empty() => Ok(name),
        _ => Err(Failure::usage(format!("the function {text:?} has no name that a function has"))),
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::args::{self, Command};

    fn resolve(words: &[&str], release_node: Option<&str>) -> Result<NodeConfig, Failure> {
        let line: Vec<_> = ["flitch", "node"].iter().chain(words).map(OsString::from).collect();
        match args::parse(&line).unwrap().command {
            Command::Node(args) => NodeConfig::resolve(args, release_node),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_name_on_the_command_line_beats_the_one_of_the_release() {
        let config = resolve(&["--name", "a@127.0.0.1"], Some("b@127.0.0.1")).unwrap();
        assert_eq!(config.name, *"a@127.0.0.1");
        assert_eq!(resolve(&[], Some("b@127.0.0.1")).unwrap().name, *"b@127.0.0.1");
        assert_eq!(resolve(&[], Some("b@db")).unwrap().name.kind(), NameKind::Short);
        assert_eq!(resolve(&["--sname", "a@db"], None).unwrap().name, *"a@db");
    }

    #[test]
    fn a_name_that_does_not_do_is_refused_with_what_to_write() {
        for (words, release_node, said) in [
            (["--name", "a@db"].as_slice(), None, "--sname"),
            (&["--sname", "a@db.example"], None, "--name"),
            (&[], Some("worker"), "worker@HOST"),
            (&[], Some(""), "RELEASE_NODE"),
            (&[], None, "--name"),
        ] {
            let failure = resolve(words, release_node).unwrap_err();
            assert_eq!(failure.stage, Stage::Name);
            assert!(failure.message.contains(said), "{}", failure.message);
        }
    }

    #[test]
    fn without_epmd_the_one_port_is_that_of_the_peers_too() {
        let epmd_none = ["--name", "a@127.0.0.1", "--epmd", "none", "--dist-port"];
        let config = resolve(&[epmd_none.as_slice(), &["9100"]].concat(), None).unwrap();
        assert_eq!(config.peer_port, Some(PeerPort::Fixed(9100)));
        for port in ["0", "9100-9105"] {
            let failure = resolve(&[epmd_none.as_slice(), &[port]].concat(), None).unwrap_err();
            assert!(failure.message.contains("--dist-port"), "{}", failure.message);
            assert!(failure.message.contains("ERL_DIST_PORT"), "{}", failure.message);
        }
        let config = resolve(&["--name", "a@127.0.0.1", "--dist-port", "9100"], None).unwrap();
        assert_eq!(config.peer_port, None, "EPMD knows the ports of the peers");
    }

    #[test]
    fn a_peer_that_could_never_be_connected_to_is_refused_at_the_start() {
        let words = ["--name", "a@127.0.0.1", "--connect", "b@db"];
        let failure = resolve(&words, None).unwrap_err();
        assert!(failure.message.contains("b@db"), "{}", failure.message);
        let words = ["--name", "a@h.x", "--connect", "b@g.x", "--allow", "*@h.x"];
        let failure = resolve(&words, None).unwrap_err();
        assert!(failure.message.contains("b@g.x is not among"), "{}", failure.message);
    }

    #[test]
    fn with_ports_by_peer_the_own_one_may_be_any_of_a_range() {
        let words = ["--name", "a@h.x", "--epmd", "none", "--peer-port", "b@*=9200"];
        let range = ["--dist-port", "9100-9105"];
        let config = resolve(&[words.as_slice(), &range].concat(), None).unwrap();
        assert_eq!(config.peer_port, Some(PeerPort::Listed));
        let fixed = ["--dist-port", "9100"];
        let config = resolve(&[words.as_slice(), &fixed].concat(), None).unwrap();
        assert_eq!(config.peer_port, Some(PeerPort::Fixed(9100)));
        assert!(resolve(&words, None).is_err(), "nobody could know the port");
    }

    #[test]
    fn a_module_is_elixirs_or_erlangs_and_a_function_any_atom() {
        assert_eq!(module("the module", "String").unwrap(), "Elixir.String");
        assert_eq!(module("the module", "lists").unwrap(), "lists");
        assert!(module("the module", "not a name").unwrap_err().message.contains("not a name"));
        for (text, name) in [("valid?", "valid?"), (":node", "node"), ("'a b'", "a b"), ("+", "+")]
        {
            assert_eq!(function(text).unwrap(), name);
        }
        assert!(function("").is_err());
        assert!(function(&"x".repeat(256)).is_err());
    }

    #[test]
    fn a_term_that_is_none_is_shown_with_the_place() {
        let failure = term(Syntax::Elixir, "argument 2", "[1, 2").unwrap_err();
        assert_eq!(failure.stage, Stage::Usage);
        assert!(failure.message.starts_with("argument 2 is no Elixir term: "));
        assert!(failure.detail.iter().any(|line| line.contains("[1, 2")), "{:?}", failure.detail);
        assert!(failure.detail.iter().any(|line| line.ends_with('^')), "{:?}", failure.detail);
    }
}
