//! What runs here at the wish of others: the functions that the program offers, and the few that
//! every node has. One that is not there is answered as a BEAM answers, at once.
//!
//! Source: `erl_dist_protocol`, SPAWN_REQUEST; `erts_net_message` of `dist.c`; `erpc.erl` of
//! kernel.

use std::sync::Arc;

use flitch_dist::control::{SPAWNED_LINK, SPAWNED_MONITOR};
use flitch_dist::{Control, Payload, SpawnRequest, Target};
use flitch_etf::{Pid, Term};
use tokio::sync::oneshot;

use crate::clock::now;
use crate::functions::{Arguments, Demand, Found, NotRun, OpenCall, Raise, Raised};
use crate::node::Node;
use crate::peer_link::PeerLink;
use crate::process::{Entry, Watcher};
use crate::router::no_payload;

/// What the end of the process is to say.
enum Ends {
    /// As `erpc:execute_call/4` has it, with this in front.
    Call(Term),
    /// As any process.
    Plain,
}

impl Ends {
    fn reason(self, outcome: Result<Term, Raised>) -> Term {
        match (self, outcome) {
            (Self::Call(tag), Ok(result)) => Term::from((tag, Term::atom("return"), result)),
            (Self::Call(tag), Err(raised)) => raised.answer(tag),
            (Self::Plain, Ok(_)) => Term::atom("normal"),
            (Self::Plain, Err(raised)) => raised.exit_reason(),
        }
    }
}

impl Node {
    /// SPAWN_REQUEST has come. Nobody on this node sends one to itself.
    pub(crate) fn deliver_spawn(
        &self,
        link: Option<&Arc<PeerLink>>,
        request: &SpawnRequest,
        arguments: Payload,
    ) {
        let Some(link) = link else { return };
        let Some((link_to, monitor)) = options(&request.options) else {
            return self.answer_spawn(link, request, 0, &Term::atom("badopt"));
        };
        let Some((demand, ends)) = demanded(request, arguments) else {
            return self.answer_spawn(link, request, 0, &Term::atom("badarg"));
        };
        let flags = [(link_to, SPAWNED_LINK), (monitor, SPAWNED_MONITOR)];
        let flags = flags.into_iter().filter(|(is, _)| *is).fold(0, |all, (_, flag)| all | flag);
        match self.find_function(&demand) {
            Ok(found) => self.spawn_for(link, request, flags, found, demand, ends),
            Err(NotRun::Busy) => {
                self.audit(link.name.as_ref(), &demand, "too many calls of it run already");
                self.answer_spawn(link, request, 0, &Term::atom("system_limit"));
            }
            Err(NotRun::Undefined) => {
                self.audit(link.name.as_ref(), &demand, "it is not offered");
                let reason = ends.reason(Err(demand.raised(Raise::undef())));
                self.stillborn(link, request, flags, &reason);
            }
        }
    }

    /// Says that somebody was refused. The names are a stranger's.
    pub(crate) fn audit(&self, peer: &str, demand: &Demand, why: &'static str) {
        if let Some(untold) = self.stats().spawns.pass(now()) {
            let function = demand.describe();
            tracing::warn!(peer, function, untold, why, "refused to run a function");
        }
    }

    fn answer_spawn(&self, link: &PeerLink, request: &SpawnRequest, flags: u32, result: &Term) {
        let (request, to) = (request.request.clone(), request.from.clone());
        let reply = Control::SpawnReply { request, to, flags, result: result.clone() };
        self.push(link, &reply, no_payload);
    }

    /// The process that never was has ended. No process is made for it.
    fn stillborn(&self, link: &PeerLink, request: &SpawnRequest, flags: u32, reason: &Term) {
        let pid = self.identity().new_pid();
        self.answer_spawn(link, request, flags, &pid.clone().into());
        let to = request.from.clone();
        let ends = [
            (
                SPAWNED_MONITOR,
                Control::MonitorExit {
                    target: Target::Pid(pid.clone()),
                    to: to.clone(),
                    reference: request.request.clone(),
                },
            ),
            (SPAWNED_LINK, Control::Exit { from: pid, to }),
        ];
        for (_, end) in ends.iter().filter(|(flag, _)| flags & flag != 0) {
            self.push(link, end, |out| flitch_etf::write_term(out, reason));
        }
    }

