//! Calls of ours that wait for an answer.
//!
//! They are made in the name of a process, or of one pid for all others, the caller. Each has a reference that is monitor,
//! alias and tag in one, as `gen:call` does it since OTP 24: the answer comes to the alias, the
//! end of the callee as the monitor's, and both carry the reference.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use flitch_dist::Payload;
use flitch_etf::{Limits, Pid, Reference, Term};
use tokio::sync::oneshot;

use crate::mailbox::{Incoming, Sender};

/// What came of a call.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// An answer: the whole message, `{Tag, Reply}`.
    Reply(Payload),
    /// The callee is gone, or was never there.
    Down(Term),
    /// The node is gone.
    NoConnection,
    /// A spawn was refused.
    NotSpawned(Term),
}

/// The calls that wait.
pub(crate) struct Calls {
    caller: Pid,
    waiting: Mutex<HashMap<Reference, Waiter>>,
    /// Messages to the caller that are no answers: requests to it as a group leader.
    others: Sender,
}

/// Who waits for what comes of a call.
struct Waiter {
    outcome: oneshot::Sender<Outcome>,
    /// For a spawn whose pid is wanted before its end.
    wanted: Option<oneshot::Sender<Pid>>,
    /// What was spawned, once that is known.
    spawned: Option<Pid>,
}

/// A call's place among those that wait, given up when it is dropped.
pub(crate) struct Waiting<'a> {
    calls: &'a Calls,
    reference: Reference,
    outcome: oneshot::Receiver<Outcome>,
}

impl Calls {
    pub(crate) fn new(caller: Pid, others: Sender) -> Self {
        Self { caller, waiting: Mutex::default(), others }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Reference, Waiter>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The pid that calls are made by.
    pub(crate) fn caller(&self) -> &Pid {
        &self.caller
    }

    /// How many wait.
    pub(crate) fn open(&self) -> usize {
        self.lock().len()
    }

    pub(crate) fn is_caller(&self, pid: &Pid) -> bool {
        *pid == self.caller
    }

    pub(crate) fn wait(&self, reference: Reference) -> Waiting<'_> {
        let (sender, outcome) = oneshot::channel();
        self.lock()
            .insert(reference.clone(), Waiter { outcome: sender, wanted: None, spawned: None });
        Waiting { calls: self, reference, outcome }
    }

    /// Waits for the pid of a process that is being spawned, and for its end. Whoever asks gives
    /// it up by [`Calls::forget`].
    pub(crate) fn wait_for_spawn(
        &self,
        reference: Reference,
    ) -> (oneshot::Receiver<Pid>, oneshot::Receiver<Outcome>) {
        let ((outcome, end), (pid, begun)) = (oneshot::channel(), oneshot::channel());
        self.lock().insert(reference, Waiter { outcome, wanted: Some(pid), spawned: None });
        (begun, end)
    }

    /// Gives up a call. What it has spawned, if it has, is to be watched no more.
    pub(crate) fn forget(&self, reference: &Reference) -> Option<Pid> {
        self.lock().remove(reference)?.spawned
    }

    /// Gives a call its outcome, or the outcome back, if the call is none of ours, or gave up:
    /// its late answer goes nowhere then.
    fn finish(&self, reference: &Reference, outcome: Outcome) -> Option<Outcome> {
        let waiting = self.lock().remove(reference);
        match waiting {
            Some(waiting) => {
                let _ = waiting.outcome.send(outcome);
                None
            }
            None => Some(outcome),
        }
    }

    /// An answer. Given back if no call waits for it.
    pub(crate) fn reply(&self, alias: &Reference, payload: Payload) -> Option<Payload> {
        match self.finish(alias, Outcome::Reply(payload)) {
            Some(Outcome::Reply(payload)) => Some(payload),
            _ => None,
        }
    }

    /// A message to the caller's pid: an answer from a node that knows no aliases, or a request.
    pub(crate) fn reply_to_pid(&self, payload: Payload) {
        match answered(&payload) {
            Some(reference) => {
                self.reply(&reference, payload);
            }
            None => {
                if self.others.push(Incoming::Message(payload)).is_err() {
                    tracing::warn!("a message to the caller was dropped: too many are waiting");
                }
            }
        }
    }

