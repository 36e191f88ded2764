//! `ErlangHosts`: the hosts of `.hosts.erlang`, as `net_adm` reads it.

use std::path::PathBuf;
use std::time::Duration;

use flitch_name::NodePattern;
use serde::Deserialize;

use crate::options;
use crate::{DiscoveryError, Problem};

/// Every node that EPMD lists on a host of `.hosts.erlang`, or those that `node_pattern` fits.
///
/// The file is looked for in the working directory, in `$HOME` and in `$ROOTDIR`, Erlang's root
/// (`net_adm:host_file/0`), unless `file` says where it is. `timeout` is the time until all hosts
/// are asked again, 5 seconds unless given or `infinity`: libcluster asks once then, and never
/// finds who starts later.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErlangHosts {
    #[serde(default, deserialize_with = "options::millis_or_infinity")]
    timeout: Option<Duration>,
    #[serde(default, deserialize_with = "options::pattern")]
    pub(crate) node_pattern: Option<NodePattern>,
    #[serde(default)]
    file: Option<PathBuf>,
}

impl ErlangHosts {
    /// The file that `net_adm` would find.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// This file.
    #[must_use]
    pub fn file(mut self, file: impl Into<PathBuf>) -> Self {
        self.file = Some(file.into());
        self
    }

    /// Only the nodes that fit.
    #[must_use]
    pub fn node_pattern(mut self, pattern: NodePattern) -> Self {
        self.node_pattern = Some(pattern);
        self
    }

    /// The time until all hosts are asked again.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    pub(crate) fn interval(&self) -> Duration {
        self.timeout.unwrap_or(options::POLLING_INTERVAL)
    }

    /// Where the file may be: the first that is there is the one.
    pub(crate) fn files(&self, home: Option<PathBuf>, root: Option<PathBuf>) -> Vec<PathBuf> {
        match &self.file {
            Some(file) => vec![file.clone()],
            None => [Some(PathBuf::from(".")), home, root]
                .into_iter()
                .flatten()
                .map(|folder| folder.join(".hosts.erlang"))
                .collect(),
        }
    }
}

/// The longest file, in bytes.
pub(crate) const MAX_FILE: usize = 1 << 16;

/// The hosts in a file's text: Erlang terms, each an atom or a string with a full stop behind it.
///
/// # Errors
/// Says in which line something else stands.
pub fn hosts(text: &str) -> Result<Vec<String>, DiscoveryError> {
    if text.len() > MAX_FILE {
        let said = format!(".hosts.erlang is longer than {MAX_FILE} bytes: is it the right file?");
        return Err(DiscoveryError::new(Problem::Config, said));
    }
    let mut hosts = Vec::new();
    let mut reader = Reader { text, rest: text };
    while let Some(host) = reader.term()? {
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    Ok(hosts)
}

struct Reader<'a> {
    text: &'a str,
    rest: &'a str,
}

impl Reader<'_> {
    /// The next term, or the end of the text.
    fn term(&mut self) -> Result<Option<String>, DiscoveryError> {
        self.skip_blank();
        let host = match self.rest.chars().next() {
            None => return Ok(None),
            Some(quote @ ('\'' | '"')) => self.quoted(quote)?,
            Some(c) if c.is_ascii_lowercase() => self.bare(),
            Some(_) => return Err(self.odd("a host name in quotes")),
        };
        self.skip_blank();
        let Some(rest) = self.rest.strip_prefix('.') else {
            return Err(self.odd("a full stop behind the host name"));
        };
        if !rest.is_empty() && !rest.starts_with(|c: char| c.is_whitespace() || c == '%') {
            return Err(self.odd("a full stop and a new line; a name with dots needs quotes"));
        }
        self.rest = rest;
        if format!("x@{host}").parse::<flitch_name::NodeName>().is_err() {
            return Err(self.odd("a host name before this point"));
        }
        Ok(Some(host))
    }

    /// White space, and comments up to the end of their line.
    fn skip_blank(&mut self) {
        loop {
            self.rest = self.rest.trim_start();
            let Some(comment) = self.rest.strip_prefix('%') else { return };
            self.rest = comment.split_once('\n').map_or("", |(_, rest)| rest);
        }
    }

    fn bare(&mut self) -> String {
        let ends = |c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '@');
        let (host, rest) = self.rest.split_at(self.rest.find(ends).unwrap_or(self.rest.len()));
        self.rest = rest;
        host.to_owned()
    }

    /// No host name has anything in it that would have to be escaped.
    fn quoted(&mut self, quote: char) -> Result<String, DiscoveryError> {
        let inside = self.rest.get(1..).unwrap_or_default();
        match inside.split_once(quote) {
            Some((host, rest)) if !host.contains(['\\', '\n']) => {
                self.rest = rest;
                Ok(host.to_owned())
            }
            _ => Err(self.odd("a host name that ends with its quote, in its line")),
        }
    }

    fn odd(&self, wanted: &str) -> DiscoveryError {
        let read = self.text.len() - self.rest.len();
        let line = self.text.get(..read).unwrap_or_default().matches('\n').count() + 1;
        let said = format!(
            ".hosts.erlang, line {line}: {wanted} is expected; write hosts as 'db.example.org'."
        );
        DiscoveryError::new(Problem::Config, said)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_file_reads_as_net_adm_reads_it() {
        let text = "%% our hosts\n'super.eua.ericsson.se'.\n\n db . % the database\n\
                    \"10.0.0.7\".\n'fd00::7'. 'super.eua.ericsson.se'.\nlast.";
        let read = ["super.eua.ericsson.se", "db", "10.0.0.7", "fd00::7", "last"];
        assert_eq!(hosts(text).unwrap(), read);
        assert_eq!(hosts("").unwrap(), [""; 0]);
        assert_eq!(hosts(" % nobody").unwrap(), [""; 0]);
    }

    #[test]
    fn a_mistake_is_named_with_its_line() {
        for (text, line) in [
            ("'a'.\nb.example.org.\n", "line 2"),
            ("'a'.\n'b'\n'c'.", "line 3"),
            ("'a\n'.", "line 1"),
            ("'a", "line 1"),
            ("{127,0,0,1}.", "line 1"),
            ("Host.", "line 1"),
            ("'a b'.", "line 1"),
            ("''.", "line 1"),
            ("'a\\x41'.", "line 1"),
        ] {
            let said = hosts(text).unwrap_err().message;
            assert!(said.contains(line), "{text}: {said}");
        }
        assert!(hosts(&"a. ".repeat(MAX_FILE)).is_err());
    }

    #[test]
    fn the_file_is_looked_for_where_net_adm_looks() {
        let found = ErlangHosts::new().files(Some("/h".into()), Some("/otp".into()));
        let places = ["./.hosts.erlang", "/h/.hosts.erlang", "/otp/.hosts.erlang"];
        assert_eq!(found, places.map(PathBuf::from));
        let given = ErlangHosts::new().file("/etc/hosts.erlang").files(Some("/h".into()), None);
        assert_eq!(given, [PathBuf::from("/etc/hosts.erlang")]);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_or_give_what_is_no_host(text in "['\"a-c.% \\n\\\\]{0,40}|\\PC{0,40}") {
            for host in hosts(&text).unwrap_or_default() {
                let name = crate::naming::name("x", &host);
                prop_assert!(name.is_ok());
            }
        }
    }
}
