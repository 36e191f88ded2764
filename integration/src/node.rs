//! A running `flitch node`.

use std::process::{Command, ExitStatus};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::SOON;
use crate::child::Child;
use crate::cluster::Cluster;
use crate::flitch::binary;
use crate::log::Line;

/// How a [`Node`] is to be started.
pub struct NodeBuilder<'c> {
    cluster: &'c Cluster,
    name: String,
    name_args: Vec<String>,
    args: Vec<String>,
    env: Vec<(String, Option<String>)>,
    json: bool,
}

impl<'c> NodeBuilder<'c> {
    pub(crate) fn new(cluster: &'c Cluster, base: &str) -> Self {
        let name = cluster.name(base);
        let cookie = ("RELEASE_COOKIE".to_owned(), Some(cluster.cookie().to_owned()));
        let name_args = vec!["--name".to_owned(), name.clone()];
        Self { cluster, name, name_args, args: Vec::new(), env: vec![cookie], json: true }
    }

    /// Another host than `127.0.0.1` after the `@`.
    #[must_use]
    pub fn host(mut self, host: &str) -> Self {
        self.name = self.name.replace("127.0.0.1", host);
        self.name_args = vec!["--name".to_owned(), self.name.clone()];
        self
    }

    /// A short name at `localhost`.
    #[must_use]
    pub fn short(self) -> Self {
        let mut short = self.host("localhost");
        short.name_args = vec!["--sname".to_owned(), short.name.clone()];
        short
    }

    /// The name from `RELEASE_NODE`.
    #[must_use]
    pub fn name_from_env(mut self) -> Self {
        self.name_args.clear();
        let name = self.name.clone();
        self.env("RELEASE_NODE", &name)
    }

    /// More arguments.
    #[must_use]
    pub fn args(mut self, args: &[&str]) -> Self {
        self.args.extend(args.iter().map(|arg| (*arg).to_owned()));
        self
    }

    /// An environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), Some(value.to_owned())));
        self
    }

    /// No cookie in the environment: the node has to find one elsewhere.
    #[must_use]
    pub fn no_cookie(mut self) -> Self {
        self.env.push(("RELEASE_COOKIE".to_owned(), None));
        self
    }

    /// The log in its default format instead of JSON.
    #[must_use]
    pub fn text_log(mut self) -> Self {
        self.json = false;
        self
    }

    /// Starts the node and waits until it is up.
    ///
    /// # Panics
    /// If it does not come up; its log is shown.
    #[must_use]
    #[track_caller]
    pub fn start(self) -> Node {
        let node = self.spawn();
        node.await_line("node is up");
        node
    }

    /// Starts the node without waiting.
    #[must_use]
    #[track_caller]
    pub fn spawn(self) -> Node {
        let mut command = Command::new(binary());
        self.cluster.enter(&mut command).arg("node").args(&self.name_args);
        command.args(self.json.then_some(["--log-format", "json"]).into_iter().flatten());
        command.args(&self.args);
        for (name, value) in &self.env {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        Node { child: Child::start(&mut command, &self.name), name: self.name }
    }
}

/// A running `flitch node`.
pub struct Node {
    name: String,
    child: Child,
}

impl Node {
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

    /// `{:flitch, :"worker@127.0.0.1"}`: its GenServer, as Elixir source.
    #[must_use]
    pub fn server(&self) -> String {
        format!("{{:flitch, {}}}", self.atom())
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.pid()
    }

    /// The port on which it listens, from its own `node is up`.
    ///
    /// # Panics
    /// If that event has no such field.
    #[must_use]
    #[track_caller]
    pub fn port(&self) -> u16 {
        let up = self.await_event("node is up", |_| true);
        let port = up["port"].as_u64().or_else(|| up["port"].as_str()?.parse().ok());
        port.and_then(|port| u16::try_from(port).ok())
            .unwrap_or_else(|| panic!("no port in `node is up`: {up}"))
    }

    /// Waits for an event of the JSON log with this message and suitable fields; gives its fields.
    ///
    /// # Panics
    /// If it does not come; the log is shown.
    #[track_caller]
    pub fn await_event(&self, message: &str, suits: impl Fn(&Value) -> bool) -> Value {
        self.await_events(1, message, suits).pop().unwrap_or_default()
    }

