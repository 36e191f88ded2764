//! `rex`, the server that runs functions for nodes without `erpc`, for `rpc:block_call`, and for
//! C nodes.
//!
//! Source: `rpc.erl` of kernel.

use flitch_etf::{Atom, Pid, Term};

use crate::caller::Caller;
use crate::functions::{Arguments, Demand, NotRun, OpenCall, Raise, Raised};
use crate::gen_server::{GenServer, Info};
use crate::node::Node;
use crate::process::Process;

/// Runs each call in a process of its own, those of `block_call` too: who calls waits, and
/// nobody else has to.
pub(crate) struct Rex(pub(crate) Node);

impl GenServer for Rex {
    type Call = Term;
    type Cast = Term;
    type Reply = Term;

    async fn handle_call(&mut self, call: Term, caller: Caller<Term>) {
        let Some(from) = caller.pid().cloned() else { return };
        match self.demand(&call, &["call", "block_call"], &from) {
            Some(demand) => self.run(demand, &from, move |answer| caller.reply(answer)),
            None => caller.exit(Term::from((Term::atom("unknown_request"), call))),
        }
    }

    async fn handle_cast(&mut self, cast: Term) {
        // A cast does not say who sends it: the group leader is of the same node.
        let leader = cast.as_tuple().and_then(|parts| parts.get(4)?.as_pid().cloned());
        let from = leader.unwrap_or_else(|| self.0.calls().caller().clone());
        if let Some(demand) = self.demand(&cast, &["cast"], &from) {
            self.run(demand, &from, |_| {});
        }
    }

    async fn handle_info(&mut self, info: Info) {
        let Info::Message(payload) = info else { return };
        let Ok(message) = payload.to_value::<Term>() else { return };
        let Some([Term::Pid(from), request]) = message.as_tuple() else { return };
        self.request(from, request);
    }
}

impl Rex {
    /// A request without the envelope of a call: from C nodes, `sbcast` and older releases.
    fn request(&self, from: &Pid, request: &Term) {
        let here = Term::from(&self.0.identity().atom);
        if request.is_atom("features_request") {
            let features = Term::from(vec![Term::atom("erpc")]);
            return tell(
                &self.0,
                from,
                &Term::from((Term::atom("features_reply"), here, features)),
            );
        }
        match request.as_tuple() {
            Some([kind, Term::Atom(name), message]) if kind.is_atom("sbcast") => {
                let found = self.0.whereis(name.as_str());
                if let Some(pid) = &found {
                    tell(&self.0, pid, message);
                }
                let none = || Term::from((Term::atom("nonexisting_name"), name));
                let answer = if found.is_some() { here.clone() } else { none() };
                tell(&self.0, from, &Term::from((Term::atom("rex"), here, answer)));
            }
            Some([kind, Term::Atom(name), message]) if kind.is_atom("send") => {
                match self.0.whereis(name.as_str()) {
                    Some(pid) => tell(&self.0, &pid, &Term::from((from.clone(), message))),
                    None => {
                        let none = Term::from((Term::atom("nonexisting_name"), name));
                        tell(&self.0, from, &Term::from((Term::atom("rex"), here, none)));
                    }
                }
            }
            _ => {
                if let Some(demand) = self.demand(request, &["call"], from) {
                    let (node, to) = (self.0.clone(), from.clone());
                    self.run(demand, from, move |answer| {
                        tell(&node, &to, &Term::from((Term::atom("rex"), answer)));
                    });
                }
            }
        }
    }

    /// `{Kind, Module, Function, Arguments, GroupLeader}`.
    fn demand(&self, request: &Term, kinds: &[&str], from: &Pid) -> Option<Demand> {
        match request.as_tuple()? {
            [Term::Atom(kind), Term::Atom(module), Term::Atom(function), arguments, leader]
                if kinds.contains(&kind.as_str()) =>
            {
                let arguments = Arguments::of_term(arguments)?;
                let leader = leader.as_pid().unwrap_or(from).clone();
                let (module, function) = (module.clone(), function.clone());
                Some(Demand::new(module, function, arguments, from.clone(), leader))
            }
            _ => None,
        }
    }

    fn run(&self, demand: Demand, from: &Pid, answer: impl FnOnce(Term) + Send + 'static) {
        let found = match self.0.find_function(&demand) {
            Ok(found) => found,
            Err(NotRun::Busy) => {
                self.0.audit(from.node.as_str(), &demand, "too many calls of it run already");
                let exit = (Term::atom("EXIT"), Term::atom("system_limit"));
                return answer(Term::from((Term::atom("badrpc"), exit)));
            }
            Err(NotRun::Undefined) => {
                self.0.audit(from.node.as_str(), &demand, "it is not offered");
                return answer(demand.raised(Raise::undef()).badrpc());
            }
        };
        self.0.spawn_process(move |process: Process| async move {
            let _open = OpenCall::new(process.node.clone());
            let then = |outcome: Result<_, _>| answer(outcome.unwrap_or_else(Raised::badrpc));
            found.run(process, demand, then).await;
        });
    }
}

fn tell(node: &Node, to: &Pid, message: &Term) {
    let from = Some(node.calls().caller().clone());
    let at: Atom = to.node.clone();
    node.signal(&at, &flitch_dist::Control::Send { from, to: to.clone() }, message);
}