    fn spawn_for(
        &self,
        link: &Arc<PeerLink>,
        request: &SpawnRequest,
        flags: u32,
        found: Found,
        demand: Demand,
        ends: Ends,
    ) {
        // Nobody waits for the result of one whose end is the answer but whoever monitors it.
        let is_call = matches!(ends, Ends::Call(_));
        let (begin, begun) = oneshot::channel::<()>();
        let process = self.spawn_process(move |process| async move {
            // It runs when it is bound, and its pid is on its way.
            let _ = begun.await;
            let _open = is_call.then(|| OpenCall::new(process.node.clone()));
            let context = process.context();
            let end = move |outcome| {
                context.node.process_ended(&context.entry, &ends.reason(outcome));
            };
            found.run(process, demand, end).await;
        });
        let pid: Pid = process.pid().clone();
        if flags & SPAWNED_LINK != 0 {
            self.deliver_link(Some(link), request.from.clone(), &pid);
        }
        if flags & SPAWNED_MONITOR != 0
            && let Some(entry) = self.processes().by_pid(&pid)
        {
            self.watch_spawned(link, request, &entry, is_call);
        }
        self.answer_spawn(link, request, flags, &pid.into());
        let _ = begin.send(());
    }

    /// The monitor that a spawned process is born with. Where the link has ended by now, a process
    /// that is there for its answer alone ends too: nobody would end it later.
    fn watch_spawned(
        &self,
        link: &PeerLink,
        request: &SpawnRequest,
        entry: &Entry,
        is_caller: bool,
    ) {
        let (reference, pid) = (request.request.clone(), request.from.clone());
        let Some(mut bonds) = link.bonds_for_peer().filter(|bonds| !bonds.over) else {
            if is_caller {
                entry.end(Term::atom("killed"));
            }
            return;
        };
        let watcher = Watcher { pid, target: Target::Pid(entry.pid.clone()), is_caller };
        entry.bonds().watchers.insert(reference.clone(), watcher);
        let before = bonds.watched.insert(reference.clone(), entry.pid.clone());
        drop(bonds);
        // As with any monitor: of one reference twice, the later counts.
        if let Some(before) = before.and_then(|pid| self.processes().by_pid(&pid)) {
            before.bonds().watchers.remove(&reference);
        }
    }
}

/// Whether to link and to monitor. `None` if these are no options; a priority and sizes of heaps
/// mean nothing here.
fn options(options: &Term) -> Option<(bool, bool)> {
    let options = options.as_list()?;
    let has = |name: &str| {
        options.iter().any(|option| {
            let tagged = option.as_tuple().and_then(<[Term]>::first);
            option.is_atom(name) || tagged.is_some_and(|tag| tag.is_atom(name))
        })
    };
    Some((has("link"), has("monitor")))
}

/// What is to be run. `None` if the arguments are no list, or not those that `erpc` sends.
fn demanded(request: &SpawnRequest, arguments: Payload) -> Option<(Demand, Ends)> {
    let SpawnRequest { from, group_leader, module, function, arity, .. } = request;
    let demand = |module, function, arguments| {
        Demand::new(module, function, arguments, from.clone(), group_leader.clone())
    };
    let inner = match (module.as_str(), function.as_str(), *arity) {
        ("erpc", "execute_call", 4) => 4,
        ("erpc", "execute_cast", 3) => 3,
        _ => {
            let arguments = Arguments::new(arguments);
            let said = arguments.arity() == Some(*arity);
            return said
                .then(|| (demand(module.clone(), function.clone(), arguments), Ends::Plain));
        }
    };
    let mut reader = arguments.reader();
    if reader.list().ok()? != inner {
        return None;
    }
    let ends = match inner {
        4 => Ends::Call(reader.reference().ok()?.into()),
        _ => Ends::Plain,
    };
    let (module, function) = (reader.atom().ok()?, reader.atom().ok()?);
    let start = reader.position();
    reader.skip().ok()?;
    let list = Arguments::new(arguments.part(start..reader.position())?);
    Some((demand(module, function, list), ends))
}