    /// [`Node::await_event`] for as many such events; gives the fields of all so far.
    ///
    /// # Panics
    /// If they do not come; the log is shown.
    #[track_caller]
    pub fn await_events(
        &self,
        count: usize,
        message: &str,
        suits: impl Fn(&Value) -> bool,
    ) -> Vec<Value> {
        let found = self.child.log().wait_for(SOON, |lines| {
            let events: Vec<_> = events(lines, message).filter(&suits).collect();
            (events.len() >= count).then_some(events)
        });
        found.unwrap_or_else(|missed| {
            panic!("{}: no {count} suitable events `{message}`: {missed:?}", self.name)
        })
    }

    /// The fields of all events so far with this message.
    #[must_use]
    pub fn events(&self, message: &str) -> Vec<Value> {
        let all = self.child.log().wait_for(SOON, |lines| Some(events(lines, message).collect()));
        all.unwrap_or_default()
    }

    /// Waits for a line of the log that contains `text`, in whatever case; gives it.
    ///
    /// # Panics
    /// If it does not come; the log is shown.
    #[track_caller]
    pub fn await_line(&self, text: &str) -> String {
        let found = self.child.log().wait_for(SOON, |lines| {
            let found = |line: &&Line| line.text.to_lowercase().contains(&text.to_lowercase());
            lines.iter().find(found).map(|line| line.text.clone())
        });
        found.unwrap_or_else(|missed| {
            panic!("{}: no line with `{text}` in its log: {missed:?}", self.name)
        })
    }

    /// All that it has printed on standard error: its log.
    #[must_use]
    pub fn log(&self) -> String {
        self.child.log().stream("err")
    }

    /// All that it has printed on standard output.
    #[must_use]
    pub fn stdout(&self) -> String {
        self.child.log().stream("out")
    }

    /// Its command line, as other users of the machine see it.
    #[must_use]
    pub fn command_line(&self) -> String {
        let line = std::fs::read(format!("/proc/{}/cmdline", self.child.pid()));
        String::from_utf8_lossy(&line.unwrap_or_default()).replace('\0', " ")
    }

    /// Freezes the node (`SIGSTOP`): its sockets stay open and it is silent.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        self.child.signal(signal);
    }

    /// Waits for its end by itself, no longer than `within`.
    pub fn wait(&mut self, within: Duration) -> Option<ExitStatus> {
        self.child.wait(within)
    }

    /// Sends `SIGTERM`, and demands what is promised: gone within 5 seconds, exit status 0.
    ///
    /// # Panics
    /// If it is otherwise; the log is shown.
    #[track_caller]
    pub fn stop(mut self) {
        self.signal(Signal::TERM);
        self.expect_orderly_end();
    }

    /// Demands what is promised after `SIGTERM`: gone within 5 seconds, exit status 0.
    ///
    /// # Panics
    /// If it is otherwise; the log is shown.
    #[track_caller]
    pub fn expect_orderly_end(&mut self) {
        match self.wait(Duration::from_secs(5)) {
            Some(status) => assert_eq!(status.code(), Some(0), "{} ended with {status}", self.name),
            None => panic!("{} is still there 5 s after the signal", self.name),
        }
    }

    /// Kills it (`SIGKILL`) and waits for its end.
    ///
    /// # Panics
    /// If it does not die.
    pub fn kill(mut self) {
        self.signal(Signal::KILL);
        assert!(self.wait(SOON).is_some(), "{} does not die", self.name);
    }
}

/// The fields of the events with this message, in the layout of tracing-subscriber's `json`.
fn events<'a>(lines: &'a [Line], message: &'a str) -> impl Iterator<Item = Value> + 'a {
    lines
        .iter()
        .filter(|line| line.stream == "err")
        .filter_map(|line| serde_json::from_str::<Value>(&line.text).ok())
        .map(|mut event| event["fields"].take())
        .filter(move |fields| fields["message"] == message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_found_among_other_lines() {
        let line = |stream, text: &str| Line { stream, text: text.to_owned() };
        let up = r#"{"timestamp":"x","level":"INFO","fields":{"message":"node is up","port":7},"target":"flitch"}"#;
        let lines = [line("err", "a panic message"), line("out", up), line("err", up)];
        let found: Vec<_> = events(&lines, "node is up").collect();
        assert_eq!(found.len(), 1, "standard output is not the log");
        assert_eq!(found[0]["port"], 7);
        assert_eq!(events(&lines, "peer is up").count(), 0);
    }
}
