//! How a process begins, runs and ends.

use std::any::{Any, type_name};
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{self as polling, Poll, ready};

use flitch_etf::{Pid, Term};

use super::{Context, Entry, ExitReason, Inbox, Process, ProcessHandle};
use crate::gen_server::{GenServer, Service, live, live_many};
use crate::mailbox;
use crate::node::{Node, panic_message};
use crate::task::{self, Name};

impl Node {
    /// Starts a server.
    pub fn spawn<S: GenServer>(&self, server: S) -> ProcessHandle {
        self.nascent(type_name::<S>()).run(|process| live(server, process))
    }

    /// Starts a server that handles many calls at once. See [`Service`].
    pub fn spawn_service<S: Service>(&self, service: S) -> ProcessHandle {
        self.nascent(type_name::<S>()).run(|process| live_many(service, process))
    }

    /// Starts a process. It ends when `body` does, with what that gives as its reason; a panic is
    /// the reason `{panic, Message}`, and an exit signal drops `body` where it stands.
    pub fn spawn_process<F, B>(&self, body: F) -> ProcessHandle
    where
        F: FnOnce(Process) -> B + Send + 'static,
        B: Future + Send + 'static,
        B::Output: Into<ExitReason>,
    {
        self.nascent(type_name::<F>()).run(body)
    }

    /// A process without code of its own: a pid, and what comes to it. See [`Inbox`].
    #[must_use]
    pub fn inbox(&self) -> Inbox {
        let Nascent { process } = self.nascent(type_name::<Inbox>());
        let context = process.context();
        let (alive, dropped) = tokio::sync::oneshot::channel();
        let name = Name::of(|| format!("process {} inbox", context.entry.pid));
        task::spawn(self.running(), name, async move {
            let entry = &context.entry;
            let mut dropped = pin!(dropped);
            let reason = poll_fn(|cx| match entry.poll_ended(cx) {
                Poll::Ready(reason) => Poll::Ready(reason),
                Poll::Pending => dropped.as_mut().poll(cx).map(|_| Term::atom("normal")),
            });
            let reason = reason.await;
            context.node.process_ended(entry, &reason);
        });
        Inbox { process, _alive: alive }
    }

    /// A process that is in the table already, and has not begun yet.
    pub(super) fn nascent(&self, label: &'static str) -> Nascent {
        let (sender, mailbox) = mailbox::mailbox(self.settings().mailbox_limit);
        let entry = Arc::new(Entry::new(self.identity().new_pid(), sender, label));
        self.processes().insert(&entry);
        Nascent { process: Process { context: Context { node: self.clone(), entry }, mailbox } }
    }
}

/// A process before it begins: the moment to bind it to others.
pub(super) struct Nascent {
    pub(super) process: Process,
}

impl Nascent {
    pub(super) fn run<F, B>(self, body: F) -> ProcessHandle
    where
        F: FnOnce(Process) -> B + Send + 'static,
        B: Future + Send + 'static,
        B::Output: Into<ExitReason>,
    {
        let Self { process } = self;
        let context = process.context();
        let handle = ProcessHandle { node: context.node.clone(), pid: context.entry.pid.clone() };
        let node = context.node.clone();
        let name = Name::of(|| format!("process {} {}", handle.pid, context.entry.label));
        task::spawn(
            node.running(),
            name,
            Run { context, nascent: Some((body, process)), running: None },
        );
        handle
    }
}

/// The task of a process. What it runs is made by its first poll, in a place of its own: a future
/// that held both the code and what comes of it would be twice as large.
struct Run<F, B> {
    context: Context,
    nascent: Option<(F, Process)>,
    running: Option<Pin<Box<B>>>,
}

/// Nothing in it is pinned but what is in the box.
impl<F, B> Unpin for Run<F, B> {}

impl<F, B> Run<F, B>
where
    F: FnOnce(Process) -> B,
    B: Future,
    B::Output: Into<ExitReason>,
{
    /// Runs the code. Its end, or its panic, is the exit reason.
    fn poll_code(&mut self, cx: &mut polling::Context<'_>) -> Poll<Term> {
        let Self { nascent, running, .. } = self;
        let polled = catch_unwind(AssertUnwindSafe(|| {
            if let Some((body, process)) = nascent.take() {
                *running = Some(Box::pin(body(process)));
            }
            match running {
                Some(running) => running.as_mut().poll(cx).map(Into::into),
                None => Poll::Ready(ExitReason::normal()),
            }
        }));
        match polled {
            Ok(polled) => polled.map(|ExitReason(reason)| reason),
            Err(panic) => Poll::Ready(panic_reason(self.context.pid(), panic.as_ref())),
        }
    }
}

impl<F, B> Future for Run<F, B>
where
    F: FnOnce(Process) -> B,
    B: Future,
    B::Output: Into<ExitReason>,
{
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut polling::Context<'_>) -> Poll<()> {
        let reason = match self.context.entry.poll_ended(cx) {
            Poll::Ready(reason) => reason,
            Poll::Pending => ready!(self.poll_code(cx)),
        };
        // Before the code is dropped: what it holds finds the process gone.
        self.context.node.process_ended(&self.context.entry, &reason);
        Poll::Ready(())
    }
}

/// The exit reason of a panic.
pub(crate) fn panic_reason(pid: &Pid, panic: &(dyn Any + Send)) -> Term {
    let message = panic_message(panic);
    tracing::error!(process = %pid, message, "a process panicked");
    Term::from((Term::atom("panic"), message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller::Caller;

    struct Counter(u64);

    impl GenServer for Counter {
        type Call = Term;
        type Cast = Term;
        type Reply = u64;

        async fn handle_call(&mut self, _: Term, caller: Caller<u64>) {
            self.0 += 1;
            caller.reply(self.0);
        }
        async fn handle_cast(&mut self, _: Term) {}
    }

    fn size<B>(_: impl FnOnce(Process) -> B) -> usize {
        size_of::<B>()
    }

    #[test]
    fn a_million_idle_servers_take_no_more_than_their_state_and_a_mailbox() {
        let idle = size(|process| live(Counter(1), process));
        assert!(idle <= 192, "{idle} bytes");
        assert!(size_of::<Entry>() <= 160, "{} bytes", size_of::<Entry>());
    }
}
