//! The command line of `erl_call`, OTP's own one-shot client, and how it prints terms.

pub(crate) mod print;

use std::ffi::OsString;
use std::time::Duration;

/// Take the place of erl_call, the one-shot client that comes with Erlang.
///
/// Options and output are its own. Started under the name `erl_call`, by a link or a copy, the
/// program is this command.
#[derive(Debug, clap::Args)]
#[command(name = "erl_call", disable_help_flag = true)]
#[command(override_usage = "flitch erl_call OPTION...", after_help = HELP)]
pub(crate) struct ErlCallArgs {
    #[arg(hide = true, allow_hyphen_values = true, trailing_var_arg = true)]
    pub(crate) words: Vec<OsString>,
}

const HELP: &str = "\
Which node:
  -n, -name Node             the node, by a long name
  -sname Node                the node, by a short name
  -address [Host:]Port       whoever listens there; not with a name or -s

What to do there, in this order:
  -q                         halt the node, and nothing else
  -m                         compile and load the module on standard input
  -e                         evaluate the expressions on standard input, up to a full stop
  -a 'Mod [Fun [Args]]'      apply a function, start() unless given

  -fetch_stdout              what -a and -e print over there appears here
  -no_result_term            their result does not
  -timeout Secs              end after this time, as by an alarm (exit status 142)
  -s                         start the node if it does not run; it reads ~/.erlang.cookie
  -x ErlScript               start it by this program instead of erl
  -d                         its output goes to ~/.erl_call.out.Node
  -v                         say on standard error what happens
  -h Name                    the name of our own side, which the node keeps for ever
  -r, -R                     a name that the node gives, which it has back afterwards: as without

-c is refused: every user of this machine reads the command line. The cookie comes from
RELEASE_COOKIE, else NODE_COOKIE, else ~/.erlang.cookie.

Exit status: 0 done, also where the function raised, which the result tells; 1 not done, and 255
where -a has no result.

Examples:
  flitch erl_call -name app@127.0.0.1 -a 'erlang node'
  echo 'X = 1, {X, node()}.' | flitch erl_call -sname app -e
  ln -s \"$(command -v flitch)\" erl_call && ./erl_call -sname app -a 'init stop'";

/// What is said to a line that cannot be understood.
pub(crate) const USAGE: &str = "
Usage: erl_call [-[demqrRsv]] [-h HiddenName]
            [-x ErlScript] [-a [Mod [Fun [Args]]]] [-timeout Secs]
            [-fetch_stdout] [-no_result_term]
            (-n Node | -sname Node | -name Node | -address [HOSTNAME:]PORT)

`flitch erl_call -?`, or `erl_call -?`, explains them.
";

/// The line, understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ErlCall {
    /// The node's name, with or without a host.
    pub(crate) node: Option<String>,
    /// Its host is cut at the first dot.
    pub(crate) short: bool,
    /// Where a node without a name listens: the host, if it is not this one, and the port.
    pub(crate) address: Option<(Option<String>, u16)>,
    /// The name of our own side.
    pub(crate) hidden: Option<String>,
    pub(crate) apply: Option<String>,
    pub(crate) evaluate: bool,
    pub(crate) compile: bool,
    pub(crate) halt: bool,
    pub(crate) start: bool,
    pub(crate) script: Option<String>,
    pub(crate) debug: bool,
    pub(crate) verbose: bool,
    pub(crate) fetch_stdout: bool,
    pub(crate) no_result_term: bool,
    pub(crate) timeout: Option<Duration>,
}

/// Why a line is not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mistake {
    /// No option, or a value that it does not take.
    Illegal(String),
    /// An option without its value.
    Missing(&'static str),
    /// A cookie, which must not be here.
    Cookie,
    /// Help was asked for.
    Help,
    /// No node, or options that exclude each other.
    Usage,
}

impl ErlCall {
    /// Reads the words behind the command.
    ///
    /// # Errors
    /// The first that is wrong.
    pub(crate) fn read(words: &[OsString]) -> Result<Self, Mistake> {
        let mut call = Self::default();
        let mut words = words.iter().map(|word| word.to_string_lossy().into_owned());
        while let Some(word) = words.next() {
            let mut value = |option| words.next().ok_or(Mistake::Missing(option));
            match word.as_str() {
                "-sname" => (call.node, call.short) = (Some(value("-sname")?), true),
                "-name" => (call.node, call.short) = (Some(value("-name")?), false),
                "-n" => (call.node, call.short) = (Some(value("-n")?), false),
                "-address" => call.address = Some(address(&value("-address")?)?),
                "-timeout" => call.timeout = Some(seconds(&value("-timeout")?)?),
                "-fetch_stdout" => call.fetch_stdout = true,
                "-no_result_term" => call.no_result_term = true,
                "-s" => call.start = true,
                "-q" => call.halt = true,
                "-v" => call.verbose = true,
                "-d" => call.debug = true,
                "-r" | "-R" => call.hidden = None,
                "-e" => call.evaluate = true,
                "-m" => call.compile = true,
                "-h" => call.hidden = Some(value("-h")?),
                "-x" => call.script = Some(value("-x")?),
                "-a" => call.apply = Some(value("-a")?),
                "-c" => return Err(Mistake::Cookie),
                "-?" | "--help" => return Err(Mistake::Help),
                _ => return Err(Mistake::Illegal(word)),
            }
        }
        let exclusive = (call.compile && call.evaluate)
            || (call.address.is_some() && (call.start || call.node.is_some()));
        let nobody = call.address.is_none() && call.node.is_none();
        if exclusive || nobody { Err(Mistake::Usage) } else { Ok(call) }
    }
}

