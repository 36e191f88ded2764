//! `flitch tree`: who supervises whom.

use flitch::Term;
use flitch::etf::text::Syntax;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use serde::Serialize;

use super::apps::started;
use super::{show, syntax};
use crate::args::TreeArgs;
use crate::failure::{Failure, Stage};
use crate::out::ids;
use crate::out::view::{Block, Document};
use crate::remote::{Remote, count};

#[derive(Serialize)]
struct Tree {
    node: String,
    applications: Vec<Application>,
}

#[derive(Serialize)]
struct Application {
    name: String,
    /// None, if the application has no processes.
    top: Option<Child>,
}

/// A process in the tree.
#[derive(Debug, PartialEq, Serialize)]
struct Child {
    /// What its supervisor calls it.
    id: String,
    /// None, if it does not run.
    pid: Option<String>,
    /// `supervisor` or `worker`.
    kind: String,
    /// `running`, `restarting`, `stopped`, or `silent`: a supervisor that does not answer.
    state: &'static str,
    /// How many children it has, also where they are not listed.
    child_count: u64,
    children: Vec<Child>,
}

/// A supervisor with more children than this is only counted.
const LISTED: u64 = 500;

/// How deep a tree is followed.
const DEPTH: usize = 50;

pub(crate) async fn run(args: TreeArgs) -> Result<(), Failure> {
    show(args.target, args.view, async |remote| {
        read(remote, args.app.as_deref(), syntax(args.view)).await
    })
    .await
}

async fn read(remote: &Remote<'_>, only: Option<&str>, syntax: Syntax) -> Result<Tree, Failure> {
    let node = &remote.client.target;
    let started = started(remote).await?;
    let wanted = only.map(|app| app.strip_prefix(':').unwrap_or(app));
    let mut names: Vec<_> = started.into_iter().map(|it| it.name).collect();
    names.sort();
    names.retain(|name| wanted.is_none_or(|wanted| wanted == name));
    if let (Some(app), true) = (only, names.is_empty()) {
        let message =
            format!("no application {app:?} is started on {node}: see flitch apps {node}");
        return Err(Failure::new(Stage::Call, message));
    }
    let tops = names.into_iter().map(async |name| {
        let top = top(remote, &name, syntax).await?;
        Ok::<_, Failure>(Application { name, top })
    });
    let applications = stream::iter(tops).buffered(4).try_collect().await?;
    Ok(Tree { node: node.to_string(), applications })
}

/// The topmost supervisor of an application, with all below it.
async fn top(remote: &Remote<'_>, app: &str, syntax: Syntax) -> Result<Option<Child>, Failure> {
    let Some(app) = remote.existing_atom(app).await? else { return Ok(None) };
    let master = remote.call("application_controller", "get_master", &[Term::from(app)]).await?;
    if !matches!(master, Term::Pid(_)) {
        return Ok(None);
    }
    let found = remote.attempt("application_master", "get_child", &[master]).await?;
    match found.as_ref().and_then(Term::as_tuple) {
        Some([pid @ Term::Pid(_), module]) => {
            let mut child = Child::new(module, pid, &Term::atom("supervisor"), syntax);
            child.grow(remote, pid, syntax, DEPTH).await?;
            Ok(Some(child))
        }
        _ => Ok(None),
    }
}

impl Child {
    fn new(id: &Term, pid: &Term, kind: &Term, syntax: Syntax) -> Self {
        let state = match pid {
            Term::Pid(_) => "running",
            pid if pid.is_atom("restarting") => "restarting",
            _ => "stopped",
        };
        Self {
            id: ids::term(syntax, id),
            pid: matches!(pid, Term::Pid(_)).then(|| ids::term(syntax, pid)),
            kind: ids::term(Syntax::Erlang, kind),
            state,
            child_count: 0,
            children: Vec::new(),
        }
    }

    /// Asks a supervisor for its children, and them for theirs.
    fn grow<'a>(
        &'a mut self,
        remote: &'a Remote<'_>,
        pid: &'a Term,
        syntax: Syntax,
        depth: usize,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            let Some(counts) = ask(remote, pid, "count_children").await? else {
                self.state = "silent";
                return Ok(());
            };
            self.child_count = counts.field("specs").and_then(count).unwrap_or_default();
            let active = counts.field("active").and_then(count).unwrap_or_default();
            self.child_count = self.child_count.max(active);
            if self.child_count > LISTED || depth == 0 {
                return Ok(());
            }
            let Some(children) = ask(remote, pid, "which_children").await? else {
                self.state = "silent";
                return Ok(());
            };
            for child in children.as_list().unwrap_or_default() {
                let Some([id, pid, kind, _modules]) = child.as_tuple() else { continue };
                let mut child = Self::new(id, pid, kind, syntax);
                if kind.is_atom("supervisor") && matches!(pid, Term::Pid(_)) {
                    child.grow(remote, pid, syntax, depth - 1).await?;
                }
                self.children.push(child);
            }
            // Supervisors tell the youngest first.
            self.children.reverse();
            Ok(())
        }
        .boxed()
    }

    fn lines(&self, before: &str, last: Option<bool>, lines: &mut Vec<String>) {
        let (branch, below) = match last {
            None => ("", ""),
            Some(true) => ("└─ ", "   "),
            Some(false) => ("├─ ", "│  "),
        };
        let mut line = format!("{before}{branch}{}", self.id);
        if let Some(pid) = &self.pid {
            line.push_str(&format!(" {pid}"));
        }
        if self.state != "running" {
            line.push_str(&format!(" ({})", self.state));
        }
        if self.child_count > 0 && self.children.is_empty() {
            line.push_str(&format!(" ({} children)", self.child_count));
        }
        lines.push(line.replace('\n', "\\n"));
        let before = format!("{before}{below}");
        for (at, child) in self.children.iter().enumerate() {
            child.lines(&before, Some(at + 1 == self.children.len()), lines);
        }
    }
}

/// What a supervisor answers; nothing, if it does not.
async fn ask(
    remote: &Remote<'_>,
    supervisor: &Term,
    what: &'static str,
) -> Result<Option<Term>, Failure> {
    /// One that is busy starting a child does not hold up the rest for long.
    const MOST: i64 = 1000;
    let left = i64::try_from(remote.left().as_millis() / 2).unwrap_or(MOST);
    let request = [supervisor.clone(), Term::atom(what), Term::from(left.min(MOST))];
    remote.attempt("gen_server", "call", &request).await
}

impl Document for Tree {
    fn blocks(&self, _wide: bool) -> Vec<Block> {
        let shown = self.applications.iter().map(|it| {
            let mut lines = vec![it.name.clone()];
            match &it.top {
                Some(top) => top.lines("", Some(true), &mut lines),
                None => lines.push("└─ no processes".to_owned()),
            }
            lines
        });
        vec![Block::Lines(shown.flatten().collect())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_drawn_with_what_does_not_run() {
        let child = |id: &'static str, pid| {
            Child::new(&Term::atom(id), &Term::atom(pid), &Term::atom("worker"), Syntax::Erlang)
        };
        let mut top = child("top_sup", "undefined");
        top.children = vec![child("a", "restarting"), child("b", "undefined")];
        let mut many = child("many", "undefined");
        (many.state, many.child_count) = ("running", 70_000);
        top.children.push(many);
        let mut lines = Vec::new();
        top.lines("", None, &mut lines);
        assert_eq!(
            lines,
            [
                "top_sup (stopped)",
                "├─ a (restarting)",
                "├─ b (stopped)",
                "└─ many (70000 children)"
            ]
        );
    }
}
