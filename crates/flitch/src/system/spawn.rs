//! What runs here at the wish of others: nothing. Functions that are not there are answered as a
//! BEAM answers for a function that is not there, at once.
//!
//! Source: `erpc.erl` of kernel; `erl_dist_protocol`, SPAWN_REQUEST.

use std::sync::Arc;

use flitch_dist::control::SPAWNED_MONITOR;
use flitch_dist::{Control, Payload, SpawnRequest, Target};
use flitch_etf::{Limits, Term};

use crate::node::Node;
use crate::peer_link::PeerLink;
use crate::router::no_payload;

/// What of the arguments is looked at.
const LIMITS: Limits = Limits { depth: 64, terms: 10_000, ..Limits::DEFAULT };

impl Node {
    pub(crate) fn refuse_spawn(
        &self,
        link: Option<&Arc<PeerLink>>,
        request: &SpawnRequest,
        arguments: &Payload,
    ) {
        let Some(link) = link else { return };
        let SpawnRequest { module, function, arity, .. } = request;
        if let Some(untold) = self.stats().spawns.pass(crate::clock::now()) {
            let peer = &link.name;
            tracing::warn!(%peer, ?module, ?function, arity, untold, "refused to run a function");
        }
        let pid = self.identity().new_pid();
        let (to, reference) = (request.from.clone(), request.request.clone());
        let reply = |flags, result| Control::SpawnReply {
            request: reference.clone(),
            to: to.clone(),
            flags,
            result,
        };
        match self.outcome(request, arguments) {
            // The process that never was has ended: `undef`, with the function's name.
            Some(reason) if is_monitored(request) => {
                self.push(link, &reply(SPAWNED_MONITOR, pid.clone().into()), no_payload);
                let down = Control::MonitorExit { target: Target::Pid(pid), to, reference };
                self.push(link, &down, |out| flitch_etf::write_term(out, &reason));
            }
            _ => self.push(link, &reply(0, Term::atom("notsup")), no_payload),
        }
    }
}

fn is_monitored(request: &SpawnRequest) -> bool {
    let is_monitor = |option: &Term| {
        option.is_atom("monitor")
            || option.as_tuple().and_then(<[Term]>::first).is_some_and(|it| it.is_atom("monitor"))
    };
    request.options.as_list().is_some_and(|options| options.iter().any(is_monitor))
}

impl Node {
    /// What `erpc:execute_call/4` exits with: for a function that is not there, and for the one
    /// that `global` of another node calls here.
    fn outcome(&self, request: &SpawnRequest, arguments: &Payload) -> Option<Term> {
        if request.module != "erpc" || request.function != "execute_call" {
            return None;
        }
        let arguments = arguments.to_term(LIMITS).ok()?;
        let [result, module, function, arguments] = arguments.as_list()? else { return None };
        let resolves = module.is_atom("global") && function.is_atom("resolve_it");
        if resolves && self.settings().visible && is_monitored(request) {
            let value = crate::global::resolve_it(self, arguments);
            if let Some(value) = value {
                return Some(Term::from((result.clone(), Term::atom("return"), value)));
            }
        }
        let frame = (module.clone(), function.clone(), arguments.clone(), Term::empty_list());
        let stack = Term::from(vec![Term::from(frame)]);
        Some(Term::from((result.clone(), Term::atom("error"), Term::atom("undef"), stack)))
    }
}
