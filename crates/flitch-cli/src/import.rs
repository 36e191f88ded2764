//! From the configuration of an Elixir release to topologies of `flitch.toml`.
//!
//! Read is libcluster's `topologies` and dns_cluster's `query`, wherever they stand in a source
//! text. What is a literal is taken over; what Elixir would compute is told with its line. The path:
//! [`tokens`] cut the text, [`find`] looks for topologies in them, [`value`] reads an option,
//! [`print`] writes the TOML.

mod find;
mod print;
mod tokens;
mod value;

use toml::{Table, Value};

use crate::topologies;
use find::Found;
use tokens::Token;
use value::{Env, Read};

pub(crate) use print::toml;

/// What was found in a source text.
#[derive(Debug, Default)]
pub(crate) struct Import {
    pub(crate) topologies: Vec<Topology>,
    /// What could not be taken over, by its lines.
    pub(crate) problems: Vec<Problem>,
}

/// A topology, taken over as far as it could be.
#[derive(Debug)]
pub(crate) struct Topology {
    pub(crate) name: String,
    /// Without libcluster's `Cluster.Strategy.` before it.
    pub(crate) strategy: String,
    /// In their order.
    pub(crate) options: Vec<(String, Setting)>,
}

/// What becomes of an option.
#[derive(Debug)]
pub(crate) enum Setting {
    /// It is this.
    Value(Value),
    /// It comes from the environment.
    Env(Env),
    /// It is a secret, of this variable of the environment if it was not in the text itself.
    Secret(Option<String>),
    /// It is `nil`.
    Nil,
}

/// Something that could not be taken over.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// From 1 on; 0 where it is about the whole text.
    pub(crate) line: usize,
    /// What it is, and what to do instead.
    pub(crate) message: String,
}

impl Problem {
    fn new(line: usize, topology: &str, message: &str) -> Self {
        Self { line, message: format!("{topology}: {message}") }
    }
}

/// Takes over what is in an Elixir source text.
pub(crate) fn import(source: &str) -> Import {
    let mut import = Import::default();
    let tokens = tokens::tokens(source);
    for found in find::find(&tokens, &mut import.problems) {
        if let Some(topology) = topology(source, &found, &mut import.problems) {
            // As in Elixir, where a later configuration goes over an earlier one.
            if let Some(earlier) = import.topologies.iter().position(|it| it.name == topology.name)
            {
                let message = "it is there a second time: this one is printed, the earlier is not";
                import.problems.push(Problem::new(found.line, &topology.name, message));
                import.topologies.remove(earlier);
            }
            import.topologies.push(topology);
        }
    }
    import.problems.sort_by_key(|problem| problem.line);
    import
}

fn topology(source: &str, found: &Found<'_>, problems: &mut Vec<Problem>) -> Option<Topology> {
    let name = found.name.clone();
    let mut strategy = found.strategy.map(str::to_owned);
    let mut options = Vec::new();
    for entry in &found.entries {
        let problem = match (entry.key.as_str(), found.strategy) {
            (_, Some(_)) => {
                options.extend(option(source, &name, entry, problems));
                None
            }
            ("strategy", None) => match value::read(source, entry.value) {
                Read::Value(Value::String(module)) => {
                    strategy = Some(short(&module).to_owned());
                    None
                }
                _ => Some("the strategy is no module that is written out".to_owned()),
            },
            ("config", None) => match find::entries(entry.value) {
                Some(entries) => {
                    let taken = entries.iter().map(|it| option(source, &name, it, problems));
                    options.extend(taken.flatten());
                    None
                }
                // It may have a secret inside, so it is not shown.
                None => Some("config is left out: Elixir computes it".to_owned()),
            },
            (key, None) => function(key, entry.value),
        };
        problems.extend(problem.map(|message| Problem::new(entry.line, &name, &message)));
    }
    let Some(strategy) = strategy else {
        let message = "it has no strategy, so it is left out";
        problems.push(Problem::new(found.line, &name, message));
        return None;
    };
    let topology = Topology { name, strategy, options };
    if let Err(error) = topologies::strategy(&topology.strategy, topology.table(true)) {
        problems.push(Problem::new(found.line, &topology.name, &error.to_string()));
    }
    Some(topology)
}

