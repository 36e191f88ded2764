//! Contexts: names for nodes and the ways to them, in one file of the user's.

mod store;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use flitch::config::Ports;
use serde::{Deserialize, Serialize};

use crate::args::TargetArgs;
use crate::config::ANY;
use crate::failure::{Failure, Stage};
use crate::reach::HostPort;

pub(crate) use store::{place, read, write};

/// What a NODE begins with that is a context.
const MARK: char = '@';

/// The file.
#[derive(Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Contexts {
    /// The one that `@` alone stands for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) current: Option<String>,
    #[serde(default)]
    pub(crate) contexts: BTreeMap<String, Entry>,
}

/// One context. What is absent is as without a context.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) node: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) address: Option<HostPort>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) any_name: bool,
    /// Relative to the directory of the contexts' file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cookie_file: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dist_port: Option<u16>,
}

impl Contexts {
    /// The context of this name, or the current one.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn find(&self, name: Option<&str>) -> Result<(&str, &Entry), Failure> {
        let Some(name) = name.or(self.current.as_deref()) else {
            return Err(Failure::usage(
                "there is no current context: choose one with flitch context use NAME",
            ));
        };
        match self.contexts.get_key_value(name) {
            Some((name, entry)) => Ok((name, entry)),
            None => Err(Failure::usage(format!("there is no context {name:?}: {}", self.choice()))),
        }
    }

    fn choice(&self) -> String {
        let names: Vec<&str> = self.contexts.keys().map(String::as_str).collect();
        match names.as_slice() {
            [] => "make one with flitch context set NAME --node NAME@HOST".to_owned(),
            names => format!("there are {}", names.join(", ")),
        }
    }
}

/// Whether a context can have this name.
pub(crate) fn is_name(text: &str) -> bool {
    let fits = |char: char| char.is_ascii_alphanumeric() || matches!(char, '.' | '-' | '_');
    !text.is_empty() && text.len() <= 64 && text.chars().all(fits)
}

/// What was typed, and below it what the context says that it names, if it names one.
///
/// # Errors
/// There is no such context, or the file is none.
pub(crate) fn lay_under(args: TargetArgs) -> Result<TargetArgs, Failure> {
    let Some(name) = args.node.strip_prefix(MARK) else { return Ok(args) };
    let name = name.to_owned();
    // Such a thing is a node's name without its first half.
    if !name.is_empty() && !is_name(&name) {
        let message = format!("{:?} is neither a context nor a node, NAME@HOST", args.node);
        return Err(Failure::new(Stage::Name, message));
    }
    let path = place()?;
    let contexts = read(&path)?;
    let found = contexts.find(Some(name.as_str()).filter(|name| !name.is_empty()));
    let (_, entry) = found.map_err(|failure| {
        let hint = "@ begins a context, and a node is written NAME@HOST";
        Failure::new(Stage::Name, format!("{}; {hint}", failure.message))
    })?;
    Ok(laid_under(args, entry, path.parent()))
}

fn laid_under(args: TargetArgs, entry: &Entry, directory: Option<&Path>) -> TargetArgs {
    let mut args = TargetArgs { node: entry.node.clone().unwrap_or(ANY.to_owned()), ..args };
    args.any_name |= entry.any_name;
    args.address = args.address.or_else(|| entry.address.clone());
    let file = entry.cookie_file.as_ref();
    let file = file.map(|file| directory.map_or_else(|| file.clone(), |at| at.join(file)));
    args.cookie.cookie_file = args.cookie.cookie_file.or(file);
    if let Some(port) = entry.dist_port.filter(|_| *args.dist_port.0.end() == 0) {
        args.dist_port = Ports(port..=port);
    }
    args
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{self, Command};

    fn typed(words: &[&str]) -> TargetArgs {
        let line: Vec<_> = ["flitch", "ping"].iter().chain(words).map(Into::into).collect();
        let Command::Ping(args) = args::parse(&line).unwrap().command else { panic!("{words:?}") };
        args.target
    }

    fn entry() -> Entry {
        Entry {
            node: Some("app@10.0.0.7".to_owned()),
            address: Some("localhost:9100".parse().unwrap()),
            any_name: true,
            cookie_file: Some("prod.cookie".into()),
            dist_port: Some(9100),
        }
    }

    #[test]
    fn a_context_says_what_was_not_typed() {
        let args = laid_under(typed(&["@prod"]), &entry(), Some(Path::new("/etc/x")));
        assert_eq!(args.node, "app@10.0.0.7");
        assert_eq!(args.address.unwrap().to_string(), "localhost:9100");
        assert_eq!(args.cookie.cookie_file.unwrap(), Path::new("/etc/x/prod.cookie"));
        assert_eq!(args.dist_port, Ports(9100..=9100));
        assert!(args.any_name);
    }

    #[test]
    fn what_was_typed_comes_before_the_context() {
        let words = ["@prod", "--address", "[::1]:1", "--cookie-file", "/c", "--dist-port", "7"];
        let args = laid_under(typed(&words), &entry(), Some(Path::new("/etc/x")));
        assert_eq!(args.address.unwrap().to_string(), "[::1]:1");
        assert_eq!(args.cookie.cookie_file.unwrap(), Path::new("/c"));
        assert_eq!(args.dist_port, Ports(7..=7));
    }

    #[test]
    fn a_context_without_a_node_takes_any_at_its_address() {
        let entry = Entry { node: None, ..entry() };
        assert_eq!(laid_under(typed(&["@"]), &entry, None).node, ANY);
    }

    #[test]
    fn a_node_whose_name_lost_its_first_half_is_no_context() {
        let failure = lay_under(typed(&["@127.0.0.1:1"])).unwrap_err();
        assert!(failure.message.contains("NAME@HOST"), "{}", failure.message);
    }

    #[test]
    fn the_current_context_has_to_be_chosen_and_a_name_to_be_there() {
        let mut contexts = Contexts::default();
        assert!(contexts.find(None).unwrap_err().message.contains("context use"));
        assert!(contexts.find(Some("prod")).unwrap_err().message.contains("context set"));
        contexts.contexts.insert("prod".to_owned(), entry());
        assert!(contexts.find(Some("pord")).unwrap_err().message.contains("there are prod"));
        contexts.current = Some("prod".to_owned());
        assert_eq!(contexts.find(None).unwrap().0, "prod");
    }
}
