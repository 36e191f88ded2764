//! `flitch apps`: the applications of a node.

use flitch::Term;
use serde::Serialize;

use super::show;
use crate::args::AppsArgs;
use crate::failure::Failure;
use crate::out::table::{Column, Table};
use crate::out::view::{Block, Document};
use crate::remote::{Remote, list};

#[derive(Serialize)]
struct Applications {
    node: String,
    applications: Vec<Application>,
}

/// An application that is loaded, and perhaps started.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Application {
    pub(super) name: String,
    pub(super) version: String,
    state: &'static str,
    description: String,
}

pub(crate) async fn run(args: AppsArgs) -> Result<(), Failure> {
    show(args.target, args.view, async |remote| {
        let mut applications = started(remote).await?;
        let loaded = list(&remote.call("application", "loaded_applications", &[]).await?)?;
        for it in loaded.iter().filter_map(|it| Application::of(it, "loaded")) {
            if !applications.iter().any(|started| started.name == it.name) {
                applications.push(it);
            }
        }
        applications.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Applications { node: remote.client.target.to_string(), applications })
    })
    .await
}

/// The applications that are started, in the order in which they were, the last one first.
pub(super) async fn started(remote: &Remote<'_>) -> Result<Vec<Application>, Failure> {
    let left = i64::try_from(remote.left().as_millis()).unwrap_or(i64::MAX);
    let all = remote.call("application", "which_applications", &[Term::from(left)]).await?;
    Ok(list(&all)?.iter().filter_map(|it| Application::of(it, "started")).collect())
}

impl Application {
    /// `{kernel, "ERTS  CXC 138 10", "8.5.4"}`
    fn of(term: &Term, state: &'static str) -> Option<Self> {
        let [name, description, version] = term.as_tuple()? else { return None };
        // An application that is written by hand may leave them out.
        let text = |term: &Term| term.to_charlist().unwrap_or_default();
        Some(Self {
            name: name.as_atom()?.as_str().to_owned(),
            version: text(version),
            state,
            description: text(description),
        })
    }
}

impl Document for Applications {
    fn blocks(&self, _wide: bool) -> Vec<Block> {
        let columns = ["APPLICATION", "VERSION", "STATE", "DESCRIPTION"].map(Column::left);
        let mut table = Table::new(columns);
        for it in &self.applications {
            let words = [&it.name, &it.version, it.state, &it.description];
            table.row(words.map(str::to_owned));
        }
        vec![Block::Table(table)]
    }

    fn names(&self) -> Option<Vec<String>> {
        Some(self.applications.iter().map(|it| it.name.clone()).collect())
    }
}

#[cfg(test)]
mod tests {
    use flitch::etf::text::{Syntax, parse};

    use super::*;

    #[test]
    fn an_application_without_a_description_is_listed_too() {
        let of = |text| Application::of(&parse(Syntax::Erlang, text).unwrap(), "started");
        let kernel = of("{kernel,\"ERTS  CXC 138 10\",\"8.5.4\"}").unwrap();
        assert_eq!((kernel.name.as_str(), kernel.version.as_str()), ("kernel", "8.5.4"));
        assert_eq!(of("{shop,[],[]}").unwrap().description, "");
    }
}