/// An option of a strategy, unless it cannot be taken over.
fn option(
    source: &str,
    topology: &str,
    entry: &find::Entry<'_>,
    problems: &mut Vec<Problem>,
) -> Option<(String, Setting)> {
    let (key, line) = (entry.key.clone(), entry.line);
    let mut complain = |message: &str| problems.push(Problem::new(line, topology, message));
    if let Some(instead) = instead(&key) {
        complain(&format!("{key} is left out: {instead}"));
        return None;
    }
    let setting = match value::read(source, entry.value) {
        Read::Value(_) if key == "secret" => {
            complain(
                "the secret is not copied, since it belongs into no file that others read: put it \
                 into the file of secret_file",
            );
            Setting::Secret(None)
        }
        Read::Env(env) if key == "secret" => Setting::Secret(Some(env.variable)),
        Read::Value(value) => Setting::Value(value),
        Read::Env(env) => Setting::Env(env),
        Read::Nil => Setting::Nil,
        Read::Code(why) if key != "secret" => {
            let shown = value::shown(source, entry.value);
            complain(&format!("{key} is left out: {why}: {shown}"));
            return None;
        }
        Read::Code(_) => {
            complain("the secret is left out: Elixir computes it");
            Setting::Secret(None)
        }
    };
    Some((key, setting))
}

/// What to do in the place of options that only an Elixir program has.
fn instead(key: &str) -> Option<&'static str> {
    Some(match key {
        "resolver" => "it is a function of Elixir; nameservers = [\"IP\"] says whom to ask",
        "connect_timeout" => "how long a connection may take is net_setuptime in [node]",
        "log" => "RUST_LOG says what is logged",
        "name" => "it is the name of a process of Elixir",
        _ => return None,
    })
}

/// What is to be said about a key of a topology that is neither its strategy nor its config.
fn function(key: &str, value: &[Token<'_>]) -> Option<String> {
    let text: String = value.iter().map(|token| token.text).collect();
    match (key, text.as_str()) {
        // What libcluster does unless told otherwise, and a node of ours does too.
        ("connect", "{:net_kernel,:connect_node,[]}" | "{:net_kernel,:hidden_connect_node,[]}")
        | ("disconnect", "{:erlang,:disconnect_node,[]}")
        | ("list_nodes", "{:erlang,:nodes,[:connected]}" | "{:erlang,:nodes,[:hidden]}") => None,
        ("connect" | "disconnect" | "list_nodes", _) => Some(format!(
            "{key} is left out: it is a function of Elixir; a program of one's own replaces it \
             with Topology::links"
        )),
        ("child_spec", _) => Some(
            "child_spec is left out: it is how Elixir supervises; here, a strategy that fails is \
             always started again"
                .to_owned(),
        ),
        _ => Some(format!(
            "{key} is left out: a topology has strategy, config, connect, disconnect, list_nodes \
             and child_spec"
        )),
    }
}

/// A strategy without what all of libcluster's have in common, in full or behind an alias.
fn short(module: &str) -> &str {
    ["Cluster.Strategy.", "Strategy."]
        .into_iter()
        .find_map(|prefix| module.strip_prefix(prefix))
        .unwrap_or(module)
}

impl Topology {
    /// The options as a table; `filled`, with stand-ins for what the environment gives.
    pub(crate) fn table(&self, filled: bool) -> Table {
        let mut table = Table::new();
        for (key, setting) in &self.options {
            let value = match setting {
                Setting::Value(value) => Some((key.clone(), value.clone())),
                Setting::Env(env) if filled => Some((key.clone(), env.stand_in())),
                Setting::Env(env) => env.default.clone().map(|value| (key.clone(), value)),
                Setting::Secret(_) => Some(("secret_file".to_owned(), self.secret_file().into())),
                Setting::Nil => None,
            };
            table.extend(value);
        }
        table
    }

    /// Where the secret is to be.
    fn secret_file(&self) -> String {
        format!("/run/secrets/flitch/{}", self.name.replace('/', "_"))
    }

    /// The variable that stands in for an option, if there can be one: not every name can be a
    /// part of a variable's.
    pub(crate) fn variable(&self, key: &str) -> Option<String> {
        let fits = |char: char| char.is_ascii_alphanumeric() || char == '_';
        let can_be = |name: &str| name.chars().all(fits) && !name.contains("__");
        let variable = format!("FLITCH_TOPOLOGIES__{}__CONFIG__{}", self.name, key);
        [&self.name, key].into_iter().all(can_be).then(|| variable.to_ascii_uppercase())
    }
}

#[cfg(test)]
#[path = "import/tests.rs"]
mod tests;
