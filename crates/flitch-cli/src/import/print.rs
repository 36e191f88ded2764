//! Topologies as tables of `flitch.toml`, with what belongs into the environment in comments.

use std::fmt::Write;

use toml::Value;

use super::value::Env;
use super::{Setting, Topology};

/// The tables of `flitch.toml`, one topology behind the other.
pub(crate) fn toml(topologies: &[Topology]) -> String {
    let tables: Vec<_> = topologies.iter().map(table).collect();
    tables.join("\n")
}

fn table(topology: &Topology) -> String {
    let name = key(&topology.name);
    let strategy = Value::String(topology.strategy.clone());
    let mut text = format!("[topologies.{name}]\nstrategy = {strategy}\n");
    if !topology.options.is_empty() {
        let _ = write!(text, "\n[topologies.{name}.config]\n");
    }
    for (option, setting) in &topology.options {
        text.push_str(&line(topology, option, setting));
    }
    text
}

/// An option, with a line end.
fn line(topology: &Topology, option: &str, setting: &Setting) -> String {
    let written = key(option);
    match setting {
        Setting::Value(value) => format!("{written} = {value}\n"),
        Setting::Nil => format!("# {written}: nil in Elixir, as if it were not there\n"),
        Setting::Env(Env { variable: elixirs, default, .. }) => {
            let comment = match (topology.variable(option), default) {
                (Some(ours), Some(_)) => format!("{ours} goes over it; {elixirs} in Elixir"),
                (Some(ours), None) => format!("{written}: set {ours}; {elixirs} in Elixir"),
                (None, Some(_)) => format!("{elixirs} in Elixir"),
                (None, None) => format!("{written} = ; {elixirs} in Elixir"),
            };
            match default {
                Some(default) => format!("{written} = {default} # {}\n", harmless(&comment)),
                None => format!("# {}\n", harmless(&comment)),
            }
        }
        Setting::Secret(elixirs) => {
            let ours = topology.variable(option);
            let ours = ours.map(|name| format!("; or without this line, into {name}"));
            let elixirs = elixirs.as_ref().map(|name| format!("; {name} in Elixir"));
            let (ours, elixirs) = (ours.unwrap_or_default(), elixirs.unwrap_or_default());
            let comment = format!("the secret goes into this file{ours}{elixirs}");
            let file = Value::String(topology.secret_file());
            format!("# {}\nsecret_file = {file}\n", harmless(&comment))
        }
    }
}

/// A key, in quotes where TOML wants them.
fn key(name: &str) -> String {
    let is_bare = |char: char| char.is_ascii_alphanumeric() || char == '_' || char == '-';
    if !name.is_empty() && name.chars().all(is_bare) {
        name.to_owned()
    } else {
        // TOML's values may go over lines, its keys not; JSON's texts never do.
        serde_json::Value::from(name).to_string()
    }
}

/// A comment must not end before its line does.
fn harmless(comment: &str) -> String {
    comment.chars().map(|char| if char.is_control() { '\u{fffd}' } else { char }).collect()
}