/// `-a`'s module, function and arguments.
///
/// # Errors
/// There is no module.
pub(crate) fn split_apply(text: &str) -> Result<(&str, &str, &str), &'static str> {
    let (module, rest) = word(text);
    let (function, arguments) = word(rest);
    match module {
        "" => Err("wrong format of apply string (1)"),
        module => Ok((module, or(function, "start"), or(arguments, "[]"))),
    }
}

fn or<'a>(text: &'a str, usual: &'a str) -> &'a str {
    if text.is_empty() { usual } else { text }
}

/// The first word, and what is behind it.
fn word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (word, rest.trim_start())
}

/// The name that `-module(…)` gives.
pub(crate) fn module_name(source: &str) -> Option<&str> {
    let (_, behind) = source.split_once("-module(")?;
    let name = behind.trim_start_matches(' ');
    let end = name.find(|char: char| !(char.is_ascii_alphanumeric() || char == '_'));
    Some(name.get(..end?)?).filter(|name| !name.is_empty())
}

fn address(text: &str) -> Result<(Option<String>, u16), Mistake> {
    let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
    match port.parse() {
        Ok(0) | Err(_) => Err(Mistake::Illegal("-address".to_owned())),
        Ok(port) => Ok(((!host.is_empty()).then(|| host.to_owned()), port)),
    }
}

fn seconds(text: &str) -> Result<Duration, Mistake> {
    match text.parse::<u64>() {
        Ok(seconds @ 1..0x10_0000) => Ok(Duration::from_secs(seconds)),
        _ => Err(Mistake::Illegal("-timeout".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<ErlCall, Mistake> {
        ErlCall::read(&words.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn every_option_of_the_original_is_understood() {
        let call = read(&[
            "-s",
            "-v",
            "-d",
            "-e",
            "-r",
            "-R",
            "-name",
            "a@b.c",
            "-h",
            "me",
            "-x",
            "erl",
            "-a",
            "m f []",
            "-timeout",
            "7",
            "-fetch_stdout",
            "-no_result_term",
        ]);
        let expected = ErlCall {
            node: Some("a@b.c".to_owned()),
            hidden: Some("me".to_owned()),
            apply: Some("m f []".to_owned()),
            evaluate: true,
            start: true,
            script: Some("erl".to_owned()),
            debug: true,
            verbose: true,
            fetch_stdout: true,
            no_result_term: true,
            timeout: Some(Duration::from_secs(7)),
            ..ErlCall::default()
        };
        assert_eq!(call, Ok(expected));
        assert!(read(&["-sname", "a", "-q", "-m"]).is_ok_and(|call| call.short && call.halt));
        let address = |text| read(&["-address", text]).map(|call| call.address.unwrap());
        assert_eq!(address("4370"), Ok((None, 4370)));
        assert_eq!(address(":4370"), Ok((None, 4370)));
        assert_eq!(address("host:4370"), Ok((Some("host".to_owned()), 4370)));
    }

    #[test]
    fn a_cookie_is_refused_before_anything_is_done_with_it() {
        assert_eq!(read(&["-c", "SECRET", "-n", "a@b.c"]), Err(Mistake::Cookie));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_in_the_originals_words() {
        let illegal = |word: &str| Err(Mistake::Illegal(word.to_owned()));
        assert_eq!(read(&["-z"]), illegal("-z"));
        assert_eq!(read(&["a@b.c"]), illegal("a@b.c"));
        assert_eq!(read(&["-address", "70000"]), illegal("-address"));
        assert_eq!(read(&["-timeout", "0"]), illegal("-timeout"));
        assert_eq!(read(&["-n"]), Err(Mistake::Missing("-n")));
        assert_eq!(read(&[]), Err(Mistake::Usage));
        assert_eq!(read(&["-n", "a", "-m", "-e"]), Err(Mistake::Usage));
        assert_eq!(read(&["-n", "a", "-address", "1"]), Err(Mistake::Usage));
        assert_eq!(read(&["-s", "-address", "1"]), Err(Mistake::Usage));
    }

    #[test]
    fn the_string_to_apply_has_usual_values_for_what_is_left_out() {
        assert_eq!(split_apply("m"), Ok(("m", "start", "[]")));
        assert_eq!(split_apply(" m  f "), Ok(("m", "f", "[]")));
        assert_eq!(split_apply("m f [a, b]"), Ok(("m", "f", "[a, b]")));
        assert!(split_apply(" ").is_err());
    }

    #[test]
    fn a_module_is_called_what_its_source_says() {
        assert_eq!(module_name("%% x\n-module( a_1 ).\n"), Some("a_1"));
        assert_eq!(module_name("-module(a"), None);
        assert_eq!(module_name("-module()."), None);
        assert_eq!(module_name(""), None);
    }
}
