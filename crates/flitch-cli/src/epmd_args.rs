//! The command line of `flitch epmd`, which is the stock daemon's: words with one dash.

use std::ffi::{OsStr, OsString};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use flitch::epmd::address;

/// Take the place of epmd, the port mapper of the BEAMs on this host.
///
/// Options are spelled as the stock daemon's are, and a second dash does no harm. Started under
/// the name `epmd`, by a link or a copy, the program is this command.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true, override_usage = USAGE_LINE, after_help = HELP)]
pub(crate) struct EpmdArgs {
    #[arg(hide = true, allow_hyphen_values = true, trailing_var_arg = true)]
    pub(crate) words: Vec<OsString>,
}

const USAGE_LINE: &str = "flitch epmd [OPTION]...";

const HELP: &str = "\
Serve:
  -port No                   listen on another port than 4369 [else: ERL_EPMD_PORT]
  -address List              listen on these addresses, and on the loopback [else: ERL_EPMD_ADDRESS]
  -daemon                    leave the terminal; returns when the port is open, or in use already
  -systemd                   serve on the sockets that systemd hands over, and tell it when ready
  -relaxed_command_check     allow -kill while nodes are registered, and -stop
                             [also: ERL_EPMD_RELAXED_COMMAND_CHECK]
  -d, -debug                 log what is refused and why; repeatable. RUST_LOG says it more finely.
                             The log is on standard error, a daemon's in the system's log
  -packet_timeout Seconds    how long a peer may take over its request, in all [60]
  -delay_accept Seconds      act a busy daemon: wait before each connection is accepted
  -delay_write Seconds       act a busy daemon: wait before each answer

Ask the one that runs on this host:
  -names                     list the nodes
  -dump                      list the nodes, and names that were in use
  -started                   say by the exit status alone whether one runs
  -kill                      end it
  -stop Name                 take a name from its node

Where it listens, if neither -address nor ERL_EPMD_ADDRESS says so:
  in a pod, where POD_IP is set: on that address and on the loopback;
  else, as `flitch epmd`: on the loopback alone. Peers on other hosts ask this EPMD for the ports
  of its nodes: give it the address that stands in the nodes' names;
  else, as `epmd`: on every address, as the stock daemon does, because a BEAM that starts it
  has no way to say which.
From other hosts it answers only where a node is and which there are; -kill and -stop are taken
over the loopback alone.

Exit status: 0 done, or one runs already; 1 not done.

Examples:
  flitch epmd -daemon
  flitch epmd -address 10.0.0.7 -d
  flitch epmd -names
  ln -sf \"$(command -v flitch)\" \"$RELEASE_ROOT\"/erts-*/bin/epmd
      the release's nodes start it themselves from now on: a BEAM runs the epmd in its own folder";

/// What the stock daemon says to a line that it does not understand.
pub(crate) const USAGE: &str = "\
usage: epmd [-d|-debug] [DbgExtra...] [-address List]
            [-port No] [-daemon] [-relaxed_command_check]
       epmd [-d|-debug] [-port No] [-names|-kill|-stop name]

`flitch epmd --help`, or `epmd --help`, explains them and the others.
";

/// The line as clap reads it: what was started as `epmd` is `flitch epmd`, and `erl_call` likewise.
pub(crate) fn line(mut words: Vec<OsString>) -> Vec<OsString> {
    let program = words.first().map(OsString::as_os_str);
    for personality in ["epmd", "erl_call"] {
        if is_named(program, personality) {
            words.insert(1, personality.into());
            break;
        }
    }
    words
}

/// Whether this is the name of the stock daemon.
pub(crate) fn is_drop_in(program: Option<&OsStr>) -> bool {
    is_named(program, "epmd")
}

fn is_named(program: Option<&OsStr>, name: &str) -> bool {
    program.is_some_and(|program| Path::new(program).file_name() == Some(OsStr::new(name)))
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Serve,
    Names,
    Dump,
    Started,
    Kill,
    Stop(String),
    Help,
}

/// The line, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Epmd {
    pub(crate) action: Action,
    pub(crate) port: u16,
    /// As given; empty if nobody did.
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) daemon: bool,
    pub(crate) systemd: bool,
    pub(crate) relaxed: bool,
    pub(crate) debug: u8,
    pub(crate) packet_timeout: Duration,
    pub(crate) delay_accept: Duration,
    pub(crate) delay_write: Duration,
}

impl Epmd {
    /// What the stock daemon takes for a peer's slowness.
    const PACKET_TIMEOUT: Duration = Duration::from_secs(60);

