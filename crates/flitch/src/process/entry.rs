//! A process as the node sees it: its place in the table.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use flitch_etf::{Pid, Reference, Term};
use futures_util::task::AtomicWaker;

use super::bonds::Bonds;
use crate::gen_server::reaches_suspended;
use crate::mailbox::{self, Incoming, Refused};

/// A process in the table.
pub(crate) struct Entry {
    pub(crate) pid: Pid,
    pub(crate) mailbox: mailbox::Sender,
    /// The type of what it runs.
    pub(crate) label: &'static str,
    flags: AtomicU8,
    /// None while nothing is bound to it: most of a million processes are like that.
    bonds: Mutex<Option<Box<Bonds>>>,
    /// Why the process has to end, once it has to.
    verdict: Mutex<Option<Verdict>>,
    judged: AtomicWaker,
}

/// How a process has to end, and why.
enum Verdict {
    /// In order, as soon as it has handled what it is at.
    Stop(Term),
    /// At once.
    End(Term),
}

static UNBOUND: LazyLock<Bonds> = LazyLock::new(Bonds::default);

/// The bonds of a process, locked. They take memory when something is changed in them, and give it
/// back when nothing is left.
pub(crate) struct Bound<'a>(MutexGuard<'a, Option<Box<Bonds>>>);

thread_local! {
    /// Bonds of nobody, for the next who needs some: each call binds its callee, and undoes that.
    static SPARE: Cell<Option<Box<Bonds>>> = const { Cell::new(None) };
}

impl Entry {
    pub(crate) fn new(pid: Pid, mailbox: mailbox::Sender, label: &'static str) -> Self {
        Self {
            pid,
            mailbox,
            label,
            flags: AtomicU8::new(0),
            bonds: Mutex::default(),
            verdict: Mutex::default(),
            judged: AtomicWaker::new(),
        }
    }

    const TRAPS_EXITS: u8 = 1;
    const JUDGED: u8 = 2;
    /// It takes no more work for now: what does not wait for that presses.
    const CROWDED: u8 = 4;
    const PRESSED: u8 = 8;

    fn is(&self, flag: u8) -> bool {
        self.flags.load(Ordering::Acquire) & flag != 0
    }

    pub(crate) fn trap_exit(&self, trap: bool) {
        if trap {
            self.flags.fetch_or(Self::TRAPS_EXITS, Ordering::AcqRel);
        } else {
            self.flags.fetch_and(!Self::TRAPS_EXITS, Ordering::AcqRel);
        }
    }

    pub(crate) fn traps_exits(&self) -> bool {
        self.is(Self::TRAPS_EXITS)
    }

