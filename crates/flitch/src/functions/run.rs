//! One call of a function of ours: found, run in its process, and what came of it.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use flitch_etf::{Atom, Export, Pid, Term};
use futures_util::FutureExt;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::{Arguments, Invocation, Offer, Raise, Raised};
use crate::node::{Node, panic_message};
use crate::process::{Entry, Process};
use crate::system::builtin::Builtin;

/// What came of a function.
pub(crate) type Outcome = Result<Term, Raised>;

/// What somebody wants to be run.
pub(crate) struct Demand {
    callee: Callee,
    arguments: Arguments,
    caller: Pid,
    group_leader: Pid,
}

enum Callee {
    Function(Atom, Atom),
    /// A fun, whose code is on another node.
    Fun(Term),
}

/// Why nothing is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotRun {
    Undefined,
    /// As many calls run as may.
    Busy,
}

/// What is there to be run, and the room for it.
pub(crate) enum Found {
    Offer(Arc<Offer>, OwnedSemaphorePermit),
    Builtin(Builtin, Option<OwnedSemaphorePermit>),
}

/// How many times `apply` is taken off: it is no more than a handful in what OTP sends.
const APPLIES: usize = 8;

impl Demand {
    pub(crate) fn new(
        module: Atom,
        function: Atom,
        arguments: Arguments,
        caller: Pid,
        group_leader: Pid,
    ) -> Self {
        let callee = Callee::Function(module, function);
        let mut demand = Self { callee, arguments, caller, group_leader };
        for _ in 0..APPLIES {
            match demand.applied() {
                Some((callee, arguments)) => {
                    (demand.callee, demand.arguments) = (callee, arguments);
                }
                None => break,
            }
        }
        demand
    }

    /// What `erlang:apply` applies, if it is that.
    fn applied(&self) -> Option<(Callee, Arguments)> {
        let Callee::Function(module, function) = &self.callee else { return None };
        if *module != *"erlang" || *function != *"apply" {
            return None;
        }
        let (callee, arguments) = match self.arguments.terms()?.as_slice() {
            [Term::Export(export), arguments] => {
                let Export { module, function, .. } = &**export;
                (Callee::Function(module.clone(), function.clone()), arguments.clone())
            }
            [fun @ Term::Fun(_), arguments] => (Callee::Fun(fun.clone()), arguments.clone()),
            [Term::Atom(module), Term::Atom(function), arguments] => {
                (Callee::Function(module.clone(), function.clone()), arguments.clone())
            }
            _ => return None,
        };
        Some((callee, Arguments::of_term(&arguments)?))
    }

    /// What was raised, with the one frame that there is. `undef` shows the arguments, as in
    /// OTP.
    pub(crate) fn raised(&self, raise: Raise) -> Raised {
        let arguments = match self.arguments.arity() {
            Some(arity) if raise != Raise::undef() => Term::from(arity),
            _ => self.arguments.shown(),
        };
        let frame = match &self.callee {
            Callee::Function(module, function) => {
                Term::from((module, function, arguments, Term::empty_list()))
            }
            Callee::Fun(fun) => Term::from((fun, arguments, Term::empty_list())),
        };
        Raised { raise, stack: Term::from(vec![frame]) }
    }

    /// What to log of it.
    pub(crate) fn describe(&self) -> String {
        let arity = self.arguments.arity().map_or("?".to_owned(), |arity| arity.to_string());
        match &self.callee {
            Callee::Function(module, function) => format!("{module:?}:{function:?}/{arity}"),
            Callee::Fun(_) => format!("a fun of another node's with {arity} arguments"),
        }
    }
}

impl Node {
    /// Finds what is demanded, and room for it.
    pub(crate) fn find_function(&self, demand: &Demand) -> Result<Found, NotRun> {
        let Callee::Function(module, function) = &demand.callee else {
            return Err(NotRun::Undefined);
        };
        let arity = demand.arguments.arity().ok_or(NotRun::Undefined)?;
        let mfa = (module.clone(), function.clone(), arity);
        if let Some(offer) = self.function_table().find(&mfa) {
            let room = Arc::clone(&offer.room).try_acquire_owned();
            return room.map(|room| Found::Offer(offer, room)).map_err(|_| NotRun::Busy);
        }
        let builtin = crate::system::builtin::find(&mfa).ok_or(NotRun::Undefined)?;
        let room = match builtin {
            Builtin::Tell(_) => None,
            _ => Some(self.function_table().builtins().enter().ok_or(NotRun::Busy)?),
        };
        Ok(Found::Builtin(builtin, room))
    }
}

impl Node {
    /// Runs a function of ours for this program, as `erpc:call` to `node()` does: in a process of
    /// its own, which ends when nobody waits for it any more. `None` if somebody has ended it.
    pub(crate) async fn run_here(&self, found: Found, demand: Demand) -> Option<Outcome> {
        let (tell, told) = oneshot::channel();
        let process = self.spawn_process(move |process| async move {
            let end = move |outcome| drop(tell.send(outcome));
            found.run(process, demand, end).await;
        });
        let _given_up = EndOnDrop(self.processes().by_pid(process.pid()));
        told.await.ok()
    }
}

/// A process that is there for one who waits.
struct EndOnDrop(Option<Arc<Entry>>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        if let Some(entry) = &self.0 {
            entry.end(Term::atom("killed"));
        }
    }
}

impl Found {
    /// Runs it, in a process that was made for it, and does `then` with what came of it.
    pub(crate) async fn run(
        self,
        process: Process,
        demand: Demand,
        then: impl FnOnce(Outcome) + Send + 'static,
    ) {
        match self {
            Self::Offer(offer, room) => {
                let done = offered(&offer, process, &demand).await;
                drop(room);
                then(done.map_err(|raise| demand.raised(raise)));
            }
            Self::Builtin(builtin, _room) => {
                let Some(arguments) = demand.arguments.terms() else {
                    return then(Err(demand.raised(Raise::badarg())));
                };
                let asker = demand.caller.node.clone();
                let then = move |outcome: Result<_, _>| {
                    then(outcome.map_err(|raise| demand.raised(raise)));
                };
                builtin.run(process, &asker, arguments, then).await;
            }
        }
    }
}

async fn offered(offer: &Offer, process: Process, demand: &Demand) -> Result<Term, Raise> {
    let pid = process.entry.pid.clone();
    let invocation = Invocation {
        process,
        caller: demand.caller.clone(),
        group_leader: demand.group_leader.clone(),
    };
    let arguments = demand.arguments.clone();
    let work = AssertUnwindSafe(async { (offer.run)(invocation, arguments).await }).catch_unwind();
    let done = match offer.within {
        Some(time) => tokio::time::timeout(time, work).await,
        None => Ok(work.await),
    };
    match done {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(panic)) => {
            let message = panic_message(panic.as_ref());
            tracing::error!(process = %pid, message, "a function panicked");
            Err(Raise::error((Term::atom("panic"), message)))
        }
        Err(_) => Err(Raise::error(Term::atom("timeout"))),
    }
}

/// A call that has no answer yet: a node that shuts down waits for it.
pub(crate) struct OpenCall(Node);

impl OpenCall {
    pub(crate) fn new(node: Node) -> Self {
        node.stats().open_calls.fetch_add(1, Ordering::AcqRel);
        Self(node)
    }
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        self.0.stats().open_calls.fetch_sub(1, Ordering::AcqRel);
    }
}
