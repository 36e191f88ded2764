//! Whose a name is that two processes have: the ways of `global` to decide it.
//!
//! Source: `global.erl` of kernel, `random_exit_name/3` and what follows it.

use flitch_dist::Control;
use flitch_etf::{Atom, Export, Pid, Term};

use super::output::{Conflict as Case, Verdict};
use crate::node::Node;
use crate::process::ExitReason;

/// How long another node may take to decide.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

/// What happens when two partitions become one and each has a process under a name. As between
/// functions of Erlang's `global` module, "the lesser" is the process on the node whose name comes
/// first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Conflict {
    /// The lesser keeps the name, the other is killed: `global:random_exit_name/3`, and what
    /// `global` does unless told.
    #[default]
    Exit,
    /// The lesser keeps the name, the other is sent `{global_name_conflict, Name}`:
    /// `global:random_notify_name/3`.
    Notify,
    /// Neither keeps it, and both are sent `{global_name_conflict, Name, OtherPid}`:
    /// `global:notify_all_name/3`.
    NotifyAll,
}

impl Conflict {
    pub(super) fn method(self) -> Term {
        let function = match self {
            Self::Exit => "random_exit_name",
            Self::Notify => "random_notify_name",
            Self::NotifyAll => "notify_all_name",
        };
        let (module, function) = (Atom::from_static("global"), Atom::from_static(function));
        Term::Export(Export { module, function, arity: 3 }.into())
    }

    fn read(method: &Term) -> Option<Self> {
        [Self::Exit, Self::Notify, Self::NotifyAll].into_iter().find(|it| it.method() == *method)
    }

    /// Decides, and tells or ends the processes. Gives the one that keeps the name, or `none`.
    fn decide(self, node: &Node, name: &Term, one: &Pid, other: &Pid) -> Term {
        let (lesser, greater) = match one.node < other.node {
            true => (one, other),
            false => (other, one),
        };
        let tag = Term::atom("global_name_conflict");
        match self {
            Self::Exit => {
                tracing::info!(?name, pid = %greater, "a name is taken twice: this one is ended");
                node.exit(greater, &ExitReason(Term::atom("kill")));
            }
            Self::Notify => tell(node, greater, &Term::from((tag, name.clone()))),
            Self::NotifyAll => {
                for (to, about) in [(one, other), (other, one)] {
                    tell(node, to, &Term::from((tag.clone(), name.clone(), about.clone())));
                }
                return Term::atom("none");
            }
        }
        lesser.clone().into()
    }
}

fn tell(node: &Node, to: &Pid, message: &Term) {
    let from = Some(node.calls().caller().clone());
    node.signal(&to.node, &Control::Send { from, to: to.clone() }, message);
}

/// `global:resolve_it(Method, Name, Pid1, Pid2)`, which the other side of a partition calls where
/// the process runs. `None` for what is not that.
pub(crate) fn resolve_it(node: &Node, arguments: &[Term]) -> Option<Term> {
    let [method, name, one, other] = arguments else { return None };
    Some(Conflict::read(method)?.decide(node, name, one.as_pid()?, other.as_pid()?))
}

/// Has conflicts with `of` decided, each where the process runs that we know. When `of` is gone
/// nobody waits for verdicts, and no process is to end for a name that it may keep.
pub(super) async fn resolve(node: &Node, of: &Atom, cases: Vec<Case>) -> Vec<(Case, Verdict)> {
    let mut verdicts = Vec::new();
    for case in cases {
        if node.peers().link(of).is_none() {
            break;
        }
        let verdict = resolve_one(node, &case).await;
        verdicts.push((case, verdict));
    }
    verdicts
}

async fn resolve_one(node: &Node, case: &Case) -> Verdict {
    let (pid, method) = &case.ours;
    let arguments =
        [method.clone(), case.name.clone(), case.theirs.0.clone().into(), pid.clone().into()];
    let decided = if pid.node == node.identity().atom {
        resolve_it(node, &arguments)
    } else {
        match pid.node.as_str().parse() {
            Ok(at) => node.rpc(&at, "global", "resolve_it", &arguments, PATIENCE).await.ok(),
            Err(_) => None,
        }
    };
    match decided {
        Some(Term::Pid(pid)) => Verdict::Process(pid.as_ref().clone()),
        Some(_) => Verdict::Nobody,
        None => Verdict::Unknown,
    }
}
