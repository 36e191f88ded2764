//! A live Elixir or Erlang node that evaluates what a test sends it.

use std::io::Write;
use std::process::{ChildStdin, Command};
use std::sync::Mutex;
use std::time::Duration;

use rustix::process::Signal;

use crate::child::Child;
use crate::cluster::Cluster;
use crate::log::{Line, Missed};
use crate::{SOON, eventually, stock};

/// A running BEAM node.
///
/// One process in it evaluates all expressions: variables stay bound from one to the next, and
/// what it is sent stays in its mailbox, so a monitor set up in one is received in a later one.
pub struct Beam {
    name: String,
    child: Child,
    input: Mutex<Input>,
}

struct Input {
    pipe: ChildStdin,
    asked: u64,
}

/// Why an expression has no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EvalError {
    /// It raised, threw or exited; the text is the BEAM's own, with the stack.
    Raised(String),
    /// No answer within this time. The node is still at it and answers nothing else.
    Timeout(Duration),
    /// The node has ended.
    Ended,
}

impl std::fmt::Display for EvalError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Raised(text) => write!(f, "it raised:\n{text}"),
            Self::Timeout(time) => write!(f, "no answer within {time:?}"),
            Self::Ended => write!(f, "the node has ended"),
        }
    }
}

impl std::error::Error for EvalError {}

impl Beam {
    /// The node's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The node's name as an atom of Elixir source.
    #[must_use]
    pub fn atom(&self) -> String {
        format!(":{:?}", self.name)
    }

    /// The operating system's process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.pid()
    }

    /// Evaluates an expression of the node's own language and gives its value as that language
    /// prints it, on one line.
    ///
    /// # Errors
    /// [`EvalError`], if it has no value within 30 seconds.
    pub fn eval(&self, source: &str) -> Result<String, EvalError> {
        self.eval_timeout(source, SOON)
    }

    /// [`Beam::eval`] with a time of its own.
    ///
    /// # Errors
    /// [`EvalError`], if it has no value within that time.
    pub fn eval_timeout(&self, source: &str, within: Duration) -> Result<String, EvalError> {
        self.child.log().note("ask", source);
        let frame = self.ask(source).map_err(|_| EvalError::Ended)?;
        let answer = |lines: &[Line]| {
            lines.iter().rev().find_map(|line| line.text.strip_prefix(&frame).map(str::to_owned))
        };
        let answer = self.child.log().wait_for(within, answer).map_err(|missed| match missed {
            Missed::Deadline => EvalError::Timeout(within),
            Missed::Ended => EvalError::Ended,
        })?;
        let (kind, hex) = answer.split_once(' ').unwrap_or((&answer, ""));
        let text = unhex(hex);
        self.child.log().note(if kind == "ok" { "=> " } else { "!! " }, &text);
        if kind == "ok" { Ok(text) } else { Err(EvalError::Raised(text)) }
    }

    /// Evaluates, and demands this value.
    ///
    /// # Panics
    /// If it has another value or none.
    #[track_caller]
    pub fn expect(&self, source: &str, value: &str) {
        match self.eval(source) {
            Ok(found) if found == value => {}
            Ok(found) => panic!("{source}\n    gave {found}\nexpected {value}"),
            Err(error) => panic!("{source}\n    gave nothing: {error}\nexpected {value}"),
        }
    }

    /// Evaluates again and again until it has this value.
    ///
    /// # Panics
    /// If it does not have it within 30 seconds.
    #[track_caller]
    pub fn expect_soon(&self, source: &str, value: &str) {
        let mut last = None;
        let what = format!("{source} gives {value}");
        eventually(&what, || {
            let found = self.eval(source);
            let done = found.as_deref() == Ok(value);
            if !done && last.as_ref() != Some(&found) {
                eprintln!("{source} gives {found:?}");
                last = Some(found);
            }
            done.then_some(())
        });
    }

    /// Evaluates, and demands that it raises; gives what the BEAM says about it.
    ///
    /// # Panics
    /// If it has a value, or neither value nor error.
    #[track_caller]
    #[must_use]
    pub fn expect_raise(&self, source: &str) -> String {
        match self.eval(source) {
            Err(EvalError::Raised(text)) => text,
            other => panic!("{source}\n    gave {other:?}\nexpected an exception"),
        }
    }

    /// All that the node has printed by itself: what is logged on it.
    #[must_use]
    pub fn log(&self) -> String {
        self.child.log().stream("out") + &self.child.log().stream("err")
    }

    /// Freezes the node (`SIGSTOP`): its sockets stay open and it is silent.
    pub fn freeze(&self) {
        self.child.signal(Signal::STOP);
    }

    /// Lets a frozen node go on.
    pub fn thaw(&self) {
        self.child.signal(Signal::CONT);
    }

    /// Kills the node (`SIGKILL`) and waits for its end.
    ///
    /// # Panics
    /// If it does not die.
    pub fn kill(mut self) {
        self.child.signal(Signal::KILL);
        assert!(self.child.wait(SOON).is_some(), "{} does not die", self.name);
    }

    fn ask(&self, source: &str) -> std::io::Result<String> {
        let mut input = self.input.lock().map_err(|_| std::io::ErrorKind::Other)?;
        input.asked += 1;
        let number = input.asked;
        let hex = source.bytes().fold(String::new(), |hex, byte| hex + &format!("{byte:02X}"));
        writeln!(input.pipe, "{number} {hex}")?;
        Ok(format!("@@{number} "))
    }
}

