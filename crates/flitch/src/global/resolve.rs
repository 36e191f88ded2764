//! Whose a name is that two processes have: the ways of `global` to decide it.
//!
//! Source: `global.erl` of kernel, `random_exit_name/3` and what follows it.

use flitch_dist::Control;
use flitch_etf::{Atom, Export, Pid, Term};
use futures_util::{StreamExt, future, stream};

use super::output::{Conflict as Case, Verdict};
use crate::node::Node;
use crate::process::ExitReason;
use crate::task::{self, Name};

/// How long another node may take to decide.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);
/// How many names are decided at once.
const AT_ONCE: usize = 256;

/// What happens when two partitions become one and each has a process under a name. As between
/// functions of Erlang's `global` module, "the lesser" is the process on the node whose name comes
/// first.
///
/// ```
/// use flitch::Conflict;
/// use flitch::test::Network;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let network = Network::new();
/// let worker = network.node("worker@a")?.visible(true).start().await?;
/// let leader = worker.spawn_process(|_| std::future::pending::<()>());
/// let global = worker.global().ok_or("a hidden node has no part in it")?;
/// // :global.register_name("leader", leader, &:global.notify_all_name/3)
/// global.register_with("leader", leader.pid(), Conflict::NotifyAll).await?;
/// assert_eq!(global.whereis(&"leader".into()).as_ref(), Some(leader.pid()));
/// # Ok(())
/// # }
/// ```
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
                let pid = greater.clone();
                reaching(node, greater, move |node| {
                    node.exit(&pid, &ExitReason(Term::atom("kill")));
                });
            }
            Self::Notify => tell(node, greater, Term::from((tag, name.clone()))),
            Self::NotifyAll => {
                for (to, about) in [(one, other), (other, one)] {
                    tell(node, to, Term::from((tag.clone(), name.clone(), about.clone())));
                }
                return Term::atom("none");
            }
        }
        lesser.clone().into()
    }
}

fn tell(node: &Node, to: &Pid, message: Term) {
    let pid = to.clone();
    reaching(node, to, move |node| {
        let from = Some(node.calls().caller().clone());
        node.signal(&pid.node.clone(), &Control::Send { from, to: pid }, &message);
    });
}

/// Does what is for a process once its node is connected, which it may not be yet: it is of another
/// partition, and perhaps nobody but who asks us knows it.
fn reaching(node: &Node, pid: &Pid, act: impl FnOnce(&Node) + Send + 'static) {
    if pid.node == node.identity().atom || node.peers().link(&pid.node).is_some() {
        return act(node);
    }
    let Ok(at) = pid.node.as_str().parse() else { return };
    let (ours, name) = (node.clone(), Name::of(|| format!("global reaches {}", pid.node)));
    task::spawn(node.tasks(), name, async move {
        match ours.reach(&at).await {
            Ok(_) => act(&ours),
            Err(error) => tracing::warn!(node = %at, %error, "who loses a name is not told"),
        }
    });
}

/// `global:resolve_it(Method, Name, Pid1, Pid2)`, which the other side of a partition calls where
/// the process runs. `None` for what is not that.
pub(crate) fn resolve_it(node: &Node, arguments: &[Term]) -> Option<Term> {
    let [method, name, one, other] = arguments else { return None };
    Some(Conflict::read(method)?.decide(node, name, one.as_pid()?, other.as_pid()?))
}

/// Has conflicts with `of` decided, each where the process runs that we know, and many at a time: who
/// does not answer holds up no other name, as long as fewer than [`AT_ONCE`] do not. Erlang asks one
/// after another, in the order of a hash table, so nobody can count on one. When `of` is gone nobody
/// waits for verdicts, and no process is to end for a name that it may keep.
pub(super) async fn resolve(node: &Node, of: &Atom, cases: Vec<Case>) -> Vec<(Case, Verdict)> {
    let decide = |case: Case| async move {
        node.peers().link(of)?;
        let verdict = resolve_one(node, &case).await;
        Some((case, verdict))
    };
    let verdicts = stream::iter(cases).map(decide).buffer_unordered(AT_ONCE);
    verdicts.filter_map(future::ready).collect().await
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