    /// The callee's end. The reason is given back if it is none of a call's.
    pub(crate) fn down(&self, reference: &Reference, reason: Term) -> Option<Term> {
        match self.finish(reference, Outcome::Down(reason)) {
            Some(Outcome::Down(reason)) => Some(reason),
            _ => None,
        }
    }

    /// The connection's end. Says whether a call hung on it.
    pub(crate) fn lost(&self, reference: &Reference) -> bool {
        self.finish(reference, Outcome::NoConnection).is_none()
    }

    /// An answer to a spawn request. A pid means that the end of that process is to come; it is
    /// given back if nobody waits for that any more.
    pub(crate) fn spawned(&self, reference: &Reference, result: &Term) -> Option<Pid> {
        let Some(pid) = result.as_pid() else {
            self.finish(reference, Outcome::NotSpawned(result.clone()));
            return None;
        };
        match self.lock().get_mut(reference) {
            Some(waiter) => {
                waiter.spawned = Some(pid.clone());
                if let Some(wanted) = waiter.wanted.take() {
                    let _ = wanted.send(pid.clone());
                }
                None
            }
            None => Some(pid.clone()),
        }
    }
}

/// The reference in `{Ref, Reply}` or `{[alias | Ref], Reply}`.
fn answered(payload: &Payload) -> Option<Reference> {
    let mut reader = payload.reader();
    if reader.tuple().ok()? != 2 {
        return None;
    }
    tag_reference(
        &reader.with_limits(Limits { depth: 2, terms: 8, ..Limits::DEFAULT }).term().ok()?,
    )
}

/// The reference in the tag of a call: alone, or as an alias.
pub(crate) fn tag_reference(tag: &Term) -> Option<Reference> {
    match tag {
        Term::Reference(reference) => Some(reference.as_ref().clone()),
        Term::ImproperList(list) if list.elements() == [Term::atom("alias")] => {
            list.tail().as_reference().cloned()
        }
        _ => None,
    }
}

impl Waiting<'_> {
    pub(crate) async fn outcome(&mut self) -> Outcome {
        (&mut self.outcome).await.unwrap_or(Outcome::NoConnection)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.calls.forget(&self.reference);
    }
}

#[cfg(test)]
mod tests {
    use flitch_etf::{Atom, ImproperList, write_term};

    use super::*;
    use crate::mailbox::{Receiver, mailbox};

    async fn is_empty(others: &mut Receiver) -> bool {
        futures_util::FutureExt::now_or_never(others.next()).is_none()
    }

    fn reference(number: u32) -> Reference {
        Reference::three(Atom::OK, 1, [number, 0, 0])
    }

    fn calls() -> (Calls, Receiver) {
        let (sender, receiver) = mailbox(1);
        let caller = Pid { node: Atom::OK, id: 1, serial: 0, creation: 1 };
        (Calls::new(caller, sender), receiver)
    }

    fn payload(term: &Term) -> Payload {
        Payload::encode(|out| write_term(out, term)).unwrap()
    }

    #[tokio::test]
    async fn an_answer_finds_its_call_with_and_without_an_alias() {
        let (calls, _others) = calls();
        let mut first = calls.wait(reference(1));
        let mut second = calls.wait(reference(2));
        let alias = ImproperList::term(vec![Term::atom("alias")], reference(2).into());
        calls.reply_to_pid(payload(&Term::from((alias, 7))));
        calls.reply_to_pid(payload(&Term::from((reference(1), 8))));
        assert!(matches!(first.outcome().await, Outcome::Reply(_)));
        assert!(matches!(second.outcome().await, Outcome::Reply(_)));
    }

    #[tokio::test]
    async fn a_call_that_gave_up_leaves_nothing_behind_and_its_answer_goes_nowhere() {
        let (calls, mut others) = calls();
        drop(calls.wait(reference(1)));
        assert!(calls.lock().is_empty());
        calls.reply_to_pid(payload(&Term::from((reference(1), 8))));
        assert!(is_empty(&mut others).await);
    }

    #[tokio::test]
    async fn what_is_no_answer_is_handed_on_and_never_piles_up() {
        let (calls, mut others) = calls();
        let request = payload(&Term::from((Term::atom("io_request"), 1)));
        calls.reply_to_pid(request.clone());
        calls.reply_to_pid(request.clone());
        let Some(Incoming::Message(first)) = others.next().await else { panic!("one fits") };
        assert_eq!(first, request);
        assert!(is_empty(&mut others).await);
    }
}
