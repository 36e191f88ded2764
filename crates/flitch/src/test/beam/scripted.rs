//! A server of a BEAM's that a test has written in one line.

use std::marker::PhantomData;

use flitch_etf::{Limits, Pid, Term};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::caller::Caller;
use crate::gen_server::{GenServer, Info};
use crate::node::Node;

/// Answers calls with what a function makes of them, and hands on everything else.
pub(super) struct Scripted<Q, F> {
    node: Node,
    shell: Pid,
    answer: F,
    request: PhantomData<fn(Q)>,
}

impl<Q, F> Scripted<Q, F> {
    pub(super) fn new(node: Node, shell: Pid, answer: F) -> Self {
        Self { node, shell, answer, request: PhantomData }
    }

    fn hand_on(&self, message: &Term) {
        // To a process of its own node: it is there as long as this one.
        let _ = self.node.try_send(&self.shell, message);
    }
}

impl<Q, R, F> GenServer for Scripted<Q, F>
where
    Q: DeserializeOwned + Send + 'static,
    R: Serialize + Send + 'static,
    F: FnMut(Q) -> R + Send + 'static,
{
    type Call = Q;
    type Cast = Term;
    type Reply = R;

    async fn handle_call(&mut self, call: Q, caller: Caller<R>) {
        let answer = (self.answer)(call);
        caller.reply(answer);
    }

    async fn handle_cast(&mut self, cast: Term) {
        self.hand_on(&Term::from((Term::atom("$gen_cast"), cast)));
    }

    async fn handle_info(&mut self, info: Info) {
        if let Info::Message(payload) = info
            && let Ok(message) = payload.to_term(Limits::DEFAULT)
        {
            self.hand_on(&message);
        }
    }
}