    /// Reads the words behind the command, and the variables that stand in for them.
    ///
    /// # Errors
    /// A sentence about what cannot be understood.
    pub(crate) fn read(
        words: &[OsString],
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        let mut epmd = Self::from_variables(&variable);
        let mut listed = variable("ERL_EPMD_ADDRESS");
        let mut port = variable(address::PORT_VARIABLE);
        let mut words = words.iter().map(|word| word.to_string_lossy());
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.strip_prefix('-').map(|option| option.strip_prefix('-').unwrap_or(option)) {
                Some("d" | "debug") => epmd.debug = epmd.debug.saturating_add(1),
                Some("daemon") => epmd.daemon = true,
                Some("systemd") => epmd.systemd = true,
                Some("relaxed_command_check") => epmd.relaxed = true,
                Some("port") => port = Some(value()?.into_owned()),
                Some("address") => listed = Some(value()?.into_owned()),
                Some("packet_timeout") => epmd.packet_timeout = seconds(&value()?)?,
                Some("delay_accept") => epmd.delay_accept = seconds(&value()?)?,
                Some("delay_write") => epmd.delay_write = seconds(&value()?)?,
                Some("stop") => epmd.action = Action::Stop(value()?.into_owned()),
                Some("names") => epmd.action = Action::Names,
                Some("dump") => epmd.action = Action::Dump,
                Some("started") => epmd.action = Action::Started,
                Some("kill") => epmd.action = Action::Kill,
                Some("h" | "help") => epmd.action = Action::Help,
                _ => return Err(format!("{word:?} is no option of epmd")),
            }
            // As in the stock daemon, a question ends the line.
            if let (Action::Serve, _) | (_, None) = (&epmd.action, words.clone().next()) {
                continue;
            }
            return Err(format!("{word} is the last word of its line: put options before it"));
        }
        epmd.port = address::port(&port.unwrap_or_default()).map_err(|error| error.to_string())?;
        let listed = address::list(&listed.unwrap_or_default(), epmd.port);
        let listed = listed.map_err(|error| error.to_string())?;
        epmd.addresses = listed.iter().map(SocketAddr::ip).collect();
        Ok(epmd)
    }

    fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        Self {
            action: Action::Serve,
            port: address::DEFAULT_PORT,
            addresses: Vec::new(),
            daemon: false,
            systemd: false,
            relaxed: variable("ERL_EPMD_RELAXED_COMMAND_CHECK").is_some(),
            debug: 0,
            packet_timeout: Self::PACKET_TIMEOUT,
            delay_accept: Duration::ZERO,
            delay_write: Duration::ZERO,
        }
    }
}

/// Whole seconds, more than none.
fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<u32>() {
        Ok(seconds @ 1..) => Ok(Duration::from_secs(seconds.into())),
        _ => Err(format!("{text:?} is no number of seconds: write 1 or more")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Epmd, String> {
        read_with(line, &[])
    }

    fn read_with(line: &str, variables: &[(&str, &str)]) -> Result<Epmd, String> {
        let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        Epmd::read(&words, |name| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn every_option_of_the_stock_daemon_is_understood_with_one_dash_or_two() {
        let line = "-d -debug -port 4370 -address 10.0.0.7,fd00::7 -daemon -relaxed_command_check \
                    -packet_timeout 7 -delay_accept 1 -delay_write 2 -systemd";
        let epmd = read(line).unwrap();
        let expected = Epmd {
            action: Action::Serve,
            port: 4370,
            addresses: vec!["10.0.0.7".parse().unwrap(), "fd00::7".parse().unwrap()],
            daemon: true,
            systemd: true,
            relaxed: true,
            debug: 2,
            packet_timeout: Duration::from_secs(7),
            delay_accept: Duration::from_secs(1),
            delay_write: Duration::from_secs(2),
        };
        assert_eq!(epmd, expected);
        assert_eq!(read(&line.replace('-', "--")).unwrap(), expected);
    }

    #[test]
    fn a_question_is_the_last_word_of_its_line() {
        for (line, action) in [
            ("-port 1 -names", Action::Names),
            ("-dump", Action::Dump),
            ("-d -started", Action::Started),
            ("-kill", Action::Kill),
            ("-port 1 -stop worker", Action::Stop("worker".to_owned())),
        ] {
            assert_eq!(read(line).unwrap().action, action, "{line}");
            assert!(read(&format!("{line} -d")).is_err(), "{line} -d");
        }
        assert!(read("-stop").is_err());
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_the_word() {
        for (line, word) in [
            ("-foo", "-foo"),
            ("daemon", "daemon"),
            ("-port", "-port"),
            ("-port 0", "0"),
            ("-port 70000", "70000"),
            ("-port x", "x"),
            ("-packet_timeout 0", "0"),
            ("-delay_write -1", "-1"),
            ("-address 1.2.3", "1.2.3"),
        ] {
            let said = read(line).unwrap_err();
            assert!(said.contains(word), "{line}: {said}");
        }
    }

    #[test]
    fn the_environment_stands_in_and_the_line_goes_before_it() {
        let variables = [
            ("ERL_EPMD_PORT", "4371"),
            ("ERL_EPMD_ADDRESS", " 10.0.0.1 , 10.0.0.2,"),
            ("ERL_EPMD_RELAXED_COMMAND_CHECK", ""),
        ];
        let epmd = read_with("", &variables).unwrap();
        assert_eq!((epmd.port, epmd.addresses.len(), epmd.relaxed), (4371, 2, true));
        let epmd = read_with("-port 4372 -address 10.0.0.3", &variables).unwrap();
        assert_eq!((epmd.port, epmd.addresses.len()), (4372, 1));
        assert!(read_with("", &[("ERL_EPMD_PORT", "x")]).is_err());
        assert_eq!(
            read_with("", &[("ERL_EPMD_ADDRESS", " , ")]).unwrap().addresses,
            [] as [IpAddr; 0]
        );
    }

    #[test]
    fn the_name_of_the_program_decides_and_not_the_folder_that_it_is_in() {
        for (program, drop_in) in [
            ("epmd", true),
            ("/usr/bin/epmd", true),
            ("./epmd", true),
            ("flitch", false),
            ("/epmd/flitch", false),
            ("myepmd", false),
        ] {
            assert_eq!(is_drop_in(Some(OsStr::new(program))), drop_in, "{program}");
        }
        assert_eq!(line(vec!["/bin/epmd".into(), "-d".into()]), ["/bin/epmd", "epmd", "-d"]);
        assert_eq!(line(vec!["flitch".into(), "ping".into()]), ["flitch", "ping"]);
    }
}
