//! `flitch context`: names for nodes and the ways to them.

use std::process::ExitCode;

use serde::Serialize;

use crate::args::{ContextArgs, ContextCommand, ContextSetArgs};
use crate::contexts::{Contexts, Entry, is_name, place, read, write};
use crate::failure::{Failure, Stage};
use crate::out;
use crate::out::table::{Column, Table};
use crate::out::view::{self, Block, Document};

pub(crate) fn run(args: &ContextArgs) -> Result<ExitCode, Failure> {
    let path = place()?;
    let mut contexts = read(&path)?;
    match &args.command {
        ContextCommand::List(view) => out::stdout(&view::print(&List::of(&contexts), view.output)?),
        ContextCommand::Show { name, view } => {
            let (name, _) = contexts.find(name.as_deref())?;
            let shown = List { contexts: vec![Row::of(name, &contexts)] };
            out::stdout(&view::print(&shown, view.output)?);
        }
        ContextCommand::Use { name } => {
            contexts.current = Some(contexts.find(Some(name))?.0.to_owned());
            write(&path, &contexts)?;
        }
        ContextCommand::Set(args) => {
            set(&mut contexts, args)?;
            write(&path, &contexts)?;
        }
        ContextCommand::Delete { name } => {
            contexts.find(Some(name))?;
            contexts.contexts.remove(name);
            contexts.current.take_if(|current| current == name);
            write(&path, &contexts)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Changes what is given. What the context is without afterwards would fail at each use.
fn set(contexts: &mut Contexts, args: &ContextSetArgs) -> Result<(), Failure> {
    let name = &args.name;
    if !is_name(name) {
        return Err(Failure::usage(format!(
            "{name:?} is no name for a context: use letters, digits, dots, dashes and underscores"
        )));
    }
    if let Some(node) = &args.node {
        node.parse::<flitch::NodeName>().map_err(|error| Failure::from(&error))?;
    }
    let before = contexts.contexts.get(name).cloned().unwrap_or_default();
    let file = args.cookie_file.as_ref().map(std::path::absolute).transpose();
    let file = file.map_err(|error| Failure::new(Stage::Cookie, error.to_string()))?;
    let entry = Entry {
        node: args.node.clone().or(before.node),
        address: args.address.clone().or(before.address),
        any_name: args.any_name.unwrap_or(before.any_name),
        cookie_file: file.or(before.cookie_file),
        dist_port: args.dist_port.or(before.dist_port),
    };
    if entry.node.is_none() && entry.address.is_none() {
        return Err(Failure::usage(format!(
            "the context {name} leads nowhere: give --node NAME@HOST, or --address HOST:PORT for \
             whichever node is there"
        )));
    }
    contexts.contexts.insert(name.clone(), entry);
    Ok(())
}

#[derive(Serialize)]
struct List {
    contexts: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    name: String,
    current: bool,
    #[serde(flatten)]
    entry: Entry,
}

impl List {
    fn of(contexts: &Contexts) -> Self {
        Self { contexts: contexts.contexts.keys().map(|name| Row::of(name, contexts)).collect() }
    }
}

impl Row {
    fn of(name: &str, contexts: &Contexts) -> Self {
        let entry = contexts.contexts.get(name).cloned().unwrap_or_default();
        let current = contexts.current.as_deref() == Some(name);
        Self { name: name.to_owned(), current, entry }
    }
}

impl Document for List {
    fn blocks(&self, _wide: bool) -> Vec<Block> {
        let titles = ["NAME", "CURRENT", "NODE", "ADDRESS", "COOKIE FILE"];
        let mut table = Table::new(titles.map(Column::left));
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        for Row { name, current, entry } in &self.contexts {
            let file = entry.cookie_file.as_ref().map(|file| file.display().to_string());
            let node = match (&entry.node, entry.any_name) {
                (Some(node), false) => node.clone(),
                (Some(node), true) => format!("{node}, or any"),
                (None, _) => "any".to_owned(),
            };
            table.row([
                name.clone(),
                if *current { "*".to_owned() } else { String::new() },
                node,
                or_dash(entry.address.as_ref().map(ToString::to_string)),
                or_dash(file),
            ]);
        }
        vec![Block::Table(table)]
    }

    fn names(&self) -> Option<Vec<String>> {
        Some(self.contexts.iter().map(|row| row.name.clone()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(name: &str) -> ContextSetArgs {
        ContextSetArgs {
            name: name.to_owned(),
            node: None,
            address: None,
            any_name: None,
            cookie_file: None,
            dist_port: None,
        }
    }

    #[test]
    fn a_second_set_changes_only_what_it_names() {
        let mut contexts = Contexts::default();
        let node = Some("app@10.0.0.7".to_owned());
        set(&mut contexts, &ContextSetArgs { node: node.clone(), ..args("prod") }).unwrap();
        let address = Some("localhost:9100".parse().unwrap());
        set(&mut contexts, &ContextSetArgs { address, ..args("prod") }).unwrap();
        let entry = &contexts.contexts["prod"];
        assert_eq!((&entry.node, entry.any_name), (&node, false));
        assert_eq!(entry.address.as_ref().unwrap().to_string(), "localhost:9100");
    }

    #[test]
    fn a_context_that_could_not_be_used_is_not_made() {
        let mut contexts = Contexts::default();
        assert!(set(&mut contexts, &args("prod")).unwrap_err().message.contains("--node"));
        assert!(set(&mut contexts, &args("a b")).unwrap_err().message.contains("letters"));
        let node = Some("nohost".to_owned());
        let wrong = set(&mut contexts, &ContextSetArgs { node, ..args("prod") });
        assert_eq!(wrong.unwrap_err().stage, Stage::Name);
        assert_eq!(contexts, Contexts::default());
    }
}
