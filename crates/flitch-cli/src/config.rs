//! What the command line and the environment mean: names, ports, peers, terms. No socket is touched
//! here, and no file but that of the contexts, if a context is named.

use std::path::PathBuf;

use flitch::config::{EpmdChoice, Ports, Seconds};
use flitch::etf::text::{self, Syntax};
use flitch::{Atom, Config, NodeName, Term};

use crate::args::{EpmdArg, NodeArgs, SyntaxArgs, TargetArgs};
use crate::contexts;
use crate::failure::{Failure, Stage};
use crate::reach::HostPort;

/// The configuration of a node: the file and the environment, and over them the command line.
///
/// # Errors
/// What is missing or does not fit together, and what to write instead.
pub(crate) fn node(args: NodeArgs, mut config: Config) -> Result<Config, Failure> {
    let given = match (args.name, args.sname) {
        (Some(long), _) => Some(NodeName::long(&long)),
        (None, Some(short)) => Some(NodeName::short(&short)),
        (None, None) => None,
    };
    if let Some(name) = given {
        config.node.name = Some(name.map_err(|error| Failure::from(&error))?.to_string());
    } else if config.node.name.as_deref().is_none_or(str::is_empty) {
        return Err(Failure::new(
            Stage::Name,
            "the node needs a name: give --name worker@127.0.0.1, --sname worker@localhost, or set \
             RELEASE_NODE",
        ));
    }
    let node = &mut config.node;
    if args.cookie.cookie_file.is_some() {
        (node.cookie_file, node.cookie_file_first) = (args.cookie.cookie_file, true);
    }
    node.dist_port = args.dist_port.or(node.dist_port.take());
    node.epmd = args.epmd.map_or(node.epmd, EpmdChoice::from);
    node.visible |= args.visible;
    node.net_ticktime = args.net_ticktime.or(node.net_ticktime);
    node.net_setuptime = args.net_setuptime.or(node.net_setuptime);
    node.drain = args.drain.map(|Seconds(time)| time).or(node.drain);
    replace(&mut node.bind, args.bind);
    replace(&mut node.connect, args.connect);
    replace(&mut node.allow, args.allow);
    replace(&mut node.peer_port, args.peer_port);
    replace(&mut node.peer_cookie_file, args.peer_cookie_file);
    config.http.listen = args.http.or(config.http.listen);
    config.cluster.ready = args.ready.unwrap_or(config.cluster.ready);
    Ok(config)
}

/// What is given on the command line takes the place of what was there.
fn replace<T>(list: &mut Vec<T>, given: Vec<T>) {
    if !given.is_empty() {
        *list = given;
    }
}

impl From<EpmdArg> for EpmdChoice {
    fn from(arg: EpmdArg) -> Self {
        match arg {
            EpmdArg::Auto => Self::Auto,
            EpmdArg::External => Self::External,
            EpmdArg::Embedded => Self::Embedded,
            EpmdArg::None => Self::None,
        }
    }
}

/// The port, if it is one.
fn fixed(Ports(ports): &Ports) -> Option<u16> {
    (ports.start() == ports.end()).then_some(*ports.start()).filter(|port| *port != 0)
}

/// In the place of a name: any.
pub(crate) const ANY: &str = "-";

/// Whom a command asks.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// Its name, if one was given.
    pub(crate) node: Option<NodeName>,
    /// Whether the name that the node itself states is the right one.
    pub(crate) any_name: bool,
    pub(crate) cookie_file: Option<PathBuf>,
    /// Its port, where there is no EPMD.
    pub(crate) port: Option<u16>,
    /// Where it is reached, if not by its name.
    pub(crate) address: Option<HostPort>,
    /// The alive name of our own side, if the node is not to give one.
    pub(crate) own: Option<String>,
}

impl Target {
    /// What was typed, with what the context adds that it names, if it names one.
    ///
    /// # Errors
    /// The name is none, or there is no such context.
    pub(crate) fn resolve(args: TargetArgs) -> Result<Self, Failure> {
        let args = contexts::lay_under(args)?;
        let node = match args.node.as_str() {
            ANY if args.address.is_some() => None,
            ANY => {
                return Err(Failure::usage(
                    "- stands for whichever node is at an address: add --address HOST:PORT",
                ));
            }
            name => Some(name.parse().map_err(|error| Failure::from(&error))?),
        };
        Ok(Self {
            any_name: args.any_name || node.is_none(),
            node,
            cookie_file: args.cookie.cookie_file,
            port: fixed(&args.dist_port),
            address: args.address,
            own: None,
        })
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

    use flitch::NameKind;

    use super::*;
    use crate::args::{self, Command};

    /// As far as a node is made of it.
    fn resolve(words: &[&str], release_node: Option<&str>) -> Result<Config, Failure> {
        let line: Vec<_> = ["flitch", "node"].iter().chain(words).map(OsString::from).collect();
        let Command::Node(args) = args::parse(&line).unwrap().command else { panic!("{words:?}") };
        let variables = [("RELEASE_NODE", release_node), ("RELEASE_COOKIE", Some("COOKIE"))];
        let set = variables.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let set = set.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let config = node(args, Config::read("", set).unwrap())?;
        config.builder().map(drop).map_err(|error| Failure::from(&error))?;
        Ok(config)
    }

    fn name(words: &[&str], release_node: Option<&str>) -> NodeName {
        resolve(words, release_node).unwrap().name().unwrap()
    }

    #[test]
    fn a_name_on_the_command_line_beats_the_one_of_the_release() {
        assert_eq!(name(&["--name", "a@127.0.0.1"], Some("b@127.0.0.1")), *"a@127.0.0.1");
        assert_eq!(name(&[], Some("b@127.0.0.1")), *"b@127.0.0.1");
        assert_eq!(name(&[], Some("b@db")).kind(), NameKind::Short);
        assert_eq!(name(&["--sname", "a@db"], None), *"a@db");
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
        assert!(resolve(&[epmd_none.as_slice(), &["9100"]].concat(), None).is_ok());
        for port in ["0", "9100-9105"] {
            let failure = resolve(&[epmd_none.as_slice(), &[port]].concat(), None).unwrap_err();
            assert!(failure.message.contains("--dist-port"), "{}", failure.message);
            assert!(failure.message.contains("ERL_DIST_PORT"), "{}", failure.message);
        }
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
        assert!(resolve(&[words.as_slice(), &range].concat(), None).is_ok());
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