    pub(crate) fn bonds(&self) -> Bound<'_> {
        Bound(self.bonds.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts something into the mailbox. A process whose mailbox overflows ends with the reason
    /// `mailbox_full`: whoever watches it learns that, and no link stalls for it.
    pub(crate) fn push(&self, incoming: Incoming) {
        self.push_with(incoming, 0);
    }

    /// Likewise, for what has a reason in it that was so many bytes long.
    pub(crate) fn push_with(&self, incoming: Incoming, reason: usize) {
        let crowded = self.is(Self::CROWDED);
        let presses = crowded && reaches_suspended(&incoming);
        if self.mailbox.push_with(incoming, reason) == Err(Refused::Full) {
            tracing::error!(process = %self.pid, "the mailbox is full: the process ends");
            self.end(Term::atom("mailbox_full"));
        }
        // It may have become crowded meanwhile, and have looked before this was there.
        if presses || (!crowded && self.is(Self::CROWDED)) {
            self.flags.fetch_or(Self::PRESSED, Ordering::AcqRel);
            self.judged.wake();
        }
    }

    /// From now on [`Entry::poll_pressed`] tells of what must not wait. What is in the mailbox
    /// already may be such. Says whether it was not so before.
    pub(crate) fn set_crowded(&self) -> bool {
        self.flags.fetch_or(Self::CROWDED, Ordering::AcqRel) & Self::CROWDED == 0
    }

    pub(crate) fn clear_crowded(&self) {
        self.flags.fetch_and(!(Self::CROWDED | Self::PRESSED), Ordering::AcqRel);
    }

    /// Whether something has come since that must not wait. Only its own task asks, which
    /// [`Entry::poll_ended`] wakes.
    pub(crate) fn poll_pressed(&self) -> Poll<()> {
        let pressed = self.is(Self::PRESSED);
        if !pressed {
            return Poll::Pending;
        }
        self.flags.fetch_and(!Self::PRESSED, Ordering::AcqRel);
        Poll::Ready(())
    }

    /// Who monitored it does so no more, or is gone. What runs for that one's sake alone ends.
    pub(crate) fn unwatched(&self, reference: &Reference) {
        let watcher = self.bonds().watchers.remove(reference);
        if watcher.is_some_and(|watcher| watcher.is_caller) {
            self.end(Term::atom("killed"));
        }
    }

    /// Ends the process at once. The first reason stays.
    pub(crate) fn end(&self, reason: Term) {
        self.judge(|verdict| match verdict {
            Some(Verdict::End(_)) => {}
            other => *other = Some(Verdict::End(reason)),
        });
        self.judged.wake();
    }

    /// Ends the process in order. The first reason stays.
    pub(crate) fn stop(&self, reason: Term) {
        self.judge(|verdict| {
            verdict.get_or_insert(Verdict::Stop(reason));
        });
        // It may be waiting for a message.
        self.push(Incoming::Shutdown);
    }

    fn judge(&self, judge: impl FnOnce(&mut Option<Verdict>)) {
        judge(&mut self.verdict.lock().unwrap_or_else(PoisonError::into_inner));
        self.flags.fetch_or(Self::JUDGED, Ordering::AcqRel);
    }

    /// Why it has to end in order, if it has to.
    pub(crate) fn stopped(&self) -> Option<Term> {
        match &*self.verdict()? {
            Some(Verdict::Stop(reason)) => Some(reason.clone()),
            _ => None,
        }
    }

    fn verdict(&self) -> Option<MutexGuard<'_, Option<Verdict>>> {
        let judged = self.is(Self::JUDGED);
        judged.then(|| self.verdict.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether the process has to end at once, and why. Only its own task asks.
    pub(crate) fn poll_ended(&self, cx: &Context<'_>) -> Poll<Term> {
        self.judged.register(cx.waker());
        match self.verdict().as_deref() {
            Some(Some(Verdict::End(reason))) => Poll::Ready(reason.clone()),
            _ => Poll::Pending,
        }
    }

    /// An exit signal, as `erlang:exit/2` and links send it (reference manual, "Processes",
    /// section "Receiving Exit Signals").
    pub(crate) fn exit_signal(&self, from: Pid, reason: Reason, along_link: bool) {
        let Reason { term: reason, len } = reason;
        if !along_link && reason.is_atom("kill") {
            self.end(Term::atom("killed"));
        } else if self.traps_exits() {
            self.push_with(Incoming::Exit { from, reason }, len);
        } else if !reason.is_atom("normal") {
            self.end(reason);
        }
    }
}

impl Deref for Bound<'_> {
    type Target = Bonds;

    fn deref(&self) -> &Bonds {
        self.0.as_deref().unwrap_or(&UNBOUND)
    }
}

impl DerefMut for Bound<'_> {
    fn deref_mut(&mut self) -> &mut Bonds {
        self.0.get_or_insert_with(|| SPARE.take().unwrap_or_default())
    }
}

impl Drop for Bound<'_> {
    fn drop(&mut self) {
        if let Some(bonds) = self.0.take_if(|bonds| bonds.are_none())
            && bonds.are_small()
        {
            SPARE.set(Some(bonds));
        }
    }
}

/// A reason that came with a signal, and how many bytes it took there.
pub(crate) struct Reason {
    pub(crate) term: Term,
    pub(crate) len: usize,
}

impl Reason {
    pub(crate) fn atom(name: &'static str) -> Self {
        Self { term: Term::atom(name), len: 0 }
    }
}

#[cfg(test)]
mod tests {
    use flitch_etf::Atom;

    use super::*;

    fn entry() -> (Entry, mailbox::Receiver) {
        let (sender, receiver) = mailbox::mailbox(10_000);
        (Entry::new(Pid { node: Atom::OK, id: 1, serial: 0, creation: 1 }, sender, "it"), receiver)
    }

    fn is_unbound(entry: &Entry) -> bool {
        entry.bonds.lock().unwrap().is_none()
    }

    #[test]
    fn a_process_that_nothing_is_bound_to_holds_no_memory_for_that() {
        let (entry, _receiver) = entry();
        let alias = Reference::three(Atom::OK, 1, [1, 0, 0]);
        assert!(!entry.bonds().aliases.remove(&alias));
        assert!(is_unbound(&entry), "what takes nothing away gives nothing either");
        let other = Pid { node: Atom::OK, id: 2, serial: 0, creation: 1 };
        assert!(entry.bonds().link(&other));
        assert!(!is_unbound(&entry));
        assert!(entry.bonds().unlinked_by(&other));
        assert!(is_unbound(&entry));
        entry.bonds().over = true;
        assert!(!is_unbound(&entry), "the end is to be remembered");
    }

    #[test]
    fn a_crowded_process_is_told_of_what_must_not_wait() {
        let (entry, _receiver) = entry();
        entry.push(Incoming::Shutdown);
        assert!(entry.poll_pressed().is_pending(), "nobody is crowded");
        assert!(entry.set_crowded());
        assert!(!entry.set_crowded());
        assert!(entry.poll_pressed().is_pending());
        entry.push(Incoming::Exit { from: entry.pid.clone(), reason: Term::atom("boom") });
        assert!(entry.poll_pressed().is_pending());
        entry.push(Incoming::Shutdown);
        assert!(entry.poll_pressed().is_ready());
        assert!(entry.poll_pressed().is_pending(), "once is enough");
    }
}