fn unhex(hex: &str) -> String {
    let digits: Vec<_> = hex.chars().filter_map(|digit| digit.to_digit(16)).collect();
    let bytes: Vec<_> = digits.chunks(2).map(|two| (two[0] * 16 + two[1]) as u8).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// How a [`Beam`] is to be started.
pub struct BeamBuilder<'c> {
    cluster: &'c Cluster,
    language: Language,
    name: String,
    name_flag: &'static str,
    cookie: Option<String>,
    flags: String,
    env: Vec<(String, String)>,
    network: Option<u32>,
}

enum Language {
    Elixir,
    Erlang,
}

impl<'c> BeamBuilder<'c> {
    pub(crate) fn elixir(cluster: &'c Cluster, base: &str) -> Self {
        Self::new(cluster, base, Language::Elixir)
    }

    pub(crate) fn erl(cluster: &'c Cluster, base: &str) -> Self {
        Self::new(cluster, base, Language::Erlang)
    }

    fn new(cluster: &'c Cluster, base: &str, language: Language) -> Self {
        Self {
            cluster,
            language,
            name: cluster.name(base),
            name_flag: "name",
            cookie: Some(cluster.cookie().to_owned()),
            // Else erl starts an epmd that belongs to nobody and stays.
            flags: "-start_epmd false".to_owned(),
            env: Vec::new(),
            network: None,
        }
    }

    /// Another host than `127.0.0.1` after the `@`.
    #[must_use]
    pub fn host(mut self, host: &str) -> Self {
        self.name = self.name.replace("127.0.0.1", host);
        self
    }

    /// A short name at `localhost`.
    #[must_use]
    pub fn short(mut self) -> Self {
        self.name_flag = "sname";
        self.host("localhost")
    }

    /// No name: the first node that it connects to gives it one, at `127.0.0.1`.
    #[must_use]
    pub fn unnamed(mut self) -> Self {
        "undefined@127.0.0.1".clone_into(&mut self.name);
        self
    }

    /// A cookie of its own.
    #[must_use]
    pub fn cookie(mut self, cookie: &str) -> Self {
        self.cookie = Some(cookie.to_owned());
        self
    }

    /// The cookie in `~/.erlang.cookie`, as when nobody gives one.
    #[must_use]
    pub fn cookie_from_home(mut self) -> Self {
        self.cookie = None;
        self
    }

    /// More flags of the emulator, such as `-hidden` or `-kernel net_ticktime 4`; no spaces inside
    /// an argument.
    #[must_use]
    pub fn flags(mut self, flags: &str) -> Self {
        self.flags = format!("{} {flags}", self.flags);
        self
    }

    /// An environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The network namespace of a process, in the place of the test's own.
    #[must_use]
    pub fn network_of(mut self, pid: u32) -> Self {
        self.network = Some(pid);
        self
    }

    /// Starts the node and waits until it evaluates.
    ///
    /// # Panics
    /// If it does not come up; what it printed is shown.
    #[must_use]
    #[track_caller]
    pub fn start(self) -> Beam {
        let mut command = self.command();
        let mut child = Child::start(&mut command, &self.name);
        let pipe = child.take_stdin().expect("a piped standard input");
        let beam = Beam { name: self.name, child, input: Mutex::new(Input { pipe, asked: 0 }) };
        let ready = |lines: &[Line]| lines.iter().find(|line| line.text == "@@ready").map(|_| ());
        if let Err(missed) = beam.child.log().wait_for(SOON, ready) {
            panic!("{} does not come up: {missed:?} ({command:?})", beam.name);
        }
        beam
    }

    fn command(&self) -> Command {
        let program = match self.language {
            Language::Elixir => stock::command("elixir"),
            Language::Erlang => stock::command("erl"),
        };
        let mut command = match self.network {
            Some(pid) => {
                let mut nsenter = Command::new("nsenter");
                nsenter.arg(format!("--net=/proc/{pid}/ns/net")).arg(program.get_program());
                nsenter
            }
            None => program,
        };
        self.cluster.enter(&mut command).envs(self.env.iter().map(|(k, v)| (k, v)));
        match self.language {
            Language::Elixir => {
                command.args([&format!("--{}", self.name_flag), &self.name]);
                command.args(self.cookie.iter().flat_map(|cookie| ["--cookie", cookie]));
                command.args(["--erl", &self.flags]).arg(stock::script("driver.exs"));
            }
            Language::Erlang => {
                command.args(["-noshell", &format!("-{}", self.name_flag), &self.name]);
                command.args(self.cookie.iter().flat_map(|cookie| ["-setcookie", cookie]));
                command.args(self.flags.split_whitespace());
                let driver = stock::script("driver.erl");
                let load = format!(
                    "{{ok, Module, Code}} = compile:file({driver:?}, [binary, report]), \
                     code:load_binary(Module, \"driver\", Code), driver:start()."
                );
                command.args(["-eval", &load]);
            }
        }
        command
    }
}
